/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef MESA_PICTURE_H
#define MESA_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "dma_buf_mmap/sources.h"

/*
 * A buffer with a picture at its start, XRGB8888 in rows of @width * 4 bytes.  Its source is
 * one of igt-tests/dma_buf_mmap/sources.c, and "NAME-ro" the same with a read-only dma-buf.
 */
struct picture {
	struct source_buffer b;
	int width, height;
	uint32_t *pixels;	/* mapped, by the exporter's own file if there is one */
};

/* The result is SKIP if there is no such source here. */
struct picture picture_create(const char *source, int width, int height);
void picture_fill(const struct picture *p, uint32_t seed);
/* What picture_fill() leaves there, without the X of XRGB */
uint32_t picture_pixel(uint32_t seed, int x, int y);
/* All pixels of the buffer are @pixel. */
bool picture_is(const struct picture *p, uint32_t pixel);

#endif
