// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vttm.h"

/**
 * TEST: dma buf mmap vttm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: buffer management
 * Description: A TTM device that does what graphics devices do before the CPU can reach a
 *              buffer (vttm), mapped through the DRM fd and through its dma-buf fd.
 *
 * SUBTEST: move
 * Description: The data is right after every move, and waits for it
 *
 * SUBTEST: move-leaves
 * Description: Nobody writes to where a buffer was
 *
 * SUBTEST: move-closed
 * Description: A buffer may move after its dma-buf was closed, which an O_PATH file still names
 *
 * SUBTEST: move-hammer
 * Description: Moves are invisible in the data
 *
 * SUBTEST: evict
 * Description: Memory pressure is invisible in the data
 *
 * SUBTEST: swap
 * Description: The same of system memory
 *
 * SUBTEST: invisible
 * Description: A touch moves what the CPU does not see to where it does
 *
 * SUBTEST: aperture
 * Description: No more of VRAM is mapped than there is room for
 *
 * SUBTEST: sleep
 * Description: Nothing is mapped while the device sleeps; a touch wakes it
 *
 * SUBTEST: errors
 * Description: Each wrong argument of its ioctls is refused
 *
 * SUBTEST: lost
 * Description: Without VRAM accesses complete, and reach nobody else's data
 *
 * SUBTEST: unplug
 * Description: Accesses go on while the device goes
 */

IGT_TEST_DESCRIPTION("Check mappings of a TTM device that moves, sleeps and loses VRAM");

#define SIZE	(2 * SZ_2M)
#define POISON	0xdbdbdbdbdbdbdbdbull

static struct vttm dev;

static bool in_vram(const struct drm_buffer *b)
{
	return vttm_info(&dev, b, 0).domain == DRM_VTTM_DOMAIN_VRAM;
}

/* Where VRAM begins, as nobody maps it who asks vttm. */
static uint64_t *peek(uint64_t *size)
{
	char path[80];
	int fd;
	void *p;

	*size = vttm_vram_size(&dev);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2_wc", dev.bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_fd(fd);
	p = dbm_mmap(fd, *size, PROT_READ, 0);
	close(fd);
	return p;
}

static void move(void)
{
	static const uint32_t domains[] = { DRM_VTTM_DOMAIN_SYSTEM, DRM_VTTM_DOMAIN_VRAM };
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	drm_buffer_check(&b, 0);
	vttm_set(&dev, "copy_delay_ms", 50);
	for (int i = 0; i < 6; i++) {
		vttm_place(&dev, &b, domains[i % 2]);
		/* Whatever is mapped now is where it was. */
		ptdump_assert_none(b.shared, SIZE);
		ptdump_assert_none(b.native, SIZE);
		drm_buffer_check(&b, 0);
		igt_assert_eq(vttm_info(&dev, &b, 0).domain, domains[i % 2]);
	}
	drm_buffer_destroy(dev.fd, &b);
	vttm_reset(&dev);
}

static void move_leaves(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	uint64_t size, *vram = peek(&size);
	struct drm_vttm_info was;

	dbm_fill(b.native, SIZE, 0);
	was = vttm_info(&dev, &b, 5);
	igt_assert_eq_u64(vram[was.vram_offset / 8], dbm_pattern(5 * SZ_4K));
	vttm_place(&dev, &b, DRM_VTTM_DOMAIN_SYSTEM);
	drm_buffer_check(&b, 0);
	/* Nobody writes there any more. */
	for (int i = 0; i < 100; i++) {
		dbm_assert_write(b.native + 5 * SZ_4K + 8, i);
		igt_assert_eq_u64(vram[was.vram_offset / 8 + 1], POISON);
	}
	munmap(vram, size);
	drm_buffer_destroy(dev.fd, &b);
}

