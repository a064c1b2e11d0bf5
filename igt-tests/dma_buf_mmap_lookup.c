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
