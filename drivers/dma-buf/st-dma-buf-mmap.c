// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of CPU mappings of dma-bufs: real VMAs, real page faults, an
 * exporter whose answers the test decides.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/path.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "st-dma-buf-mmap.h"

/* Every page shows what is at its offset in the buffer, wherever it begins. */
static void st_offsets(struct kunit *test)
{
	struct st_test *t = test->priv;
	unsigned long addr;
	unsigned int first, i;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	for (first = 0; first < NR_PAGES; first += 7) {
		addr = st_mmap(t, first, NR_PAGES - first, PROT_READ, MAP_SHARED);
		KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
		for (i = NR_PAGES; i-- > first; )
			KUNIT_EXPECT_EQ(test, MARK(i),
					st_read(addr + (i - first) * PAGE_SIZE));
		vm_munmap(addr, (NR_PAGES - first) * PAGE_SIZE);
	}
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* What is left of a mapping after a hole was cut still shows the right pages. */
static void st_split(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct dma_buf *found;
	unsigned int i;
	u64 offset;

	dma_buf_st_map_all(test);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(t->addr + 3 * PAGE_SIZE,
					   4 * PAGE_SIZE));
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, i >= 3 && i < 7 ? 0 : MARK(i),
				st_read(t->addr + i * PAGE_SIZE));

	found = dma_buf_get_from_address(current->mm, t->addr + 9 * PAGE_SIZE + 5,
					 100, VM_READ | VM_WRITE, true, &offset);
	KUNIT_ASSERT_PTR_EQ(test, found, t->dmabuf);
	KUNIT_EXPECT_EQ(test, offset, 9 * PAGE_SIZE + 5);
	dma_buf_put(found);
}

struct st_rule {
	const char *description;
	int open_flags;
	pgoff_t pgoff;
	unsigned int nr;
	unsigned long prot;
	unsigned long flags;
	int err;		/* what get_range answers */
	int expected;
};

static const struct st_rule st_rules[] = {
	{ "whole", O_RDWR, 0, NR_PAGES, PROT_WRITE, MAP_SHARED, 0, 0 },
	{ "last page", O_RDWR, NR_PAGES - 1, 1, PROT_READ, MAP_SHARED, 0, 0 },
	{ "one page too long", O_RDWR, 0, NR_PAGES + 1, PROT_READ, MAP_SHARED,
	  0, -EINVAL },
	{ "begins at the end", O_RDWR, NR_PAGES, 1, PROT_READ, MAP_SHARED, 0,
	  -EINVAL },
	{ "ends outside", O_RDWR, NR_PAGES - 1, 2, PROT_READ, MAP_SHARED, 0,
	  -EINVAL },
	{ "offset wraps around", O_RDWR, (ULONG_MAX >> PAGE_SHIFT) - 1, 1,
	  PROT_READ, MAP_SHARED, 0, -EINVAL },
	{ "private", O_RDWR, 0, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0,
	  -EINVAL },
	{ "private, read only", O_RDWR, 0, 1, PROT_READ, MAP_PRIVATE, 0,
	  -EINVAL },
	{ "read-only file", O_RDONLY, 0, 1, PROT_READ, MAP_SHARED, 0, 0 },
	{ "write to a read-only file", O_RDONLY, 0, 1, PROT_WRITE, MAP_SHARED,
	  0, -EACCES },
	{ "moving", O_RDWR, 0, 1, PROT_READ, MAP_SHARED, -EAGAIN, 0 },
	{ "not populated", O_RDWR, 0, 1, PROT_READ, MAP_SHARED, -ENODATA, 0 },
	{ "off for a while", O_RDWR, 0, 1, PROT_READ, MAP_SHARED, -EIO, 0 },
	{ "revoked", O_RDWR, 0, 1, PROT_READ, MAP_SHARED, -ENODEV, -ENODEV },
	{ "never mappable", O_RDWR, 0, 1, PROT_READ, MAP_SHARED, -EACCES,
	  -EACCES },
};

KUNIT_ARRAY_PARAM_DESC(st_rules, st_rules, description);

