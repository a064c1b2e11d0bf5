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
 *	mmap_lock or VMA lock
 *	  (vfio) memory_lock		taken by revoke, then resv
 *	    dma_resv			state changes, leaves go in, leaves go out
 *	      fs_reclaim
 *	        i_mmap_rwsem		unmap_mapping_pages()
 *	          page table lock
 *
 * A fault already holds the outermost, so it only tries the reservation lock.
 * Where that, a kernel fence or the exporter makes it wait, it drops what it
 * holds and comes back; where it may not drop mmap_lock, it waits so that a
 * signal ends it.  It never waits with the reservation lock held.
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
 *			faults wait or end in SIGBUS
 *
 * "last" is inclusive, "end" is exclusive.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/vmalloc.h>

#include "dma-buf-range.h"

#define CREATE_TRACE_POINTS
#include <trace/events/dma_buf_mmap.h>

/* For exporters, which are the ones that know that they revoke. */
EXPORT_TRACEPOINT_SYMBOL_GPL(dma_buf_mmap_revoke);

/* How often a fault looks whether a contended lock is free: some microseconds. */
#define DMA_BUF_FAULT_SPINS	256

static const struct vm_operations_struct dma_buf_vm_ops;

/* Takes over what the exporter said about mappings; ->file is set up. */
void dma_buf_mmap_init(struct dma_buf *dmabuf,
		       const struct dma_buf_export_info *exp_info)
{
	dmabuf->mmap = exp_info->mmap;
	if (dmabuf->mmap.mapping)
		dmabuf->file->f_mapping = dmabuf->mmap.mapping;
}

static struct dma_buf_mmap_source dma_buf_mmap_source(struct dma_buf *dmabuf)
{
	return (struct dma_buf_mmap_source) {
		.ops = dmabuf->mmap.ops,
		.priv = dmabuf->priv,
		.resv = dmabuf->resv,
		.dmabuf = dmabuf,
		.offset = dmabuf->mmap.offset,
		.nr_pages = dmabuf->size >> PAGE_SHIFT,
	};
}

/*
 * Remove the leaves of all VMAs of @dmabuf, TLBs included, and take the buffer
 * away from the kernel's own mapping.  Costs nothing if there is neither.
 */
void dma_buf_mmap_zap(struct dma_buf *dmabuf)
{
	dma_resv_assert_held(dmabuf->resv);

	dma_buf_vmap_revoke(dmabuf);
	if (!dmabuf->mapped)
		return;

	trace_dma_buf_mmap_zap(dmabuf);
	dmabuf->mapped = false;
	unmap_mapping_pages(dmabuf->file->f_mapping, dmabuf->mmap.offset,
			    dmabuf->size >> PAGE_SHIFT, true);
}

static int dma_buf_wait_lock(const struct dma_buf_mmap_source *src)
{
	int err = dma_resv_lock_interruptible(src->resv, NULL);

	if (!err)
		dma_resv_unlock(src->resv);
	return err;
}

/* Whether no kernel fence is left that may be of a move. */
static bool dma_buf_fences_done(const struct dma_buf_mmap_source *src)
{
	return src->ops->unfenced ||
	       dma_resv_test_signaled(src->resv, DMA_RESV_USAGE_KERNEL);
}

static int dma_buf_wait_fences(const struct dma_buf_mmap_source *src)
{
	long ret = dma_resv_wait_timeout(src->resv, DMA_RESV_USAGE_KERNEL,
					 true, MAX_SCHEDULE_TIMEOUT);

	return ret < 0 ? ret : 0;
}

static int dma_buf_wait_exporter(const struct dma_buf_mmap_source *src)
{
	int err = src->ops->wait ? src->ops->wait(src->priv) : -EIO;

	/* Whoever waited and still has nothing must not be asked again. */
	return err == -EAGAIN ? -EIO : err;
}

/*
 * Wait with the reservation lock not held.  Returns 0 if the fault can go on, as
 * its locks were kept; otherwise what to return from the fault handler.
 */
