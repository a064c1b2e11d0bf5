// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of CPU mappings of TTM buffers: through the device's file and
 * through a dma-buf, with real page faults.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_resource.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_kunit_helpers.h"

#define BO_SIZE	SZ_4M

/**
 * struct ttm_mmap_test - what a test case works on
 * @devs: the mock device
 * @bo: a buffer in system memory
 * @file: stands for the DRM fd
 * @dmabuf: the buffer, exported
 * @native: where @file is mapped
 * @shared: where @dmabuf is mapped
 * @vm_ops: of @native; %NULL for those of TTM
 * @vram: what stands for device memory
 */
struct ttm_mmap_test {
	struct ttm_test_devices *devs;
	struct ttm_buffer_object *bo;
	struct file *file;
	struct dma_buf *dmabuf;
	unsigned long native;
	unsigned long shared;
	const struct vm_operations_struct *vm_ops;
	struct page *vram;
};

static void ttm_mmap_gem_free(struct drm_gem_object *obj)
{
	ttm_bo_fini(container_of(obj, struct ttm_buffer_object, base));
}

/* As drm_gem_ttm_mmap() */
static int ttm_mmap_gem_mmap(struct drm_gem_object *obj,
			     struct vm_area_struct *vma)
{
	int ret = ttm_bo_mmap_obj(vma, container_of(obj, struct ttm_buffer_object,
						    base));

	/* TTM has taken a reference for the VMA. */
	if (!ret)
		drm_gem_object_put(obj);
	return ret;
}

static const struct drm_gem_object_funcs ttm_mmap_gem_funcs = {
	.free = ttm_mmap_gem_free,
	.mmap = ttm_mmap_gem_mmap,
};

static int ttm_mmap_fop_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ttm_mmap_test *t = file->private_data;
	struct ttm_buffer_object *bo = t->bo;

	/* As drm_gem_mmap_obj() leaves it: TTM's, or what the driver has. */
	vma->vm_ops = t->vm_ops;
	vma->vm_pgoff += drm_vma_node_start(&bo->base.vma_node);
	return ttm_bo_mmap_obj(vma, bo);
}

static const struct file_operations ttm_mmap_fops = {
	.mmap = ttm_mmap_fop_mmap,
};

static struct sg_table *ttm_mmap_map_dma_buf(struct dma_buf_attachment *attach,
					     enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void ttm_mmap_unmap_dma_buf(struct dma_buf_attachment *attach,
				   struct sg_table *sgt,
				   enum dma_data_direction dir)
{
}

static const struct dma_buf_ops ttm_mmap_dmabuf_ops = {
	.map_dma_buf = ttm_mmap_map_dma_buf,
	.unmap_dma_buf = ttm_mmap_unmap_dma_buf,
	.release = drm_gem_dmabuf_release,
	.mmap = drm_gem_dmabuf_mmap,
};

static void ttm_mmap_make_bo(struct kunit *test, struct ttm_mmap_test *t)
{
	struct ttm_operation_ctx ctx = {};
	struct ttm_place *place = ttm_place_kunit_init(test, TTM_PL_SYSTEM, 0);
	struct ttm_placement placement = { .num_placement = 1,
					   .placement = place };

	t->bo = ttm_bo_kunit_init(test, t->devs, BO_SIZE, NULL);
	t->bo->base.funcs = &ttm_mmap_gem_funcs;
	KUNIT_ASSERT_EQ(test, 0,
			ttm_bo_init_reserved(t->devs->ttm_dev, t->bo,
					     ttm_bo_type_device, &placement,
					     PAGE_SIZE, &ctx, NULL, NULL,
					     dummy_ttm_bo_destroy));
	dma_resv_unlock(t->bo->base.resv);
}

static unsigned long ttm_mmap_map(struct kunit *test, struct file *file)
{
	unsigned long addr = vm_mmap(file, 0, BO_SIZE, PROT_READ | PROT_WRITE,
				     MAP_SHARED, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

static int ttm_mmap_init(struct kunit *test)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct ttm_mmap_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());

	t->devs = ttm_test_devices_all(test);
	ttm_mmap_make_bo(test, t);
	test->priv = t;

	t->file = anon_inode_getfile("ttm_bo_mmap", &ttm_mmap_fops, t, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->file);
	t->file->f_mapping = t->devs->drm->anon_inode->i_mapping;

	exp_info.ops = &ttm_mmap_dmabuf_ops;
	exp_info.size = BO_SIZE;
	exp_info.flags = O_RDWR;
	exp_info.priv = &t->bo->base;
	exp_info.resv = t->bo->base.resv;
	t->dmabuf = drm_gem_dmabuf_export(t->devs->drm, &exp_info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->dmabuf);

	t->native = ttm_mmap_map(test, t->file);
	t->shared = ttm_mmap_map(test, t->dmabuf->file);
	return 0;
}

static void ttm_mmap_exit(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;

	if (!t)
		return;
	if (t->native || t->shared) {
		kunit_warn(test, "ended early, leaves its buffer behind\n");
		return;
	}
	if (!IS_ERR_OR_NULL(t->file))
		fput(t->file);
	if (!IS_ERR_OR_NULL(t->dmabuf))
		dma_buf_put(t->dmabuf);
	/* The buffer must be gone before the device is. */
	flush_delayed_fput();
	drm_gem_object_put(&t->bo->base);
	ttm_device_fini(t->devs->ttm_dev);
	if (t->vram)
		__free_pages(t->vram, get_order(BO_SIZE));
}

/*
 * To be called at the end of each case: the address space is that of the case's
 * thread, and the buffer must be gone before the device is.
 */
static void ttm_mmap_unmap(struct ttm_mmap_test *t)
{
	vm_munmap(t->native, BO_SIZE);
	vm_munmap(t->shared, BO_SIZE);
	t->native = 0;
	t->shared = 0;
}

static u32 ttm_mmap_read(struct kunit *test, unsigned long addr)
{
	u32 val = ~0;

	KUNIT_EXPECT_EQ(test, 0, copy_from_user(&val, (void __user *)addr,
						sizeof(val)));
	return val;
}

static void ttm_mmap_write(struct kunit *test, unsigned long addr, u32 val)
{
	KUNIT_EXPECT_EQ(test, 0, copy_to_user((void __user *)addr, &val,
					      sizeof(val)));
}

/* What is written through one mapping is read through the other, everywhere. */
static void ttm_mmap_same_bytes(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	unsigned long off;

	for (off = 0; off < BO_SIZE; off += 37 * PAGE_SIZE)
		ttm_mmap_write(test, t->native + off, off + 1);
	for (off = 0; off < BO_SIZE; off += 37 * PAGE_SIZE)
		KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared + off),
				off + 1);
	ttm_mmap_unmap(t);
}

