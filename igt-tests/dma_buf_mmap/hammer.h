/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_HAMMER_H
#define DMA_BUF_MMAP_HAMMER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Two threads on one mapping.  The reader expects a constant in every page
 * and the writer, in another word of the page, its last value, which it then
 * replaces and reads back: a page that was lost, torn, stale or answered by no
 * device (all ones) shows.  The word at the start of a page is left alone.
 */
struct hammer;

struct hammer *hammer_start(volatile void *addr, size_t length);
/* Both threads must come a full access further within @ms milliseconds. */
void hammer_assert_progress(struct hammer *h, int ms);
/* Stop; there must have been no wrong value and no signal. */
void hammer_stop(struct hammer *h);

#endif
