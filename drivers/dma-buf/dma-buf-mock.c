// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf exporter for tests, and the example for exporters: its backing
 * moves, is revoked or may not be mapped when user space says so.
 *
 * The reservation lock protects the backing and the state.
 */
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/highmem.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#ifdef CONFIG_X86
#include <asm/set_memory.h>
#endif

#include <trace/events/dma_buf_mmap.h>
#include <uapi/linux/dma-buf-mock.h>

#define MOCK_MAX_SIZE		SZ_1G
#define MOCK_MAX_CHUNK_ORDER	9
#define MOCK_MAX_FENCE_MS	10000

/**
 * struct mock_backing - the pages of a buffer
 * @pages: one entry a page
 * @nr_pages: how many
 * @chunk_order: they were allocated in chunks of this order
 * @caching: caching of the pages in the kernel's own mapping too
 */
struct mock_backing {
	struct page **pages;
	unsigned long nr_pages;
	unsigned int chunk_order;
	enum dma_buf_caching caching;
};

/**
 * struct mock_buf - a buffer
 * @dmabuf: the dma-buf; it owns this
 * @backing: where the contents are; protected by the reservation lock
 * @state: written under the reservation lock, with @idle woken
 * @pin_count: importers that cannot follow a move; reservation lock
 * @scattered: chunks are never adjacent; constant
 * @never_mappable: constant
 * @idle: waited on until @state is not DMA_BUF_MOCK_BUSY
 */
struct mock_buf {
	struct dma_buf *dmabuf;
	struct mock_backing backing;
	enum dma_buf_mock_state state;
	unsigned int pin_count;
	bool scattered;
	bool never_mappable;
	wait_queue_head_t idle;
};

/**
 * struct mock_move - a move that a "device" does
 * @fence: signals when the contents are in place
 * @lock: for @fence
 * @work: copies and signals
 * @buf: the buffer; the work holds a reference to its dma-buf
 * @old: where the contents were
 */
struct mock_move {
	struct dma_fence fence;
	spinlock_t lock; /* for @fence */
	struct delayed_work work;
	struct mock_buf *buf;
	struct mock_backing old;
};

/* The other CPU mapping of the pages, the kernel's, must agree with ours. */
static int mock_set_caching(struct mock_backing *backing,
			    enum dma_buf_caching caching)
{
	int err = 0;

#ifdef CONFIG_X86
	if (caching == DMA_BUF_WRITE_COMBINED)
		err = set_pages_array_wc(backing->pages, backing->nr_pages);
	else if (caching == DMA_BUF_UNCACHED)
		err = set_pages_array_uc(backing->pages, backing->nr_pages);
#endif
	if (!err)
		backing->caching = caching;
	return err;
}

static void mock_free(struct mock_backing *backing)
{
	const unsigned long chunk = 1UL << backing->chunk_order;
	unsigned long i;

	if (!backing->pages)
		return;
#ifdef CONFIG_X86
	if (backing->caching != DMA_BUF_CACHED)
		set_pages_array_wb(backing->pages, backing->nr_pages);
#endif
	for (i = 0; i < backing->nr_pages; i += chunk)
		__free_pages(backing->pages[i], backing->chunk_order);
	kvfree(backing->pages);
	backing->pages = NULL;
}

