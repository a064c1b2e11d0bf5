// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <stdlib.h>

#include "igt.h"
#include "amdgpu_drm.h"
#include "etnaviv_drm.h"
#include "i915_drm.h"
#include "msm_drm.h"
#include "nouveau_drm.h"
#include "panfrost_drm.h"
#include "panthor_drm.h"
#include "radeon_drm.h"
#include "v3d_drm.h"
#include "xe_drm.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/gpu.h"

static int call(int drm, unsigned long request, void *args)
{
	return igt_ioctl(drm, request, args) ? errno : 0;
}

/* Drivers of AMD's; arg: domain and, above its bits, flags */

#define FLAGS(flags) ((flags) << 16)
#define DOMAIN(arg) ((arg) & 0xffff)

static int amdgpu_create(const struct gpu_memory *memory, int drm, uint64_t size,
			 uint32_t *handle)
{
	union drm_amdgpu_gem_create create = { .in = {
		.bo_size = size,
		.domains = DOMAIN(memory->arg),
		.domain_flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED | memory->arg >> 16,
	} };
	int err = call(drm, DRM_IOCTL_AMDGPU_GEM_CREATE, &create);

	*handle = create.out.handle;
	return err;
}

static int amdgpu_map(int drm, uint32_t handle, uint64_t *offset)
{
	union drm_amdgpu_gem_mmap map = { .in.handle = handle };
	int err = call(drm, DRM_IOCTL_AMDGPU_GEM_MMAP, &map);

	*offset = map.out.addr_ptr;
	return err;
}

/* Where not, there is no GART either, and the driver does not expect to be asked for it. */
static bool radeon_works(int drm)
{
	uint32_t works = 0;
	struct drm_radeon_info info = {
		.request = RADEON_INFO_ACCEL_WORKING,
		.value = (uintptr_t)&works,
	};

	return !call(drm, DRM_IOCTL_RADEON_INFO, &info) && works;
}

static int radeon_create(const struct gpu_memory *memory, int drm, uint64_t size,
			 uint32_t *handle)
{
	struct drm_radeon_gem_create create = {
		.size = size,
		.alignment = 4096,
		.initial_domain = DOMAIN(memory->arg),
		.flags = memory->arg >> 16,
	};
	int err;

	if (create.initial_domain != RADEON_GEM_DOMAIN_VRAM && !radeon_works(drm))
		return ENODEV;
	err = call(drm, DRM_IOCTL_RADEON_GEM_CREATE, &create);

	*handle = create.handle;
	return err;
}

static int radeon_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_radeon_gem_mmap map = { .handle = handle, .size = 4096 };
	int err = call(drm, DRM_IOCTL_RADEON_GEM_MMAP, &map);

	*offset = map.addr_ptr;
	return err;
}

/* i915; arg: memory class */

static void *i915_regions(int drm)
{
	struct drm_i915_query_item item = { .query_id = DRM_I915_QUERY_MEMORY_REGIONS };
	struct drm_i915_query query = { .num_items = 1, .items_ptr = (uintptr_t)&item };
	void *regions;

	if (call(drm, DRM_IOCTL_I915_QUERY, &query) || item.length <= 0)
		return NULL;
	regions = calloc(1, item.length);
	item.data_ptr = (uintptr_t)regions;
	if (regions && !call(drm, DRM_IOCTL_I915_QUERY, &query) && item.length > 0)
		return regions;
	free(regions);
	return NULL;
}

static const struct drm_i915_memory_region_info *
i915_region(const struct drm_i915_query_memory_regions *regions, uint32_t memory_class)
{
	for (uint32_t i = 0; regions && i < regions->num_regions; i++)
		if (regions->regions[i].region.memory_class == memory_class)
			return &regions->regions[i];
	return NULL;
}

static int i915_create(const struct gpu_memory *memory, int drm, uint64_t size,
		       uint32_t *handle)
{
	struct drm_i915_query_memory_regions *regions = i915_regions(drm);
	const struct drm_i915_memory_region_info *region = i915_region(regions, memory->arg);
	struct drm_i915_gem_create_ext_memory_regions place = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = 1,
		.regions = region ? (uintptr_t)&region->region : 0,
	};
	struct drm_i915_gem_create_ext create = {
		.size = size,
		.extensions = (uintptr_t)&place,
	};
	int err = region ? call(drm, DRM_IOCTL_I915_GEM_CREATE_EXT, &create) : ENODEV;

	free(regions);
	*handle = create.handle;
	return err;
}

