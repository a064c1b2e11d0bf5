// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"

/* A virtual machine whose memory is the mapping: a processor in real mode reads and writes it. */

#define GUEST_CODE 0x1000
#define GUEST_DATA 0x10000ul
#define SEEN 0x77

const char *kvm_missing(void)
{
	return access("/dev/kvm", R_OK | W_OK) ? "there is no /dev/kvm" : NULL;
}

/*
 * What the guest does with ds:WORD, which is in the mapping: read a byte, put it where the
 * host finds it, write another, stop.
 */
static const unsigned char code[] = {
	0xa0, WORD & 0xff, WORD >> 8,		/* mov al, [WORD] */
	0x2e, 0xa2, 0x00, 0x11,			/* mov cs:[0x1100], al */
	0xc6, 0x06, (WORD + 1) & 0xff, WORD >> 8, 0x5a,	/* mov byte [WORD + 1], 0x5a */
	0xf4,					/* hlt */
};

static int add_memory(int vm, unsigned int slot, uint64_t at, char *p, size_t size)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .guest_phys_addr = at, .memory_size = size,
		.userspace_addr = (uintptr_t)p,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static bool set_registers(int vcpu)
{
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return false;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = GUEST_DATA;
	sregs.ds.selector = GUEST_DATA >> 4;
	return !ioctl(vcpu, KVM_SET_SREGS, &sregs) && !ioctl(vcpu, KVM_SET_REGS, &regs);
}

static void say_exit(const struct kvm_run *run)
{
	static const struct {
		unsigned int reason;
		const char *name;
	} exits[] = {
		{ KVM_EXIT_HLT, "halted" }, { KVM_EXIT_MMIO, "mmio" },
		{ KVM_EXIT_SHUTDOWN, "shutdown" }, { KVM_EXIT_FAIL_ENTRY, "no-entry" },
		{ KVM_EXIT_INTERNAL_ERROR, "internal-error" }, { KVM_EXIT_INTR, "interrupted" },
		{ KVM_EXIT_MEMORY_FAULT, "memory-fault" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		if (run->exit_reason == exits[i].reason) {
			say("exit=%s", exits[i].name);
			return;
		}
	say("exit=%u", run->exit_reason);
}

void op_kvm(struct target *t, int arg)
{
	char *p = target_map(t), *memory = anonymous(SZ_4K);
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint64_t value = 0;

	if (!p || !memory)
		return;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), RW, MAP_SHARED, vcpu, 0);
	memcpy(memory, code, sizeof(code));
	if (run == MAP_FAILED || add_memory(vm, 0, GUEST_CODE, memory, SZ_4K) ||
	    !set_registers(vcpu)) {
		say_error("machine", errno);
		return;
	}
	if (!say_result("slot", add_memory(vm, 1, GUEST_DATA, p, t->size)))
		return;
	if (arg)
		say_touches(p, t->size, t->writable);
	if (t->writable)
		__dbm_write(p + WORD, SEEN);
	if (!say_result("run", ioctl(vcpu, KVM_RUN, 0)))
		return;
	say_exit(run);
	if (t->writable && !__dbm_read(p + WORD, &value))
		say("read=%s write=%s", memory[0x100] == SEEN ? "ok" : "wrong",
		    (value >> 8 & 0xff) == 0x5a ? "ok" : "wrong");
}
