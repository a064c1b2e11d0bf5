// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/rules.h"

#define SIZE SOURCE_SIZE

static void every_page(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	char *writer = dbm_mmap(b.fd, SIZE, RW, 0), *reader;

	/* from the end, so that no fault can lean on the one before */
	dbm_catch_signals();
	for (int64_t o = SIZE - SZ_4K; o >= 0; o -= SZ_4K)
		igt_assert_eq(__dbm_write(writer + o + SOURCE_WORD, source_pattern(&b, o)), 0);
	reader = dbm_mmap(b.fd, SIZE, PROT_READ, 0);
	source_check(&b, reader, SIZE, 0);
	dbm_munmap(writer, SIZE);
	source_check(&b, reader, SIZE, 0);
	dbm_munmap(reader, SIZE);
	source_destroy(&b);
}

static void offset(const struct source *s)
{
	static const size_t offsets[] = {
		SZ_4K, SZ_2M - SZ_4K, SZ_2M, SZ_2M + SZ_4K, SIZE / 2 + 5 * SZ_4K, SIZE - SZ_4K,
	};
	struct source_buffer b = source_create_filled(s);

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		size_t length = SIZE - offsets[i];
		char *p = dbm_mmap(b.fd, length, RW, offsets[i]);

		/* the last page first */
		source_check(&b, p + length - SZ_4K, SZ_4K, SIZE - SZ_4K);
		source_check(&b, p, length, offsets[i]);
		dbm_munmap(p, length);
	}
	source_destroy(&b);
}

static void partial_munmap(const struct source *s)
{
	static const size_t hole = SZ_2M + 3 * SZ_4K;
	struct source_buffer b = source_create_filled(s);

	for (int touched = 0; touched <= 1; touched++) {
		char *maps[2];
		int n = source_map_both(&b, maps);

		for (int i = 0; i < n; i++) {
			char *p = maps[i];

			if (touched)
				dbm_touch(p, SIZE);
			dbm_munmap(p + hole, SZ_4K);
			dbm_assert_signal(p + hole, SZ_4K, SIGSEGV);
			source_check(&b, p + hole + SZ_4K, SIZE - hole - SZ_4K, hole + SZ_4K);
			source_check(&b, p, hole, 0);
			dbm_munmap(p, SIZE);
		}
	}
	source_destroy(&b);
}

static void check_split(const struct source_buffer *b, char *p, bool touched)
{
	static const size_t at = SZ_2M + 5 * SZ_4K;

	if (touched)
		dbm_touch(p, SIZE);
	igt_assert_eq(mprotect(p + at, SZ_4K, PROT_READ), 0);
	igt_assert_eq(dbm_write(p + at + SOURCE_WORD, 0), SIGSEGV);
	source_check(b, p, SIZE, 0);
	source_fill(b, p, at, 0);
	source_fill(b, p + at + SZ_4K, SIZE - at - SZ_4K, at + SZ_4K);
	igt_assert_eq(mprotect(p + at, SZ_4K, PROT_NONE), 0);
	dbm_assert_signal(p + at, SZ_4K, SIGSEGV);
	igt_assert_eq(mprotect(p + at, SZ_4K, RW), 0);
	source_fill(b, p + at, SZ_4K, at);
	source_check(b, p, SIZE, 0);
}

static void mprotect_split(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);

	for (int touched = 0; touched <= 1; touched++) {
		char *maps[2];
		int n = source_map_both(&b, maps);

		for (int i = 0; i < n; i++) {
			check_split(&b, maps[i], touched);
			dbm_munmap(maps[i], SIZE);
		}
	}
	source_destroy(&b);
}

static void check_moved(const struct source_buffer *b, char *p, bool touched)
{
	static const size_t from = SZ_2M + SZ_4K, length = SZ_2M + 2 * SZ_4K;
	char *space = mmap(NULL, 2 * SZ_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(space != MAP_FAILED);
	if (touched)
		dbm_touch(p, SIZE);
	igt_assert(mremap(p + from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, space) == space);
	source_check(b, space, length, from);
	source_check(b, p + from + length, SIZE - from - length, from + length);
	source_check(b, p, from, 0);
	dbm_assert_signal(p + from, SZ_4K, SIGSEGV);
	dbm_munmap(p, SIZE);
	source_check(b, space, length, from);
	dbm_munmap(space, 2 * SZ_2M);
}

static void mremap_move(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);

	for (int touched = 0; touched <= 1; touched++) {
		char *maps[2];
		int n = source_map_both(&b, maps);

		for (int i = 0; i < n; i++)
			check_moved(&b, maps[i], touched);
	}
	source_destroy(&b);
}

