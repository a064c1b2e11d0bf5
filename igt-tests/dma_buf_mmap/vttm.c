// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/vttm.h"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	igt_assert_f(fd >= 0, "cannot open %s: %s\n", path, strerror(errno));
	igt_assert_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

char *vttm_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	igt_assert_f(fd >= 0, "cannot open %s: %s\n", path, strerror(errno));
	n = read(fd, text, size - 1);
	igt_assert_lte(0, n);
	close(fd);
	text[n] = '\0';
	return text;
}

void vttm_set(const struct vttm *v, const char *name, uint64_t value)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/%s", v->bdf, name);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	write_file(path, text);
}

uint64_t vttm_vram_size(const struct vttm *v)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/visible", v->bdf);
	return strtoull(vttm_read(path, text, sizeof(text)), NULL, 0);
}

void vttm_sleep_after(const struct vttm *v, unsigned int ms)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/autosuspend_delay_ms",
		 v->bdf);
	snprintf(text, sizeof(text), "%u", ms);
	write_file(path, text);
}

void vttm_wait_asleep(const struct vttm *v)
{
	char path[80], status[32] = "";

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", v->bdf);
	for (int i = 0; strcmp(vttm_read(path, status, sizeof(status)), "suspended\n"); i++) {
		igt_assert_f(i < 200, "the device is still %s", status);
		usleep(50000);
	}
}

void vttm_reset(const struct vttm *v)
{
	vttm_sleep_after(v, 5000);
	vttm_set(v, "copy_delay_ms", 0);
	vttm_set(v, "visible", UINT64_MAX);
	vttm_set(v, "aperture", UINT64_MAX);
}

void vttm_bind(const struct vttm *v, bool bind)
{
	write_file(bind ? "/sys/bus/pci/drivers/vttm/bind" : "/sys/bus/pci/drivers/vttm/unbind",
		   v->bdf);
}

void vttm_open(struct vttm *v)
{
	char path[64], *device;
	struct stat st;

	v->fd = drm_open_by_name("vttm");
	igt_require_f(v->fd >= 0, "no vttm device: bind one by driver_override\n");
	igt_assert_eq(fstat(v->fd, &st), 0);
	snprintf(path, sizeof(path), "/sys/dev/char/226:%u/device", minor(st.st_rdev));
	device = realpath(path, NULL);
	igt_assert(device);
	snprintf(v->bdf, sizeof(v->bdf), "%s", strrchr(device, '/') + 1);
	free(device);
}

void vttm_require(struct vttm *v)
{
	vttm_open(v);
	vttm_reset(v);
}

void vttm_close(struct vttm *v)
{
	close(v->fd);
}

uint32_t vttm_create_handle(int fd, size_t size, uint32_t domain)
{
	struct drm_vttm_create create = { .size = size, .domain = domain };

	do_ioctl(fd, DRM_IOCTL_VTTM_CREATE, &create);
	return create.handle;
}

struct drm_buffer vttm_create(const struct vttm *v, size_t size, uint32_t domain)
{
	return drm_buffer_map(v->fd, vttm_create_handle(v->fd, size, domain), size);
}

int __vttm_place(const struct vttm *v, const struct drm_buffer *b, uint32_t domain)
{
	struct drm_vttm_place args = { .handle = b->handle, .domain = domain };

	return igt_ioctl(v->fd, DRM_IOCTL_VTTM_PLACE, &args) ? errno : 0;
}

void vttm_place(const struct vttm *v, const struct drm_buffer *b, uint32_t domain)
{
	igt_assert_eq(__vttm_place(v, b, domain), 0);
}

struct drm_vttm_info vttm_info(const struct vttm *v, const struct drm_buffer *b, uint64_t page)
{
	struct drm_vttm_info args = { .handle = b->handle, .page = page };

	do_ioctl(v->fd, DRM_IOCTL_VTTM_INFO, &args);
	return args;
}

int __vttm_copy(int fd, uint32_t from, uint32_t to, size_t size)
{
	struct drm_vttm_copy args = { .src = from, .dst = to, .size = size };

	return igt_ioctl(fd, DRM_IOCTL_VTTM_COPY, &args) ? errno : 0;
}

struct vttm_peer vttm_peer_import(const struct drm_buffer *b)
{
	struct vttm_peer p = { .fd = drm_open_nth("vttm", 1), .size = b->size };

	igt_require_f(p.fd >= 0, "there is one vttm device only\n");
	igt_assert_eq(drm_import(p.fd, b->fd, &p.import), 0);
	p.target = vttm_create_handle(p.fd, p.size, DRM_VTTM_DOMAIN_VRAM);
	p.own = drm_mmap(p.fd, p.target, p.size, PROT_READ | PROT_WRITE);
	return p;
}

void vttm_peer_check(const struct vttm_peer *p, uint64_t offset)
{
	/* What an earlier copy left proves nothing. */
	memset(p->own, 0, p->size);
	igt_assert_eq(__vttm_copy(p->fd, p->import, p->target, p->size), 0);
	dbm_check(p->own, p->size, offset);
}

void vttm_peer_close(struct vttm_peer *p)
{
	dbm_munmap(p->own, p->size);
	drm_close_handle(p->fd, p->import);
	drm_close_handle(p->fd, p->target);
	close(p->fd);
}
