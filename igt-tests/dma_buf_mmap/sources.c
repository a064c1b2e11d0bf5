// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "igt.h"
#include "igt_device_scan.h"
#include "qxl_drm.h"
#include <drm/vttm_drm.h>
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/gpu.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/sources.h"
#include "dma_buf_mmap/vfio.h"
#include "dma_buf_mmap/video.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB 0x0004U
#endif
#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif

/* The mock exporter */

static void mock_source_require(struct source *s)
{
	(void)s;
	mock_require();
}

static void mock_source_create(struct source_buffer *b, int access)
{
	struct dma_buf_mock_create create = {
		.size = SOURCE_SIZE,
		.chunk_order = b->source->arg,
		.caching = b->source->caching == PTDUMP_WC ? DMA_BUF_MOCK_WRITE_COMBINED :
							     DMA_BUF_MOCK_CACHED,
		.open_flags = access | O_CLOEXEC,
	};

	b->fd = mock_create_args(&create);
}

static void mock_source_set_away(struct source_buffer *b, bool away)
{
	mock_set_state(b->fd, away ? DMA_BUF_MOCK_OFF : DMA_BUF_MOCK_READY);
}

/* DRM drivers: dumb buffers, and what some have besides */

void drm_source_require(struct source *s)
{
	if (!s->fd)
		s->fd = drm_open_by_name(s->device);
	if (s->fd < 0)
		s->fd = 0;
	igt_require_f(s->fd, "there is no %s device\n", s->device);
}

