// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts the instructions of each translation block, for
 * scripts/bench-profile. Debian ships QEMU without qemu-plugin.h, so what it takes
 * of version 1 of that interface (docs/devel/tcg-plugins.rst) is declared here.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct qemu_plugin_tb;

typedef void (*translated_fn)(uint64_t id, struct qemu_plugin_tb *tb);

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated_fn cb);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *ptr,
						     uint64_t value);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t id, void *data),
					   void *data);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);

#define ADD_U64	0
#define SLOTS	0x100000u

int qemu_plugin_version = 1;

/* By the address of the block; QEMU translates one block at a time. */
static struct slot {
	uint64_t address, count;
} *slots;

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	const uint64_t address = qemu_plugin_tb_vaddr(tb);
	unsigned int i = (address * 0x9e3779b97f4a7c15ull) >> 44;

	(void)id;
	while (slots[i].address && slots[i].address != address)
		i = (i + 1) % SLOTS;
	slots[i].address = address;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &slots[i].count,
						 qemu_plugin_tb_n_insns(tb));
}

static void finished(uint64_t id, void *data)
{
	FILE *f = fopen(getenv("PROFILE_OUT"), "w");

	(void)id;
	(void)data;
	if (!f)
		return;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slots[i].count)
			fprintf(f, "%" PRIx64 " %" PRIu64 "\n", slots[i].address, slots[i].count);
	fclose(f);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	slots = calloc(SLOTS, sizeof(*slots));
	if (!slots || !getenv("PROFILE_OUT"))
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