/* mmap() allows what the model allows, and names the reason otherwise. */
static void st_mmap_rules(struct kunit *test)
{
	const struct st_rule *rule = test->param_value;
	struct st_test *t = test->priv;
	unsigned long addr;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, rule->open_flags);
	t->exp->err = rule->err;
	addr = st_mmap(t, rule->pgoff, rule->nr, rule->prot, rule->flags);
	if (rule->expected) {
		KUNIT_EXPECT_EQ(test, (long)addr, (long)rule->expected);
		return;
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	vm_munmap(addr, rule->nr * PAGE_SIZE);
}

/* After an invalidate the next touch asks again; a second one has no work. */
static void st_zap(struct kunit *test)
{
	struct st_test *t = test->priv;
	unsigned int gets;

	dma_buf_st_map_all(test);
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
	gets = t->exp->gets;
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
	KUNIT_EXPECT_EQ(test, gets, t->exp->gets);
	KUNIT_EXPECT_TRUE(test, t->dmabuf->mmap->mapped);

	dma_resv_lock(t->dmabuf->resv, NULL);
	swap(t->exp->pages[0], t->exp->pages[1]);
	dma_buf_invalidate_mappings(t->dmabuf);
	KUNIT_EXPECT_FALSE(test, t->dmabuf->mmap->mapped);
	dma_buf_invalidate_mappings(t->dmabuf);
	dma_resv_unlock(t->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, MARK(1), st_read(t->addr));
	KUNIT_EXPECT_GT(test, t->exp->gets, gets);
}

struct st_answer {
	const char *description;
	int err;
	int err_after;
	bool readable;
	unsigned int waits;
};

static const struct st_answer st_answers[] = {
	{ "moving", -EAGAIN, 0, true, 1 },
	{ "moving again and again", -EAGAIN, 0, true, 5 },
	{ "moving, and then off", -EAGAIN, -EIO, false, 1 },
	{ "off", -EIO, 0, false, 0 },
	{ "revoked", -ENODEV, 0, false, 0 },
	{ "out of memory", -ENOMEM, 0, false, 0 },
};

KUNIT_ARRAY_PARAM_DESC(st_answers, st_answers, description);

