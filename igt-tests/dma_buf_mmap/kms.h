/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_KMS_H
#define DMA_BUF_MMAP_KMS_H

#include <stdint.h>
#include <xf86drmMode.h>

/* The first CRTC of a card, with its smallest mode, and the CRC of what it shows. */
struct kms {
	int drm;
	uint32_t crtc, connector;
	drmModeModeInfo mode;
	char crc[128];	/* directory in debugfs */
};

/* Skip with the reason if @drm has no connected display or its CRTC no CRCs. */
void kms_require(struct kms *kms, int drm);
/* Bytes of a framebuffer of that mode, 32 bits a pixel. */
uint64_t kms_fb_size(const struct kms *kms);
/* Where one plane of a framebuffer is */
struct kms_plane {
	uint32_t handle, offset, pitch;
};

/* Show that; returns the framebuffer. */
uint32_t kms_show_planes(const struct kms *kms, uint32_t format, const struct kms_plane *planes,
			 int count);
/* The same of an object with 32 bits a pixel, from its start */
uint32_t kms_show(const struct kms *kms, uint32_t handle);
void kms_hide(const struct kms *kms, uint32_t fb);
/* The CRC of a frame that was begun after the call. */
uint32_t kms_crc(const struct kms *kms);
/* The CRC of a frame that is all zero. */
uint32_t kms_crc_black(const struct kms *kms);

#endif
