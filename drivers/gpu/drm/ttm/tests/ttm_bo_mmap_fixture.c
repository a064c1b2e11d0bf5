// SPDX-License-Identifier: GPL-2.0
/* See ttm_bo_mmap_test.h. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <drm/drm_prime.h>
#include <drm/ttm/ttm_placement.h>

#include "ttm_bo_mmap_test.h"

static void ttm_mmap_gem_free(struct drm_gem_object *obj)
{
	ttm_bo_fini(container_of(obj, struct ttm_buffer_object, base));
}

/* As drm_gem_ttm_mmap() */
static int ttm_mmap_gem_mmap(struct drm_gem_object *obj,
			     struct vm_area_struct *vma)
{
	vma->vm_ops = &drm_gem_mmap_vm_ops;
	return drm_gem_mmap_vma(obj, vma);
}

static const struct drm_gem_object_funcs ttm_mmap_gem_funcs = {
	.free = ttm_mmap_gem_free,
	.mmap = ttm_mmap_gem_mmap,
};

static int ttm_mmap_fop_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ttm_mmap_test *t = file->private_data;
	struct drm_gem_object *obj = &t->bo->base;

	vma->vm_pgoff += drm_vma_node_start(&obj->vma_node);
	return drm_gem_mmap_obj(obj, obj->size, vma);
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

unsigned long ttm_mmap_map(struct kunit *test, struct file *file)
{
	unsigned long addr = vm_mmap(file, 0, BO_SIZE, PROT_READ | PROT_WRITE,
				     MAP_SHARED, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/* The operations of the device, to be changed. */
struct ttm_device_funcs *ttm_mmap_funcs(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct ttm_device_funcs *funcs;

	funcs = kunit_kzalloc(test, sizeof(*funcs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, funcs);
	*funcs = *t->devs->ttm_dev->funcs;
	t->devs->ttm_dev->funcs = funcs;
	return funcs;
}

/* With &ttm_device_funcs.cpu_mkwrite, which a buffer must have from the beginning. */
int ttm_mmap_init_mkwrite(struct kunit *test,
			  int (*mkwrite)(struct ttm_buffer_object *bo, pgoff_t pgoff))
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct ttm_mmap_test *t;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());

	t->devs = ttm_test_devices_all(test);
	test->priv = t;
	ttm_mmap_funcs(test)->cpu_mkwrite = mkwrite;
	ttm_mmap_make_bo(test, t);

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

int ttm_mmap_init(struct kunit *test)
{
	return ttm_mmap_init_mkwrite(test, NULL);
}

void ttm_mmap_exit(struct kunit *test)
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
void ttm_mmap_unmap(struct ttm_mmap_test *t)
{
	vm_munmap(t->native, BO_SIZE);
	vm_munmap(t->shared, BO_SIZE);
	t->native = 0;
	t->shared = 0;
}

u32 ttm_mmap_read(struct kunit *test, unsigned long addr)
{
	u32 val = ~0;

	KUNIT_EXPECT_EQ(test, 0, copy_from_user(&val, (void __user *)addr,
						sizeof(val)));
	return val;
}

void ttm_mmap_write(struct kunit *test, unsigned long addr, u32 val)
{
	KUNIT_EXPECT_EQ(test, 0, copy_to_user((void __user *)addr, &val,
					      sizeof(val)));
}

unsigned long ttm_mmap_leaf_size(struct kunit *test, unsigned long addr)
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

bool ttm_mmap_mapped(unsigned long addr)
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

static struct ttm_mmap_test *ttm_mmap_vram;

static unsigned long ttm_mmap_vram_pfn(pgoff_t pgoff)
{
	const unsigned long pfn = page_to_pfn(ttm_mmap_vram->vram);

	return pgoff < VRAM_RUN ? pfn + VRAM_SHIFT + pgoff :
				  pfn + BO_SIZE / PAGE_SIZE - 1 - pgoff;
}

static void ttm_mmap_io_mem_run(struct ttm_buffer_object *bo, pgoff_t pgoff,
				struct dma_buf_range *range)
{
	const bool run = pgoff < VRAM_RUN;

	range->start = run ? 0 : pgoff;
	range->nr_pages = run ? VRAM_RUN : 1;
	range->pfn = ttm_mmap_vram_pfn(range->start);
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
void ttm_mmap_make_vram(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct ttm_device_funcs *funcs = ttm_mmap_funcs(test);
	u32 *first;
	pgoff_t i;

	t->vram = alloc_pages(GFP_KERNEL, get_order(BO_SIZE));
	KUNIT_ASSERT_NOT_NULL(test, t->vram);
	ttm_mmap_vram = t;
	for (i = 0; i < BO_SIZE / PAGE_SIZE; i++) {
		first = page_address(pfn_to_page(ttm_mmap_vram_pfn(i)));
		*first = i;
	}
	funcs->io_mem_reserve = ttm_mmap_io_mem_reserve;
	funcs->io_mem_run = ttm_mmap_io_mem_run;

	/* Now that there is a range, it has a say in where it is mapped. */
	vm_munmap(t->shared, BO_SIZE);
	t->shared = ttm_mmap_map(test, t->dmabuf->file);
}
