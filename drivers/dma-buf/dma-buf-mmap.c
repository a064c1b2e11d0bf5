// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings of dma-bufs.
 *
 * The core owns every VMA that maps a dma-buf; the exporter only answers, under
 * the reservation lock, which pfns are behind a page of the buffer now and how
 * the CPU must map them.
 *
 * Lifetime: no leaf outlives the backing store that it points at.  A leaf goes
 * in and the state that it was made from changes under the one reservation
 * lock, and whoever changes the state zaps before dropping that lock.
 *
 * Locks, outermost first:
 *
 *	(vfio) memory_lock		drivers copy to user space with it
 *	  mmap_lock or VMA lock
 *	  (vfio) revoke_lock		taken by revoke, then resv
 *	    dma_resv			state changes, leaves go in, leaves go out
 *	      fs_reclaim
 *	        i_mmap_rwsem		unmap_mapping_pages()
 *	          page table lock
 *
 * A fault already holds the outermost, so it only tries the reservation lock.
 * Where that, a move in flight or the exporter makes it wait, it drops what it
 * holds and comes back; the second time it locks, and keeps the lock, but never
 * waits for the exporter with mmap_lock held.  A fatal signal ends each wait; any
 * signal does, if the fault is from user mode.
 *
 * mmap() takes none but mmap_lock, unless the exporter's own does: what is revoked is for
 * the fault to find.
 *
 * Words:
 *
 *	mapping space	the address_space that all VMAs of an exporter are in
 *	map offset	where a buffer starts in its mapping space, in pages
 *	buffer offset	pages from the start of the buffer
 *	range		a run of a buffer that is mapped in one way
 *	leaf		a page-table entry that maps memory, of any size
 *	zap		leaves go away; the next touch faults and comes back
 *	move		the backing changes place: zap, then faults find the new one
 *	revoke		the backing is unusable for a while or for good: zap, then
 *			faults wait, or end in SIGBUS or at a dummy page
 *	dummy page	shown in place of what is away, where VM_NOSIGBUS says so: a
 *			buffer has one at most, which goes with the next zap
 *
 * "last" is inclusive, "end" is exclusive.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>

#include "dma-buf-mmap-internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_buf_mmap.h>

/* For exporters, which are the ones that know that they revoke. */
EXPORT_TRACEPOINT_SYMBOL_GPL(dma_buf_mmap_revoke);

/* Takes over what the exporter said about mappings; ->file and ->resv are set up. */
void dma_buf_mmap_init(struct dma_buf *dmabuf,
		       const struct dma_buf_export_info *exp_info)
{
	struct dma_buf_mmap *m = &dmabuf->own_mmap;

	*m = exp_info->mmap;
	m->priv = m->priv ?: exp_info->priv;
	m->resv = m->resv ?: dmabuf->resv;
	m->mapping = m->mapping ?: dmabuf->file->f_mapping;
	m->nr_pages = m->nr_pages ?: dmabuf->size >> PAGE_SHIFT;

	dmabuf->mmap = exp_info->shared_mmap ?: m;
	if (!dmabuf->mmap->ops)
		dmabuf->mmap = NULL;
	dmabuf->file->f_mapping = (dmabuf->mmap ?: m)->mapping;
}

/**
 * dma_buf_mmap_zap - remove the leaves of all mappings of a buffer
 * @m: the buffer
 *
 * TLBs included; the next touch asks the exporter again.  Costs nothing if there are
 * none.  Exporters of dma-bufs call dma_buf_invalidate_mappings(), which does this
 * and tells the importers.  Likewise one whose buffer is back, so that dummy pages go,
 * and dma_buf_restore_mappings().
 *
 * Context: Process context, reservation lock held since the state that
 * &dma_buf_mmap_ops.get_range answers from was changed.
 */
void dma_buf_mmap_zap(struct dma_buf_mmap *m)
{
	dma_resv_assert_held(m->resv);

	if (!m->mapped)
		return;

	trace_dma_buf_mmap_zap(m);
	m->mapped = false;
	unmap_mapping_pages(m->mapping, m->offset, m->nr_pages, true);
	/* What was written to it is nobody's. */
	dma_buf_mmap_fini(m);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_zap, "DMA_BUF");