static vm_fault_t dma_buf_fault_wait(const struct dma_buf_mmap_source *src,
				     struct vm_fault *vmf,
				     int (*wait)(const struct dma_buf_mmap_source *src))
{
	int err;

	if (!fault_flag_allow_retry_first(vmf->flags)) {
		err = wait(src);
		return err ? dma_buf_range_error(err) : 0;
	}

	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	/* Without the lock the VMA may go, and with it the buffer. */
	if (src->dmabuf)
		get_dma_buf(src->dmabuf);
	else
		src->get(src->priv);
	release_fault_lock(vmf);
	/* An error shows again in the fault that comes back. */
	(void)wait(src);
	if (src->dmabuf)
		dma_buf_put(src->dmabuf);
	else
		src->put(src->priv);

	return VM_FAULT_RETRY;
}

/*
 * Another fault in the same buffer holds the lock for microseconds, which is less
 * than it takes to drop the fault's locks, sleep and start over.
 */
static bool dma_buf_fault_trylock(struct dma_resv *resv)
{
	unsigned int spins;

	for (spins = 0; spins < DMA_BUF_FAULT_SPINS; spins++) {
		if (!dma_resv_is_locked(resv) && dma_resv_trylock(resv))
			return true;
		if (need_resched())
			break;
		cpu_relax();
	}
	return false;
}

/* Lock the buffer when it is idle. */
static vm_fault_t dma_buf_fault_lock(const struct dma_buf_mmap_source *src,
				     struct vm_fault *vmf)
{
	vm_fault_t ret;

	for (;;) {
		if (dma_buf_fault_trylock(src->resv)) {
			if (dma_buf_fences_done(src))
				return 0;
			dma_resv_unlock(src->resv);
			trace_dma_buf_mmap_wait(vmf, "fence");
			ret = dma_buf_fault_wait(src, vmf, dma_buf_wait_fences);
		} else {
			trace_dma_buf_mmap_wait(vmf, "lock");
			ret = dma_buf_fault_wait(src, vmf, dma_buf_wait_lock);
		}
		if (ret)
			return ret;
	}
}

/**
 * dma_buf_mmap_fault - handle a fault
 * @vmf: the fault; the VMA is VM_PFNMAP, not COW, and linked in the mapping space
 *	that @src is zapped in
 * @order: 0 in &vm_operations_struct.fault, else as given to huge_fault
 * @src: the buffer
 *
 * For VMAs whose vm_ops are not the core's: locks the buffer, waits for what is in
 * the way, and puts leaves in as a mapping through the dma-buf has them.
 *
 * Context: Process context, mmap_lock or VMA lock held, reservation lock not held.
 * The lock is dropped as &vm_operations_struct.fault may.
 *
 * Return: what the fault handler has to return.
 */
vm_fault_t dma_buf_mmap_fault(struct vm_fault *vmf, unsigned int order,
			      const struct dma_buf_mmap_source *src)
{
	const unsigned int around = vmf->vma->vm_flags & VM_RAND_READ ?
				    1 : DMA_BUF_FAULT_AROUND;
	vm_fault_t ret;

	for (;;) {
		ret = dma_buf_fault_lock(src, vmf);
		if (ret)
			break;

		ret = dma_buf_mmap_insert(vmf, order, src,
					  vm_get_page_prot(vmf->vma->vm_flags),
					  around);
		if (src->dmabuf) {
			/* No zap before the lock is dropped. */
			src->dmabuf->mapped = true;
			trace_dma_buf_mmap_fault(src->dmabuf, vmf, order, ret);
		}
		dma_resv_unlock(src->resv);
		if (ret != VM_FAULT_RETRY)
			break;

		trace_dma_buf_mmap_wait(vmf, "exporter");
		ret = dma_buf_fault_wait(src, vmf, dma_buf_wait_exporter);
		if (ret)
			break;
	}

	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_fault, "DMA_BUF");

