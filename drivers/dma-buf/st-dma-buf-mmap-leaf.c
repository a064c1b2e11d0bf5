// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the leaves that CPU mappings of dma-bufs are made of.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>

#include "st-dma-buf-mmap.h"

/* The leaf at @addr: its size, and whether GUP stays off it. */
static void st_leaf(struct kunit *test, unsigned long addr, unsigned long *size)
{
	struct follow_pfnmap_args args = { .address = addr };

	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	KUNIT_EXPECT_EQ(test, 0, follow_pfnmap_start(&args));
	KUNIT_EXPECT_TRUE(test, args.special);
	*size = ~args.addr_mask + 1;
	follow_pfnmap_end(&args);
	mmap_read_unlock(current->mm);
}

/* A run that is large enough gets a large leaf, at an address that suits it. */
static void st_large_leaf(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct st_exporter *exp = t->exp;
	unsigned long size = 0;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "this architecture has no large pfn leaves");

	exp->large_order = PMD_SHIFT - PAGE_SHIFT;
	exp->large = alloc_pages(GFP_KERNEL | __GFP_ZERO, exp->large_order);
	KUNIT_ASSERT_NOT_NULL(test, exp->large);
	dma_buf_st_export(test, PMD_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, PMD_SIZE / PAGE_SIZE, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->len = PMD_SIZE;
	st_read(t->addr + 3 * PAGE_SIZE);
	st_leaf(test, t->addr, &size);
	KUNIT_EXPECT_EQ(test, size, PMD_SIZE);

	/* Half of it does not fit any more. */
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(t->addr, PMD_SIZE / 2));
	st_read(t->addr + PMD_SIZE / 2);
	st_leaf(test, t->addr + PMD_SIZE / 2, &size);
	KUNIT_EXPECT_EQ(test, size, PAGE_SIZE);
}

struct st_order {
	const char *description;
	bool folio;		/* one large folio, not just contiguous pages */
	bool swapped;		/* two pages in the middle are */
};

static const struct st_order st_orders[] = {
	{ "pages in order", false, false },
	{ "pages swapped", false, true },
	{ "folio in order", true, false },
	{ "folio swapped", true, true },
};

KUNIT_ARRAY_PARAM_DESC(st_orders, st_orders, description);

/* Pages in a list get a large leaf if, and only if, all of them are in order. */
static void st_page_order(struct kunit *test)
{
	const struct st_order *order = test->param_value;
	const unsigned long nr = PMD_SIZE / PAGE_SIZE;
	struct st_test *t = test->priv;
	struct st_exporter *exp = t->exp;
	unsigned long i, size = 0;
	u64 *first;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "this architecture has no large pfn leaves");

	exp->large_order = PMD_SHIFT - PAGE_SHIFT;
	exp->large = alloc_pages(GFP_KERNEL | (order->folio ? __GFP_COMP : 0),
				 exp->large_order);
	KUNIT_ASSERT_NOT_NULL(test, exp->large);
	exp->list = kvmalloc_objs(*exp->list, nr);
	KUNIT_ASSERT_NOT_NULL(test, exp->list);
	for (i = 0; i < nr; i++)
		exp->list[i] = exp->large + i;
	if (order->swapped)
		swap(exp->list[nr / 2], exp->list[nr / 2 + 1]);
	for (i = 0; i < nr; i++) {
		first = page_address(exp->list[i]);
		*first = MARK(i);
	}
	exp->whole_folios = dma_buf_pages_whole_folios(exp->list, nr);
	KUNIT_EXPECT_EQ(test, exp->whole_folios,
			!order->folio || !order->swapped);

	dma_buf_st_export(test, PMD_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, nr, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->len = PMD_SIZE;
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_read(t->addr + i * PAGE_SIZE));
	/* The address suits the first page, and so all of it if they are in order. */
	st_leaf(test, t->addr, &size);
	KUNIT_EXPECT_EQ(test, size, order->swapped ? PAGE_SIZE : PMD_SIZE);
}

/* The address of pages that make no large leaf tells nothing of where they are. */
static void st_scattered(struct kunit *test)
{
	const unsigned long nr = 2 * PMD_SIZE / PAGE_SIZE;
	struct st_test *t = test->priv;
	struct st_exporter *exp = t->exp;
	unsigned long i;

	if (!IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))
		kunit_skip(test, "this architecture has no large pfn leaves");

	exp->large_order = PMD_SHIFT - PAGE_SHIFT + 1;
	exp->large = alloc_pages(GFP_KERNEL | __GFP_ZERO, exp->large_order);
	KUNIT_ASSERT_NOT_NULL(test, exp->large);
	exp->list = kvmalloc_objs(*exp->list, nr);
	KUNIT_ASSERT_NOT_NULL(test, exp->list);
	for (i = 0; i < nr; i++)
		exp->list[i] = exp->large + i;
	swap(exp->list[0], exp->list[5]);
	dma_buf_st_export(test, nr * PAGE_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, nr, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->len = nr * PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, 0, t->addr % PMD_SIZE);
}

static bool st_mapped(unsigned long addr)
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

