// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of buffers in the page tables of an IOMMU: a domain that records what it is
 * told.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-iommu.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/iommu.h>
#include <linux/mm.h>

#include "st-dma-buf-mmap.h"

#define IOVA	0x40000000UL

struct st_iommu_page {
	phys_addr_t phys;
	int prot;
};

/* A domain of 4 KiB pages; @calls counts map_pages, of which the one after @good fails. */
struct st_iommu {
	struct iommu_domain domain;
	struct st_iommu_page pages[NR_PAGES];
	unsigned int calls, good;
	struct dma_buf_attachment *attach;
	unsigned int restored, revoked;
};

static int st_iommu_map_pages(struct iommu_domain *domain, unsigned long iova,
			      phys_addr_t phys, size_t pgsize, size_t pgcount, int prot,
			      gfp_t gfp, size_t *mapped)
{
	struct st_iommu *mmu = container_of(domain, struct st_iommu, domain);
	size_t i, first = (iova - IOVA) >> PAGE_SHIFT;

	if (mmu->calls++ >= mmu->good)
		return -ENOMEM;
	for (i = 0; i < pgcount; i++)
		mmu->pages[first + i] = (struct st_iommu_page) {
			.phys = phys + i * pgsize,
			.prot = prot,
		};
	*mapped = pgsize * pgcount;
	return 0;
}

static size_t st_iommu_unmap_pages(struct iommu_domain *domain, unsigned long iova,
				   size_t pgsize, size_t pgcount,
				   struct iommu_iotlb_gather *gather)
{
	struct st_iommu *mmu = container_of(domain, struct st_iommu, domain);

	memset(&mmu->pages[(iova - IOVA) >> PAGE_SHIFT], 0, pgcount * sizeof(*mmu->pages));
	return pgsize * pgcount;
}

static const struct iommu_domain_ops st_iommu_ops = {
	.map_pages = st_iommu_map_pages,
	.unmap_pages = st_iommu_unmap_pages,
};

static void st_iommu_invalidate(struct dma_buf_attachment *attach)
{
	struct st_iommu *mmu = attach->importer_priv;

	mmu->revoked++;
}

static void st_iommu_restore(struct dma_buf_attachment *attach)
{
	struct st_iommu *mmu = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	mmu->restored++;
}

static const struct dma_buf_attach_ops st_iommu_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = st_iommu_invalidate,
	.restore_mappings = st_iommu_restore,
};

static struct st_iommu *st_iommu_attach(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct st_iommu *mmu;
	struct device *dev;

	mmu = kunit_kzalloc(test, sizeof(*mmu), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mmu);
	mmu->domain.type = IOMMU_DOMAIN_UNMANAGED;
	mmu->domain.ops = &st_iommu_ops;
	mmu->domain.pgsize_bitmap = PAGE_SIZE;
	mmu->good = UINT_MAX;

	dev = kunit_device_register(test, "dma_buf_mmap_iommu");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	mmu->attach = dma_buf_dynamic_attach(t->dmabuf, dev, &st_iommu_attach_ops, mmu);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mmu->attach);
	return mmu;
}

static void st_iommu_detach(struct st_iommu *mmu)
{
	dma_buf_detach(mmu->attach->dmabuf, mmu->attach);
}

static int st_iommu_map(struct st_iommu *mmu, u64 offset, size_t len, bool small)
{
	int err;

	dma_resv_lock(mmu->attach->dmabuf->resv, NULL);
	err = dma_buf_iommu_map(mmu->attach, &mmu->domain, IOVA, offset, len,
				IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE, small);
	dma_resv_unlock(mmu->attach->dmabuf->resv);
	return err;
}

static int st_iommu_check(struct st_iommu *mmu, u64 offset, size_t len)
{
	int err;

	dma_resv_lock(mmu->attach->dmabuf->resv, NULL);
	err = dma_buf_iommu_check(mmu->attach, offset, len);
	dma_resv_unlock(mmu->attach->dmabuf->resv);
	return err;
}

static unsigned int st_iommu_count(const struct st_iommu *mmu)
{
	unsigned int i, count = 0;

	for (i = 0; i < NR_PAGES; i++)
		count += mmu->pages[i].phys != 0;
	return count;
}

