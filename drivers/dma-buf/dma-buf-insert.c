// SPDX-License-Identifier: GPL-2.0
/*
 * From the ranges that an exporter names to leaves in the page tables: the
 * largest that range, alignment and VMA allow.  Called with the reservation lock
 * of the buffer held; see dma-buf-mmap.c for the model.
 */
#include <linux/dma-buf-mmap.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "dma-buf-range.h"

/*
 * Whether @range has @nr contiguous pages from buffer offset @first on, which is
 * in it, as its last is.
 */
static bool dma_buf_range_contiguous(const struct dma_buf_range *range,
				     pgoff_t first, unsigned long nr)
{
	struct page **pages = range->pages + (first - range->start);
	struct folio *folio;
	unsigned long i;

	if (!range->pages)
		return true;
	/* Mostly not, and then the ends tell. */
	if (pages[nr - 1] != pages[0] + (nr - 1))
		return false;

	folio = page_folio(pages[0]);
	if (range->whole_folios &&
	    folio_nr_pages(folio) - folio_page_idx(folio, pages[0]) >= nr)
		return true;

	for (i = 1; i < nr; i++)
		if (pages[i] != pages[0] + i)
			return false;
	return true;
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
				       const struct dma_buf_range *range,
				       pgprot_t prot)
{
	const unsigned long nr = 1UL << order;
	const unsigned long addr = ALIGN_DOWN(vmf->address, nr << PAGE_SHIFT);
	const unsigned long before = (vmf->address - addr) >> PAGE_SHIFT;
	const bool write = vmf->flags & FAULT_FLAG_WRITE;
	struct vm_area_struct *vma = vmf->vma;
	unsigned long pfn;
	int err;

	if (addr < vma->vm_start || vma->vm_end - addr < nr << PAGE_SHIFT)
		return VM_FAULT_FALLBACK;
	if (pgoff - range->start < before ||
	    range->start + range->nr_pages - (pgoff - before) < nr)
		return VM_FAULT_FALLBACK;
	pgoff -= before;
	pfn = dma_buf_range_pfn(range, pgoff);
	if (!IS_ALIGNED(pfn, nr) || !dma_buf_range_contiguous(range, pgoff, nr))
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
				      const struct dma_buf_range *range,
				      pgprot_t prot)
{
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
	addr = vmf->address + (first << PAGE_SHIFT) - (pgoff << PAGE_SHIFT);
	return vmf_insert_pfns_prot(vmf, addr, dma_buf_range_pfn(range, first),
				    pages, end - first, leaf);
}

/*
 * What a fault returns when the exporter has no range for it; %VM_FAULT_RETRY is
 * for the caller to wait on, with nothing unlocked.
 */
