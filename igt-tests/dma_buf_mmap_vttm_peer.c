// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/kms.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"
#include "dma_buf_mmap/vttm.h"

/**
 * TEST: dma buf mmap vttm peer
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: buffer management
 * Description: Buffers of a TTM device (vttm) that others have imported, and a VFIO BAR that it
 *              has imported, mapped by all of them.
 *
 * SUBTEST: peer
 * Description: Another device has the buffer where it can reach it
 *
 * SUBTEST: peer-closed
 * Description: An importer is told of moves without a handle, too
 *
 * SUBTEST: scanout
 * Description: A display shows VRAM, which stays where it is meanwhile
 *
 * SUBTEST: bar
 * Description: A VFIO BAR that it imports, beside its own VRAM, in two processes
 */

IGT_TEST_DESCRIPTION("Check mappings of what TTM devices import and export");

#define SIZE	(2 * SZ_2M)
#define RW	(PROT_READ | PROT_WRITE)

static struct vttm dev;

/* Mapped through the importer too; its engine reads and writes by DMA addresses. */
static void peer(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	struct vttm_peer p = vttm_peer_import(&b);
	char *import = drm_mmap(p.fd, p.import, SIZE, RW);

	dbm_fill(b.native, SIZE, 0);
	dbm_check(import, SIZE, 0);

	for (int i = 0; i < 4; i++) {
		const uint32_t domain = i % 2 ? DRM_VTTM_DOMAIN_SYSTEM : DRM_VTTM_DOMAIN_VRAM;

		/* Into VRAM, where the importer reaches it, and out, under the importer. */
		vttm_place(&dev, &b, domain);
		vttm_peer_check(&p, 0);
		igt_assert_eq(vttm_info(&dev, &b, 0).domain, domain);
		dbm_assert_write(p.own + 8, i);
		igt_assert_eq(__vttm_copy(p.fd, p.target, p.import, SIZE), 0);
		drm_buffer_check(&b, 0);
		dbm_check(import, SIZE, 0);
		dbm_assert_read(import + 8, i);
		dbm_assert_read(b.shared + 8, i);
	}
	dbm_munmap(import, SIZE);
	vttm_peer_close(&p);
	drm_buffer_destroy(dev.fd, &b);
}

/* Who exported it has closed the handle: the importer is still told that the buffer moves. */
static void peer_closed(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	struct vttm_peer p = vttm_peer_import(&b);

	dbm_fill(b.native, SIZE, 0);
	vttm_peer_check(&p, 0);

	dbm_munmap(b.native, SIZE);
	drm_close_handle(dev.fd, b.handle);
	/* A touch moves it into system memory. */
	vttm_set(&dev, "visible", 0);
	dbm_touch(b.shared, SIZE);
	vttm_peer_check(&p, 0);

	vttm_peer_close(&p);
	dbm_munmap(b.shared, SIZE);
	close(b.fd);
	vttm_reset(&dev);
}

/* Shown by a display that is no PCI device, whose CPU reads it where it is */
static void scanout(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	const int vkms = drm_open_by_name("vkms");
	uint32_t handle, fb, shown, black;
	struct kms kms;
	uint64_t word;

	igt_require_f(vkms >= 0, "there is no vkms\n");
	kms_require(&kms, vkms);
	igt_require_f(kms_fb_size(&kms) <= SIZE, "the display is too large for %lu MiB\n",
		      SIZE / SZ_1M);
	black = kms_crc_black(&kms);
	dbm_fill(b.native, SIZE, 0);
	igt_assert_eq(drm_import(vkms, b.fd, &handle), 0);
	fb = kms_show(&kms, handle);
	shown = kms_crc(&kms);
	igt_assert_neq(shown, black);

	igt_assert_eq(vttm_info(&dev, &b, 0).domain, DRM_VTTM_DOMAIN_VRAM);
	igt_assert_eq(__vttm_place(&dev, &b, DRM_VTTM_DOMAIN_SYSTEM), EBUSY);
	igt_assert_eq(dbm_read(b.shared + 0x400, &word), 0);
	dbm_assert_write(b.native + 0x400, ~word);
	igt_assert_neq(kms_crc(&kms), shown);
	dbm_assert_write(b.shared + 0x400, word);
	igt_assert_eq(kms_crc(&kms), shown);

	kms_hide(&kms, fb);
	vttm_place(&dev, &b, DRM_VTTM_DOMAIN_SYSTEM);
	drm_buffer_check(&b, 0);
	drm_close_handle(vkms, handle);
	close(vkms);
	drm_buffer_destroy(dev.fd, &b);
}

