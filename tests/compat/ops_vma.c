// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"

/* What can be done to a mapping */

static void op_touch(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, true);
	say_touches(p, t->size, true);
}

/* Write without reading before, backward, and every other page */
static void op_touch_write(struct target *t, int arg)
{
	char *p = target_map(t);
	long before = faults();
	int sig = 0;

	if (!p)
		return;
	for (size_t o = t->size; o && !sig; o -= arg * SZ_4K) {
		sig = __dbm_write(p + o - SZ_4K + WORD, o);
		if (o < arg * SZ_4K)
			break;
	}
	if (sig)
		say("write=%s", sigabbrev_np(sig));
	else
		say("write=%ld", faults() - before);
}

static void op_mprotect(struct target *t, int arg)
{
	char *p = target_map(t);

	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	if (!say_result("mprotect", mprotect(p, t->size, arg)))
		return;
	say_touches(p, t->size, true);
	if (say_result("back", mprotect(p, t->size, RW)))
		say_touches(p, t->size, true);
}

/* From a read-only mapping to a writable one */
static void op_mprotect_up(struct target *t, int arg)
{
	char *p = map_at(t, BASE, PROT_READ, MAP_SHARED);

	if (!say_result("mmap", (long)p))
		return;
	if (arg)
		say_touches(p, t->size, false);
	if (say_result("mprotect", mprotect(p, t->size, RW)))
		say_touches(p, t->size, true);
}

/* A page in the middle, so that there are three VMAs and then one again */
static void op_mprotect_page(struct target *t, int arg)
{
	char *p = target_map(t);
	size_t middle = t->size / 2 & ~(SZ_4K - 1);

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	if (!say_result("mprotect", mprotect(p + middle, SZ_4K, PROT_READ)))
		return;
	say_touches(p, t->size, true);
	if (t->writable)
		say_result("back", mprotect(p + middle, SZ_4K, RW));
	say_touches(p, t->size, t->writable);
}

static void op_munmap_page(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	say_result("munmap", munmap(p + SZ_4K, SZ_4K));
	say_touches(p, t->size, t->writable);
}

/* The mapping is made, the memory is locked and only then touched. */
static void op_mlock(struct target *t, int arg)
{
	char *p = target_map(t);

	if (!p)
		return;
	if (!say_result("mlock", syscall(SYS_mlock2, p, t->size, arg)))
		return;
	say_touches(p, t->size, t->writable);
	say_result("munlock", munlock(p, t->size));
	say_touches(p, t->size, t->writable);
}

static void op_mlockall(struct target *t, int arg)
{
	char *p;

	if (arg & MCL_FUTURE && !say_result("mlockall", mlockall(arg)))
		return;
	p = target_map(t);
	if (!p)
		return;
	if (!(arg & MCL_FUTURE) && !say_result("mlockall", mlockall(arg)))
		return;
	say_touches(p, t->size, t->writable);
	say_result("munlockall", munlockall());
}

enum { GROW, GROW_IN_PLACE, SHRINK, MOVE, MOVE_UNTOUCHED, DONTUNMAP, COPY, MOVE_PART };

static void op_mremap(struct target *t, int arg)
{
	char *p = target_map(t), *q = MAP_FAILED;
	size_t size = t->size;

	if (!p)
		return;
	if (arg != MOVE_UNTOUCHED)
		say_touches(p, size, t->writable);
	switch (arg) {
	case GROW:
	case GROW_IN_PLACE:
		size += SZ_4K;
		q = mremap(p, t->size, size, arg == GROW ? MREMAP_MAYMOVE : 0);
		break;
	case SHRINK:
		size = SZ_4K;
		q = mremap(p, t->size, size, 0);
		break;
	case MOVE:
	case MOVE_UNTOUCHED:
		q = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, OTHER);
		break;
	case DONTUNMAP:
		q = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, OTHER);
		break;
	case COPY:
		q = mremap(p, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, OTHER);
		break;
	case MOVE_PART:
		p += SZ_4K;
		size -= SZ_4K;
		q = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, OTHER);
		break;
	}
	if (!say_result("mremap", (long)q))
		return;
	say_touches(q, size, t->writable);
	if (arg == DONTUNMAP || arg == COPY)
		say_touch("old", p, t->size, false);
}

