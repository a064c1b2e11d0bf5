// SPDX-License-Identifier: GPL-2.0
/* Buffers: made, placed, looked at. */
#include <linux/dma-buf.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_dumb_buffers.h>
#include <drm/drm_file.h>
#include <drm/drm_gem_ttm_helper.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>
#include <drm/ttm/ttm_tt.h>
#include <drm/vttm_drm.h>

#include "vttm_drv.h"

static void vttm_bo_destroy(struct ttm_buffer_object *tbo);

/* TTM has objects of its own for what is left where a buffer moved away from. */
static bool vttm_is_ghost(struct ttm_buffer_object *tbo)
{
	return tbo->destroy != vttm_bo_destroy;
}

static struct ttm_tt *vttm_tt_create(struct ttm_buffer_object *tbo, u32 page_flags)
{
	const bool cached = !vttm_is_ghost(tbo) &&
			    tbo_to_vttm(tbo)->flags & DRM_VTTM_CREATE_CACHED;
	struct ttm_tt *tt = kzalloc_obj(*tt);
	int err;

	if (!tt)
		return NULL;
	/* Memory of others is theirs to map. */
	err = tbo->type == ttm_bo_type_sg ?
	      ttm_sg_tt_init(tt, tbo, page_flags | TTM_TT_FLAG_EXTERNAL, ttm_cached) :
	      ttm_tt_init(tt, tbo, page_flags, cached ? ttm_cached : ttm_write_combined, 0);
	if (err) {
		kfree(tt);
		return NULL;
	}
	return tt;
}

static void vttm_tt_destroy(struct ttm_device *bdev, struct ttm_tt *tt)
{
	ttm_tt_fini(tt);
	kfree(tt);
}

static void vttm_evict_flags(struct ttm_buffer_object *tbo, struct ttm_placement *placement)
{
	static const struct ttm_place system = { .mem_type = TTM_PL_SYSTEM };

	placement->placement = &system;
	/* What nobody reads any more goes. */
	placement->num_placement = vttm_is_ghost(tbo) ? 0 : 1;
}

/* Its pages go. */
static void vttm_swap_notify(struct ttm_buffer_object *tbo)
{
	drm_gem_invalidate_mappings(&tbo->base);
}

const struct ttm_device_funcs vttm_bdev_funcs = {
	.ttm_tt_create = vttm_tt_create,
	.ttm_tt_destroy = vttm_tt_destroy,
	.eviction_valuable = ttm_bo_eviction_valuable,
	.evict_flags = vttm_evict_flags,
	.move = vttm_bo_move,
	.swap_notify = vttm_swap_notify,
	.io_mem_reserve = vttm_io_mem_reserve,
	.io_mem_run = vttm_io_mem_run,
	.cpu_prepare = vttm_cpu_prepare,
	.cpu_finish = vttm_cpu_finish,
	.cpu_wait = vttm_cpu_wait,
};

static void vttm_bo_destroy(struct ttm_buffer_object *tbo)
{
	struct vttm_bo *bo = tbo_to_vttm(tbo);

	if (tbo->base.import_attach)
		dma_buf_detach(bo->import, tbo->base.import_attach);
	if (bo->import)
		dma_buf_put(bo->import);
	drm_gem_object_release(&tbo->base);
	kfree(bo);
}

static void vttm_gem_free(struct drm_gem_object *obj)
{
	struct vttm_bo *bo = gem_to_vttm(obj);

	vttm_cpu_forget(bo);
	if (bo->sgt) {
		dma_resv_lock(obj->resv, NULL);
		vttm_import_unmap(bo);
		dma_resv_unlock(obj->resv);
	}
	ttm_bo_fini(&bo->tbo);
}

