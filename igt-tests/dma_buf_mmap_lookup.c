// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"

/**
 * TEST: dma-buf mmap lookup
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: address to buffer
 * Description: Which buffer and offset the kernel sees behind a user address
 *
 * SUBTEST: whole
 * Description: Every address in a mapping names the buffer and its offset
 *
 * SUBTEST: offset
 * Description: A mapping from an offset on counts from the start of the buffer
 *
 * SUBTEST: split
 * Description: Pieces of a mapping name the right offset, and a span may cross them
 *
 * SUBTEST: moved
 * Description: A moved mapping names its buffer at the new address only
 *
 * SUBTEST: forked
 * Description: A child finds the buffer too, after the parent has unmapped it
 *
 * SUBTEST: two-buffers
 * Description: Neighbouring mappings of two buffers are told apart
 *
 * SUBTEST: span
 * Description: A span that leaves the buffer or jumps within it is refused
 *
 * SUBTEST: foreign
 * Description: Memory of no buffer, and no memory, give errors of their own
 *
 * SUBTEST: fd-closed
 * Description: A mapping keeps its buffer findable after the fd is closed
 */
IGT_TEST_DESCRIPTION("From user addresses to dma-bufs");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)

static void whole(void)
{
	for (int touched = 0; touched <= 1; touched++) {
		int fd = mock_create(SIZE, 9);
		char *p = dbm_mmap(fd, SIZE, RW, 0);

		if (touched)
			dbm_touch(p, SIZE);
		mock_assert_lookup(p, SIZE, fd, 0);
		for (size_t o = 0; o < SIZE; o += SZ_2M / 4 - 1)
			mock_assert_lookup(p + o, 1, fd, o);
		mock_assert_lookup(p + SIZE - 1, 1, fd, SIZE - 1);
		dbm_munmap(p, SIZE);
		close(fd);
	}
}

static void offset(void)
{
	static const size_t from = SZ_2M + 3 * SZ_4K;
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap(fd, SIZE - from, RW, from);

	mock_assert_lookup(p, SIZE - from, fd, from);
	mock_assert_lookup(p + 5, 1, fd, from + 5);
	dbm_munmap(p, SIZE - from);
	close(fd);
}

static void split(void)
{
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	igt_assert_eq(mprotect(p + SZ_2M, SZ_4K, PROT_READ), 0);
	mock_assert_lookup(p + SZ_2M, SZ_4K, fd, SZ_2M);
	mock_assert_lookup(p + SZ_2M + SZ_4K, SZ_4K, fd, SZ_2M + SZ_4K);
	mock_assert_lookup(p + 1, SIZE - 1, fd, 1);
	dbm_munmap(p + SZ_4K, SZ_4K);
	mock_assert_lookup(p, SZ_4K, fd, 0);
	mock_assert_lookup(p + 2 * SZ_4K, SIZE - 2 * SZ_4K, fd, 2 * SZ_4K);
	mock_assert_lookup_err(p + SZ_4K, SZ_4K, EFAULT);
	dbm_munmap(p, SIZE);
	mock_assert_lookup_err(p, SZ_4K, EFAULT);
	close(fd);
}

static void moved(void)
{
	static const size_t from = SZ_2M - SZ_4K;
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
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
	close(fd);
}

static void forked(void)
{
	volatile int *gone = dbm_shared(SZ_4K);
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	dbm_touch(p, SZ_4K);
	igt_fork(child, 1) {
		dbm_wait_for(gone, 1, 10000);
		mock_assert_lookup(p, SIZE, fd, 0);
		dbm_munmap(p, SZ_2M);
		mock_assert_lookup(p + SZ_2M, SZ_2M, fd, SZ_2M);
	}
	dbm_munmap(p, SIZE);
	*gone = 1;
	igt_waitchildren_timeout(10, "the child does not end");
	mock_assert_lookup_err(p, 1, EFAULT);
	dbm_munmap((void *)gone, SZ_4K);
	close(fd);
}

