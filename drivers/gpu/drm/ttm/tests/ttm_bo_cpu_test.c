// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of what TTM drivers do so that the CPU reaches a buffer: devices that behave
 * as one driver or other does, each hook with each of its answers.
 */
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "ttm_bo_mmap_test.h"

/**
 * struct ttm_cpu_driver - how the device behaves, and what it was asked
 * @try: what cpu_prepare returns that must not wait, until somebody has waited
 * @wait: what cpu_prepare returns that may; -EBUSY without having waited
 * @own_wait: what cpu_wait returns, the driver's own
 * @others: how often others have first what cpu_wait needs
 * @allowed: how many pages may be mapped
 * @notify: of writes
 * @fence: cpu_prepare begins a move that takes a while
 * @busy: whoever does not wait in place finds that others were faster
 * @access: what access_memory returns first
 * @waited: whether somebody has waited
 * @tries: how often cpu_prepare was asked in vain without waiting
 * @prepared: how often cpu_prepare returned 0
 * @finished: how often cpu_finish was called
 * @nested: how often cpu_prepare was called for a second range before cpu_finish
 * @waits: how often somebody waited
 * @looks: how often cpu_prepare was asked without a context
 * @written: bit for each page that cpu_mkwrite was called for
 * @accesses: how often access_memory was called
 * @last: when cpu_wait was called
 * @hasty: how often again in the same tick
 */
struct ttm_cpu_driver {
	int try;
	int wait;
	int own_wait;
	int others;
	unsigned long allowed;
	bool notify;
	bool fence;
	bool busy;
	int access;
	bool waited;
	int tries;
	int prepared;
	int finished;
	int nested;
	int waits;
	int looks;
	unsigned long written;
	int accesses;
	unsigned long last;
	int hasty;
};

static struct ttm_cpu_driver ttm_cpu_drv;

struct ttm_cpu_move {
	struct dma_fence fence;
	struct delayed_work work;
	spinlock_t lock; /* of the fence */
};

static const char *ttm_cpu_fence_name(struct dma_fence *fence)
{
	return "ttm_cpu";
}

static const struct dma_fence_ops ttm_cpu_fence_ops = {
	.get_driver_name = ttm_cpu_fence_name,
	.get_timeline_name = ttm_cpu_fence_name,
};

static void ttm_cpu_move_done(struct work_struct *work)
{
	struct ttm_cpu_move *move = container_of(work, struct ttm_cpu_move, work.work);

	dma_fence_signal(&move->fence);
	dma_fence_put(&move->fence);
}

/* As a driver that has the buffer moved by its engine. */
static int ttm_cpu_start_move(struct ttm_buffer_object *bo)
{
	struct ttm_cpu_move *move = kzalloc_obj(*move);

	if (!move || dma_resv_reserve_fences(bo->base.resv, 1)) {
		kfree(move);
		return -ENOMEM;
	}
	spin_lock_init(&move->lock);
	dma_fence_init(&move->fence, &ttm_cpu_fence_ops, &move->lock,
		       dma_fence_context_alloc(1), 1);
	INIT_DELAYED_WORK(&move->work, ttm_cpu_move_done);
	dma_resv_add_fence(bo->base.resv, &move->fence, DMA_RESV_USAGE_KERNEL);
	schedule_delayed_work(&move->work, HZ / 20);
	return 0;
}

static int ttm_cpu_prepare(struct ttm_buffer_object *bo, pgoff_t pgoff,
			   struct ttm_operation_ctx *ctx, struct dma_buf_range *range)
{
	struct ttm_cpu_driver *d = &ttm_cpu_drv;
	int err = 0;

	dma_resv_assert_held(bo->base.resv);

	if (!ctx) {
		d->looks++;
		/* What is tracked is not cleaned for a look. */
		if (d->allowed || (!d->waited && d->try))
			err = -ENODATA;
	} else if (!ctx->no_wait_gpu && !d->waited) {
		d->waits += d->wait != -EBUSY;
		err = d->wait;
		d->waited = !err;
	} else if (ctx->no_wait_gpu && (!d->waited || d->busy)) {
		/* For ever, that is. */
		err = d->tries++ < 20 ? d->try : -EPERM;
	}
	if (!err && ctx && d->fence) {
		d->fence = false;
		err = ttm_cpu_start_move(bo);
	}
	if (err)
		return err;
	d->nested += d->prepared != d->finished;
	d->prepared++;
	range->nr_pages = d->allowed;
	range->write_notify = d->notify;
	return 0;
}

