// SPDX-License-Identifier: GPL-2.0
/*
 * From a user address to the dma-buf behind it: a reference is taken under mmap_lock,
 * and what is to be done with it is done without.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "dma-buf-mmap-internal.h"

static struct dma_buf *dma_buf_ref_export(struct dma_buf_ref *ref)
{
	get_dma_buf(ref->priv);
	return ref->priv;
}

static void dma_buf_ref_put(struct dma_buf_ref *ref)
{
	dma_buf_put(ref->priv);
}

static const struct dma_buf_ref_ops dma_buf_ref_ops = {
	.export = dma_buf_ref_export,
	.peek = dma_buf_ref_export,
	.put = dma_buf_ref_put,
};

/**
 * dma_buf_vm_get_dmabuf - &vm_operations_struct.get_dmabuf for mappings of dma-bufs
 * @vma: a mapping that dma_buf_mmap_vma() made, of whatever file
 * @addr: an address in @vma
 * @ref: returns the buffer
 *
 * Context: Process context, mmap_lock or the VMA lock held.
 * Return: whether @vma's file is a dma-buf's.
 */
bool dma_buf_vm_get_dmabuf(struct vm_area_struct *vma, unsigned long addr,
			   struct dma_buf_ref *ref)
{
	struct dma_buf *dmabuf = vma->vm_file->private_data;

	if (!is_dma_buf_file(vma->vm_file))
		return false;

	get_dma_buf(dmabuf);
	ref->ops = &dma_buf_ref_ops;
	ref->priv = dmabuf;
	ref->moves = dmabuf->mmap && dmabuf->mmap->flags & DMA_BUF_MMAP_MOVES;
	ref->pgoff = linear_page_index(vma, addr) -
		     (dmabuf->mmap ?: &dmabuf->own_mmap)->offset;
	return true;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_vm_get_dmabuf, "DMA_BUF");

/* What is behind @addr in @vma. */
static int dma_buf_get_ref(struct vm_area_struct *vma, unsigned long addr,
			   vm_flags_t need, struct dma_buf_ref *ref)
{
	*ref = (struct dma_buf_ref) { .need = need };
	if ((vma->vm_flags & need) != need)
		return -EACCES;
	/* What a private mapping shows may be the process's own by now. */
	if (vma_is_cow_mapping(vma) || !vma->vm_ops || !vma->vm_ops->get_dmabuf ||
	    !vma->vm_ops->get_dmabuf(vma, addr, ref))
		return -ENOENT;
	return 0;
}

/**
 * dma_buf_ref_from_vma - find what a VMA shows at its start, without a dma-buf
 * @vma: the VMA
 * @ref: returns the reference, to be released with @ref->ops->put
 *
 * Context: Process context, mmap_lock or the VMA lock held.
 * Return: whether it shows a buffer.
 */
bool dma_buf_ref_from_vma(struct vm_area_struct *vma, struct dma_buf_ref *ref)
{
	return !dma_buf_get_ref(vma, vma->vm_start, 0, ref);
}

/*
 * How far of [addr, *end) shows @ref in one piece: the VMA at @addr does, what follows
 * may be another part of a split mapping.  Returns why it is not all.
 */
static int dma_buf_check_span(struct vm_area_struct *vma, unsigned long addr,
			      unsigned long *end, const struct dma_buf_ref *ref)
{
	struct dma_buf_ref other;
	unsigned long pos;
	int err = 0;
	bool same;

	for (pos = vma->vm_end; pos < *end; pos = vma->vm_end) {
		vma = vma_lookup(vma->vm_mm, pos);
		err = vma ? dma_buf_get_ref(vma, pos, ref->need, &other) : -ERANGE;
		if (err)
			break;
		same = other.ops == ref->ops && other.priv == ref->priv &&
		       other.pgoff - ref->pgoff ==
		       (pos >> PAGE_SHIFT) - (addr >> PAGE_SHIFT);
		other.ops->put(&other);
		if (!same)
			break;
	}
	if (pos >= *end)
		return 0;

	*end = pos;
	return err == -EACCES ? err : -ERANGE;
}

