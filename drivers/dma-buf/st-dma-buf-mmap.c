// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of CPU mappings of dma-bufs: real VMAs, real page faults, an
 * exporter whose answers the test decides.
 */
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#define NR_PAGES	40
#define MARK(i)		(0xd3a0000000000000ull + (i))

/* An exporter; outlives the test case if the last fput() is delayed. */
struct st_exporter {
	struct page *pages[NR_PAGES];
	struct page *large;
	unsigned int large_order;
	struct page **list;	/* of the pages of @large, in any order */
	bool whole_folios;
	enum dma_buf_caching caching;
	int err;		/* what get_range returns */
	int wait_err;		/* what wait returns; 0 also clears @err */
	unsigned int gets;
	unsigned int puts;
	unsigned int waits;
};

struct st_test {
	struct st_exporter *exp;
	struct dma_buf *dmabuf;
	unsigned long addr;
	size_t len;
};

static int st_get_range(void *priv, pgoff_t pgoff, bool populate,
			struct dma_buf_range *range)
{
	struct st_exporter *exp = priv;

	if (exp->err)
		return exp->err;

	exp->gets++;
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

static int st_wait(void *priv)
{
	struct st_exporter *exp = priv;

	exp->waits++;
	if (!exp->wait_err)
		exp->err = 0;
	return exp->wait_err;
}

static const struct dma_buf_mmap_ops st_mmap_ops = {
	.get_range = st_get_range,
	.put_range = st_put_range,
	.wait = st_wait,
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

/* The dma-buf owns the exporter from here on. */
static void st_export(struct kunit *test, size_t size, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct st_test *t = test->priv;
	struct dma_buf *dmabuf;

	exp_info.ops = &st_dmabuf_ops;
	exp_info.mmap.ops = &st_mmap_ops;
	exp_info.size = size;
	exp_info.flags = flags;
	exp_info.priv = t->exp;
	dmabuf = dma_buf_export(&exp_info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	t->dmabuf = dmabuf;
}

static int st_init(struct kunit *test)
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

static void st_exit(struct kunit *test)
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

static unsigned long st_mmap(struct st_test *t, pgoff_t pgoff, unsigned int nr,
			     unsigned long prot, unsigned long flags)
{
	return vm_mmap(t->dmabuf->file, 0, nr * PAGE_SIZE, prot, flags,
		       pgoff << PAGE_SHIFT);
}

static void st_map_all(struct kunit *test)
{
	struct st_test *t = test->priv;

	st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, NR_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->len = NR_PAGES * PAGE_SIZE;
}

/* The word at the start of the page at @addr; 0 if it cannot be read. */
static u64 st_read(unsigned long addr)
{
	u64 val = 0;

	return copy_from_user(&val, (void __user *)addr, sizeof(val)) ? 0 : val;
}

/* Every page shows what is at its offset in the buffer, wherever it begins. */
static void st_offsets(struct kunit *test)
{
	struct st_test *t = test->priv;
	unsigned long addr;
	unsigned int first, i;

	st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
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

	st_map_all(test);
	KUNIT_ASSERT_EQ(test, 0, vm_munmap(t->addr + 3 * PAGE_SIZE,
					   4 * PAGE_SIZE));
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, i >= 3 && i < 7 ? 0 : MARK(i),
				st_read(t->addr + i * PAGE_SIZE));

	found = dma_buf_get_from_address(current->mm, t->addr + 9 * PAGE_SIZE + 5,
					 100, VM_READ | VM_WRITE, &offset);
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

	st_export(test, NR_PAGES * PAGE_SIZE, rule->open_flags);
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

	st_map_all(test);
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
	gets = t->exp->gets;
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
	KUNIT_EXPECT_EQ(test, gets, t->exp->gets);
	KUNIT_EXPECT_TRUE(test, t->dmabuf->mapped);

	dma_resv_lock(t->dmabuf->resv, NULL);
	swap(t->exp->pages[0], t->exp->pages[1]);
	dma_buf_invalidate_mappings(t->dmabuf);
	KUNIT_EXPECT_FALSE(test, t->dmabuf->mapped);
	dma_buf_invalidate_mappings(t->dmabuf);
	dma_resv_unlock(t->dmabuf->resv);

	KUNIT_EXPECT_EQ(test, MARK(1), st_read(t->addr));
	KUNIT_EXPECT_GT(test, t->exp->gets, gets);
}

struct st_answer {
	const char *description;
	int err;
	int wait_err;
	bool readable;
	bool waits;
};

static const struct st_answer st_answers[] = {
	{ "moving", -EAGAIN, 0, true, true },
	{ "moving, and then off", -EAGAIN, -EIO, false, true },
	{ "moving, a wait that did not wait", -EAGAIN, -EAGAIN, false, true },
	{ "off", -EIO, 0, false, false },
	{ "revoked", -ENODEV, 0, false, false },
	{ "out of memory", -ENOMEM, 0, false, false },
};

KUNIT_ARRAY_PARAM_DESC(st_answers, st_answers, description);

/* A fault waits when the exporter says so, and fails when it says no. */
static void st_fault_answers(struct kunit *test)
{
	const struct st_answer *answer = test->param_value;
	struct st_test *t = test->priv;

	if (IS_ENABLED(CONFIG_UML) && answer->err == -ENOMEM)
		kunit_skip(test, "copy_from_user() of UML oopses on VM_FAULT_OOM");

	st_map_all(test);
	t->exp->err = answer->err;
	t->exp->wait_err = answer->wait_err;
	KUNIT_EXPECT_EQ(test, answer->readable ? MARK(2) : 0,
			st_read(t->addr + 2 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, answer->waits, t->exp->waits > 0);

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

/* A fault does not show the pages before the move that fills them is done. */
static void st_fence(struct kunit *test)
{
	static DEFINE_SPINLOCK(lock);
	struct st_test *t = test->priv;
	struct st_signal sig;

	st_map_all(test);
	sig.fence = kzalloc_obj(*sig.fence);
	KUNIT_ASSERT_NOT_NULL(test, sig.fence);
	dma_fence_init(sig.fence, &st_fence_ops, &lock,
		       dma_fence_context_alloc(1), 1);
	dma_resv_lock(t->dmabuf->resv, NULL);
	KUNIT_EXPECT_EQ(test, 0, dma_resv_reserve_fences(t->dmabuf->resv, 1));
	dma_resv_add_fence(t->dmabuf->resv, sig.fence, DMA_RESV_USAGE_KERNEL);
	dma_resv_unlock(t->dmabuf->resv);

	INIT_DELAYED_WORK_ONSTACK(&sig.work, st_signal_work);
	schedule_delayed_work(&sig.work, msecs_to_jiffies(50));
	KUNIT_EXPECT_EQ(test, MARK(5), st_read(t->addr + 5 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(sig.fence));

	flush_delayed_work(&sig.work);
	destroy_delayed_work_on_stack(&sig.work);
	dma_fence_put(sig.fence);
}

/* An address leads to the buffer if all of the span is in one piece of it. */
static void st_lookup(struct kunit *test)
{
	struct st_test *t = test->priv;
	unsigned long anon, end;
	struct dma_buf *found;
	u64 offset;

	st_map_all(test);
	end = t->addr + t->len;
	anon = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(anon));

	found = dma_buf_get_from_address(current->mm, t->addr + 17, t->len - 17,
					 VM_WRITE, &offset);
	KUNIT_ASSERT_PTR_EQ(test, found, t->dmabuf);
	KUNIT_EXPECT_EQ(test, offset, 17);
	dma_buf_put(found);

#define FAIL(addr, len, err) \
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(err), \
			    dma_buf_get_from_address(current->mm, addr, len, \
						     VM_WRITE, &offset))
	FAIL(t->addr, 0, -EINVAL);
	FAIL(t->addr, ULONG_MAX, -EINVAL);
	FAIL(t->addr, t->len + 1, -ERANGE);
	FAIL(end - 1, 2, -ERANGE);
	FAIL(anon, 1, -EACCES);
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-ENOENT),
			    dma_buf_get_from_address(current->mm, anon, 1,
						     VM_READ, &offset));
	FAIL(TASK_SIZE - PAGE_SIZE, 1, -EFAULT);
#undef FAIL
	vm_munmap(anon, PAGE_SIZE);
}

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
	st_export(test, PMD_SIZE, O_RDWR);
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

