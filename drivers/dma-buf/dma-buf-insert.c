// SPDX-License-Identifier: GPL-2.0
/*
 * From the ranges that an exporter names to leaves in the page tables: the
 * largest that range, alignment and VMA allow.  Called with the reservation lock
 * of the buffer held; see dma-buf-mmap.c for the model.
 */
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "dma-buf-mmap-internal.h"

/* How many pages from @pgoff on, at most @max, are contiguous in @range. */
unsigned long dma_buf_range_run(const struct dma_buf_range *range,
				pgoff_t pgoff, unsigned long max)
{
	struct page **pages = range->pages + (pgoff - range->start);
	unsigned long nr = 0;
	struct folio *folio;

	if (!range->pages)
		return max;
	while (nr < max && pages[nr] == pages[0] + nr) {
		folio = page_folio(pages[nr]);
		nr += range->whole_folios ? folio_nr_pages(folio) -
					    folio_page_idx(folio, pages[nr]) : 1;
	}
	nr = min(nr, max);
	VM_WARN_ON_ONCE(range->whole_folios && !dma_buf_pages_whole_folios(pages, nr));
	/* Two sections may be neighbours as an array only. */
	return page_range_contiguous(pages[0], nr) ? nr : 1;
}

/* Whether each page of RAM, asked alone, has the page protection that one has. */
static bool dma_buf_same_prot(const struct dma_buf_range *range, pgoff_t first,
			      unsigned long nr, pgprot_t asked, pgprot_t one)
{
	unsigned long i;
	pgprot_t prot;

	for (i = 0; i < nr; i++) {
		prot = asked;
		if (pfnmap_setup_cachemode(dma_buf_range_pfn(range, first + i),
					   PAGE_SIZE, &prot) ||
		    pgprot_val(prot) != pgprot_val(one))
			return false;
	}
	return true;
}

/*
 * The page protection for @nr pages from buffer offset @first on.  -EAGAIN: the
 * memory type differs within; -EPERM: it is not what the exporter says it is.
 *
 * The memory type of RAM is its owner's to set, page by page, and he has one for all
 * of a range: a look at one page finds him who forgot to.  CONFIG_DEBUG_VM looks at
 * all of them.  So must CONFIG_HIGHMEM: x86's set_pages_array_wc() leaves out what the
 * kernel has not mapped.
 */
int dma_buf_leaf_prot(const struct dma_buf_range *range, pgoff_t first,
		      unsigned long nr, pgprot_t *prot)
{
	const unsigned long pfn = dma_buf_range_pfn(range, first);
	pgprot_t asked = dma_buf_range_prot(range, *prot);

	*prot = asked;
	if (pfnmap_setup_cachemode(pfn, range->iomem ? nr << PAGE_SHIFT :
				   PAGE_SIZE, prot))
		return -EAGAIN;
	if (!range->caching_hint && pgprot_val(*prot) != pgprot_val(asked)) {
		pr_warn_ratelimited("dma-buf: memory type of a range differs from the caching its exporter gives (%d): unmap what has it as another type, or reserve the type before exporting\n",
				    range->caching);
		return -EPERM;
	}
	if (range->iomem)
		return 0;
	if (IS_ENABLED(CONFIG_HIGHMEM) &&
	    !dma_buf_same_prot(range, first, nr, asked, *prot))
		return -EAGAIN;
	VM_WARN_ON_ONCE(!dma_buf_same_prot(range, first, nr, asked, *prot));
	return 0;
}

/* One large leaf, if it fits in the VMA and in the range. */
static vm_fault_t dma_buf_insert_large(struct vm_fault *vmf, unsigned int order,
				       pgoff_t pgoff,
				       const struct dma_buf_range *range)
{
	const unsigned long nr = 1UL << order;
	const unsigned long addr = ALIGN_DOWN(vmf->address, nr << PAGE_SHIFT);
	const unsigned long before = (vmf->address - addr) >> PAGE_SHIFT;
	const bool write = vmf->flags & FAULT_FLAG_WRITE;
	pgprot_t prot = vm_get_page_prot(vmf->vma->vm_flags);
	unsigned long pfn;
	int err;

	/* Writes are told of page by page. */
	if (range->write_notify)
		return VM_FAULT_FALLBACK;
	if (pgoff - range->start < before ||
	    range->start + range->nr_pages - (pgoff - before) < nr)
		return VM_FAULT_FALLBACK;
	pgoff -= before;
	pfn = dma_buf_range_pfn(range, pgoff);
	if (!IS_ALIGNED(pfn, nr) ||
	    /* Mostly not contiguous, and then the ends tell. */
	    dma_buf_range_pfn(range, pgoff + nr - 1) != pfn + nr - 1 ||
	    dma_buf_range_run(range, pgoff, nr) < nr)
		return VM_FAULT_FALLBACK;

	err = dma_buf_leaf_prot(range, pgoff, nr, &prot);
	if (err)
		return err == -EAGAIN ? VM_FAULT_FALLBACK : VM_FAULT_SIGBUS;

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP) && order == PUD_ORDER)
		return vmf_insert_pfn_pud_prot(vmf, pfn, prot, write);
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && order == PMD_ORDER)
		return vmf_insert_pfn_pmd_prot(vmf, pfn, prot, write);
	return VM_FAULT_FALLBACK;
}

