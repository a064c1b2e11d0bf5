// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

/* madvise(), all values of it */

/* Asked for after the memory was touched; does it matter to a touch, are the data there? */
static void op_advice(struct target *t, int arg)
{
	char *p = target_map(t);

	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	if (t->writable)
		fill(p, t->size, 6);
	say_result("madvise", madvise(p, t->size, arg));
	if (t->writable)
		say("data=%s", filled(p, t->size, 6) ? "kept" : "lost");
	say_touches(p, t->size, t->writable);
}

/* Asked for at once: does it take faults off the first touch? */
static void op_advice_first(struct target *t, int arg)
{
	char *p = target_map(t);

	if (!p)
		return;
	say_result("madvise", madvise(p, t->size, arg));
	say_touches(p, t->size, t->writable);
}

/* What a child has of it then */
static void op_advice_fork(struct target *t, int arg)
{
	char *p = target_map(t);
	pid_t pid;

	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	if (t->writable)
		fill(p, t->size, 7);
	say_result("madvise", madvise(p, t->size, arg));
	pid = fork();
	if (!pid) {
		uint64_t value = 0;
		int sig = __dbm_read(p + WORD, &value);

		if (sig)
			say("child=%s", sigabbrev_np(sig));
		else
			say("child=%s", !t->writable ? "sees" : filled(p, t->size, 7) ? "same" :
			    value ? "other" : "zero");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* A guard, and gone again */
static void op_guard(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	say_result("install", madvise(p + SZ_4K, SZ_4K, MADV_GUARD_INSTALL));
	say_touches(p, t->size, t->writable);
	say_result("remove", madvise(p + SZ_4K, SZ_4K, MADV_GUARD_REMOVE));
	say_touches(p, t->size, t->writable);
}

static const char *poison_missing(void)
{
	return "poisons memory that is used later (and needs CONFIG_MEMORY_FAILURE)";
}

#define ADVICE(n, value) { "madvise-" n, 0, op_advice, value, NULL }
#define FIRST(n, value) { "madvise-" n, OP_BRIEF, op_advice_first, value, NULL }
#define FORK(n, value) { "madvise-" n, 0, op_advice_fork, value, NULL }

const struct op advice_ops[] = {
	ADVICE("normal", MADV_NORMAL),
	ADVICE("random", MADV_RANDOM),
	ADVICE("sequential", MADV_SEQUENTIAL),
	ADVICE("willneed", MADV_WILLNEED),
	FIRST("willneed-first", MADV_WILLNEED),
	{ "madvise-dontneed", OP_BRIEF, op_advice, MADV_DONTNEED, NULL },
	ADVICE("free", MADV_FREE),
	ADVICE("remove", MADV_REMOVE),
	FORK("dontfork", MADV_DONTFORK),
	FORK("dofork", MADV_DOFORK),
	FORK("wipeonfork", MADV_WIPEONFORK),
	FORK("keeponfork", MADV_KEEPONFORK),
	ADVICE("mergeable", MADV_MERGEABLE),
	ADVICE("unmergeable", MADV_UNMERGEABLE),
	ADVICE("hugepage", MADV_HUGEPAGE),
	ADVICE("nohugepage", MADV_NOHUGEPAGE),
	ADVICE("dontdump", MADV_DONTDUMP),
	ADVICE("dodump", MADV_DODUMP),
	ADVICE("cold", MADV_COLD),
	ADVICE("pageout", MADV_PAGEOUT),
	FIRST("populate-read", MADV_POPULATE_READ),
	FIRST("populate-write", MADV_POPULATE_WRITE),
	ADVICE("dontneed-locked", MADV_DONTNEED_LOCKED),
	ADVICE("collapse", MADV_COLLAPSE),
	{ "madvise-hwpoison", 0, op_advice, MADV_HWPOISON, poison_missing },
	{ "madvise-soft-offline", 0, op_advice, 101, poison_missing },
	{ "madvise-guard", 0, op_guard, 0, NULL },
	ADVICE("unknown", 999),
	{ }
};