/**
 * dma_buf_refresh_mappings - have all CPU mappings of a dma-buf made anew
 * @dmabuf: the buffer, whose CPU mappings the core owns
 *
 * For exporters of memory that stays where it is, and is to be mapped in another way
 * from now on.  Importers are not told.
 *
 * Context: Process context, reservation lock held since the state that
 * &dma_buf_mmap_ops.get_range answers from was changed.
 */
void dma_buf_refresh_mappings(struct dma_buf *dmabuf)
{
	dma_buf_mmap_zap(dmabuf->mmap);
	if (IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP) && dma_buf_vmap_restore(dmabuf))
		dma_buf_vmap_revoke(dmabuf);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_refresh_mappings, "DMA_BUF");

/* The buffer whose file @vma maps. */
static struct dma_buf *dma_buf_of_vma(struct vm_area_struct *vma)
{
	return vma->vm_file->private_data;
}

static vm_fault_t dma_buf_vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	return dma_buf_mmap_fault(vmf, order, dma_buf_of_vma(vmf->vma)->mmap);
}

static vm_fault_t dma_buf_vm_fault(struct vm_fault *vmf)
{
	return dma_buf_vm_huge_fault(vmf, 0);
}

static int dma_buf_vm_access(struct vm_area_struct *vma, unsigned long addr,
			     void *buf, int len, int write)
{
	return dma_buf_mmap_access(vma, addr, buf, len, write,
				   dma_buf_of_vma(vma)->mmap);
}

#ifdef pfnmap_mprotect
#define dma_buf_vm_mprotect	NULL
#else
static int dma_buf_vm_mprotect(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end, unsigned long newflags)
{
	/* What mmap() maps has the caching of vm_page_prot. */
	if (dma_buf_of_vma(vma)->mmap->flags & DMA_BUF_MMAP_EAGER)
		return 0;
	return pfnmap_mprotect(vma, start, end, newflags);
}
#endif

static bool dma_buf_vm_may_populate(struct vm_area_struct *vma)
{
	return !(dma_buf_of_vma(vma)->mmap->flags & DMA_BUF_MMAP_MOVES);
}

/* The file of the VMA keeps the buffer: nothing to open or close. */
static const struct vm_operations_struct dma_buf_vm_ops = {
	.fault = dma_buf_vm_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = dma_buf_vm_huge_fault,
#endif
	.map_pages = pfnmap_map_pages,
	.mprotect = dma_buf_vm_mprotect,
	.access = dma_buf_vm_access,
	.may_populate = dma_buf_vm_may_populate,
	.get_dmabuf = dma_buf_vm_get_dmabuf,
};

/*
 * A private mapping of memory that stays: a page that is written to becomes the
 * process's own.  mm knows that of one run of pfns that fills the VMA.
 */
static int dma_buf_mmap_cow(struct vm_area_struct *vma, unsigned long pfn,
			    pgprot_t prot)
{
	const unsigned long pgoff = vma->vm_pgoff;
	int err;

	err = remap_pfn_range(vma, vma->vm_start, pfn,
			      vma->vm_end - vma->vm_start, prot);
	/* Where PTEs say that they are special, no pfn needs to be kept, and shown, here. */
	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL))
		vma->vm_pgoff = pgoff;
	return err;
}

/* Map @range from @pgoff on at @addr.  Returns the number of pages, or an error. */
static long dma_buf_mmap_run(struct dma_buf_mmap *m, struct vm_area_struct *vma,
			     unsigned long addr, pgoff_t pgoff,
			     const struct dma_buf_range *range)
{
	unsigned long nr = min(range->start + range->nr_pages - pgoff,
			       (vma->vm_end - addr) >> PAGE_SHIFT);
	unsigned long left = nr;
	pgprot_t prot = vm_get_page_prot(vma->vm_flags);
	int err;

	/* For mprotect(). */
	vma->vm_page_prot = dma_buf_range_prot(range, prot);
	if (m->flags & DMA_BUF_MMAP_PAGES) {
		if (WARN_ON_ONCE(!range->pages))
			return -EFAULT;
		err = vm_insert_pages(vma, addr,
				      range->pages + (pgoff - range->start), &left);
		return err ?: nr;
	}

	nr = dma_buf_range_run(range, pgoff, nr);
	err = dma_buf_leaf_prot(range, pgoff, nr, &prot);
	if (err)
		return err;
	if (vma_is_cow_mapping(vma))
		err = nr == vma_pages(vma) ?
		      dma_buf_mmap_cow(vma, dma_buf_range_pfn(range, pgoff), prot) :
		      -EINVAL;
	else
		err = remap_pfn_range(vma, addr, dma_buf_range_pfn(range, pgoff),
				      nr << PAGE_SHIFT, prot);
	return err ?: nr;
}