/* The part of [first, end), buffer offsets, that @range has: as PTEs. */
static vm_fault_t dma_buf_insert_ptes(struct vm_fault *vmf, pgoff_t pgoff,
				      pgoff_t first, pgoff_t end,
				      const struct dma_buf_range *range)
{
	const vm_flags_t less = range->write_notify ? VM_SHARED : 0;
	const pgprot_t prot = vm_get_page_prot(vmf->vma->vm_flags & ~less);
	struct page **pages = NULL;
	pgprot_t leaf = prot;
	unsigned long addr;
	int err;

	first = max(first, range->start);
	end = min(end, range->start + range->nr_pages);
	err = dma_buf_leaf_prot(range, first, end - first, &leaf);
	if (err == -EAGAIN) {
		/* No common memory type: only the page that is needed. */
		first = clamp(pgoff, first, end - 1);
		end = first + 1;
		leaf = prot;
		err = dma_buf_leaf_prot(range, first, 1, &leaf);
	}
	if (err)
		return VM_FAULT_SIGBUS;

	if (range->pages)
		pages = range->pages + (first - range->start);
	addr = vmf->address + (first << PAGE_SHIFT) -
	       (pgoff << PAGE_SHIFT);
	return vmf_insert_pfns_prot(vmf, addr, dma_buf_range_pfn(range, first),
				    pages, end - first, leaf);
}

/*
 * Map what lies around @pgoff, which is mapped already, as far as it can be had
 * without waiting.
 */
static void dma_buf_insert_around(struct vm_fault *vmf, struct dma_buf_mmap *m,
				  pgoff_t pgoff, pgoff_t first, pgoff_t end)
{
	struct dma_buf_range range;
	vm_fault_t ret;
	pgoff_t next;

	for (; first < end; first = next) {
		if (dma_buf_mmap_get_range(m, first, false, &range))
			return;
		ret = dma_buf_insert_ptes(vmf, pgoff, first, end, &range);
		next = range.start + range.nr_pages;
		dma_buf_mmap_put_range(m, &range);
		if (ret != VM_FAULT_NOPAGE)
			return;
	}
}

/* An ordinary page, where user space made the kernel forget one that was mapped. */
static vm_fault_t dma_buf_insert_page(struct vm_fault *vmf, pgoff_t pgoff,
				      const struct dma_buf_range *range)
{
	int err = vm_insert_page(vmf->vma, vmf->address,
				 range->pages[pgoff - range->start]);

	return err && err != -EBUSY ? vmf_error(err) : VM_FAULT_NOPAGE;
}

/* A page in place of that at @pgoff, which is away; %0 or %-ENOMEM. */
int dma_buf_mmap_get_dummy(struct dma_buf_mmap *m, pgoff_t pgoff,
			   struct dma_buf_range *range)
{
	dma_resv_assert_held(m->resv);

	if (!m->dummy) {
		m->dummy = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!m->dummy)
			return -ENOMEM;
		memset(page_address(m->dummy), m->dummy_fill, PAGE_SIZE);
		flush_dcache_page(m->dummy);
		__folio_set_dummy(page_folio(m->dummy));
		/* Also if no leaf follows: it goes with the next zap. */
		m->mapped = true;
	}
	*range = (struct dma_buf_range) {
		.start = pgoff,
		.nr_pages = 1,
		.pfn = page_to_pfn(m->dummy),
		.caching_hint = true,
		.dummy = true,
	};
	return 0;
}

/* For dma_buf_mmap_fini(): there is one, and no leaf is left of it. */
void dma_buf_mmap_put_dummy(struct dma_buf_mmap *m)
{
	__folio_clear_dummy(page_folio(m->dummy));
	__free_page(m->dummy);
	m->dummy = NULL;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_put_dummy, "DMA_BUF");