vm_fault_t dma_buf_range_error(int err)
{
	switch (err) {
	case -EAGAIN:
		return VM_FAULT_RETRY;
	case -EINTR:
	case -ERESTARTSYS:
		return VM_FAULT_NOPAGE;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/*
 * Map what lies around @pgoff, which is mapped already, as far as it can be had
 * without waiting.
 */
static void dma_buf_insert_around(struct vm_fault *vmf, pgoff_t pgoff,
				  pgoff_t first, pgoff_t end,
				  const struct dma_buf_mmap_source *src,
				  pgprot_t prot)
{
	struct dma_buf_range range;
	vm_fault_t ret;
	pgoff_t next;

	for (; first < end; first = next) {
		memset(&range, 0, sizeof(range));
		if (src->ops->get_range(src->priv, first, false, &range))
			return;
		ret = dma_buf_insert_ptes(vmf, pgoff, first, end, &range, prot);
		next = range.start + range.nr_pages;
		if (src->ops->put_range)
			src->ops->put_range(src->priv, &range);
		if (ret != VM_FAULT_NOPAGE)
			return;
	}
}

/*
 * How many pages to map from @addr on, which is aligned to @around of them: four
 * times as many as seem to be mapped right before it, so that it takes few faults to
 * go through a page table in sequence, while a random access maps little.
 */
static unsigned int dma_buf_grow_window(struct vm_fault *vmf,
					unsigned long addr, unsigned int around)
{
	const unsigned int index = pte_index(addr);
	unsigned int grown = around;
	pte_t *table;

	if (vmf->vma->vm_flags & VM_SEQ_READ)
		return PTRS_PER_PTE;
	if (index < around)
		return around;

	/* A zap may take them away meanwhile: it is but a guess. */
	table = pte_offset_map(vmf->pmd, addr & PMD_MASK);
	if (!table)
		return around;
	if (!pte_none(ptep_get(table + index - 1)) &&
	    !pte_none(ptep_get(table + index - grown))) {
		while (2 * grown <= index &&
		       !pte_none(ptep_get(table + index - 2 * grown)))
			grown *= 2;
		grown *= 4;
	}
	pte_unmap(table);

	return grown;
}

/*
 * The window of PTEs around @pgoff: @around pages, aligned and growing unless they
 * are to follow the fault, cut to what the page table, the VMA and the buffer have.
 */
static void dma_buf_fault_window(struct vm_fault *vmf, pgoff_t pgoff,
				 const struct dma_buf_mmap_source *src,
				 unsigned int around, pgoff_t *first,
				 pgoff_t *end)
{
	const unsigned long addr = vmf->address;
	const unsigned long table = ALIGN_DOWN(addr, PMD_SIZE);
	unsigned long start = addr, stop;

	if (!src->forward && around > 1) {
		start -= addr % ((unsigned long)around << PAGE_SHIFT);
		around = dma_buf_grow_window(vmf, start, around);
	}
	stop = min(start + ((unsigned long)around << PAGE_SHIFT) - 1,
		   table + PMD_SIZE - 1);
	stop = min(stop, vmf->vma->vm_end - 1);
	start = max3(start, table, vmf->vma->vm_start);

	*first = pgoff - ((addr - start) >> PAGE_SHIFT);
	*end = min(pgoff + ((stop - addr) >> PAGE_SHIFT) + 1, src->nr_pages);
}

/*
 * Whether a fault for a single page should still try a large leaf: mm does not
 * ask for one where the vm_ops have no huge_fault.
 */
static bool dma_buf_large_untried(struct vm_fault *vmf)
{
	return IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) &&
	       !vmf->vma->vm_ops->huge_fault && pmd_none(READ_ONCE(*vmf->pmd));
}

/**
 * dma_buf_mmap_insert - put leaves for a fault into the page tables
 * @vmf: the fault; the VMA is VM_PFNMAP, not COW, and linked in the mapping space
 *	that @src is zapped in
 * @order: 0 in &vm_operations_struct.fault, else as given to huge_fault
 * @src: the buffer
 * @prot: access rights, as in &vm_area_struct.vm_page_prot
 * @around: for @order 0, how many pages around the fault to map if no large
 *	leaf fits; at least 1, which is just the page
 *
 * For VMAs whose vm_ops are not the core's: a driver's own fault handler that
 * wants the same leaves as a mapping through the dma-buf.
 *
 * Context: Process context, mmap_lock or VMA lock and the reservation lock of
 * the buffer held; no kernel fence is pending.
 *
 * Return: %VM_FAULT_NOPAGE if done or a signal is pending; %VM_FAULT_FALLBACK if
 * no leaf of @order fits; %VM_FAULT_RETRY if get_range says %-EAGAIN: nothing was
 * unlocked, the caller waits; %VM_FAULT_OOM; %VM_FAULT_SIGBUS.
 */
vm_fault_t dma_buf_mmap_insert(struct vm_fault *vmf, unsigned int order,
			       const struct dma_buf_mmap_source *src,
			       pgprot_t prot, unsigned int around)
{
	const pgoff_t pgoff = linear_page_index(vmf->vma, vmf->address) -
			      src->offset;
	struct dma_buf_range range = {};
	pgoff_t first = 0, end = 0;
	vm_fault_t ret;
	int err;

	if (pgoff >= src->nr_pages)
		return VM_FAULT_SIGBUS;

	err = src->ops->get_range(src->priv, pgoff, true, &range);
	if (err)
		return dma_buf_range_error(err);

	if (order || (!src->small && dma_buf_large_untried(vmf))) {
		ret = dma_buf_insert_large(vmf, order ?: PMD_ORDER, pgoff,
					   &range, prot);
		if (order || ret != VM_FAULT_FALLBACK)
			goto put_range;
	}

	dma_buf_fault_window(vmf, pgoff, src, around, &first, &end);
	ret = dma_buf_insert_ptes(vmf, pgoff, first, end, &range, prot);
put_range:

	if (src->ops->put_range)
		src->ops->put_range(src->priv, &range);

	if (ret != VM_FAULT_NOPAGE)
		return ret;
	if (first < range.start)
		dma_buf_insert_around(vmf, pgoff, first,
				      min(end, range.start), src, prot);
	if (end > range.start + range.nr_pages)
		dma_buf_insert_around(vmf, pgoff,
				      max(first, range.start + range.nr_pages),
				      end, src, prot);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_insert, "DMA_BUF");
