// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"

/**
 * TEST: dma-buf mmap fault
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: CPU mapping
 * Description: What a fault in a mapping of a dma-buf puts into the page tables
 *
 * SUBTEST: every-page-order-%s
 * Description: Every page that is touched is the buffer's page at that offset
 * arg[1]: 0, 4, 9, 0-scattered, 4-scattered
 *
 * SUBTEST: offset
 * Description: A mapping from an offset on shows the buffer from there
 *
 * SUBTEST: partial-munmap
 * Description: A hole in a mapping leaves both sides right, before and after a fault
 *
 * SUBTEST: mprotect-split
 * Description: Pages keep their place when a protection splits the mapping
 *
 * SUBTEST: mremap-move
 * Description: A part of a mapping moved elsewhere still shows its pages
 *
 * SUBTEST: fork
 * Description: Parent and child see one buffer
 *
 * SUBTEST: leaves-2m
 * Description: Contiguous backing is mapped by 2 MiB leaves alone
 *
 * SUBTEST: leaves-2m-unaligned-offset
 * Description: An unaligned offset or length costs 4 KiB leaves at the ends only
 *
 * SUBTEST: leaves-4k
 * Description: Scattered backing is mapped by 4 KiB leaves alone, one for each page
 *
 * SUBTEST: leaves-readonly
 * Description: No leaf is writable in a read-only mapping, and all are in a writable one
 *
 * SUBTEST: caching
 * Description: The leaves carry the caching that the exporter asked for, at each size
 *
 * SUBTEST: proc-mem
 * Description: A debugger reads and writes mapped buffers through /proc/PID/mem
 */
IGT_TEST_DESCRIPTION("Faults in a mapped dma-buf: right page, right size, right attributes");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (4 * SZ_2M)

static void every_page(unsigned int order, unsigned int flags)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = flags,
		.chunk_order = order,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);
	char *writer = dbm_mmap(fd, SIZE, RW, 0);
	char *reader;

	/* from the end, so that no fault can lean on the one before */
	for (int64_t o = SIZE - SZ_4K; o >= 0; o -= SZ_4K)
		dbm_assert_write(writer + o, dbm_pattern(o));
	reader = dbm_mmap(fd, SIZE, PROT_READ, 0);
	dbm_check(reader, SIZE, 0);
	dbm_munmap(writer, SIZE);
	dbm_check(reader, SIZE, 0);
	dbm_munmap(reader, SIZE);
	close(fd);
}

/* A buffer whose page at offset o starts with dbm_pattern(o) */
static int create_filled(unsigned int order)
{
	int fd = mock_create(SIZE, order);
	void *p = dbm_mmap(fd, SIZE, RW, 0);

	dbm_fill(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	return fd;
}

static void offset(void)
{
	static const size_t offsets[] = {
		SZ_4K, SZ_2M - SZ_4K, SZ_2M, SZ_2M + SZ_4K, SIZE - SZ_4K,
	};
	int fd = create_filled(9);

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		size_t length = SIZE - offsets[i];
		void *p = dbm_mmap(fd, length, RW, offsets[i]);

		dbm_check(p, length, offsets[i]);
		dbm_munmap(p, length);
	}
	close(fd);
}

static void partial_munmap(void)
{
	static const size_t hole = SZ_2M + 3 * SZ_4K;

	for (int touched = 0; touched <= 1; touched++) {
		int fd = create_filled(9);
		char *p = dbm_mmap(fd, SIZE, RW, 0);

		if (touched)
			dbm_touch(p, SIZE);
		dbm_munmap(p + hole, SZ_4K);
		dbm_assert_signal(p + hole, SZ_4K, SIGSEGV);
		dbm_check(p, hole, 0);
		dbm_check(p + hole + SZ_4K, SIZE - hole - SZ_4K, hole + SZ_4K);
		dbm_munmap(p, SIZE);
		close(fd);
	}
}