/* How many pages are there, as mincore() sees it, before and after they are touched */
static void op_mincore(struct target *t, int arg)
{
	unsigned char *vec = calloc(1, t->size / SZ_4K);
	char *p = target_map(t);
	static const char * const when[] = { "untouched", "touched" };

	(void)arg;
	for (int i = 0; p && vec && i < 2; i++) {
		size_t n = 0;

		if (i)
			say_touches(p, t->size, t->writable);
		if (!say_result(when[i], mincore(p, t->size, vec)))
			continue;
		for (size_t page = 0; page < t->size / SZ_4K; page++)
			n += vec[page] & 1;
		say("pages=%zu", n);
	}
	free(vec);
}

static void op_msync(struct target *t, int arg)
{
	char *p = target_map(t);

	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	say_result("msync", msync(p, t->size, arg));
	say_touches(p, t->size, t->writable);
}

static void op_remap_file_pages(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (!p)
		return;
	say_result("remap_file_pages",
		   remap_file_pages(p, SZ_4K, 0, (t->offset + SZ_4K) / SZ_4K, 0));
	say_touches(p, t->size, t->writable);
}

static void op_remove_page(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	say_result("madvise", madvise(p, SZ_4K, MADV_REMOVE));
	say_touches(p, t->size, t->writable);
}

const struct op vma_ops[] = {
	{ "touch", OP_TOUCH, op_touch, 0, NULL },
	{ "touch-write-backward", OP_BRIEF, op_touch_write, 1, NULL },
	{ "touch-write-sparse", 0, op_touch_write, 4, NULL },
	{ "mprotect-none", 0, op_mprotect, PROT_NONE, NULL },
	{ "mprotect-read", OP_BRIEF, op_mprotect, PROT_READ, NULL },
	{ "mprotect-write", 0, op_mprotect, PROT_WRITE, NULL },
	{ "mprotect-exec", 0, op_mprotect, PROT_READ | PROT_EXEC, NULL },
	{ "mprotect-page", 0, op_mprotect_page, 0, NULL },
	{ "mprotect-up", OP_MAPS | OP_IMPORT, op_mprotect_up, 0, NULL },
	{ "mprotect-up-touched", OP_MAPS, op_mprotect_up, 1, NULL },
	{ "munmap-page", 0, op_munmap_page, 0, NULL },
	{ "mlock", OP_IMPORT, op_mlock, 0, NULL },
	{ "mlock-onfault", 0, op_mlock, MLOCK_ONFAULT, NULL },
	{ "mlockall-current", OP_BRIEF, op_mlockall, MCL_CURRENT, NULL },
	{ "mlockall-future", OP_BRIEF | OP_MAPS, op_mlockall, MCL_FUTURE, NULL },
	{ "mlockall-onfault", OP_MAPS, op_mlockall, MCL_FUTURE | MCL_ONFAULT, NULL },
	{ "mremap-grow", 0, op_mremap, GROW, NULL },
	{ "mremap-grow-in-place", 0, op_mremap, GROW_IN_PLACE, NULL },
	{ "mremap-shrink", 0, op_mremap, SHRINK, NULL },
	{ "mremap-move", OP_BRIEF, op_mremap, MOVE, NULL },
	{ "mremap-move-untouched", 0, op_mremap, MOVE_UNTOUCHED, NULL },
	{ "mremap-dontunmap", 0, op_mremap, DONTUNMAP, NULL },
	{ "mremap-copy", 0, op_mremap, COPY, NULL },
	{ "mremap-part", 0, op_mremap, MOVE_PART, NULL },
	{ "mincore", OP_BRIEF, op_mincore, 0, NULL },
	{ "msync-async", 0, op_msync, MS_ASYNC, NULL },
	{ "msync-sync", OP_BRIEF, op_msync, MS_SYNC, NULL },
	{ "msync-invalidate", 0, op_msync, MS_SYNC | MS_INVALIDATE, NULL },
	{ "remap_file_pages", 0, op_remap_file_pages, 0, NULL },
	{ "madvise-remove-page", 0, op_remove_page, 0, NULL },
	{ }
};