enum { VIEW_VFIO, VIEW_DMABUF, VIEW_DRM, VIEWS };

/* A VFIO BAR in three views: the device's, the dma-buf's and the TTM device's that imports it */
struct bar {
	struct vfio_dev vfio;
	int fd;
	uint32_t handle;
	char *views[VIEWS];
};

static void bar_map(struct bar *bar)
{
	bar->views[VIEW_VFIO] = dbm_mmap(bar->vfio.fd, SIZE, RW, bar->vfio.bar);
	bar->views[VIEW_DMABUF] = dbm_mmap(bar->fd, SIZE, RW, 0);
	bar->views[VIEW_DRM] = drm_mmap(dev.fd, bar->handle, SIZE, RW);
}

static void bar_unmap(struct bar *bar)
{
	for (int i = 0; i < VIEWS; i++)
		dbm_munmap(bar->views[i], SIZE);
}

static void bar_assert_dead(const struct bar *bar, int first)
{
	ptdump_assert_none(bar->views[VIEW_DRM], SIZE);
	for (int i = first; i < VIEW_DRM; i++) {
		ptdump_assert_none(bar->views[i], SIZE);
		dbm_assert_signal(bar->views[i], 16 * SZ_4K, SIGBUS);
	}
	/* Through a DRM fd accesses complete. */
	dbm_assert_dummy(bar->views[VIEW_DRM], 16 * SZ_4K, UINT64_MAX);
}

/* What the other process does with mappings of its own, on one command after the other */
enum bar_command { BAR_READ = 1, BAR_DEAD, BAR_DEAD_FOR_GOOD, BAR_END };

struct bar_sync {
	volatile enum bar_command command;
	volatile uint64_t value;
	volatile int asked, done;
};

static void bar_tell(struct bar_sync *s, enum bar_command command, uint64_t value)
{
	s->command = command;
	s->value = value;
	dbm_wait_for(&s->done, ++s->asked, 30000);
}

static void bar_other_process(struct bar bar, struct drm_buffer b, struct bar_sync *s)
{
	enum bar_command command;
	struct hammer *h;

	bar_map(&bar);
	b.shared = dbm_mmap(b.fd, SIZE, RW, 0);
	h = hammer_start(b.shared, SIZE / 2);
	do {
		dbm_wait_for(&s->asked, s->done + 1, 30000);
		command = s->command;
		for (int i = 0; command == BAR_READ && i < VIEWS; i++)
			for (size_t o = 8; o < SIZE; o += SZ_2M)
				dbm_assert_read(bar.views[i] + o, s->value);
		if (command == BAR_DEAD || command == BAR_DEAD_FOR_GOOD)
			bar_assert_dead(&bar, command == BAR_DEAD ? VIEW_VFIO : VIEW_DMABUF);
		hammer_assert_progress(h, 20000);
		s->done++;
	} while (command != BAR_END);
	hammer_stop(h);
}

/*
 * The importer's engine reads the BAR by DMA addresses, and its VRAM moves all the time, under
 * both processes too.
 */
