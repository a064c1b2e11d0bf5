// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/ptdump.h"

/**
 * TEST: dma buf mmap radeon
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: buffer management
 * Description: Buffers of a driver that had a page fault handler of its own, mapped through the
 *              DRM fd and through the dma-buf fd.
 *
 * SUBTEST: evict
 * Description: Buffers that do not fit into VRAM together keep their data
 *
 * SUBTEST: evict-hammer
 * Description: A buffer that others push out of VRAM, under a reader and a writer
 */
IGT_TEST_DESCRIPTION("Check mappings of radeon's buffers while they leave VRAM");

#define SIZE	(2 * SZ_2M)
#define MOST	64

static int drm;

static struct drm_buffer create(void)
{
	return drm_buffer_map(drm, drm_create_dumb(drm, SIZE), SIZE);
}

static bool in_system_memory(const struct drm_buffer *b)
{
	dbm_touch(b->native, SIZE);
	return ptdump(b->native, SIZE).caching == PTDUMP_WB;
}

/* Make buffers until @b, or the first of them, has had to leave VRAM. */
static unsigned int push_out(struct drm_buffer others[MOST], const struct drm_buffer *b)
{
	unsigned int n = 0;

	do {
		igt_assert_f(n < MOST, "it never leaves VRAM\n");
		others[n] = create();
		dbm_fill(others[n].shared, SIZE, n * SIZE);
		n++;
	} while (!in_system_memory(b));
	igt_info("%u buffers pushed it out\n", n);
	return n;
}

static void evict(void)
{
	struct drm_buffer others[MOST] = {};
	unsigned int n = push_out(others, &others[0]);

	for (unsigned int i = 0; i < n; i++) {
		drm_buffer_check(&others[i], i * SIZE);
		drm_buffer_destroy(drm, &others[i]);
	}
}

static void evict_hammer(void)
{
	struct drm_buffer b = create(), others[MOST];
	struct hammer *h[2];
	unsigned int n;

	dbm_fill(b.shared, SIZE, 0);
	igt_assert(!in_system_memory(&b));
	drm_buffer_hammer(&b, h);
	n = push_out(others, &b);
	for (int i = 0; i < 2; i++) {
		hammer_assert_progress(h[i], 10000);
		hammer_stop(h[i]);
	}
	dbm_check(b.native, SIZE, 0);
	while (n)
		drm_buffer_destroy(drm, &others[--n]);
	drm_buffer_destroy(drm, &b);
}

static const struct dbm_test tests[] = {
	{ "evict", "A leaf goes with the buffer, not with the place", evict },
	{ "evict-hammer", "Memory pressure is invisible in the data", evict_hammer },
};

int igt_main()
{
	igt_fixture() {
		drm = drm_open_by_name("radeon");
		igt_require_f(drm >= 0, "there is no radeon device\n");
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
	}

	dbm_subtests(tests, 90);

	igt_fixture()
		close(drm);
}