/* Map all of a new VMA; there is never anything to zap. */
static int dma_buf_mmap_eager(struct dma_buf_mmap *m, struct vm_area_struct *vma,
			      pgoff_t pgoff)
{
	unsigned long addr = vma->vm_start;
	struct dma_buf_range range;
	long nr;
	int err;

	while (addr < vma->vm_end) {
		err = dma_buf_mmap_get_range(m, pgoff, true, &range);
		if (err)
			return err;
		nr = dma_buf_mmap_run(m, vma, addr, pgoff, &range);
		dma_buf_mmap_put_range(m, &range);
		if (nr < 0)
			return nr;
		pgoff += nr;
		addr += nr << PAGE_SHIFT;
	}
	return 0;
}

/**
 * dma_buf_mmap_vma - make a VMA a mapping of a buffer
 * @m: the buffer
 * @vma: a new VMA; its vm_file has the f_mapping that is @m->mapping, and keeps the
 *	buffer, unless its vm_ops do
 * @pgoff: buffer offset at which the mapping starts
 *
 * For exporters that map a buffer through a file of their own, with vm_ops of their
 * own.  vm_pgoff becomes @pgoff plus the map offset.
 *
 * A buffer that is moving or revoked for a while can be mapped; the fault sorts
 * it out.
 *
 * Context: Process context, mmap_lock held for writing.
 *
 * Return: %0; %-EINVAL if the mapping leaves the buffer, or is private and the
 * memory may go; what &dma_buf_mmap_ops.may_map returns; for %DMA_BUF_MMAP_EAGER
 * also what &dma_buf_mmap_ops.get_range returns, %-ENOMEM, and %-EAGAIN or %-EPERM if the
 * memory type is not one, or not what the exporter says.
 */
int dma_buf_mmap_vma(struct dma_buf_mmap *m, struct vm_area_struct *vma,
		     pgoff_t pgoff)
{
	const struct dma_buf_range shown = {
		.caching = m->caching,
		.decrypted = m->decrypted,
	};
	int err;

	mmap_assert_write_locked(vma->vm_mm);

	/* Memory that stays, of a frame buffer device for one, is mapped from anywhere. */
	if (WARN_ON_ONCE(vma->vm_file->f_mapping != m->mapping &&
			 !(m->flags & DMA_BUF_MMAP_EAGER)))
		return -EINVAL;
	/* Or nobody would be told. */
	if (WARN_ON_ONCE(m->ops->mkwrite && !vma->vm_ops->pfn_mkwrite))
		return -EINVAL;
	if (pgoff >= m->nr_pages || vma_pages(vma) > m->nr_pages - pgoff)
		return -EINVAL;
	/* Also what is read-only now and could be made writable later. */
	if (vma_is_cow_mapping(vma) && !(m->flags & DMA_BUF_MMAP_EAGER))
		return -EINVAL;
	err = m->ops->may_map ? m->ops->may_map(m->priv) : 0;
	if (err)
		return err;

	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | m->vm_flags);
	if (!(m->flags & DMA_BUF_MMAP_PAGES))
		vm_flags_set(vma, VM_IO | VM_PFNMAP);
	vma->vm_page_prot = dma_buf_range_prot(&shown, vm_get_page_prot(vma->vm_flags));
	vma->vm_pgoff = m->offset + pgoff;

	return m->flags & DMA_BUF_MMAP_EAGER ? dma_buf_mmap_eager(m, vma, pgoff) : 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_vma, "DMA_BUF");