/* Parent and child fault in what the other has not, at the same time */
static void fork_shares(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);

	dbm_touch(p, SIZE / 4);
	igt_fork(child, 1) {
		source_check(&b, p, SIZE, 0);
		for (size_t o = 0; o < SIZE; o += SZ_4K)
			dbm_assert_write(p + o + SOURCE_WORD + 8, ~source_pattern(&b, o));
	}
	source_check(&b, p, SIZE, 0);
	igt_waitchildren_timeout(20, "the child hangs");
	for (size_t o = 0; o < SIZE; o += SZ_4K)
		dbm_assert_read(p + o + SOURCE_WORD + 8, ~source_pattern(&b, o));
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

struct toucher {
	const struct source_buffer *b;
	char *p;
	pthread_barrier_t *start;
	bool backwards;
};

static void *touch_all(void *arg)
{
	const struct toucher *t = arg;

	pthread_barrier_wait(t->start);
	for (size_t i = 0; i < SIZE; i += SZ_4K) {
		const size_t o = t->backwards ? SIZE - SZ_4K - i : i;
		uint64_t got = 0;

		if (__dbm_read(t->p + o + SOURCE_WORD, &got) || got != source_pattern(t->b, o))
			return (void *)1;
	}
	return NULL;
}

static void threads(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	pthread_barrier_t start;

	dbm_catch_signals();
	igt_assert_eq(pthread_barrier_init(&start, NULL, 2), 0);
	for (int i = 0; i < 4; i++) {
		char *p = dbm_mmap(b.fd, SIZE, RW, 0);
		struct toucher back = { &b, p, &start, i % 2 }, here = { &b, p, &start, false };
		pthread_t thread;
		void *wrong;

		igt_assert_eq(pthread_create(&thread, NULL, touch_all, &back), 0);
		igt_assert(!touch_all(&here));
		igt_assert_eq(pthread_join(thread, &wrong), 0);
		igt_assert(!wrong);
		dbm_munmap(p, SIZE);
	}
	pthread_barrier_destroy(&start);
	source_destroy(&b);
}

static void alias(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *shared = dbm_mmap(b.fd, SIZE, RW, 0), *native = source_map_native(&b, RW);

	source_check(&b, native, SIZE, 0);
	b.id += 1000;
	source_fill(&b, native, SIZE, 0);
	source_check(&b, shared, SIZE, 0);
	b.id += 1000;
	source_fill(&b, shared, SIZE, 0);
	source_check(&b, native, SIZE, 0);
	dbm_munmap(native, SIZE);
	dbm_munmap(shared, SIZE);
	source_destroy(&b);
}

/* Unaligned, over the ends of two pages; what was there comes back */
static void check_proc_mem(const struct source_buffer *b, int mem, char *p)
{
	char before[2 * SZ_4K + 5], out[sizeof(before)], in[sizeof(before)];
	char *at = p + SZ_4K + 9;

	igt_assert_eq(pread(mem, before, sizeof(before), (uintptr_t)at), sizeof(before));
	igt_assert(!memcmp(before, at, sizeof(before)));
	for (size_t o = 0; o < sizeof(out); o++)
		out[o] = o * 7 + 1;
	igt_assert_eq(pwrite(mem, out, sizeof(out), (uintptr_t)at), sizeof(out));
	igt_assert(!memcmp(at, out, sizeof(out)));
	igt_assert_eq(pread(mem, in, sizeof(in), (uintptr_t)at), sizeof(in));
	igt_assert(!memcmp(in, out, sizeof(out)));
	igt_assert_eq(pwrite(mem, before, sizeof(before), (uintptr_t)at), sizeof(before));
	source_check(b, p, SIZE, 0);
}

