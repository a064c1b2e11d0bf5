/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_SIGNALS_H
#define DMA_BUF_MMAP_SIGNALS_H

#include <stdint.h>

/*
 * One 64-bit access each.  They return 0, or the signal that the access got (SIGBUS or
 * SIGSEGV), once dbm_catch_signals() was called in this process.  Nothing of IGT is
 * needed.
 */
void dbm_catch_signals(void);
int __dbm_read(const volatile void *addr, uint64_t *value);
int __dbm_write(volatile void *addr, uint64_t value);

#endif