/* A fault waits when the exporter says so, and fails when it says no. */
static void st_fault_answers(struct kunit *test)
{
	const struct st_answer *answer = test->param_value;
	struct st_test *t = test->priv;

	if (IS_ENABLED(CONFIG_UML) && answer->err == -ENOMEM)
		kunit_skip(test, "copy_from_user() of UML oopses on VM_FAULT_OOM");

	dma_buf_st_map_all(test);
	t->exp->err = answer->err;
	t->exp->err_after = answer->err_after;
	t->exp->nr_waits = answer->waits;
	KUNIT_EXPECT_EQ(test, answer->readable ? MARK(2) : 0,
			st_read(t->addr + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, answer->waits, t->exp->waits);

	t->exp->err = 0;
	KUNIT_EXPECT_EQ(test, MARK(2), st_read(t->addr + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

struct st_signal {
	struct delayed_work work;
	struct dma_fence *fence;
};

static const char *st_fence_name(struct dma_fence *fence)
{
	return "st-dma-buf-mmap";
}

static const struct dma_fence_ops st_fence_ops = {
	.get_driver_name = st_fence_name,
	.get_timeline_name = st_fence_name,
};

static void st_signal_work(struct work_struct *work)
{
	struct st_signal *sig = container_of(work, struct st_signal, work.work);

	dma_fence_signal(sig->fence);
}

struct st_fence_case {
	const char *description;
	unsigned int flags;
};

static const struct st_fence_case st_fence_cases[] = {
	{ "a fence is of a move", DMA_BUF_MMAP_MOVES | DMA_BUF_MMAP_FENCED },
	{ "it moves, and a fence is somebody else's", DMA_BUF_MMAP_MOVES },
	{ "a fence is somebody else's", 0 },
};

KUNIT_ARRAY_PARAM_DESC(st_fence_cases, st_fence_cases, description);

/*
 * An access does not show the pages before the move that fills them is done, and
 * does not wait for the fences of an exporter where nothing moves.
 */
static void st_fence(struct kunit *test)
{
	const struct st_fence_case *param = test->param_value;
	static DEFINE_SPINLOCK(lock);
	struct st_test *t = test->priv;
	struct st_signal sig;
	const bool fenced = param->flags & DMA_BUF_MMAP_FENCED;
	u64 val = 0;

	t->exp->flags = param->flags;
	dma_buf_st_map_all(test);
	sig.fence = kzalloc_obj(*sig.fence);
	KUNIT_ASSERT_NOT_NULL(test, sig.fence);
	dma_fence_init(sig.fence, &st_fence_ops, &lock,
		       dma_fence_context_alloc(1), 1);
	dma_resv_lock(t->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, 0, dma_resv_reserve_fences(t->dmabuf->resv, 1));
	dma_resv_add_fence(t->dmabuf->resv, sig.fence, DMA_RESV_USAGE_KERNEL);
	dma_resv_unlock(t->dmabuf->resv);

	INIT_DELAYED_WORK_ONSTACK(&sig.work, st_signal_work);
	schedule_delayed_work(&sig.work, msecs_to_jiffies(fenced ? 50 : 3000));
	KUNIT_EXPECT_EQ(test, MARK(5), st_read(t->addr + 5 * PAGE_SIZE));
	if (IS_ENABLED(CONFIG_HAVE_IOREMAP_PROT)) {
		access_remote_vm(current->mm, t->addr + 6 * PAGE_SIZE, &val,
				 sizeof(val), FOLL_FORCE);
		KUNIT_EXPECT_EQ(test, MARK(6), val);
	}
	KUNIT_EXPECT_EQ(test, fenced, dma_fence_is_signaled(sig.fence));

	/* One that nobody waited for signals now. */
	flush_delayed_work(&sig.work);
	destroy_delayed_work_on_stack(&sig.work);
	dma_fence_put(sig.fence);
}

struct st_lie {
	const char *description;
	struct dma_buf_range range;
};

static const struct st_lie st_lies[] = {
	{ "before the page", { .start = 0, .nr_pages = 5 } },
	{ "behind the page", { .start = 6, .nr_pages = 1 } },
	{ "nothing", { .start = 5, .nr_pages = 0 } },
	{ "beyond the buffer", { .start = 0, .nr_pages = NR_PAGES + 1 } },
	{ "wraps around", { .start = 5, .nr_pages = ULONG_MAX } },
};

KUNIT_ARRAY_PARAM_DESC(st_lies, st_lies, description);

/* An answer that cannot be true is no leaf, for nobody. */
static void st_lying_exporter(struct kunit *test)
{
	const struct st_lie *lie = test->param_value;
	struct st_test *t = test->priv;
	struct dma_buf_range range;
	int err;

	dma_buf_st_map_all(test);
	t->exp->lie = &lie->range;
	kunit_warning_suppress(test) {
		dma_resv_lock(t->dmabuf->resv, NULL);
		err = dma_buf_mmap_get_range(t->dmabuf->mmap, 5, true, &range);
		dma_resv_unlock(t->dmabuf->resv);
		KUNIT_ASSERT_EQ(test, -EFAULT, err);
		KUNIT_EXPECT_EQ(test, 0, st_read(t->addr + 5 * PAGE_SIZE));
		/* Where bug.h has no flags, a warning comes once for all cases. */
		if (!IS_ENABLED(CONFIG_UML))
			KUNIT_EXPECT_GT(test, KUNIT_SUPPRESSED_WARNING_COUNT(), 0);
	}
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
	t->exp->lie = NULL;
	KUNIT_EXPECT_EQ(test, MARK(5), st_read(t->addr + 5 * PAGE_SIZE));
}

static int st_prefault_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dma_buf *dmabuf = file->private_data;
	int err = dma_buf_mmap(dmabuf, vma, 0);

	if (err)
		return err;
	return handle_mm_fault(vma, vma->vm_start, 0, NULL) & VM_FAULT_ERROR ?
	       -EFAULT : 0;
}

static const struct file_operations st_prefault_fops = {
	.mmap = st_prefault_mmap,
};

/* No leaf goes into a VMA that no zap would find yet. */
static void st_unlinked(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct file *file;

	if (!IS_ENABLED(CONFIG_PER_VMA_LOCK))
		kunit_skip(test, "mm does not tell whether a VMA is linked");

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	file = anon_inode_getfile("[st-prefault]", &st_prefault_fops, t->dmabuf,
				  O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	kunit_warning_suppress(test)
		KUNIT_EXPECT_EQ(test, -EFAULT,
				(long)vm_mmap(file, 0, PAGE_SIZE, PROT_READ,
					      MAP_SHARED, 0));
	KUNIT_EXPECT_EQ(test, 0, t->exp->gets);
	fput(file);
}

/* A copy by the kernel waits, once, and does not come back for a signal that is not fatal. */
static void st_signal_pending(struct kunit *test)
{
	struct st_test *t = test->priv;

	if (IS_ENABLED(CONFIG_UML))
		kunit_skip(test, "copies of UML take faults of user space");

	dma_buf_st_map_all(test);
	t->exp->err = -EAGAIN;
	set_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, MARK(2), st_read(t->addr + 2 * PAGE_SIZE));
	clear_tsk_thread_flag(current, TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, 1, t->exp->waits);
	KUNIT_EXPECT_EQ(test, 0, t->exp->intr_waits);
}

/* Memory that stays is there when mmap() returns; private too, if of one piece. */
static void st_eager(struct kunit *test)
{
	struct st_test *t = test->priv;
	const unsigned long nr = 8;
	unsigned long addr, i;
	unsigned int gets;
	u64 *first, val = ~0ULL;

	t->exp->flags = DMA_BUF_MMAP_EAGER;
	dma_buf_st_map_all(test);
	gets = t->exp->gets;
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_read(t->addr + i * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, gets, t->exp->gets);

	t->exp->large_order = 3;
	t->exp->large = alloc_pages(GFP_KERNEL | __GFP_ZERO, t->exp->large_order);
	KUNIT_ASSERT_NOT_NULL(test, t->exp->large);
	first = page_address(t->exp->large + 1);
	*first = MARK(1);
	t->dmabuf->mmap->nr_pages = nr;
	addr = st_mmap(t, 0, nr, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, MARK(1), st_read(addr + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, copy_to_user((void __user *)addr + PAGE_SIZE,
					      &val, sizeof(val)));
	KUNIT_EXPECT_EQ(test, val, st_read(addr + PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, MARK(1), *first);
}

struct st_gup_case {
	const char *description;
	unsigned int flags;
	int expected;
};

static const struct st_gup_case st_gup_cases[] = {
	{ "faulted in", 0, -EFAULT },
	{ "mapped by mmap()", DMA_BUF_MMAP_EAGER, -EFAULT },
	{ "ordinary pages", DMA_BUF_MMAP_EAGER | DMA_BUF_MMAP_PAGES, 1 },
};

KUNIT_ARRAY_PARAM_DESC(st_gup_cases, st_gup_cases, description);

/* Ordinary pages are found by get_user_pages(), all others are not. */
static void st_gup(struct kunit *test)
{
	const struct st_gup_case *param = test->param_value;
	struct st_test *t = test->priv;
	struct page *page = NULL;

	t->exp->flags = param->flags;
	dma_buf_st_map_all(test);
	KUNIT_EXPECT_EQ(test, MARK(3), st_read(t->addr + 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, param->expected,
			pin_user_pages_fast(t->addr + 3 * PAGE_SIZE, 1,
					    FOLL_WRITE, &page));
	if (param->expected < 0)
		return;
	KUNIT_EXPECT_PTR_EQ(test, page, t->exp->pages[3]);
	unpin_user_page(page);
}

/* mlock() and MAP_POPULATE fault in what stays, and only that. */
static void st_populate(struct kunit *test)
{
	const struct st_fence_case *param = test->param_value;
	const bool moves = param->flags & DMA_BUF_MMAP_MOVES;
	struct st_test *t = test->priv;
	unsigned int gets, i;

	t->exp->flags = param->flags;
	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, NR_PAGES, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	gets = t->exp->gets;
	KUNIT_EXPECT_EQ(test, moves, !gets);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_read(t->addr + i * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, moves, gets != t->exp->gets);
}

/* Populating gives up where the exporter does, rather than try again for ever. */
static void st_populate_late(struct kunit *test)
{
	struct st_test *t = test->priv;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->exp->err = -EAGAIN;
	t->exp->err_after = -ETIME;
	t->addr = st_mmap(t, 0, NR_PAGES, PROT_READ, MAP_SHARED | MAP_POPULATE);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(t->addr));
	KUNIT_EXPECT_EQ(test, 1, t->exp->waits);
}

/* An address leads to the buffer if all of the span is in one piece of it. */
static void st_lookup(struct kunit *test)
{
	struct st_test *t = test->priv;
	unsigned long anon, end;
	struct dma_buf *found;
	u64 offset;

	dma_buf_st_map_all(test);
	end = t->addr + t->len;
	/* No neighbour of the buffer: a span into both would lack rights first. */
	anon = vm_mmap(NULL, 0, 3 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(anon));
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(anon, PAGE_SIZE));
	anon += PAGE_SIZE;
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(anon + PAGE_SIZE, PAGE_SIZE));

	found = dma_buf_get_from_address(current->mm, t->addr + 17, t->len - 17,
					 VM_WRITE, true, &offset);
	KUNIT_ASSERT_PTR_EQ(test, found, t->dmabuf);
	KUNIT_EXPECT_EQ(test, offset, 17);
	dma_buf_put(found);

#define FAIL(addr, len, err) \
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(err), \
			    dma_buf_get_from_address(current->mm, addr, len, \
						     VM_WRITE, true, &offset))
	FAIL(t->addr, 0, -EINVAL);
	FAIL(t->addr, ULONG_MAX, -EINVAL);
	FAIL(t->addr, t->len + 1, -ERANGE);
	FAIL(end - 1, 2, -ERANGE);
	FAIL(anon, 1, -EACCES);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-ENOENT),
			    dma_buf_get_from_address(current->mm, anon, 1,
						     VM_READ, true, &offset));
	FAIL(TASK_SIZE - PAGE_SIZE, 1, -EFAULT);
	t->dmabuf->mmap->flags |= DMA_BUF_MMAP_MOVES;
	FAIL(t->addr, 1, -ENOENT);
#undef FAIL
	vm_munmap(anon, PAGE_SIZE);
}