/* Each page of a buffer is where it is asked for, with the rights that are asked for. */
static void st_iommu_pages(struct kunit *test)
{
	struct st_iommu *mmu = st_iommu_attach(test);
	struct st_test *t = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, st_iommu_check(mmu, 0, NR_PAGES * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, st_iommu_count(mmu));
	KUNIT_EXPECT_EQ(test, 0, st_iommu_map(mmu, 3 * PAGE_SIZE, 5 * PAGE_SIZE, false));
	KUNIT_EXPECT_EQ(test, 5, st_iommu_count(mmu));
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_EQ(test, mmu->pages[i].phys, page_to_phys(t->exp->pages[3 + i]));
		KUNIT_EXPECT_EQ(test, mmu->pages[i].prot,
				IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE);
	}
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
	st_iommu_detach(mmu);
}

/* What is contiguous is mapped at once, or page by page. */
static void st_iommu_runs(struct kunit *test)
{
	const struct dma_buf_range range = { .nr_pages = NR_PAGES, .pfn = 1 };
	struct st_iommu *mmu = st_iommu_attach(test);
	struct st_test *t = test->priv;

	t->exp->lie = &range;
	KUNIT_EXPECT_EQ(test, 0, st_iommu_map(mmu, PAGE_SIZE, 7 * PAGE_SIZE, false));
	KUNIT_EXPECT_EQ(test, 1, mmu->calls);
	KUNIT_EXPECT_EQ(test, 2 * PAGE_SIZE, mmu->pages[0].phys);
	KUNIT_EXPECT_EQ(test, 8 * PAGE_SIZE, mmu->pages[6].phys);
	mmu->calls = 0;
	KUNIT_EXPECT_EQ(test, 0, st_iommu_map(mmu, 0, 7 * PAGE_SIZE, true));
	KUNIT_EXPECT_EQ(test, 7, mmu->calls);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, mmu->pages[0].phys);
	KUNIT_EXPECT_EQ(test, 7 * PAGE_SIZE, mmu->pages[6].phys);
	st_iommu_detach(mmu);
}

/* An error leaves nothing behind, wherever it comes. */
static void st_iommu_undo(struct kunit *test)
{
	struct st_iommu *mmu = st_iommu_attach(test);
	unsigned int good;

	/* mapped page by page: an error may come at any */
	for (good = 0; good < 6; good++) {
		mmu->calls = 0;
		mmu->good = good;
		KUNIT_EXPECT_EQ(test, -ENOMEM, st_iommu_map(mmu, 0, 6 * PAGE_SIZE, true));
		KUNIT_EXPECT_EQ(test, 0, st_iommu_count(mmu));
	}
	st_iommu_detach(mmu);
}

struct st_iommu_memory {
	const char *description;
	struct dma_buf_range range;
	int err;
	int prot;
};

/* Somebody, never looked at */
#define ST_SOMEBODY	((void *)PAGE_SIZE)

static const struct st_iommu_memory st_iommu_memories[] = {
	{ "system memory", {}, 0, IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE },
	{ "a device's", { .iomem = true }, -EOPNOTSUPP },
	{ "a peer's", { .iomem = true, .provider = ST_SOMEBODY }, 0,
	  IOMMU_READ | IOMMU_WRITE | IOMMU_MMIO },
	{ "of the DMA API", { .dma_dev = ST_SOMEBODY }, -EOPNOTSUPP },
	{ "write-combined", { .caching = DMA_BUF_WRITE_COMBINED },
	  IS_ENABLED(CONFIG_X86) ? 0 : -EOPNOTSUPP, IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE },
};

KUNIT_ARRAY_PARAM_DESC(st_iommu_memories, st_iommu_memories, description);