/* Scattered as it may be. */
static void *vttm_vmap_vram(struct vttm_bo *bo)
{
	struct vttm_device *vttm = bdev_to_vttm(bo->tbo.bdev);
	const unsigned long nr = PFN_UP(bo->tbo.base.size);
	unsigned long *pfns = kvmalloc_objs(*pfns, nr);
	struct gpu_buddy_block *block;
	void *vaddr = NULL;
	unsigned long i;
	u64 at;

	if (!pfns)
		return NULL;
	for (i = 0; i < nr; i++) {
		at = i ? vttm_vram_next(vttm, at, &block) :
			 vttm_vram_offset(vttm, bo->tbo.resource, 0, &block);
		pfns[i] = PHYS_PFN(vttm->vram_base + at);
	}
	vaddr = vmap_pfn(pfns, nr, pgprot_writecombine(PAGE_KERNEL));
	kvfree(pfns);
	return vaddr;
}

static int vttm_gem_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	struct vttm_bo *bo = gem_to_vttm(obj);
	void *vaddr;
	int err;

	dma_resv_assert_held(obj->resv);

	if (!vttm_in_vram(bo->tbo.resource)) {
		err = ttm_bo_vmap(&bo->tbo, map);
	} else {
		vaddr = vttm_vmap_vram(bo);
		err = vaddr ? 0 : -ENOMEM;
		iosys_map_set_vaddr_iomem(map, (void __iomem __force *)vaddr);
	}
	if (!err)
		ttm_bo_pin(&bo->tbo);
	return err;
}

static void vttm_gem_vunmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	struct vttm_bo *bo = gem_to_vttm(obj);

	if (map->is_iomem)
		vunmap((void __force *)map->vaddr_iomem);
	else
		ttm_bo_vunmap(&bo->tbo, map);
	ttm_bo_unpin(&bo->tbo);
}

static const struct drm_gem_object_funcs vttm_gem_funcs = {
	.free = vttm_gem_free,
	.export = vttm_prime_export,
	.vmap = vttm_gem_vmap,
	.vunmap = vttm_gem_vunmap,
	.mmap = drm_gem_ttm_mmap,
	.print_info = drm_gem_ttm_print_info,
};

/* Where @domain is; VRAM may be full. */
static void vttm_placement(u32 domain, struct ttm_place places[2], struct ttm_placement *placement)
{
	unsigned int n = 0;

	if (domain == DRM_VTTM_DOMAIN_VRAM)
		places[n++] = (struct ttm_place) { .mem_type = TTM_PL_VRAM };
	places[n++] = (struct ttm_place) { .mem_type = TTM_PL_SYSTEM };
	placement->placement = places;
	placement->num_placement = n;
}

static struct vttm_bo *vttm_bo_make(struct vttm_device *vttm, u64 size, u32 domain, u32 flags,
				    struct dma_buf *import)
{
	struct dma_resv *resv = import ? import->resv : NULL;
	struct ttm_operation_ctx ctx = { .interruptible = true, .resv = resv };
	struct vttm_bo *bo = kzalloc_obj(*bo);
	struct ttm_placement placement;
	struct ttm_place places[2];
	int err;

	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->domain = domain;
	bo->flags = flags;
	INIT_LIST_HEAD(&bo->cpu_link);
	/* With it stays the reservation, whatever fails. */
	if (import) {
		get_dma_buf(import);
		bo->import = import;
	}
	drm_gem_private_object_init(&vttm->drm, &bo->tbo.base, size);
	bo->tbo.base.funcs = &vttm_gem_funcs;
	vttm_placement(domain, places, &placement);
	err = ttm_bo_init_reserved(&vttm->bdev, &bo->tbo,
				   import ? ttm_bo_type_sg : ttm_bo_type_device, &placement, 0,
				   &ctx, NULL, resv, vttm_bo_destroy);
	if (err)
		return ERR_PTR(err);
	if (!resv)
		ttm_bo_unreserve(&bo->tbo);
	return bo;
}

struct vttm_bo *vttm_bo_create(struct vttm_device *vttm, u64 size, u32 domain, u32 flags)
{
	return vttm_bo_make(vttm, size, domain, flags, NULL);
}

/* An import, not attached yet. */
struct vttm_bo *vttm_bo_create_import(struct vttm_device *vttm, struct dma_buf *dmabuf)
{
	struct vttm_bo *bo;

