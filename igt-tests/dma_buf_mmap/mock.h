/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_MOCK_H
#define DMA_BUF_MMAP_MOCK_H

#include <stddef.h>
#include <stdint.h>
#include <linux/dma-buf-mock.h>

/* Open the mock exporter, or skip with the reason. */
void mock_require(void);
/* The same, without skipping: whether mock_lookup() works. */
int mock_open(void);
/* A read-write buffer of cached memory in chunks of 4 KiB << @order. */
int mock_create(uint64_t size, unsigned int order);
int mock_create_args(struct dma_buf_mock_create *create);
void mock_set_state(int dmabuf, enum dma_buf_mock_state state);
void mock_move(int dmabuf, unsigned int fence_ms);
/* The same, 0 or an errno. */
int __mock_move(int dmabuf, unsigned int fence_ms);

/* 0 or an errno. */
int mock_lookup(const volatile void *addr, uint64_t length, struct dma_buf_mock_lookup *found);
/* [@addr, @addr + @length) must be @dmabuf from @offset on. */
void mock_assert_lookup(const volatile void *addr, uint64_t length, int dmabuf, uint64_t offset);
void mock_assert_lookup_err(const volatile void *addr, uint64_t length, int error);

#endif
