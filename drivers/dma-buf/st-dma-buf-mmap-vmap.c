// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the kernel's own mappings of dma-bufs.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>

#include "st-dma-buf-mmap.h"

/* The word at the start of page @i of the kernel's own mapping. */
static u64 st_vread(const struct iosys_map *map, unsigned int i)
{
	return iosys_map_rd(map, i * PAGE_SIZE, u64);
}

static void st_expect_vmap(struct kunit *test, const struct iosys_map *map)
{
	unsigned int i;

	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_vread(map, i));
}

/* The kernel's own mapping goes nowhere while the buffer is revoked. */
static void st_vmap(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map, again;
	unsigned int i;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	if (!IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP)) {
		KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
				dma_buf_vmap_unlocked(t->dmabuf, &map));
		return;
	}

	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_FALSE(test, map.is_iomem);
	st_expect_vmap(test, &map);
	iosys_map_wr(&map, 5 * PAGE_SIZE + 8, u64, 55);
	KUNIT_EXPECT_EQ(test, 55, ((u64 *)page_address(t->exp->pages[5]))[1]);

	/* Nothing of the buffer is seen or changed, by whoever has the map. */
	KUNIT_EXPECT_EQ(test, 0, dma_buf_vmap_unlocked(t->dmabuf, &again));
	dma_buf_st_set_err(t, -EIO);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, 0, st_vread(&again, i));
	iosys_map_wr(&map, 3 * PAGE_SIZE, u64, 33);
	KUNIT_EXPECT_EQ(test, 33, st_vread(&map, 7));
	dma_buf_st_set_err(t, -EAGAIN);
	dma_buf_vunmap_unlocked(t->dmabuf, &again);

	/* It comes back with what was there, in place of what was written. */
	dma_buf_st_set_err(t, 0);
	st_expect_vmap(test, &map);
	dma_buf_st_set_err(t, -ENODEV);
	KUNIT_EXPECT_EQ(test, 33, st_vread(&map, 7));
	KUNIT_EXPECT_EQ(test, 0, dma_buf_may_vmap(t->dmabuf));
	dma_buf_vunmap_unlocked(t->dmabuf, &map);
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* Not yet is no error, never is one. */
static void st_vmap_revoked(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map;

	if (!IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP))
		kunit_skip(test, "no vmap in this configuration");

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	dma_buf_st_set_err(t, -ENODEV);
	KUNIT_EXPECT_EQ(test, -ENODEV, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_EQ(test, -ENODEV, dma_buf_may_vmap(t->dmabuf));
	dma_buf_st_set_err(t, -EACCES);
	KUNIT_EXPECT_EQ(test, -EACCES, dma_buf_vmap_unlocked(t->dmabuf, &map));
	dma_buf_st_set_err(t, -EAGAIN);
	KUNIT_EXPECT_EQ(test, 0, dma_buf_may_vmap(t->dmabuf));
	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_TRUE(test, map.is_iomem);
	KUNIT_EXPECT_EQ(test, 0, st_vread(&map, 0));
	dma_buf_st_set_err(t, 0);
	st_expect_vmap(test, &map);
	dma_buf_vunmap_unlocked(t->dmabuf, &map);
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* Who maps through an importer writes when the importer does. */
static void st_vmap_readonly(struct kunit *test)
{
	const int err = IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP) ? -EACCES : -EOPNOTSUPP;
	struct st_test *t = test->priv;
	struct iosys_map map;

	t->exp->flags = DMA_BUF_MMAP_STRICT;
	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDONLY);
	KUNIT_EXPECT_EQ(test, err, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_EQ(test, err, dma_buf_may_vmap(t->dmabuf));
}

/* A caching that the memory does not have is refused here too. */
static void st_vmap_wrong_caching(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map;

	if (!IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP))
		kunit_skip(test, "no vmap in this configuration");

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->exp->caching = DMA_BUF_WRITE_COMBINED;
	KUNIT_EXPECT_EQ(test, -EPERM, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* What is to be mapped in another way is, at the same address, and no importer hears of it. */
static void st_vmap_refresh(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map;

	if (!IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP))
		kunit_skip(test, "no vmap in this configuration");

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(t->dmabuf, &map));
	dma_resv_lock(t->dmabuf->resv, NULL);
	swap(t->exp->pages[3], t->exp->pages[5]);
	KUNIT_EXPECT_EQ(test, MARK(3), st_vread(&map, 3));
	/* Nothing is ever lost in between. */
	t->exp->look = map.vaddr + 4 * PAGE_SIZE;
	dma_buf_refresh_mappings(t->dmabuf);
	KUNIT_EXPECT_EQ(test, MARK(4), t->exp->saw);
	KUNIT_EXPECT_EQ(test, MARK(5), st_vread(&map, 3));
	KUNIT_EXPECT_EQ(test, MARK(3), st_vread(&map, 5));
	KUNIT_EXPECT_EQ(test, MARK(4), st_vread(&map, 4));
	/* What is revoked stays so. */
	t->exp->look = NULL;
	t->exp->err = -EIO;
	dma_buf_refresh_mappings(t->dmabuf);
	dma_resv_unlock(t->dmabuf->resv);
	KUNIT_EXPECT_EQ(test, 0, st_vread(&map, 3));
	dma_buf_vunmap_unlocked(t->dmabuf, &map);
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

static struct kunit_case st_cases[] = {
	KUNIT_CASE(st_vmap),
	KUNIT_CASE(st_vmap_revoked),
	KUNIT_CASE(st_vmap_readonly),
	KUNIT_CASE(st_vmap_wrong_caching),
	KUNIT_CASE(st_vmap_refresh),
	{}
};

static struct kunit_suite st_suite = {
	.name = "dma_buf_mmap_vmap",
	.init = dma_buf_st_init,
	.exit = dma_buf_st_exit,
	.test_cases = st_cases,
};

kunit_test_suite(st_suite);

MODULE_DESCRIPTION("KUnit tests of the kernel's own mappings of dma-bufs");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
