// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compat.h"

/* Ways of calling mmap() */

/* What an op_mmap() does: protection, flags and what is wrong with its arguments */
static const struct variant {
	int prot, flags;
	int page;		/* offset, in pages */
	int more;		/* pages more than there are */
	int bytes;		/* offset, in bytes */
} variants[] = {
	{ RW, MAP_SHARED },
	{ PROT_READ, MAP_SHARED },
	{ PROT_WRITE, MAP_SHARED },
	{ PROT_NONE, MAP_SHARED },
	{ PROT_READ | PROT_EXEC, MAP_SHARED },
	{ RW, MAP_SHARED_VALIDATE },
	{ RW, MAP_SHARED_VALIDATE | MAP_SYNC },
	{ RW, MAP_SHARED | MAP_POPULATE },
	{ PROT_READ, MAP_SHARED | MAP_POPULATE },
	{ RW, MAP_SHARED | MAP_LOCKED },
	{ RW, MAP_SHARED | MAP_POPULATE | MAP_NONBLOCK },
	{ RW, MAP_SHARED | MAP_NORESERVE },
	{ RW, MAP_SHARED | MAP_HUGETLB },
	{ PROT_READ, MAP_PRIVATE | MAP_POPULATE },
	{ RW, MAP_PRIVATE | MAP_POPULATE },
	{ RW, MAP_SHARED, .page = 1 },
	{ RW, MAP_SHARED, .more = 1 },
	{ RW, MAP_SHARED, .page = 1, .more = 1 },
	{ RW, MAP_SHARED, .bytes = 512 },
};

static void op_mmap(struct target *t, int arg)
{
	const struct variant *v = &variants[arg];
	size_t size = t->size + v->more * SZ_4K;
	char *p;

	/* a buffer of one page has no second one: then this is past its end */
	if (v->page && !v->more && size > SZ_4K)
		size -= v->page * SZ_4K;
	p = mmap(BASE, size, v->prot, v->flags | MAP_FIXED_NOREPLACE, t->fd,
		 t->offset + v->page * SZ_4K + v->bytes);
	if (!say_result("mmap", (long)p))
		return;
	say_touch("read", p, size, false);
	say_touch("write", p, size, true);
	if (!v->page && !v->more && v->prot == RW && (v->flags & MAP_TYPE) != MAP_PRIVATE)
		say_seen(t, p);
}

static void op_private_read(struct target *t, int arg)
{
	char *p = map_at(t, BASE, PROT_READ, MAP_PRIVATE);

	(void)arg;
	if (!say_result("mmap", (long)p))
		return;
	say_touches(p, t->size, true);
	if (say_result("mprotect", mprotect(p, t->size, RW)))
		say_touches(p, t->size, true);
}

static void op_private_write(struct target *t, int arg)
{
	char *p = map_at(t, BASE, RW, MAP_PRIVATE), *q;

	(void)arg;
	if (!say_result("mmap", (long)p))
		return;
	q = map_at(t, SECOND, RW, MAP_SHARED);
	if (q != MAP_FAILED)
		fill(q, t->size, 1);
	say_touch("read", p, t->size, false);
	say_touch("write", p, t->size, true);
	if (fill(p, t->size, 2) && q != MAP_FAILED)
		say("private=%s", filled(q, t->size, 1) && filled(p, t->size, 2) ? "yes" : "no");
}

