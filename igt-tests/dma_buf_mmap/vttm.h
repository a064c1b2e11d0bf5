/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_VTTM_H
#define DMA_BUF_MMAP_VTTM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <drm/vttm_drm.h>

#include "dma_buf_mmap/drm.h"

/* A virtual TTM device: Documentation/gpu/vttm.rst */
struct vttm {
	int fd;
	char bdf[16];
};

/* Open the first one; skip with the reason if there is none. */
void vttm_open(struct vttm *v);
/* The same, and it is as when it was bound. */
void vttm_require(struct vttm *v);
void vttm_close(struct vttm *v);
/* Bind it to its driver, or unbind it. */
void vttm_bind(const struct vttm *v, bool bind);
/* What a file of its says: @text */
char *vttm_read(const char *path, char *text, size_t size);

/* How it behaves: one of its files in debugfs */
void vttm_set(const struct vttm *v, const char *name, uint64_t value);
void vttm_sleep_after(const struct vttm *v, unsigned int ms);
void vttm_wait_asleep(const struct vttm *v);
/* As it is when it is bound */
void vttm_reset(const struct vttm *v);
uint64_t vttm_vram_size(const struct vttm *v);

/* A handle of the device of @fd */
uint32_t vttm_create_handle(int fd, size_t size, uint32_t domain);
struct drm_buffer vttm_create(const struct vttm *v, size_t size, uint32_t domain);
/* 0 or an errno */
int __vttm_place(const struct vttm *v, const struct drm_buffer *b, uint32_t domain);
void vttm_place(const struct vttm *v, const struct drm_buffer *b, uint32_t domain);
struct drm_vttm_info vttm_info(const struct vttm *v, const struct drm_buffer *b, uint64_t page);
/* The engine of @fd's device copies: 0 or an errno. */
int __vttm_copy(int fd, uint32_t from, uint32_t to, size_t size);

/* The second device, which has imported a buffer, and has one of its own to copy to */
struct vttm_peer {
	int fd;
	uint32_t import, target;
	size_t size;
	char *own;	/* @target, mapped */
};

/* Skip if there is no second device. */
struct vttm_peer vttm_peer_import(const struct drm_buffer *b);
/* Its engine copies what it has imported: it has dbm_pattern(@offset). */
void vttm_peer_check(const struct vttm_peer *p, uint64_t offset);
void vttm_peer_close(struct vttm_peer *p);

#endif
