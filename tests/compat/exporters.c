// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/qxl_drm.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB (21U << 26)
#endif

/* Whose buffers there are */

int find_drm(const char *driver, char *path, size_t n)
{
	for (int i = 0; i < 16; i++) {
		char name[32] = "";
		struct drm_version version = { .name_len = sizeof(name) - 1, .name = name };
		int fd, err;

		snprintf(path, n, "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		err = ioctl(fd, DRM_IOCTL_VERSION, &version);
		close(fd);
		if (!err && !strcmp(name, driver))
			return 0;
	}
	return ENODEV;
}

static const char *drm_find(struct exporter *e)
{
	return find_drm(e->device, e->path, sizeof(e->path)) ? "there is no such DRM device" : NULL;
}

static int map_dumb(int fd, uint32_t handle, off_t *offset)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	if (ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return errno;
	*offset = map.offset;
	return 0;
}

static int dumb_create(struct buffer *b)
{
	struct drm_mode_create_dumb dumb = { .width = 128, .height = b->size / 512, .bpp = 32 };

	b->own = open(b->e->path, O_RDWR | O_CLOEXEC);
	if (b->own < 0 || ioctl(b->own, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
		return errno;
	b->handle = dumb.handle;
	return dumb.size == b->size ? map_dumb(b->own, b->handle, &b->own_offset) : EMSGSIZE;
}

static int qxl_vram_create(struct buffer *b)
{
	struct drm_qxl_alloc alloc = { .size = b->size };

	b->own = open(b->e->path, O_RDWR | O_CLOEXEC);
	if (b->own < 0 || ioctl(b->own, DRM_IOCTL_QXL_ALLOC, &alloc))
		return errno;
	b->handle = alloc.handle;
	return map_dumb(b->own, b->handle, &b->own_offset);
}

static int drm_export(struct buffer *b, int access)
{
	struct drm_prime_handle prime = { .handle = b->handle, .flags = DRM_CLOEXEC };

	if (access == O_RDWR)
		prime.flags |= DRM_RDWR;
	if (ioctl(b->own, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
		return errno;
	b->dmabuf = prime.fd;
	return 0;
}

static void drm_release(struct buffer *b)
{
	struct drm_gem_close handle = { .handle = b->handle };

	ioctl(b->own, DRM_IOCTL_GEM_CLOSE, &handle);
	close(b->own);
}

/* A dma-buf as an object of the card of @driver, and where that card shows it */
int import_drm(struct target *t, const char *driver, int dmabuf)
{
	struct drm_prime_handle prime = { .fd = dmabuf };
	char path[64];
	int err = find_drm(driver, path, sizeof(path));

	if (err)
		return err;
	t->fd = open(path, O_RDWR | O_CLOEXEC);
	if (t->fd < 0)
		return errno;
	if (ioctl(t->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime)) {
		err = errno;
		say_error("import", err);
		return err;
	}
	err = map_dumb(t->fd, prime.handle, &t->offset);
	say_error("map_dumb", err);
	return err;
}

/* Memory of a memfd, which is the bystander and what a udmabuf is made of */

static int memfd_create_buffer(struct buffer *b)
{
	b->own = memfd_create("compat", MFD_ALLOW_SEALING | MFD_CLOEXEC | b->e->arg);
	if (b->own < 0 || ftruncate(b->own, b->size) || fallocate(b->own, 0, 0, b->size) ||
	    fcntl(b->own, F_ADD_SEALS, F_SEAL_SHRINK))
		return errno;
	return 0;
}

static const char *udmabuf_find(struct exporter *e)
{
	int fd = memfd_create("compat", MFD_CLOEXEC | e->arg);
	bool ok = fd >= 0 && !ftruncate(fd, e->size) && !fallocate(fd, 0, 0, e->size);

	close(fd);
	if (!ok)
		return "there is no memfd of that kind (boot parameter hugepages=)";
	return access("/dev/udmabuf", R_OK) ? "there is no /dev/udmabuf" : NULL;
}

static int udmabuf_export(struct buffer *b, int access)
{
	struct udmabuf_create create = {
		.memfd = b->own, .flags = UDMABUF_FLAGS_CLOEXEC, .size = b->size,
	};
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	(void)access;
	b->dmabuf = ioctl(fd, UDMABUF_CREATE, &create);
	return b->dmabuf < 0 ? errno : 0;
}

static void close_own(struct buffer *b)
{
	close(b->own);
}

/* Heaps */

static const char *heap_find(struct exporter *e)
{
	char names[128], *rest = names, *name;

	snprintf(names, sizeof(names), "%s", e->device);
	while ((name = strsep(&rest, " "))) {
		snprintf(e->path, sizeof(e->path), "/dev/dma_heap/%s", name);
		if (!access(e->path, R_OK))
			return NULL;
	}
	return "there is no such heap";
}

static int heap_create(struct buffer *b)
{
	(void)b;
	return 0;
}

static int heap_export(struct buffer *b, int access)
{
	struct dma_heap_allocation_data alloc = { .len = b->size, .fd_flags = access | O_CLOEXEC };
	int fd = open(b->e->path, O_RDWR | O_CLOEXEC);
	int err = fd < 0 || ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &alloc) ? errno : 0;

	close(fd);
	b->dmabuf = alloc.fd;
	return err;
}

#define DUMB(n, driver) DUMB_FLAGS(n, driver, 0)
#define DUMB_FLAGS(n, driver, f) \
	{ .name = n, .flags = EXPORTER_DRM | (f), .size = SZ_64K, .device = driver, \
	  .find = drm_find, .create = dumb_create, .export = drm_export, .release = drm_release }
#define UDMABUF(n, s, memfd_flags) \
	{ .name = n, .flags = EXPORTER_NO_RO, .size = s, .arg = memfd_flags, \
	  .find = udmabuf_find, .create = memfd_create_buffer, .export = udmabuf_export, \
	  .release = close_own }
#define HEAP(n, s, heaps) \
	{ .name = n, .flags = EXPORTER_NO_OWN, .size = s, .device = heaps, .find = heap_find, \
	  .create = heap_create, .export = heap_export }
#define VIVID(n, instance) \
	{ .name = n, .arg = instance, .find = vivid_find, .create = vivid_create, \
	  .export = vivid_export, .release = vivid_release }

struct exporter exporters[] = {
	DUMB("vgem", "vgem"),
	DUMB("vkms", "vkms"),
	DUMB("bochs", "bochs-drm"),
	DUMB("virtio-gpu", "virtio_gpu"),
	DUMB("qxl", "qxl"),
	/* Without its firmware it has no GART, and warns of it when somebody attaches. */
	DUMB_FLAGS("radeon", "radeon", EXPORTER_NO_PEERS),
	{ .name = "qxl-vram", .flags = EXPORTER_DRM, .size = SZ_64K, .device = "qxl",
	  .find = drm_find, .create = qxl_vram_create, .export = drm_export,
	  .release = drm_release },
	UDMABUF("udmabuf", SZ_64K, 0),
	UDMABUF("udmabuf-hugetlb", SZ_2M, MFD_HUGETLB | MFD_HUGE_2MB),
	HEAP("heap-system", SZ_64K, "system"),
	HEAP("heap-system-4m", 4 * SZ_1M, "system"),
	HEAP("heap-cma", SZ_64K, "default_cma_region reserved linux,cma"),
	VIVID("vivid-vmalloc", 0),
	VIVID("vivid-dma", 1),
	VIVID("vivid-non-coherent", 3),
	{ .name = "vfio-bar", .size = SZ_64K, .find = vfio_bar_find,
	  .create = vfio_bar_create, .export = vfio_bar_export, .release = close_own },
	{ .name = "vfio-bar-off", .flags = EXPORTER_BRIEF, .size = SZ_64K, .find = vfio_bar_find,
	  .create = vfio_bar_create, .export = vfio_bar_export, .release = close_own,
	  .ready = vfio_bar_off },
	{ .name = "memfd", .flags = EXPORTER_NO_DMABUF, .size = SZ_64K,
	  .create = memfd_create_buffer, .release = close_own },
};

const size_t exporter_count = ARRAY_SIZE(exporters);
