/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_GPU_H
#define DMA_BUF_MMAP_GPU_H

#include <stddef.h>
#include <stdint.h>

/* A kind of memory that a GPU's driver has buffers in, by ioctls of its own */
struct gpu_memory {
	const char *driver;	/* as DRM_IOCTL_VERSION says it */
	const char *name;
	uint32_t arg;		/* for @create: which */
	/* Make a buffer of that size, a multiple of 64 KiB; 0 or an errno. */
	int (*create)(const struct gpu_memory *memory, int drm, uint64_t size, uint32_t *handle);
	/* Where it is mapped through the DRM fd; 0 or an errno. */
	int (*map)(int drm, uint32_t handle, uint64_t *offset);
};

extern const struct gpu_memory gpu_memories[];
extern const size_t gpu_memory_count;

/*
 * A descriptor of that driver's first GPU: of its render node, which whoever has the
 * screen leaves alone, if there is one; or -1.
 */
int gpu_open(const char *driver);

#endif