static void mprotect_split(void)
{
	static const size_t at = SZ_2M + 5 * SZ_4K;
	int fd = create_filled(9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	dbm_touch(p, SIZE);
	igt_assert_eq(mprotect(p + at, SZ_4K, PROT_READ), 0);
	igt_assert_eq(dbm_write(p + at, 0), SIGSEGV);
	dbm_check(p, SIZE, 0);
	dbm_fill(p, at, 0);
	dbm_fill(p + at + SZ_4K, SIZE - at - SZ_4K, at + SZ_4K);
	igt_assert_eq(mprotect(p + at, SZ_4K, PROT_NONE), 0);
	dbm_assert_signal(p + at, SZ_4K, SIGSEGV);
	igt_assert_eq(mprotect(p + at, SZ_4K, RW), 0);
	dbm_fill(p + at, SZ_4K, at);
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void mremap_move(void)
{
	static const size_t from = SZ_2M + SZ_4K, length = SZ_2M + 2 * SZ_4K;

	for (int touched = 0; touched <= 1; touched++) {
		int fd = create_filled(9);
		char *p = dbm_mmap(fd, SIZE, RW, 0);
		char *space = mmap(NULL, 2 * SZ_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		igt_assert(space != MAP_FAILED);
		if (touched)
			dbm_touch(p, SIZE);
		igt_assert(mremap(p + from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
				  space) == space);
		dbm_check(space, length, from);
		dbm_check(p, from, 0);
		dbm_check(p + from + length, SIZE - from - length, from + length);
		dbm_assert_signal(p + from, SZ_4K, SIGSEGV);
		dbm_munmap(p, SIZE);
		dbm_check(space, length, from);
		dbm_munmap(space, 2 * SZ_2M);
		close(fd);
	}
}

static void fork_shares(void)
{
	int fd = create_filled(9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	dbm_touch(p, SIZE / 2);
	igt_fork(child, 1) {
		dbm_check(p, SIZE, 0);
		for (size_t o = 0; o < SIZE; o += SZ_4K)
			dbm_assert_write(p + o + 8, ~dbm_pattern(o));
	}
	igt_waitchildren_timeout(15, "the child hangs");
	for (size_t o = 0; o < SIZE; o += SZ_4K)
		dbm_assert_read(p + o + 8, ~dbm_pattern(o));
	dbm_munmap(p, SIZE);
	close(fd);
}

static void leaves_2m(void)
{
	int fd = create_filled(9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
	struct ptdump d;

	/* one touch brings at least the leaf it is in */
	dbm_touch(p + SZ_2M + 7 * SZ_4K, SZ_4K);
	d = ptdump(p + SZ_2M, SZ_2M);
	igt_assert_eq(d.pmd, 1);
	dbm_touch(p, SIZE);
	d = ptdump(p, SIZE);
	igt_assert_eq(d.pmd, SIZE / SZ_2M);
	igt_assert_eq(d.pte, 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void leaves_unaligned(void)
{
	static const size_t from = 3 * SZ_4K, length = SIZE - 3 * SZ_4K - 2 * SZ_4K;
	int fd = create_filled(9);
	char *p = dbm_mmap(fd, length, RW, from);
	struct ptdump d;

	dbm_check(p, length, from);
	d = ptdump(p, length);
	igt_assert_eq(d.pmd, SIZE / SZ_2M - 2);
	igt_assert_eq(d.pte, 512 - 3 + 512 - 2);
	dbm_munmap(p, length);
	close(fd);
}

static void leaves_4k(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = DMA_BUF_MOCK_SCATTERED,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
	struct ptdump d;

	dbm_touch(p, SIZE);
	d = ptdump(p, SIZE);
	igt_assert_eq(d.pmd, 0);
	igt_assert_eq(d.pte, SIZE / SZ_4K);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void leaves_readonly(void)
{
	for (unsigned int order = 0; order <= 9; order += 9) {
		int fd = create_filled(order);
		char *ro = dbm_mmap(fd, SIZE, PROT_READ, 0);
		char *rw = dbm_mmap(fd, SIZE, RW, 0);

		dbm_touch(ro, SIZE);
		dbm_fill(rw, SIZE, 0);
		igt_assert(!ptdump(ro, SIZE).writable);
		igt_assert(ptdump(rw, SIZE).writable);
		igt_assert_eq(mprotect(rw, SIZE, PROT_READ), 0);
		igt_assert(!ptdump(rw, SIZE).writable);
		dbm_munmap(ro, SIZE);
		dbm_munmap(rw, SIZE);
		close(fd);
	}
}

static const struct {
	const char *name;
	enum dma_buf_mock_caching caching;
	unsigned int leaves;	/* any one of these */
} cachings[] = {
	{ "cached", DMA_BUF_MOCK_CACHED, PTDUMP_WB },
	{ "write-combined", DMA_BUF_MOCK_WRITE_COMBINED, PTDUMP_WC },
	{ "uncached", DMA_BUF_MOCK_UNCACHED, PTDUMP_UC_MINUS | PTDUMP_UC },
};

static void assert_caching(void *p, unsigned int any_one_of)
{
	unsigned int seen = ptdump(p, SIZE).caching;

	igt_assert_f(seen && !(seen & ~any_one_of) && !(seen & (seen - 1)),
		     "caching of the leaves is %#x, expected one of %#x\n", seen, any_one_of);
}

static void caching(int i, unsigned int order)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.caching = cachings[i].caching,
		.chunk_order = order,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	dbm_fill(p, SIZE, 0);
	assert_caching(p, cachings[i].leaves);
	mock_move(fd, 0);
	dbm_check(p, SIZE, 0);
	assert_caching(p, cachings[i].leaves);
	for (int n = 0; n < 2; n++) {
		igt_assert_eq(mprotect(p, SIZE, PROT_READ), 0);
		dbm_check(p, SIZE, 0);
		assert_caching(p, cachings[i].leaves);
		igt_assert_eq(mprotect(p, SIZE, RW), 0);
		dbm_fill(p, SIZE, 0);
		assert_caching(p, cachings[i].leaves);
	}
	dbm_munmap(p, SIZE);
	close(fd);
}

static void proc_mem(void)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char out[2 * SZ_4K + 5], in[sizeof(out)];

	igt_require_f(mem >= 0, "/proc/self/mem cannot be opened: %s\n", strerror(errno));
	for (size_t i = 0; i < 2; i++) {
		struct dma_buf_mock_create create = {
			.size = SIZE,
			.caching = cachings[i].caching,
			.open_flags = O_RDWR | O_CLOEXEC,
		};
		int fd = mock_create_args(&create);
		char *p = dbm_mmap(fd, SIZE, RW, 0);

		dbm_fill(p, SIZE, 0);
		for (size_t o = 0; o < sizeof(out); o++)
			out[o] = o * 7 + i;
		igt_assert_eq(pwrite(mem, out, sizeof(out), (uintptr_t)p + SZ_4K + 9), sizeof(out));
		igt_assert(!memcmp(p + SZ_4K + 9, out, sizeof(out)));
		igt_assert_eq(pread(mem, in, sizeof(in), (uintptr_t)p + SZ_4K + 9), sizeof(in));
		igt_assert(!memcmp(in, out, sizeof(out)));
		dbm_assert_read(p, dbm_pattern(0));
		dbm_assert_read(p + SZ_4K, dbm_pattern(SZ_4K));
		/* nothing of the buffer beyond what is mapped */
		dbm_munmap(p + SIZE / 2, SIZE / 2);
		igt_assert_eq(pread(mem, in, 64, (uintptr_t)p + SIZE / 2 - 8), 8);
		igt_assert_eq(pwrite(mem, in, 64, (uintptr_t)p + SIZE / 2 - 8), 8);
		mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
		igt_assert_eq(pread(mem, in, sizeof(in), (uintptr_t)p), -1);
		dbm_munmap(p, SIZE / 2);
		close(fd);
	}
	close(mem);
}

static const struct dbm_test tests[] = {
	{ "offset", "The offset given to mmap() counts from the buffer's start", offset },
	{ "partial-munmap", "A mapping can be unmapped in parts", partial_munmap },
	{ "mprotect-split", "A mapping can be protected in parts", mprotect_split },
	{ "mremap-move", "A mapping can be moved in parts", mremap_move },
	{ "fork", "A mapping is inherited by children", fork_shares },
	{ "proc-mem", "Debuggers can look into buffers", proc_mem },
};

static const struct dbm_test leaf_tests[] = {
	{ "leaves-2m", "Large leaves without effort by the caller", leaves_2m },
	{ "leaves-2m-unaligned-offset", "The address suits the offset", leaves_unaligned },
	{ "leaves-4k", "No leaf covers more than what is contiguous", leaves_4k },
	{ "leaves-readonly", "Page protection is the mapping's", leaves_readonly },
};

int igt_main()
{
	static const unsigned int orders[] = { 0, 4, 9 };

	igt_fixture()
		mock_require();

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		igt_describe("First touches from the last page to the first");
		igt_subtest_f("every-page-order-%u", orders[i])
			every_page(orders[i], 0);
		if (orders[i] == 9)
			continue;
		igt_describe("The same where consecutive chunks are not adjacent");
		igt_subtest_f("every-page-order-%u-scattered", orders[i])
			every_page(orders[i], DMA_BUF_MOCK_SCATTERED);
	}
	dbm_subtests(tests, 20);

	igt_subtest_group() {
		igt_fixture()
			igt_require_f(ptdump_available(),
				      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");

		dbm_subtests(leaf_tests, 20);
		igt_describe("PAT, PCD and PWT of each leaf, also after a move and mprotect()");
		igt_subtest_with_dynamic("caching")
			for (size_t i = 0; i < ARRAY_SIZE(cachings); i++)
				for (unsigned int order = 0; order <= 9; order += 9)
					igt_dynamic_f("%s-order-%u", cachings[i].name, order)
						caching(i, order);
	}
}
