// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <sys/wait.h>

#include "bench.h"

/* What a mapping costs besides faults: a fork, mprotect(), memory; and a dma-buf itself */

#define PAGES (SMALL_LENGTH / SZ_4K)

static uint64_t fork_exit(void)
{
	uint64_t start = ticks();
	pid_t child = fork();
	int status = -1;

	if (!child)
		_exit(0);
	igt_assert(child > 0);
	igt_assert_eq(waitpid(child, &status, 0), child);
	igt_assert_eq(status, 0);
	return ticks() - start;
}

/* What 4 MiB that were touched add to a fork, the child's end and waiting for it */
static void forked(const struct kind *k, size_t shift, const char *name)
{
	struct rounds with = ROUNDS, without = ROUNDS;
	struct buffer b;
	void *odd;
	char *p;

	k->create(k, &b, SMALL_LENGTH);
	odd = map_odd();
	with.weight = 5;
	while (more(&with)) {
		took_ticks(&without, fork_exit());
		p = buffer_map(&b, shift ? space(SMALL_LENGTH, shift) : NULL);
		walk(p, SMALL_LENGTH, SZ_4K);
		took_ticks(&with, fork_exit());
		munmap(p, SMALL_LENGTH);
	}
	figure_about(name, ((double)with.least - without.least) / PAGES);
	unmap_odd(odd);
	buffer_destroy(&b);
}

/* Read-only and back, then each page is written; not the word that is the host's */
static void protected(const struct kind *k, size_t shift, const char *name)
{
	struct rounds r = ROUNDS;
	volatile char *word;
	struct buffer b;
	uint64_t start;
	void *odd;
	char *p;

	k->create(k, &b, SMALL_LENGTH);
	odd = map_odd();
	p = buffer_map(&b, shift ? space(SMALL_LENGTH, shift) : NULL);
	walk(p, SMALL_LENGTH, SZ_4K);
	while (more(&r)) {
		start = ticks();
		mprotect(p, SMALL_LENGTH, PROT_READ);
		mprotect(p, SMALL_LENGTH, RW);
		for (word = p + 64; word < p + SMALL_LENGTH; word += SZ_4K)
			*word = 0;
		took(&r, start);
	}
	kind_figure(k, name, (double)r.least / PAGES);
	dbm_munmap(p, SMALL_LENGTH);
	unmap_odd(odd);
	buffer_destroy(&b);
}

static void export_close(const struct kind *k, size_t shift, const char *name)
{
	struct rounds r = ROUNDS;

	(void)shift;
	while (more(&r))
		took_ticks(&r, k->export_close(k));
	kind_figure(k, name, r.least);
}

static bool can_export(const struct kind *k)
{
	return k->export_close;
}

/* What slabs take of memory, once all that was freed is back and each CPU has told */
static double slab_bytes(void)
{
	long kib = -1;
	char line[128];
	FILE *f;

	usleep(500000);
	write_number("/proc/sys/vm/stat_refresh", 1);
	f = fopen("/proc/meminfo", "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld kB", &kib) == 1)
			break;
	fclose(f);
	igt_assert(kib >= 0);
	return kib * 1024.0;
}

#define SLAB_FIRST 6000
#define SLAB_MAPPINGS 4000

/* For each of many mappings of a page; ones before them take what is left free in slabs */
static void slab(const struct kind *k, size_t shift, const char *name)
{
	static char *p[SLAB_FIRST + SLAB_MAPPINGS];
	struct buffer b, first;
	double before;

	(void)shift;
	k->create(k, &b, SMALL_LENGTH);
	first = (struct buffer) { .fd = make_memfd(SZ_4K), .drm = -1 };
	slab_bytes();
	for (unsigned int i = 0; i < SLAB_FIRST; i++)
		p[i] = i % 6 ? dbm_mmap(first.fd, SZ_4K, RW, 0) :
			       dbm_mmap(b.fd, SZ_4K, RW, b.offset);
	before = slab_bytes();
	for (unsigned int i = SLAB_FIRST; i < ARRAY_SIZE(p); i++)
		p[i] = dbm_mmap(b.fd, SZ_4K, RW, b.offset);
	figure_about(name, (slab_bytes() - before) / SLAB_MAPPINGS);
	for (unsigned int i = 0; i < ARRAY_SIZE(p); i++)
		munmap(p[i], SZ_4K);
	buffer_destroy(&first);
	buffer_destroy(&b);
}

const struct measure life_measures[] = {
	{ "slab-bytes", slab, NULL, false },
	{ "fork", forked, NULL, true },
	{ "mprotect", protected, NULL, true },
	{ "export-close", export_close, can_export, false },
	{ NULL, NULL, NULL, false }
};
