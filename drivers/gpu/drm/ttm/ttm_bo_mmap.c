// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings of TTM buffers on the model of drivers/dma-buf/dma-buf-mmap.c:
 * mappings through the DRM fd and through a dma-buf ask the same question and
 * get the same leaves.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/export.h>
#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_bo_internal.h"
#include "ttm_pool_internal.h"

/* &dma_buf_range.cookie where there is no drm_dev_exit() to do */
#define TTM_RANGE_UNPLUGGED	-1

/*
 * The page that stands for all of a buffer once its device is gone; one for the
 * life of the buffer, so that it never shows one owner what another wrote.  Some
 * drivers' fault handlers get here without the reservation lock.
 */
struct page *ttm_bo_dummy_page(struct ttm_buffer_object *bo)
{
	struct page *page = READ_ONCE(bo->dummy_page), *other;

	if (page)
		return page;

	page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!page)
		return NULL;
	other = cmpxchg(&bo->dummy_page, NULL, page);
	if (!other)
		return page;

	__free_page(page);
	return other;
}

static int ttm_bo_dummy_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			      struct dma_buf_range *range)
{
	struct page *page = ttm_bo_dummy_page(bo);

	if (!page)
		return -ENOMEM;

	range->caching_hint = true;
	range->start = pgoff;
	range->nr_pages = 1;
	range->pfn = page_to_pfn(page);
	range->cookie = TTM_RANGE_UNPLUGGED;
	return 0;
}

static enum dma_buf_caching ttm_bo_range_caching(enum ttm_caching caching)
{
	switch (caching) {
	case ttm_cached:
		return DMA_BUF_CACHED;
	case ttm_write_combined:
		return DMA_BUF_WRITE_COMBINED;
	default:
		return DMA_BUF_UNCACHED;
	}
}

static int ttm_bo_io_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			   struct dma_buf_range *range)
{
	const unsigned long nr_pages = PFN_UP(bo->base.size);
	pgoff_t next = pgoff + 1, first, end;

	range->iomem = true;
	range->decrypted = true;
	range->caching = ttm_bo_range_caching(bo->resource->bus.caching);
	range->pfn = ttm_bo_io_mem_pfn(bo, pgoff);
	range->start = pgoff;

	if (!bo->bdev->funcs->io_mem_pfn) {
		range->start = 0;
		range->pfn -= pgoff;
		range->nr_pages = nr_pages;
		return 0;
	}

	/*
	 * The driver's memory may have gaps: look for the run as far as a PMD leaf goes,
	 * or as far as its own fault handler prefaults.
	 */
	if (bo->base.funcs && bo->base.funcs->vm_ops) {
		first = pgoff;
		end = min(pgoff + TTM_BO_VM_NUM_PREFAULT, nr_pages);
	} else {
		first = pgoff - min(range->pfn % PTRS_PER_PTE, pgoff);
		end = min(pgoff + PTRS_PER_PTE - range->pfn % PTRS_PER_PTE,
			  nr_pages);
	}
	while (range->start > first &&
	       ttm_bo_io_mem_pfn(bo, range->start - 1) == range->pfn - 1) {
		range->start--;
		range->pfn--;
	}
	while (next < end && ttm_bo_io_mem_pfn(bo, next) ==
			     range->pfn + (next - range->start))
		next++;
	range->nr_pages = next - range->start;
	return 0;
}

/*
 * The pool allocates a buffer in blocks and keeps the order of each in the private
 * field of its first page.  Whether the page at @pgoff is in one that is as large as a
 * PMD leaf and, as is usual, at a multiple of its size.  Blocks are aligned in memory
 * too: a page that is aligned to 2^order and not the first of its block is in one that
 * is larger still, so that what its private field has, which nobody sets, does no harm.
 */
static bool ttm_bo_block_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			       struct dma_buf_range *range)
{
	struct ttm_tt *tt = bo->ttm;
	unsigned int order;
	unsigned long pfn;
	pgoff_t first;

	if (tt->page_flags & TTM_TT_FLAG_EXTERNAL ||
	    ttm_pool_uses_dma_alloc(&bo->bdev->pool))
		return false;

	for (order = PMD_ORDER; order <= MAX_PAGE_ORDER; order++) {
		first = ALIGN_DOWN(pgoff, 1UL << order);
		pfn = page_to_pfn(tt->pages[first]);
		if (!IS_ALIGNED(pfn, 1UL << order) ||
		    page_private(tt->pages[first]) < order)
			continue;
		range->start = first;
		/* Of pages behind the buffer the core knows nothing. */
		range->nr_pages = min(1UL << order,
				      PFN_UP(bo->base.size) - first);
		range->pfn = pfn;
		return true;
	}
	return false;
}