/**
 * dma_buf_mmap_get_range - ask an exporter for a range
 * @m: the buffer
 * @pgoff: buffer offset
 * @populate: as for &dma_buf_mmap_ops.get_range
 * @range: returns the answer, which was looked at: it holds the page at @pgoff and
 *	lies in the buffer
 *
 * Context: as for &dma_buf_mmap_ops.get_range.
 * Return: %0, and dma_buf_mmap_put_range() gives it back; %-EFAULT beyond the buffer,
 * or if the answer is wrong, which is warned of once; else as
 * &dma_buf_mmap_ops.get_range.
 */
int dma_buf_mmap_get_range(struct dma_buf_mmap *m, pgoff_t pgoff, bool populate,
			   struct dma_buf_range *range)
{
	int err;

	if (!(m->flags & DMA_BUF_MMAP_EAGER))
		dma_resv_assert_held(m->resv);

	if (pgoff >= m->nr_pages)
		return -EFAULT;
	*range = (struct dma_buf_range) {};
	err = m->ops->get_range(m->priv, pgoff, populate, range);
	if (err)
		return WARN_ON_ONCE(err > 0) ? -EFAULT : err;

	if (likely(range->start <= pgoff &&
		   pgoff - range->start < range->nr_pages &&
		   range->nr_pages <= m->nr_pages - range->start))
		return 0;

	WARN_ONCE(1, "%ps: pages %lu to %lu for page %lu of %lu\n",
		  m->ops->get_range, range->start,
		  range->start + range->nr_pages, pgoff, m->nr_pages);
	dma_buf_mmap_put_range(m, range);
	return -EFAULT;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_get_range, "DMA_BUF");

/**
 * dma_buf_mmap_put_range - give back what dma_buf_mmap_get_range() returned
 * @m: the buffer
 * @range: the range
 *
 * Context: as for &dma_buf_mmap_ops.put_range.
 */
void dma_buf_mmap_put_range(struct dma_buf_mmap *m, struct dma_buf_range *range)
{
	if (m->ops->put_range && !range->dummy)
		m->ops->put_range(m->priv, range);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_put_range, "DMA_BUF");

/* PTEs of a page and of what lies around it; @range, which has the page, is given back. */
static vm_fault_t dma_buf_insert_small(struct vm_fault *vmf, struct dma_buf_mmap *m,
				       pgoff_t pgoff, struct dma_buf_range *range)
{
	const pgoff_t next = range->start + range->nr_pages;
	const unsigned long addr = vmf->address;
	unsigned long start, end;
	pgoff_t first, stop;
	vm_fault_t ret;

	vmf_pfn_window(vmf, &start, &end);
	first = pgoff - ((addr - start) >> PAGE_SHIFT);
	stop = min(pgoff + ((end - addr) >> PAGE_SHIFT), m->nr_pages);

	ret = dma_buf_insert_ptes(vmf, pgoff, first, stop, range);
	/* Exporters are asked for one range after the other. */
	dma_buf_mmap_put_range(m, range);
	if (ret != VM_FAULT_NOPAGE)
		return ret;
	if (first < range->start)
		dma_buf_insert_around(vmf, m, pgoff, first,
				      min(stop, range->start));
	if (stop > next)
		dma_buf_insert_around(vmf, m, pgoff, max(first, next), stop);
	return ret;
}

/*
 * Put leaves for a fault into the page tables: of @order, or PTEs of the page and what lies
 * around it.  The reservation lock is held and no move is in flight; @range has the page, and
 * is given back.
 * Returns VM_FAULT_NOPAGE if done; VM_FAULT_FALLBACK if no leaf of @order fits;
 * VM_FAULT_OOM; VM_FAULT_SIGBUS.
 */
vm_fault_t dma_buf_mmap_insert(struct vm_fault *vmf, unsigned int order,
			       struct dma_buf_mmap *m,
			       struct dma_buf_range *range)
{
	const unsigned long addr = vmf->address;
	const pgoff_t pgoff = linear_page_index(vmf->vma, addr) - m->offset;
	vm_fault_t ret;

	dma_resv_assert_held(m->resv);

	m->mapped = true;
	/* Ordinary pages are counted in who maps them, each. */
	if (vmf->vma->vm_flags & VM_MIXEDMAP)
		ret = order ? VM_FAULT_FALLBACK :
			      dma_buf_insert_page(vmf, pgoff, range);
	else if (order)
		ret = dma_buf_insert_large(vmf, order, pgoff, range);
	else
		return dma_buf_insert_small(vmf, m, pgoff, range);
	dma_buf_mmap_put_range(m, range);
	return ret;
}
