/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_TRACE_H
#define DMA_BUF_MMAP_TRACE_H

/*
 * Have the events dma_buf_mmap:* recorded in a tracing instance of our own, so that
 * nobody else's are in it, or skip with the reason. It is gone at the end.
 */
void trace_require(void);
void trace_clear(void);
/* How many lines of the trace contain the text. */
int trace_count(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