	st_export(test, PMD_SIZE, O_RDWR);
	t->addr = st_mmap(t, 0, nr, PROT_READ, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(t->addr));
	t->len = PMD_SIZE;
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(test, MARK(i), st_read(t->addr + i * PAGE_SIZE));
	/* The address suits the first page, and so all of it if they are in order. */
	st_leaf(test, t->addr, &size);
	KUNIT_EXPECT_EQ(test, size, order->swapped ? PAGE_SIZE : PMD_SIZE);
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
	st_export(test, PMD_SIZE, O_RDWR);

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

	st_map_all(test);
	t->exp->caching = DMA_BUF_WRITE_COMBINED;
	KUNIT_EXPECT_EQ(test, 0, st_read(t->addr));
	t->exp->caching = DMA_BUF_CACHED;
	KUNIT_EXPECT_EQ(test, MARK(0), st_read(t->addr));
}

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

/* What revokes and what ends a revoke, as an exporter does it. */
static void st_set_err(struct st_test *t, int err)
{
	dma_resv_lock(t->dmabuf->resv, NULL);
	t->exp->err = err;
	dma_buf_invalidate_mappings(t->dmabuf);
	if (!err)
		dma_buf_vmap_restore(t->dmabuf);
	dma_resv_unlock(t->dmabuf->resv);
}

