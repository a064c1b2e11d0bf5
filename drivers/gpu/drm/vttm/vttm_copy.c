// SPDX-License-Identifier: GPL-2.0
/*
 * The copy engine: a worker, in order, a fence for each copy.  What it reads and writes is
 * found when a copy is submitted, and stays until its fence is signaled.
 */
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/pm_runtime.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>

#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/ttm/ttm_tt.h>
#include <drm/vttm_drm.h>

#include "vttm_drv.h"

/* What is left in VRAM where a buffer was: nobody must look there any more. */
#define VTTM_POISON	0xdb

/**
 * struct vttm_page - one page of a copy
 * @vaddr: where it is for the kernel
 * @io: it is memory of another device, mapped for the copy
 */
struct vttm_page {
	void *vaddr;
	bool io;
};

/**
 * struct vttm_copy - a copy
 * @fence: signaled when it is done
 * @work: does it
 * @vttm: the device
 * @nr_pages: how many
 * @src: from where; NULL to clear
 * @dst: where to
 * @bounce: one page
 * @poison: the source is in VRAM and is left
 * @awake: the device is kept awake
 */
struct vttm_copy {
	struct dma_fence fence;
	struct work_struct work;
	struct vttm_device *vttm;
	unsigned long nr_pages;
	struct vttm_page *src;
	struct vttm_page *dst;
	void *bounce;
	bool poison;
	bool awake;
};

/* From finding out where a copy goes until it is queued: VRAM is not lost meanwhile. */
DEFINE_STATIC_SRCU(vttm_copy_srcu);

/* VRAM is lost: no copy uses it any more. */
void vttm_copy_changed(struct vttm_device *vttm)
{
	synchronize_srcu(&vttm_copy_srcu);
	flush_workqueue(vttm->copies);
}

static const char *vttm_fence_driver_name(struct dma_fence *fence)
{
	return "vttm";
}

static const char *vttm_fence_timeline_name(struct dma_fence *fence)
{
	return "copies";
}

static const struct dma_fence_ops vttm_fence_ops = {
	.get_driver_name = vttm_fence_driver_name,
	.get_timeline_name = vttm_fence_timeline_name,
};

static void vttm_pages_free(struct vttm_page *pages, unsigned long nr)
{
	unsigned long i;

	for (i = 0; pages && i < nr; i++)
		if (pages[i].io)
			iounmap((void __iomem __force *)pages[i].vaddr);
	kvfree(pages);
}

static void vttm_copy_free(struct vttm_copy *copy)
{
	vttm_pages_free(copy->src, copy->nr_pages);
	vttm_pages_free(copy->dst, copy->nr_pages);
	kfree(copy->bounce);
	copy->src = NULL;
	copy->dst = NULL;
	copy->bounce = NULL;
	if (copy->awake)
		pm_runtime_put_autosuspend(copy->vttm->drm.dev);
}

static void vttm_copy_page(void *bounce, const struct vttm_page *dst,
			   const struct vttm_page *src)
{
	if (!src)
		memset(bounce, 0, PAGE_SIZE);
	else if (src->io)
		memcpy_fromio(bounce, (void __iomem __force *)src->vaddr, PAGE_SIZE);
	else
		memcpy(bounce, src->vaddr, PAGE_SIZE);

	if (dst->io)
		memcpy_toio((void __iomem __force *)dst->vaddr, bounce, PAGE_SIZE);
	else
		memcpy(dst->vaddr, bounce, PAGE_SIZE);
}

/* Others wait for the fence: nothing is allocated or woken here. */
static void vttm_copy_work(struct work_struct *work)
{
	struct vttm_copy *copy = container_of(work, struct vttm_copy, work);
	const bool cookie = dma_fence_begin_signalling();
	unsigned long i;

	fsleep((unsigned long)READ_ONCE(copy->vttm->copy_delay_ms) * USEC_PER_MSEC);

	for (i = 0; i < copy->nr_pages; i++) {
		vttm_copy_page(copy->bounce, &copy->dst[i], copy->src ? &copy->src[i] : NULL);
		if (copy->poison)
			memset(copy->src[i].vaddr, VTTM_POISON, PAGE_SIZE);
		cond_resched();
	}
	/* All is written before anybody is told. */
	wmb();
	dma_fence_signal(&copy->fence);
	dma_fence_end_signalling(cookie);
	vttm_copy_free(copy);
	dma_fence_put(&copy->fence);
}

static struct vttm_page *vttm_pages_of_vram(struct vttm_device *vttm, struct ttm_resource *res,
					    struct vttm_page *pages, unsigned long nr)
{
	struct gpu_buddy_block *block;
	unsigned long i;
	u64 at;

	for (i = 0; i < nr; i++) {
		at = i ? vttm_vram_next(vttm, at, &block) :
			 vttm_vram_offset(vttm, res, 0, &block);
		pages[i].vaddr = vttm->vram_cpu + at;
	}
	return pages;
}