/**
 * dma_buf_ref_from_address - find what is behind a user address, without a dma-buf
 * @mm: the address space to look in
 * @addr: user address; a tag in it is ignored
 * @len: bytes from @addr that must belong to the same buffer; with @partial returns how
 *	many do
 * @need: access that all of the mapping must have: %VM_READ, %VM_WRITE, their VM_MAY*
 * @partial: fewer than @len bytes are enough
 * @ref: returns the reference, to be released with @ref->ops->put
 *
 * For subsystems that know objects of their own.
 *
 * Context: Process context, mmap_lock not held.
 * Return: %0, or as dma_buf_get_from_address().
 */
int dma_buf_ref_from_address(struct mm_struct *mm, unsigned long addr, size_t *len,
			     vm_flags_t need, bool partial, struct dma_buf_ref *ref)
{
	struct vm_area_struct *vma;
	unsigned long end;
	int err;

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	addr = untagged_addr_remote(mm, addr);
	err = -EINVAL;
	if (!*len || check_add_overflow(addr, *len, &end))
		goto unlock;
	err = -EFAULT;
	vma = vma_lookup(mm, addr);
	if (!vma)
		goto unlock;
	err = dma_buf_get_ref(vma, addr, need, ref);
	if (err)
		goto unlock;
	err = dma_buf_check_span(vma, addr, &end, ref);
	if (err && partial)
		err = 0;
	if (err)
		ref->ops->put(ref);
	*len = end - addr;
	ref->nr_pages = PFN_UP(offset_in_page(addr) + *len);
unlock:
	mmap_read_unlock(mm);
	return err;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_ref_from_address, "DMA_BUF");

/**
 * dma_buf_get_from_address - find the buffer behind a user address
 * @mm: the address space to look in
 * @addr: user address; a tag in it is ignored
 * @len: bytes from @addr that must belong to the same buffer, consecutively
 * @need: access that all of the mapping must have: %VM_READ, %VM_WRITE, both or 0
 * @stays: only a buffer that does not move; of one that does, no dma-buf is made
 * @offset: returns where @addr lies in the buffer, in bytes
 *
 * Works for every VMA whose vm_ops answer &vm_operations_struct.get_dmabuf,
 * however split, moved or forked.  mmap_lock is taken and dropped inside, and only then
 * is a dma-buf made where there was none: of a GEM object, or of just the span of a
 * BAR.  The caller may attach to it; by then the mapping may have changed.
 *
 * The caller gets the rights of the mapping, not those of the buffer's file, which
 * may be more: what it lets anyone do with the buffer, it names in @need.
 *
 * Context: Process context, mmap_lock and reservation lock not held.
 *
 * Return: the buffer, to be released with dma_buf_put(), or %-EFAULT if nothing
 * is mapped at @addr; %-ENOENT if what is mapped there is not a dma-buf, or with @stays one
 * that moves;
 * %-EACCES if the mapping lacks a right of @need; %-ERANGE if the span is not one
 * piece of one buffer, mapped in one way; %-EINVAL if @len is zero or wraps around;
 * %-EINTR if a fatal signal is pending; else why no dma-buf can be made.
 */
struct dma_buf *dma_buf_get_from_address(struct mm_struct *mm,
					 unsigned long addr, size_t len,
					 vm_flags_t need, bool stays,
					 u64 *offset)
{
	struct dma_buf *dmabuf;
	struct dma_buf_ref ref;
	int err;

	err = dma_buf_ref_from_address(mm, addr, &len, need, false, &ref);
	if (err)
		return ERR_PTR(err);

	if (stays && ref.moves)
		dmabuf = ERR_PTR(-ENOENT);
	else
		dmabuf = ref.ops->export(&ref);
	*offset = ((u64)ref.pgoff << PAGE_SHIFT) + offset_in_page(addr);
	ref.ops->put(&ref);

	if (!IS_ERR(dmabuf) &&
	    (*offset > dmabuf->size || len > dmabuf->size - *offset)) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-ERANGE);
	}
	return dmabuf;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_get_from_address, "DMA_BUF");

/**
 * dma_buf_has_user_pages - whether get_user_pages() finds the pages of a buffer
 * @dmabuf: the buffer
 *
 * For those who can do with either.
 *
 * Return: whether it does, by an address in a mapping of @dmabuf.
 */
bool dma_buf_has_user_pages(const struct dma_buf *dmabuf)
{
	return dmabuf->mmap && dmabuf->mmap->flags & DMA_BUF_MMAP_PAGES;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_has_user_pages, "DMA_BUF");