/* What an O_PATH file keeps is the dma-buf without its file. */
static void move_closed(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	char name[32];
	int path;

	dbm_fill(b.native, SIZE, 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", b.fd);
	path = open(name, O_PATH | O_CLOEXEC);
	igt_assert_fd(path);
	dbm_munmap(b.shared, SIZE);
	close(b.fd);
	drm_close_handle(dev.fd, b.handle);
	/* A touch moves it into system memory. */
	vttm_set(&dev, "visible", 0);
	dbm_check(b.native, SIZE, 0);
	dbm_munmap(b.native, SIZE);
	close(path);
	vttm_reset(&dev);
}

static void move_hammer(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	struct hammer *h[2];

	dbm_fill(b.shared, SIZE, 0);
	vttm_set(&dev, "copy_delay_ms", 5);
	drm_buffer_hammer(&b, h);
	for (int i = 0; i < 10; i++) {
		vttm_place(&dev, &b, i % 2 ? DRM_VTTM_DOMAIN_VRAM : DRM_VTTM_DOMAIN_SYSTEM);
		for (int j = 0; j < 2; j++)
			hammer_assert_progress(h[j], 10000);
	}
	for (int j = 0; j < 2; j++)
		hammer_stop(h[j]);
	drm_buffer_check(&b, 0);
	drm_buffer_destroy(dev.fd, &b);
	vttm_reset(&dev);
}

/* More than VRAM has room for, while two threads are on one of them */
static void evict(void)
{
	const int n = vttm_vram_size(&dev) / SIZE + 2;
	struct drm_buffer *b = calloc(n, sizeof(*b));
	struct hammer *h;

	igt_assert(b);
	b[0] = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	dbm_fill(b[0].shared, SIZE, 0);
	h = hammer_start(b[0].native, SIZE);
	for (int i = 1; i < n; i++) {
		b[i] = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_SYSTEM);
		dbm_fill(b[i].native, SIZE, 0);
		/* VRAM it has to be: somebody else has to leave. */
		vttm_place(&dev, &b[i], DRM_VTTM_DOMAIN_VRAM);
		igt_assert(in_vram(&b[i]));
	}
	for (int i = 0; i < n; i++)
		drm_buffer_check(&b[i], 0);
	hammer_assert_progress(h, 10000);
	hammer_stop(h);
	for (int i = 0; i < n; i++)
		drm_buffer_destroy(dev.fd, &b[i]);
	free(b);
}

/* What TTM has in system memory leaves for swap, and comes back by a touch. */
static void swap(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_SYSTEM);
	char swapped[32];

	dbm_fill(b.shared, SIZE, 0);
	drm_buffer_check(&b, 0);
	for (int i = 0; i < 3; i++) {
		/* It says how many pages. */
		do
			vttm_read("/sys/kernel/debug/ttm/tt_shrink", swapped, sizeof(swapped));
		while (atoi(swapped) > 0);
		ptdump_assert_none(b.shared, SIZE);
		ptdump_assert_none(b.native, SIZE);
		drm_buffer_check(&b, 0);
	}
	drm_buffer_destroy(dev.fd, &b);
}

static void invisible(void)
{
	struct drm_buffer b[4];

	for (int i = 0; i < 4; i++) {
		b[i] = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
		dbm_fill(b[i].shared, SIZE, 0);
	}
	/* Room for one and a half. */
	vttm_set(&dev, "visible", SIZE + SIZE / 2);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			drm_buffer_check(&b[i], 0);
			if (in_vram(&b[i]))
				igt_assert(vttm_info(&dev, &b[i], SIZE / SZ_4K - 1).vram_offset <
					   SIZE + SIZE / 2);
		}
	}
	for (int i = 0; i < 4; i++)
		drm_buffer_destroy(dev.fd, &b[i]);
	vttm_reset(&dev);
}

static size_t mapped(const struct drm_buffer *b)
{
	struct ptdump d = ptdump(b->native, SIZE);

	return d.pte * SZ_4K + d.pmd * SZ_2M;
}

static void aperture(void)
{
	struct drm_buffer b[4];
	size_t sum;

	for (int i = 0; i < 4; i++) {
		b[i] = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
		dbm_fill(b[i].shared, SIZE, 0);
	}
	vttm_set(&dev, "aperture", 2 * SIZE);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			dbm_check(b[i].native, SIZE, 0);
			sum = 0;
			for (int j = 0; j < 4; j++) {
				sum += mapped(&b[j]);
				igt_assert(in_vram(&b[j]));
			}
			igt_assert(sum <= 2 * SIZE);
			igt_assert_eq_u64(mapped(&b[i]), SIZE);
		}
	}
	for (int i = 0; i < 4; i++)
		drm_buffer_destroy(dev.fd, &b[i]);
	vttm_reset(&dev);
}

static void sleeps(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	vttm_sleep_after(&dev, 100);
	for (int i = 0; i < 3; i++) {
		vttm_wait_asleep(&dev);
		ptdump_assert_none(b.shared, SIZE);
		ptdump_assert_none(b.native, SIZE);
		drm_buffer_check(&b, 0);
	}
	drm_buffer_destroy(dev.fd, &b);
	vttm_reset(&dev);
}

static void reload(void)
{
	vttm_close(&dev);
	vttm_bind(&dev, false);
	vttm_bind(&dev, true);
	vttm_open(&dev);
}

static void lost(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	struct drm_buffer other = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	dbm_fill(other.shared, SIZE, 0);
	vttm_set(&dev, "lost", 1);
	ptdump_assert_none(b.shared, SIZE);
	ptdump_assert_none(b.native, SIZE);
	/* One page stands for all of a buffer, and for no other. */
	dbm_assert_read(b.native, 0);
	dbm_assert_write(b.native + SZ_4K, 17);
	dbm_assert_read(b.shared, 17);
	dbm_assert_read(other.native, 0);
	vttm_place(&dev, &b, DRM_VTTM_DOMAIN_SYSTEM);
	igt_assert_eq(__vttm_place(&dev, &b, DRM_VTTM_DOMAIN_VRAM), ENOSPC);
	drm_buffer_destroy(dev.fd, &b);
	drm_buffer_destroy(dev.fd, &other);
	reload();
}