/* Where there is local memory, the placement decides on the caching; elsewhere who maps does. */
static int i915_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_i915_query_memory_regions *regions = i915_regions(drm);
	struct drm_i915_gem_mmap_offset map = {
		.handle = handle,
		.flags = i915_region(regions, I915_MEMORY_CLASS_DEVICE) ?
			 I915_MMAP_OFFSET_FIXED : I915_MMAP_OFFSET_WB,
	};
	int err = call(drm, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &map);

	free(regions);
	*offset = map.offset;
	return err;
}

/* xe; arg: memory class */

/* The bits of its regions of that class */
static uint32_t xe_placement(int drm, uint32_t memory_class)
{
	struct drm_xe_device_query query = { .query = DRM_XE_DEVICE_QUERY_MEM_REGIONS };
	struct drm_xe_query_mem_regions *regions;
	uint32_t placement = 0;

	if (call(drm, DRM_IOCTL_XE_DEVICE_QUERY, &query) || !query.size)
		return 0;
	regions = calloc(1, query.size);
	query.data = (uintptr_t)regions;
	if (regions && !call(drm, DRM_IOCTL_XE_DEVICE_QUERY, &query))
		for (uint32_t i = 0; i < regions->num_mem_regions; i++)
			if (regions->mem_regions[i].mem_class == memory_class)
				placement |= 1u << regions->mem_regions[i].instance;
	free(regions);
	return placement;
}

static int xe_create(const struct gpu_memory *memory, int drm, uint64_t size, uint32_t *handle)
{
	const bool vram = memory->arg == DRM_XE_MEM_REGION_CLASS_VRAM;
	struct drm_xe_gem_create create = {
		.size = size,
		.placement = xe_placement(drm, memory->arg),
		.flags = vram ? DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM : 0,
		.cpu_caching = vram ? DRM_XE_GEM_CPU_CACHING_WC : DRM_XE_GEM_CPU_CACHING_WB,
	};
	int err = create.placement ? call(drm, DRM_IOCTL_XE_GEM_CREATE, &create) : ENODEV;

	*handle = create.handle;
	return err;
}

static int xe_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_xe_gem_mmap_offset map = { .handle = handle };
	int err = call(drm, DRM_IOCTL_XE_GEM_MMAP_OFFSET, &map);

	*offset = map.offset;
	return err;
}

/* nouveau; arg: domain */

static int nouveau_create(const struct gpu_memory *memory, int drm, uint64_t size,
			  uint32_t *handle)
{
	struct drm_nouveau_gem_new new = {
		.info.size = size,
		.info.domain = memory->arg | NOUVEAU_GEM_DOMAIN_MAPPABLE,
		.align = 4096,
	};
	int err = call(drm, DRM_IOCTL_NOUVEAU_GEM_NEW, &new);

	*handle = new.info.handle;
	return err;
}

static int nouveau_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_nouveau_gem_info info = { .handle = handle };
	int err = call(drm, DRM_IOCTL_NOUVEAU_GEM_INFO, &info);

	*offset = info.map_handle;
	return err;
}

/* GPUs that share the CPU's memory; arg: flags */

static int msm_create(const struct gpu_memory *memory, int drm, uint64_t size, uint32_t *handle)
{
	struct drm_msm_gem_new new = { .size = size, .flags = memory->arg };
	int err = call(drm, DRM_IOCTL_MSM_GEM_NEW, &new);

	*handle = new.handle;
	return err;
}

static int msm_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_msm_gem_info info = { .handle = handle, .info = MSM_INFO_GET_OFFSET };
	int err = call(drm, DRM_IOCTL_MSM_GEM_INFO, &info);

	*offset = info.value;
	return err;
}

static int panfrost_create(const struct gpu_memory *memory, int drm, uint64_t size,
			   uint32_t *handle)
{
	struct drm_panfrost_create_bo create = { .size = size, .flags = memory->arg };
	int err = call(drm, DRM_IOCTL_PANFROST_CREATE_BO, &create);

	*handle = create.handle;
	return err;
}

static int panfrost_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_panfrost_mmap_bo map = { .handle = handle };
	int err = call(drm, DRM_IOCTL_PANFROST_MMAP_BO, &map);

	*offset = map.offset;
	return err;
}

