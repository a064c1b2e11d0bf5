// SPDX-License-Identifier: GPL-2.0
/* What is where in VRAM. */
#include <linux/dma-buf-mmap.h>
#include <linux/slab.h>

#include <drm/drm_managed.h>

#include "vttm_drv.h"

static struct vttm_resource *to_vttm_resource(struct ttm_resource *res)
{
	return container_of(res, struct vttm_resource, base);
}

/* Where the page at @pgoff is, in bytes from the start of VRAM; @block returns its block. */
u64 vttm_vram_offset(struct vttm_device *vttm, struct ttm_resource *res, pgoff_t pgoff,
		     struct gpu_buddy_block **block)
{
	u64 left = (u64)pgoff << PAGE_SHIFT;
	struct gpu_buddy_block *b;

	list_for_each_entry(b, &to_vttm_resource(res)->blocks, link) {
		if (left < gpu_buddy_block_size(&vttm->mm, b))
			break;
		left -= gpu_buddy_block_size(&vttm->mm, b);
	}
	*block = b;
	return gpu_buddy_block_offset(b) + left;
}

/* Where the page is that follows one at @at in @block; there must be one. */
u64 vttm_vram_next(struct vttm_device *vttm, u64 at, struct gpu_buddy_block **block)
{
	at += PAGE_SIZE;
	if (at < gpu_buddy_block_offset(*block) + gpu_buddy_block_size(&vttm->mm, *block))
		return at;
	*block = list_next_entry(*block, link);
	return gpu_buddy_block_offset(*block);
}

static int vttm_vram_alloc(struct ttm_resource_manager *man, struct ttm_buffer_object *tbo,
			   const struct ttm_place *place, struct ttm_resource **res)
{
	struct vttm_device *vttm = container_of(man, struct vttm_device, vram);
	const u64 start = (u64)place->fpfn << PAGE_SHIFT;
	const u64 end = place->lpfn ? min((u64)place->lpfn << PAGE_SHIFT, vttm->vram_size) :
				      vttm->vram_size;
	struct vttm_resource *vres;
	unsigned long flags = 0;
	int err;

	if (READ_ONCE(vttm->lost))
		return -ENOSPC;
	if (end < start || tbo->base.size > end - start)
		return -ENOSPC;

	vres = kzalloc_obj(*vres);
	if (!vres)
		return -ENOMEM;
	ttm_resource_init(tbo, place, &vres->base);
	INIT_LIST_HEAD(&vres->blocks);

	if (start || end != vttm->vram_size)
		flags |= GPU_BUDDY_RANGE_ALLOCATION;
	mutex_lock(&vttm->vram_lock);
	err = gpu_buddy_alloc_blocks(&vttm->mm, start, end, vres->base.size, PAGE_SIZE,
				     &vres->blocks, flags);
	mutex_unlock(&vttm->vram_lock);
	if (err) {
		ttm_resource_fini(man, &vres->base);
		kfree(vres);
		return err;
	}
	*res = &vres->base;
	return 0;
}

static void vttm_vram_free(struct ttm_resource_manager *man, struct ttm_resource *res)
{
	struct vttm_device *vttm = container_of(man, struct vttm_device, vram);
	struct vttm_resource *vres = to_vttm_resource(res);

	mutex_lock(&vttm->vram_lock);
	gpu_buddy_free_list(&vttm->mm, &vres->blocks, 0);
	mutex_unlock(&vttm->vram_lock);
	ttm_resource_fini(man, res);
	kfree(vres);
}

/* How many bytes of @res are in [start, end) of VRAM. */
static u64 vttm_vram_within(struct vttm_device *vttm, struct ttm_resource *res, u64 start,
			    u64 end)
{
	struct gpu_buddy_block *block;
	u64 within = 0;

	list_for_each_entry(block, &to_vttm_resource(res)->blocks, link) {
		const u64 first = max(start, gpu_buddy_block_offset(block));
		const u64 stop = min(end, gpu_buddy_block_offset(block) +
					  gpu_buddy_block_size(&vttm->mm, block));

		within += stop > first ? stop - first : 0;
	}
	return within;
}

