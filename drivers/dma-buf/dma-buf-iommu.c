// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in the page tables of an IOMMU: for an importer that maps for DMA without the
 * DMA API, which is iommufd.  What is mapped is what exporters name for the CPU, see
 * dma-buf-mmap.c for the model, or would if &dma_buf_mmap_ops.may_map did not forbid it;
 * and here is the one place that sees both pfns and an iommu_domain.
 *
 * What is in a domain is for the importer to take out, in
 * &dma_buf_attach_ops.invalidate_mappings, and may come back in
 * &dma_buf_attach_ops.restore_mappings.
 */
#include <linux/cc_platform.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-iommu.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "dma-buf-mmap-internal.h"

/* Where the next run of a buffer goes; no domain: it is but looked at. */
struct dma_buf_iommu_map {
	struct iommu_domain *domain;
	unsigned long iova;
	int prot;
	bool small;
};

/* How an IOMMU may map a range, or -EOPNOTSUPP. */
static int dma_buf_iommu_prot(const struct dma_buf_range *range, int prot)
{
	if (range->iomem) {
		/* Memory of a device is a peer only if its driver says so. */
		if (!range->provider)
			return -EOPNOTSUPP;
		return (prot & ~IOMMU_CACHE) | IOMMU_MMIO;
	}
	/* The DMA API may have given it to a device in a way that is not known here. */
	if (range->dma_dev)
		return -EOPNOTSUPP;
	if (range->decrypted && cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return -EOPNOTSUPP;
	/* A snooping access finds nothing in caches on x86; elsewhere it may not be had. */
	if (range->caching != DMA_BUF_CACHED && !IS_ENABLED(CONFIG_X86))
		return -EOPNOTSUPP;
	return prot;
}

static int dma_buf_iommu_map_run(struct dma_buf_iommu_map *map, phys_addr_t phys,
				 size_t len, int prot)
{
	const size_t step = map->small ? PAGE_SIZE : len;
	size_t done, part;
	int err;

	for (done = 0; map->domain && done < len; done += part) {
		part = min(step, len - done);
		err = iommu_map(map->domain, map->iova, phys + done, part, prot,
				GFP_KERNEL_ACCOUNT);
		if (err)
			return err;
		map->iova += part;
	}
	return 0;
}

/* The part of @range that begins at @offset, at most @len bytes: bytes, or an error. */
static ssize_t dma_buf_iommu_range(struct dma_buf_iommu_map *map,
				   const struct dma_buf_range *range, u64 offset,
				   size_t len)
{
	const int prot = dma_buf_iommu_prot(range, map->prot);
	const pgoff_t end = range->start + range->nr_pages;
	size_t done = 0;
	int err;

	if (prot < 0)
		return prot;

	while (done < len && (offset + done) >> PAGE_SHIFT < end) {
		const pgoff_t pgoff = (offset + done) >> PAGE_SHIFT;
		const size_t in = offset_in_page(offset + done);
		const unsigned long nr =
			dma_buf_range_run(range, pgoff, min(end - pgoff,
							    PFN_UP(in + len - done)));
		const size_t part = min((nr << PAGE_SHIFT) - in, len - done);

		err = dma_buf_iommu_map_run(map, PFN_PHYS(dma_buf_range_pfn(range, pgoff)) +
					    in, part, prot);
		if (err)
			return err;
		done += part;
	}
	return done;
}

/* What the exporter's answer means to those who map for DMA. */
static int dma_buf_iommu_error(int err)
{
	switch (err) {
	case -EAGAIN:
	case -EIO:
		/* Revoked, and they are told when it is over. */
		return -ENODEV;
	case -EACCES:
		return -EOPNOTSUPP;
	default:
		return err;
	}
}

/**
 * dma_buf_iommu_capable - whether there is a point in dma_buf_iommu_check()
 * @dmabuf: the buffer, not attached to yet
 *
 * What moves is left out: to keep it where it is may be dear, as it may first have to go
 * elsewhere, and some drivers take back what is pinned when their device goes.
 *
 * Return: whether its exporter names its memory, and that stays.
 */
bool dma_buf_iommu_capable(const struct dma_buf *dmabuf)
{
	return dmabuf->mmap && !(dmabuf->mmap->flags & DMA_BUF_MMAP_MOVES);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_iommu_capable, "DMA_BUF");

static int dma_buf_iommu_walk(struct dma_buf_attachment *attach,
			      struct dma_buf_iommu_map *map, u64 offset, size_t len)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	struct dma_buf_range range;
	ssize_t done;
	int err;

	dma_resv_assert_held(dmabuf->resv);

	if (!dma_buf_iommu_capable(dmabuf))
		return -EOPNOTSUPP;
	if (offset > dmabuf->size || len > dmabuf->size - offset)
		return -EINVAL;

	for (; len; offset += done, len -= done) {
		err = dma_buf_mmap_get_range(dmabuf->mmap, offset >> PAGE_SHIFT, true,
					     &range);
		if (err)
			return dma_buf_iommu_error(err);
		done = dma_buf_iommu_range(map, &range, offset, len);
		dma_buf_mmap_put_range(dmabuf->mmap, &range);
		if (done < 0)
			return done;
	}
	return 0;
}

