// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_device_scan.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"

/* As for drm_open_driver(): there is nothing but what --device names, looked up once. */
static bool is_chosen(const char *path)
{
	static struct igt_device_card *cards;
	int filters = igt_device_filter_count();

	if (filters && !cards) {
		cards = calloc(filters, sizeof(*cards));
		igt_assert(cards);
		for (int i = 0; i < filters; i++)
			igt_device_card_match(igt_device_filter_get(i), &cards[i]);
	}
	for (int i = 0; i < filters; i++)
		if (!strcmp(cards[i].card, path))
			return true;
	return !filters;
}

int drm_open_card(unsigned int card, char name[DRM_DRIVER_NAME])
{
	drmVersionPtr version;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/dri/card%u", card);
	fd = is_chosen(path) ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return -1;
	version = drmGetVersion(fd);
	snprintf(name, DRM_DRIVER_NAME, "%s", version ? version->name : "");
	drmFreeVersion(version);
	return fd;
}

int drm_open_nth(const char *driver, unsigned int n)
{
	for (unsigned int i = 0; i < DRM_MAX_CARDS; i++) {
		char name[DRM_DRIVER_NAME];
		int fd = drm_open_card(i, name);

		if (fd < 0)
			continue;
		if (!strcmp(name, driver) && !n--)
			return fd;
		close(fd);
	}
	return -1;
}

int drm_open_by_name(const char *driver)
{
	return drm_open_nth(driver, 0);
}

int drm_import(int drm, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle prime = { .fd = dmabuf };

	if (igt_ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		return errno;
	*handle = prime.handle;
	return 0;
}

int drm_map_dumb(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	if (igt_ioctl(drm, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return errno;
	*offset = map.offset;
	return 0;
}

uint32_t drm_create_dumb(int drm, uint64_t size)
{
	struct drm_mode_create_dumb dumb = { .width = 1024, .height = size / 4096, .bpp = 32 };

	do_ioctl(drm, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	igt_assert_eq_u64(dumb.size, size);
	return dumb.handle;
}

void drm_close_handle(int drm, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	do_ioctl(drm, DRM_IOCTL_GEM_CLOSE, &close);
}

static int export_with(int drm, uint32_t handle, uint32_t flags)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = flags | DRM_CLOEXEC };

	do_ioctl(drm, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	return prime.fd;
}

int drm_export_readonly(int drm, uint32_t handle)
{
	return export_with(drm, handle, 0);
}

int drm_export(int drm, uint32_t handle)
{
	return export_with(drm, handle, DRM_RDWR);
}

void *drm_mmap(int drm, uint32_t handle, size_t length, int prot)
{
	uint64_t offset = 0;
	int err = drm_map_dumb(drm, handle, &offset);

	igt_assert_f(!err, "DRM_IOCTL_MODE_MAP_DUMB: %s\n", strerror(err));
	return dbm_mmap(drm, length, prot, offset);
}

struct drm_buffer drm_buffer_map(int drm, uint32_t handle, size_t size)
{
	struct drm_buffer b = { .handle = handle, .fd = drm_export(drm, handle), .size = size };

	b.shared = dbm_mmap(b.fd, size, PROT_READ | PROT_WRITE, 0);
	b.native = drm_mmap(drm, handle, size, PROT_READ | PROT_WRITE);
	return b;
}

void drm_buffer_check(const struct drm_buffer *b, uint64_t offset)
{
	dbm_check(b->shared, b->size, offset);
	dbm_check(b->native, b->size, offset);
}

void drm_buffer_hammer(const struct drm_buffer *b, struct hammer *h[2])
{
	h[0] = hammer_start(b->shared, b->size / 2);
	h[1] = hammer_start(b->native + b->size / 2, b->size / 2);
}

void drm_buffer_destroy(int drm, struct drm_buffer *b)
{
	dbm_munmap(b->shared, b->size);
	dbm_munmap(b->native, b->size);
	close(b->fd);
	drm_close_handle(drm, b->handle);
}