static void ttm_cpu_finish(struct ttm_buffer_object *bo)
{
	dma_resv_assert_held(bo->base.resv);
	ttm_cpu_drv.finished++;
}

/* As a driver with something to wait for that must not be waited for with @bo reserved. */
static int ttm_cpu_own_wait(struct ttm_buffer_object *bo, bool intr)
{
	lockdep_assert_not_held(&bo->base.resv->lock.base);
	ttm_cpu_drv.hasty += ttm_cpu_drv.waits++ && !time_after(jiffies, ttm_cpu_drv.last);
	ttm_cpu_drv.last = jiffies;
	if (ttm_cpu_drv.others) {
		ttm_cpu_drv.others--;
		return -EBUSY;
	}
	ttm_cpu_drv.waited = !ttm_cpu_drv.own_wait;
	return ttm_cpu_drv.own_wait;
}

static int ttm_cpu_mkwrite(struct ttm_buffer_object *bo, pgoff_t pgoff)
{
	dma_resv_assert_held(bo->base.resv);
	if (pgoff >= BITS_PER_LONG)
		return -EFAULT;
	ttm_cpu_drv.written |= 1UL << pgoff;
	return 0;
}

static int ttm_cpu_access_memory(struct ttm_buffer_object *bo, unsigned long offset,
				 void *buf, int len, int write)
{
	int ret = ttm_cpu_drv.access;

	ttm_cpu_drv.access = 0;
	if (ret)
		return ret;
	/* No more than one byte at a time, as it may. */
	ttm_cpu_drv.accesses++;
	*(u8 *)buf = 0x5a;
	return 1;
}

/* The buffer goes to device memory, which is reached as @driver says. */
static struct ttm_device_funcs *ttm_cpu_make(struct kunit *test, struct ttm_cpu_driver driver)
{
	struct ttm_device_funcs *funcs;

	ttm_mmap_make_vram(test);
	funcs = ttm_mmap_funcs(test);
	ttm_cpu_drv = driver;
	funcs->cpu_prepare = ttm_cpu_prepare;
	funcs->cpu_finish = ttm_cpu_finish;
	return funcs;
}

/* What was begun was ended, whatever came between. */
static void ttm_cpu_end(struct kunit *test)
{
	ttm_mmap_unmap(test->priv);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.prepared, ttm_cpu_drv.finished);
	KUNIT_EXPECT_EQ(test, 0, ttm_cpu_drv.nested);
	KUNIT_EXPECT_EQ(test, 0, ttm_cpu_drv.hasty);
}

struct ttm_cpu_case {
	const char *desc;
	struct ttm_cpu_driver driver;
	bool own_wait;
	bool ok;	/* the access succeeds */
	int waits;
	u32 value;
};

/* From page 3. */
static const struct ttm_cpu_case ttm_cpu_cases[] = {
	{ "is there", {}, false, true, 0, 3 },
	{ "has to be moved", { .try = -EBUSY }, false, true, 1, 3 },
	{ "has to be moved, and takes a while", { .try = -EBUSY, .fence = true },
	  false, true, 1, 3 },
	{ "moves without waiting", { .fence = true }, false, true, 1, 3 },
	{ "no memory without waiting", { .try = -ENOMEM }, false, true, 1, 3 },
	{ "no space without waiting", { .try = -ENOSPC }, false, true, 1, 3 },
	{ "has to be moved, and others move it back", { .try = -EBUSY, .busy = true },
	  false, true, 1, 3 },
	{ "the same, and takes a while", { .try = -EBUSY, .busy = true, .fence = true },
	  false, true, 1, 3 },
	{ "no memory at all", { .try = -EBUSY, .wait = -ENOMEM }, false, false, 2 },
	{ "cannot be moved", { .try = -EBUSY, .wait = -EINVAL }, false, false, 2 },
	{ "a lock, or power that is off", { .try = -EBUSY }, true, true, 1, 3 },
	{ "a lock that others take thrice", { .try = -EBUSY, .wait = -EBUSY, .others = 3 },
	  true, true, 4, 3 },
	{ "power that does not come", { .try = -EBUSY, .wait = -EBUSY, .own_wait = -EIO },
	  true, false, 1 },
	{ "power that never comes", { .try = -EBUSY, .wait = -EBUSY, .own_wait = -ENODEV },
	  true, true, 1, 0 },
	{ "never", { .try = -EPERM }, false, false, 0 },
	{ "device is lost", { .try = -ENODEV }, false, true, 0, 0 },
};

