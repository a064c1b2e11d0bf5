// SPDX-License-Identifier: GPL-2.0
/* What has to be so that the CPU reaches a buffer: see &ttm_device_funcs.cpu_prepare. */
#include <linux/dma-buf-mmap.h>
#include <linux/pm_runtime.h>
#include <linux/srcu.h>

#include <drm/drm_vma_manager.h>

#include "vttm_drv.h"

/* From vttm_cpu_prepare() to vttm_cpu_finish(): what they looked at holds meanwhile. */
DEFINE_STATIC_SRCU(vttm_cpu_srcu);

/* Not in the aperture any more; @vttm->cpu_lock is held. */
static void vttm_cpu_evict(struct vttm_device *vttm, struct vttm_bo *bo)
{
	drm_vma_node_unmap(&bo->tbo.base.vma_node, vttm->bdev.dev_mapping);
	list_del_init(&bo->cpu_link);
	bo->cpu_counted = false;
	vttm->cpu_bytes -= bo->tbo.base.size;
}

/* The buffer leaves VRAM, or goes: its leaves are gone. */
void vttm_cpu_forget(struct vttm_bo *bo)
{
	struct vttm_device *vttm = bdev_to_vttm(bo->tbo.bdev);

	guard(mutex)(&vttm->cpu_lock);
	list_del_init(&bo->cpu_link);
	if (bo->cpu_counted)
		vttm->cpu_bytes -= bo->tbo.base.size;
	bo->cpu_counted = false;
}

/*
 * The device goes to sleep, or VRAM is lost: the next touch of any buffer asks again.  Those
 * that are being mapped now keep the device awake.
 */
void vttm_cpu_unmap_all(struct vttm_device *vttm)
{
	struct vttm_bo *bo, *next;

	guard(mutex)(&vttm->cpu_lock);
	list_for_each_entry_safe(bo, next, &vttm->cpu_mapped, cpu_link)
		vttm_cpu_evict(vttm, bo);
}

/*
 * Something was changed that vttm_cpu_prepare() looks at: wait for those who have not seen
 * it, and take back what they mapped.
 */
void vttm_cpu_changed(struct vttm_device *vttm)
{
	synchronize_srcu(&vttm_cpu_srcu);
	vttm_cpu_unmap_all(vttm);
}

/*
 * Room in the aperture for @bo, which nobody takes away until it is mapped.  Others need no
 * lock to be unmapped: who is about to map one has it taken out of the list here.
 */
static int vttm_cpu_make_room(struct vttm_device *vttm, struct vttm_bo *bo, bool look)
{
	const u64 size = bo->tbo.base.size, aperture = READ_ONCE(vttm->aperture);

	guard(mutex)(&vttm->cpu_lock);
	/* A look takes no room from others. */
	if (look && !bo->cpu_counted)
		return -ENODATA;
	list_del_init(&bo->cpu_link);
	if (bo->cpu_counted)
		return 0;
	while (vttm->cpu_bytes + size > aperture) {
		/* The rest is being mapped, which is over soon. */
		if (list_empty(&vttm->cpu_mapped))
			return size > aperture ? -EFAULT : -EBUSY;
		vttm_cpu_evict(vttm, list_first_entry(&vttm->cpu_mapped, struct vttm_bo,
						      cpu_link));
	}
	bo->cpu_counted = true;
	vttm->cpu_bytes += size;
	return 0;
}

/* Into what the CPU sees of VRAM, or else into system memory. */
static int vttm_cpu_make_visible(struct vttm_device *vttm, struct vttm_bo *bo,
				 struct ttm_operation_ctx *ctx)
{
	struct ttm_place places[] = {
		{ .mem_type = TTM_PL_VRAM, .lpfn = PHYS_PFN(READ_ONCE(vttm->visible)),
		  .flags = TTM_PL_FLAG_DESIRED },
		{ .mem_type = TTM_PL_SYSTEM, .flags = TTM_PL_FLAG_FALLBACK },
	};
	struct ttm_placement placement = {
		.num_placement = ARRAY_SIZE(places),
		.placement = places,
	};

	if (!vttm_in_vram(bo->tbo.resource) || vttm_vram_visible(vttm, bo->tbo.resource))
		return 0;
	if (!ctx)
		return -ENODATA;
	if (bo->tbo.pin_count)
		return -EFAULT;
	/* A limit of 0 is none. */
	if (!places[0].lpfn) {
		placement.placement++;
		placement.num_placement--;
	} else if (ctx->no_wait_gpu) {
		/* Into system memory if there is no room, not to save a wait. */
		placement.num_placement--;
	}
	return ttm_bo_validate(&bo->tbo, &placement, ctx);
}

int vttm_cpu_prepare(struct ttm_buffer_object *tbo, pgoff_t pgoff,
		     struct ttm_operation_ctx *ctx, struct dma_buf_range *range)
{
	struct vttm_device *vttm = bdev_to_vttm(tbo->bdev);
	struct vttm_bo *bo = tbo_to_vttm(tbo);
	int idx = srcu_read_lock(&vttm_cpu_srcu);
	int err;

	if (READ_ONCE(vttm->lost)) {
		err = -ENODEV;
		goto err_unlock;
	}
	/* To wake it up takes time.  Without CONFIG_PM, which vttm needs, this would fail. */
	if (pm_runtime_get_if_active(vttm->drm.dev) <= 0) {
		err = ctx ? -EBUSY : -ENODATA;
		goto err_unlock;
	}
	err = vttm_cpu_make_visible(vttm, bo, ctx);
	if (!err && vttm_in_vram(tbo->resource))
		err = vttm_cpu_make_room(vttm, bo, !ctx);
	if (err)
		goto err_put;
	bo->cpu_idx = idx;
	return 0;

err_put:
	pm_runtime_put_autosuspend(vttm->drm.dev);
err_unlock:
	srcu_read_unlock(&vttm_cpu_srcu, idx);
	return err;
}

void vttm_cpu_finish(struct ttm_buffer_object *tbo)
{
	struct vttm_device *vttm = bdev_to_vttm(tbo->bdev);
	struct vttm_bo *bo = tbo_to_vttm(tbo);

	if (vttm_in_vram(tbo->resource)) {
		guard(mutex)(&vttm->cpu_lock);
		list_move_tail(&bo->cpu_link, &vttm->cpu_mapped);
	}
	pm_runtime_put_autosuspend(vttm->drm.dev);
	srcu_read_unlock(&vttm_cpu_srcu, bo->cpu_idx);
}

int vttm_cpu_wait(struct ttm_buffer_object *tbo, bool intr)
{
	struct device *dev = bdev_to_vttm(tbo->bdev)->drm.dev;
	int err;

	/* Accesses complete, if it does not wake up. */
	if (pm_runtime_resume_and_get(dev) < 0)
		return -ENODEV;
	err = ttm_bo_cpu_wait(tbo, intr);
	/* It stays awake for long enough to try again. */
	pm_runtime_put_autosuspend(dev);
	return err;
}
