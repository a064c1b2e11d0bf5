/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_VIDEO_H
#define DMA_BUF_MMAP_VIDEO_H

#include <stddef.h>
#include <stdint.h>

/* Which of a video device's queues exports buffers, an enum v4l2_buf_type; 0: none. */
uint32_t video_type(int fd);
/*
 * A dma-buf of at least @size bytes and at least a frame, with @flags as open() has them;
 * or a negative errno.  The queue has no buffers afterwards.
 */
int video_export(int fd, uint32_t type, uint32_t size, int flags);
/*
 * The driver, and which of videobuf2's allocators the dma-buf is from, "vivid-vmalloc" say;
 * returns 0 or a negative errno.
 */
int video_describe(int fd, int dmabuf, char *name, size_t size);

#endif