	dma_resv_lock(dmabuf->resv, NULL);
	bo = vttm_bo_make(vttm, dmabuf->size, DRM_VTTM_DOMAIN_SYSTEM, 0, dmabuf);
	dma_resv_unlock(dmabuf->resv);
	return bo;
}

/* Starts to move a buffer, which is reserved, to where @domain is. */
int vttm_bo_place(struct vttm_bo *bo, u32 domain, struct ttm_operation_ctx *ctx)
{
	struct ttm_placement placement;
	struct ttm_place places[2];
	const u32 type = domain == DRM_VTTM_DOMAIN_VRAM ? TTM_PL_VRAM : TTM_PL_SYSTEM;

	if (bo->tbo.resource && bo->tbo.resource->mem_type == type)
		return 0;
	if (bo->tbo.pin_count)
		return -EBUSY;
	vttm_placement(domain, places, &placement);
	/* What is in system memory would do otherwise. */
	if (domain == DRM_VTTM_DOMAIN_VRAM)
		placement.num_placement = 1;
	return ttm_bo_validate(&bo->tbo, &placement, ctx);
}

static bool vttm_domain_valid(u32 domain)
{
	return domain == DRM_VTTM_DOMAIN_SYSTEM || domain == DRM_VTTM_DOMAIN_VRAM;
}

static int vttm_bo_handle(struct vttm_device *vttm, struct drm_file *file, u64 size, u32 domain,
			  u32 flags, u32 *handle)
{
	struct vttm_bo *bo = vttm_bo_create(vttm, size, domain, flags);
	int err;

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	err = drm_gem_handle_create(file, &bo->tbo.base, handle);
	drm_gem_object_put(&bo->tbo.base);
	return err;
}

int vttm_bo_dumb_create(struct drm_file *file, struct drm_device *drm,
			struct drm_mode_create_dumb *args)
{
	int err = drm_mode_size_dumb(drm, args, 0, 0);

	return err ?: vttm_bo_handle(to_vttm(drm), file, args->size, DRM_VTTM_DOMAIN_VRAM, 0,
				     &args->handle);
}

int vttm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_vttm_create *args = data;

	if (!args->size || args->size > SZ_1G * 64ull || args->pad ||
	    !vttm_domain_valid(args->domain) || args->flags & ~DRM_VTTM_CREATE_CACHED)
		return -EINVAL;
	args->size = PAGE_ALIGN(args->size);
	return vttm_bo_handle(to_vttm(drm), file, args->size, args->domain, args->flags,
			      &args->handle);
}

int vttm_place_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct drm_vttm_place *args = data;
	struct drm_gem_object *obj;
	struct vttm_bo *bo;
	int err;

	if (!vttm_domain_valid(args->domain))
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	bo = gem_to_vttm(obj);
	err = bo->tbo.type == ttm_bo_type_sg ? -EINVAL :
	      ttm_bo_reserve(&bo->tbo, true, false, NULL);
	if (!err) {
		err = vttm_bo_place(bo, args->domain, &ctx);
		if (!err)
			bo->domain = args->domain;
		ttm_bo_unreserve(&bo->tbo);
	}
	drm_gem_object_put(obj);
	return err;
}

int vttm_info_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_vttm_info *args = data;
	struct gpu_buddy_block *block;
	struct drm_gem_object *obj;
	struct vttm_bo *bo;
	int err;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	bo = gem_to_vttm(obj);
	err = args->page < PFN_UP(obj->size) ? drm_gem_create_mmap_offset(obj) : -EINVAL;
	if (!err)
		err = ttm_bo_reserve(&bo->tbo, true, false, NULL);
	if (!err) {
		args->domain = vttm_in_vram(bo->tbo.resource) ? DRM_VTTM_DOMAIN_VRAM :
								DRM_VTTM_DOMAIN_SYSTEM;
		args->vram_offset = vttm_in_vram(bo->tbo.resource) ?
			vttm_vram_offset(to_vttm(drm), bo->tbo.resource, args->page, &block) : 0;
		args->map_offset = drm_vma_node_offset_addr(&obj->vma_node);
		ttm_bo_unreserve(&bo->tbo);
	}
	drm_gem_object_put(obj);
	return err;
}
