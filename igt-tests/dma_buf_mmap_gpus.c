// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <sys/mman.h>

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
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/gpu.h"
#include "dma_buf_mmap/sources.h"

/**
 * TEST: dma-buf mmap gpus
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping
 * Description: That the conformance test asks the drivers of GPUs for buffers as their uAPI has
 *	it; where the hardware is absent, vkms has the buffers, and the test what is checked
 *
 * SUBTEST: memories
 * Description: Each kind of memory of each driver has buffers that are mapped and exported
 *
 * SUBTEST: integrated
 * Description: Without local memory i915 and xe have system memory only
 *
 * SUBTEST: broken
 * Description: A radeon without acceleration is not asked for a GART
 *
 * SUBTEST: refused
 * Description: What a driver says to a buffer that it cannot make is passed on
 */
IGT_TEST_DESCRIPTION("How buffers of GPUs are come by");

#define RW (PROT_READ | PROT_WRITE)

static int (*drm_ioctl)(int fd, unsigned long request, void *arg);
static const char *driver;	/* whose ioctls are answered */
static bool local;		/* whether it has local memory */
static bool broken;		/* whether its acceleration does not work */
static bool refuse;		/* whether it has no memory at all */

static int fail(int error)
{
	errno = error;
	return -1;
}

/* A buffer is one of vkms. @valid: whether the driver would have made it. */
static int make(int fd, bool valid, uint64_t size, uint32_t *handle)
{
	struct drm_mode_create_dumb dumb = { .width = 1024, .height = size / 4096, .bpp = 32 };

	if (refuse)
		return fail(ENOMEM);
	if (!valid || !size || size % 4096)
		return fail(EINVAL);
	if (drm_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
		return -1;
	*handle = dumb.handle;
	return 0;
}

static int place(int fd, bool valid, uint32_t handle, __u64 *offset)
{
	struct drm_mode_map_dumb map = { .handle = handle };

	if (!valid)
		return fail(EINVAL);
	if (drm_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		return -1;
	*offset = map.offset;
	return 0;
}

static bool one_of(uint32_t value, uint32_t a, uint32_t b)
{
	return value == a || value == b;
}

static int amdgpu_create(int fd, union drm_amdgpu_gem_create *c)
{
	const uint64_t flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED |
			       AMDGPU_GEM_CREATE_CPU_GTT_USWC;
	uint32_t handle = 0;
	int ret = make(fd, one_of(c->in.domains, AMDGPU_GEM_DOMAIN_VRAM, AMDGPU_GEM_DOMAIN_GTT) &&
		       !(c->in.domain_flags & ~flags), c->in.bo_size, &handle);

	c->out.handle = handle;
	return ret;
}

static int amdgpu_place(int fd, union drm_amdgpu_gem_mmap *m)
{
	return place(fd, !m->in._pad, m->in.handle, &m->out.addr_ptr);
}

static bool radeon_valid(const struct drm_radeon_gem_create *c)
{
	return one_of(c->initial_domain, RADEON_GEM_DOMAIN_VRAM, RADEON_GEM_DOMAIN_GTT) &&
	       one_of(c->flags, 0, RADEON_GEM_GTT_WC);
}

static int radeon_info(const struct drm_radeon_info *i)
{
	if (i->pad || i->request != RADEON_INFO_ACCEL_WORKING)
		return fail(EINVAL);
	*(uint32_t *)(uintptr_t)i->value = !broken;
	return 0;
}

static int i915_query(struct drm_i915_query *q)
{
	struct drm_i915_query_item *item = (void *)(uintptr_t)q->items_ptr;
	const unsigned int count = local ? 2 : 1;
	struct drm_i915_query_memory_regions *regions;
	const int32_t length = sizeof(*regions) + count * sizeof(regions->regions[0]);

	if (q->flags || q->num_items != 1)
		return fail(EINVAL);
	/* What is wrong with one item is said there. */
	if (item->query_id != DRM_I915_QUERY_MEMORY_REGIONS || item->flags ||
	    (item->length && item->length < length)) {
		item->length = -EINVAL;
		return 0;
	}
	if (item->length) {
		regions = (void *)(uintptr_t)item->data_ptr;
		if (regions->num_regions || regions->rsvd[0] || regions->rsvd[1] ||
		    regions->rsvd[2]) {
			item->length = -EINVAL;
			return 0;
		}
		regions->num_regions = count;
		for (unsigned int i = 0; i < count; i++)
			regions->regions[i].region.memory_class =
				i ? I915_MEMORY_CLASS_DEVICE : I915_MEMORY_CLASS_SYSTEM;
	}
	item->length = length;
	return 0;
}

static bool i915_valid(const struct drm_i915_gem_create_ext *c)
{
	const struct drm_i915_gem_create_ext_memory_regions *e =
		(void *)(uintptr_t)c->extensions;
	const struct drm_i915_gem_memory_class_instance *region;

	if (c->flags || !e || e->base.next_extension || e->base.flags || e->pad ||
	    e->base.name != I915_GEM_CREATE_EXT_MEMORY_REGIONS || e->num_regions != 1)
		return false;
	region = (void *)(uintptr_t)e->regions;
	return region->memory_class <= local && !region->memory_instance;
}

static bool i915_place_valid(const struct drm_i915_gem_mmap_offset *m)
{
	return !m->pad && !m->extensions &&
	       m->flags == (local ? I915_MMAP_OFFSET_FIXED : I915_MMAP_OFFSET_WB);
}

static int xe_query(struct drm_xe_device_query *q)
{
	const unsigned int count = local ? 2 : 1;
	struct drm_xe_query_mem_regions *regions = (void *)(uintptr_t)q->data;
	const uint32_t size = sizeof(*regions) + count * sizeof(regions->mem_regions[0]);

	if (q->extensions || q->reserved[0] || q->reserved[1] ||
	    q->query != DRM_XE_DEVICE_QUERY_MEM_REGIONS || (q->size && q->size != size))
		return fail(EINVAL);
	if (q->size) {
		regions->num_mem_regions = count;
		for (unsigned int i = 0; i < count; i++) {
			regions->mem_regions[i].mem_class =
				i ? DRM_XE_MEM_REGION_CLASS_VRAM : DRM_XE_MEM_REGION_CLASS_SYSMEM;
			regions->mem_regions[i].instance = i;
		}
	}
	q->size = size;
	return 0;
}

/* VRAM is write-combined, and a flag for it nothing else's. */
static bool xe_valid(const struct drm_xe_gem_create *c)
{
	const bool vram = c->placement == 2;

	return !c->extensions && !c->vm_id && !c->reserved[0] && !c->reserved[1] &&
	       (vram ? local : c->placement == 1) &&
	       c->flags == (vram ? DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM : 0) &&
	       c->cpu_caching == (vram ? DRM_XE_GEM_CPU_CACHING_WC : DRM_XE_GEM_CPU_CACHING_WB);
}

static int xe_place(int fd, struct drm_xe_gem_mmap_offset *m)
{
	return place(fd, !m->extensions && !m->flags && !m->reserved[0] && !m->reserved[1],
		     m->handle, &m->offset);
}

static int nouveau_new(int fd, struct drm_nouveau_gem_new *n)
{
	const uint32_t domain = n->info.domain & ~NOUVEAU_GEM_DOMAIN_MAPPABLE;

	return make(fd, n->info.domain != domain && !n->info.tile_mode && !n->info.tile_flags &&
		    one_of(domain, NOUVEAU_GEM_DOMAIN_VRAM, NOUVEAU_GEM_DOMAIN_GART),
		    n->info.size, &n->info.handle);
}

static bool etnaviv_valid(const struct drm_etnaviv_gem_new *n)
{
	return one_of(n->flags, ETNA_BO_WC, ETNA_BO_CACHED) || n->flags == ETNA_BO_UNCACHED;
}

static bool msm_place_valid(const struct drm_msm_gem_info *i)
{
	return i->info == MSM_INFO_GET_OFFSET && !i->len && !i->pad;
}

/* The numbers of a driver's ioctls are others' too. */
static bool is(unsigned long request, const char *name, unsigned long number)
{
	return request == number && !strcmp(driver, name);
}

/* What @driver says */
static int answer(int fd, unsigned long request, void *arg)
{
	if (is(request, "amdgpu", DRM_IOCTL_AMDGPU_GEM_CREATE))
		return amdgpu_create(fd, arg);
	if (is(request, "amdgpu", DRM_IOCTL_AMDGPU_GEM_MMAP))
		return amdgpu_place(fd, arg);
	if (is(request, "radeon", DRM_IOCTL_RADEON_INFO))
		return radeon_info(arg);
	if (is(request, "radeon", DRM_IOCTL_RADEON_GEM_CREATE)) {
		struct drm_radeon_gem_create *a = arg;

		return make(fd, radeon_valid(a), a->size, &a->handle);
	}
	if (is(request, "radeon", DRM_IOCTL_RADEON_GEM_MMAP)) {
		struct drm_radeon_gem_mmap *a = arg;

		return place(fd, !a->pad && !a->offset && a->size, a->handle, &a->addr_ptr);
	}
	if (is(request, "i915", DRM_IOCTL_I915_QUERY))
		return i915_query(arg);
	if (is(request, "i915", DRM_IOCTL_I915_GEM_CREATE_EXT)) {
		struct drm_i915_gem_create_ext *a = arg;

		return make(fd, i915_valid(a), a->size, &a->handle);
	}
	if (is(request, "i915", DRM_IOCTL_I915_GEM_MMAP_OFFSET)) {
		struct drm_i915_gem_mmap_offset *a = arg;

		return place(fd, i915_place_valid(a), a->handle, &a->offset);
	}
	if (is(request, "xe", DRM_IOCTL_XE_DEVICE_QUERY))
		return xe_query(arg);
	if (is(request, "xe", DRM_IOCTL_XE_GEM_CREATE)) {
		struct drm_xe_gem_create *a = arg;

		return make(fd, xe_valid(a), a->size, &a->handle);
	}
	if (is(request, "xe", DRM_IOCTL_XE_GEM_MMAP_OFFSET))
		return xe_place(fd, arg);
	if (is(request, "nouveau", DRM_IOCTL_NOUVEAU_GEM_NEW))
		return nouveau_new(fd, arg);
	if (is(request, "nouveau", DRM_IOCTL_NOUVEAU_GEM_INFO)) {
		struct drm_nouveau_gem_info *a = arg;

		return place(fd, true, a->handle, &a->map_handle);
	}
	if (is(request, "msm", DRM_IOCTL_MSM_GEM_NEW)) {
		struct drm_msm_gem_new *a = arg;

		return make(fd, one_of(a->flags, MSM_BO_WC, MSM_BO_CACHED), a->size, &a->handle);
	}
	if (is(request, "msm", DRM_IOCTL_MSM_GEM_INFO)) {
		struct drm_msm_gem_info *a = arg;

		return place(fd, msm_place_valid(a), a->handle, &a->value);
	}
	if (is(request, "panfrost", DRM_IOCTL_PANFROST_CREATE_BO)) {
		struct drm_panfrost_create_bo *a = arg;

		return make(fd, !a->pad && a->flags == PANFROST_BO_NOEXEC, a->size, &a->handle);
	}
	if (is(request, "panfrost", DRM_IOCTL_PANFROST_MMAP_BO)) {
		struct drm_panfrost_mmap_bo *a = arg;

		return place(fd, !a->flags, a->handle, &a->offset);
	}
	if (is(request, "panthor", DRM_IOCTL_PANTHOR_BO_CREATE)) {
		struct drm_panthor_bo_create *a = arg;

		return make(fd, !a->pad && !a->flags && !a->exclusive_vm_id, a->size, &a->handle);
	}
	if (is(request, "panthor", DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET)) {
		struct drm_panthor_bo_mmap_offset *a = arg;

		return place(fd, !a->pad, a->handle, &a->offset);
	}
	if (is(request, "etnaviv", DRM_IOCTL_ETNAVIV_GEM_NEW)) {
		struct drm_etnaviv_gem_new *a = arg;

		return make(fd, etnaviv_valid(a), a->size, &a->handle);
	}
	if (is(request, "etnaviv", DRM_IOCTL_ETNAVIV_GEM_INFO)) {
		struct drm_etnaviv_gem_info *a = arg;

		return place(fd, !a->pad, a->handle, &a->offset);
	}
	if (is(request, "v3d", DRM_IOCTL_V3D_CREATE_BO)) {
		struct drm_v3d_create_bo *a = arg;

		return make(fd, !a->flags, a->size, &a->handle);
	}
	if (is(request, "v3d", DRM_IOCTL_V3D_MMAP_BO)) {
		struct drm_v3d_mmap_bo *a = arg;

		return place(fd, !a->flags, a->handle, &a->offset);
	}
	/* What is no driver's own */
	if (_IOC_NR(request) < DRM_COMMAND_BASE || _IOC_NR(request) >= DRM_COMMAND_END)
		return drm_ioctl(fd, request, arg);
	return fail(ENOTTY);
}

/* The buffer is one of vkms, so both mappings show one memory. */
static void check_memory(const struct gpu_memory *memory, int vkms)
{
	struct source source = { .name = memory->name, .device = memory->driver, .fd = vkms };
	struct source_buffer b, other;
	char *p;

	driver = memory->driver;
	gpu_source(&source, memory);
	source.require(&source);

	b = source_create_filled(&source);
	other = source_create_filled(&source);
	p = source_map_native(&b, RW);
	source_check(&b, p, SOURCE_SIZE, 0);
	dbm_munmap(p, SOURCE_SIZE);
	p = source_map_native(&other, RW);
	source_check(&other, p, SOURCE_SIZE, 0);
	dbm_munmap(p, SOURCE_SIZE);
	source_destroy(&other);
	source_destroy(&b);
}

static bool has_local(const struct gpu_memory *memory)
{
	return !strcmp(memory->name, "local") ||
	       (!strcmp(memory->driver, "xe") && !strcmp(memory->name, "vram"));
}

/* What the subtests are about; one that failed has left its own. */
static void gpu_is(bool has_local_memory, bool is_broken, bool refuses)
{
	local = has_local_memory;
	broken = is_broken;
	refuse = refuses;
}

int igt_main()
{
	int vkms = -1;

	igt_fixture() {
		vkms = drm_open_by_name("vkms");
		igt_require_f(vkms >= 0, "there is no vkms (CONFIG_DRM_VKMS)\n");
		drm_ioctl = igt_ioctl;
		igt_ioctl = answer;
	}

	igt_describe("Each kind of memory of each driver has buffers that are mapped and exported");
	igt_subtest_with_dynamic("memories") {
		gpu_is(true, false, false);
		for (size_t i = 0; i < gpu_memory_count; i++)
			igt_dynamic_f("%s-%s", gpu_memories[i].driver, gpu_memories[i].name)
				check_memory(&gpu_memories[i], vkms);
	}

	igt_describe("Without local memory i915 and xe have system memory only");
	igt_subtest("integrated") {
		gpu_is(false, false, false);
		for (size_t i = 0; i < gpu_memory_count; i++) {
			const struct gpu_memory *memory = &gpu_memories[i];
			uint32_t handle;

			driver = memory->driver;
			if (has_local(memory))
				igt_assert_eq(memory->create(memory, vkms, SOURCE_SIZE, &handle),
					      ENODEV);
			else
				check_memory(memory, vkms);
		}
	}

	igt_describe("A radeon without acceleration is not asked for a GART");
	igt_subtest("broken") {
		gpu_is(true, true, false);
		driver = "radeon";
		for (size_t i = 0; i < gpu_memory_count; i++) {
			const struct gpu_memory *memory = &gpu_memories[i];
			uint32_t handle;

			if (strcmp(memory->driver, driver))
				continue;
			if (!strcmp(memory->name, "vram"))
				check_memory(memory, vkms);
			else
				igt_assert_eq(memory->create(memory, vkms, SOURCE_SIZE, &handle),
					      ENODEV);
		}
	}

	igt_describe("What a driver says to a buffer that it cannot make is passed on");
	igt_subtest("refused") {
		gpu_is(true, false, true);
		for (size_t i = 0; i < gpu_memory_count; i++) {
			const struct gpu_memory *memory = &gpu_memories[i];
			uint32_t handle;

			driver = memory->driver;
			igt_assert_eq(memory->create(memory, vkms, SOURCE_SIZE, &handle), ENOMEM);
		}
	}

	igt_fixture() {
		igt_ioctl = drm_ioctl;
		close(vkms);
	}
}