/* Where it goes: the length of the hole at the hint is that of the buffer, or more */
static void op_hint(struct target *t, int arg)
{
	size_t hole = arg ? t->size + arg * SZ_1M : t->size;
	char *at = BASE + SZ_1M + SZ_64K;
	char *p;

	p = mmap(at - SZ_1M, hole + 2 * SZ_1M, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (!say_result("reserve", (long)p))
		return;
	munmap(at, hole);
	p = mmap(at, t->size, RW, MAP_SHARED, t->fd, t->offset);
	if (!say_result("mmap", (long)p))
		return;
	say("kept=%s", p == at ? "yes" : "no");
	say_touches(p, t->size, true);
}

static void op_anywhere(struct target *t, int arg)
{
	char *p = mmap(NULL, t->size, RW, MAP_SHARED | arg, t->fd, t->offset);

	if (!say_result("mmap", (long)p))
		return;
	if (arg & MAP_32BIT)
		say("low=%s", (uintptr_t)p < 1ul << 32 ? "yes" : "no");
	/* how it is aligned, and so the number of faults, is by chance */
	say("data=%s", fill(p, t->size, 3) && filled(p, t->size, 3) ? "ok" : "wrong");
	say_seen(t, p);
}

/* Over another mapping, at an odd address */
static void op_fixed(struct target *t, int arg)
{
	char *at = BASE + 3 * SZ_4K;
	char *p;

	(void)arg;
	p = mmap(BASE, t->size + 8 * SZ_4K, RW,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
	if (!say_result("reserve", (long)p))
		return;
	p = mmap(at, t->size, RW, MAP_SHARED | MAP_FIXED, t->fd, t->offset);
	if (!say_result("mmap", (long)p))
		return;
	say("kept=%s", p == at ? "yes" : "no");
	say_touches(p, t->size, true);
	say_seen(t, p);
}

static void op_fixed_noreplace(struct target *t, int arg)
{
	char *p = mmap(BASE, SZ_4K, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	(void)arg;
	if (say_result("reserve", (long)p))
		say_result("mmap", (long)map_at(t, BASE, RW, MAP_SHARED));
}

static void op_zero_length(struct target *t, int arg)
{
	(void)arg;
	say_result("mmap", (long)mmap(NULL, 0, RW, MAP_SHARED, t->fd, t->offset));
}

/* Another page of it each time: VMAs of the same file that may be merged or not */
static void op_pieces(struct target *t, int arg)
{
	char *p;

	(void)arg;
	for (size_t o = 0; o < t->size && o < 16 * SZ_4K; o += SZ_4K) {
		p = mmap(BASE + o, SZ_4K, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, t->fd,
			 t->offset + o);
		if (p == MAP_FAILED) {
			say_error("mmap", errno);
			return;
		}
	}
	say("mmap=ok");
	say_touches(BASE, t->size < 16 * SZ_4K ? t->size : 16 * SZ_4K, true);
}

/* All that leads to the buffer is closed, the mapping stays. */
static void op_close(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (!p)
		return;
	if (t->b.e->release)
		t->b.e->release(&t->b);
	close_range(3, ~0u, 0);
	say_touches(p, t->size, t->writable);
	say("data=%s", fill(p, t->size, 4) && filled(p, t->size, 4) ? "ok" : "wrong");
}

#ifdef __x86_64__
/* The system calls of 32-bit programs, which take no more of an argument */
static long int80(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;

	asm volatile("push %%rbp\n\tmov %[f], %%rbp\n\tint $0x80\n\tpop %%rbp"
		     : "=a"(ret)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "r"(f)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static sigjmp_buf no_int80;

static void on_no_int80(int sig)
{
	(void)sig;
	siglongjmp(no_int80, 1);
}

static const char *mmap2_missing(void)
{
	static const char *why;
	struct sigaction sa = { .sa_handler = on_no_int80, .sa_flags = SA_NODEFER }, old;

	sigaction(SIGSEGV, &sa, &old);
	if (sigsetjmp(no_int80, 0))
		why = "the kernel has no 32-bit system calls (CONFIG_IA32_EMULATION)";
	else if (int80(20 /* getpid */, 0, 0, 0, 0, 0, 0) != getpid())
		why = "32-bit system calls do not work";
	sigaction(SIGSEGV, &old, NULL);
	return why;
}

static void op_mmap2(struct target *t, int arg)
{
	long ret = int80(192, 0, t->size, RW, MAP_SHARED | arg, t->fd, t->offset >> 12);

	if (ret < 0 && ret > -4096) {
		say_error("mmap2", -ret);
		return;
	}
	say("mmap2=ok");
	say("data=%s", fill((char *)(ret & 0xffffffff), t->size, 5) ? "ok" : "wrong");
}
#else
static const char *mmap2_missing(void)
{
	return "not x86-64";
}

static void op_mmap2(struct target *t, int arg)
{
}
#endif

#define MMAP(n, arg) { "mmap-" n, OP_MAPS, op_mmap, arg, NULL }

const struct op mmap_ops[] = {
	{ "mmap-shared", OP_MAPS | OP_IMPORT, op_mmap, 0, NULL },
	{ "mmap-read-only", OP_MAPS | OP_IMPORT, op_mmap, 1, NULL },
	MMAP("write-only", 2),
	MMAP("none", 3),
	MMAP("exec", 4),
	MMAP("validate", 5),
	MMAP("sync", 6),
	{ "mmap-populate", OP_MAPS | OP_BRIEF, op_mmap, 7, NULL },
	MMAP("populate-read-only", 8),
	{ "mmap-locked", OP_MAPS | OP_BRIEF, op_mmap, 9, NULL },
	MMAP("populate-nonblock", 10),
	MMAP("noreserve", 11),
	MMAP("hugetlb", 12),
	MMAP("private-populate-read", 13),
	MMAP("private-populate", 14),
	MMAP("second-page", 15),
	MMAP("too-long", 16),
	MMAP("past-end", 17),
	MMAP("unaligned", 18),
	{ "mmap-zero-length", OP_MAPS, op_zero_length, 0, NULL },
	{ "mmap-private-read", OP_MAPS | OP_BRIEF, op_private_read, 0, NULL },
	{ "mmap-private-write", OP_MAPS | OP_IMPORT, op_private_write, 0, NULL },
	{ "mmap-hint-exact", OP_MAPS | OP_IMPORT, op_hint, 0, NULL },
	{ "mmap-hint-roomy", OP_MAPS, op_hint, 4, NULL },
	{ "mmap-anywhere", OP_MAPS | OP_BRIEF, op_anywhere, 0, NULL },
	{ "mmap-32bit", OP_MAPS, op_anywhere, MAP_32BIT, NULL },
	{ "mmap-fixed", OP_MAPS, op_fixed, 0, NULL },
	{ "mmap-fixed-noreplace", OP_MAPS, op_fixed_noreplace, 0, NULL },
	{ "mmap-pieces", OP_MAPS, op_pieces, 0, NULL },
	{ "mmap-closed", OP_MAPS, op_close, 0, NULL },
	{ "mmap2", OP_MAPS, op_mmap2, 0, mmap2_missing },
	{ "mmap2-populate", OP_MAPS, op_mmap2, MAP_POPULATE, mmap2_missing },
	{ }
};
