// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of mappings that were asked for with MAP_NOSIGBUS.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "st-dma-buf-mmap.h"

#define FILL	0xa5
#define FILLED	0xa5a5a5a5a5a5a5a5ull

static int st_nosigbus_init(struct kunit *test)
{
	struct st_test *t;
	int err = dma_buf_st_init(test);

	if (err)
		return err;
	if (!VM_NOSIGBUS)
		kunit_skip(test, "there is no VMA flag for it");
	t = test->priv;
	t->exp->dummy_fill = FILL;
	return 0;
}

static unsigned long st_mmap_nosigbus(struct st_test *t)
{
	return st_mmap(t, 0, NR_PAGES, PROT_READ | PROT_WRITE,
		       MAP_SHARED_VALIDATE | MAP_NOSIGBUS);
}

static void st_map_nosigbus(struct kunit *test)
{
	struct st_test *t = test->priv;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->addr = st_mmap_nosigbus(t);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
}

static int st_write(unsigned long addr, u64 val)
{
	return copy_to_user((void __user *)addr, &val, sizeof(val)) ? -EFAULT : 0;
}

/* What follow_pfnmap_start() says of @addr. */
static int st_follow(unsigned long addr)
{
	struct follow_pfnmap_args args = { .address = addr };
	int err;

	mmap_read_lock(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	err = args.vma ? follow_pfnmap_start(&args) : -ENOENT;
	if (!err)
		follow_pfnmap_end(&args);
	mmap_read_unlock(current->mm);
	return err;
}

struct st_away {
	const char *description;
	int err;
	int err_after;
	unsigned int waits;
};

static const struct st_away st_aways[] = {
	{ "off", -EIO },
	{ "revoked", -ENODEV },
	{ "moving, and then off", -EAGAIN, -EIO, 1 },
};

KUNIT_ARRAY_PARAM_DESC(st_aways, st_aways, description);

/* One page stands for all of the buffer, and is forgotten when that is back. */
static void st_away(struct kunit *test)
{
	const struct st_away *away = test->param_value;
	struct st_test *t = test->priv;
	const unsigned long last = (NR_PAGES - 1) * PAGE_SIZE;
	unsigned int round;

	st_map_nosigbus(test);
	for (round = 0; round < 2; round++) {
		KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
		t->exp->waits = 0;
		t->exp->nr_waits = away->waits;
		t->exp->err_after = away->err_after;
		dma_buf_st_set_err(t, away->err);
		KUNIT_EXPECT_EQ(test, FILLED, st_read(t->addr));
		KUNIT_EXPECT_EQ(test, away->waits, t->exp->waits);
		KUNIT_EXPECT_EQ(test, 0, st_write(t->addr, MARK(77)));
		KUNIT_EXPECT_EQ(test, MARK(77), st_read(t->addr + last));
		KUNIT_EXPECT_TRUE(test, t->dmabuf->mmap->mapped);

		dma_buf_st_set_err(t, 0);
		KUNIT_EXPECT_PTR_EQ(test, t->dmabuf->mmap->dummy, NULL);
		KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
		KUNIT_EXPECT_EQ(test, MARK(NR_PAGES - 1), st_read(t->addr + last));
	}
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* Whoever resolves addresses for others finds nothing where a dummy is. */
static void st_followed(struct kunit *test)
{
	struct st_test *t = test->priv;

	st_map_nosigbus(test);
	KUNIT_EXPECT_EQ(test, -EINVAL, st_follow(t->addr));
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
	KUNIT_EXPECT_EQ(test, 0, st_follow(t->addr));
	dma_buf_st_set_err(t, -EIO);
	KUNIT_EXPECT_EQ(test, -EINVAL, st_follow(t->addr));
	KUNIT_EXPECT_EQ(test, FILLED, st_read(t->addr));
	KUNIT_EXPECT_EQ(test, -EFAULT, st_follow(t->addr));
	dma_buf_st_set_err(t, 0);
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
	KUNIT_EXPECT_EQ(test, 0, st_follow(t->addr));
}

/* What fails for once, and nobody tells when it does no longer, fails as without. */
static void st_once(struct kunit *test)
{
	struct st_test *t = test->priv;

	st_map_nosigbus(test);
	t->exp->err = -EFAULT;
	KUNIT_EXPECT_EQ(test, 0, st_read(t->addr));
	KUNIT_EXPECT_PTR_EQ(test, t->dmabuf->mmap->dummy, NULL);
	t->exp->err = 0;
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
}

/* What a debugger wrote where no leaf is goes when the buffer is back as well. */
static void st_debugged(struct kunit *test)
{
	struct st_test *t = test->priv;
	u64 val = MARK(77);

	/* Without it, mm never calls vm_ops->access. */
	if (!IS_ENABLED(CONFIG_HAVE_IOREMAP_PROT))
		kunit_skip(test, "needs CONFIG_HAVE_IOREMAP_PROT");
	t->exp->flags = DMA_BUF_MMAP_NOSIGBUS;
	dma_buf_st_map_all(test);
	dma_buf_st_set_err(t, -ENODEV);
	KUNIT_EXPECT_EQ(test, sizeof(val),
			access_remote_vm(current->mm, t->addr, &val, sizeof(val),
					 FOLL_WRITE));
	KUNIT_EXPECT_EQ(test, MARK(77), st_read(t->addr + PAGE_SIZE));
	dma_buf_st_set_err(t, -ENODEV);
	KUNIT_EXPECT_EQ(test, sizeof(val),
			access_remote_vm(current->mm, t->addr, &val, sizeof(val),
					 FOLL_WRITE));
	dma_buf_st_set_err(t, 0);
	KUNIT_EXPECT_PTR_EQ(test, t->dmabuf->mmap->dummy, NULL);
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
}

/* Of two mappings each is as it was asked for. */
static void st_beside(struct kunit *test)
{
	struct st_test *t = test->priv;
	unsigned long plain;

	st_map_nosigbus(test);
	/* What a mapping is not asked to look at does not count. */
	plain = st_mmap(t, 0, NR_PAGES, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NOSIGBUS);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(plain));
	dma_buf_st_set_err(t, -EIO);
	KUNIT_EXPECT_EQ(test, FILLED, st_read(t->addr));
	KUNIT_EXPECT_EQ(test, 0, st_read(plain));
	dma_buf_st_set_err(t, 0);
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(plain));
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
}

/* The core cannot promise it for what an exporter maps by itself. */
static void st_refused(struct kunit *test)
{
	struct st_test *t = test->priv;

	t->exp->own_mmap = true;
	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	KUNIT_EXPECT_EQ(test, (long)-EOPNOTSUPP, (long)st_mmap_nosigbus(t));
	KUNIT_EXPECT_EQ(test, (long)-ENXIO,
			(long)st_mmap(t, 0, NR_PAGES, PROT_READ, MAP_SHARED));
}

static struct kunit_case st_nosigbus_cases[] = {
	KUNIT_CASE_PARAM(st_away, st_aways_gen_params),
	KUNIT_CASE(st_followed),
	KUNIT_CASE(st_once),
	KUNIT_CASE(st_debugged),
	KUNIT_CASE(st_beside),
	KUNIT_CASE(st_refused),
	{}
};

static struct kunit_suite st_nosigbus_suite = {
	.name = "dma_buf_mmap_nosigbus",
	.init = st_nosigbus_init,
	.exit = dma_buf_st_exit,
	.test_cases = st_nosigbus_cases,
};

kunit_test_suite(st_nosigbus_suite);