static void assert_create_errno(uint64_t size, uint32_t domain, uint32_t flags, uint32_t pad)
{
	struct drm_vttm_create create = { .size = size, .domain = domain, .flags = flags,
					  .pad = pad };

	do_ioctl_err(dev.fd, DRM_IOCTL_VTTM_CREATE, &create, EINVAL);
}

static void assert_info_errno(uint32_t handle, uint64_t page, int err)
{
	struct drm_vttm_info info = { .handle = handle, .page = page };

	do_ioctl_err(dev.fd, DRM_IOCTL_VTTM_INFO, &info, err);
}

static void errors(void)
{
	const uint32_t small = vttm_create_handle(dev.fd, SIZE, DRM_VTTM_DOMAIN_SYSTEM);
	const uint32_t large = vttm_create_handle(dev.fd, 2 * vttm_vram_size(&dev),
						  DRM_VTTM_DOMAIN_SYSTEM);
	struct drm_vttm_place place = { .handle = large, .domain = DRM_VTTM_DOMAIN_VRAM };

	assert_create_errno(0, DRM_VTTM_DOMAIN_VRAM, 0, 0);
	assert_create_errno(UINT64_MAX, DRM_VTTM_DOMAIN_VRAM, 0, 0);
	assert_create_errno(SIZE, DRM_VTTM_DOMAIN_VRAM | DRM_VTTM_DOMAIN_SYSTEM, 0, 0);
	assert_create_errno(SIZE, DRM_VTTM_DOMAIN_VRAM, DRM_VTTM_CREATE_CACHED << 1, 0);
	assert_create_errno(SIZE, DRM_VTTM_DOMAIN_VRAM, 0, 1);

	do_ioctl_err(dev.fd, DRM_IOCTL_VTTM_PLACE, &place, ENOSPC);
	place.domain = 0;
	do_ioctl_err(dev.fd, DRM_IOCTL_VTTM_PLACE, &place, EINVAL);
	place = (struct drm_vttm_place) { .handle = ~0u, .domain = DRM_VTTM_DOMAIN_VRAM };
	do_ioctl_err(dev.fd, DRM_IOCTL_VTTM_PLACE, &place, ENOENT);

	assert_info_errno(~0u, 0, ENOENT);
	assert_info_errno(small, SIZE / SZ_4K, EINVAL);

	igt_assert_eq(__vttm_copy(dev.fd, small, ~0u, SZ_4K), ENOENT);
	igt_assert_eq(__vttm_copy(dev.fd, small, small, SZ_4K), EINVAL);
	igt_assert_eq(__vttm_copy(dev.fd, small, large, 0), EINVAL);
	igt_assert_eq(__vttm_copy(dev.fd, small, large, SZ_4K + 1), EINVAL);
	igt_assert_eq(__vttm_copy(dev.fd, large, small, SIZE + SZ_4K), EINVAL);
	drm_close_handle(dev.fd, small);
	drm_close_handle(dev.fd, large);
}

static void unplug(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	volatile int *stop = dbm_shared(SZ_4K);

	dbm_fill(b.shared, SIZE, 0);
	igt_fork(child, 4) {
		while (!*stop) {
			dbm_touch(b.native, SIZE);
			dbm_touch(b.shared, SIZE);
		}
	}
	usleep(100000);
	vttm_bind(&dev, false);
	dbm_touch(b.native, SIZE);
	*stop = 1;
	igt_waitchildren_timeout(30, "somebody hangs");
	dbm_munmap(b.shared, SIZE);
	dbm_munmap(b.native, SIZE);
	dbm_munmap((void *)stop, SZ_4K);
	close(b.fd);
	/* Of a device that is gone no handle can be closed. */
	vttm_close(&dev);
	vttm_bind(&dev, true);
	vttm_open(&dev);
}

static const struct dbm_test tests[] = {
	{ "move", "The data is right after every move, and waits for it", move },
	{ "move-leaves", "Nobody writes to where a buffer was", move_leaves },
	{ "move-closed", "A dma-buf that is closed is not asked", move_closed },
	{ "move-hammer", "Moves are invisible in the data", move_hammer },
	{ "evict", "Memory pressure is invisible in the data", evict },
	{ "swap", "The same of system memory", swap },
	{ "invisible", "A touch moves what the CPU does not see to where it does", invisible },
	{ "aperture", "No more of VRAM is mapped than there is room for", aperture },
	{ "sleep", "Nothing is mapped while the device sleeps; a touch wakes it", sleeps },
	{ "errors", "Wrong arguments are refused", errors },
	{ "lost", "Without VRAM accesses complete, and reach nobody else's data", lost },
	{ "unplug", "Accesses go on while the device goes", unplug },
};

int igt_main()
{
	igt_fixture() {
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
		vttm_require(&dev);
	}

	dbm_subtests(tests, 90);

	igt_fixture()
		vttm_close(&dev);
}
