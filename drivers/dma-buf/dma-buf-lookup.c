// SPDX-License-Identifier: GPL-2.0
/*
 * From a user address to the dma-buf behind it.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/export.h>
#include <linux/mm.h>

/* The buffer behind @addr in @vma and the byte offset of @addr in it. */
static struct dma_buf *dma_buf_get_from_vma(struct vm_area_struct *vma,
					    unsigned long addr, vm_flags_t need,
					    u64 *offset)
{
	struct dma_buf *dmabuf = NULL;
	pgoff_t pgoff;

	if ((vma->vm_flags & need) != need)
		return ERR_PTR(-EACCES);
	if (vma->vm_ops && vma->vm_ops->get_dmabuf)
		dmabuf = vma->vm_ops->get_dmabuf(vma, addr, &pgoff);
	if (!dmabuf)
		return ERR_PTR(-ENOENT);

	*offset = ((u64)pgoff << PAGE_SHIFT) + offset_in_page(addr);
	return dmabuf;
}

/*
 * Whether [addr, end) shows @dmabuf in one piece from byte @offset on: the VMA
 * at @addr does, what follows may be another part of a split mapping.
 */
static int dma_buf_check_span(struct mm_struct *mm, unsigned long addr,
			      unsigned long end, vm_flags_t need,
			      struct dma_buf *dmabuf, u64 offset)
{
	struct vm_area_struct *first = vma_lookup(mm, addr), *vma = first;
	struct dma_buf *other;
	unsigned long pos;
	bool same;
	u64 at;

	if (offset > dmabuf->size || end - addr > dmabuf->size - offset)
		return -ERANGE;

	for (pos = vma->vm_end; pos < end; pos = vma->vm_end) {
		vma = vma_lookup(mm, pos);
		if (!vma)
			return -ERANGE;
		/* Something else need not be named, which may export it. */
		if (vma->vm_ops != first->vm_ops ||
		    vma->vm_private_data != first->vm_private_data)
			return -ERANGE;
		other = dma_buf_get_from_vma(vma, pos, need, &at);
		if (IS_ERR(other))
			return PTR_ERR(other) == -EACCES ? -EACCES : -ERANGE;
		same = other == dmabuf && at == offset + (pos - addr);
		dma_buf_put(other);
		if (!same)
			return -ERANGE;
	}
	return 0;
}

/**
 * dma_buf_get_from_address - find the buffer behind a user address
 * @mm: the address space to look in
 * @addr: user address
 * @len: bytes from @addr that must belong to the same buffer, consecutively
 * @need: access that all of the mapping must have: %VM_READ, %VM_WRITE, both or 0
 * @offset: returns where @addr lies in the buffer, in bytes
 *
 * Works for every VMA whose vm_ops answer &vm_operations_struct.get_dmabuf,
 * however split, moved or forked.  mmap_lock is taken and dropped inside, so the
 * caller may attach to the buffer; by then the mapping may have changed.
 *
 * The caller gets the rights of the mapping, not those of the buffer's file, which
 * may be more: what it lets anyone do with the buffer, it names in @need.
 *
 * Context: Process context, mmap_lock and reservation lock not held.
 *
 * Return: the buffer, to be released with dma_buf_put(), or %-EFAULT if nothing
 * is mapped at @addr; %-ENOENT if what is mapped there is not a dma-buf;
 * %-EACCES if the mapping lacks a right of @need; %-ERANGE if the span is not one
 * piece of one buffer, mapped in one way; %-EINVAL if @len is zero or wraps around; %-EINTR if a
 * fatal signal is pending.
 */
struct dma_buf *dma_buf_get_from_address(struct mm_struct *mm,
					 unsigned long addr, size_t len,
					 vm_flags_t need, u64 *offset)
{
	struct vm_area_struct *vma;
	struct dma_buf *dmabuf;
	unsigned long end;
	int err;

	if (!len || check_add_overflow(addr, len, &end))
		return ERR_PTR(-EINVAL);

	if (mmap_read_lock_killable(mm))
		return ERR_PTR(-EINTR);

	vma = vma_lookup(mm, addr);
	if (!vma) {
		dmabuf = ERR_PTR(-EFAULT);
		goto unlock;
	}

	dmabuf = dma_buf_get_from_vma(vma, addr, need, offset);
	if (IS_ERR(dmabuf))
		goto unlock;

	err = dma_buf_check_span(mm, addr, end, need, dmabuf, *offset);
	if (err) {
		dma_buf_put(dmabuf);
		dmabuf = ERR_PTR(err);
	}
unlock:
	mmap_read_unlock(mm);
	return dmabuf;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_get_from_address, "DMA_BUF");
