// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings of TTM buffers on the model of drivers/dma-buf/dma-buf-mmap.c:
 * mappings through the DRM fd and through a dma-buf ask the same question and
 * get the same leaves.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_bo_internal.h"
#include "ttm_pool_internal.h"

static struct ttm_buffer_object *ttm_bo_of_gem(struct drm_gem_object *obj)
{
	return container_of(obj, struct ttm_buffer_object, base);
}

static enum dma_buf_caching ttm_bo_range_caching(enum ttm_caching caching)
{
	switch (caching) {
	case ttm_cached:
		return DMA_BUF_CACHED;
	case ttm_write_combined:
		return DMA_BUF_WRITE_COMBINED;
	default:
		return DMA_BUF_UNCACHED;
	}
}

static void ttm_bo_io_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			    struct dma_buf_range *range)
{
	const unsigned long nr_pages = PFN_UP(bo->base.size);

	range->iomem = true;
	range->decrypted = true;
	range->caching = ttm_bo_range_caching(bo->resource->bus.caching);

	if (bo->bdev->funcs->io_mem_run) {
		bo->bdev->funcs->io_mem_run(bo, pgoff, range);
		/* A block may be larger than what is left of the buffer. */
		range->nr_pages = min(range->nr_pages, nr_pages - range->start);
		return;
	}
	range->start = 0;
	range->nr_pages = nr_pages;
	range->pfn = PHYS_PFN(bo->resource->bus.offset);
}

/*
 * The pool allocates a buffer in blocks and keeps the order of each in the private
 * field of its first page.  Whether the page at @pgoff is in one that is as large as a
 * PMD leaf and, as is usual, at a multiple of its size.  Blocks are aligned in memory
 * too: a page that is aligned to 2^order and not the first of its block is in one that
 * is larger still, so that what its private field has, which nobody sets, does no harm.
 */
static bool ttm_bo_block_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			       struct dma_buf_range *range)
{
	struct ttm_tt *tt = bo->ttm;
	unsigned int order;
	unsigned long pfn;
	pgoff_t first;

	if (tt->page_flags & TTM_TT_FLAG_EXTERNAL ||
	    ttm_pool_uses_dma_alloc(&bo->bdev->pool))
		return false;

	for (order = PMD_ORDER; order <= MAX_PAGE_ORDER; order++) {
		first = ALIGN_DOWN(pgoff, 1UL << order);
		pfn = page_to_pfn(tt->pages[first]);
		if (!IS_ALIGNED(pfn, 1UL << order) ||
		    page_private(tt->pages[first]) < order)
			continue;
		range->start = first;
		/* Of pages behind the buffer the core knows nothing. */
		range->nr_pages = min(1UL << order,
				      PFN_UP(bo->base.size) - first);
		range->pfn = pfn;
		return true;
	}
	return false;
}

static int ttm_bo_populate_for_cpu(struct ttm_buffer_object *bo)
{
	/* Pages of system memory wait for no device. */
	struct ttm_operation_ctx ctx = { .interruptible = true };
	int err = ttm_bo_populate(bo, &ctx);

	switch (err) {
	case -EAGAIN:
		/* To be retried once the signal is dealt with, not waited for. */
		return -EINTR;
	case -ENOMEM:
		/* A limit of the driver's, say: the OOM killer is no help. */
	case -ENODEV:
		return -EFAULT;
	default:
		return err;
	}
}

static int ttm_bo_tt_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			   bool populate, struct dma_buf_range *range)
{
	struct ttm_tt *tt = bo->ttm;
	int err;

	if (!tt)
		return -EFAULT;
	if (!ttm_tt_is_populated(tt)) {
		if (!populate)
			return -ENODATA;
		err = ttm_bo_populate_for_cpu(bo);
		if (err)
			return err;
	}
	if (!tt->pages[pgoff])
		return populate ? -ENOMEM : -ENODATA;

	range->caching = ttm_bo_range_caching(tt->caching);
	range->decrypted = tt->page_flags & TTM_TT_FLAG_DECRYPTED;
	if (ttm_bo_block_range(bo, pgoff, range))
		return 0;
	dma_buf_range_from_pages(tt->pages, min_t(pgoff_t, tt->num_pages,
						  PFN_UP(bo->base.size)),
				 range);
	return 0;
}

/* Of what the device has; the buffer may be in its memory or in the system's. */
static int ttm_bo_device_range(struct ttm_buffer_object *bo, pgoff_t pgoff,
			       bool populate, struct dma_buf_range *range)
{
	int err;

	if (!bo->resource)
		return -ENODATA;
	/* A look must not take what only the driver can give back. */
	if (!populate && bo->bdev->funcs->io_mem_free &&
	    !bo->resource->bus.offset && !bo->resource->bus.addr)
		return -ENODATA;

	err = ttm_mem_io_reserve(bo->bdev, bo->resource);
	if (err)
		return -EFAULT;

	/* TTM drivers ask for a caching; x86 knows what the memory has. */
	range->caching_hint = true;
	if (!bo->resource->bus.is_iomem)
		return ttm_bo_tt_range(bo, pgoff, populate, range);
	ttm_bo_io_range(bo, pgoff, range);
	return 0;
}