/* Where a DMA address leads a device, or 0. */
static phys_addr_t vttm_dma_to_phys(struct vttm_device *vttm, dma_addr_t addr)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(vttm->drm.dev);
	phys_addr_t phys = domain ? iommu_iova_to_phys(domain, addr) : addr;

	/* A switch knows the bus addresses of what is below it, and asks no IOMMU. */
	if (!phys && !page_is_ram(PHYS_PFN(addr)))
		phys = addr;
	return phys;
}

static int vttm_pages_of_sgt(struct vttm_device *vttm, struct sg_table *sgt,
			     struct vttm_page *pages, unsigned long nr)
{
	struct sg_dma_page_iter iter;
	unsigned long i = 0;
	phys_addr_t phys;

	for_each_sgtable_dma_page(sgt, &iter, 0) {
		if (i == nr)
			break;
		phys = vttm_dma_to_phys(vttm, sg_page_iter_dma_address(&iter));
		if (!phys)
			return -EFAULT;
		pages[i].io = !page_is_ram(PHYS_PFN(phys));
		pages[i].vaddr = pages[i].io ? (void __force *)ioremap(phys, PAGE_SIZE) :
					       phys_to_virt(phys);
		if (!pages[i].vaddr) {
			pages[i].io = false;
			return -ENOMEM;
		}
		i++;
	}
	return i < nr ? -EFAULT : 0;
}

/* The pages of a buffer that is or will be in @res, for vttm_pages_free(). */
static struct vttm_page *vttm_pages_of(struct vttm_bo *bo, struct ttm_resource *res,
				       unsigned long nr)
{
	struct vttm_device *vttm = bdev_to_vttm(bo->tbo.bdev);
	struct vttm_page *pages = kvzalloc_objs(*pages, nr);
	unsigned long i;
	int err;

	if (!pages)
		return ERR_PTR(-ENOMEM);
	if (vttm_in_vram(res))
		return vttm_pages_of_vram(vttm, res, pages, nr);
	if (bo->tbo.type == ttm_bo_type_sg) {
		err = vttm_pages_of_sgt(vttm, bo->sgt, pages, nr);
		if (!err)
			return pages;
		vttm_pages_free(pages, nr);
		return ERR_PTR(err);
	}
	for (i = 0; i < nr; i++)
		pages[i].vaddr = page_address(bo->tbo.ttm->pages[i]);
	return pages;
}

/*
 * Starts to copy @nr pages of @from, where it is, or zeroes if that is NULL, to @to in @res.
 * @from leaves where it was, if it is @to.
 */
static struct dma_fence *vttm_copy_start(struct vttm_bo *from, struct vttm_bo *to,
					 struct ttm_resource *res, unsigned long nr)
{
	struct vttm_device *vttm = bdev_to_vttm(to->tbo.bdev);
	struct vttm_copy *copy = kzalloc_obj(*copy);
	int err = -ENOMEM;

	if (!copy)
		return ERR_PTR(-ENOMEM);
	copy->vttm = vttm;
	copy->nr_pages = nr;
	copy->bounce = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (!copy->bounce)
		goto err_free;
	copy->dst = vttm_pages_of(to, res, nr);
	if (IS_ERR(copy->dst)) {
		err = PTR_ERR(copy->dst);
		copy->dst = NULL;
		goto err_free;
	}
	copy->src = from ? vttm_pages_of(from, from->tbo.resource, nr) : NULL;
	if (IS_ERR(copy->src)) {
		err = PTR_ERR(copy->src);
		copy->src = NULL;
		goto err_free;
	}
	copy->poison = from == to && vttm_in_vram(from->tbo.resource);

	/* Not if the device goes: VRAM is there as long as a copy is. */
	copy->awake = pm_runtime_resume_and_get(vttm->drm.dev) >= 0;

	INIT_WORK(&copy->work, vttm_copy_work);
	mutex_lock(&vttm->copy_lock);
	dma_fence_init(&copy->fence, &vttm_fence_ops, NULL, vttm->fence_context,
		       ++vttm->fence_seqno);
	/* The worker's */
	dma_fence_get(&copy->fence);
	queue_work(vttm->copies, &copy->work);
	mutex_unlock(&vttm->copy_lock);
	return &copy->fence;

err_free:
	vttm_copy_free(copy);
	kfree(copy);
	return ERR_PTR(err);
}

/* &ttm_device_funcs.move */
int vttm_bo_move(struct ttm_buffer_object *tbo, bool evict, struct ttm_operation_ctx *ctx,
		 struct ttm_resource *new, struct ttm_place *hop)
{
	struct vttm_device *vttm = bdev_to_vttm(tbo->bdev);
	struct vttm_bo *bo = tbo_to_vttm(tbo);
	const bool from_vram = vttm_in_vram(tbo->resource), to_vram = vttm_in_vram(new);
	const bool has_pages = tbo->ttm && (ttm_tt_is_populated(tbo->ttm) ||
					    ttm_tt_is_swapped(tbo->ttm));
	struct dma_fence *fence;
	bool clear;
	int err;

	drm_gem_invalidate_mappings(&tbo->base);