/* Little is mapped around one access, much in front of an access in sequence. */
static void st_window(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct st_exporter *exp = t->exp;
	const unsigned int nr = PMD_SIZE / PAGE_SIZE;
	unsigned int i;
	u64 *first;

	exp->large_order = PMD_SHIFT - PAGE_SHIFT;
	exp->large = alloc_pages(GFP_KERNEL, exp->large_order);
	KUNIT_ASSERT_NOT_NULL(test, exp->large);
	for (i = 0; i < nr; i++) {
		first = page_address(exp->large + i);
		*first = MARK(i);
	}
	dma_buf_st_export(test, PMD_SIZE, O_RDWR);

	/* An address at which only small leaves fit. */
	t->len = 3 * PMD_SIZE;
	t->addr = vm_mmap(NULL, 0, t->len, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->addr = ALIGN(t->addr, PMD_SIZE) + PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, t->addr,
			vm_mmap(t->dmabuf->file, t->addr, PMD_SIZE, PROT_READ,
				MAP_SHARED | MAP_FIXED, 0));

	KUNIT_EXPECT_EQ(test, MARK(300), st_read(t->addr + 300 * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, st_mapped(t->addr + 284 * PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, st_mapped(t->addr + 316 * PAGE_SIZE));
	exp->gets = 0;
	for (i = 0; i < 280; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_read(t->addr + i * PAGE_SIZE));
	KUNIT_EXPECT_LE(test, exp->gets, 6);
	KUNIT_EXPECT_TRUE(test, st_mapped(t->addr + 340 * PAGE_SIZE));
	for (; i < nr; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_read(t->addr + i * PAGE_SIZE));
}

/* A caching that the memory does not have is refused, not ignored. */
static void st_wrong_caching(struct kunit *test)
{
	struct st_test *t = test->priv;
	pgprot_t prot = pgprot_writecombine(PAGE_SHARED), real = prot;

	if (pfnmap_setup_cachemode_pfn(page_to_pfn(t->exp->pages[0]), &real),
	    pgprot_val(real) == pgprot_val(prot))
		kunit_skip(test, "this architecture keeps no memory types");

	dma_buf_st_map_all(test);
	t->exp->caching = DMA_BUF_WRITE_COMBINED;
	KUNIT_EXPECT_EQ(test, 0, st_read(t->addr));
	t->exp->caching = DMA_BUF_CACHED;
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
}

/* Ordinary pages are counted in who maps them: no large leaf, though one would fit. */
static void st_ordinary_pages(struct kunit *test)
{
	const unsigned long nr = PMD_SIZE / PAGE_SIZE;
	struct st_test *t = test->priv;
	struct st_exporter *exp = t->exp;
	struct page *page = NULL;
	unsigned long i, before;
	u64 *first;

	exp->large_order = PMD_SHIFT - PAGE_SHIFT;
	exp->large = alloc_pages(GFP_KERNEL | __GFP_COMP, exp->large_order);
	KUNIT_ASSERT_NOT_NULL(test, exp->large);
	exp->list = kvmalloc_objs(*exp->list, nr);
	KUNIT_ASSERT_NOT_NULL(test, exp->list);
	for (i = 0; i < nr; i++) {
		exp->list[i] = exp->large + i;
		first = page_address(exp->list[i]);
		*first = MARK(i);
	}
	exp->flags = DMA_BUF_MMAP_EAGER | DMA_BUF_MMAP_PAGES;
	dma_buf_st_export(test, PMD_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, nr, PROT_READ | PROT_WRITE, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));

	/* What mm is set to try for all; not known where there are none. */
	do_madvise(current->mm, t->addr, PMD_SIZE, MADV_HUGEPAGE);
	KUNIT_ASSERT_EQ(test, 0, do_madvise(current->mm, t->addr, PMD_SIZE,
					    MADV_DONTNEED));
	before = get_mm_counter_sum(current->mm, MM_FILEPAGES);
	KUNIT_EXPECT_EQ(test, MARK(3), st_read(t->addr + 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, before + 1,
			get_mm_counter_sum(current->mm, MM_FILEPAGES));
	KUNIT_EXPECT_EQ(test, 1, pin_user_pages_fast(t->addr + 3 * PAGE_SIZE, 1,
						     FOLL_WRITE, &page));
	if (page) {
		KUNIT_EXPECT_PTR_EQ(test, page, exp->list[3]);
		unpin_user_page(page);
	}
}

static struct kunit_case st_cases[] = {
	KUNIT_CASE(st_large_leaf),
	KUNIT_CASE(st_ordinary_pages),
	KUNIT_CASE_PARAM(st_page_order, st_orders_gen_params),
	KUNIT_CASE(st_scattered),
	KUNIT_CASE(st_window),
	KUNIT_CASE(st_wrong_caching),
	{}
};

static struct kunit_suite st_suite = {
	.name = "dma_buf_mmap_leaf",
	.init = dma_buf_st_init,
	.exit = dma_buf_st_exit,
	.test_cases = st_cases,
};

kunit_test_suite(st_suite);

MODULE_DESCRIPTION("KUnit tests of the leaves of CPU mappings of dma-bufs");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
