// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses of ptrace() and /proc/PID/mem to mappings of dma-bufs, see dma-buf-mmap.c
 * for the model.
 */
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "dma-buf-mmap-internal.h"

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
	return -EOPNOTSUPP;
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

/* Copy @len bytes, no more than are left of it, from or to the page at @pgoff. */
static int dma_buf_range_copy(const struct dma_buf_range *range, pgoff_t pgoff,
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

/* By a way of the exporter's, or else by the range. */
static int dma_buf_mmap_copy_locked(struct dma_buf_mmap *m, pgoff_t pgoff,
				    size_t offset, void *buf, size_t len, bool write)
{
	struct dma_buf_range range;
	int err = -EOPNOTSUPP;

	if (m->ops->access)
		err = m->ops->access(m->priv, PFN_PHYS(pgoff) + offset, buf, len, write);
	if (err != -EOPNOTSUPP)
		return err;

	err = dma_buf_mmap_get_range(m, pgoff, true, &range);
	if (err == -ENODEV && m->flags & DMA_BUF_MMAP_NOSIGBUS)
		err = dma_buf_mmap_get_dummy(m, pgoff, &range);
	if (err)
		return err;
	if (write && m->ops->mkwrite)
		err = m->ops->mkwrite(m->priv, pgoff);
	if (!err)
		err = dma_buf_range_copy(&range, pgoff, offset, buf, len, write);
	dma_buf_mmap_put_range(m, &range);
	return err;
}

/* As much of the access as lies in one page. */
int dma_buf_mmap_copy(struct dma_buf_mmap *m, pgoff_t pgoff, size_t offset,
		      void *buf, size_t len, bool write)
{
	int err;

	do {
		err = dma_buf_mmap_lock_idle(m, false);
		if (err)
			return err;
		err = dma_buf_mmap_copy_locked(m, pgoff, offset, buf, len, write);
		dma_resv_unlock(m->resv);
	} while (dma_buf_mmap_wait_bounded(m, false, &err));

	/* What may never end is not waited for with mmap_lock held. */
	return err == -EAGAIN ? -EIO : err;
}

/*
 * Where the exporter has a way for debuggers, they may write where the process may not, to
 * set a breakpoint say, but no more than the file allows.
 */
static bool dma_buf_may_access(struct vm_area_struct *vma, bool write,
			       const struct dma_buf_mmap *m)
{
	/* A private mapping may have what is not the buffer's. */
	if (vma_is_cow_mapping(vma))
		return false;
	if (!write)
		return vma->vm_flags & VM_MAYREAD;
	return vma->vm_flags & VM_WRITE ||
	       (m->ops->access && vma->vm_file->f_mode & FMODE_WRITE);
}

/**
 * dma_buf_mmap_access - read or write a buffer through a mapping of it
 * @vma: the mapping
 * @addr: user address in @vma
 * @buf: kernel memory to copy to or from
 * @len: bytes; what lies behind @vma is left out
 * @write: copy from @buf
 * @m: the buffer
 *
 * For &vm_operations_struct.access, that is, ptrace and /proc/PID/mem, of VMAs
 * whose vm_ops are not the core's.
 *
 * Context: Process context, mmap_lock held, reservation lock not held.
 * Return: bytes copied, or a negative error value if that is none.
 */
int dma_buf_mmap_access(struct vm_area_struct *vma, unsigned long addr,
			void *buf, int len, int write, struct dma_buf_mmap *m)
{
	int done = 0, err;

	if (!dma_buf_may_access(vma, write, m))
		return -EFAULT;
	/* What follows the VMA is not ours, and perhaps not the buffer's. */
	len = min_t(unsigned long, len, vma->vm_end - addr);

	while (done < len) {
		const unsigned long pos = addr + done;
		const size_t part = min_t(size_t, len - done,
					  PAGE_SIZE - offset_in_page(pos));

		if (fatal_signal_pending(current))
			return done ?: -EINTR;
		err = dma_buf_mmap_copy(m, linear_page_index(vma, pos) - m->offset,
					offset_in_page(pos), buf + done, part,
					write);
		if (err)
			return done ?: err;
		done += part;
	}
	return done;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_access, "DMA_BUF");
