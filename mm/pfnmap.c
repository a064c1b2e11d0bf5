// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of pfns without struct page semantics (VM_PFNMAP): runs of PTEs, and how
 * many to map in a fault; addresses at which large leaves fit.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "internal.h"

/**
 * vmf_insert_pfns_prot - insert PTEs for many pfns
 * @vmf: the fault, from &vm_operations_struct.fault
 * @addr: user address of the first page
 * @pfn: first pfn, if the pfns are consecutive
 * @pages: else the pages
 * @nr: number of pages, at least 1; all lie in the VMA and in the page table
 *	that maps @vmf->address
 * @prot: page protection, used as it is: the memory type of the pages is known to
 *	go with it, see pfnmap_setup_cachemode()
 *
 * PTEs that are there already stay as they are.  The VMA is VM_PFNMAP and not a
 * COW mapping.
 *
 * Context: Process context, mmap_lock or VMA lock held.  May allocate with %GFP_KERNEL.
 * Return: %VM_FAULT_NOPAGE, also if a large leaf turned out to be there;
 * %VM_FAULT_OOM; %VM_FAULT_SIGBUS if the CPU must not map the pfns that way.
 */
vm_fault_t vmf_insert_pfns_prot(struct vm_fault *vmf, unsigned long addr,
				unsigned long pfn, struct page **pages,
				unsigned long nr, pgprot_t prot)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl; /* of the page table */
	pte_t *start, *pte;
	unsigned long n;

	VM_WARN_ON_ONCE(!(vma->vm_flags & VM_PFNMAP));
	VM_WARN_ON_ONCE(vma_is_cow_mapping(vma));
	VM_WARN_ON_ONCE(addr < vma->vm_start ||
			addr + nr * PAGE_SIZE > vma->vm_end);
	VM_WARN_ON_ONCE(pmd_index(addr) != pmd_index(vmf->address) ||
			pmd_index(addr + nr * PAGE_SIZE - 1) != pmd_index(addr));

	/* RAM may always be mapped. */
	if (!pages && (!pfn_modify_allowed(pfn, prot) ||
		       !pfn_modify_allowed(pfn + nr - 1, prot)))
		return VM_FAULT_SIGBUS;

	if (vmf->prealloc_pte)
		pmd_install(mm, vmf->pmd, &vmf->prealloc_pte);
	else if (pte_alloc(mm, vmf->pmd))
		return VM_FAULT_OOM;

	start = pte_offset_map_lock(mm, vmf->pmd, addr, &ptl);
	if (!start)
		return VM_FAULT_NOPAGE;

	/* What is there already stays. */
	lazy_mmu_mode_enable();
	for (pte = start; pages && nr; nr--, pte++, pages++, addr += PAGE_SIZE) {
		if (!pte_none(ptep_get(pte)))
			continue;
		set_pte_at(mm, addr, pte,
			   pte_mkspecial(pfn_pte(page_to_pfn(*pages), prot)));
		update_mmu_cache(vma, addr, pte);
	}
	for (; nr; nr -= n, pte += n, pfn += n, addr += n * PAGE_SIZE) {
		for (n = 0; n < nr && pte_none(ptep_get(pte + n)); )
			n++;
		if (n) {
			set_ptes(mm, addr, pte,
				 pte_mkspecial(pfn_pte(pfn, prot)), n);
			update_mmu_cache_range(vmf, vma, addr, pte, n);
		} else {
			n = 1;
		}
	}
	lazy_mmu_mode_disable();
	pte_unmap_unlock(start, ptl);

	return VM_FAULT_NOPAGE;
}
EXPORT_SYMBOL_GPL(vmf_insert_pfns_prot);

/**
 * pfnmap_map_pages - &vm_operations_struct.map_pages for pfns
 * @vmf: the fault
 * @start: first page offset
 * @end: last page offset
 *
 * Maps nothing: the fault handler, which may sleep, maps what is around too.  For those
 * that can do with the VMA lock, which mm takes this op for.
 *
 * Context: RCU read-side critical section.
 * Return: %0.
 */
vm_fault_t pfnmap_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}
EXPORT_SYMBOL_GPL(pfnmap_map_pages);

/* Pages that a fault maps where little else in the page table is mapped. */
#define PFNMAP_WINDOW		8UL
/* One of nine windows is looked at, so that no stride of a power of two misses all. */
#define PFNMAP_PROBE		(9 * PFNMAP_WINDOW)

/*
 * How many of the entries that are looked at are there; the VMA's first is one of them, for
 * those who begin with it.  A zap may take them away meanwhile: it is but a guess.
 */
