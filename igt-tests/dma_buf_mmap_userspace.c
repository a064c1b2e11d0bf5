// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/info.h"
/* of Documentation/gpu/dma-buf-mmap-userspace.rst */
#include "dma_buf_mmap/examples.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/sources.h"

/**
 * TEST: dma-buf mmap userspace
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping
 * Description: What the documentation tells renderers to do works
 *
 * SUBTEST: bounds
 * Description: No plane that is accepted has a byte outside of the buffer
 *
 * SUBTEST: refused
 * Description: What is no buffer, or none for a CPU, is refused without a mapping
 *
 * SUBTEST: fence
 * Description: Polling and the start of a look wait for who writes, and what they find is new
 *
 * SUBTEST: taken-back
 * Description: A buffer that is off or revoked kills nobody
 *
 * SUBTEST: read
 * Description: The same steps copy a plane of any exporter's buffer
 */
IGT_TEST_DESCRIPTION("Check what the documentation tells renderers to do");

static void bounds(void)
{
	static const struct {
		struct plane p;
		uint64_t size;
		bool fits;
	} cases[] = {
		{ { 0, 256, 256, 16 }, 4096, true },
		{ { 0, 256, 256, 17 }, 4096, false },
		{ { 1, 256, 256, 16 }, 4096, false },
		/* the last row may be short */
		{ { 16, 256, 240, 16 }, 4096, true },
		{ { 17, 256, 240, 16 }, 4096, false },
		{ { 4096, 0, 1, 1 }, 4096, false },
		{ { 4095, 0, 1, 1 }, 4096, true },
		/* rows that share bytes may be more than there is room for */
		{ { 0, 1, 256, 2 }, 4096, false },
		{ { 0, 0, 4096, 1ull << 52 }, 4096, false },
		{ { 0, 256, 0, 16 }, 4096, false },
		{ { 0, 256, 256, 0 }, 4096, false },
		/* sums and products that wrap */
		{ { UINT64_MAX, 1, 1, 1 }, 4096, false },
		{ { UINT64_MAX - 255, 256, 256, 1 }, 4096, false },
		{ { 0, 1ull << 32, 256, 1ull << 32 }, 4096, false },
		{ { 0, 1ull << 63, 256, 3 }, 4096, false },
		{ { 0, 65536, 65536, 65536 }, 1ull << 32, true },
		{ { 0, 65536, 65536, 65536 }, UINT32_MAX, false },
	};

	for (int i = 0; i < (int)ARRAY_SIZE(cases); i++)
		igt_assert_f(plane_fits(&cases[i].p, cases[i].size) == cases[i].fits,
			     "case %d\n", i);
}

static void refused(void)
{
	struct dma_buf_mock_create create = {
		.size = SZ_4K,
		.flags = DMA_BUF_MOCK_NEVER_MAPPABLE,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);
	size_t size;

	igt_assert(!map_to_read(fd, &size));
	igt_assert_eq(errno, EACCES);
	close(fd);

	fd = mock_create(SZ_4K, 0);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	igt_assert(!map_to_read(fd, &size));
	igt_assert_eq(errno, ENODEV);
	igt_assert(is_gone(fd));
	close(fd);

	/* What its owner can cut off */
	fd = memfd_create("no dma-buf", MFD_CLOEXEC);
	igt_assert(fd >= 0);
	igt_assert_eq(ftruncate(fd, SZ_4K), 0);
	igt_assert(!map_to_read(fd, &size));
	igt_assert_eq(errno, EINVAL);
	close(fd);
}

static void fence(void)
{
	static const int ms = 2000;
	int fd = mock_create(SZ_2M, 0);
	size_t size;
	const uint8_t *map = map_to_read(fd, &size);
	char *writer = dbm_mmap(fd, SZ_2M, PROT_READ | PROT_WRITE, 0);
	double start;

	igt_assert(map);
	igt_assert_eq_u64(size, SZ_2M);
	dbm_fill(writer, SZ_2M, 0);
	igt_assert(can_read(fd));

	start = dbm_seconds();
	mock_move(fd, ms);
	igt_assert(!can_read(fd));
	igt_assert_eq(begin_read(fd), 0);
	igt_assert(dbm_seconds() - start >= (ms - 20) / 1000.);
	igt_assert(can_read(fd));
	dbm_check(map, SZ_2M, 0);
	igt_assert_eq(end_read(fd), 0);
	dbm_munmap((void *)map, SZ_2M);
	dbm_munmap(writer, SZ_2M);
	close(fd);
}

static void taken_back(void)
{
	const struct plane p = { .stride = SZ_4K, .row = SZ_4K, .rows = SZ_2M / SZ_4K };
	int fd = mock_create(SZ_2M, 0);
	uint8_t *copy = malloc(SZ_2M);
	char *writer = dbm_mmap(fd, SZ_2M, PROT_READ | PROT_WRITE, 0);
	size_t size;
	const uint8_t *map = map_to_read(fd, &size);

	igt_assert(map && copy);
	dbm_fill(writer, SZ_2M, 0);
	dbm_munmap(writer, SZ_2M);
	for (int i = 0; i < 2; i++) {
		mock_set_state(fd, DMA_BUF_MOCK_OFF);
		copy_plane(copy, map, &p);
		for (size_t o = 0; o < SZ_2M; o += 64)
			igt_assert_eq(copy[o], 0);
		igt_assert(!is_gone(fd));
		mock_set_state(fd, DMA_BUF_MOCK_READY);
		copy_plane(copy, map, &p);
		dbm_check(copy, SZ_2M, 0);
	}
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	copy_plane(copy, map, &p);
	igt_assert(is_gone(fd));
	free(copy);
	dbm_munmap((void *)map, SZ_2M);
	close(fd);
}

static void read_plane(const struct source *s)
{
	const struct plane p = {
		.offset = SZ_4K, .stride = SZ_4K, .row = SZ_4K,
		.rows = SOURCE_SIZE / SZ_4K - 1,
	};
	struct source_buffer b = source_create_filled(s);
	uint8_t *copy = malloc(SOURCE_SIZE);
	size_t size;
	const uint8_t *map = map_to_read(b.fd, &size);

	igt_assert(map && copy);
	igt_assert_eq_u64(size, SOURCE_SIZE);
	igt_assert(plane_fits(&p, size));
	igt_assert_eq(begin_read(b.fd), 0);
	copy_plane(copy, map, &p);
	igt_assert_eq(end_read(b.fd), 0);
	source_check(&b, (char *)copy, SOURCE_SIZE - SZ_4K, SZ_4K);
	igt_assert(!is_gone(b.fd));
	free(copy);
	dbm_munmap((void *)map, SOURCE_SIZE);
	source_destroy(&b);
}

static const struct dbm_test tests[] = {
	{ "refused", "A clear error at import, not a crash later", refused },
	{ "fence", "No half frames", fence },
	{ "taken-back", "The client who lent a buffer may have it back", taken_back },
};

int igt_main()
{
	igt_describe("A claim of a client's is not believed");
	igt_subtest("bounds")
		bounds();

	igt_subtest_group() {
		igt_fixture()
			mock_require();
		dbm_subtests(tests, 60);
	}

	igt_describe("The same steps for every exporter");
	sources_subtest("read", 0, read_plane);
	igt_fixture()
		sources_close();
}
