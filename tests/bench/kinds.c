// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <drm/vttm_drm.h>

#include "bench.h"
#include "qxl_drm.h"
#include "dma_buf_mmap/drm.h"

/* What the ways of making a dma-buf are compared at: little to allocate */
#define EXPORT_LENGTH (16 * SZ_4K)

/*
 * Taken before what has a page at a time is made: the first pages are what boot left here
 * and there, which differs, those after them a large block's, in order
 */
#define SCATTERED (28 * SZ_1M)

struct vfio_dev small = { .fd = -1, .iommufd = -1 }, big = { .fd = -1, .iommufd = -1 };

void bars_require(void)
{
	if (small.fd >= 0)
		return;
	vfio_require(&small, 16 * SZ_1M, SZ_1G);
	vfio_open(&small);
	vfio_require(&big, 2 * SZ_1G, 64 * SZ_1G);
	vfio_open(&big);
}

void bars_close(void)
{
	vfio_close(&small);
	vfio_close(&big);
}

int export_mappable(const struct vfio_dev *dev)
{
	int fd = vfio_export(dev);
	void *p = mmap(NULL, SZ_4K, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		close(fd);
	igt_require_f(p != MAP_FAILED, "a BAR's dma-buf cannot be mapped\n");
	dbm_munmap(p, SZ_4K);
	return fd;
}

uint64_t decode_off(const struct vfio_dev *dev)
{
	uint64_t start = ticks();

	vfio_set_decode(dev, false);
	start = ticks() - start;
	vfio_set_decode(dev, true);
	return start;
}

static uint64_t close_since(uint64_t start, int fd)
{
	igt_assert_fd(fd);
	close(fd);
	return ticks() - start;
}

/* BARs */

static void bar_create(const struct kind *k, struct buffer *b, size_t length)
{
	(void)k;
	bars_require();
	igt_require_f(length <= small.size, "the BAR is too small\n");
	*b = (struct buffer) { .fd = small.fd, .offset = small.bar, .drm = -1, .borrowed = true };
}

static void dmabuf_create(const struct kind *k, struct buffer *b, size_t length)
{
	bar_create(k, b, length);
	*b = (struct buffer) { .fd = export_mappable(&small), .drm = -1 };
}

static uint64_t dmabuf_export_close(const struct kind *k)
{
	struct vfio_region_dma_range range = { .length = EXPORT_LENGTH };
	uint64_t start;

	(void)k;
	bars_require();
	start = ticks();
	return close_since(start, __vfio_export(&small, &range, 1, O_RDWR | O_CLOEXEC));
}

/* In runs of 64 KiB of which each is before the other: none is a large leaf by chance */
static int memfd_with_pages(size_t length, unsigned int flags)
{
	const size_t run = flags & MFD_HUGETLB ? SZ_2M : 16 * SZ_4K;
	const int fd = memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC | flags);

	igt_assert_fd(fd);
	igt_assert_eq(ftruncate(fd, length), 0);
	for (size_t end = length; end; end -= run)
		igt_assert_eq(fallocate(fd, 0, end - run, run), 0);
	igt_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

/* GEM objects */

static int drm_device(const char *driver)
{
	const int drm = drm_open_by_name(driver);

	igt_require_f(drm >= 0, "there is no %s\n", driver);
	return drm;
}

static uint32_t vram_handle(int drm, size_t length)
{
	struct drm_qxl_alloc alloc = { .size = length };

	do_ioctl(drm, DRM_IOCTL_QXL_ALLOC, &alloc);
	return alloc.handle;
}

static void gem_create(const struct kind *k, struct buffer *b, uint32_t (*handle)(int, size_t),
		       size_t length)
{
	const int drm = drm_device(k->device);
	uint64_t offset = 0;

	*b = (struct buffer) { .fd = drm, .drm = drm, .handle = handle(drm, length),
			       .borrowed = true };
	igt_assert_eq(drm_map_dumb(drm, b->handle, &offset), 0);
	b->offset = offset;
}

static uint32_t dumb_handle(int drm, size_t length)
{
	return drm_create_dumb(drm, length);
}

static uint32_t vttm_handle(int drm, size_t length, uint32_t domain)
{
	struct drm_vttm_create create = { .size = length, .domain = domain,
					  .flags = DRM_VTTM_CREATE_CACHED };

	do_ioctl(drm, DRM_IOCTL_VTTM_CREATE, &create);
	return create.handle;
}

static uint32_t vttm_vram_handle(int drm, size_t length)
{
	return vttm_handle(drm, length, DRM_VTTM_DOMAIN_VRAM);
}

static uint32_t vttm_system_handle(int drm, size_t length)
{
	return vttm_handle(drm, length, DRM_VTTM_DOMAIN_SYSTEM);
}

static void vttm_vram_create(const struct kind *k, struct buffer *b, size_t length)
{
	gem_create(k, b, vttm_vram_handle, length);
}

static void vttm_system_create(const struct kind *k, struct buffer *b, size_t length)
{
	gem_create(k, b, vttm_system_handle, length);
}

static void vram_create(const struct kind *k, struct buffer *b, size_t length)
{
	gem_create(k, b, vram_handle, length);
}

static void dumb_create(const struct kind *k, struct buffer *b, size_t length)
{
	gem_create(k, b, dumb_handle, length);
}

/* GEM's shared memory has pages as long as a mapping is there */
static void shmem_create(const struct kind *k, struct buffer *b, size_t length)
{
	const int scattered = memfd_with_pages(SCATTERED, 0);

	dumb_create(k, b, length);
	b->kept = dbm_mmap(b->fd, SZ_4K, RW, b->offset);
	close(scattered);
}

static void shmem_dmabuf_create(const struct kind *k, struct buffer *b, size_t length)
{
	shmem_create(k, b, length);
	b->fd = drm_export(b->drm, b->handle);
	b->offset = 0;
	b->borrowed = false;
}

/* The handle keeps the dma-buf: with that gone, it is */
static uint64_t gem_export_close(const struct kind *k, uint32_t (*handle)(int, size_t))
{
	const int drm = drm_device(k->device);
	const uint32_t object = handle(drm, EXPORT_LENGTH);
	uint64_t start = ticks();

	close(drm_export(drm, object));
	drm_close_handle(drm, object);
	start = ticks() - start;
	close(drm);
	return start;
}

static uint64_t vram_export_close(const struct kind *k)
{
	return gem_export_close(k, vram_handle);
}

static uint64_t dumb_export_close(const struct kind *k)
{
	return gem_export_close(k, dumb_handle);
}

/* Heaps, udmabuf, and a memfd for comparison */

static int heap_device(const char *name)
{
	char path[64];
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	heap = open(path, O_RDONLY | O_CLOEXEC);
	igt_require_f(heap >= 0, "there is no %s (CMA: cma=64M on the command line?)\n", path);
	return heap;
}

static int heap_buffer(int heap, size_t length)
{
	struct dma_heap_allocation_data alloc = { .len = length, .fd_flags = O_RDWR | O_CLOEXEC };

	do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc);
	return alloc.fd;
}

