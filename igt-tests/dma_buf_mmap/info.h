/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_INFO_H
#define DMA_BUF_MMAP_INFO_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <linux/dma-buf.h>

/* For headers of kernels that have no DMA_BUF_IOCTL_GET_INFO */
#ifndef DMA_BUF_IOCTL_GET_INFO
#define DMA_BUF_INFO_CPU_MAPPABLE 0x1ULL
#define DMA_BUF_INFO_CPU_CACHED 0x2ULL
#define DMA_BUF_INFO_CPU_WRITE_COMBINED 0x4ULL
#define DMA_BUF_INFO_IO_MEMORY 0x8ULL
#define DMA_BUF_INFO_SYNC_NOOP 0x10ULL
#define DMA_BUF_INFO_REVOCABLE 0x20ULL
#define DMA_BUF_INFO_REVOKED 0x40ULL
#define DMA_BUF_INFO_DYNAMIC 0x80ULL

struct dma_buf_info {
	uint32_t flags;
	uint32_t pad;
	uint64_t known;
	uint64_t props;
	uint64_t size;
};

#define DMA_BUF_IOCTL_GET_INFO _IOWR('b', 5, struct dma_buf_info)
#endif

/* What the kernel says of a dma-buf; @known and @props are consistent. */
struct dma_buf_info dbm_info(int dmabuf);
/* These of @mask it must say, and that they are @props. */
void dbm_assert_info(int dmabuf, uint64_t mask, uint64_t props);

#endif