/**
 * dma_buf_iommu_check - whether a part of a buffer can be mapped for DMA
 * @attach: a pinned attachment
 * @offset: where the part begins in the buffer, in bytes
 * @len: bytes
 *
 * Context: Process context, reservation lock held.
 * Return: %0; %-EINVAL beyond the buffer; %-EOPNOTSUPP if the exporter does not name its
 * memory, or names what no other device or not this way can reach; %-ENODEV while it
 * is revoked; %-ENOMEM, and what else &dma_buf_mmap_ops.get_range returns.
 */
int dma_buf_iommu_check(struct dma_buf_attachment *attach, u64 offset, size_t len)
{
	struct dma_buf_iommu_map map = {};

	return dma_buf_iommu_walk(attach, &map, offset, len);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_iommu_check, "DMA_BUF");

/**
 * dma_buf_iommu_map - map a part of a buffer into a domain
 * @attach: a pinned attachment; dma_buf_iommu_check() was content
 * @domain: the domain
 * @iova: where to
 * @offset: where the part begins in the buffer, in bytes
 * @len: bytes
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE; memory of a device is mapped as such
 * @small: map page by page, so that any of them can be unmapped alone
 *
 * On an error nothing is mapped.
 *
 * Context: Process context, reservation lock held; may allocate with %GFP_KERNEL_ACCOUNT.
 * Return: %0, or as dma_buf_iommu_check() and iommu_map().
 */
int dma_buf_iommu_map(struct dma_buf_attachment *attach, struct iommu_domain *domain,
		      unsigned long iova, u64 offset, size_t len, int prot, bool small)
{
	struct dma_buf_iommu_map map = {
		.domain = domain,
		.iova = iova,
		.prot = prot,
		.small = small,
	};
	int err = dma_buf_iommu_walk(attach, &map, offset, len);

	if (err && map.iova > iova)
		iommu_unmap(domain, iova, map.iova - iova);
	return err;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_iommu_map, "DMA_BUF");

/**
 * dma_buf_iommu_align - what an IOVA for a part of a buffer should be aligned to
 * @attach: a pinned attachment
 * @offset: where the part begins in the buffer, in bytes
 *
 * Context: Process context, reservation lock held.
 * Return: a power of two, in bytes, at least a page but for what is not page-aligned.
 */
unsigned long dma_buf_iommu_align(struct dma_buf_attachment *attach, u64 offset)
{
	struct dma_buf_mmap *m = attach->dmabuf->mmap;
	unsigned long align = offset;
	struct dma_buf_range range;

	if (dma_buf_iommu_capable(attach->dmabuf) &&
	    !dma_buf_mmap_get_range(m, offset >> PAGE_SHIFT, true, &range)) {
		align = PFN_PHYS(dma_buf_range_pfn(&range, offset >> PAGE_SHIFT)) +
			offset_in_page(offset);
		dma_buf_mmap_put_range(m, &range);
	}
	return align ? 1UL << __ffs(align) : PUD_SIZE;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_iommu_align, "DMA_BUF");

/**
 * dma_buf_access - read or write a part of a buffer
 * @attach: a pinned attachment
 * @offset: where the part begins in the buffer, in bytes
 * @buf: kernel memory to copy to or from
 * @len: bytes
 * @write: copy from @buf
 *
 * For importers that stand in for a device.
 *
 * Context: Process context, reservation lock not held.
 * Return: %0; %-EINVAL beyond the buffer; %-EINTR if a fatal signal is pending; else as
 * dma_buf_iommu_check().  On an error a part may have been copied.
 */
int dma_buf_access(struct dma_buf_attachment *attach, u64 offset, void *buf, size_t len,
		   bool write)
{
	struct dma_buf *dmabuf = attach->dmabuf;
	struct dma_buf_mmap *m = dmabuf->mmap;
	size_t part;
	int err;

	if (!dma_buf_iommu_capable(dmabuf))
		return -EOPNOTSUPP;
	err = m->ops->may_map ? m->ops->may_map(m->priv) : 0;
	if (err)
		return dma_buf_iommu_error(err);
	if (offset > dmabuf->size || len > dmabuf->size - offset)
		return -EINVAL;

	for (; len; offset += part, buf += part, len -= part) {
		part = min(len, PAGE_SIZE - offset_in_page(offset));
		if (fatal_signal_pending(current))
			return -EINTR;
		err = dma_buf_mmap_copy(m, offset >> PAGE_SHIFT, offset_in_page(offset),
					buf, part, write);
		if (err)
			return dma_buf_iommu_error(err);
	}
	return 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_access, "DMA_BUF");