static int mock_cmp_descending(const void *a, const void *b)
{
	const unsigned long x = page_to_pfn(*(struct page **)a);
	const unsigned long y = page_to_pfn(*(struct page **)b);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Chunks in descending order of address: the next one never follows. */
static int mock_scatter(struct mock_backing *backing)
{
	const unsigned long chunk = 1UL << backing->chunk_order;
	const unsigned long nr = backing->nr_pages >> backing->chunk_order;
	struct page **first = kvmalloc_objs(*first, nr);
	unsigned long i;

	if (!first)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		first[i] = backing->pages[i * chunk];
	sort(first, nr, sizeof(*first), mock_cmp_descending, NULL);
	for (i = 0; i < backing->nr_pages; i++)
		backing->pages[i] = first[i / chunk] + i % chunk;
	kvfree(first);
	return 0;
}

static int mock_alloc(struct mock_backing *backing, unsigned long nr_pages,
		      unsigned int chunk_order, enum dma_buf_caching caching,
		      bool scattered)
{
	const unsigned long chunk = 1UL << chunk_order;
	struct page *page;
	unsigned long i;
	int err = -ENOMEM;

	*backing = (struct mock_backing) { .chunk_order = chunk_order };
	backing->pages = kvmalloc_objs(*backing->pages, nr_pages);
	if (!backing->pages)
		return -ENOMEM;

	while (backing->nr_pages < nr_pages) {
		page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN |
				   __GFP_RETRY_MAYFAIL |
				   (chunk_order ? __GFP_COMP : 0), chunk_order);
		if (!page)
			goto err_free;
		for (i = 0; i < chunk; i++)
			backing->pages[backing->nr_pages++] = page + i;
	}

	err = scattered ? mock_scatter(backing) : 0;
	if (!err)
		err = mock_set_caching(backing, caching);
	if (!err)
		return 0;
err_free:
	mock_free(backing);
	return err;
}

static int mock_get_range(void *priv, pgoff_t pgoff, bool populate,
			  struct dma_buf_range *range)
{
	struct mock_buf *buf = priv;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->never_mappable)
		return -EACCES;

	switch (buf->state) {
	case DMA_BUF_MOCK_BUSY:
		return -EAGAIN;
	case DMA_BUF_MOCK_OFF:
		return -EIO;
	case DMA_BUF_MOCK_REVOKED:
		return -ENODEV;
	case DMA_BUF_MOCK_READY:
		break;
	}

	/* A chunk is a folio. */
	range->whole_folios = true;
	dma_buf_range_from_pages(buf->backing.pages, buf->backing.nr_pages,
				 range);
	range->caching = buf->backing.caching;
	return 0;
}

static void mock_wait(void *priv, bool intr)
{
	const unsigned int state = intr ? TASK_INTERRUPTIBLE : TASK_KILLABLE;
	struct mock_buf *buf = priv;

	wait_event_state(buf->idle, READ_ONCE(buf->state) != DMA_BUF_MOCK_BUSY,
			 state);
}

static int mock_may_map(void *priv)
{
	struct mock_buf *buf = priv;

	if (READ_ONCE(buf->state) == DMA_BUF_MOCK_REVOKED)
		return -ENODEV;
	return buf->never_mappable ? -EACCES : 0;
}

static const struct dma_buf_mmap_ops mock_mmap_ops = {
	.get_range = mock_get_range,
	.wait = mock_wait,
	.may_map = mock_may_map,
};

static int mock_attach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attach)
{
	struct mock_buf *buf = dmabuf->priv;

	return READ_ONCE(buf->state) == DMA_BUF_MOCK_REVOKED ? -ENODEV : 0;
}

static int mock_pin(struct dma_buf_attachment *attach)
{
	struct mock_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	buf->pin_count++;
	return 0;
}

static void mock_unpin(struct dma_buf_attachment *attach)
{
	struct mock_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	buf->pin_count--;
}

static struct sg_table *mock_map(struct dma_buf_attachment *attach,
				 enum dma_data_direction dir)
{
	struct mock_buf *buf = attach->dmabuf->priv;
	struct mock_backing *backing = &buf->backing;
	struct sg_table *sgt;
	int err;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (buf->state != DMA_BUF_MOCK_READY)
		return ERR_PTR(-ENODEV);

