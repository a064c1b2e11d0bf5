// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/rules.h"

#define SIZE SOURCE_SIZE

static void whole(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	char *maps[2];
	int n = source_map_both(&b, maps);

	for (int i = 0; i < n; i++) {
		char *p = maps[i];

		mock_assert_lookup(p, SIZE, b.fd, 0);
		dbm_touch(p, SIZE);
		mock_assert_lookup(p, SIZE, b.fd, 0);
		for (size_t o = 0; o < SIZE; o += SZ_2M / 4 - 1)
			mock_assert_lookup(p + o, 1, b.fd, o);
		mock_assert_lookup(p + SIZE - 1, 1, b.fd, SIZE - 1);
		dbm_munmap(p, SIZE);
		mock_assert_lookup_err(p, 1, EFAULT);
	}
	source_destroy(&b);
}

static void offset(const struct source *s)
{
	static const size_t from = SZ_2M + 3 * SZ_4K;
	struct source_buffer b = source_create(s, O_RDWR);
	char *p = dbm_mmap(b.fd, SIZE - from, RW, from);

	mock_assert_lookup(p, SIZE - from, b.fd, from);
	mock_assert_lookup(p + 5, 1, b.fd, from + 5);
	mock_assert_lookup(p + SZ_2M + SZ_4K, SZ_4K, b.fd, from + SZ_2M + SZ_4K);
	dbm_munmap(p, SIZE - from);
	source_destroy(&b);
}

static void check_split(char *p, int fd)
{
	igt_assert_eq(mprotect(p + SZ_2M, SZ_4K, PROT_READ), 0);
	mock_assert_lookup(p + SZ_2M, SZ_4K, fd, SZ_2M);
	mock_assert_lookup(p + SZ_2M + SZ_4K, SZ_4K, fd, SZ_2M + SZ_4K);
	mock_assert_lookup(p + 1, SIZE - 1, fd, 1);
	dbm_munmap(p + SZ_4K, SZ_4K);
	mock_assert_lookup(p, SZ_4K, fd, 0);
	mock_assert_lookup(p + 2 * SZ_4K, SIZE - 2 * SZ_4K, fd, 2 * SZ_4K);
	mock_assert_lookup_err(p, 2 * SZ_4K, ERANGE);
	mock_assert_lookup_err(p + SZ_4K, SZ_4K, EFAULT);
}

static void split(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	char *maps[2];
	int n = source_map_both(&b, maps);

	for (int i = 0; i < n; i++) {
		check_split(maps[i], b.fd);
		dbm_munmap(maps[i], SIZE);
	}
	source_destroy(&b);
}

static void check_moved(char *p, int fd)
{
	static const size_t from = SZ_2M - SZ_4K;
	char *q = mmap(NULL, 2 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(q != MAP_FAILED);
	dbm_touch(p, SIZE);
	igt_assert(mremap(p + from, 2 * SZ_4K, 2 * SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	mock_assert_lookup(q, 2 * SZ_4K, fd, from);
	mock_assert_lookup(q + SZ_4K, 1, fd, from + SZ_4K);
	mock_assert_lookup_err(p + from, 1, EFAULT);
	mock_assert_lookup(p + from + 2 * SZ_4K, 1, fd, from + 2 * SZ_4K);
	dbm_munmap(q, 2 * SZ_4K);
	dbm_munmap(p, SIZE);
}

static void moved(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	char *maps[2];
	int n = source_map_both(&b, maps);

	for (int i = 0; i < n; i++)
		check_moved(maps[i], b.fd);
	source_destroy(&b);
}

/* The child still finds what the parent has unmapped */
static void forked(const struct source *s)
{
	volatile int *gone = dbm_shared(SZ_4K);
	struct source_buffer b = source_create(s, O_RDWR);
	char *maps[2];
	int n = source_map_both(&b, maps);

	dbm_touch(maps[0], SZ_4K);
	igt_fork(child, 1) {
		dbm_wait_for(gone, 1, 10000);
		for (int i = 0; i < n; i++) {
			mock_assert_lookup(maps[i], SIZE, b.fd, 0);
			dbm_munmap(maps[i], SZ_2M);
			mock_assert_lookup(maps[i] + SZ_2M, SZ_2M, b.fd, SZ_2M);
		}
	}
	for (int i = 0; i < n; i++)
		dbm_munmap(maps[i], SIZE);
	*gone = 1;
	igt_waitchildren_timeout(10, "the child does not end");
	mock_assert_lookup_err(maps[0], 1, EFAULT);
	dbm_munmap((void *)gone, SZ_4K);
	source_destroy(&b);
}

/* An object that has no dma-buf gets one when it is looked up */
static void unexported(const struct source *s)
{
	struct source_buffer b = source_create(s, SOURCE_NOT_EXPORTED);
	char *p = source_map_native(&b, RW);
	struct dma_buf_mock_lookup found;

	igt_assert_eq(mock_lookup(p + SZ_4K + 1, 1, &found), 0);
	igt_assert_eq_u64(found.offset, SZ_4K + 1);
	igt_assert_eq_u64(found.size, SIZE);
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

static const struct rule rules[] = {
	{ "lookup", "Any byte of a mapping leads to its buffer", whole, 0 },
	{ "lookup-offset", "The offset given to mmap() is part of the answer", offset, 0 },
	{ "lookup-split", "Neither mprotect() nor munmap() confuses the offsets", split, 0 },
	{ "lookup-moved", "mremap() does not confuse the offsets", moved, 0 },
	{ "lookup-forked", "A child's mapping stands on its own", forked, 0 },
	{ "lookup-unexported", "A GEM object needs no dma-buf to be found", unexported,
	  SOURCE_GEM },
};

const struct rules lookup_rules = { rules, ARRAY_SIZE(rules) };
