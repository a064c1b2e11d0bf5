// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"

/**
 * TEST: dma-buf mmap fault
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping
 * Description: What a fault in a mapping of a dma-buf puts into the page tables
 *
 * SUBTEST: every-page-scattered-order-%s
 * Description: Every page that is touched is the buffer's page at that offset, though
 *	consecutive chunks are not adjacent
 *
 * arg[1].values: 0, 4
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
 * SUBTEST: caching
 * Description: The leaves carry the caching that the exporter asked for, at each size
 */
IGT_TEST_DESCRIPTION("Faults in a mapped dma-buf: right page, right size, right attributes");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (4 * SZ_2M)

static void every_page(unsigned int order)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = DMA_BUF_MOCK_SCATTERED,
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

static const struct dbm_test leaf_tests[] = {
	{ "leaves-2m", "Large leaves without effort by the caller", leaves_2m },
	{ "leaves-2m-unaligned-offset", "The address suits the offset", leaves_unaligned },
	{ "leaves-4k", "No leaf covers more than what is contiguous", leaves_4k },
};

int igt_main()
{
	igt_fixture()
		mock_require();

	for (unsigned int order = 0; order <= 4; order += 4) {
		igt_describe("First touches from the last page to the first");
		igt_subtest_f("every-page-scattered-order-%u", order)
			every_page(order);
	}

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