/* What kind of memory it is decides how it is mapped, and whether. */
static void st_iommu_kinds(struct kunit *test)
{
	const struct st_iommu_memory *memory = test->param_value;
	struct st_iommu *mmu = st_iommu_attach(test);
	struct dma_buf_range range = memory->range;
	struct st_test *t = test->priv;

	range.nr_pages = NR_PAGES;
	range.pfn = 1;
	t->exp->lie = &range;
	KUNIT_EXPECT_EQ(test, memory->err, st_iommu_check(mmu, 0, PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, memory->err, st_iommu_map(mmu, 0, PAGE_SIZE, false));
	KUNIT_EXPECT_EQ(test, memory->err ? 0 : 1, st_iommu_count(mmu));
	KUNIT_EXPECT_EQ(test, memory->prot, mmu->pages[0].prot);
	st_iommu_detach(mmu);
}

/* Nothing beyond the buffer, and nothing of one that is revoked. */
static void st_iommu_errors(struct kunit *test)
{
	static const int errs[][2] = {
		{ -EAGAIN, -ENODEV }, { -EIO, -ENODEV }, { -ENODEV, -ENODEV },
		{ -EACCES, -EOPNOTSUPP }, { -ENOMEM, -ENOMEM },
	};
	struct st_iommu *mmu = st_iommu_attach(test);
	struct st_test *t = test->priv;
	u64 word;
	int i;

	KUNIT_EXPECT_EQ(test, -EINVAL, st_iommu_check(mmu, PAGE_SIZE, NR_PAGES * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, -EINVAL, st_iommu_map(mmu, U64_MAX, PAGE_SIZE, false));
	KUNIT_EXPECT_EQ(test, -EINVAL, st_iommu_map(mmu, PAGE_SIZE, SIZE_MAX, false));
	KUNIT_EXPECT_EQ(test, -EINVAL, dma_buf_access(mmu->attach, NR_PAGES * PAGE_SIZE, &word,
						      sizeof(word), false));
	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		t->exp->err = errs[i][0];
		KUNIT_EXPECT_EQ(test, errs[i][1], st_iommu_check(mmu, 0, PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, errs[i][1], st_iommu_map(mmu, 0, PAGE_SIZE, false));
		KUNIT_EXPECT_EQ(test, errs[i][1], dma_buf_access(mmu->attach, 0, &word,
								 sizeof(word), false));
	}
	KUNIT_EXPECT_EQ(test, 0, st_iommu_count(mmu));
	st_iommu_detach(mmu);
}

/* Who stands in for a device reads and writes across pages. */
static void st_iommu_access(struct kunit *test)
{
	struct st_iommu *mmu = st_iommu_attach(test);
	struct st_test *t = test->priv;
	u64 words[2] = {};

	KUNIT_EXPECT_EQ(test, 0, dma_buf_access(mmu->attach, 4 * PAGE_SIZE - 8, words,
						sizeof(words), false));
	KUNIT_EXPECT_EQ(test, 0, words[0]);
	KUNIT_EXPECT_EQ(test, MARK(4), words[1]);
	words[0] = 44;
	words[1] = 55;
	KUNIT_EXPECT_EQ(test, 0, dma_buf_access(mmu->attach, 4 * PAGE_SIZE - 8, words,
						sizeof(words), true));
	KUNIT_EXPECT_EQ(test, 44,
			((u64 *)page_address(t->exp->pages[3]))[PAGE_SIZE / 8 - 1]);
	KUNIT_EXPECT_EQ(test, 55, *(u64 *)page_address(t->exp->pages[4]));
	st_iommu_detach(mmu);
}

/* An IOVA is to be aligned as the memory is. */
static void st_iommu_alignment(struct kunit *test)
{
	const struct dma_buf_range range = { .nr_pages = NR_PAGES, .pfn = 0x200 };
	struct st_iommu *mmu = st_iommu_attach(test);
	struct st_test *t = test->priv;

	t->exp->lie = &range;
	dma_resv_lock(t->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, 0x200 * PAGE_SIZE, dma_buf_iommu_align(mmu->attach, 0));
	KUNIT_EXPECT_EQ(test, 4 * PAGE_SIZE,
			dma_buf_iommu_align(mmu->attach, 12 * PAGE_SIZE));
	dma_resv_unlock(t->dmabuf->resv);
	st_iommu_detach(mmu);
}

/* Importers hear of a revoke and of its end. */
static void st_iommu_notified(struct kunit *test)
{
	struct st_iommu *mmu = st_iommu_attach(test);
	struct st_test *t = test->priv;

	dma_resv_lock(t->dmabuf->resv, NULL);
	dma_buf_invalidate_mappings(t->dmabuf);
	KUNIT_EXPECT_EQ(test, 1, mmu->revoked);
	KUNIT_EXPECT_EQ(test, 0, mmu->restored);
	dma_buf_restore_mappings(t->dmabuf);
	KUNIT_EXPECT_EQ(test, 1, mmu->restored);
	dma_resv_unlock(t->dmabuf->resv);
	st_iommu_detach(mmu);
}

static struct kunit_case st_cases[] = {
	KUNIT_CASE(st_iommu_pages),
	KUNIT_CASE(st_iommu_runs),
	KUNIT_CASE(st_iommu_undo),
	KUNIT_CASE_PARAM(st_iommu_kinds, st_iommu_memories_gen_params),
	KUNIT_CASE(st_iommu_errors),
	KUNIT_CASE(st_iommu_access),
	KUNIT_CASE(st_iommu_alignment),
	KUNIT_CASE(st_iommu_notified),
	{}
};

static struct kunit_suite st_suite = {
	.name = "dma_buf_mmap_iommu",
	.init = dma_buf_st_init,
	.exit = dma_buf_st_exit,
	.test_cases = st_cases,
};

kunit_test_suite(st_suite);

MODULE_DESCRIPTION("KUnit tests of buffers in the page tables of an IOMMU");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
