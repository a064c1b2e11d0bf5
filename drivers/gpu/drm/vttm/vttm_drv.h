/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vttm: a TTM driver without a GPU, for tests and as an example.
 *
 * Its VRAM is a BAR that is memory.  A worker that copies with the CPU stands for the copy
 * engine, a fence for each copy.  Files in debugfs make it behave as hardware may:
 *
 *	copy_delay_ms	how long a copy takes at least
 *	visible		bytes of VRAM that the CPU sees
 *	aperture	bytes of VRAM that CPUs can map at a time
 *	lost		write 1: VRAM is lost for good, as after a reset that failed
 */
#ifndef VTTM_DRV_H
#define VTTM_DRV_H

#include <linux/gpu_buddy.h>
#include <linux/mutex.h>

#include <drm/drm_device.h>
#include <drm/drm_gem.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_resource.h>
#include <drm/ttm/ttm_tt.h>

struct dma_buf;
struct dma_buf_range;
struct drm_file;
struct drm_mode_create_dumb;

/**
 * struct vttm_device - the device
 * @drm: as DRM knows it
 * @bdev: as TTM knows it
 * @vram: what is where in VRAM
 * @mm: free blocks of VRAM, protected by @vram_lock
 * @vram_lock: see there
 * @vram_base: physical address of VRAM
 * @vram_size: bytes
 * @vram_cpu: VRAM as the copy worker sees it
 * @copies: where copies are done one after the other
 * @copy_lock: protects @fence_seqno: fences are in the order of @copies
 * @fence_context: of the fences of copies
 * @fence_seqno: of the last one
 * @cpu_lock: protects @cpu_mapped and @cpu_bytes
 * @cpu_mapped: buffers in VRAM that may be mapped, the one that was longest ago first; not
 *	those that are being mapped
 * @cpu_bytes: their size, and of those that are being mapped
 * @copy_delay_ms: see above, as are the next three
 * @visible: likewise
 * @aperture: likewise
 * @lost: likewise
 */
struct vttm_device {
	struct drm_device drm;
	struct ttm_device bdev;
	struct ttm_resource_manager vram;
	struct gpu_buddy mm;
	struct mutex vram_lock; /* protects @mm */
	phys_addr_t vram_base;
	u64 vram_size;
	void *vram_cpu;
	struct workqueue_struct *copies;
	struct mutex copy_lock; /* protects @fence_seqno */
	u64 fence_context;
	u64 fence_seqno;
	struct mutex cpu_lock; /* protects @cpu_mapped and @cpu_bytes */
	struct list_head cpu_mapped;
	u64 cpu_bytes;
	u32 copy_delay_ms;
	u64 visible;
	u64 aperture;
	bool lost;
};

/**
 * struct vttm_bo - a buffer
 * @tbo: as TTM knows it
 * @domain: where it is wanted, DRM_VTTM_DOMAIN_*
 * @flags: DRM_VTTM_CREATE_*
 * @import: what was imported, or NULL
 * @sgt: where an import is for DMA; NULL if it is not mapped.  Protected by the reservation.
 * @cpu_link: in &vttm_device.cpu_mapped
 * @cpu_counted: in &vttm_device.cpu_bytes
 * @cpu_idx: from vttm_cpu_prepare() to vttm_cpu_finish(); protected by the reservation
 */
struct vttm_bo {
	struct ttm_buffer_object tbo;
	u32 domain;
	u32 flags;
	struct dma_buf *import;
	struct sg_table *sgt;
	struct list_head cpu_link;
	bool cpu_counted;
	int cpu_idx;
};

/**
 * struct vttm_resource - a part of VRAM
 * @base: as TTM knows it
 * @blocks: of &vttm_device.mm
 */
struct vttm_resource {
	struct ttm_resource base;
	struct list_head blocks;
};

static inline struct vttm_device *to_vttm(struct drm_device *drm)
{
	return container_of(drm, struct vttm_device, drm);
}

static inline struct vttm_device *bdev_to_vttm(struct ttm_device *bdev)
{
	return container_of(bdev, struct vttm_device, bdev);
}

static inline struct vttm_bo *tbo_to_vttm(struct ttm_buffer_object *tbo)
{
	return container_of(tbo, struct vttm_bo, tbo);
}

static inline struct vttm_bo *gem_to_vttm(struct drm_gem_object *obj)
{
	return container_of(obj, struct vttm_bo, tbo.base);
}

static inline bool vttm_in_vram(const struct ttm_resource *res)
{
	return res && res->mem_type == TTM_PL_VRAM;
}

/* vttm_bo.c */
extern const struct ttm_device_funcs vttm_bdev_funcs;
struct vttm_bo *vttm_bo_create(struct vttm_device *vttm, u64 size, u32 domain, u32 flags);
struct vttm_bo *vttm_bo_create_import(struct vttm_device *vttm, struct dma_buf *dmabuf);
int vttm_bo_place(struct vttm_bo *bo, u32 domain, struct ttm_operation_ctx *ctx);
int vttm_bo_dumb_create(struct drm_file *file, struct drm_device *drm,
			struct drm_mode_create_dumb *args);
int vttm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int vttm_place_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int vttm_info_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

/* vttm_copy.c */
int vttm_copy_init(struct vttm_device *vttm);
void vttm_copy_changed(struct vttm_device *vttm);
int vttm_bo_move(struct ttm_buffer_object *tbo, bool evict, struct ttm_operation_ctx *ctx,
		 struct ttm_resource *new, struct ttm_place *hop);
int vttm_copy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

/* vttm_cpu.c */
int vttm_cpu_prepare(struct ttm_buffer_object *tbo, pgoff_t pgoff,
		     struct ttm_operation_ctx *ctx, struct dma_buf_range *range);
void vttm_cpu_finish(struct ttm_buffer_object *tbo);
int vttm_cpu_wait(struct ttm_buffer_object *tbo, bool intr);
void vttm_cpu_forget(struct vttm_bo *bo);
void vttm_cpu_unmap_all(struct vttm_device *vttm);
void vttm_cpu_changed(struct vttm_device *vttm);

/* vttm_prime.c */
struct dma_buf *vttm_prime_export(struct drm_gem_object *obj, int flags);
struct drm_gem_object *vttm_prime_import(struct drm_device *drm, struct dma_buf *dmabuf);
int vttm_import_map(struct vttm_bo *bo);
void vttm_import_unmap(struct vttm_bo *bo);

/* vttm_vram.c */
int vttm_vram_init(struct vttm_device *vttm);
u64 vttm_vram_offset(struct vttm_device *vttm, struct ttm_resource *res, pgoff_t pgoff,
		     struct gpu_buddy_block **block);
u64 vttm_vram_next(struct vttm_device *vttm, u64 at, struct gpu_buddy_block **block);
bool vttm_vram_visible(struct vttm_device *vttm, struct ttm_resource *res);
int vttm_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *res);
void vttm_io_mem_run(struct ttm_buffer_object *tbo, pgoff_t pgoff,
		     struct dma_buf_range *range);

#endif
