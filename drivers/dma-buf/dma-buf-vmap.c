// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own mapping of a buffer whose CPU mappings the core owns, for
 * importers that access it with the CPU: a software scanout, a USB display.
 *
 * Whoever holds a dma_buf_vmap() may use it at any time and in any context, and
 * cannot be made to give it back while, say, a framebuffer is shown.  So a revoke
 * points its PTEs at a dummy page, which belongs to this mapping alone: accesses
 * complete, what they read is undefined and what they write is lost, as with a
 * device that is switched off.  All memory that this takes is there before the
 * mapping is handed out: a revoke cannot fail.
 *
 * A CPU that uses the PTE in the meantime sees the old one or the new one, until
 * the flush of the TLBs; no access ends on neither.  x86-64 promises that (Intel
 * SDM volume 3, "Propagation of Paging-Structure Changes to Multiple
 * Processors"), and PTEs are written in one piece there.  Where an entry has to
 * be invalid in between, as on arm64, such an access would be an oops; there the
 * buffer cannot be mapped (CONFIG_DMABUF_MMAP_VMAP).
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include <asm/tlbflush.h>

#include "dma-buf-mmap-internal.h"

/* Every revoke writes all PTEs: enough for what is shown, too little for a BAR of a GPU. */
#define DMA_BUF_VMAP_MAX	SZ_1G

/* What to put into a run of PTEs: @range from @pgoff on, or else one page. */
struct dma_buf_vmap_run {
	const struct dma_buf_range *range;
	pgoff_t pgoff;
	unsigned long pfn;
	pgprot_t prot;
};

static int dma_buf_vmap_set_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct dma_buf_vmap_run *run = data;

	if (run->range)
		run->pfn = dma_buf_range_pfn(run->range, run->pgoff++);
	set_pte_at(&init_mm, addr, pte,
		   pte_mkspecial(pfn_pte(run->pfn, run->prot)));
	return 0;
}

/*
 * Point the mapping at @addr at its dummy page.  The first call for @addr
 * allocates page tables; later ones find them and do not fail.
 */
static int dma_buf_vmap_clear(struct dma_buf *dmabuf, unsigned long addr,
			      struct page *dummy)
{
	struct dma_buf_vmap_run run = {
		.pfn = page_to_pfn(dummy),
		.prot = PAGE_KERNEL,
	};
	int err;

	err = apply_to_page_range(&init_mm, addr, dmabuf->size,
				  dma_buf_vmap_set_pte, &run);
	flush_tlb_kernel_range(addr, addr + dmabuf->size);
	return err;
}

/*
 * Map the range at buffer offset @pgoff.  Returns the number of pages, at most
 * those that are left of the buffer, or a negative error value.
 */
static long dma_buf_vmap_range(struct dma_buf *dmabuf, unsigned long addr,
			       pgoff_t pgoff, bool populate, bool *iomem)
{
	struct dma_buf_range range;
	struct dma_buf_vmap_run run = {
		.range = &range,
		.pgoff = pgoff,
		.prot = PAGE_KERNEL,
	};
	unsigned long nr;
	int err;

	err = dma_buf_mmap_get_range(dmabuf->mmap, pgoff, populate, &range);
	if (err)
		return err;

	nr = range.start + range.nr_pages - pgoff;
	err = dma_buf_leaf_prot(&range, pgoff, nr, &run.prot);
	while (err == -EAGAIN && nr > 1) {
		/* No common memory type: a part may have one. */
		nr /= 2;
		run.prot = PAGE_KERNEL;
		err = dma_buf_leaf_prot(&range, pgoff, nr, &run.prot);
	}
	if (!err)
		err = apply_to_existing_page_range(&init_mm, addr,
						   nr << PAGE_SHIFT,
						   dma_buf_vmap_set_pte, &run);
	*iomem |= range.iomem;
	dma_buf_mmap_put_range(dmabuf->mmap, &range);

	return err ?: nr;
}

