/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_DRM_H
#define DMA_BUF_MMAP_DRM_H

#include <stddef.h>
#include <stdint.h>

#include "dma_buf_mmap/hammer.h"

/*
 * Of that number, below DRM_MAX_CARDS, and which driver's it is (or ""); or -1, also if
 * --device names others.
 */
#define DRM_MAX_CARDS 64
#define DRM_DRIVER_NAME 64
int drm_open_card(unsigned int card, char name[DRM_DRIVER_NAME]);
/* The card of the driver of that name (as DRM_IOCTL_VERSION says it), or -1. */
int drm_open_by_name(const char *driver);
/* The same of several, from 0 on */
int drm_open_nth(const char *driver, unsigned int n);

/* 0 or an errno each. */
int drm_import(int drm, int dmabuf, uint32_t *handle);
int drm_map_dumb(int drm, uint32_t handle, uint64_t *offset);

/* A dumb buffer of that size, a multiple of 4 KiB. */
uint32_t drm_create_dumb(int drm, uint64_t size);
void drm_close_handle(int drm, uint32_t handle);
/* A dma-buf of the object: read-only, or read-write. */
int drm_export_readonly(int drm, uint32_t handle);
int drm_export(int drm, uint32_t handle);
/* Map an object through the DRM fd. */
void *drm_mmap(int drm, uint32_t handle, size_t length, int prot);

/* An object, its dma-buf, and all of it mapped both ways */
struct drm_buffer {
	uint32_t handle;
	int fd;
	size_t size;
	char *shared;	/* through the dma-buf */
	char *native;	/* through the DRM fd */
};

struct drm_buffer drm_buffer_map(int drm, uint32_t handle, size_t size);
/* Both mappings have dbm_pattern(@offset). */
void drm_buffer_check(const struct drm_buffer *b, uint64_t offset);
/* One in each half: the first is mapped through the dma-buf, the second through the DRM fd. */
void drm_buffer_hammer(const struct drm_buffer *b, struct hammer *h[2]);
/* With the handle */
void drm_buffer_destroy(int drm, struct drm_buffer *b);

#endif