/* The kernel's own mapping goes nowhere while the buffer is revoked. */
static void st_vmap(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map, again;
	unsigned int i;

	st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
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
	st_set_err(t, -EIO);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, 0, st_vread(&again, i));
	iosys_map_wr(&map, 3 * PAGE_SIZE, u64, 33);
	KUNIT_EXPECT_EQ(test, 33, st_vread(&map, 7));
	st_set_err(t, -EAGAIN);
	dma_buf_vunmap_unlocked(t->dmabuf, &again);

	/* It comes back with what was there, in place of what was written. */
	st_set_err(t, 0);
	st_expect_vmap(test, &map);
	st_set_err(t, -ENODEV);
	KUNIT_EXPECT_EQ(test, 33, st_vread(&map, 7));
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

	st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	st_set_err(t, -ENODEV);
	KUNIT_EXPECT_EQ(test, -ENODEV, dma_buf_vmap_unlocked(t->dmabuf, &map));
	st_set_err(t, -EACCES);
	KUNIT_EXPECT_EQ(test, -EACCES, dma_buf_vmap_unlocked(t->dmabuf, &map));
	st_set_err(t, -EAGAIN);
	KUNIT_ASSERT_EQ(test, 0, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_TRUE(test, map.is_iomem);
	KUNIT_EXPECT_EQ(test, 0, st_vread(&map, 0));
	st_set_err(t, 0);
	st_expect_vmap(test, &map);
	dma_buf_vunmap_unlocked(t->dmabuf, &map);
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

/* Who maps through an importer writes when the importer does. */
static void st_vmap_readonly(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map;

	st_export(test, NR_PAGES * PAGE_SIZE, O_RDONLY);
	KUNIT_EXPECT_EQ(test, IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP) ? -EACCES : -EOPNOTSUPP,
			dma_buf_vmap_unlocked(t->dmabuf, &map));
}

/* A caching that the memory does not have is refused here too. */
static void st_vmap_wrong_caching(struct kunit *test)
{
	struct st_test *t = test->priv;
	struct iosys_map map;

	if (!IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP))
		kunit_skip(test, "no vmap in this configuration");

	st_export(test, NR_PAGES * PAGE_SIZE, O_RDWR);
	t->exp->caching = DMA_BUF_WRITE_COMBINED;
	KUNIT_EXPECT_EQ(test, -EPERM, dma_buf_vmap_unlocked(t->dmabuf, &map));
	KUNIT_EXPECT_EQ(test, t->exp->gets, t->exp->puts);
}

static struct kunit_case st_cases[] = {
	KUNIT_CASE(st_offsets),
	KUNIT_CASE(st_split),
	KUNIT_CASE_PARAM(st_mmap_rules, st_rules_gen_params),
	KUNIT_CASE(st_zap),
	KUNIT_CASE_PARAM(st_fault_answers, st_answers_gen_params),
	KUNIT_CASE(st_fence),
	KUNIT_CASE(st_lookup),
	KUNIT_CASE(st_large_leaf),
	KUNIT_CASE_PARAM(st_page_order, st_orders_gen_params),
	KUNIT_CASE(st_window),
	KUNIT_CASE(st_wrong_caching),
	KUNIT_CASE(st_vmap),
	KUNIT_CASE(st_vmap_revoked),
	KUNIT_CASE(st_vmap_readonly),
	KUNIT_CASE(st_vmap_wrong_caching),
	{}
};

static struct kunit_suite st_suite = {
	.name = "dma_buf_mmap",
	.init = st_init,
	.exit = st_exit,
	.test_cases = st_cases,
};

kunit_test_suite(st_suite);

MODULE_DESCRIPTION("KUnit tests of CPU mappings of dma-bufs");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