static vm_fault_t dma_buf_vm_any_fault(struct vm_fault *vmf, unsigned int order)
{
	const struct dma_buf_mmap_source src =
		dma_buf_mmap_source(vmf->vma->vm_private_data);

	return dma_buf_mmap_fault(vmf, order, &src);
}

static vm_fault_t dma_buf_vm_fault(struct vm_fault *vmf)
{
	return dma_buf_vm_any_fault(vmf, 0);
}

/**
 * dma_buf_mmap_mprotect - &vm_operations_struct.mprotect for buffers
 * @vma: the VMA
 * @start: first address
 * @end: end address
 * @newflags: the access rights it will have
 *
 * Some architectures take the caching of a leaf from vm_page_prot when its
 * access rights change, which does not know what the exporter gave for the range.
 * So have the leaves faulted in again.
 *
 * Context: Process context, mmap_lock held for writing.
 * Return: %0.
 */
int dma_buf_mmap_mprotect(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, unsigned long newflags)
{
	/* No large leaf may come in under the VMA lock before the rights change. */
	vma_start_write(vma);
	zap_special_vma_range(vma, start, end - start);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_mprotect, "DMA_BUF");

static void dma_buf_vm_open(struct vm_area_struct *vma)
{
	get_dma_buf(vma->vm_private_data);
}

static void dma_buf_vm_close(struct vm_area_struct *vma)
{
	dma_buf_put(vma->vm_private_data);
}

static struct dma_buf *dma_buf_vm_get_dmabuf(struct vm_area_struct *vma,
					     unsigned long addr, pgoff_t *pgoff)
{
	struct dma_buf *dmabuf = vma->vm_private_data;

	get_dma_buf(dmabuf);
	*pgoff = linear_page_index(vma, addr) - dmabuf->mmap.offset;
	return dmabuf;
}

#ifdef CONFIG_HAVE_IOREMAP_PROT
static int dma_buf_copy_io(phys_addr_t page, size_t offset, void *buf,
			   size_t len, pgprot_t prot, bool write)
{
	void __iomem *io = ioremap_prot(page, PAGE_SIZE, prot);

	if (!io)
		return -ENOMEM;
	if (write)
		memcpy_toio(io + offset, buf, len);
	else
		memcpy_fromio(buf, io + offset, len);
	iounmap(io);
	return 0;
}
#else
static int dma_buf_copy_io(phys_addr_t page, size_t offset, void *buf,
			   size_t len, pgprot_t prot, bool write)
{
	return -EIO;
}
#endif

/* Memory that must not be accessed as the kernel maps all memory. */
static int dma_buf_copy_remapped(struct page *page, size_t offset, void *buf,
				 size_t len, pgprot_t prot, bool write)
{
	void *vaddr = vmap(&page, 1, VM_MAP, prot);

	if (!vaddr)
		return -ENOMEM;
	if (write)
		memcpy(vaddr + offset, buf, len);
	else
		memcpy(buf, vaddr + offset, len);
	vunmap(vaddr);
	return 0;
}

/**
 * dma_buf_range_copy - copy to or from a page of a range
 * @range: the range
 * @pgoff: buffer offset of a page in @range
 * @offset: where to begin in that page, in bytes
 * @buf: kernel memory to copy to or from
 * @len: bytes, no more than are left of the page
 * @write: copy from @buf
 *
 * Context: Process context, reservation lock held since @range was got.
 * Return: %0; %-ENOMEM; %-EIO if this architecture cannot map the device memory.
 */
int dma_buf_range_copy(const struct dma_buf_range *range, pgoff_t pgoff,
		       size_t offset, void *buf, size_t len, bool write)
{
	const unsigned long pfn = dma_buf_range_pfn(range, pgoff);
	/* As for a user's mapping, which is what ioremap_prot() is made for. */
	const pgprot_t prot = vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED);
	pgprot_t kernel = dma_buf_range_prot(range, PAGE_KERNEL);

	if (range->iomem)
		return dma_buf_copy_io(PFN_PHYS(pfn), offset, buf, len,
				       dma_buf_range_prot(range, prot), write);
	/* As for a leaf: what the memory has, not what the range hints at. */
	pfnmap_setup_cachemode_pfn(pfn, &kernel);
	if (pgprot_val(kernel) != pgprot_val(PAGE_KERNEL))
		return dma_buf_copy_remapped(pfn_to_page(pfn), offset, buf, len,
					     kernel, write);
	if (write)
		memcpy_to_page(pfn_to_page(pfn), offset, buf, len);
	else
		memcpy_from_page(buf, pfn_to_page(pfn), offset, len);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_range_copy, "DMA_BUF");

