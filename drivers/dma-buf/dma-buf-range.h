/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges of buffers, for the core's own files.
 */
#ifndef __DMA_BUF_RANGE_H__
#define __DMA_BUF_RANGE_H__

#include <linux/dma-buf-mmap.h>
#include <linux/mm.h>

/* Page frame of the page at buffer offset @pgoff, which @range has. */
static inline unsigned long dma_buf_range_pfn(const struct dma_buf_range *range,
					      pgoff_t pgoff)
{
	if (range->pages)
		return page_to_pfn(range->pages[pgoff - range->start]);
	return range->pfn + (pgoff - range->start);
}

int dma_buf_leaf_prot(const struct dma_buf_range *range, pgoff_t first,
		      unsigned long nr, pgprot_t *prot);

#endif /* __DMA_BUF_RANGE_H__ */