static void ttm_cpu_case_desc(const struct ttm_cpu_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ttm_cpu, ttm_cpu_cases, ttm_cpu_case_desc);

static bool ttm_cpu_touch(unsigned long addr, u32 *val)
{
	return !copy_from_user(val, (void __user *)addr, sizeof(*val));
}

static void ttm_cpu_prepare_case(struct kunit *test, unsigned long base)
{
	const struct ttm_cpu_case *c = test->param_value;
	u32 val = ~0;

	KUNIT_EXPECT_EQ(test, c->ok, ttm_cpu_touch(base + 3 * PAGE_SIZE, &val));
	if (c->ok)
		KUNIT_EXPECT_EQ(test, val, c->value);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.waits, c->waits);
	ttm_cpu_end(test);
}

static struct ttm_mmap_test *ttm_cpu_make_case(struct kunit *test)
{
	const struct ttm_cpu_case *c = test->param_value;
	struct ttm_device_funcs *funcs = ttm_cpu_make(test, c->driver);

	if (c->own_wait)
		funcs->cpu_wait = ttm_cpu_own_wait;
	return test->priv;
}

static void ttm_cpu_native(struct kunit *test)
{
	struct ttm_mmap_test *t = ttm_cpu_make_case(test);

	ttm_cpu_prepare_case(test, t->native);
}

static void ttm_cpu_shared(struct kunit *test)
{
	struct ttm_mmap_test *t = ttm_cpu_make_case(test);

	ttm_cpu_prepare_case(test, t->shared);
}

/* As with MAP_NOSIGBUS: what fails for once shows no dummy page. */
static void ttm_cpu_nosigbus(struct kunit *test)
{
	struct ttm_mmap_test *t = ttm_cpu_make_case(test);

	mmap_write_lock(current->mm);
	vm_flags_set(vma_lookup(current->mm, t->shared), VM_NOSIGBUS);
	mmap_write_unlock(current->mm);
	ttm_cpu_prepare_case(test, t->shared);
}

/* A fault that cannot drop mmap_lock, as of a futex, waits with it. */
static void ttm_cpu_in_place(struct kunit *test)
{
	const struct ttm_cpu_case *c = test->param_value;
	struct ttm_mmap_test *t = ttm_cpu_make_case(test);
	int err;

	mmap_read_lock(current->mm);
	err = fixup_user_fault(current->mm, t->native + 3 * PAGE_SIZE, 0, NULL);
	mmap_read_unlock(current->mm);
	KUNIT_EXPECT_EQ(test, c->ok, !err);
	KUNIT_EXPECT_EQ(test, c->ok, ttm_mmap_mapped(t->native + 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.waits, c->waits);
	ttm_cpu_end(test);
}

/* A failed wait is told to whoever waited, once: a later access may succeed. */
static void ttm_cpu_again(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	u32 val;

	ttm_cpu_make(test, (struct ttm_cpu_driver) { .try = -EBUSY, .wait = -EINVAL });
	KUNIT_EXPECT_FALSE(test, ttm_cpu_touch(t->native, &val));
	ttm_cpu_drv.wait = 0;
	KUNIT_EXPECT_TRUE(test, ttm_cpu_touch(t->native + PAGE_SIZE, &val));
	KUNIT_EXPECT_EQ(test, val, 1);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.waits, 3);
	ttm_cpu_end(test);
}

/* A signal is dealt with first: nobody waits for the driver on account of it. */
static void ttm_cpu_signal(struct kunit *test)
{
	static const int errs[] = { -EINTR, -ERESTARTSYS };
	struct ttm_mmap_test *t = test->priv;
	struct drm_gem_object *obj = &t->bo->base;
	struct dma_buf_range range = {};
	int i;

	ttm_cpu_make(test, (struct ttm_cpu_driver) {});
	dma_resv_lock(obj->resv, NULL);
	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		ttm_cpu_drv.try = errs[i];
		KUNIT_EXPECT_EQ(test, errs[i], obj->mmap.ops->get_range(obj, 0, true, &range));
	}
	dma_resv_unlock(obj->resv);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.waits, 0);
	ttm_cpu_end(test);
}