	sgt = kzalloc_obj(*sgt);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	err = sg_alloc_table_from_pages(sgt, backing->pages, backing->nr_pages,
					0, backing->nr_pages << PAGE_SHIFT,
					GFP_KERNEL);
	if (err)
		goto err_free_sgt;
	err = dma_map_sgtable(attach->dev, sgt, dir, 0);
	if (err)
		goto err_free_table;
	return sgt;

err_free_table:
	sg_free_table(sgt);
err_free_sgt:
	kfree(sgt);
	return ERR_PTR(err);
}

static void mock_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
	dma_unmap_sgtable(attach->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

static void mock_release(struct dma_buf *dmabuf)
{
	struct mock_buf *buf = dmabuf->priv;

	mock_free(&buf->backing);
	kfree(buf);
}

static const struct dma_buf_ops mock_dmabuf_ops = {
	.attach = mock_attach,
	.pin = mock_pin,
	.unpin = mock_unpin,
	.map_dma_buf = mock_map,
	.unmap_dma_buf = mock_unmap,
	.release = mock_release,
};

static int mock_check_create(const struct dma_buf_mock_create *arg)
{
	if (!arg->size || arg->size > MOCK_MAX_SIZE || arg->pad ||
	    arg->flags & ~(DMA_BUF_MOCK_NEVER_MAPPABLE |
			   DMA_BUF_MOCK_SCATTERED | DMA_BUF_MOCK_FIXED) ||
	    arg->caching > DMA_BUF_MOCK_UNCACHED ||
	    arg->chunk_order > MOCK_MAX_CHUNK_ORDER ||
	    arg->open_flags & ~(O_ACCMODE | O_CLOEXEC))
		return -EINVAL;
	return IS_ALIGNED(arg->size, PAGE_SIZE << arg->chunk_order) ? 0 : -EINVAL;
}

static struct dma_buf *mock_export(const struct dma_buf_mock_create *arg)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct mock_buf *buf;
	int err;

	buf = kzalloc_obj(*buf);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	init_waitqueue_head(&buf->idle);
	buf->scattered = arg->flags & DMA_BUF_MOCK_SCATTERED;
	buf->never_mappable = arg->flags & DMA_BUF_MOCK_NEVER_MAPPABLE;
	/* As if somebody had it pinned, for ever. */
	buf->pin_count = !!(arg->flags & DMA_BUF_MOCK_FIXED);
	err = mock_alloc(&buf->backing, arg->size >> PAGE_SHIFT,
			 arg->chunk_order, (enum dma_buf_caching)arg->caching,
			 buf->scattered);
	if (err)
		goto err_free_buf;

	exp_info.ops = &mock_dmabuf_ops;
	exp_info.mmap.ops = &mock_mmap_ops;
	exp_info.mmap.flags = DMA_BUF_MMAP_STRICT;
	if (!(arg->flags & DMA_BUF_MOCK_FIXED))
		exp_info.mmap.flags |= DMA_BUF_MMAP_MOVES | DMA_BUF_MMAP_FENCED;
	exp_info.size = arg->size;
	exp_info.flags = arg->open_flags;
	exp_info.priv = buf;
	buf->dmabuf = dma_buf_export(&exp_info);
	if (!IS_ERR(buf->dmabuf))
		return buf->dmabuf;

	err = PTR_ERR(buf->dmabuf);
	mock_free(&buf->backing);
err_free_buf:
	kfree(buf);
	return ERR_PTR(err);
}

static long mock_ioctl_create(struct dma_buf_mock_create __user *user)
{
	struct dma_buf_mock_create arg;
	struct dma_buf *dmabuf;
	int err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	err = mock_check_create(&arg);
	if (err)
		return err;

	arg.fd = get_unused_fd_flags(arg.open_flags & O_CLOEXEC);
	if (arg.fd < 0)
		return arg.fd;
	dmabuf = mock_export(&arg);
	err = PTR_ERR_OR_ZERO(dmabuf);
	if (err)
		goto err_put_fd;
	err = -EFAULT;
	if (copy_to_user(user, &arg, sizeof(arg)))
		goto err_put_dmabuf;

	dma_buf_fd_install(dmabuf, arg.fd);
	return 0;

err_put_dmabuf:
	dma_buf_put(dmabuf);
err_put_fd:
	put_unused_fd(arg.fd);
	return err;
}