	if (!to_vram && !from_vram) {
		ttm_bo_move_null(tbo, new);
		return 0;
	}
	/* The engine does one thing after the other; importers may still read. */
	err = ttm_bo_wait_ctx(tbo, ctx);
	if (!err && (has_pages || !to_vram))
		err = ttm_bo_populate(tbo, ctx);
	if (!err)
		err = dma_resv_reserve_fences(tbo->base.resv, 1);
	if (err)
		return err;

	guard(srcu)(&vttm_copy_srcu);
	if (READ_ONCE(vttm->lost) && to_vram)
		return -ENOSPC;
	clear = from_vram ? READ_ONCE(vttm->lost) : !has_pages;
	fence = vttm_copy_start(clear ? NULL : bo, bo, new, PFN_UP(tbo->base.size));
	if (IS_ERR(fence))
		return PTR_ERR(fence);
	vttm_cpu_forget(bo);
	if (clear) {
		dma_resv_add_fence(tbo->base.resv, fence, DMA_RESV_USAGE_KERNEL);
		ttm_bo_move_null(tbo, new);
	} else if (ttm_bo_move_accel_cleanup(tbo, fence, evict, true, new)) {
		/* The copy has begun: no way back. */
		dma_fence_wait(fence, false);
		ttm_bo_move_null(tbo, new);
	}
	dma_fence_put(fence);
	return 0;
}

/* What is copied from or to is where it is known to be.  Others may have to leave for it. */
static int vttm_copy_prepare(struct vttm_bo *bo)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	int err = 0;

	if (bo->tbo.type == ttm_bo_type_sg)
		err = vttm_import_map(bo);
	else if (!vttm_in_vram(bo->tbo.resource))
		err = ttm_bo_populate(&bo->tbo, &ctx);
	/* The exporter of an import may have begun to move it. */
	if (!err)
		err = ttm_bo_wait_ctx(&bo->tbo, &ctx);
	return err ?: dma_resv_reserve_fences(bo->tbo.base.resv, 1);
}

/* Both are reserved and prepared. */
static int vttm_copy_between(struct vttm_bo *from, struct vttm_bo *to, unsigned long nr)
{
	struct vttm_bo *bos[] = { from, to };
	struct dma_fence *fence;
	int i, err;

	scoped_guard(srcu, &vttm_copy_srcu) {
		if (READ_ONCE(bdev_to_vttm(from->tbo.bdev)->lost))
			return -ENODEV;
		fence = vttm_copy_start(from, to, to->tbo.resource, nr);
	}
	if (IS_ERR(fence))
		return PTR_ERR(fence);
	for (i = 0; i < ARRAY_SIZE(bos); i++)
		dma_resv_add_fence(bos[i]->tbo.base.resv, fence, DMA_RESV_USAGE_KERNEL);
	/* Nobody takes the DMA addresses of an import away before. */
	err = dma_fence_wait(fence, false);
	dma_fence_put(fence);
	return err;
}

int vttm_copy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_vttm_copy *args = data;
	struct drm_gem_object *objs[2] = {};
	struct drm_exec exec;
	int i, err;

	objs[0] = drm_gem_object_lookup(file, args->src);
	objs[1] = drm_gem_object_lookup(file, args->dst);
	if (!objs[0] || !objs[1]) {
		err = -ENOENT;
		goto out;
	}
	err = -EINVAL;
	if (objs[0] == objs[1] || !args->size || !PAGE_ALIGNED(args->size) ||
	    args->size > objs[0]->size || args->size > objs[1]->size)
		goto out;

	/* Two imports may be of one buffer. */
	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES, 2);
	drm_exec_until_all_locked(&exec) {
		err = drm_exec_lock_obj(&exec, objs[0]);
		if (!err)
			err = drm_exec_lock_obj(&exec, objs[1]);
		drm_exec_retry_on_contention(&exec);
		for (i = 0; i < ARRAY_SIZE(objs) && !err; i++)
			err = vttm_copy_prepare(gem_to_vttm(objs[i]));
		if (err)
			break;
	}
	if (!err)
		err = vttm_copy_between(gem_to_vttm(objs[0]), gem_to_vttm(objs[1]),
					PHYS_PFN(args->size));
	drm_exec_fini(&exec);
out:
	if (objs[0])
		drm_gem_object_put(objs[0]);
	if (objs[1])
		drm_gem_object_put(objs[1]);
	return err;
}

static void vttm_copy_fini(struct drm_device *drm, void *data)
{
	destroy_workqueue(to_vttm(drm)->copies);
}

int vttm_copy_init(struct vttm_device *vttm)
{
	int err = drmm_mutex_init(&vttm->drm, &vttm->copy_lock);

	if (err)
		return err;
	vttm->fence_context = dma_fence_context_alloc(1);
	/* Memory may be waiting for it. */
	vttm->copies = alloc_ordered_workqueue("vttm", WQ_MEM_RECLAIM);
	if (!vttm->copies)
		return -ENOMEM;
	return drmm_add_action_or_reset(&vttm->drm, vttm_copy_fini, NULL);
}
