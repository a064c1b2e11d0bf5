// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "qxl_drm.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"

/**
 * TEST: dma-buf mmap ttm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping of TTM buffers
 * Description: A TTM buffer (qxl) mapped through the DRM fd and through its dma-buf fd
 *
 * SUBTEST: alike-vram
 * Description: In VRAM both mappings have the same bytes, leaf sizes and caching
 *
 * SUBTEST: alike-system
 * Description: The same for a buffer in system memory, which is cached
 *
 * SUBTEST: evict
 * Description: A buffer that leaves VRAM takes its leaves and data along, in two processes
 *
 * SUBTEST: evict-hammer
 * Description: Out of VRAM and back under a reader and a writer; caching follows the placement
 *
 * SUBTEST: export-readonly
 * Description: A dma-buf exported without DRM_RDWR cannot be mapped writable
 *
 * SUBTEST: bounds
 * Description: Neither mapping reaches past the end of the buffer
 *
 * SUBTEST: lookup
 * Description: Addresses in both mappings lead to the same buffer
 *
 * SUBTEST: lookup-unexported
 * Description: A GEM object that was never exported is found too
 */
IGT_TEST_DESCRIPTION("TTM buffers mapped through GEM and through dma-buf");

#define RW (PROT_READ | PROT_WRITE)
/* whatever its address, there are whole 2 MiB leaves in it */
#define SIZE (4 * SZ_2M)
#define VRAM_CACHING (PTDUMP_WC | PTDUMP_UC_MINUS)

static int drm = -1;

static uint32_t alloc_vram(uint64_t size)
{
	struct drm_qxl_alloc alloc = { .size = size };

	do_ioctl(drm, DRM_IOCTL_QXL_ALLOC, &alloc);
	return alloc.handle;
}

static void assert_caching(const char *where, unsigned int seen, unsigned int any_one_of)
{
	igt_assert_f(seen && !(seen & ~any_one_of) && !(seen & (seen - 1)),
		     "caching of the leaves %s is %#x, expected one of %#x\n",
		     where, seen, any_one_of);
}

static void assert_alike(uint32_t handle, unsigned int caching)
{
	int fd = drm_export(drm, handle);
	char *gem = drm_mmap(drm, handle, SIZE, RW), *dmabuf = dbm_mmap(fd, SIZE, RW, 0);
	struct ptdump g, d;

	dbm_fill(gem, SIZE, 0);
	dbm_check(dmabuf, SIZE, 0);
	dbm_fill(dmabuf, SIZE, SIZE);
	dbm_check(gem, SIZE, SIZE);
	g = ptdump(gem, SIZE);
	d = ptdump(dmabuf, SIZE);
	igt_info("DRM fd: %zu of 4K, %zu of 2M, caching %#x\n", g.pte, g.pmd, g.caching);
	igt_info("dma-buf: %zu of 4K, %zu of 2M, caching %#x\n", d.pte, d.pmd, d.caching);
	assert_caching("of the DRM fd", g.caching, caching);
	assert_caching("of the dma-buf fd", d.caching, caching);
	igt_assert_eq(g.caching, d.caching);
	igt_assert_eq(g.pte, d.pte);
	igt_assert_eq(g.pmd, d.pmd);
	igt_assert_eq_u64(d.pte * SZ_4K + d.pmd * SZ_2M, SIZE);
	if (caching == VRAM_CACHING)
		igt_assert_lte(SIZE / SZ_2M - 1, d.pmd);
	dbm_munmap(gem, SIZE);
	dbm_munmap(dmabuf, SIZE);
	close(fd);
}

static void alike_vram(void)
{
	uint32_t handle = alloc_vram(SIZE);

	assert_alike(handle, VRAM_CACHING);
	drm_close_handle(drm, handle);
}

static void alike_system(void)
{
	uint32_t handle = drm_create_dumb(drm, SIZE);

	assert_alike(handle, PTDUMP_WB);
	drm_close_handle(drm, handle);
}

/* Buffers that fill VRAM */
struct fillers {
	unsigned int count;
	uint32_t handles[128];
};

