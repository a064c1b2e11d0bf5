// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/kms.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap import
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping of imported buffers
 * Description: A buffer of another exporter, mapped through the DRM fd of its importer; one
 *	dynamic subtest for each importer
 *
 * SUBTEST: bytes
 * Description: The importer's mapping shows the exporter's bytes
 *
 * SUBTEST: readonly
 * Description: An importer's mapping of a strict exporter's dma-buf grants no more than that
 *
 * SUBTEST: may-write
 * Description: An importer's mapping of any other read-only dma-buf is writable, as ever
 *
 * SUBTEST: bounds
 * Description: An importer's mapping ends where the buffer ends
 *
 * SUBTEST: zap
 * Description: A move or a revoke of the exporter reaches the importer's mapping
 *
 * SUBTEST: move-hammer
 * Description: Moves do not disturb accesses through the importer
 *
 * SUBTEST: leaves-2m
 * Description: The importer's mapping has large leaves like the exporter's
 *
 * SUBTEST: lifetime
 * Description: The mapping outlives the handle and the fd, not the buffer
 *
 * SUBTEST: lookup
 * Description: An address in an importer's mapping leads to the exporter's buffer
 *
 * SUBTEST: bar-bytes
 * Description: A PCI BAR imported without P2P DMA shows the same bytes
 *
 * SUBTEST: bar-lookup
 * Description: An address in an imported BAR leads to the exported buffer: split, moved, forked
 *
 * SUBTEST: bar-decode
 * Description: Memory decode off reaches a BAR mapped through its importer
 *
 * SUBTEST: bar-scanout
 * Description: A software display shows a BAR, black while the BAR is revoked
 */
IGT_TEST_DESCRIPTION("Imported dma-bufs mapped through the importer's DRM fd");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)

static struct importer {
	const char *name;
	bool cpu_only;	/* neither pins nor maps what it imports for DMA */
	int fd;
} importers[] = {
	{ "vkms", true, -1 },
	{ "vgem", true, -1 },
	{ "bochs-drm", false, -1 },
	{ "virtio_gpu", false, -1 },
};

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };

/* Import @dmabuf; skip if the importer wants to do DMA and cannot */
static uint32_t import_buffer(const struct importer *im, int dmabuf)
{
	uint32_t handle = 0;
	int err = drm_import(im->fd, dmabuf, &handle);

	igt_require_f(err != ENODEV || strcmp(im->name, "virtio_gpu"),
		      "virtio_gpu imports nothing without blob resources\n");
	igt_require_f(im->cpu_only || err != EOPNOTSUPP, "%s cannot import such a buffer: %s\n",
		      im->name, strerror(err));
	igt_assert_f(!err, "%s: importing: %s\n", im->name, strerror(err));
	return handle;
}

struct imported {
	int dmabuf;
	uint32_t handle;
	char *own, *through;	/* the dma-buf's mapping, and the importer's */
};

static struct imported import_mock(const struct importer *im)
{
	struct imported i = { .dmabuf = mock_create(SIZE, 9) };

	i.handle = import_buffer(im, i.dmabuf);
	i.own = dbm_mmap(i.dmabuf, SIZE, RW, 0);
	i.through = drm_mmap(im->fd, i.handle, SIZE, RW);
	dbm_fill(i.own, SIZE, 0);
	return i;
}

static void release(const struct importer *im, struct imported *i)
{
	dbm_munmap(i->own, SIZE);
	dbm_munmap(i->through, SIZE);
	drm_close_handle(im->fd, i->handle);
	close(i->dmabuf);
}

static void bytes(const struct importer *im)
{
	struct imported i = import_mock(im);

	dbm_check(i.through, SIZE, 0);
	dbm_fill(i.through, SIZE, SIZE);
	dbm_check(i.own, SIZE, SIZE);
	release(im, &i);
}