static void bar(void)
{
	static const uint32_t domains[] = { DRM_VTTM_DOMAIN_SYSTEM, DRM_VTTM_DOMAIN_VRAM };
	struct bar bar = { .vfio = { .fd = -1, .iommufd = -1 } };
	struct bar_sync *s = dbm_shared(SZ_4K);
	struct drm_buffer b;
	struct hammer *h;
	uint32_t target;
	char *copy;

	vfio_require(&bar.vfio, SIZE, SIZE + 1);
	vfio_open(&bar.vfio);
	bar.fd = vfio_export(&bar.vfio);
	igt_assert_eq(drm_import(dev.fd, bar.fd, &bar.handle), 0);
	bar_map(&bar);
	dbm_fill(bar.views[VIEW_DRM], SIZE, 0);

	b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	dbm_fill(b.shared, SIZE, 0);
	target = vttm_create_handle(dev.fd, SIZE, DRM_VTTM_DOMAIN_VRAM);
	copy = drm_mmap(dev.fd, target, SIZE, RW);
	vttm_set(&dev, "copy_delay_ms", 5);

	igt_fork(child, 1)
		bar_other_process(bar, b, s);
	h = hammer_start(b.native + SIZE / 2, SIZE / 2);

	for (int round = 0; round < 4; round++) {
		vttm_place(&dev, &b, domains[round % 2]);
		for (size_t o = 8; o < SIZE; o += SZ_2M)
			dbm_assert_write(bar.views[round % VIEWS] + o, round);
		bar_tell(s, BAR_READ, round);

		igt_assert_eq(__vttm_copy(dev.fd, bar.handle, target, SIZE), 0);
		dbm_check(copy, SIZE, 0);
		dbm_assert_read(copy + 8, round);
		vttm_place(&dev, &b, domains[!(round % 2)]);

		vfio_set_decode(&bar.vfio, false);
		bar_assert_dead(&bar, VIEW_VFIO);
		bar_tell(s, BAR_DEAD, 0);
		igt_assert_eq(__vttm_copy(dev.fd, bar.handle, target, SIZE), ENODEV);
		vfio_set_decode(&bar.vfio, true);
		for (int i = 0; i < VIEWS; i++)
			dbm_check(bar.views[i], SIZE, 0);
		bar_tell(s, BAR_READ, round);
		/* By the importer's engine, too */
		dbm_assert_write(copy + 8, round + 100);
		igt_assert_eq(__vttm_copy(dev.fd, target, bar.handle, SIZE), 0);
		dbm_assert_read(bar.views[VIEW_VFIO] + 8, round + 100);
		hammer_assert_progress(h, 20000);
	}

	/* The dma-buf is gone for good, the device still there. */
	igt_assert_eq(__vfio_revoke(&bar.vfio, bar.fd), 0);
	bar_assert_dead(&bar, VIEW_DMABUF);
	bar_tell(s, BAR_DEAD_FOR_GOOD, 0);
	igt_assert_eq(__vttm_copy(dev.fd, bar.handle, target, SIZE), ENODEV);
	vfio_set_decode(&bar.vfio, false);
	vfio_set_decode(&bar.vfio, true);
	bar_assert_dead(&bar, VIEW_DMABUF);
	bar_tell(s, BAR_DEAD_FOR_GOOD, 0);
	dbm_check(bar.views[VIEW_VFIO], SIZE, 0);

	bar_tell(s, BAR_END, 0);
	igt_waitchildren_timeout(20, "the other process does not end");
	hammer_stop(h);
	drm_buffer_check(&b, 0);
	dbm_munmap(copy, SIZE);
	drm_close_handle(dev.fd, target);
	drm_buffer_destroy(dev.fd, &b);
	bar_unmap(&bar);
	drm_close_handle(dev.fd, bar.handle);
	close(bar.fd);
	vfio_close(&bar.vfio);
	dbm_munmap(s, SZ_4K);
	vttm_reset(&dev);
}

static const struct dbm_test tests[] = {
	{ "peer", "Another device has the buffer where it can reach it", peer },
	{ "peer-closed", "An importer is told of moves without a handle, too", peer_closed },
	{ "scanout", "A display shows VRAM, which stays where it is meanwhile", scanout },
	{ "bar", "A VFIO BAR that it imports, beside its own VRAM, in two processes", bar },
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