/* Taking the mappings away loses no data, and they come back. */
static void ttm_mmap_unmap_virtual(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;

	ttm_mmap_write(test, t->native, 11);
	ttm_mmap_write(test, t->shared + PAGE_SIZE, 12);

	dma_resv_lock(t->bo->base.resv, NULL);
	ttm_bo_unmap_virtual(t->bo);
	dma_resv_unlock(t->bo->base.resv);

	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared), 11);
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native + PAGE_SIZE), 12);
	ttm_mmap_unmap(t);
}

static unsigned long ttm_mmap_leaf_size(struct kunit *test, unsigned long addr)
{
	struct follow_pfnmap_args args = { .address = addr };
	unsigned long size;

	ttm_mmap_read(test, addr);
	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	KUNIT_EXPECT_EQ(test, 0, follow_pfnmap_start(&args));
	KUNIT_EXPECT_EQ(test, args.special,
			IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL));
	size = ~args.addr_mask + 1;
	follow_pfnmap_end(&args);
	mmap_read_unlock(current->mm);
	return size;
}

/* Pages of the pool that are contiguous get a large leaf. */
static void ttm_mmap_large_leaf(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	const char *why = NULL;
	struct page **pages;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		why = "this architecture has no large pfn leaves";

	ttm_mmap_read(test, t->shared);
	pages = t->bo->ttm->pages;
	for (i = 1; i < PTRS_PER_PTE; i++)
		if (page_to_pfn(pages[i]) != page_to_pfn(pages[0]) + i)
			why = "the pool had no contiguous memory";

	if (!why)
		KUNIT_EXPECT_EQ(test, ttm_mmap_leaf_size(test, t->shared),
				PMD_SIZE);
	ttm_mmap_unmap(t);
	if (why)
		kunit_skip(test, "%s", why);
}

/*
 * What the middle of a block has in its private field is no promise, also if a
 * restore that was interrupted put it where a block of that size would start.
 */
static void ttm_mmap_no_block(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct drm_gem_object *obj = &t->bo->base;
	const unsigned int at = PTRS_PER_PTE, middle = at + 3;
	struct dma_buf_range range = {};
	unsigned long order, stale;
	struct page **pages;
	int err;

	ttm_mmap_read(test, t->shared);
	dma_resv_lock(obj->resv, NULL);
	pages = t->bo->ttm->pages;
	order = page_private(pages[0]);
	stale = page_private(pages[middle]);
	swap(pages[at], pages[middle]);
	set_page_private(pages[0], 0);
	set_page_private(pages[at], PMD_ORDER);
	KUNIT_EXPECT_FALSE(test, IS_ALIGNED(page_to_pfn(pages[at]),
					    PTRS_PER_PTE));

	err = obj->mmap.ops->get_range(obj, at + 1, false, &range);
	KUNIT_EXPECT_EQ(test, 0, err);
	/* Page by page, as the array has them. */
	KUNIT_EXPECT_PTR_EQ(test, pages, range.pages);
	if (!err)
		obj->mmap.ops->put_range(obj, &range);

	set_page_private(pages[at], stale);
	set_page_private(pages[0], order);
	swap(pages[at], pages[middle]);
	dma_resv_unlock(obj->resv);
	ttm_mmap_unmap(t);
}

