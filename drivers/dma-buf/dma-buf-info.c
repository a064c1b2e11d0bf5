// SPDX-License-Identifier: GPL-2.0
/*
 * What user space can ask of a dma-buf: DMA_BUF_IOCTL_GET_INFO, and what others tell
 * it.  See dma-buf-mmap.c for the model.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-buf.h>

#include "dma-buf-mmap-internal.h"

static void dma_buf_info_set(struct dma_buf_info *info, u64 prop, bool has)
{
	info->known |= prop;
	if (has)
		info->props |= prop;
}

/* As the leaf for the first page would be; what is no caching of ours stays unknown. */
static int dma_buf_info_leaf(struct dma_buf_info *info,
			     const struct dma_buf_range *range)
{
	const pgprot_t base = vm_get_page_prot(VM_READ | VM_WRITE | VM_SHARED);
	/* What an architecture does not have is one of those before. */
	static const enum dma_buf_caching cachings[] = {
		DMA_BUF_CACHED, DMA_BUF_UNCACHED, DMA_BUF_WRITE_COMBINED,
	};
	pgprot_t leaf = base;
	unsigned int i;
	int err;

	err = dma_buf_leaf_prot(range, 0, 1, &leaf);
	if (err)
		return err;

	dma_buf_info_set(info, DMA_BUF_INFO_IO_MEMORY, range->iomem);
	for (i = 0; i < ARRAY_SIZE(cachings); i++) {
		const struct dma_buf_range like = { .caching = cachings[i] };
		pgprot_t prot = dma_buf_range_prot(&like, base);

		if (pgprot_val(pgprot_decrypted(leaf)) !=
		    pgprot_val(pgprot_decrypted(prot)))
			continue;
		dma_buf_info_set(info, DMA_BUF_INFO_CPU_CACHED,
				 like.caching == DMA_BUF_CACHED);
		dma_buf_info_set(info, DMA_BUF_INFO_CPU_WRITE_COMBINED,
				 like.caching == DMA_BUF_WRITE_COMBINED);
		break;
	}
	return 0;
}

/*
 * What the exporter says of the first page now, which mostly is how all of a buffer is
 * mapped; -EINTR if that could not be asked.
 */
static int dma_buf_info_range(struct dma_buf_info *info, struct dma_buf_mmap *m)
{
	struct dma_buf_range range;
	int err;

	if (dma_resv_lock_interruptible(m->resv, NULL))
		return -EINTR;

	err = m->ops->may_map ? m->ops->may_map(m->priv) : 0;
	if (!err)
		err = dma_buf_mmap_get_range(m, 0, false, &range);
	if (!err) {
		err = dma_buf_info_leaf(info, &range);
		dma_buf_mmap_put_range(m, &range);
	}
	dma_resv_unlock(m->resv);
	return err == -EINTR || err == -ERESTARTSYS ? -EIO : err;
}

static int dma_buf_info_mmap(struct dma_buf_info *info, struct dma_buf_mmap *m)
{
	int err = dma_buf_info_range(info, m);

	if (err == -EINTR)
		return err;

	/* Where accesses complete all the same, who only looks is not told. */
	if (!(m->flags & DMA_BUF_MMAP_NOSIGBUS))
		dma_buf_info_set(info, DMA_BUF_INFO_REVOKED, err == -ENODEV);
	/* Not there yet, moving or revoked for a while: it is mappable all the same. */
	dma_buf_info_set(info, DMA_BUF_INFO_CPU_MAPPABLE,
			 !err || err == -ENODATA || err == -EAGAIN || err == -EIO);
	dma_buf_info_set(info, DMA_BUF_INFO_DYNAMIC, m->flags & DMA_BUF_MMAP_MOVES);
	if (m->flags & DMA_BUF_MMAP_EAGER)
		dma_buf_info_set(info, DMA_BUF_INFO_REVOCABLE, false);
	else if ((m->ops->wait && !(m->flags & DMA_BUF_MMAP_BOUNDED)) || m->ops->may_map)
		dma_buf_info_set(info, DMA_BUF_INFO_REVOCABLE, true);
	return 0;
}

/*
 * DMA_BUF_IOCTL_GET_INFO; user space may have been built with a &struct dma_buf_info
 * of another size.
 */
int dma_buf_get_info(struct dma_buf *dmabuf, unsigned int cmd, void __user *arg)
{
	const size_t size = _IOC_SIZE(cmd);
	struct dma_buf_info info;
	int err;

	err = copy_struct_from_user(&info, sizeof(info), arg, size);
	if (err)
		return err;
	if (info.flags || info.pad)
		return -EINVAL;

	info = (struct dma_buf_info) { .size = dmabuf->size };
	dma_buf_info_set(&info, DMA_BUF_INFO_SYNC_NOOP,
			 !dmabuf->ops->begin_cpu_access &&
			 !dmabuf->ops->end_cpu_access);
	if (IS_ENABLED(CONFIG_MMU) && dmabuf->mmap) {
		err = dma_buf_info_mmap(&info, dmabuf->mmap);
		if (err)
			return err;
	} else if (!dmabuf->ops->mmap) {
		dma_buf_info_set(&info, DMA_BUF_INFO_CPU_MAPPABLE, false);
	}
	return copy_struct_to_user(arg, size, &info, sizeof(info), NULL);
}

/**
 * dma_buf_revoked - whether, and for how long, a buffer is revoked
 * @dmabuf: the buffer
 *
 * For importers, whose attach says the same of both.
 *
 * Context: Process context, reservation lock not held.
 * Return: %0 if it is not, as far as the core knows the exporter; %-EBUSY for a while;
 * %-ENODEV for good; %-EINTR.
 */
int dma_buf_revoked(struct dma_buf *dmabuf)
{
	struct dma_buf_info info = {};

	if (!IS_ENABLED(CONFIG_MMU) || !dmabuf->mmap)
		return 0;

	switch (dma_buf_info_range(&info, dmabuf->mmap)) {
	case -EAGAIN:
	case -EIO:
		return -EBUSY;
	case -ENODEV:
		return -ENODEV;
	case -EINTR:
		return -EINTR;
	default:
		return 0;
	}
}
EXPORT_SYMBOL_NS_GPL(dma_buf_revoked, "DMA_BUF");

/**
 * dma_buf_ref_inode - the inode number of the dma-buf that a reference is of
 * @ref: from dma_buf_ref_from_vma()
 *
 * Context: Process context, no locks held.
 * Return: the number, or %0 if there is no dma-buf, as nobody has asked for one.
 */
u64 dma_buf_ref_inode(struct dma_buf_ref *ref)
{
	struct dma_buf *dmabuf = ref->ops->peek ? ref->ops->peek(ref) : NULL;
	u64 inode;

	if (!dmabuf)
		return 0;
	inode = file_inode(dmabuf->file)->i_ino;
	dma_buf_put(dmabuf);
	return inode;
}
