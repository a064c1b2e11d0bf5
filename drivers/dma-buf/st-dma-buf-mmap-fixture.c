// SPDX-License-Identifier: GPL-2.0
/*
 * A small exporter whose answers the KUnit test decides.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>

#include "st-dma-buf-mmap.h"

static int st_get_range(void *priv, pgoff_t pgoff, bool populate,
			struct dma_buf_range *range)
{
	struct st_exporter *exp = priv;

	if (exp->look)
		exp->saw = *exp->look;
	if (exp->err)
		return exp->err;

	exp->gets++;
	if (exp->lie) {
		*range = *exp->lie;
		return 0;
	}
	range->caching = exp->caching;
	range->whole_folios = exp->whole_folios;
	if (exp->list) {
		dma_buf_range_from_pages(exp->list, 1UL << exp->large_order,
					 range);
		return 0;
	}
	if (exp->large) {
		range->start = 0;
		range->nr_pages = 1UL << exp->large_order;
		range->pfn = page_to_pfn(exp->large);
		return 0;
	}
	dma_buf_range_from_pages(exp->pages, NR_PAGES, range);
	return 0;
}

static void st_put_range(void *priv, struct dma_buf_range *range)
{
	struct st_exporter *exp = priv;

	exp->puts++;
}

static void st_wait(void *priv, bool intr)
{
	struct st_exporter *exp = priv;

	exp->waits++;
	exp->intr_waits += intr;
	lockdep_assert_not_held(&current->mm->mmap_lock);
	if (exp->waits >= exp->nr_waits)
		exp->err = exp->err_after;
}

static int st_may_map(void *priv)
{
	struct st_exporter *exp = priv;

	return exp->err == -ENODEV || exp->err == -EACCES ? exp->err : 0;
}

static const struct dma_buf_mmap_ops st_mmap_ops = {
	.get_range = st_get_range,
	.put_range = st_put_range,
	.wait = st_wait,
	.may_map = st_may_map,
};

static struct sg_table *st_map(struct dma_buf_attachment *attach,
			       enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void st_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		     enum dma_data_direction dir)
{
}

static void st_free(struct st_exporter *exp)
{
	unsigned int i;

	kvfree(exp->list);
	if (exp->large)
		__free_pages(exp->large, exp->large_order);
	for (i = 0; i < NR_PAGES; i++)
		if (exp->pages[i])
			__free_page(exp->pages[i]);
	kfree(exp);
}

static void st_release(struct dma_buf *dmabuf)
{
	st_free(dmabuf->priv);
}

static const struct dma_buf_ops st_dmabuf_ops = {
	.map_dma_buf = st_map,
	.unmap_dma_buf = st_unmap,
	.release = st_release,
};

static int st_own_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -ENXIO;
}

static int st_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return 0;
}

static const struct dma_buf_ops st_own_mmap_ops = {
	.map_dma_buf = st_map,
	.unmap_dma_buf = st_unmap,
	.release = st_release,
	.begin_cpu_access = st_begin_cpu_access,
	.mmap = st_own_mmap,
};

/* The dma-buf owns the exporter from here on. */
void dma_buf_st_export(struct kunit *test, size_t size, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct st_test *t = test->priv;
	struct dma_buf *dmabuf;

	exp_info.ops = t->exp->own_mmap ? &st_own_mmap_ops : &st_dmabuf_ops;
	exp_info.mmap.ops = t->exp->own_mmap ? NULL : &st_mmap_ops;
	exp_info.mmap.flags = t->exp->flags;
	exp_info.mmap.dummy_fill = t->exp->dummy_fill;
	exp_info.size = size;
	exp_info.flags = flags;
	exp_info.priv = t->exp;
	dmabuf = dma_buf_export(&exp_info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	t->dmabuf = dmabuf;
}

int dma_buf_st_init(struct kunit *test)
{
	struct st_test *t;
	unsigned int i;
	u64 *first;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);

	t->exp = kzalloc_obj(*t->exp);
	KUNIT_ASSERT_NOT_NULL(test, t->exp);
	for (i = 0; i < NR_PAGES; i++) {
		t->exp->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, t->exp->pages[i]);
		first = page_address(t->exp->pages[i]);
		*first = MARK(i);
	}
	return 0;
}

void dma_buf_st_exit(struct kunit *test)
{
	struct st_test *t = test->priv;

	if (!t)
		return;
	/* The mappings go with the address space, which is the case's thread's. */
	if (t->dmabuf)
		dma_buf_put(t->dmabuf);
	else if (t->exp)
		st_free(t->exp);
}

void dma_buf_st_map_all(struct kunit *test)
{
	struct st_test *t = test->priv;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, NR_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->len = NR_PAGES * PAGE_SIZE;
}

/* As an exporter revokes, or, with @err 0, ends it. */
void dma_buf_st_set_err(struct st_test *t, int err)
{
	dma_resv_lock(t->dmabuf->resv, NULL);
	t->exp->err = err;
	if (err)
		dma_buf_invalidate_mappings(t->dmabuf);
	else
		dma_buf_restore_mappings(t->dmabuf);
	dma_resv_unlock(t->dmabuf->resv);
}
