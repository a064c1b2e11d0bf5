/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers in the page tables of an IOMMU, see drivers/dma-buf/dma-buf-iommu.c.
 */
#ifndef __DMA_BUF_IOMMU_H__
#define __DMA_BUF_IOMMU_H__

#include <linux/types.h>

struct dma_buf;
struct dma_buf_attachment;
struct iommu_domain;

bool dma_buf_iommu_capable(const struct dma_buf *dmabuf);
int dma_buf_iommu_check(struct dma_buf_attachment *attach, u64 offset, size_t len);
int dma_buf_iommu_map(struct dma_buf_attachment *attach, struct iommu_domain *domain,
		      unsigned long iova, u64 offset, size_t len, int prot, bool small);
unsigned long dma_buf_iommu_align(struct dma_buf_attachment *attach, u64 offset);
int dma_buf_access(struct dma_buf_attachment *attach, u64 offset, void *buf, size_t len,
		   bool write);

#endif /* __DMA_BUF_IOMMU_H__ */