static void heap_create(const struct kind *k, struct buffer *b, size_t length)
{
	const int heap = heap_device(k->device);

	*b = (struct buffer) { .fd = heap_buffer(heap, length), .drm = -1 };
	close(heap);
}

static uint64_t heap_export_close(const struct kind *k)
{
	const int heap = heap_device(k->device);
	uint64_t start = ticks();

	start = close_since(start, heap_buffer(heap, EXPORT_LENGTH));
	close(heap);
	return start;
}

static int udmabuf_device(void)
{
	const int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	igt_require_f(dev >= 0, "there is no /dev/udmabuf\n");
	return dev;
}

int make_udmabuf(size_t length, unsigned int memfd_flags)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = length };
	const int dev = udmabuf_device();
	int fd;

	create.memfd = memfd_with_pages(length, memfd_flags);
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	igt_assert_fd(fd);
	close(create.memfd);
	close(dev);
	return fd;
}

static void udmabuf_create(const struct kind *k, struct buffer *b, size_t length)
{
	const int scattered = memfd_with_pages(SCATTERED, 0);

	(void)k;
	*b = (struct buffer) { .fd = make_udmabuf(length, 0), .drm = -1 };
	close(scattered);
}

static uint64_t udmabuf_export_close(const struct kind *k)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = EXPORT_LENGTH };
	const int dev = udmabuf_device();
	uint64_t start;

	(void)k;
	create.memfd = memfd_with_pages(EXPORT_LENGTH, 0);
	start = ticks();
	start = close_since(start, ioctl(dev, UDMABUF_CREATE, &create));
	close(create.memfd);
	close(dev);
	return start;
}

int make_memfd(size_t length)
{
	const int fd = memfd_create("bench", MFD_CLOEXEC);
	char *p;

	igt_assert_fd(fd);
	igt_assert_eq(ftruncate(fd, length), 0);
	p = dbm_mmap(fd, length, RW, 0);
	memset(p, 1, length);
	dbm_munmap(p, length);
	return fd;
}

static void memfd_kind_create(const struct kind *k, struct buffer *b, size_t length)
{
	const int scattered = memfd_with_pages(SCATTERED, 0);

	(void)k;
	*b = (struct buffer) { .fd = make_memfd(length), .drm = -1 };
	close(scattered);
}

void buffer_destroy(struct buffer *b)
{
	if (!b->borrowed)
		close(b->fd);
	if (b->kept)
		dbm_munmap(b->kept, SZ_4K);
	if (b->drm < 0)
		return;
	drm_close_handle(b->drm, b->handle);
	close(b->drm);
}

void kind_figure(const struct kind *k, const char *name, double value)
{
	if (k->large)
		figure(name, value);
	else
		figure_about(name, value);
}

char *buffer_map(const struct buffer *b, char *at)
{
	char *p = mmap(at, SMALL_LENGTH, RW, MAP_SHARED | (at ? MAP_FIXED : 0), b->fd, b->offset);

	igt_assert(p != MAP_FAILED);
	return p;
}

const struct kind kinds[] = {
	{ "bar", NULL, 256 * SZ_1M, bar_create, NULL },
	{ "dmabuf", NULL, 256 * SZ_1M, dmabuf_create, dmabuf_export_close },
	{ "ttm-vram", "qxl", 16 * SZ_1M, vram_create, vram_export_close },
	{ "ttm-system", "qxl", 16 * SZ_1M, dumb_create, dumb_export_close },
	{ "shmem", "vgem", 0, shmem_create, NULL },
	{ "shmem-dmabuf", "vgem", 0, shmem_dmabuf_create, dumb_export_close },
	{ "system-heap", "system", 0, heap_create, heap_export_close },
	{ "cma-heap", "default_cma_region", 32 * SZ_1M, heap_create, heap_export_close },
	{ "udmabuf", NULL, 0, udmabuf_create, udmabuf_export_close },
	{ "memfd", NULL, 0, memfd_kind_create, NULL },
};

const size_t kind_count = ARRAY_SIZE(kinds);

const struct kind vttm_kinds[] = {
	{ "vttm-vram", "vttm", 16 * SZ_1M, vttm_vram_create, NULL },
	{ "vttm-system", "vttm", 16 * SZ_1M, vttm_system_create, NULL },
	{ NULL, NULL, 0, NULL, NULL }
};
