// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "igt.h"
#include "dma_buf_mmap/info.h"

struct dma_buf_info dbm_info(int dmabuf)
{
	struct dma_buf_info info = {};

	do_ioctl(dmabuf, DMA_BUF_IOCTL_GET_INFO, &info);
	igt_assert_eq_u64(info.props & ~info.known, 0);
	igt_assert_eq_u64(info.size, lseek(dmabuf, 0, SEEK_END));
	igt_assert(!(info.props & DMA_BUF_INFO_CPU_CACHED &&
		     info.props & DMA_BUF_INFO_CPU_WRITE_COMBINED));
	igt_assert(!(info.props & DMA_BUF_INFO_CPU_MAPPABLE &&
		     info.props & DMA_BUF_INFO_REVOKED));
	return info;
}

void dbm_assert_info(int dmabuf, uint64_t mask, uint64_t props)
{
	struct dma_buf_info info = dbm_info(dmabuf);

	igt_assert_f((info.known & mask) == mask && (info.props & mask) == props,
		     "known %#" PRIx64 ", properties %#" PRIx64 "; of %#" PRIx64
		     " expected %#" PRIx64 "\n",
		     (uint64_t)info.known, (uint64_t)info.props, mask, props);
}
