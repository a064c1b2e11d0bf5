/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_DRM_H
#define DMA_BUF_MMAP_DRM_H

#include <stddef.h>
#include <stdint.h>

/* The card of the driver of that name (as DRM_IOCTL_VERSION says it), or -1. */
int drm_open_by_name(const char *driver);

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

#endif