/* @map says where the object is in the DRM fd. */
static void drm_source_export_with(struct source_buffer *b, int access,
				   int (*map)(int drm, uint32_t handle, uint64_t *offset))
{
	struct drm_prime_handle prime = { .handle = b->handle, .flags = DRM_CLOEXEC };
	uint64_t offset = 0;

	b->native = b->source->fd;
	igt_assert_eq(map(b->native, b->handle, &offset), 0);
	b->native_offset = offset;
	if (access == SOURCE_NOT_EXPORTED)
		return;
	if (access == O_RDWR)
		prime.flags |= DRM_RDWR;
	do_ioctl(b->native, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	b->fd = prime.fd;
}

static void drm_source_export(struct source_buffer *b, int access)
{
	drm_source_export_with(b, access, drm_map_dumb);
}

static void dumb_create(struct source_buffer *b, int access)
{
	b->handle = drm_create_dumb(b->source->fd, SOURCE_SIZE);
	drm_source_export(b, access);
}

static void qxl_vram_create(struct source_buffer *b, int access)
{
	struct drm_qxl_alloc alloc = { .size = SOURCE_SIZE };

	do_ioctl(b->source->fd, DRM_IOCTL_QXL_ALLOC, &alloc);
	b->handle = alloc.handle;
	drm_source_export(b, access);
}

/* In which of its memories; its dumb buffers are in VRAM. */
static void vttm_create(struct source_buffer *b, int access)
{
	struct drm_vttm_create create = {
		.size = SOURCE_SIZE,
		.domain = DRM_VTTM_DOMAIN_SYSTEM,
		.flags = b->source->arg,
	};

	do_ioctl(b->source->fd, DRM_IOCTL_VTTM_CREATE, &create);
	b->handle = create.handle;
	drm_source_export(b, access);
}

static void drm_source_destroy(struct source_buffer *b)
{
	drm_close_handle(b->native, b->handle);
}

/* What the drivers of GPUs have buffers in, by ioctls of their own */

void gpu_source_require(struct source *s)
{
	if (!s->fd)
		s->fd = gpu_open(s->device);
	if (s->fd < 0)
		s->fd = 0;
	igt_require_f(s->fd, "there is no %s device\n", s->device);
}

static void gpu_create(struct source_buffer *b, int access)
{
	const struct gpu_memory *memory = b->source->memory;

	igt_assert_eq(memory->create(memory, b->source->fd, SOURCE_SIZE, &b->handle), 0);
	drm_source_export_with(b, access, memory->map);
}

/* udmabuf: a memfd whose pages are pinned */

static int make_memfd(unsigned int flags)
{
	int fd = memfd_create("igt-udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC | flags);
	int err;

	if (fd < 0)
		return -errno;
	/*
	 * Huge pages may not be there. Others are, but fallocate() leaves pages that are
	 * cleared when the memfd is first touched: too late for the udmabuf.
	 */
	if (!ftruncate(fd, SOURCE_SIZE) && !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) &&
	    (!(flags & MFD_HUGETLB) || !fallocate(fd, 0, 0, SOURCE_SIZE)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static void udmabuf_require(struct source *s)
{
	int memfd;

	if (!s->fd) {
		int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

		igt_require_f(fd >= 0, "/dev/udmabuf: %s (CONFIG_UDMABUF)\n", strerror(errno));
		s->fd = fd;
	}
	memfd = make_memfd(s->arg);
	igt_require_f(memfd >= 0, "no memfd of that kind: %s%s\n", strerror(-memfd),
		      s->arg ? " (boot parameter hugepages=, CONFIG_HUGETLBFS)" : "");
	close(memfd);
}

static void udmabuf_source_create(struct source_buffer *b, int access)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SOURCE_SIZE };

	igt_assert_eq(access, O_RDWR);
	b->native = make_memfd(b->source->arg);
	igt_assert_f(b->native >= 0, "making a memfd: %s\n", strerror(-b->native));
	create.memfd = b->native;
	b->fd = ioctl(b->source->fd, UDMABUF_CREATE, &create);
	igt_assert_f(b->fd >= 0, "UDMABUF_CREATE: %s\n", strerror(errno));
}

static void udmabuf_destroy(struct source_buffer *b)
{
	close(b->native);
}

/* DMA heaps */

void heap_source_require(struct source *s)
{
	char names[128], path[160], *rest = names, *name;

	snprintf(names, sizeof(names), "%s", s->device);
	while (!s->fd && (name = strsep(&rest, " "))) {
		int fd;

		snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			s->fd = fd;
	}
	igt_require_f(s->fd, "/dev/dma_heap/ has none of: %s\n", s->device);
}

static void heap_create(struct source_buffer *b, int access)
{
	struct dma_heap_allocation_data alloc = {
		.len = SOURCE_SIZE,
		.fd_flags = access | O_CLOEXEC,
	};

	do_ioctl(b->source->fd, DMA_HEAP_IOCTL_ALLOC, &alloc);
	b->fd = alloc.fd;
}

/*
 * A BAR.  Buffers that are in use together are in different places of it; the first
 * word of each page is left alone, see vfio.h.
 */

static struct vfio_dev vfio = { .fd = -1, .iommufd = -1 };

static void vfio_source_require(struct source *s)
{
	(void)s;
	if (vfio.fd < 0) {
		vfio_require(&vfio, 16 * SOURCE_SIZE, SZ_1G);
		vfio_open(&vfio);
		close(vfio_export(&vfio));
	}
	vfio_set_decode(&vfio, true);
}

static uint64_t vfio_place(const struct source_buffer *b)
{
	return (1 + b->id % 4) * SOURCE_SIZE;
}

static void vfio_source_export(struct source_buffer *b, const struct vfio_region_dma_range *r,
			       unsigned int count, int access)
{
	b->fd = __vfio_export(&vfio, r, count, access | O_CLOEXEC);
	igt_assert_f(b->fd >= 0, "exporting part of the BAR: %s\n", strerror(-b->fd));
}

static void bar_create(struct source_buffer *b, int access)
{
	const struct vfio_region_dma_range r = { vfio_place(b), SOURCE_SIZE };

	vfio_source_export(b, &r, 1, access);
	b->native = vfio.fd;
	b->native_offset = vfio.bar + vfio_place(b);
}

/* Two runs in reverse order, with a gap between them */
static void bar_runs_create(struct source_buffer *b, int access)
{
	const uint64_t half = SOURCE_SIZE / 2, at = vfio_place(b);
	const struct vfio_region_dma_range r[] = {
		{ at + 4 * SOURCE_SIZE + half, half }, { at, half },
	};

	vfio_source_export(b, r, ARRAY_SIZE(r), access);
}

static void bar_set_away(struct source_buffer *b, bool away)
{
	(void)b;
	vfio_set_decode(&vfio, !away);
}

#define GEM (SOURCE_READONLY | SOURCE_NATIVE | SOURCE_GEM)
#define BAR (SOURCE_READONLY | SOURCE_LARGE | SOURCE_AWAY)
#define UC (PTDUMP_UC_MINUS | PTDUMP_UC)

#define MOCK(n, f, c, order) \
	{ .name = n, .flags = SOURCE_READONLY | SOURCE_AWAY | SOURCE_MOVES | (f), .caching = c, \
	  .arg = order, \
	  .require = mock_source_require, .create = mock_source_create, \
	  .set_away = mock_source_set_away }
#define DUMB(n, f, driver, c) \
	{ .name = n, .flags = GEM | (f), .caching = c, .device = driver, \
	  .require = drm_source_require, .create = dumb_create, .destroy = drm_source_destroy }
#define UDMABUF(n, f, memfd_flags) \
	{ .name = n, .flags = SOURCE_NATIVE | (f), .caching = PTDUMP_WB, .arg = memfd_flags, \
	  .require = udmabuf_require, .create = udmabuf_source_create, \
	  .destroy = udmabuf_destroy }
#define HEAP(n, f, heaps) \
	{ .name = n, .flags = SOURCE_READONLY | (f), .caching = PTDUMP_WB, .device = heaps, \
	  .require = heap_source_require, .create = heap_create }

static const struct source known[] = {
	MOCK("mock", 0, PTDUMP_WB, 0),
	MOCK("mock-large", SOURCE_LARGE, PTDUMP_WB, 9),
	MOCK("mock-write-combined", 0, PTDUMP_WC, 4),
	DUMB("vgem", 0, "vgem", PTDUMP_WC),
	DUMB("vkms", 0, "vkms", PTDUMP_WB),
	DUMB("bochs", 0, "bochs-drm", PTDUMP_WB),
	DUMB("virtio-gpu", 0, "virtio_gpu", PTDUMP_WB),
	DUMB("qxl", SOURCE_MOVES, "qxl", PTDUMP_WB),
	{ .name = "qxl-vram", .flags = GEM | SOURCE_LARGE | SOURCE_MOVES,
	  .caching = PTDUMP_WC | PTDUMP_UC_MINUS,
	  .device = "qxl", .require = drm_source_require, .create = qxl_vram_create,
	  .destroy = drm_source_destroy },
	DUMB("vttm-vram", SOURCE_LARGE | SOURCE_MOVES, "vttm", PTDUMP_WC),
	{ .name = "vttm-system", .flags = GEM | SOURCE_MOVES, .caching = PTDUMP_WC,
	  .device = "vttm", .require = drm_source_require, .create = vttm_create,
	  .destroy = drm_source_destroy },
	{ .name = "vttm-cached", .flags = GEM | SOURCE_MOVES, .caching = PTDUMP_WB,
	  .arg = DRM_VTTM_CREATE_CACHED, .device = "vttm", .require = drm_source_require,
	  .create = vttm_create, .destroy = drm_source_destroy },
	DUMB("radeon", SOURCE_LARGE | SOURCE_MOVES, "radeon", PTDUMP_WC | PTDUMP_UC_MINUS),
	UDMABUF("udmabuf", 0, 0),
	UDMABUF("udmabuf-hugetlb", SOURCE_LARGE, MFD_HUGETLB | MFD_HUGE_2MB),
	HEAP("heap-system", SOURCE_EAGER, "system"),
	HEAP("heap-cma", SOURCE_LARGE, "default_cma_region"),
	{ .name = "vfio-bar", .flags = BAR | SOURCE_NATIVE, .caching = UC,
	  .require = vfio_source_require, .create = bar_create, .set_away = bar_set_away },
	{ .name = "vfio-bar-runs", .flags = BAR, .caching = UC,
	  .require = vfio_source_require, .create = bar_runs_create, .set_away = bar_set_away },
};

struct source sources[SOURCES_MAX];
size_t source_count;

void sources_take_known(void)
{
	if (source_count)
		return;
	memcpy(sources, known, sizeof(known));
	source_count = ARRAY_SIZE(known);
}

/* --device names DRM devices: sources that are none of those go. */
static void keep_chosen(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < source_count; i++) {
		bool drm = sources[i].require == drm_source_require ||
			   sources[i].require == gpu_source_require;
		int fd = drm ? drm_open_by_name(sources[i].device) : -1;

		if (fd < 0)
			continue;
		close(fd);
		sources[kept++] = sources[i];
	}
	source_count = kept;
	igt_require_f(kept, "no DRM device that --device names has buffers to map\n");
}

void sources_find(void)
{
	if (source_count)
		return;
	sources_take_known();
	sources_find_others();
	if (igt_device_filter_count())
		keep_chosen();
}

void drm_source_dumb(struct source *s)
{
	s->flags = SOURCE_READONLY | SOURCE_NATIVE | SOURCE_UNKNOWN;
	s->require = drm_source_require;
	s->create = dumb_create;
	s->destroy = drm_source_destroy;
}

void gpu_source(struct source *s, const struct gpu_memory *memory)
{
	s->flags = SOURCE_READONLY | SOURCE_NATIVE | SOURCE_UNKNOWN;
	s->memory = memory;
	s->require = gpu_source_require;
	s->create = gpu_create;
	s->destroy = drm_source_destroy;
}

void heap_source(struct source *s)
{
	s->flags = SOURCE_READONLY | SOURCE_UNKNOWN;
	s->require = heap_source_require;
	s->create = heap_create;
}

/* Video devices, on videobuf2 */

void video_source_require(struct source *s)
{
	int fd = s->fd ?: open(s->device, O_RDWR | O_CLOEXEC);

	igt_require_f(fd >= 0, "%s cannot be opened: %s\n", s->device, strerror(errno));
	s->fd = fd;
}

static void video_create(struct source_buffer *b, int access)
{
	const struct source *s = b->source;

	b->fd = video_export(s->fd, s->arg, SOURCE_SIZE, access | O_CLOEXEC);
	igt_assert_f(b->fd >= 0, "%s: %s\n", s->device, strerror(-b->fd));
}

void video_source(struct source *s, uint32_t type)
{
	s->flags = SOURCE_READONLY | SOURCE_UNKNOWN | SOURCE_PAGES;
	s->arg = type;
	s->require = video_source_require;
	s->create = video_create;
}

struct source_buffer source_create(const struct source *s, int access)
{
	static uint64_t created;
	struct source_buffer b = { .source = s, .fd = -1, .native = -1, .id = ++created };

	s->create(&b, access);
	if (access != SOURCE_NOT_EXPORTED)
		igt_assert_eq_u64(lseek(b.fd, 0, SEEK_END), SOURCE_SIZE);
	return b;
}

struct source_buffer source_create_filled(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	char *p = dbm_mmap(b.fd, SOURCE_SIZE, PROT_READ | PROT_WRITE, 0);

	source_fill(&b, p, SOURCE_SIZE, 0);
	dbm_munmap(p, SOURCE_SIZE);
	return b;
}

void source_destroy(struct source_buffer *b)
{
	if (b->source->destroy)
		b->source->destroy(b);
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	b->native = -1;
}

void sources_close(void)
{
	vfio_close(&vfio);
	for (size_t i = 0; i < source_count; i++) {
		if (sources[i].fd)
			close(sources[i].fd);
		sources[i].fd = 0;
	}
}

void *source_map_native(const struct source_buffer *b, int prot)
{
	return dbm_mmap(b->native, SOURCE_SIZE, prot, b->native_offset);
}

int source_map_both(const struct source_buffer *b, char *p[2])
{
	p[0] = dbm_mmap(b->fd, SOURCE_SIZE, PROT_READ | PROT_WRITE, 0);
	if (!(b->source->flags & SOURCE_GEM))
		return 1;
	p[1] = source_map_native(b, PROT_READ | PROT_WRITE);
	return 2;
}

uint64_t source_pattern(const struct source_buffer *b, uint64_t offset)
{
	return dbm_pattern(offset + b->id * SZ_1G);
}

void source_fill(const struct source_buffer *b, char *p, size_t length, uint64_t offset)
{
	dbm_fill(p + SOURCE_WORD, length, offset + b->id * SZ_1G);
}

void source_check(const struct source_buffer *b, const char *p, size_t length, uint64_t offset)
{
	dbm_check(p + SOURCE_WORD, length, offset + b->id * SZ_1G);
}