/* Fill VRAM until the buffer at @p, a mapping of it, has had to leave */
static void push_out(struct fillers *f, const void *p)
{
	unsigned int caching;

	do {
		igt_assert_f(f->count < ARRAY_SIZE(f->handles), "it never leaves VRAM\n");
		f->handles[f->count++] = alloc_vram(SIZE / 2);
		dbm_touch(p, SIZE);
		caching = ptdump(p, SIZE).caching;
	} while (caching & VRAM_CACHING);
	igt_info("%u buffers pushed it out\n", f->count);
	assert_caching("in system memory", caching, PTDUMP_WB);
}

static void free_fillers(struct fillers *f)
{
	while (f->count)
		drm_close_handle(drm, f->handles[--f->count]);
}

/*
 * qxl puts a buffer back where it belongs before it looks at the area, which
 * does not fit this one: it is no surface, as two lines in the log say too.
 */
static void bring_back(uint32_t handle, const void *p)
{
	struct drm_qxl_update_area area = { .handle = handle, .bottom = 1, .right = 1 };

	igt_emit_ignore_dmesg_regex("got (io )?update area");
	do_ioctl_err(drm, DRM_IOCTL_QXL_UPDATE_AREA, &area, EINVAL);
	dbm_touch(p, SIZE);
	assert_caching("back in VRAM", ptdump(p, SIZE).caching, VRAM_CACHING);
}