/* Without device, accesses end, and all of the buffer is one page of its own. */
static void ttm_mmap_unplugged(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;

	ttm_mmap_write(test, t->native, 21);

	t->devs->drm->unplugged = true;
	dma_resv_lock(t->bo->base.resv, NULL);
	ttm_bo_unmap_virtual(t->bo);
	dma_resv_unlock(t->bo->base.resv);

	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared), 0);
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native), 0);
	ttm_mmap_write(test, t->native, 22);
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared + PAGE_SIZE), 22);
	KUNIT_EXPECT_NOT_NULL(test, t->bo->dummy_page);
	ttm_mmap_unmap(t);
	t->devs->drm->unplugged = false;
}

/* A buffer that was swapped out is swapped in where it is touched. */
static void ttm_mmap_swapped(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct ttm_operation_ctx ctx = {};

	ttm_mmap_write(test, t->native, 31);
	ttm_mmap_write(test, t->shared + BO_SIZE - PAGE_SIZE, 32);
	KUNIT_EXPECT_GT(test, ttm_device_swapout(t->devs->ttm_dev, &ctx,
						 GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, ttm_tt_is_swapped(t->bo->ttm));
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared), 31);
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native + BO_SIZE -
					    PAGE_SIZE), 32);
	ttm_mmap_unmap(t);
}

/*
 * Device memory: the first three quarters of the buffer in one run that begins
 * half a PMD leaf after where one could, the rest page by page backwards.
 */
#define VRAM_SHIFT	(PTRS_PER_PTE / 2)
#define VRAM_RUN	(BO_SIZE / PAGE_SIZE - VRAM_SHIFT)

static struct ttm_mmap_test *ttm_mmap_vram;

static unsigned long ttm_mmap_vram_pfn(pgoff_t pgoff)
{
	const unsigned long pfn = page_to_pfn(ttm_mmap_vram->vram);

	return pgoff < VRAM_RUN ? pfn + VRAM_SHIFT + pgoff :
				  pfn + BO_SIZE / PAGE_SIZE - 1 - pgoff;
}

static unsigned long ttm_mmap_io_mem_pfn(struct ttm_buffer_object *bo,
					 unsigned long pgoff)
{
	return ttm_mmap_vram_pfn(pgoff);
}

static int ttm_mmap_io_mem_reserve(struct ttm_device *bdev,
				   struct ttm_resource *mem)
{
	mem->bus.is_iomem = true;
	mem->bus.offset = PFN_PHYS(page_to_pfn(ttm_mmap_vram->vram));
	mem->bus.caching = ttm_cached;
	return 0;
}

/* Move the buffer to device memory, each page of which begins with its offset. */
static void ttm_mmap_make_vram(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct ttm_device_funcs *funcs;
	u32 *first;
	pgoff_t i;

	funcs = kunit_kzalloc(test, sizeof(*funcs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, funcs);
	*funcs = *t->devs->ttm_dev->funcs;
	t->vram = alloc_pages(GFP_KERNEL, get_order(BO_SIZE));
	KUNIT_ASSERT_NOT_NULL(test, t->vram);
	ttm_mmap_vram = t;
	for (i = 0; i < BO_SIZE / PAGE_SIZE; i++) {
		first = page_address(pfn_to_page(ttm_mmap_vram_pfn(i)));
		*first = i;
	}
	funcs->io_mem_reserve = ttm_mmap_io_mem_reserve;
	funcs->io_mem_pfn = ttm_mmap_io_mem_pfn;
	t->devs->ttm_dev->funcs = funcs;

	/* Now that there is a range, it has a say in where it is mapped. */
	vm_munmap(t->shared, BO_SIZE);
	t->shared = ttm_mmap_map(test, t->dmabuf->file);
}

/* Runs are found in device memory with gaps, wherever the fault was. */
static void ttm_mmap_vram_runs(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	unsigned long size;
	pgoff_t i;

	ttm_mmap_make_vram(test);
	for (i = BO_SIZE / PAGE_SIZE; i-- > 0; ) {
		KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared +
						    i * PAGE_SIZE), i);
		KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native +
						    i * PAGE_SIZE), i);
	}
	if (IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP)) {
		/* The only leaf that is aligned and contiguous. */
		size = ttm_mmap_leaf_size(test, t->shared +
					  VRAM_SHIFT * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, size, PMD_SIZE);
		size = ttm_mmap_leaf_size(test, t->shared);
		KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
		size = ttm_mmap_leaf_size(test, t->shared +
					  VRAM_RUN * PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
	}
	ttm_mmap_unmap(t);
}