/* Point the mapping at @addr at the buffer. */
static int dma_buf_vmap_fill(struct dma_buf *dmabuf, unsigned long addr,
			     bool populate, bool *iomem)
{
	const unsigned long nr_pages = dmabuf->size >> PAGE_SHIFT;
	pgoff_t pgoff = 0;
	long ret = 0;

	while (pgoff < nr_pages) {
		ret = dma_buf_vmap_range(dmabuf, addr + (pgoff << PAGE_SHIFT),
					 pgoff, populate, iomem);
		if (ret < 0)
			break;
		pgoff += ret;
		cond_resched();
	}
	flush_tlb_kernel_range(addr, addr + dmabuf->size);

	return ret < 0 ? ret : 0;
}

/* For dma_buf_invalidate_mappings(): no access reaches the buffer any more. */
void dma_buf_vmap_revoke(struct dma_buf *dmabuf)
{
	dma_resv_assert_held(dmabuf->resv);

	if (dmabuf->vmap_dummy)
		dma_buf_vmap_clear(dmabuf, (unsigned long)dmabuf->vmap_ptr.vaddr,
				   dmabuf->vmap_dummy);
}

/*
 * For dma_buf_restore_mappings(): what was given out reaches the buffer again, as it is
 * mapped now.  What cannot be had stays as it is.
 */
int dma_buf_vmap_restore(struct dma_buf *dmabuf)
{
	bool iomem;

	dma_resv_assert_held(dmabuf->resv);

	return !dmabuf->vmap_dummy ? 0 :
	       dma_buf_vmap_fill(dmabuf, (unsigned long)dmabuf->vmap_ptr.vaddr,
				 false, &iomem);
}

/* dma_buf_may_vmap() for exporters without a vmap op of their own. */
int dma_buf_may_vmap_core(const struct dma_buf *dmabuf)
{
	const struct dma_buf_mmap *m = dmabuf->mmap;

	if (dmabuf->size > DMA_BUF_VMAP_MAX)
		return -E2BIG;
	if (m->flags & DMA_BUF_MMAP_STRICT &&
	    !(dmabuf->file->f_mode & FMODE_WRITE))
		return -EACCES;
	return m->ops->may_map ? m->ops->may_map(m->priv) : 0;
}

/*
 * dma_buf_vmap() for the same.  Returns 0 also while the buffer is revoked for a while;
 * -EPERM if the caching cannot be had; else as dma_buf_may_vmap().
 */
int dma_buf_vmap_core(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct vm_struct *area;
	unsigned long addr;
	struct page *dummy;
	bool iomem = false;
	int err;

	dma_resv_assert_held(dmabuf->resv);

	err = dma_buf_may_vmap_core(dmabuf);
	if (err)
		return err;

	err = -ENOMEM;
	dummy = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!dummy)
		return err;
	area = get_vm_area(dmabuf->size, VM_IOREMAP);
	if (!area)
		goto err_free_dummy;
	addr = (unsigned long)area->addr;

	err = dma_buf_vmap_clear(dmabuf, addr, dummy);
	if (err)
		goto err_free_area;
	err = dma_buf_vmap_fill(dmabuf, addr, true, &iomem);
	/* What is revoked for a while can be mapped: better times come. */
	if (err && err != -EAGAIN && err != -EIO)
		goto err_clear;

	dmabuf->vmap_dummy = dummy;
	/* What is not known now may turn out to be device memory. */
	if (iomem || err)
		iosys_map_set_vaddr_iomem(map, (void __iomem *)area->addr);
	else
		iosys_map_set_vaddr(map, area->addr);
	return 0;

err_clear:
	dma_buf_vmap_clear(dmabuf, addr, dummy);
err_free_area:
	free_vm_area(area);
err_free_dummy:
	__free_page(dummy);
	return err;
}

/* dma_buf_vunmap() for the same. */
void dma_buf_vunmap_core(struct dma_buf *dmabuf)
{
	dma_resv_assert_held(dmabuf->resv);

	if (!dmabuf->vmap_dummy)
		return;

	/* TLBs forget a freed area late, and no revoke will reach it then. */
	dma_buf_vmap_revoke(dmabuf);
	free_vm_area(find_vm_area(dmabuf->vmap_ptr.vaddr));
	__free_page(dmabuf->vmap_dummy);
	dmabuf->vmap_dummy = NULL;
}