/* dma_buf_access_page() did nothing and is to be called again. */
#define DMA_BUF_ACCESS_AGAIN	1

/* As much of the access as lies in one page. */
static int dma_buf_access_page(const struct dma_buf_mmap_source *src,
			       pgoff_t pgoff, size_t offset, void *buf,
			       size_t len, bool write)
{
	struct dma_buf_range range = {};
	int err;

	if (pgoff >= src->nr_pages)
		return -EFAULT;

	if (!dma_buf_fences_done(src)) {
		err = dma_buf_wait_fences(src);
		if (err)
			return err;
	}
	err = dma_resv_lock_interruptible(src->resv, NULL);
	if (err)
		return err;
	if (!dma_buf_fences_done(src)) {
		err = DMA_BUF_ACCESS_AGAIN;
		goto unlock;
	}
	err = src->ops->get_range(src->priv, pgoff, true, &range);
	if (err)
		goto unlock;
	err = dma_buf_range_copy(&range, pgoff, offset, buf, len, write);
	if (src->ops->put_range)
		src->ops->put_range(src->priv, &range);
unlock:
	dma_resv_unlock(src->resv);

	if (err == -EAGAIN)
		err = dma_buf_wait_exporter(src) ?: DMA_BUF_ACCESS_AGAIN;
	return err;
}

/**
 * dma_buf_mmap_access - read or write a buffer through a mapping of it
 * @vma: the mapping
 * @addr: user address in @vma
 * @buf: kernel memory to copy to or from
 * @len: bytes; what lies behind @vma is left out
 * @write: copy from @buf
 * @src: the buffer
 *
 * For &vm_operations_struct.access, that is, ptrace and /proc/PID/mem, of VMAs
 * whose vm_ops are not the core's.
 *
 * Context: Process context, mmap_lock held, reservation lock not held.
 * Return: bytes copied, or a negative error value if that is none.
 */
int dma_buf_mmap_access(struct vm_area_struct *vma, unsigned long addr,
			void *buf, int len, int write,
			const struct dma_buf_mmap_source *src)
{
	int done = 0, err;

	if (!(vma->vm_flags & (write ? VM_WRITE : VM_MAYREAD)))
		return -EFAULT;
	/* What follows the VMA is not ours, and perhaps not the buffer's. */
	len = min_t(unsigned long, len, vma->vm_end - addr);

	while (done < len) {
		const unsigned long pos = addr + done;
		const size_t part = min_t(size_t, len - done,
					  PAGE_SIZE - offset_in_page(pos));

		if (fatal_signal_pending(current))
			return done ?: -EINTR;
		err = dma_buf_access_page(src, linear_page_index(vma, pos) -
					  src->offset, offset_in_page(pos),
					  buf + done, part, write);
		if (err == DMA_BUF_ACCESS_AGAIN)
			continue;
		if (err)
			return done ?: err;
		done += part;
	}
	return done;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_access, "DMA_BUF");

static int dma_buf_vm_access(struct vm_area_struct *vma, unsigned long addr,
			     void *buf, int len, int write)
{
	const struct dma_buf_mmap_source src =
		dma_buf_mmap_source(vma->vm_private_data);

	return dma_buf_mmap_access(vma, addr, buf, len, write, &src);
}