static bool ttm_mmap_mapped(unsigned long addr)
{
	struct follow_pfnmap_args args = { .address = addr };
	bool mapped;

	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	mapped = !follow_pfnmap_start(&args);
	if (mapped)
		follow_pfnmap_end(&args);
	mmap_read_unlock(current->mm);
	return mapped;
}

static vm_fault_t ttm_mmap_driver_fault(struct vm_fault *vmf)
{
	struct ttm_buffer_object *bo = vmf->vma->vm_private_data;
	vm_fault_t ret = ttm_bo_vm_reserve(bo, vmf);

	if (ret)
		return ret;
	ret = ttm_bo_vm_fault_reserved(vmf, vmf->vma->vm_page_prot,
				       TTM_BO_VM_NUM_PREFAULT);
	if (ret == VM_FAULT_RETRY && !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT))
		return ret;
	dma_resv_unlock(bo->base.resv);
	return ret;
}

static const struct vm_operations_struct ttm_mmap_driver_vm_ops = {
	.fault = ttm_mmap_driver_fault,
	.open = ttm_bo_vm_open,
	.close = ttm_bo_vm_close,
};

/* A driver's handler gets the pages that it named, not those before the fault. */
static void ttm_mmap_driver_forward(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	const unsigned long at = (VRAM_RUN + 40) * PAGE_SIZE;

	vm_munmap(t->native, BO_SIZE);
	t->vm_ops = &ttm_mmap_driver_vm_ops;
	t->native = ttm_mmap_map(test, t->file);
	ttm_mmap_make_vram(test);
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native + at),
			VRAM_RUN + 40);
	KUNIT_EXPECT_FALSE(test, ttm_mmap_mapped(t->native + at - PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, ttm_mmap_mapped(t->native + at + PAGE_SIZE));
	ttm_mmap_unmap(t);
}

/* A driver that maps by itself, i915 for one, maps what nobody has exported. */
static void ttm_mmap_driver_alone(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct dma_buf_mmap *m = &t->bo->base.mmap;

	ttm_mmap_make_vram(test);
	ttm_mmap_unmap(t);
	/* As TTM has made it. */
	*m = (struct dma_buf_mmap) { .ops = m->ops, .flags = m->flags };
	t->vm_ops = &ttm_mmap_driver_vm_ops;
	t->native = ttm_mmap_map(test, t->file);
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native +
					    VRAM_RUN * PAGE_SIZE), VRAM_RUN);
	ttm_mmap_unmap(t);
}

/* One without huge_fault gets no large leaf: mm has not looked whether it may be. */
static void ttm_mmap_driver_small(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	const unsigned long large = VRAM_SHIFT * PAGE_SIZE;
	unsigned long space, at;

	ttm_mmap_make_vram(test);
	vm_munmap(t->native, BO_SIZE);
	t->vm_ops = &ttm_mmap_driver_vm_ops;
	/* An address that suits the large leaf. */
	space = vm_mmap(NULL, 0, BO_SIZE + PMD_SIZE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(space));
	at = ALIGN(space + large, PMD_SIZE) - large;
	t->native = vm_mmap(t->file, at, BO_SIZE, PROT_READ,
			    MAP_SHARED | MAP_FIXED, 0);
	KUNIT_EXPECT_EQ(test, t->native, at);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, ttm_mmap_leaf_size(test, at + large));
	vm_munmap(space, BO_SIZE + PMD_SIZE);
	ttm_mmap_unmap(t);
}

static struct kunit_case ttm_mmap_cases[] = {
	KUNIT_CASE(ttm_mmap_same_bytes),
	KUNIT_CASE(ttm_mmap_unmap_virtual),
	KUNIT_CASE(ttm_mmap_large_leaf),
	KUNIT_CASE(ttm_mmap_no_block),
	KUNIT_CASE(ttm_mmap_unplugged),
	KUNIT_CASE(ttm_mmap_swapped),
	KUNIT_CASE(ttm_mmap_vram_runs),
	KUNIT_CASE(ttm_mmap_driver_forward),
	KUNIT_CASE(ttm_mmap_driver_alone),
	KUNIT_CASE(ttm_mmap_driver_small),
	{}
};

static struct kunit_suite ttm_mmap_suite = {
	.name = "ttm_mmap",
	.init = ttm_mmap_init,
	.exit = ttm_mmap_exit,
	.test_cases = ttm_mmap_cases,
};

kunit_test_suite(ttm_mmap_suite);

MODULE_DESCRIPTION("KUnit tests of CPU mappings of TTM buffers");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
