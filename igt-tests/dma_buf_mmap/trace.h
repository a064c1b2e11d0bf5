/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_TRACE_H
#define DMA_BUF_MMAP_TRACE_H

/*
 * Have the events dma_buf_mmap:* recorded in a tracing instance of our own, so that
 * nobody else's are in it, or skip with the reason. It is gone at the end.
 */
void trace_require(void);
/* One event more, "lock/contention_begin" say, or skip */
void trace_require_event(const char *event);
/* Record from now on only what this process and its threads and children do */
void trace_own(void);
void trace_clear(void);
/* How many lines of the trace contain the text. */
int trace_count(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