/*
 * Take from a mapping what a strict exporter's file does not give, whosever file it is
 * made through: now, and by mprotect() later.
 */
static int dma_buf_mmap_restrict(struct dma_buf *dmabuf,
				 struct vm_area_struct *vma)
{
	const fmode_t mode = dmabuf->file->f_mode;

	if (!(dmabuf->mmap->flags & DMA_BUF_MMAP_STRICT))
		return 0;
	if (!(mode & FMODE_READ))
		return -EACCES;
	if (mode & FMODE_WRITE)
		return 0;
	if (vma_is_cow_mapping(vma))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	vm_flags_clear(vma, VM_MAYWRITE);
	return 0;
}

/*
 * mmap() through the dma-buf's file, @vma->vm_file, of exporters without an mmap op;
 * vm_pgoff is the buffer offset.
 * vm_private_data is left alone: it belongs to whoever forwarded.
 */
int dma_buf_mmap_file(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	int err = dma_buf_mmap_restrict(dmabuf, vma);

	if (err)
		return err;
	vma->vm_ops = &dma_buf_vm_ops;
	return dma_buf_mmap_vma(dmabuf->mmap, vma, vma->vm_pgoff);
}

/* Whether @range, from @pgoff on to the end of the first that fits, has a leaf of @nr pages. */
static bool dma_buf_range_fits(const struct dma_buf_range *range, pgoff_t pgoff,
			       unsigned long nr)
{
	const unsigned long pfn = dma_buf_range_pfn(range, pgoff);
	const unsigned long last = ALIGN(pfn, nr) + nr - 1 - pfn;

	return last < range->start + range->nr_pages - pgoff &&
	       dma_buf_range_pfn(range, pgoff + last) == pfn + last;
}

/**
 * dma_buf_mmap_align_area - find an address at which a buffer's large leaves fit
 * @m: the buffer
 * @file: the file to be mapped
 * @addr: hint or address, as given to mmap()
 * @len: bytes
 * @pgoff: buffer offset of the mapping
 * @flags: flags of mmap()
 *
 * Where the backing is not there yet or is in small pieces, or the lock is contended, the
 * buffer offset stands for the pfn: an address tells of where RAM is only what large leaves
 * make known.
 *
 * Context: Process context, mmap_lock held for writing, reservation lock not held.
 * Return: an address or a negative error value, as from
 * &file_operations.get_unmapped_area.
 */
unsigned long dma_buf_mmap_align_area(struct dma_buf_mmap *m, struct file *file,
				      unsigned long addr, unsigned long len,
				      pgoff_t pgoff, unsigned long flags)
{
	const unsigned long pmd_nr = PMD_SIZE >> PAGE_SHIFT, pud_nr = PUD_SIZE >> PAGE_SHIFT;
	struct dma_buf_range range;
	unsigned long pfn = pgoff;

	/* A good address is not worth waiting for with mmap_lock held. */
	if (!addr && len >= PMD_SIZE && pgoff < m->nr_pages &&
	    dma_resv_trylock(m->resv)) {
		if (!dma_buf_mmap_get_range(m, pgoff, false, &range)) {
			if (range.iomem || dma_buf_range_fits(&range, pgoff, pud_nr))
				pfn = dma_buf_range_pfn(&range, pgoff);
			else if (dma_buf_range_fits(&range, pgoff, pmd_nr))
				pfn = dma_buf_range_pfn(&range, pgoff) % pmd_nr;
			dma_buf_mmap_put_range(m, &range);
		}
		dma_resv_unlock(m->resv);
	}

	return pfnmap_get_unmapped_area(file, addr, len, pgoff, flags, pfn);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_align_area, "DMA_BUF");

/* &file_operations.get_unmapped_area of dma-buf files */
unsigned long dma_buf_mmap_unmapped_area(struct file *file, unsigned long addr,
					 unsigned long len, unsigned long pgoff,
					 unsigned long flags)
{
	struct dma_buf *dmabuf = file->private_data;

	if (!dmabuf->mmap)
		return mm_get_unmapped_area(file, addr, len, pgoff, flags);

	return dma_buf_mmap_align_area(dmabuf->mmap, file, addr, len, pgoff, flags);
}