static const struct vm_operations_struct dma_buf_vm_ops = {
	.open = dma_buf_vm_open,
	.close = dma_buf_vm_close,
	.fault = dma_buf_vm_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = dma_buf_vm_any_fault,
#endif
	.mprotect = dma_buf_mmap_mprotect,
	.access = dma_buf_vm_access,
	.get_dmabuf = dma_buf_vm_get_dmabuf,
};

/**
 * dma_buf_may_map - whether a new mapping of a buffer has a future
 * @src: the buffer
 * @pgoff: buffer offset of the mapping, within the buffer
 *
 * For mmap() of exporters whose VMAs have vm_ops of their own.  What is late, not
 * there yet or wrong for now is for the fault to sort out.
 *
 * Context: Process context, mmap_lock may be held, reservation lock not held.
 *
 * Return: %0; %-EACCES if no CPU may map the buffer; %-EPERM if it has not the
 * caching that the exporter says; %-ENODEV if it is revoked for good;
 * %-ERESTARTSYS.
 */
int dma_buf_may_map(const struct dma_buf_mmap_source *src, pgoff_t pgoff)
{
	struct dma_buf_range range = {};
	pgprot_t prot = PAGE_SHARED;
	int err;

	if (dma_resv_lock_interruptible(src->resv, NULL))
		return -ERESTARTSYS;
	err = src->ops->get_range(src->priv, pgoff, false, &range);
	if (!err) {
		err = dma_buf_leaf_prot(&range, pgoff, 1, &prot);
		if (src->ops->put_range)
			src->ops->put_range(src->priv, &range);
	}
	dma_resv_unlock(src->resv);

	return err == -ENODEV || err == -EACCES || err == -EPERM ? err : 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_may_map, "DMA_BUF");

/*
 * Up to Linux 7.3 they may, and Mesa (renderonly.c) relies on it: it exports dumb
 * buffers without DRM_RDWR and its drivers then write through the importer.
 */
static bool importers_may_write;
module_param(importers_may_write, bool, 0644);
MODULE_PARM_DESC(importers_may_write,
		 "Let buffers that were exported read-only be mapped for writing through an importer's file (default: N)");

/*
 * Take from a mapping made through an importer's file what the buffer's own file
 * does not give: now, and by mprotect() later.
 */
int dma_buf_mmap_restrict(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (!(dmabuf->file->f_mode & FMODE_READ))
		return -EACCES;
	if (dmabuf->file->f_mode & FMODE_WRITE || READ_ONCE(importers_may_write))
		return 0;
	if (vma->vm_flags & VM_WRITE) {
		pr_notice_once("%s may not map a read-only dma-buf for writing through its importer: open it for writing (DRM_RDWR, O_RDWR), or set dma_buf_mmap.importers_may_write=1\n",
			       current->comm);
		return -EACCES;
	}
	vm_flags_clear(vma, VM_MAYWRITE);
	return 0;
}

/**
 * dma_buf_mmap_vma - make a VMA a mapping of a buffer
 * @dmabuf: the buffer, exported with &dma_buf_mmap_info.ops
 * @vma: a new VMA; its vm_file has the f_mapping of the buffer's file
 * @pgoff: buffer offset at which the mapping starts
 *
 * For exporters that map a buffer through a file of their own.  vm_pgoff becomes
 * @pgoff plus the map offset.
 *
 * A buffer that is moving or revoked for a while can be mapped; the fault sorts
 * it out.
 *
 * Context: Process context, mmap_lock held for writing, reservation lock not
 * held.
 *
 * Return: %0; %-EINVAL if the mapping leaves the buffer or is private;
 * %-EACCES if no CPU may map the buffer; %-EPERM if it has not the caching that
 * the exporter says; %-ENODEV if the buffer is revoked for
 * good; %-ERESTARTSYS.
 */
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma,
		     pgoff_t pgoff)
{
	const struct dma_buf_mmap_source src = dma_buf_mmap_source(dmabuf);
	const struct dma_buf_range shown = {
		.caching = dmabuf->mmap.caching,
		.decrypted = dmabuf->mmap.decrypted,
	};
	int err;

	mmap_assert_write_locked(vma->vm_mm);

	if (WARN_ON_ONCE(vma->vm_file->f_mapping != dmabuf->file->f_mapping))
		return -EINVAL;
	if (pgoff >= src.nr_pages || vma_pages(vma) > src.nr_pages - pgoff)
		return -EINVAL;
	/* Also what is read-only now and could be made writable later. */
	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	err = dma_buf_may_map(&src, pgoff);
	if (err)
		return err;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP |
			  dmabuf->mmap.vm_flags);
	vma->vm_page_prot = dma_buf_range_prot(&shown, vm_get_page_prot(vma->vm_flags));
	vma->vm_pgoff = dmabuf->mmap.offset + pgoff;
	vma->vm_ops = &dma_buf_vm_ops;
	vma->vm_private_data = dmabuf;
	get_dma_buf(dmabuf);

	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_vma, "DMA_BUF");