/* The mock buffer behind @fd, with a reference to its dma-buf. */
static struct mock_buf *mock_get(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	if (dmabuf->ops != &mock_dmabuf_ops) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	return dmabuf->priv;
}

/* First the state, then the zap: a fault in between waits for the lock. */
static void mock_change_state(struct mock_buf *buf,
			      enum dma_buf_mock_state state)
{
	struct dma_buf *dmabuf = buf->dmabuf;

	dma_resv_assert_held(dmabuf->resv);

	WRITE_ONCE(buf->state, state);
	trace_dma_buf_mmap_revoke(dmabuf, state != DMA_BUF_MOCK_READY,
				  state == DMA_BUF_MOCK_REVOKED);
	if (state == DMA_BUF_MOCK_READY) {
		dma_buf_restore_mappings(dmabuf);
		return;
	}

	dma_buf_invalidate_mappings(dmabuf);
	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
}

static long mock_ioctl_set_state(struct dma_buf_mock_set_state __user *user)
{
	struct dma_buf_mock_set_state arg;
	struct mock_buf *buf;
	struct dma_buf *dmabuf;
	int err = 0;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.state > DMA_BUF_MOCK_REVOKED)
		return -EINVAL;
	buf = mock_get(arg.fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	dmabuf = buf->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	if (buf->state == DMA_BUF_MOCK_REVOKED)
		err = arg.state == DMA_BUF_MOCK_REVOKED ? 0 : -EBADFD;
	else
		mock_change_state(buf, arg.state);
	dma_resv_unlock(dmabuf->resv);
	wake_up_all(&buf->idle);

	dma_buf_put(dmabuf);
	return err;
}

static struct workqueue_struct *mock_wq;

static const char *mock_fence_name(struct dma_fence *fence)
{
	return "dma-buf-mock";
}

static const struct dma_fence_ops mock_fence_ops = {
	.get_driver_name = mock_fence_name,
	.get_timeline_name = mock_fence_name,
};

static void mock_copy(struct mock_backing *to, struct mock_backing *from)
{
	unsigned long i;

	for (i = 0; i < to->nr_pages; i++)
		copy_highpage(to->pages[i], from->pages[i]);
}

/* The "device": the backing does not change before the fence has signalled. */
static void mock_move_work(struct work_struct *work)
{
	struct mock_move *move = container_of(work, struct mock_move, work.work);
	struct dma_buf *dmabuf = move->buf->dmabuf;

	mock_copy(&move->buf->backing, &move->old);
	dma_fence_signal(&move->fence);
	mock_free(&move->old);
	dma_fence_put(&move->fence);
	dma_buf_put(dmabuf);
}

/* Hand the copy to the "device"; faults wait for its fence. */
static int mock_move_later(struct mock_buf *buf, struct mock_backing *to,
			   unsigned int ms)
{
	struct dma_buf *dmabuf = buf->dmabuf;
	struct mock_move *move;
	int err;

	err = dma_resv_reserve_fences(dmabuf->resv, 1);
	if (err)
		return err;
	move = kzalloc_obj(*move);
	if (!move)
		return -ENOMEM;

	spin_lock_init(&move->lock);
	dma_fence_init(&move->fence, &mock_fence_ops, &move->lock,
		       dma_fence_context_alloc(1), 1);
	INIT_DELAYED_WORK(&move->work, mock_move_work);
	move->buf = buf;
	move->old = buf->backing;
	buf->backing = *to;
	dma_resv_add_fence(dmabuf->resv, &move->fence, DMA_RESV_USAGE_KERNEL);
	dma_buf_invalidate_mappings(dmabuf);
	get_dma_buf(dmabuf);
	queue_delayed_work(mock_wq, &move->work, msecs_to_jiffies(ms));
	return 0;
}