static int ttm_bo_populate_for_cpu(struct ttm_buffer_object *bo)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	int err = ttm_bo_populate(bo, &ctx);

	switch (err) {
	case -EAGAIN:
		/* To be retried once the signal is dealt with, not waited for. */
		return -EINTR;
	case -ENOMEM:
		/* A limit of the driver's, say: the OOM killer is no help. */
		return -EFAULT;
	default:
		return err;
	}
}

static int ttm_bo_tt_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			   bool populate, struct dma_buf_range *range)
{
	struct ttm_tt *tt = bo->ttm;
	int err;

	if (!tt)
		return -EFAULT;
	if (!ttm_tt_is_populated(tt)) {
		if (!populate)
			return -ENODATA;
		err = ttm_bo_populate_for_cpu(bo);
		if (err)
			return err;
	}
	if (!tt->pages[pgoff])
		return populate ? -ENOMEM : -ENODATA;

	range->caching = ttm_bo_range_caching(tt->caching);
	range->decrypted = tt->page_flags & TTM_TT_FLAG_DECRYPTED;
	if (ttm_bo_block_range(bo, pgoff, range))
		return 0;
	dma_buf_range_from_pages(tt->pages, min_t(pgoff_t, tt->num_pages,
						  PFN_UP(bo->base.size)),
				 range);
	return 0;
}

/* Of what the device has; the buffer may be in its memory or in the system's. */
static int ttm_bo_device_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			       bool populate, struct dma_buf_range *range)
{
	int err;

	/* Foreign pages: mappings of an import are the exporter's to make. */
	if (bo->ttm && bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL &&
	    !(bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL_MAPPABLE))
		return -EFAULT;
	if (!bo->resource)
		return -ENODATA;
	/* A look must not take what only the driver can give back. */
	if (!populate && bo->bdev->funcs->io_mem_free &&
	    !bo->resource->bus.offset && !bo->resource->bus.addr)
		return -ENODATA;

	err = ttm_mem_io_reserve(bo->bdev, bo->resource);
	if (err)
		return -EFAULT;

	/* TTM drivers ask for a caching; x86 knows what the memory has. */
	range->caching_hint = true;
	if (bo->resource->bus.is_iomem)
		return ttm_bo_io_range(bo, pgoff, range);
	return ttm_bo_tt_range(bo, pgoff, populate, range);
}

static int ttm_bo_get_range(void *priv, pgoff_t pgoff, bool populate,
			    struct dma_buf_range *range)
{
	struct drm_gem_object *obj = priv;
	struct ttm_buffer_object *bo = container_of(obj, typeof(*bo), base);
	int err;

	dma_resv_assert_held(obj->resv);

	if (!drm_dev_enter(obj->dev, &range->cookie))
		return populate ? ttm_bo_dummy_range(bo, pgoff, range) :
				  -ENODATA;

	err = ttm_bo_device_range(bo, pgoff, populate, range);
	if (err)
		drm_dev_exit(range->cookie);
	return err;
}

/*
 * Unplug waits for drm_dev_exit() before it zaps: a leaf made from the range
 * goes in before.
 */
static void ttm_bo_put_range(void *priv, struct dma_buf_range *range)
{
	if (range->cookie != TTM_RANGE_UNPLUGGED)
		drm_dev_exit(range->cookie);
}

/* Set in every TTM buffer; see &drm_gem_object.mmap. */
const struct dma_buf_mmap_ops ttm_bo_mmap_ops = {
	.get_range = ttm_bo_get_range,
	.put_range = ttm_bo_put_range,
};

/* &vm_operations_struct.access where the core handles the faults */
int ttm_bo_mmap_access(struct vm_area_struct *vma, unsigned long addr, void *buf,
		       int len, int write)
{
	struct ttm_buffer_object *bo = vma->vm_private_data;

	if (bo->bdev->funcs->access_memory)
		return ttm_bo_vm_access(vma, addr, buf, len, write);
	return drm_gem_mmap_access(vma, addr, buf, len, write);
}

/*
 * Leaves for a driver with a fault handler of its own, which may track what it lets
 * the CPU see or write: only the pages that it named, from the fault on.  The buffer
 * is reserved and idle.
 */
vm_fault_t ttm_bo_vm_insert(struct vm_fault *vmf, pgprot_t prot,
			    pgoff_t num_prefault)
{
	struct ttm_buffer_object *bo = vmf->vma->vm_private_data;
	/* Nobody else has set it up if the driver has an mmap operation of its own. */
	struct dma_buf_mmap *m = drm_gem_mmap_prepare(&bo->base);
	struct dma_buf_range range;
	vm_fault_t ret;
	int err;

	err = dma_buf_mmap_get_range(m, linear_page_index(vmf->vma, vmf->address) -
				     m->offset, true, &range);
	if (err == -EINTR || err == -ERESTARTSYS)
		return VM_FAULT_NOPAGE;
	if (err)
		return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;

	ret = dma_buf_mmap_insert(vmf, 0, m, &range, prot, num_prefault);
	dma_buf_mmap_put_range(m, &range);
	return ret;
}