static void proc_mem(const struct source *s)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	struct source_buffer b = source_create_filled(s);
	char *maps[2], in[64];
	int n = source_map_both(&b, maps);
	ssize_t got;

	igt_require_f(mem >= 0, "/proc/self/mem cannot be opened: %s\n", strerror(errno));
	for (int i = 0; i < n; i++) {
		char *p = maps[i];

		/* before any fault */
		check_proc_mem(&b, mem, p);
		/* nothing of the buffer beyond what is mapped */
		dbm_munmap(p + SIZE / 2, SIZE / 2);
		got = pread(mem, in, sizeof(in), (uintptr_t)p + SIZE / 2 - 8);
		igt_assert_f(got == 8, "%s: read %zd bytes where 8 were mapped\n",
			     i ? "DRM fd" : "dma-buf", got);
		igt_assert_eq(pwrite(mem, in, sizeof(in), (uintptr_t)p + SIZE / 2 - 8), 8);
		dbm_munmap(p, SIZE / 2);
	}
	/* nor before it */
	maps[0] = dbm_mmap(b.fd, SIZE / 2, RW, SZ_2M + SZ_4K);
	igt_assert_eq(pread(mem, in, 8, (uintptr_t)maps[0] + SOURCE_WORD), 8);
	igt_assert_eq_u64(*(uint64_t *)in, source_pattern(&b, SZ_2M + SZ_4K));
	dbm_munmap(maps[0], SIZE / 2);
	close(mem);
	source_destroy(&b);
}

/* Words at both ends of @p, which shows the buffer from @offset on, in the stopped child */
static void peek_and_poke(const struct source_buffer *b, pid_t pid, char *p, size_t length,
			  uint64_t offset)
{
	for (size_t o = 0; o < length; o += length - SZ_4K) {
		char *at = p + o + SOURCE_WORD;

		errno = 0;
		igt_assert_eq_u64(ptrace(PTRACE_PEEKDATA, pid, at, NULL),
				  source_pattern(b, offset + o));
		igt_assert_f(!errno, "peeking: %s\n", strerror(errno));
		igt_assert_eq(ptrace(PTRACE_POKEDATA, pid, at + 8, o + 1), 0);
		dbm_assert_read(p + o + SOURCE_WORD + 8, o + 1);
	}
}

static void ptrace_child(const struct source *s)
{
	static const size_t from = SZ_2M + 3 * SZ_4K, length = SIZE / 2;
	volatile int *step = dbm_shared(SZ_4K);
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, length, RW, from);
	int status;

	igt_fork(child, 1) {
		step[1] = getpid();
		step[0] = 1;
		dbm_wait_for(&step[0], 2, 10000);
		dbm_assert_read(p + SOURCE_WORD + 8, 1);
	}
	dbm_wait_for(&step[0], 1, 10000);
	igt_assert_eq(ptrace(PTRACE_ATTACH, step[1], NULL, NULL), 0);
	igt_assert_eq(waitpid(step[1], &status, __WALL), step[1]);
	igt_assert(WIFSTOPPED(status));
	peek_and_poke(&b, step[1], p, length, from);
	igt_assert_eq(ptrace(PTRACE_DETACH, step[1], NULL, NULL), 0);
	step[0] = 2;
	igt_waitchildren_timeout(10, "the child does not end");
	dbm_munmap(p, length);
	dbm_munmap((void *)step, SZ_4K);
	source_destroy(&b);
}

static const struct rule rules[] = {
	{ "every-page", "Each touch brings the page that belongs there", every_page, 0 },
	{ "offset", "The offset given to mmap() counts from the buffer's start", offset, 0 },
	{ "partial-munmap", "A mapping can be unmapped in parts", partial_munmap, 0 },
	{ "mprotect-split", "A mapping can be protected in parts", mprotect_split, 0 },
	{ "mremap-move", "A mapping can be moved in parts", mremap_move, 0 },
	{ "fork", "A mapping is inherited by children", fork_shares, 0 },
	{ "threads", "Threads may fault in the same pages at the same time", threads, 0 },
	{ "alias", "One memory, whichever file maps it", alias, SOURCE_NATIVE },
	{ "proc-mem", "Debuggers can look into buffers", proc_mem, 0 },
	{ "ptrace", "Into those of a stopped process too", ptrace_child, 0 },
};

const struct rules page_rules = { rules, ARRAY_SIZE(rules) };