/* As far as the driver allows: @nr_pages from @pgoff on. */
static void ttm_bo_narrow_range(struct dma_buf_range *range, pgoff_t pgoff,
				unsigned long nr_pages)
{
	const unsigned long before = pgoff - range->start;

	if (range->pages)
		range->pages += before;
	else
		range->pfn += before;
	range->start = pgoff;
	range->nr_pages = min(range->nr_pages - before, nr_pages);
}

static void ttm_bo_cpu_finish(struct ttm_buffer_object *bo)
{
	if (bo->bdev->funcs->cpu_finish)
		bo->bdev->funcs->cpu_finish(bo);
}

/* Have the driver make the buffer accessible.  What it moved may not be there yet. */
static int ttm_bo_cpu_prepare(struct ttm_buffer_object *bo, pgoff_t pgoff,
			      struct ttm_operation_ctx *ctx, struct dma_buf_range *range)
{
	long left;
	int err;

	do {
		err = bo->bdev->funcs->cpu_prepare(bo, pgoff, ctx, range);
		if (err || dma_resv_test_signaled(bo->base.resv, DMA_RESV_USAGE_KERNEL))
			return err;
		/* A clock, say, that the device may need to get on, is not held meanwhile. */
		ttm_bo_cpu_finish(bo);
		if (!ctx)
			return -ENODATA;
		if (ctx->no_wait_gpu)
			return -EBUSY;
		left = dma_resv_wait_timeout(bo->base.resv, DMA_RESV_USAGE_KERNEL,
					     ctx->interruptible, MAX_SCHEDULE_TIMEOUT);
	} while (left >= 0);

	return left;
}

/* Whether this thread has waited for the driver just now, on account of the same access. */
static bool ttm_bo_cpu_waited(const struct ttm_buffer_object *bo)
{
	return bo->cpu_waiter == current && time_before(jiffies, bo->cpu_waited + HZ);
}

/*
 * First without waiting; -EAGAIN if a wait may help.  Who has waited does so once more, in
 * place, if others were faster, so that they do not win for ever; and is told if his wait
 * failed.
 */
static int ttm_bo_try_cpu_prepare(struct ttm_buffer_object *bo, pgoff_t pgoff,
				  bool populate, struct dma_buf_range *range)
{
	const bool waited = ttm_bo_cpu_waited(bo);
	struct ttm_operation_ctx ctx = { .interruptible = true, .no_wait_gpu = !waited };
	int err;

	err = ttm_bo_cpu_prepare(bo, pgoff, populate ? &ctx : NULL, range);
	if (!populate)
		return err;

	if (err == -EBUSY || err == -ENOMEM || err == -ENOSPC)
		err = waited && bo->cpu_error ? bo->cpu_error : -EAGAIN;
	if (!err)
		bo->cpu_error = 0;
	/* Not if a leaf follows: the same access asks again where a large one does not fit. */
	if (waited ? err && err != -ENODEV : !err)
		bo->cpu_waiter = NULL;
	return err;
}

static int ttm_bo_own_range(struct ttm_buffer_object *bo, pgoff_t pgoff, bool populate,
			    struct dma_buf_range *range)
{
	unsigned long allowed;
	int err;

	/* Foreign pages: mappings of an import are the exporter's to make. */
	if (bo->ttm && bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL &&
	    !(bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL_MAPPABLE))
		return -EFAULT;

	if (bo->bdev->funcs->cpu_prepare) {
		err = ttm_bo_try_cpu_prepare(bo, pgoff, populate, range);
		if (err)
			return err;
	}
	allowed = range->nr_pages;
	err = ttm_bo_device_range(bo, pgoff, populate, range);
	if (err)
		ttm_bo_cpu_finish(bo);
	else if (allowed)
		ttm_bo_narrow_range(range, pgoff, allowed);
	return err;
}

static int ttm_bo_get_range(void *priv, pgoff_t pgoff, bool populate,
			    struct dma_buf_range *range)
{
	struct ttm_buffer_object *bo = ttm_bo_of_gem(priv);
	int err = -ENODEV;

	dma_resv_assert_held(bo->base.resv);

	if (drm_dev_enter(bo->base.dev, &range->cookie)) {
		err = ttm_bo_own_range(bo, pgoff, populate, range);
		if (err)
			drm_dev_exit(range->cookie);
	}
	/* Who only looks is not told that it is revoked: accesses complete. */
	if (err == -ENODEV && !populate)
		return -ENODATA;
	/* -EIO would promise that somebody tells when it is over. */
	return err == -EIO ? -EFAULT : err;
}

/*
 * Unplug waits for drm_dev_exit() before it zaps: a leaf made from the range
 * goes in before.
 */
static void ttm_bo_put_range(void *priv, struct dma_buf_range *range)
{
	ttm_bo_cpu_finish(ttm_bo_of_gem(priv));
	drm_dev_exit(range->cookie);
}