static void readonly(const struct importer *im)
{
	struct dma_buf_mock_create create = { .size = SIZE, .open_flags = O_RDONLY | O_CLOEXEC };
	int dmabuf = mock_create_args(&create);
	uint32_t handle = import_buffer(im, dmabuf);
	uint64_t offset = 0;
	char *p;

	igt_assert_eq(drm_map_dumb(im->fd, handle, &offset), 0);
	dbm_mmap_err(im->fd, SIZE, RW, MAP_SHARED, offset, EACCES);
	p = dbm_mmap(im->fd, SIZE, PROT_READ, offset);
	dbm_touch(p, SIZE);
	igt_assert_eq(mprotect(p, SIZE, RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(dbm_write(p, 1), SIGSEGV);
	dbm_munmap(p, SIZE);
	drm_close_handle(im->fd, handle);
	close(dmabuf);
}

/* Mesa's renderonly drivers write so into dumb buffers that they export without DRM_RDWR */
static void may_write(const struct importer *im)
{
	uint32_t handle, dumb;
	int vgem = drm_open_by_name("vgem"), dmabuf;
	char *own, *through;

	igt_require_f(vgem >= 0, "there is no vgem\n");
	dumb = drm_create_dumb(vgem, SIZE);
	dmabuf = drm_export_readonly(vgem, dumb);
	igt_assert_fd(dmabuf);
	handle = import_buffer(im, dmabuf);
	own = dbm_mmap(dmabuf, SIZE, PROT_READ, 0);
	through = drm_mmap(im->fd, handle, SIZE, RW);
	dbm_fill(through, SIZE, 0);
	dbm_check(own, SIZE, 0);
	dbm_mmap_err(dmabuf, SIZE, RW, MAP_SHARED, 0, EACCES);
	dbm_munmap(through, SIZE);
	dbm_munmap(own, SIZE);
	drm_close_handle(im->fd, handle);
	close(dmabuf);
	drm_close_handle(vgem, dumb);
	close(vgem);
}

static void bounds(const struct importer *im)
{
	int dmabuf = mock_create(SIZE, 0);
	uint32_t handle = import_buffer(im, dmabuf);
	uint64_t offset = 0;

	igt_assert_eq(drm_map_dumb(im->fd, handle, &offset), 0);
	dbm_munmap(dbm_mmap(im->fd, SIZE, PROT_READ, offset), SIZE);
	dbm_mmap_err(im->fd, SIZE + SZ_4K, PROT_READ, MAP_SHARED, offset, EINVAL);
	dbm_mmap_err(im->fd, SIZE, PROT_READ, MAP_PRIVATE, offset, EINVAL);
	drm_close_handle(im->fd, handle);
	close(dmabuf);
}

static void zap(const struct importer *im)
{
	struct imported i = import_mock(im);

	dbm_check(i.through, SIZE, 0);
	mock_move(i.dmabuf, 0);
	ptdump_assert_none(i.through, SIZE);
	dbm_check(i.through, SIZE, 0);
	mock_set_state(i.dmabuf, DMA_BUF_MOCK_OFF);
	ptdump_assert_none(i.through, SIZE);
	dbm_assert_dummy(i.through, SIZE, 0);
	dbm_assert_signal(i.own, SIZE, SIGBUS);
	dbm_fill(i.through, SIZE, SIZE);
	mock_set_state(i.dmabuf, DMA_BUF_MOCK_READY);
	ptdump_assert_none(i.through, SIZE);
	dbm_check(i.through, SIZE, 0);
	mock_set_state(i.dmabuf, DMA_BUF_MOCK_REVOKED);
	ptdump_assert_none(i.through, SIZE);
	dbm_assert_dummy(i.through, SIZE, 0);
	dbm_assert_signal(i.own, SIZE, SIGBUS);
	release(im, &i);
}

static void move_hammer(const struct importer *im)
{
	struct imported i = import_mock(im);
	struct hammer *h = hammer_start(i.through, SIZE);

	for (int n = 0; n < 10; n++) {
		mock_move(i.dmabuf, 0);
		hammer_assert_progress(h, 5000);
	}
	hammer_stop(h);
	dbm_check(i.own, SIZE, 0);
	release(im, &i);
}

/* DRM places its mappings by itself; here at an address that suits 2 MiB leaves */
static void leaves_2m(const struct importer *im)
{
	struct imported i = import_mock(im);
	uint64_t offset = 0;
	char *space = mmap(NULL, SIZE + SZ_2M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;
	struct ptdump d;

	igt_assert(space != MAP_FAILED);
	p = (char *)(((uintptr_t)space + SZ_2M - 1) & ~(SZ_2M - 1));
	igt_assert_eq(drm_map_dumb(im->fd, i.handle, &offset), 0);
	igt_assert(mmap(p, SIZE, RW, MAP_SHARED | MAP_FIXED, im->fd, offset) == p);
	dbm_check(p, SIZE, 0);
	d = ptdump(p, SIZE);
	igt_assert_eq(d.pmd, SIZE / SZ_2M);
	igt_assert_eq(d.pte, 0);
	dbm_munmap(space, SIZE + SZ_2M);
	release(im, &i);
}

static void lifetime(const struct importer *im)
{
	struct imported i = import_mock(im);

	drm_close_handle(im->fd, i.handle);
	dbm_munmap(i.own, SIZE);
	dbm_check(i.through, SIZE, 0);
	mock_set_state(i.dmabuf, DMA_BUF_MOCK_REVOKED);
	close(i.dmabuf);
	dbm_assert_dummy(i.through, SIZE, 0);
	dbm_munmap(i.through, SIZE);
}

static void lookup(const struct importer *im)
{
	struct imported i = import_mock(im);

	mock_assert_lookup(i.through, SIZE, i.dmabuf, 0);
	igt_assert_eq(mprotect(i.through + SZ_2M, SZ_4K, PROT_READ), 0);
	igt_fork(child, 1) {
		mock_assert_lookup(i.through + SZ_2M, SZ_4K, i.dmabuf, SZ_2M);
		mock_assert_lookup(i.through + 1, SIZE - 1, i.dmabuf, 1);
	}
	igt_waitchildren_timeout(10, "the child does not end");
	release(im, &i);
}

#define BAR_AT (2 * SZ_2M)

static void bar_bytes(const struct importer *im)
{
	char *bar = dbm_mmap(dev.fd, SIZE, RW, dev.bar + BAR_AT), *p;
	struct vfio_region_dma_range r = { BAR_AT, SIZE };
	int dmabuf = __vfio_export(&dev, &r, 1, O_RDWR | O_CLOEXEC);
	uint32_t handle;

	igt_assert_fd(dmabuf);
	handle = import_buffer(im, dmabuf);
	p = drm_mmap(im->fd, handle, SIZE, RW);
	dbm_check(p, SIZE, BAR_AT);
	for (uint64_t o = 0; o < SIZE; o += SZ_4K) {
		dbm_assert_write(p + o + 0x200, o + 1);
		dbm_assert_read(bar + o + 0x200, o + 1);
		dbm_assert_write(bar + o + 0x200, o + 2);
		dbm_assert_read(p + o + 0x200, o + 2);
	}
	dbm_munmap(p, SIZE);
	dbm_munmap(bar, SIZE);
	drm_close_handle(im->fd, handle);
	close(dmabuf);
}

static void bar_lookup(const struct importer *im)
{
	struct vfio_region_dma_range r = { BAR_AT, SIZE };
	int dmabuf = __vfio_export(&dev, &r, 1, O_RDWR | O_CLOEXEC);
	uint32_t handle;
	char *p, *q;

	mock_require();
	igt_assert_fd(dmabuf);
	handle = import_buffer(im, dmabuf);
	p = drm_mmap(im->fd, handle, SIZE, RW);
	q = mmap(NULL, SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(q != MAP_FAILED);
	mock_assert_lookup(p, SIZE, dmabuf, 0);
	mock_assert_lookup_err(q, 1, ENOENT);
	igt_assert_eq(mprotect(p + SZ_2M, SZ_4K, PROT_READ), 0);
	igt_assert(mremap(p + SZ_4K, SZ_4K, SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	igt_fork(child, 1) {
		mock_assert_lookup(q + 1, 1, dmabuf, SZ_4K + 1);
		mock_assert_lookup_err(p + SZ_4K, 1, EFAULT);
		mock_assert_lookup(p + SZ_2M, SZ_4K, dmabuf, SZ_2M);
		mock_assert_lookup(p + 2 * SZ_4K, SIZE - 2 * SZ_4K, dmabuf, 2 * SZ_4K);
	}
	igt_waitchildren_timeout(10, "the child does not end");
	dbm_munmap(p, SIZE);
	dbm_munmap(q, SZ_4K);
	drm_close_handle(im->fd, handle);
	close(dmabuf);
}

static void bar_decode(const struct importer *im)
{
	int dmabuf = vfio_export(&dev);
	uint32_t handle = import_buffer(im, dmabuf);
	char *p = drm_mmap(im->fd, handle, dev.size, RW) + BAR_AT;

	dbm_check(p, SIZE, BAR_AT);
	vfio_set_decode(&dev, false);
	ptdump_assert_none(p, SIZE);
	dbm_assert_dummy(p, SIZE, UINT64_MAX);
	dbm_fill(p, SIZE, 0);
	vfio_set_decode(&dev, true);
	ptdump_assert_none(p, SIZE);
	dbm_check(p, SIZE, BAR_AT);
	dbm_munmap(p - BAR_AT, dev.size);
	drm_close_handle(im->fd, handle);
	close(dmabuf);
}

/* What the importer's own mapping shows, by the CRC of the frames it composes */
static void bar_scanout(void)
{
	struct vfio_region_dma_range r = { BAR_AT, 0 };
	const int vkms = importers[0].fd;
	uint32_t handle = 0, fb, black, shown;
	struct kms kms;
	uint64_t word;
	char *bar;
	int dmabuf;

	igt_require_f(vkms >= 0, "there is no vkms\n");
	kms_require(&kms, vkms);
	r.length = (kms_fb_size(&kms) + SZ_4K - 1) & ~(SZ_4K - 1);
	black = kms_crc_black(&kms);

	bar = dbm_mmap(dev.fd, r.length, RW, dev.bar + BAR_AT);
	for (uint64_t o = 0; o < r.length; o += SZ_4K)
		dbm_assert_write(bar + o + 0x200, o + 1);
	dmabuf = __vfio_export(&dev, &r, 1, O_RDWR | O_CLOEXEC);
	igt_assert_fd(dmabuf);
	igt_assert_eq(drm_import(vkms, dmabuf, &handle), 0);
	fb = kms_show(&kms, handle);
	shown = kms_crc(&kms);
	igt_assert_neq(shown, black);

	igt_assert_eq(dbm_read(bar + 0x400, &word), 0);
	dbm_assert_write(bar + 0x400, ~word);
	igt_assert_neq(kms_crc(&kms), shown);
	dbm_assert_write(bar + 0x400, word);
	igt_assert_eq(kms_crc(&kms), shown);

	vfio_set_decode(&dev, false);
	igt_assert_eq(kms_crc(&kms), black);
	vfio_set_decode(&dev, true);
	igt_assert_eq(kms_crc(&kms), shown);
	if (dev.has_reset) {
		vfio_reset(&dev);
		igt_assert_eq(kms_crc(&kms), shown);
	}

	/* For good: the device is closed, the buffer still shown */
	dbm_munmap(bar, r.length);
	vfio_close(&dev);
	igt_assert_eq(kms_crc(&kms), black);
	vfio_open(&dev);
	igt_assert_eq(kms_crc(&kms), black);
	kms_hide(&kms, fb);
	drm_close_handle(vkms, handle);
	close(dmabuf);
}

static const struct import_test {
	const char *name, *describe;
	void (*run)(const struct importer *im);
	bool cpu_only;	/* a pinned buffer would not move */
} mock_tests[] = {
	{ "bytes", "An imported buffer can be mapped like an own one", bytes, false },
	{ "readonly", "Importing grants nothing", readonly, false },
	{ "may-write", "Who wrote through an importer still does", may_write, false },
	{ "bounds", "Importing does not lengthen a buffer", bounds, false },
	{ "zap", "The exporter stays in charge", zap, true },
	{ "move-hammer", "Accesses through an importer survive moves", move_hammer, true },
	{ "leaves-2m", "Importing does not shrink the leaves", leaves_2m, true },
	{ "lifetime", "The mapping holds the buffer", lifetime, true },
	{ "lookup", "The exporter's buffer is what is found", lookup, true },
}, bar_tests[] = {
	{ "bar-bytes", "A CPU-only importer needs no P2P", bar_bytes, true },
	{ "bar-lookup", "Through DRM an address leads to VFIO's buffer", bar_lookup, true },
	{ "bar-decode", "VFIO's rules hold through DRM", bar_decode, true },
};

static void subtests(const struct import_test *t, size_t count)
{
	for (; count; t++, count--) {
		igt_describe(t->describe);
		igt_subtest_with_dynamic(t->name)
			for (size_t i = 0; i < ARRAY_SIZE(importers); i++) {
				if (importers[i].fd < 0 || (t->cpu_only && !importers[i].cpu_only))
					continue;
				igt_dynamic(importers[i].name) {
					igt_set_timeout(30, t->name);
					t->run(&importers[i]);
					igt_reset_timeout();
				}
			}
	}
}

int igt_main()
{
	igt_fixture() {
		bool any = false;

		for (size_t i = 0; i < ARRAY_SIZE(importers); i++) {
			importers[i].fd = drm_open_by_name(importers[i].name);
			any |= importers[i].fd >= 0;
		}
		igt_require_f(any, "there is none of vkms, vgem, bochs-drm and virtio_gpu\n");
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
	}

	igt_subtest_group() {
		igt_fixture()
			mock_require();
		subtests(mock_tests, ARRAY_SIZE(mock_tests));
	}

	igt_subtest_group() {
		igt_fixture() {
			vfio_require(&dev, 16 * SZ_1M, SZ_1G);
			vfio_open(&dev);
			close(vfio_export(&dev));
			vfio_prefill(&dev);
		}
		subtests(bar_tests, ARRAY_SIZE(bar_tests));
		igt_describe("A revoke reaches the mapping that the importer itself has");
		igt_subtest("bar-scanout") {
			igt_set_timeout(60, "bar-scanout");
			bar_scanout();
			igt_reset_timeout();
		}
	}

	igt_fixture()
		vfio_close(&dev);
}
