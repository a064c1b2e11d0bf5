// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in mappings of dma-bufs: lock or come back, wait for what is in the way, ask
 * the exporter, insert.  See dma-buf-mmap.c for the model.
 */
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include <trace/events/dma_buf_mmap.h>

#include "dma-buf-mmap-internal.h"

/* Whether no kernel fence is left that may be of a move. */
static bool dma_buf_mmap_idle(const struct dma_buf_mmap *m)
{
	return !(m->flags & DMA_BUF_MMAP_FENCED) ||
	       dma_resv_test_signaled(m->resv, DMA_RESV_USAGE_KERNEL);
}

/* Fences know no killable wait: look for a fatal signal ten times a second. */
static int dma_buf_mmap_wait_fences(struct dma_buf_mmap *m, bool intr)
{
	long ret;

	while (!dma_buf_mmap_idle(m)) {
		ret = dma_resv_wait_timeout(m->resv, DMA_RESV_USAGE_KERNEL,
					    intr, HZ / 10);
		if (ret < 0)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int dma_buf_mmap_wait_exporter(struct dma_buf_mmap *m, bool intr)
{
	m->ops->wait(m->priv, intr);
	/* It may have begun a move. */
	return dma_buf_mmap_wait_fences(m, intr);
}

static int dma_buf_mmap_lock(struct dma_buf_mmap *m, bool intr)
{
	return intr ? dma_resv_lock_interruptible(m->resv, NULL) :
		      dma_resv_lock_killable(m->resv, NULL);
}

static int dma_buf_mmap_wait_lock(struct dma_buf_mmap *m, bool intr)
{
	int err = dma_buf_mmap_lock(m, intr);

	if (!err)
		dma_resv_unlock(m->resv);
	return err;
}

/* Lock the buffer, and wait with the lock held, so that no other move begins. */
int dma_buf_mmap_lock_idle(struct dma_buf_mmap *m, bool intr)
{
	int err = dma_buf_mmap_lock(m, intr);

	if (err)
		return err;
	err = dma_buf_mmap_wait_fences(m, intr);
	if (err)
		dma_resv_unlock(m->resv);
	return err;
}

/*
 * Whether to ask an exporter again that said *@err: it was waited for.  Callers hold
 * locks of mm, so that is only done where it ends.
 */
bool dma_buf_mmap_wait_bounded(struct dma_buf_mmap *m, bool intr, int *err)
{
	if (*err != -EAGAIN || !(m->flags & DMA_BUF_MMAP_BOUNDED))
		return false;

	m->ops->wait(m->priv, intr);
	if (intr ? signal_pending(current) : fatal_signal_pending(current))
		*err = -EINTR;
	return *err == -EAGAIN;
}

/* Whether any signal ends the waits of a fault: it comes back once that is handled. */
static bool dma_buf_fault_intr(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_USER;
}

static vm_fault_t dma_buf_fault_error(const struct vm_fault *vmf, int err)
{
	switch (err) {
	case -EINTR:
	case -ERESTARTSYS:
		if (dma_buf_fault_intr(vmf))
			return VM_FAULT_NOPAGE;
		/* In the kernel nobody looks at signals: a copy must end ... */
		if (fatal_signal_pending(current))
			return VM_FAULT_SIGBUS;
		/* ... or not be tried again at once, if an exporter waits interruptibly. */
		schedule_timeout_killable(1);
		return VM_FAULT_NOPAGE;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/* Wait without the locks of the fault, which is then handled from the start. */
static vm_fault_t dma_buf_fault_retry(struct vm_fault *vmf,
				      struct dma_buf_mmap *m,
				      int (*wait)(struct dma_buf_mmap *m,
						  bool intr))
{
	const bool intr = dma_buf_fault_intr(vmf);
	struct file *file;

	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	/* Without the lock the VMA may go, and with it the buffer. */
	file = get_file(vmf->vma->vm_file);
	if (m->hold)
		m->hold(m, true);
	release_fault_lock(vmf);
	/* An error shows in the fault that comes back. */
	(void)wait(m, intr);
	if (m->hold)
		m->hold(m, false);
	fput(file);
	return VM_FAULT_RETRY;
}

/* Lock the buffer when no move is in flight; 0, or what the fault returns. */
static vm_fault_t dma_buf_fault_lock(struct vm_fault *vmf,
				     struct dma_buf_mmap *m)
{
	int err;

	if (vmf->flags & FAULT_FLAG_TRIED) {
		err = dma_buf_mmap_lock_idle(m, dma_buf_fault_intr(vmf));
		return err ? dma_buf_fault_error(vmf, err) : 0;
	}

	if (!dma_resv_trylock(m->resv)) {
		trace_dma_buf_mmap_wait(vmf, "lock");
		return dma_buf_fault_retry(vmf, m, dma_buf_mmap_wait_lock);
	}
	if (dma_buf_mmap_idle(m))
		return 0;

	dma_resv_unlock(m->resv);
	trace_dma_buf_mmap_wait(vmf, "fence");
	return dma_buf_fault_retry(vmf, m, dma_buf_mmap_wait_fences);
}

/*
 * Whether a dummy page stands for memory of which the exporter said @err: it is away, and
 * he tells when it is back.  What fails for once is not mapped.
 */
static bool dma_buf_fault_completes(const struct vm_fault *vmf,
				    const struct dma_buf_mmap *m, int err)
{
	if (err == -ENODEV && m->flags & DMA_BUF_MMAP_NOSIGBUS)
		return true;
	return vmf->vma->vm_flags & VM_NOSIGBUS && (err == -ENODEV || err == -EIO) &&
	       (m->ops->wait || m->ops->may_map);
}

static int dma_buf_fault_get_range(struct vm_fault *vmf, struct dma_buf_mmap *m,
				   pgoff_t pgoff, struct dma_buf_range *range)
{
	int err = dma_buf_mmap_get_range(m, pgoff, true, range);

	if (err && dma_buf_fault_completes(vmf, m, err))
		err = dma_buf_mmap_get_dummy(m, pgoff, range);
	return err;
}

/* As dma_buf_fault_range(), for a fault that is not tried again. */
static vm_fault_t dma_buf_fault_range_now(struct vm_fault *vmf, struct dma_buf_mmap *m,
					  pgoff_t pgoff, struct dma_buf_range *range)
{
	const bool intr = dma_buf_fault_intr(vmf);
	int err;

	do {
		err = dma_buf_mmap_lock_idle(m, intr);
		if (err)
			break;
		err = dma_buf_fault_get_range(vmf, m, pgoff, range);
		if (!err)
			return 0;
		dma_resv_unlock(m->resv);
	} while (dma_buf_mmap_wait_bounded(m, intr, &err));

	return dma_buf_fault_error(vmf, err);
}

/* The buffer locked and @range what has the page; 0, or what the fault returns. */
static vm_fault_t dma_buf_fault_range(struct vm_fault *vmf, struct dma_buf_mmap *m,
				      pgoff_t pgoff, struct dma_buf_range *range)
{
	vm_fault_t ret;
	int err;

	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY))
		return dma_buf_fault_range_now(vmf, m, pgoff, range);

	ret = dma_buf_fault_lock(vmf, m);
	if (ret)
		return ret;
	err = dma_buf_fault_get_range(vmf, m, pgoff, range);
	if (!err)
		return 0;
	dma_resv_unlock(m->resv);

	/* However often: what the exporter waits for may need mmap_lock. */
	if (err == -EAGAIN && m->ops->wait) {
		trace_dma_buf_mmap_wait(vmf, "exporter");
		return dma_buf_fault_retry(vmf, m, dma_buf_mmap_wait_exporter);
	}
	return dma_buf_fault_error(vmf, err);
}

/**
 * dma_buf_mmap_fault - handle a fault
 * @vmf: the fault, in a VMA that dma_buf_mmap_vma() made a mapping of @m
 * @order: 0 in &vm_operations_struct.fault, else as given to huge_fault
 * @m: the buffer
 *
 * Locks the buffer, waits for what is in the way, asks for the range and puts
 * leaves in.
 *
 * Context: Process context, mmap_lock or VMA lock held, reservation lock not held.
 * The lock is dropped as &vm_operations_struct.fault may.
 *
 * Return: what the fault handler has to return.
 */
vm_fault_t dma_buf_mmap_fault(struct vm_fault *vmf, unsigned int order,
			      struct dma_buf_mmap *m)
{
	struct vm_area_struct *vma = vmf->vma;
	const pgoff_t pgoff = linear_page_index(vma, vmf->address) - m->offset;
	struct dma_buf_range range;
	vm_fault_t ret;

	/* From within ->mmap, which per-VMA locks tell: no zap would find the leaf. */
	if (WARN_ON_ONCE(!vma_is_attached(vma)))
		return VM_FAULT_SIGBUS;
	/* What mmap() did not map of a private mapping is nowhere. */
	if (vma_is_cow_mapping(vma))
		return VM_FAULT_SIGBUS;
	if (order && !dma_buf_leaf_fits(vma, vmf->address, order))
		return VM_FAULT_FALLBACK;

	ret = dma_buf_fault_range(vmf, m, pgoff, &range);
	if (!ret) {
		ret = dma_buf_mmap_insert(vmf, order, m, &range);
		dma_resv_unlock(m->resv);
	}
	if (ret != VM_FAULT_RETRY)
		trace_dma_buf_mmap_fault(vmf, pgoff, order, ret);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_fault, "DMA_BUF");

/**
 * dma_buf_mmap_pfn_mkwrite - let a page be written to that was mapped read-only for it
 * @vmf: the fault, in a VMA that dma_buf_mmap_vma() made a mapping of @m
 * @m: the buffer
 *
 * For &vm_operations_struct.pfn_mkwrite, which cannot be tried again without the locks.
 *
 * Context: Process context, mmap_lock or VMA lock held, reservation lock not held.
 * Return: %0, or what the handler has to return instead.
 */
vm_fault_t dma_buf_mmap_pfn_mkwrite(struct vm_fault *vmf, struct dma_buf_mmap *m)
{
	const pgoff_t pgoff = linear_page_index(vmf->vma, vmf->address) - m->offset;
	int err = dma_buf_mmap_lock(m, dma_buf_fault_intr(vmf));

	if (!err) {
		err = m->ops->mkwrite(m->priv, pgoff);
		dma_resv_unlock(m->resv);
	}
	return err ? dma_buf_fault_error(vmf, err) : 0;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_pfn_mkwrite, "DMA_BUF");
