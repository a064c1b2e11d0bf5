// SPDX-License-Identifier: GPL-2.0
/* Buffers of others, and ours for others: VRAM stays VRAM for who can reach it there. */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/drm_prime.h>
#include <drm/ttm/ttm_tt.h>
#include <drm/vttm_drm.h>

#include "vttm_drv.h"

MODULE_IMPORT_NS("DMA_BUF");

static int vttm_dmabuf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = dmabuf->priv;

	if (attach->peer2peer &&
	    pci_p2pdma_distance(to_pci_dev(obj->dev->dev), attach->dev, false) < 0)
		attach->peer2peer = false;
	/* It may be read and written at any time. */
	return pm_runtime_resume_and_get(obj->dev->dev);
}

static void vttm_dmabuf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = dmabuf->priv;

	pm_runtime_put_autosuspend(obj->dev->dev);
}

/* To where @peer can reach it. */
static int vttm_dmabuf_place(struct vttm_bo *bo, bool peer)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	const bool vram = peer && !READ_ONCE(bdev_to_vttm(bo->tbo.bdev)->lost);
	int err = vttm_bo_place(bo, vram ? bo->domain : DRM_VTTM_DOMAIN_SYSTEM, &ctx);

	if (err || vttm_in_vram(bo->tbo.resource))
		return err;
	return ttm_bo_populate(&bo->tbo, &ctx);
}

static int vttm_dmabuf_pin(struct dma_buf_attachment *attach)
{
	struct drm_gem_object *obj = attach->dmabuf->priv;
	struct vttm_bo *bo = gem_to_vttm(obj);
	bool peer = true;
	int err = 0;

	scoped_guard(spinlock, &obj->exports_lock) {
		struct dma_buf_attachment *other;
		struct dma_buf *dmabuf;

		list_for_each_entry(dmabuf, &obj->exports, exporter_node)
			list_for_each_entry(other, &dmabuf->attachments, node)
				peer &= other->peer2peer;
	}
	if (!bo->tbo.pin_count)
		err = vttm_dmabuf_place(bo, peer);
	else if (vttm_in_vram(bo->tbo.resource) && !peer)
		err = -EBUSY;
	if (!err)
		ttm_bo_pin(&bo->tbo);
	return err;
}

static void vttm_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	ttm_bo_unpin(&gem_to_vttm(attach->dmabuf->priv)->tbo);
}

/* The part of VRAM that a buffer has, as @attach's device sees it. */
static struct sg_table *vttm_vram_sgt(struct vttm_bo *bo, struct dma_buf_attachment *attach,
				      enum dma_data_direction dir)
{
	struct vttm_device *vttm = bdev_to_vttm(bo->tbo.bdev);
	struct vttm_resource *vres = container_of(bo->tbo.resource, struct vttm_resource, base);
	const unsigned int nr = list_count_nodes(&vres->blocks);
	struct sg_table *sgt = kzalloc_obj(*sgt);
	u64 left = bo->tbo.base.size;
	struct gpu_buddy_block *block;
	struct scatterlist *sg;
	int err;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	err = sg_alloc_table(sgt, nr, GFP_KERNEL);
	if (err)
		goto err_free;

	/* Until they are mapped, no entry has a length. */
	sg = sgt->sgl;
	list_for_each_entry(block, &vres->blocks, link) {
		const u64 len = min(left, gpu_buddy_block_size(&vttm->mm, block));
		dma_addr_t addr = dma_map_resource(attach->dev, vttm->vram_base +
						   gpu_buddy_block_offset(block), len, dir,
						   DMA_ATTR_SKIP_CPU_SYNC);

		err = dma_mapping_error(attach->dev, addr);
		if (err)
			goto err_unmap;
		sg_set_page(sg, NULL, len, 0);
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = len;
		left -= len;
		sg = sg_next(sg);
	}
	return sgt;

err_unmap:
	for_each_sgtable_sg(sgt, sg, err) {
		if (!sg->length)
			break;
		dma_unmap_resource(attach->dev, sg_dma_address(sg), sg_dma_len(sg), dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
	}
	sg_free_table(sgt);
	err = -EIO;
err_free:
	kfree(sgt);
	return ERR_PTR(err);
}

static struct sg_table *vttm_dmabuf_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	struct drm_gem_object *obj = attach->dmabuf->priv;
	struct vttm_bo *bo = gem_to_vttm(obj);
	struct sg_table *sgt;
	int err = 0;