/* What was a while ago does not count, even to a thread that has not come back since. */
static void ttm_cpu_late(struct kunit *test)
{
	const struct ttm_cpu_driver off = { .try = -EBUSY, .wait = -EBUSY, .own_wait = -EIO };
	struct ttm_mmap_test *t = test->priv;
	u32 val;

	ttm_cpu_make(test, off)->cpu_wait = ttm_cpu_own_wait;
	t->bo->base.mmap.ops->wait(&t->bo->base, false);
	msleep(1100);
	ttm_cpu_drv.own_wait = 0;
	KUNIT_EXPECT_TRUE(test, ttm_cpu_touch(t->native, &val));
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.waits, 2);
	ttm_cpu_end(test);
}

/* Each page of what is mapped around one is prepared for by itself, one after the other. */
static void ttm_cpu_around(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	u32 val;

	ttm_cpu_make(test, (struct ttm_cpu_driver) {});
	KUNIT_EXPECT_TRUE(test, ttm_cpu_touch(t->native + (VRAM_RUN + 8) * PAGE_SIZE, &val));
	KUNIT_EXPECT_EQ(test, val, VRAM_RUN + 8);
	KUNIT_EXPECT_GT(test, ttm_cpu_drv.looks, 1);
	KUNIT_EXPECT_GT(test, ttm_cpu_drv.prepared, 2);
	ttm_cpu_end(test);
}

/* Of a driver that tracks what the CPU sees, no page is mapped that it did not name. */
static void ttm_cpu_allowed(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	unsigned long at = VRAM_SHIFT + 40;
	u32 val;
	int i;

	ttm_cpu_make(test, (struct ttm_cpu_driver) { .try = -EBUSY, .allowed = 3 });
	/* With no end of what a fault maps around a page among those that are looked at. */
	at += (4 - (t->native / PAGE_SIZE + at)) % 16;
	/* A look must not prepare: nothing but what is touched. */
	KUNIT_EXPECT_TRUE(test, ttm_cpu_touch(t->native + at * PAGE_SIZE, &val));
	KUNIT_EXPECT_EQ(test, val, at);
	for (i = -1; i < 4; i++)
		KUNIT_EXPECT_EQ(test, i >= 0 && i < 3,
				ttm_mmap_mapped(t->native + (at + i) * PAGE_SIZE));
	ttm_cpu_end(test);
}

static int ttm_cpu_no_aperture(struct ttm_device *bdev, struct ttm_resource *mem)
{
	return -ENOSPC;
}

/* What was begun is ended, too, where there is nothing to map after all. */
static void ttm_cpu_no_range(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct ttm_device_funcs *funcs = ttm_cpu_make(test, (struct ttm_cpu_driver) {});
	int (*reserve)(struct ttm_device *bdev, struct ttm_resource *mem) = funcs->io_mem_reserve;
	u32 val;

	funcs->io_mem_reserve = ttm_cpu_no_aperture;
	t->bo->resource->bus.offset = 0;
	KUNIT_EXPECT_FALSE(test, ttm_cpu_touch(t->native, &val));
	KUNIT_EXPECT_FALSE(test, ttm_cpu_touch(t->shared, &val));
	KUNIT_EXPECT_EQ(test, 2, ttm_cpu_drv.prepared);
	KUNIT_EXPECT_EQ(test, 2, ttm_cpu_drv.finished);
	funcs->io_mem_reserve = reserve;
	KUNIT_EXPECT_TRUE(test, ttm_cpu_touch(t->native + PAGE_SIZE, &val));
	KUNIT_EXPECT_EQ(test, val, 1);
	ttm_cpu_end(test);
}

/* Each page is read-only until it is written to, once. */
static void ttm_cpu_written(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	u32 val;

	ttm_cpu_make(test, (struct ttm_cpu_driver) { .notify = true });
	KUNIT_EXPECT_TRUE(test, ttm_cpu_touch(t->native + 2 * PAGE_SIZE, &val));
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.written, 0);
	ttm_mmap_write(test, t->native + 2 * PAGE_SIZE, 42);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.written, BIT(2));
	ttm_mmap_write(test, t->shared + 5 * PAGE_SIZE, 43);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.written, BIT(2) | BIT(5));
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->shared + 2 * PAGE_SIZE), 42);
	KUNIT_EXPECT_EQ(test, PAGE_SIZE, ttm_mmap_leaf_size(test, t->native +
							    VRAM_SHIFT * PAGE_SIZE));
	ttm_cpu_end(test);
}