/**
 * dma_buf_mmap_align_area - find an address at which a buffer's large leaves fit
 * @src: the buffer
 * @file: the file to be mapped
 * @addr: hint or address, as given to mmap()
 * @len: bytes
 * @pgoff: buffer offset of the mapping
 * @flags: flags of mmap()
 *
 * Where the backing is not there yet, or the lock is contended, the buffer offset
 * stands for the pfn.
 *
 * Context: Process context, mmap_lock held for writing, reservation lock not held.
 * Return: an address or a negative error value, as from
 * &file_operations.get_unmapped_area.
 */
unsigned long dma_buf_mmap_align_area(const struct dma_buf_mmap_source *src,
				      struct file *file, unsigned long addr,
				      unsigned long len, pgoff_t pgoff,
				      unsigned long flags)
{
	struct dma_buf_range range = {};
	unsigned long pfn = pgoff;

	/* A good address is not worth waiting for with mmap_lock held. */
	if (pgoff < src->nr_pages && dma_resv_trylock(src->resv)) {
		if (!src->ops->get_range(src->priv, pgoff, false, &range)) {
			pfn = dma_buf_range_pfn(&range, pgoff);
			if (src->ops->put_range)
				src->ops->put_range(src->priv, &range);
		}
		dma_resv_unlock(src->resv);
	}

	return pfnmap_get_unmapped_area(file, addr, len, pfn, flags);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_align_area, "DMA_BUF");

/* &file_operations.get_unmapped_area of dma-buf files */
unsigned long dma_buf_mmap_unmapped_area(struct file *file, unsigned long addr,
					 unsigned long len, unsigned long pgoff,
					 unsigned long flags)
{
	struct dma_buf *dmabuf = file->private_data;
	const struct dma_buf_mmap_source src = dma_buf_mmap_source(dmabuf);

	if (!src.ops)
		return mm_get_unmapped_area(file, addr, len, pgoff, flags);

	return dma_buf_mmap_align_area(&src, file, addr, len, pgoff, flags);
}

#if IS_ENABLED(CONFIG_LOCKDEP)
/*
 * Teach lockdep the order at the top of this file down to the page tables, where
 * dma_resv_lockdep() stops at the mapping space.
 */
static int __init dma_buf_mmap_lockdep(void)
{
	struct mm_struct *mm = mm_alloc();
	struct address_space mapping;
	struct dma_resv resv;

	if (!mm)
		return -ENOMEM;

	address_space_init_once(&mapping);
	dma_resv_init(&resv);

	mmap_read_lock(mm);
	dma_resv_lock(&resv, NULL);
	fs_reclaim_acquire(GFP_KERNEL);
	i_mmap_lock_read(&mapping);
	spin_lock(&mm->page_table_lock);
	spin_unlock(&mm->page_table_lock);
	i_mmap_unlock_read(&mapping);
	fs_reclaim_release(GFP_KERNEL);
	dma_resv_unlock(&resv);
	mmap_read_unlock(mm);

	dma_resv_fini(&resv);
	mmput(mm);
	return 0;
}
subsys_initcall(dma_buf_mmap_lockdep);
#endif