static u64 vttm_place_within(struct ttm_resource_manager *man, struct ttm_resource *res,
			     const struct ttm_place *place)
{
	struct vttm_device *vttm = container_of(man, struct vttm_device, vram);

	return vttm_vram_within(vttm, res, (u64)place->fpfn << PAGE_SHIFT,
				place->lpfn ? (u64)place->lpfn << PAGE_SHIFT : U64_MAX);
}

static bool vttm_vram_intersects(struct ttm_resource_manager *man, struct ttm_resource *res,
				 const struct ttm_place *place, size_t size)
{
	return vttm_place_within(man, res, place);
}

static bool vttm_vram_compatible(struct ttm_resource_manager *man, struct ttm_resource *res,
				 const struct ttm_place *place, size_t size)
{
	return vttm_place_within(man, res, place) >= res->size;
}

static const struct ttm_resource_manager_func vttm_vram_funcs = {
	.alloc = vttm_vram_alloc,
	.free = vttm_vram_free,
	.intersects = vttm_vram_intersects,
	.compatible = vttm_vram_compatible,
};

/* Whether the CPU sees all of @res. */
bool vttm_vram_visible(struct vttm_device *vttm, struct ttm_resource *res)
{
	return vttm_vram_within(vttm, res, 0, READ_ONCE(vttm->visible)) >= res->size;
}

int vttm_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *res)
{
	struct vttm_device *vttm = bdev_to_vttm(bdev);
	struct gpu_buddy_block *block;

	if (!vttm_in_vram(res))
		return 0;
	if (!vttm_vram_visible(vttm, res))
		return -EINVAL;

	res->bus.offset = vttm->vram_base + vttm_vram_offset(vttm, res, 0, &block);
	res->bus.is_iomem = true;
	res->bus.caching = ttm_write_combined;
	return 0;
}

void vttm_io_mem_run(struct ttm_buffer_object *tbo, pgoff_t pgoff,
		     struct dma_buf_range *range)
{
	struct vttm_device *vttm = bdev_to_vttm(tbo->bdev);
	struct gpu_buddy_block *block;
	u64 at = vttm_vram_offset(vttm, tbo->resource, pgoff, &block);
	u64 start = gpu_buddy_block_offset(block);

	range->start = pgoff - PHYS_PFN(at - start);
	range->nr_pages = PHYS_PFN(gpu_buddy_block_size(&vttm->mm, block));
	range->pfn = PHYS_PFN(vttm->vram_base + start);
}

static void vttm_vram_fini(struct drm_device *drm, void *data)
{
	struct vttm_device *vttm = to_vttm(drm);

	ttm_resource_manager_set_used(&vttm->vram, false);
	ttm_resource_manager_evict_all(&vttm->bdev, &vttm->vram);
	ttm_resource_manager_cleanup(&vttm->vram);
	ttm_set_driver_manager(&vttm->bdev, TTM_PL_VRAM, NULL);
	gpu_buddy_fini(&vttm->mm);
}

int vttm_vram_init(struct vttm_device *vttm)
{
	int err;

	err = drmm_mutex_init(&vttm->drm, &vttm->vram_lock);
	if (err)
		return err;
	err = gpu_buddy_init(&vttm->mm, vttm->vram_size, PAGE_SIZE);
	if (err)
		return err;

	vttm->vram.func = &vttm_vram_funcs;
	ttm_resource_manager_init(&vttm->vram, &vttm->bdev, vttm->vram_size);
	ttm_set_driver_manager(&vttm->bdev, TTM_PL_VRAM, &vttm->vram);
	ttm_resource_manager_set_used(&vttm->vram, true);
	return drmm_add_action_or_reset(&vttm->drm, vttm_vram_fini, NULL);
}