/* Reserve @length bytes with a page of nothing around them */
static char *reserve(size_t length)
{
	char *p = mmap(NULL, length + 2 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	return p + SZ_4K;
}

static void map_at(char *at, int fd, size_t length, off_t offset)
{
	igt_assert(mmap(at, length, RW, MAP_SHARED | MAP_FIXED, fd, offset) == at);
}

static void two_buffers(void)
{
	int a = mock_create(SIZE, 0), b = mock_create(SIZE, 0);
	char *p = reserve(4 * SZ_4K);

	map_at(p, a, SZ_4K, 0);
	map_at(p + SZ_4K, b, SZ_4K, SZ_4K);
	map_at(p + 2 * SZ_4K, a, SZ_4K, 2 * SZ_4K);
	mock_assert_lookup(p, SZ_4K, a, 0);
	mock_assert_lookup(p + SZ_4K, SZ_4K, b, SZ_4K);
	mock_assert_lookup(p + 2 * SZ_4K, SZ_4K, a, 2 * SZ_4K);
	/* b sits where a's next page would */
	mock_assert_lookup_err(p, 2 * SZ_4K, ERANGE);
	mock_assert_lookup_err(p, 3 * SZ_4K, ERANGE);
	dbm_munmap(p - SZ_4K, 6 * SZ_4K);
	close(a);
	close(b);
}

static void span(void)
{
	int fd = mock_create(SIZE, 0);
	char *p = reserve(4 * SZ_4K);

	map_at(p, fd, SZ_4K, SZ_4K);
	map_at(p + SZ_4K, fd, SZ_4K, 0);
	mock_assert_lookup_err(p, SZ_4K + 1, ERANGE);
	map_at(p, fd, SZ_4K, SIZE - SZ_4K);
	mock_assert_lookup(p, SZ_4K, fd, SIZE - SZ_4K);
	mock_assert_lookup_err(p, SZ_4K + 1, ERANGE);
	mock_assert_lookup_err(p + SZ_4K, 2 * SZ_4K, ERANGE);
	mock_assert_lookup_err(p, 0, EINVAL);
	mock_assert_lookup_err(p, UINT64_MAX, EINVAL);
	mock_assert_lookup_err(p, -(uint64_t)(uintptr_t)p + 1, EINVAL);
	dbm_munmap(p - SZ_4K, 6 * SZ_4K);
	close(fd);
}

static void foreign(void)
{
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *anon = reserve(SZ_4K), *shared = dbm_shared(SZ_4K), *file;

	igt_assert_fd(exe);
	file = mmap(NULL, SZ_4K, PROT_READ, MAP_PRIVATE, exe, 0);
	igt_assert(file != MAP_FAILED);
	mock_assert_lookup_err(anon, SZ_4K, ENOENT);
	mock_assert_lookup_err(shared, SZ_4K, ENOENT);
	mock_assert_lookup_err(file, 1, ENOENT);
	mock_assert_lookup_err(&exe, sizeof(exe), ENOENT);
	mock_assert_lookup_err(NULL, 1, EFAULT);
	mock_assert_lookup_err((void *)(1ul << 63), 1, EFAULT);
	dbm_munmap(anon - SZ_4K, 3 * SZ_4K);
	mock_assert_lookup_err(anon, 1, EFAULT);
	dbm_munmap(shared, SZ_4K);
	dbm_munmap(file, SZ_4K);
	close(exe);
}

static void fd_closed(void)
{
	struct dma_buf_mock_lookup before, after;
	int fd = mock_create(SIZE, 0);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	igt_assert_eq(mock_lookup(p, SIZE, &before), 0);
	close(fd);
	igt_assert_eq(mock_lookup(p, SIZE, &after), 0);
	igt_assert_eq_u64(before.inode, after.inode);
	dbm_munmap(p, SIZE);
}

static const struct dbm_test tests[] = {
	{ "whole", "Any byte of a mapping leads to its buffer", whole },
	{ "offset", "The offset given to mmap() is part of the answer", offset },
	{ "split", "Neither mprotect() nor munmap() confuses the offsets", split },
	{ "moved", "mremap() does not confuse the offsets", moved },
	{ "forked", "A child's mapping stands on its own", forked },
	{ "two-buffers", "No span covers two buffers", two_buffers },
	{ "span", "No span covers what is not one piece of one buffer", span },
	{ "foreign", "Ordinary memory belongs to no buffer", foreign },
	{ "fd-closed", "The mapping is enough to keep the buffer", fd_closed },
};

int igt_main()
{
	igt_fixture()
		mock_require();

	dbm_subtests(tests, 20);
}