	if (!bo->tbo.pin_count)
		err = vttm_dmabuf_place(bo, attach->peer2peer);
	if (err)
		return ERR_PTR(err);
	if (vttm_in_vram(bo->tbo.resource)) {
		/* Pinned there for others, or lost */
		if (!attach->peer2peer)
			return ERR_PTR(-EBUSY);
		if (READ_ONCE(bdev_to_vttm(bo->tbo.bdev)->lost))
			return ERR_PTR(-ENODEV);
		return vttm_vram_sgt(bo, attach, dir);
	}

	sgt = drm_prime_pages_to_sg(obj->dev, bo->tbo.ttm->pages, PFN_UP(obj->size));
	if (IS_ERR(sgt))
		return sgt;
	err = dma_map_sgtable(attach->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (!err)
		return sgt;
	sg_free_table(sgt);
	kfree(sgt);
	return ERR_PTR(err);
}

static void vttm_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct scatterlist *sg;
	int i;

	if (sg_page(sgt->sgl))
		dma_unmap_sgtable(attach->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	else
		for_each_sgtable_sg(sgt, sg, i)
			dma_unmap_resource(attach->dev, sg_dma_address(sg), sg_dma_len(sg), dir,
					   DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static const struct dma_buf_ops vttm_dmabuf_ops = {
	.attach = vttm_dmabuf_attach,
	.detach = vttm_dmabuf_detach,
	.pin = vttm_dmabuf_pin,
	.unpin = vttm_dmabuf_unpin,
	.map_dma_buf = vttm_dmabuf_map,
	.unmap_dma_buf = vttm_dmabuf_unmap,
	.release = drm_gem_dmabuf_release,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
};

struct dma_buf *vttm_prime_export(struct drm_gem_object *obj, int flags)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct dma_buf *dmabuf;
	int err = ttm_bo_setup_export(&gem_to_vttm(obj)->tbo, &ctx);

	if (err)
		return ERR_PTR(err);
	dmabuf = drm_gem_prime_export(obj, flags);
	if (!IS_ERR(dmabuf))
		dmabuf->ops = &vttm_dmabuf_ops;
	return dmabuf;
}

/* The DMA addresses of an import, which is reserved. */
int vttm_import_map(struct vttm_bo *bo)
{
	struct sg_table *sgt;

	if (bo->sgt)
		return 0;
	sgt = dma_buf_map_attachment(bo->tbo.base.import_attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	bo->sgt = sgt;
	return 0;
}

void vttm_import_unmap(struct vttm_bo *bo)
{
	if (!bo->sgt)
		return;
	dma_buf_unmap_attachment(bo->tbo.base.import_attach, bo->sgt, DMA_BIDIRECTIONAL);
	bo->sgt = NULL;
}

/* The copies that use the addresses are over: vttm_copy_ioctl() waits for them. */
static void vttm_import_invalidate(struct dma_buf_attachment *attach)
{
	vttm_import_unmap(gem_to_vttm(attach->importer_priv));
}

static const struct dma_buf_attach_ops vttm_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = vttm_import_invalidate,
};

struct drm_gem_object *vttm_prime_import(struct drm_device *drm, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;
	struct drm_gem_object *obj;
	struct vttm_bo *bo;

	if (dmabuf->ops == &vttm_dmabuf_ops) {
		obj = dmabuf->priv;
		if (obj->dev == drm) {
			drm_gem_object_get(obj);
			return obj;
		}
	}

	if (!PAGE_ALIGNED(dmabuf->size))
		return ERR_PTR(-EINVAL);
	bo = vttm_bo_create_import(to_vttm(drm), dmabuf);
	if (IS_ERR(bo))
		return ERR_CAST(bo);

	obj = &bo->tbo.base;
	attach = dma_buf_dynamic_attach(dmabuf, drm->dev, &vttm_attach_ops, obj);
	if (IS_ERR(attach)) {
		drm_gem_object_put(obj);
		return ERR_CAST(attach);
	}
	obj->import_attach = attach;
	return obj;
}