static int ttm_cpu_ptrace(unsigned long addr, void *buf, int len, bool write)
{
	struct vm_area_struct *vma;
	int ret;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, addr);
	ret = vma->vm_ops->access(vma, addr, buf, len, write);
	mmap_read_unlock(current->mm);
	return ret;
}

/* A debugger reads by the driver's own way, which may have to be waited for. */
static void ttm_cpu_access(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	struct ttm_device_funcs *funcs;
	u32 val = 0;

	funcs = ttm_cpu_make(test, (struct ttm_cpu_driver) { .access = -EAGAIN });
	/* Neither the system's nor in the translation table. */
	t->bo->resource->mem_type = TTM_PL_VRAM;
	funcs->access_memory = ttm_cpu_access_memory;
	KUNIT_EXPECT_EQ(test, sizeof(val), ttm_cpu_ptrace(t->native, &val, sizeof(val), false));
	KUNIT_EXPECT_EQ(test, val, 0x5a5a5a5a);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.accesses, sizeof(val));
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.waits, 1);
	ttm_cpu_drv.access = -EIO;
	KUNIT_EXPECT_EQ(test, -EIO, ttm_cpu_ptrace(t->native, &val, sizeof(val), false));
	t->bo->resource->mem_type = TTM_PL_SYSTEM;
	ttm_cpu_end(test);
}

/* The driver is asked before a debugger writes, and before a page that it refuses is mapped. */
static void ttm_cpu_write_refused(struct kunit *test)
{
	struct ttm_mmap_test *t = test->priv;
	const unsigned long refused = t->native + BITS_PER_LONG * PAGE_SIZE;
	u32 val = 42;

	/* System memory: not every architecture has a way to write to the other kind. */
	ttm_cpu_make(test, (struct ttm_cpu_driver) { .notify = true })->io_mem_reserve = NULL;
	t->bo->resource->bus.offset = 0;
	KUNIT_EXPECT_NE(test, 0, copy_to_user((void __user *)refused, &val, sizeof(val)));
	KUNIT_EXPECT_EQ(test, -EFAULT, ttm_cpu_ptrace(refused, &val, sizeof(val), true));
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, refused), 0);
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.written, 0);

	KUNIT_EXPECT_EQ(test, sizeof(val), ttm_cpu_ptrace(t->native + 2 * PAGE_SIZE, &val,
							  sizeof(val), true));
	KUNIT_EXPECT_EQ(test, ttm_cpu_drv.written, BIT(2));
	KUNIT_EXPECT_EQ(test, ttm_mmap_read(test, t->native + 2 * PAGE_SIZE), 42);
	ttm_cpu_end(test);
}

static struct kunit_case ttm_cpu_kunit_cases[] = {
	KUNIT_CASE_PARAM(ttm_cpu_native, ttm_cpu_gen_params),
	KUNIT_CASE_PARAM(ttm_cpu_shared, ttm_cpu_gen_params),
	KUNIT_CASE_PARAM(ttm_cpu_nosigbus, ttm_cpu_gen_params),
	KUNIT_CASE_PARAM(ttm_cpu_in_place, ttm_cpu_gen_params),
	KUNIT_CASE(ttm_cpu_again),
	KUNIT_CASE(ttm_cpu_late),
	KUNIT_CASE(ttm_cpu_signal),
	KUNIT_CASE(ttm_cpu_around),
	KUNIT_CASE(ttm_cpu_allowed),
	KUNIT_CASE(ttm_cpu_no_range),
	KUNIT_CASE(ttm_cpu_access),
	{}
};

static struct kunit_suite ttm_cpu_suite = {
	.name = "ttm_cpu",
	.init = ttm_mmap_init,
	.exit = ttm_mmap_exit,
	.test_cases = ttm_cpu_kunit_cases,
};

static int ttm_cpu_notify_init(struct kunit *test)
{
	return ttm_mmap_init_mkwrite(test, ttm_cpu_mkwrite);
}

static struct kunit_case ttm_cpu_notify_cases[] = {
	KUNIT_CASE(ttm_cpu_written),
	KUNIT_CASE(ttm_cpu_write_refused),
	{}
};

static struct kunit_suite ttm_cpu_notify_suite = {
	.name = "ttm_cpu_notify",
	.init = ttm_cpu_notify_init,
	.exit = ttm_mmap_exit,
	.test_cases = ttm_cpu_notify_cases,
};

kunit_test_suites(&ttm_cpu_suite, &ttm_cpu_notify_suite);