/* A path to the buffer, as O_PATH has it, keeps the buffer and not its file. */
static void st_closed(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct path path;

	dma_buf_st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	path = t->dmabuf->file->f_path;
	path_get(&path);
	dma_buf_put(t->dmabuf);
	flush_delayed_fput();
	KUNIT_EXPECT_NULL(test, t->dmabuf->file);
	KUNIT_EXPECT_NULL(test, get_file_active(&t->dmabuf->file));
	path_put(&path);
	/* It is gone, and the exporter with it. */
	t->dmabuf = NULL;
	t->exp = NULL;
}

static struct kunit_case st_cases[] = {
	KUNIT_CASE(st_offsets),
	KUNIT_CASE(st_split),
	KUNIT_CASE_PARAM(st_mmap_rules, st_rules_gen_params),
	KUNIT_CASE(st_zap),
	KUNIT_CASE_PARAM(st_fault_answers, st_answers_gen_params),
	KUNIT_CASE_PARAM(st_fence, st_fence_cases_gen_params),
	KUNIT_CASE_PARAM(st_lying_exporter, st_lies_gen_params),
	KUNIT_CASE(st_unlinked),
	KUNIT_CASE(st_signal_pending),
	KUNIT_CASE(st_eager),
	KUNIT_CASE_PARAM(st_gup, st_gup_cases_gen_params),
	KUNIT_CASE_PARAM(st_populate, st_fence_cases_gen_params),
	KUNIT_CASE(st_populate_late),
	KUNIT_CASE(st_lookup),
	KUNIT_CASE(st_closed),
	{}
};

static struct kunit_suite st_suite = {
	.name = "dma_buf_mmap",
	.init = dma_buf_st_init,
	.exit = dma_buf_st_exit,
	.test_cases = st_cases,
};

kunit_test_suite(st_suite);

MODULE_DESCRIPTION("KUnit tests of CPU mappings of dma-bufs");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
