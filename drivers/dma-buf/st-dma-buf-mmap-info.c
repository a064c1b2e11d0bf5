// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of DMA_BUF_IOCTL_GET_INFO: what exporters of all kinds are said to be.
 */
#include <linux/fs.h>
#include <linux/mman.h>
#include <uapi/linux/dma-buf.h>

#include "st-dma-buf-mmap.h"

#define CACHING	(DMA_BUF_INFO_CPU_CACHED | DMA_BUF_INFO_CPU_WRITE_COMBINED)
/* What is known of an exporter that names its memory, unless accesses always complete */
#define ALWAYS	(DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP | \
		 DMA_BUF_INFO_REVOCABLE | DMA_BUF_INFO_REVOKED | DMA_BUF_INFO_DYNAMIC)
#define THERE	(CACHING | DMA_BUF_INFO_IO_MEMORY)

/* As user space has it. */
static struct dma_buf_info st_get_info(struct kunit *test, struct dma_buf *dmabuf)
{
	struct file *file = dmabuf->file;
	struct dma_buf_info info = {};
	unsigned long addr;
	void __user *arg;
	long ret;

	addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	arg = (void __user *)addr;
	KUNIT_ASSERT_EQ(test, 0, copy_to_user(arg, &info, sizeof(info)));
	ret = file->f_op->unlocked_ioctl(file, DMA_BUF_IOCTL_GET_INFO, addr);
	KUNIT_ASSERT_EQ(test, 0, ret);
	KUNIT_ASSERT_EQ(test, 0, copy_from_user(&info, arg, sizeof(info)));
	vm_munmap(addr, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, dmabuf->size, info.size);
	return info;
}

static const struct st_info_case {
	const char *name;
	unsigned int flags;
	int err;
	u64 known, props;
} st_info_cases[] = {
	{ "stays", 0, 0, ALWAYS | THERE,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_REVOCABLE | DMA_BUF_INFO_CPU_CACHED },
	{ "stays for ever", DMA_BUF_MMAP_EAGER, 0, ALWAYS | THERE,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_CPU_CACHED },
	{ "moves", DMA_BUF_MMAP_MOVES, 0, ALWAYS | THERE,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_REVOCABLE | DMA_BUF_INFO_CPU_CACHED |
	  DMA_BUF_INFO_DYNAMIC },
	{ "moving", DMA_BUF_MMAP_MOVES, -EAGAIN, ALWAYS,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_REVOCABLE | DMA_BUF_INFO_DYNAMIC },
	{ "not there", 0, -ENODATA, ALWAYS,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_REVOCABLE },
	{ "off", 0, -EIO, ALWAYS,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_REVOCABLE },
	{ "wrong", 0, -EFAULT, ALWAYS,
	  DMA_BUF_INFO_SYNC_NOOP | DMA_BUF_INFO_REVOCABLE },
	{ "for no CPU", 0, -EACCES, ALWAYS,
	  DMA_BUF_INFO_SYNC_NOOP | DMA_BUF_INFO_REVOCABLE },
	{ "completes", DMA_BUF_MMAP_NOSIGBUS, -ENODATA, ALWAYS & ~DMA_BUF_INFO_REVOKED,
	  DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
	  DMA_BUF_INFO_REVOCABLE },
	{ "gone", 0, -ENODEV, ALWAYS,
	  DMA_BUF_INFO_SYNC_NOOP | DMA_BUF_INFO_REVOCABLE |
	  DMA_BUF_INFO_REVOKED },
};

KUNIT_ARRAY_PARAM_DESC(st_info_cases, st_info_cases, name);

static void st_info(struct kunit *test)
{
	const struct st_info_case *c = test->param_value;
	struct st_test *t = test->priv;
	struct dma_buf_info info;

	t->exp->flags = c->flags;
	t->exp->err = c->err;
	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDONLY);
	info = st_get_info(test, t->dmabuf);
	KUNIT_EXPECT_EQ(test, c->known, info.known);
	KUNIT_EXPECT_EQ(test, c->props, info.props);
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* An exporter with an mmap op of its own names nothing. */
static void st_info_own_mmap(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct dma_buf_info info;

	t->exp->own_mmap = true;
	dma_buf_st_export(test, PAGE_SIZE, O_RDWR);
	info = st_get_info(test, t->dmabuf);
	KUNIT_EXPECT_EQ(test, DMA_BUF_INFO_SYNC_NOOP, info.known);
	KUNIT_EXPECT_EQ(test, 0, info.props);
}

static struct kunit_case st_info_test_cases[] = {
	KUNIT_CASE_PARAM(st_info, st_info_cases_gen_params),
	KUNIT_CASE(st_info_own_mmap),
	{}
};

static struct kunit_suite st_info_suite = {
	.name = "dma_buf_mmap_info",
	.init = dma_buf_st_init,
	.exit = dma_buf_st_exit,
	.test_cases = st_info_test_cases,
};

kunit_test_suite(st_info_suite);

MODULE_DESCRIPTION("KUnit test of DMA_BUF_IOCTL_GET_INFO");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
