// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "igt.h"
#include "drm_fourcc.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/kms.h"

/* The smallest mode of the connector, or none. */
static bool smallest_mode(int drm, uint32_t connector, drmModeModeInfo *mode)
{
	drmModeConnectorPtr c = drmModeGetConnector(drm, connector);
	bool found = false;

	if (!c)
		return false;
	for (int i = 0; c->connection == DRM_MODE_CONNECTED && i < c->count_modes; i++) {
		const drmModeModeInfo *m = &c->modes[i];

		if (!found || m->hdisplay * m->vdisplay < mode->hdisplay * mode->vdisplay)
			*mode = *m;
		found = true;
	}
	drmModeFreeConnector(c);
	return found;
}

void kms_require(struct kms *kms, int drm)
{
	drmModeResPtr res = drmModeGetResources(drm);
	struct stat st;
	char control[160];

	*kms = (struct kms) { .drm = drm };
	igt_require_f(res && res->count_crtcs, "the card has no CRTC\n");
	kms->crtc = res->crtcs[0];
	for (int i = 0; i < res->count_connectors && !kms->connector; i++)
		if (smallest_mode(drm, res->connectors[i], &kms->mode))
			kms->connector = res->connectors[i];
	drmModeFreeResources(res);
	igt_require_f(kms->connector, "no display is connected\n");

	igt_assert_eq(fstat(drm, &st), 0);
	snprintf(kms->crc, sizeof(kms->crc), "%s/dri/%u/crtc-0/crc", igt_debugfs_mount(),
		 minor(st.st_rdev));
	snprintf(control, sizeof(control), "%s/control", kms->crc);
	igt_require_f(!access(control, W_OK), "the CRTC computes no CRCs (debugfs, root)\n");
	/* Its timer may go off when the vblank has just been disabled. */
	igt_emit_ignore_dmesg_regex("vkms failure on handling vblank");
}

uint64_t kms_fb_size(const struct kms *kms)
{
	return kms->mode.hdisplay * kms->mode.vdisplay * 4ull;
}

uint32_t kms_show_planes(const struct kms *kms, uint32_t format, const struct kms_plane *planes,
			 int count)
{
	uint32_t handles[4] = {}, offsets[4] = {}, pitches[4] = {};
	uint32_t connector = kms->connector, fb = 0;
	drmModeModeInfo mode = kms->mode;

	for (int i = 0; i < count; i++) {
		handles[i] = planes[i].handle;
		offsets[i] = planes[i].offset;
		pitches[i] = planes[i].pitch;
	}
	igt_assert_eq(drmModeAddFB2(kms->drm, mode.hdisplay, mode.vdisplay, format, handles,
				    pitches, offsets, &fb, 0), 0);
	igt_assert_eq(drmModeSetCrtc(kms->drm, kms->crtc, fb, 0, 0, &connector, 1, &mode), 0);
	return fb;
}

uint32_t kms_show(const struct kms *kms, uint32_t handle)
{
	const struct kms_plane plane = { .handle = handle, .pitch = kms->mode.hdisplay * 4 };

	return kms_show_planes(kms, DRM_FORMAT_XRGB8888, &plane, 1);
}

void kms_hide(const struct kms *kms, uint32_t fb)
{
	igt_assert_eq(drmModeSetCrtc(kms->drm, kms->crtc, 0, 0, 0, NULL, 0, NULL), 0);
	igt_assert_eq(drmModeRmFB(kms->drm, fb), 0);
}

static int crc_open(const struct kms *kms, const char *file, int flags)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", kms->crc, file);
	fd = open(path, flags | O_CLOEXEC);
	igt_assert_f(fd >= 0, "%s: %s\n", path, strerror(errno));
	return fd;
}

uint32_t kms_crc(const struct kms *kms)
{
	static const char source[] = "auto";
	uint32_t crc = 0, frame = 0;
	uint64_t now = 0, ns;
	char line[64];
	int fd;

	fd = crc_open(kms, "control", O_WRONLY);
	igt_assert_eq(write(fd, source, strlen(source)), (int)strlen(source));
	close(fd);

	/* One composition, if it is slow, gives the CRC of all frames up to its beginning. */
	fd = crc_open(kms, "data", O_RDONLY);
	igt_assert_eq(drmCrtcGetSequence(kms->drm, kms->crtc, &now, &ns), 0);
	while ((int32_t)(frame - (uint32_t)now) <= 0) {
		ssize_t n = read(fd, line, sizeof(line) - 1);

		igt_assert_f(n > 0, "no CRC: %s\n", strerror(errno));
		line[n] = 0;
		igt_assert_eq(sscanf(line, "%x %x", &frame, &crc), 2);
	}
	close(fd);
	return crc;
}

uint32_t kms_crc_black(const struct kms *kms)
{
	struct drm_mode_create_dumb create = { .width = kms->mode.hdisplay,
					       .height = kms->mode.vdisplay, .bpp = 32 };
	uint32_t fb, crc;

	do_ioctl(kms->drm, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	fb = kms_show(kms, create.handle);
	crc = kms_crc(kms);
	kms_hide(kms, fb);
	drm_close_handle(kms->drm, create.handle);
	return crc;
}
