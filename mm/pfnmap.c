// SPDX-License-Identifier: GPL-2.0
/*
 * Page-table leaves for pfns without struct page semantics (VM_PFNMAP): runs of
 * PTEs, and PMDs and PUDs with a page protection of their own.
 *
 * The architecture may keep a memory type for the pfns (x86 PAT) that overrides
 * the caching bits asked for.  It must be one and the same for all of a leaf,
 * or the one mapping would give some pages a caching that conflicts with their
 * other mappings.
 */
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>

#include "internal.h"

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
/**
 * vmf_insert_pfn_pmd - insert a PMD-sized pfn
 * @vmf: the fault
 * @pfn: first pfn, aligned to the leaf
 * @write: whether it is a write fault
 *
 * vmf_insert_pfn() for a PMD leaf.
 *
 * Context: Process context, mmap_lock or the VMA lock held.
 * Return: %VM_FAULT_NOPAGE, %VM_FAULT_FALLBACK if the memory type differs
 * within the leaf, or an error of vmf_insert_pfn().
 */
vm_fault_t vmf_insert_pfn_pmd(struct vm_fault *vmf, unsigned long pfn,
			      bool write)
{
	pgprot_t prot = vmf->vma->vm_page_prot;

	if (pfnmap_setup_cachemode(pfn, PMD_SIZE, &prot))
		return VM_FAULT_FALLBACK;

	return vmf_insert_pfn_pmd_prot(vmf, pfn, prot, write);
}
EXPORT_SYMBOL_GPL(vmf_insert_pfn_pmd);

#ifdef CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD
/**
 * vmf_insert_pfn_pud - insert a PUD-sized pfn
 * @vmf: the fault
 * @pfn: first pfn, aligned to the leaf
 * @write: whether it is a write fault
 *
 * vmf_insert_pfn() for a PUD leaf.
 *
 * Context: Process context, mmap_lock or the VMA lock held.
 * Return: %VM_FAULT_NOPAGE, %VM_FAULT_FALLBACK if the memory type differs
 * within the leaf, or an error of vmf_insert_pfn().
 */
vm_fault_t vmf_insert_pfn_pud(struct vm_fault *vmf, unsigned long pfn,
			      bool write)
{
	pgprot_t prot = vmf->vma->vm_page_prot;

	if (pfnmap_setup_cachemode(pfn, PUD_SIZE, &prot))
		return VM_FAULT_FALLBACK;

	return vmf_insert_pfn_pud_prot(vmf, pfn, prot, write);
}
EXPORT_SYMBOL_GPL(vmf_insert_pfn_pud);
#endif
#endif /* CONFIG_TRANSPARENT_HUGEPAGE */

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
 * Context: Process context, mmap_lock held.  May allocate with %GFP_KERNEL.
 * Return: %VM_FAULT_NOPAGE, also if a large leaf turned out to be there;
 * %VM_FAULT_OOM; %VM_FAULT_SIGBUS if the CPU must not map the pfns that way.
 */
vm_fault_t vmf_insert_pfns_prot(struct vm_fault *vmf, unsigned long addr,
				unsigned long pfn, struct page **pages,
				unsigned long nr, pgprot_t prot)
{
	struct vm_area_struct *vma = vmf->vma;
	const pte_t first = pte_mkspecial(pfn_pte(pfn, prot));
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl; /* of the page table */
	pte_t *start, *pte, entry;
	unsigned long i;

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

	if (pte_alloc(mm, vmf->pmd))
		return VM_FAULT_OOM;

	start = pte_offset_map_lock(mm, vmf->pmd, addr, &ptl);
	if (!start)
		return VM_FAULT_NOPAGE;

	lazy_mmu_mode_enable();
	for (i = 0, pte = start; i < nr; i++, pte++, addr += PAGE_SIZE) {
		if (!pte_none(ptep_get(pte)))
			continue;
		if (pages)
			entry = pte_mkspecial(pfn_pte(page_to_pfn(pages[i]), prot));
		else
			entry = pte_advance_pfn(first, i);
		set_pte_at(mm, addr, pte, entry);
		update_mmu_cache(vma, addr, pte);
	}
	lazy_mmu_mode_disable();
	pte_unmap_unlock(start, ptl);

	return VM_FAULT_NOPAGE;
}
EXPORT_SYMBOL_GPL(vmf_insert_pfns_prot);

/*
 * An area at which leaves of @size fit, that is, whose start is congruent to
 * @off modulo @size; 0 if there is none.
 */
static unsigned long aligned_area(struct file *file, unsigned long addr,
				  unsigned long len, unsigned long off,
				  unsigned long size, unsigned long flags)
{
	unsigned long first = round_up(off, size);
	unsigned long area, pad;

	if (first < off || first - off >= len || len - (first - off) < size)
		return 0;

	if (check_add_overflow(len, size, &pad))
		return 0;

	area = mm_get_unmapped_area(file, addr, pad, 0, flags);
	if (IS_ERR_VALUE(area))
		return 0;

	/* The caller's hint was good: keep to it. */
	if (addr && area == addr)
		return addr;

	return area + ((off - area) & (size - 1));
}

/**
 * pfnmap_get_unmapped_area - find an area at which large leaves fit
 * @file: the file to be mapped
 * @addr: hint, or the address itself with %MAP_FIXED
 * @len: bytes
 * @pgoff: what the area should be congruent to modulo the size of the leaves: a
 *	pfn, or a file offset that is itself congruent to the pfns
 * @flags: flags of mmap()
 *
 * Suits &file_operations.get_unmapped_area.  Tries the largest leaf first; an
 * area in which none fits, or an address that the caller insists on, is left as
 * it is.
 *
 * Context: Process context, mmap_lock held for writing.
 * Return: an address or a negative error value.
 */
unsigned long pfnmap_get_unmapped_area(struct file *file, unsigned long addr,
				       unsigned long len, unsigned long pgoff,
				       unsigned long flags)
{
	unsigned long off = pgoff << PAGE_SHIFT;
	unsigned long area = 0;

	if (!(flags & MAP_FIXED) && IS_ENABLED(CONFIG_64BIT) &&
	    !in_compat_syscall()) {
		if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP))
			area = aligned_area(file, addr, len, off, PUD_SIZE,
					    flags);
		if (!area && IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
			area = aligned_area(file, addr, len, off, PMD_SIZE,
					    flags);
	}

	return area ?: mm_get_unmapped_area(file, addr, len, pgoff, flags);
}
EXPORT_SYMBOL_GPL(pfnmap_get_unmapped_area);