/* Wait for a move in flight, then move; the reservation lock is held. */
static int mock_move_locked(struct mock_buf *buf, struct mock_backing *to,
			    unsigned int ms)
{
	struct dma_buf *dmabuf = buf->dmabuf;
	long ret;

	dma_resv_assert_held(dmabuf->resv);

	ret = dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_KERNEL, true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;
	/* The kernel's own mapping would not follow, nor fault. */
	if (buf->pin_count || dmabuf->vmapping_counter)
		return -EBUSY;
	if (buf->state == DMA_BUF_MOCK_REVOKED)
		return -EBADFD;
	if (ms)
		return mock_move_later(buf, to, ms);

	/* No CPU writes to the old place once this returns. */
	dma_buf_invalidate_mappings(dmabuf);
	mock_copy(to, &buf->backing);
	swap(*to, buf->backing);
	mock_free(to);
	return 0;
}

static long mock_ioctl_move(struct dma_buf_mock_move __user *user)
{
	struct dma_buf_mock_move arg;
	struct mock_backing to;
	struct dma_buf *dmabuf;
	struct mock_buf *buf;
	int err;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.fence_ms > MOCK_MAX_FENCE_MS)
		return -EINVAL;
	buf = mock_get(arg.fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	dmabuf = buf->dmabuf;

	/* Neither changes in a move. */
	err = mock_alloc(&to, dmabuf->size >> PAGE_SHIFT,
			 buf->backing.chunk_order, buf->backing.caching,
			 buf->scattered);
	if (err)
		goto err_put_dmabuf;

	err = dma_resv_lock_interruptible(dmabuf->resv, NULL);
	if (!err) {
		err = mock_move_locked(buf, &to, arg.fence_ms);
		dma_resv_unlock(dmabuf->resv);
	}
	if (err)
		mock_free(&to);
err_put_dmabuf:
	dma_buf_put(dmabuf);
	return err;
}

static long mock_ioctl_lookup(struct dma_buf_mock_lookup __user *user)
{
	struct dma_buf_mock_lookup arg;
	struct dma_buf *dmabuf;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (arg.addr != (unsigned long)arg.addr ||
	    arg.length != (size_t)arg.length)
		return -EINVAL;

	dmabuf = dma_buf_get_from_address(current->mm, arg.addr, arg.length, 0,
					  false, &arg.offset);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	arg.inode = file_inode(dmabuf->file)->i_ino;
	arg.size = dmabuf->size;
	dma_buf_put(dmabuf);

	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static long mock_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;

	switch (cmd) {
	case DMA_BUF_MOCK_CREATE:
		return mock_ioctl_create((void __user *)arg);
	case DMA_BUF_MOCK_SET_STATE:
		return mock_ioctl_set_state((void __user *)arg);
	case DMA_BUF_MOCK_MOVE:
		return mock_ioctl_move((void __user *)arg);
	case DMA_BUF_MOCK_LOOKUP:
		return mock_ioctl_lookup((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations mock_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = mock_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice mock_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dma-buf-mock",
	.fops = &mock_fops,
	.mode = 0600,
};

static int __init mock_init(void)
{
	int err;

	mock_wq = alloc_workqueue("dma-buf-mock", WQ_UNBOUND, 0);
	if (!mock_wq)
		return -ENOMEM;
	err = misc_register(&mock_misc);
	if (err)
		destroy_workqueue(mock_wq);
	return err;
}
module_init(mock_init);

static void __exit mock_exit(void)
{
	misc_deregister(&mock_misc);
	/* What put the last buffer, and with it the module, may not have returned yet. */
	destroy_workqueue(mock_wq);
}
module_exit(mock_exit);

MODULE_DESCRIPTION("Mock dma-buf exporter for testing CPU mappings");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