static void evict(void)
{
	volatile int *step = dbm_shared(SZ_4K);
	uint32_t handle = alloc_vram(SIZE);
	int fd = drm_export(drm, handle);
	char *p = dbm_mmap(fd, SIZE, RW, 0), *gem = drm_mmap(drm, handle, SIZE, RW);
	struct fillers f = {};

	dbm_fill(p, SIZE, 0);
	igt_fork(child, 1) {
		dbm_check(gem, SIZE, 0);
		assert_caching("in the child", ptdump(gem, SIZE).caching, VRAM_CACHING);
		step[0] = 1;
		dbm_wait_for(&step[1], 1, 40000);
		/* not touched since: whatever is there is from before the move */
		ptdump_assert_none(gem, SIZE);
		dbm_check(gem, SIZE, 0);
		assert_caching("in the child", ptdump(gem, SIZE).caching, PTDUMP_WB);
	}
	dbm_wait_for(&step[0], 1, 20000);
	push_out(&f, p);
	step[1] = 1;
	dbm_check(p, SIZE, 0);
	dbm_check(gem, SIZE, 0);
	igt_waitchildren_timeout(20, "the child does not end");
	free_fillers(&f);
	bring_back(handle, p);
	dbm_check(p, SIZE, 0);
	dbm_check(gem, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(gem, SIZE);
	dbm_munmap((void *)step, SZ_4K);
	close(fd);
	drm_close_handle(drm, handle);
}

static void evict_hammer(void)
{
	uint32_t handle = alloc_vram(SIZE);
	int fd = drm_export(drm, handle);
	char *p = dbm_mmap(fd, SIZE, RW, 0), *gem = drm_mmap(drm, handle, SIZE, RW);
	struct fillers f = {};
	struct hammer *a, *b;

	dbm_fill(p, SIZE, 0);
	assert_caching("at first", ptdump(p, SIZE).caching, VRAM_CACHING);
	a = hammer_start(p, SIZE / 2);
	b = hammer_start(gem + SIZE / 2, SIZE / 2);
	for (int i = 0; i < 3; i++) {
		push_out(&f, p);
		hammer_assert_progress(a, 10000);
		hammer_assert_progress(b, 10000);
		free_fillers(&f);
		bring_back(handle, p);
		hammer_assert_progress(a, 10000);
		hammer_assert_progress(b, 10000);
	}
	hammer_stop(a);
	hammer_stop(b);
	dbm_check(p, SIZE, 0);
	dbm_check(gem, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(gem, SIZE);
	close(fd);
	drm_close_handle(drm, handle);
}

static void export_readonly(void)
{
	uint32_t handle = alloc_vram(SIZE);
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC };
	char *p;

	do_ioctl(drm, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	dbm_mmap_err(prime.fd, SIZE, RW, MAP_SHARED, 0, EACCES);
	p = dbm_mmap(prime.fd, SIZE, PROT_READ, 0);
	dbm_touch(p, SIZE);
	igt_assert(!ptdump(p, SIZE).writable);
	igt_assert_eq(mprotect(p, SIZE, RW), -1);
	igt_assert_eq(errno, EACCES);
	dbm_munmap(p, SIZE);
	close(prime.fd);
	drm_close_handle(drm, handle);
}

static void bounds(void)
{
	uint32_t handle = alloc_vram(SIZE);
	int fd = drm_export(drm, handle);
	uint64_t offset = 0;
	char *p = dbm_mmap(fd, SZ_4K, PROT_READ, SIZE - SZ_4K);

	dbm_touch(p, SZ_4K);
	dbm_munmap(p, SZ_4K);
	dbm_mmap_err(fd, SIZE + SZ_4K, PROT_READ, MAP_SHARED, 0, EINVAL);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_SHARED, SZ_4K, EINVAL);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	igt_assert_eq(drm_map_dumb(drm, handle, &offset), 0);
	dbm_mmap_err(drm, SIZE + SZ_4K, PROT_READ, MAP_SHARED, offset, EINVAL);
	dbm_mmap_err(drm, SIZE, RW, MAP_PRIVATE, offset, EINVAL);
	close(fd);
	drm_close_handle(drm, handle);
}

static void lookup(void)
{
	uint32_t handle = alloc_vram(SIZE);
	int fd = drm_export(drm, handle);
	char *gem = drm_mmap(drm, handle, SIZE, RW), *p;

	p = dbm_mmap(fd, SIZE - SZ_4K, RW, SZ_4K);
	mock_assert_lookup(p, SIZE - SZ_4K, fd, SZ_4K);
	mock_assert_lookup(gem, SIZE, fd, 0);
	igt_assert_eq(mprotect(gem + SZ_2M, SZ_4K, PROT_READ), 0);
	dbm_munmap(gem, SZ_4K);
	igt_fork(child, 1) {
		mock_assert_lookup(gem + SZ_4K, SIZE - SZ_4K, fd, SZ_4K);
		mock_assert_lookup(gem + SZ_2M, SZ_4K, fd, SZ_2M);
		mock_assert_lookup_err(gem, 1, EFAULT);
		mock_assert_lookup_err(&handle, 1, ENOENT);
	}
	igt_waitchildren_timeout(10, "the child does not end");
	igt_assert(mremap(gem + SZ_2M, SZ_4K, SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, gem) == gem);
	mock_assert_lookup(gem, SZ_4K, fd, SZ_2M);
	mock_assert_lookup_err(gem, 2 * SZ_4K, ERANGE);
	dbm_munmap(p, SIZE - SZ_4K);
	dbm_munmap(gem, SIZE);
	close(fd);
	drm_close_handle(drm, handle);
}

static void lookup_unexported(void)
{
	uint32_t handle = alloc_vram(SIZE);
	char *gem = drm_mmap(drm, handle, SIZE, RW);
	struct dma_buf_mock_lookup found;

	igt_assert_eq(mock_lookup(gem + SZ_4K, SZ_4K, &found), 0);
	igt_assert_eq_u64(found.offset, SZ_4K);
	igt_assert_eq_u64(found.size, SIZE);
	dbm_munmap(gem, SIZE);
	drm_close_handle(drm, handle);
}

static const struct dbm_test tests[] = {
	{ "alike-vram", "It makes no difference which fd maps a buffer", alike_vram },
	{ "alike-system", "Nor where the buffer is", alike_system },
	{ "evict", "No leaf points at VRAM that others use now", evict },
	{ "evict-hammer", "Memory pressure is invisible in the data", evict_hammer },
	{ "export-readonly", "A read-only fd gives a read-only mapping", export_readonly },
	{ "bounds", "A mapping ends where the buffer ends", bounds },
};

static const struct dbm_test lookup_tests[] = {
	{ "lookup", "Both mappings lead to the buffer", lookup },
	{ "lookup-unexported", "Mapping alone makes a buffer findable", lookup_unexported },
};

int igt_main()
{
	igt_fixture() {
		drm = drm_open_by_name("qxl");
		igt_require_f(drm >= 0, "there is no qxl device\n");
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
	}

	dbm_subtests(tests, 90);
	igt_subtest_group() {
		igt_fixture()
			mock_require();
		dbm_subtests(lookup_tests, 30);
	}

	igt_fixture()
		close(drm);
}
