// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of where the CPU finds the pages of TTM buffers: through the device's
 * file and through a dma-buf.
 */
#include <linux/dma-resv.h>
#include <linux/uaccess.h>

#include <drm/ttm/ttm_pool.h>

#include "ttm_bo_mmap_test.h"

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
	KUNIT_EXPECT_NOT_NULL(test, t->bo->base.mmap.dummy);
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

static int ttm_mmap_touch(unsigned long addr)
{
	u32 val;

	return copy_from_user(&val, (void __user *)addr, sizeof(val)) ? -EFAULT : 0;
}

struct ttm_mmap_populate_case {
	const char *desc;
	int err;
	int range_err;	/* what the core is told */
};

static const struct ttm_mmap_populate_case ttm_mmap_populate_cases[] = {
	{ "a limit is reached", -ENOMEM, -EFAULT },
	{ "the device is lost", -ENODEV, -EFAULT },
	{ "a signal came", -EAGAIN, -EINTR },
	{ "anything else", -EINVAL, -EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(ttm_mmap_populate, ttm_mmap_populate_cases, desc);

static int ttm_mmap_populate_err;

static int ttm_mmap_tt_populate(struct ttm_device *bdev, struct ttm_tt *tt,
				struct ttm_operation_ctx *ctx)
{
	int err = ttm_mmap_populate_err;

	ttm_mmap_populate_err = 0;
	return err ?: ttm_pool_alloc(&bdev->pool, tt, ctx);
}

/* What the driver has no pages for calls no OOM killer, is not revoked, and not for ever. */
static void ttm_mmap_populate(struct kunit *test)
{
	const struct ttm_mmap_populate_case *c = test->param_value;
	struct ttm_mmap_test *t = test->priv;
	struct drm_gem_object *obj = &t->bo->base;
	struct dma_buf_range range = {};

	ttm_mmap_funcs(test)->ttm_tt_populate = ttm_mmap_tt_populate;
	ttm_mmap_populate_err = c->err;
	dma_resv_lock(obj->resv, NULL);
	KUNIT_EXPECT_EQ(test, c->range_err, obj->mmap.ops->get_range(obj, 0, true, &range));
	dma_resv_unlock(obj->resv);
	KUNIT_EXPECT_EQ(test, 0, ttm_mmap_touch(t->native));
	ttm_mmap_unmap(t);
}

/* Foreign pages are mapped by their exporter alone, unless they are for mapping. */
static void ttm_mmap_external(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;

	ttm_mmap_write(test, t->native, 41);
	dma_resv_lock(t->bo->base.resv, NULL);
	t->bo->ttm->page_flags |= TTM_TT_FLAG_EXTERNAL;
	ttm_bo_unmap_virtual(t->bo);
	dma_resv_unlock(t->bo->base.resv);
	KUNIT_EXPECT_EQ(test, -EFAULT, ttm_mmap_touch(t->native));
	KUNIT_EXPECT_EQ(test, -EFAULT, ttm_mmap_touch(t->shared));

	t->bo->ttm->page_flags |= TTM_TT_FLAG_EXTERNAL_MAPPABLE;
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native), 41);
	t->bo->ttm->page_flags &= ~(TTM_TT_FLAG_EXTERNAL | TTM_TT_FLAG_EXTERNAL_MAPPABLE);
	ttm_mmap_unmap(t);
}

static void ttm_mmap_io_mem_free(struct ttm_device *bdev, struct ttm_resource *mem)
{
}

/* A look takes no part of an aperture, and sees what an access took. */
static void ttm_mmap_look(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct drm_gem_object *obj = &t->bo->base;
	struct dma_buf_range range = {};
	int err;

	ttm_mmap_make_vram(test);
	ttm_mmap_funcs(test)->io_mem_free = ttm_mmap_io_mem_free;
	dma_resv_lock(obj->resv, NULL);
	t->bo->resource->bus.offset = 0;
	KUNIT_EXPECT_EQ(test, -ENODATA, obj->mmap.ops->get_range(obj, 0, false, &range));
	KUNIT_EXPECT_EQ(test, 0, t->bo->resource->bus.offset);
	dma_resv_unlock(obj->resv);

	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native), 0);
	dma_resv_lock(obj->resv, NULL);
	err = obj->mmap.ops->get_range(obj, 0, false, &range);
	KUNIT_EXPECT_EQ(test, 0, err);
	if (!err)
		obj->mmap.ops->put_range(obj, &range);
	dma_resv_unlock(obj->resv);
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
	KUNIT_CASE_PARAM(ttm_mmap_populate, ttm_mmap_populate_gen_params),
	KUNIT_CASE(ttm_mmap_external),
	KUNIT_CASE(ttm_mmap_look),
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
