/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exporter of the KUnit suites of CPU mappings of dma-bufs.
 */
#ifndef __ST_DMA_BUF_MMAP_H__
#define __ST_DMA_BUF_MMAP_H__

#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#define NR_PAGES	40
#define MARK(i)		(0xd3a0000000000000ull + (i))

/* An exporter; outlives the test case if the last fput() is delayed. */
struct st_exporter {
	struct page *pages[NR_PAGES];
	struct page *large;
	unsigned int large_order;
	struct page **list;	/* of the pages of @large, in any order */
	bool whole_folios;
	unsigned int flags;	/* DMA_BUF_MMAP_* */
	const struct dma_buf_range *lie;	/* what get_range answers */
	enum dma_buf_caching caching;
	u8 dummy_fill;
	bool own_mmap;		/* has an mmap op, which fails, and no ranges */
	int err;		/* what get_range returns */
	int err_after;		/* what it returns after so many waits */
	unsigned int nr_waits;
	unsigned int gets;
	unsigned int puts;
	unsigned int waits;
	unsigned int intr_waits;	/* those that any signal ends */
	const u64 *look;	/* what get_range looks at, and saw */
	u64 saw;
};

struct st_test {
	struct st_exporter *exp;
	struct dma_buf *dmabuf;
	unsigned long addr;
	size_t len;
};

int dma_buf_st_init(struct kunit *test);
void dma_buf_st_exit(struct kunit *test);
void dma_buf_st_export(struct kunit *test, size_t size, int flags);
void dma_buf_st_map_all(struct kunit *test);
void dma_buf_st_set_err(struct st_test *t, int err);

static inline unsigned long st_mmap(struct st_test *t, pgoff_t pgoff,
				    unsigned int nr, unsigned long prot,
				    unsigned long flags)
{
	return vm_mmap(t->dmabuf->file, 0, nr * PAGE_SIZE, prot, flags,
		       pgoff << PAGE_SHIFT);
}

/* The word at the start of the page at @addr; 0 if it cannot be read. */
static inline u64 st_read(unsigned long addr)
{
	u64 val = 0;

	return copy_from_user(&val, (void __user *)addr, sizeof(val)) ? 0 : val;
}

#endif /* __ST_DMA_BUF_MMAP_H__ */
