// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/mock.h"

/**
 * TEST: dma-buf mmap gem
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: CPU mapping of GEM objects in shared memory
 * Description: A dumb buffer mapped through the DRM fd and through its dma-buf fd; one dynamic
 *	subtest for each driver
 *
 * SUBTEST: same-bytes
 * Description: Both mappings show the same bytes
 *
 * SUBTEST: offset
 * Description: A mapping that starts inside the buffer shows what is there
 *
 * SUBTEST: split
 * Description: What is left of a mapping after a part was unmapped shows the right pages
 *
 * SUBTEST: moved
 * Description: A mapping that was moved shows the right pages
 *
 * SUBTEST: lookup
 * Description: An address leads to the buffer and offset: never exported, split, moved, forked
 */
IGT_TEST_DESCRIPTION("GEM objects in shared memory mapped through GEM and through dma-buf");

#define RW (PROT_READ | PROT_WRITE)
#define PAGES 64
#define SIZE (PAGES * SZ_4K)

static struct driver {
	const char *name;
	int fd;
} drivers[] = {
	{ "vkms", -1 },
	{ "vgem", -1 },
	{ "bochs-drm", -1 },
	{ "virtio_gpu", -1 },
};

/* A dumb buffer with the pattern in it, which nothing is mapped of any more */
static uint32_t create_filled(int drm)
{
	uint32_t handle = drm_create_dumb(drm, SIZE);
	void *p = drm_mmap(drm, handle, SIZE, RW);

	dbm_fill(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	return handle;
}

static void same_bytes(int drm)
{
	uint32_t handle = create_filled(drm);
	int dmabuf = drm_export(drm, handle);
	char *native = drm_mmap(drm, handle, SIZE, RW), *shared = dbm_mmap(dmabuf, SIZE, RW, 0);

	dbm_check(shared, SIZE, 0);
	dbm_fill(shared, SIZE, SIZE);
	dbm_check(native, SIZE, SIZE);
	dbm_munmap(native, SIZE);
	dbm_munmap(shared, SIZE);
	close(dmabuf);
	drm_close_handle(drm, handle);
}

static void offset(int drm)
{
	uint32_t handle = create_filled(drm);
	int dmabuf = drm_export(drm, handle);

	for (uint64_t at = 0; at < SIZE; at += 7 * SZ_4K) {
		void *p = dbm_mmap(dmabuf, SIZE - at, PROT_READ, at);

		dbm_check(p, SIZE - at, at);
		dbm_munmap(p, SIZE - at);
	}
	close(dmabuf);
	drm_close_handle(drm, handle);
}

static void split(int drm)
{
	uint32_t handle = create_filled(drm);
	int dmabuf = drm_export(drm, handle);
	char *p[2] = { drm_mmap(drm, handle, SIZE, RW), dbm_mmap(dmabuf, SIZE, RW, 0) };

	for (int i = 0; i < 2; i++) {
		dbm_munmap(p[i], SIZE / 4);
		igt_assert_eq(mprotect(p[i] + SIZE / 2, SZ_4K, PROT_READ), 0);
		dbm_check(p[i] + SIZE / 4, SIZE - SIZE / 4, SIZE / 4);
		dbm_munmap(p[i] + SIZE / 4, SIZE - SIZE / 4);
	}
	close(dmabuf);
	drm_close_handle(drm, handle);
}

static void moved(int drm)
{
	uint32_t handle = create_filled(drm);
	char *p = drm_mmap(drm, handle, SIZE, RW), *q;

	q = mmap(NULL, SIZE / 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(q != MAP_FAILED);
	igt_assert(mremap(p + SIZE / 2, SIZE / 2, SIZE / 2, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	dbm_check(q, SIZE / 2, SIZE / 2);
	dbm_check(p, SIZE / 2, 0);
	dbm_munmap(p, SIZE / 2);
	dbm_munmap(q, SIZE / 2);
	drm_close_handle(drm, handle);
}

static void lookup(int drm)
{
	uint32_t handle = create_filled(drm);
	char *p = drm_mmap(drm, handle, SIZE, RW);
	struct dma_buf_mock_lookup found;
	int dmabuf;

	mock_require();
	igt_assert_eq(mock_lookup(p + SZ_4K + 1, 1, &found), 0);
	igt_assert_eq_u64(found.offset, SZ_4K + 1);
	igt_assert_eq_u64(found.size, SIZE);

	dmabuf = drm_export(drm, handle);
	mock_assert_lookup(p, SIZE, dmabuf, 0);
	dbm_munmap(p, 3 * SZ_4K);
	igt_assert_eq(mprotect(p + SIZE / 2, SZ_4K, PROT_READ), 0);
	igt_fork(child, 1)
		mock_assert_lookup(p + 3 * SZ_4K + 1, SIZE / 2, dmabuf, 3 * SZ_4K + 1);
	igt_waitchildren_timeout(20, "the child does not end");
	mock_assert_lookup(p + SIZE / 2, SIZE / 2, dmabuf, SIZE / 2);
	mock_assert_lookup_err(p + SIZE / 2, SIZE / 2 + 1, ERANGE);
	dbm_munmap(p + 3 * SZ_4K, SIZE - 3 * SZ_4K);
	close(dmabuf);
	drm_close_handle(drm, handle);
}

static const struct {
	const char *name, *describe;
	void (*run)(int drm);
} tests[] = {
	{ "same-bytes", "One buffer, two ways to it", same_bytes },
	{ "offset", "The offset counts from the start of the buffer", offset },
	{ "split", "Unmapping a part does not shift the rest", split },
	{ "moved", "Moving a mapping does not shift it", moved },
	{ "lookup", "GEM objects are found by address", lookup },
};

int igt_main()
{
	igt_fixture() {
		bool any = false;

		for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
			drivers[i].fd = drm_open_by_name(drivers[i].name);
			any |= drivers[i].fd >= 0;
		}
		igt_require_f(any, "there is none of vkms, vgem, bochs-drm and virtio_gpu\n");
	}

	for (size_t t = 0; t < ARRAY_SIZE(tests); t++) {
		igt_describe(tests[t].describe);
		igt_subtest_with_dynamic(tests[t].name)
			for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
				if (drivers[i].fd < 0)
					continue;
				igt_dynamic(drivers[i].name) {
					igt_set_timeout(30, tests[t].name);
					tests[t].run(drivers[i].fd);
					igt_reset_timeout();
				}
			}
	}
}
