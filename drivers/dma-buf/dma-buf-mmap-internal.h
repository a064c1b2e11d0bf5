/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU mappings of dma-bufs, for the core's own files.
 */
#ifndef __DMA_BUF_MMAP_INTERNAL_H__
#define __DMA_BUF_MMAP_INTERNAL_H__

#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/mm.h>

struct iosys_map;

/* Page frame of the page at buffer offset @pgoff, which @range has. */
static inline unsigned long dma_buf_range_pfn(const struct dma_buf_range *range,
					      pgoff_t pgoff)
{
	if (range->pages)
		return page_to_pfn(range->pages[pgoff - range->start]);
	return range->pfn + (pgoff - range->start);
}

/* Whether a leaf of @order around @addr lies in @vma. */
static inline bool dma_buf_leaf_fits(const struct vm_area_struct *vma,
				     unsigned long addr, unsigned int order)
{
	addr = ALIGN_DOWN(addr, PAGE_SIZE << order);
	return addr >= vma->vm_start && vma->vm_end - addr >= PAGE_SIZE << order;
}

vm_fault_t dma_buf_mmap_insert(struct vm_fault *vmf, unsigned int order,
			       struct dma_buf_mmap *m,
			       struct dma_buf_range *range);
int dma_buf_mmap_get_dummy(struct dma_buf_mmap *m, pgoff_t pgoff,
			   struct dma_buf_range *range);
unsigned long dma_buf_range_run(const struct dma_buf_range *range,
				pgoff_t pgoff, unsigned long max);
int dma_buf_leaf_prot(const struct dma_buf_range *range, pgoff_t first,
		      unsigned long nr, pgprot_t *prot);
bool is_dma_buf_file(struct file *file);
int dma_buf_get_info(struct dma_buf *dmabuf, unsigned int cmd, void __user *arg);

/* Without an MMU, and so without &dma_buf.mmap, there are none of these. */
void dma_buf_mmap_init(struct dma_buf *dmabuf,
		       const struct dma_buf_export_info *exp_info);
int dma_buf_mmap_file(struct dma_buf *dmabuf, struct vm_area_struct *vma);
unsigned long dma_buf_mmap_unmapped_area(struct file *file, unsigned long addr,
					 unsigned long len, unsigned long pgoff,
					 unsigned long flags);
int dma_buf_mmap_lock_idle(struct dma_buf_mmap *m, bool intr);
bool dma_buf_mmap_wait_bounded(struct dma_buf_mmap *m, bool intr, int *err);
int dma_buf_mmap_copy(struct dma_buf_mmap *m, pgoff_t pgoff, size_t offset,
		      void *buf, size_t len, bool write);

/* Only with CONFIG_DMABUF_MMAP_VMAP */
void dma_buf_vmap_revoke(struct dma_buf *dmabuf);
int dma_buf_vmap_restore(struct dma_buf *dmabuf);
int dma_buf_may_vmap_core(const struct dma_buf *dmabuf);
int dma_buf_vmap_core(struct dma_buf *dmabuf, struct iosys_map *map);
void dma_buf_vunmap_core(struct dma_buf *dmabuf);

#endif /* __DMA_BUF_MMAP_INTERNAL_H__ */