static int ttm_bo_cpu_lock(struct ttm_buffer_object *bo, bool intr)
{
	return intr ? dma_resv_lock_interruptible(bo->base.resv, NULL) :
		      dma_resv_lock_killable(bo->base.resv, NULL);
}

/**
 * ttm_bo_cpu_wait - do what &ttm_device_funcs.cpu_prepare could not without waiting
 * @bo: the buffer object
 * @intr: until any signal, not only a fatal one
 *
 * What there is without &ttm_device_funcs.cpu_wait, and for those to call that have
 * something to do before.
 *
 * Context: Process context, @bo not reserved, inside drm_dev_enter().
 * Return: %0 or a negative error value, as &ttm_device_funcs.cpu_wait; %-EFAULT if there
 * is no memory.
 */
int ttm_bo_cpu_wait(struct ttm_buffer_object *bo, bool intr)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct dma_buf_range range = {};
	int err;

	err = ttm_bo_cpu_lock(bo, intr);
	if (err)
		return err;
	err = ttm_bo_cpu_prepare(bo, 0, &ctx, &range);
	if (!err)
		ttm_bo_cpu_finish(bo);
	dma_resv_unlock(bo->base.resv);
	/* The OOM killer frees no memory of a device. */
	return err == -ENOMEM || err == -ENOSPC ? -EFAULT : err;
}
EXPORT_SYMBOL_GPL(ttm_bo_cpu_wait);

static void ttm_bo_mmap_wait(void *priv, bool intr)
{
	struct ttm_buffer_object *bo = ttm_bo_of_gem(priv);
	int (*wait)(struct ttm_buffer_object *bo, bool intr) =
		bo->bdev->funcs->cpu_wait ?: ttm_bo_cpu_wait;
	int idx, err;

	if (!drm_dev_enter(bo->base.dev, &idx))
		return;
	err = wait(bo, intr);
	drm_dev_exit(idx);

	switch (err) {
	case -EBUSY:
		/* Others have what it takes: give them the time to go on. */
		schedule_timeout_killable(1);
		err = 0;
		break;
	case -EINTR:
	case -ERESTARTSYS:
		/* A signal that nobody looks at before the access is over. */
		if (!intr)
			schedule_timeout_killable(1);
		return;
	}
	if (ttm_bo_cpu_lock(bo, intr))
		return;
	bo->cpu_waiter = current;
	bo->cpu_waited = jiffies;
	bo->cpu_error = err;
	dma_resv_unlock(bo->base.resv);
}

static int ttm_bo_mmap_mkwrite(void *priv, pgoff_t pgoff)
{
	struct ttm_buffer_object *bo = ttm_bo_of_gem(priv);

	return bo->bdev->funcs->cpu_mkwrite(bo, pgoff);
}

/* Memory of a device that has a way which does not move the buffer. */
static int ttm_bo_mmap_access(void *priv, u64 offset, void *buf, size_t len, bool write)
{
	struct ttm_buffer_object *bo = ttm_bo_of_gem(priv);
	int ret = 0, idx;

	if (!bo->bdev->funcs->access_memory || !bo->resource ||
	    bo->resource->mem_type == TTM_PL_SYSTEM || bo->resource->mem_type == TTM_PL_TT)
		return -EOPNOTSUPP;
	/* Of a device that is gone there is the dummy page. */
	if (!drm_dev_enter(bo->base.dev, &idx))
		return -EOPNOTSUPP;
	while (len) {
		ret = bo->bdev->funcs->access_memory(bo, offset, buf, len, write);
		if (ret <= 0)
			break;
		offset += ret;
		buf += ret;
		len -= ret;
	}
	drm_dev_exit(idx);
	if (!len)
		return 0;
	return ret ?: -EIO;
}

static const struct dma_buf_mmap_ops ttm_bo_mmap_ops = {
	.get_range = ttm_bo_get_range,
	.put_range = ttm_bo_put_range,
	.wait = ttm_bo_mmap_wait,
	.access = ttm_bo_mmap_access,
};

/* For drivers that are to be told of writes */
static const struct dma_buf_mmap_ops ttm_bo_mmap_notify_ops = {
	.get_range = ttm_bo_get_range,
	.put_range = ttm_bo_put_range,
	.wait = ttm_bo_mmap_wait,
	.mkwrite = ttm_bo_mmap_mkwrite,
	.access = ttm_bo_mmap_access,
};

/* Of a new buffer object; see &drm_gem_object.mmap. */
void ttm_bo_mmap_init(struct ttm_buffer_object *bo)
{
	bo->cpu_waiter = NULL;
	bo->base.mmap.ops = &ttm_bo_mmap_ops;
	if (bo->bdev->funcs->cpu_mkwrite)
		bo->base.mmap.ops = &ttm_bo_mmap_notify_ops;
	bo->base.mmap.flags = DMA_BUF_MMAP_MOVES | DMA_BUF_MMAP_FENCED |
			      DMA_BUF_MMAP_BOUNDED | DMA_BUF_MMAP_NOSIGBUS;
}