static unsigned int pfnmap_probe(struct vm_fault *vmf, unsigned long table)
{
	const unsigned long first = max(table, vmf->vma->vm_start);
	pte_t *pte = pte_offset_map(vmf->pmd, first);
	unsigned int count = 0, i;

	if (!pte)
		return 0;
	for (i = 0; i < PTRS_PER_PTE - pte_index(first); i += PFNMAP_PROBE)
		count += !pte_none(ptep_get(pte + i));
	pte_unmap(pte);
	return count;
}

/**
 * vmf_pfn_window - which addresses to map in a fault for one
 * @vmf: the fault, from &vm_operations_struct.fault
 * @start: returns the first address
 * @end: returns where it ends
 *
 * Fault-around for pfns that are known without a search.  It costs little to map more
 * than is touched, as the page table is there already, and much to take a fault for
 * it: the more faults a page table saw, in whatever order, the more of it is mapped.
 * VM_RAND_READ and VM_SEQ_READ are followed.
 *
 * Context: Process context, mmap_lock or VMA lock held.
 */
void vmf_pfn_window(struct vm_fault *vmf, unsigned long *start,
		    unsigned long *end)
{
	const unsigned long table = vmf->address & PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;
	unsigned long size = PFNMAP_WINDOW;

	if (vma->vm_flags & VM_RAND_READ) {
		size = 1;
	} else if (vma->vm_flags & VM_SEQ_READ) {
		size = PTRS_PER_PTE;
	} else if (!pmd_none(READ_ONCE(*vmf->pmd))) {
		unsigned int count = pfnmap_probe(vmf, table);

		if (count)
			size = count > 1 ? PTRS_PER_PTE : 16 * PFNMAP_WINDOW;
	}

	size <<= PAGE_SHIFT;
	*start = ALIGN_DOWN(vmf->address, size);
	*end = min(*start + size, table + PMD_SIZE);
	*start = max3(*start, table, vma->vm_start);
	*end = min(*end - 1, vma->vm_end - 1) + 1;
}
EXPORT_SYMBOL_GPL(vmf_pfn_window);

#ifndef CONFIG_X86
/**
 * pfnmap_mprotect - &vm_operations_struct.mprotect where leaves have a page
 *	protection of their own
 * @vma: the VMA
 * @start: first address
 * @end: end address
 * @newflags: the access rights it will have
 *
 * pte_modify() takes the caching of a leaf from vm_page_prot on some architectures,
 * which does not know that of the pfn.  So have the leaves faulted in again.
 *
 * Context: Process context, mmap_lock held for writing.
 * Return: %0.
 */
int pfnmap_mprotect(struct vm_area_struct *vma, unsigned long start,
		    unsigned long end, unsigned long newflags)
{
	/* Pages that are the process's own must stay. */
	if (!(vma->vm_flags & VM_PFNMAP) || vma_is_cow_mapping(vma))
		return 0;
	/* No large leaf may come in under the VMA lock before the rights change. */
	vma_start_write(vma);
	zap_special_vma_range(vma, start, end - start);
	return 0;
}
EXPORT_SYMBOL_GPL(pfnmap_mprotect);
#endif

/**
 * pfnmap_get_unmapped_area - find an area at which large leaves fit
 * @file: the file to be mapped
 * @addr: hint, or the address itself with %MAP_FIXED
 * @len: bytes
 * @pgoff: offset in the file, in pages
 * @flags: flags of mmap()
 * @pfn: what the area should be congruent to modulo the size of the leaves: the first
 *	pfn, or what is itself congruent to it
 *
 * Tries the largest leaf first.  Where none fits, or if the caller has a wish of its
 * own, the area is that of any other mapping.
 *
 * Context: Process context, mmap_lock held for writing.
 * Return: an address or a negative error value.
 */
unsigned long pfnmap_get_unmapped_area(struct file *file, unsigned long addr,
				       unsigned long len, unsigned long pgoff,
				       unsigned long flags, unsigned long pfn)
{
	const unsigned long off = (pfn << PAGE_SHIFT) & (PUD_SIZE - 1);
	const bool align = !addr && !(flags & MAP_FIXED);
	unsigned long area = 0;

	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP) && align && len >= PUD_SIZE)
		area = __thp_get_unmapped_area(file, 0, len, off, flags,
					       PUD_SIZE, EMPTY_VMA_FLAGS);
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP) && align && !area &&
	    len >= PMD_SIZE)
		area = __thp_get_unmapped_area(file, 0, len, off, flags,
					       PMD_SIZE, EMPTY_VMA_FLAGS);

	return area ?: mm_get_unmapped_area(file, addr, len, pgoff, flags);
}
EXPORT_SYMBOL_GPL(pfnmap_get_unmapped_area);