static int panthor_create(const struct gpu_memory *memory, int drm, uint64_t size,
			  uint32_t *handle)
{
	struct drm_panthor_bo_create create = { .size = size, .flags = memory->arg };
	int err = call(drm, DRM_IOCTL_PANTHOR_BO_CREATE, &create);

	*handle = create.handle;
	return err;
}

static int panthor_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_panthor_bo_mmap_offset map = { .handle = handle };
	int err = call(drm, DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &map);

	*offset = map.offset;
	return err;
}

static int etnaviv_create(const struct gpu_memory *memory, int drm, uint64_t size,
			  uint32_t *handle)
{
	struct drm_etnaviv_gem_new new = { .size = size, .flags = memory->arg };
	int err = call(drm, DRM_IOCTL_ETNAVIV_GEM_NEW, &new);

	*handle = new.handle;
	return err;
}

static int etnaviv_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_etnaviv_gem_info info = { .handle = handle };
	int err = call(drm, DRM_IOCTL_ETNAVIV_GEM_INFO, &info);

	*offset = info.offset;
	return err;
}

static int v3d_create(const struct gpu_memory *memory, int drm, uint64_t size, uint32_t *handle)
{
	struct drm_v3d_create_bo create = { .size = size, .flags = memory->arg };
	int err = call(drm, DRM_IOCTL_V3D_CREATE_BO, &create);

	*handle = create.handle;
	return err;
}

static int v3d_map(int drm, uint32_t handle, uint64_t *offset)
{
	struct drm_v3d_mmap_bo map = { .handle = handle };
	int err = call(drm, DRM_IOCTL_V3D_MMAP_BO, &map);

	*offset = map.offset;
	return err;
}

const struct gpu_memory gpu_memories[] = {
	{ "amdgpu", "vram", AMDGPU_GEM_DOMAIN_VRAM, amdgpu_create, amdgpu_map },
	{ "amdgpu", "gtt", AMDGPU_GEM_DOMAIN_GTT, amdgpu_create, amdgpu_map },
	{ "amdgpu", "gtt-write-combined",
	  AMDGPU_GEM_DOMAIN_GTT | FLAGS(AMDGPU_GEM_CREATE_CPU_GTT_USWC),
	  amdgpu_create, amdgpu_map },
	{ "radeon", "vram", RADEON_GEM_DOMAIN_VRAM, radeon_create, radeon_map },
	{ "radeon", "gtt", RADEON_GEM_DOMAIN_GTT, radeon_create, radeon_map },
	{ "radeon", "gtt-write-combined",
	  RADEON_GEM_DOMAIN_GTT | FLAGS(RADEON_GEM_GTT_WC), radeon_create, radeon_map },
	{ "i915", "local", I915_MEMORY_CLASS_DEVICE, i915_create, i915_map },
	{ "i915", "system", I915_MEMORY_CLASS_SYSTEM, i915_create, i915_map },
	{ "xe", "vram", DRM_XE_MEM_REGION_CLASS_VRAM, xe_create, xe_map },
	{ "xe", "system", DRM_XE_MEM_REGION_CLASS_SYSMEM, xe_create, xe_map },
	{ "nouveau", "vram", NOUVEAU_GEM_DOMAIN_VRAM, nouveau_create, nouveau_map },
	{ "nouveau", "gart", NOUVEAU_GEM_DOMAIN_GART, nouveau_create, nouveau_map },
	{ "msm", "write-combined", MSM_BO_WC, msm_create, msm_map },
	{ "msm", "cached", MSM_BO_CACHED, msm_create, msm_map },
	{ "panfrost", "bo", PANFROST_BO_NOEXEC, panfrost_create, panfrost_map },
	{ "panthor", "bo", 0, panthor_create, panthor_map },
	{ "etnaviv", "write-combined", ETNA_BO_WC, etnaviv_create, etnaviv_map },
	{ "etnaviv", "cached", ETNA_BO_CACHED, etnaviv_create, etnaviv_map },
	{ "etnaviv", "uncached", ETNA_BO_UNCACHED, etnaviv_create, etnaviv_map },
	{ "v3d", "bo", 0, v3d_create, v3d_map },
};

const size_t gpu_memory_count = ARRAY_SIZE(gpu_memories);

int gpu_open(const char *driver)
{
	int card = drm_open_by_name(driver), render;
	char *path;

	if (card < 0)
		return -1;
	path = drmGetRenderDeviceNameFromFd(card);
	render = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	free(path);
	if (render < 0)
		return card;
	close(card);
	return render;
}
