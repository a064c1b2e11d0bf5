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

/* How often a fault looks whether a contended lock is free: some microseconds. */
#define DMA_BUF_FAULT_SPINS	256

/* Whether no kernel fence is left that may be of a move. */
bool dma_buf_mmap_idle(const struct dma_buf_mmap *m)
{
	return !(m->flags & DMA_BUF_MMAP_MOVES) ||
	       dma_resv_test_signaled(m->resv, DMA_RESV_USAGE_KERNEL);
}

/* Fences know no killable wait: look for a fatal signal ten times a second. */
int dma_buf_mmap_wait_fences(struct dma_buf_mmap *m, bool intr)
{
	long left;

	do {
		left = dma_resv_wait_timeout(m->resv, DMA_RESV_USAGE_KERNEL,
					     intr, HZ / 10);
		if (left)
			return left < 0 ? left : 0;
	} while (!fatal_signal_pending(current));

	return -EINTR;
}

int dma_buf_mmap_wait_exporter(struct dma_buf_mmap *m, bool intr)
{
	int err = m->ops->wait ? m->ops->wait(m->priv, intr) : -EIO;

	/* Whoever waited and still has nothing must not be asked again. */
	return err == -EAGAIN ? -EIO : err;
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
		/* In the kernel nobody looks at signals: a copy must end, or it spins. */
		return fatal_signal_pending(current) && !dma_buf_fault_intr(vmf) ?
		       VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
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
	/* An error shows again in the fault that comes back. */
	(void)wait(m, intr);
	if (m->hold)
		m->hold(m, false);
	fput(file);
	return VM_FAULT_RETRY;
}

/*
 * Another fault in the same buffer holds the lock for microseconds, which is less
 * than it takes to drop the fault's locks, sleep and start over.
 */
static bool dma_buf_fault_trylock(struct dma_resv *resv)
{
	unsigned int spins;

	for (spins = 0; spins < DMA_BUF_FAULT_SPINS; spins++) {
		if (!dma_resv_is_locked(resv) && dma_resv_trylock(resv))
			return true;
		if (need_resched())
			break;
		cpu_relax();
	}
	return false;
}

/* Lock the buffer when no move is in flight; 0, or what the fault returns. */
static vm_fault_t dma_buf_fault_lock(struct vm_fault *vmf,
				     struct dma_buf_mmap *m)
{
	const bool retry = fault_flag_allow_retry_first(vmf->flags);
	int err;

	if (!dma_buf_fault_trylock(m->resv)) {
		trace_dma_buf_mmap_wait(vmf, "lock");
		if (retry)
			return dma_buf_fault_retry(vmf, m,
						   dma_buf_mmap_wait_lock);
		err = dma_buf_mmap_lock(m, dma_buf_fault_intr(vmf));
		if (err)
			return dma_buf_fault_error(vmf, err);
	}
	if (dma_buf_mmap_idle(m))
		return 0;

	trace_dma_buf_mmap_wait(vmf, "fence");
	if (!retry) {
		err = dma_buf_mmap_wait_fences(m, dma_buf_fault_intr(vmf));
		if (!err)
			return 0;
	}
	dma_resv_unlock(m->resv);
	return retry ? dma_buf_fault_retry(vmf, m, dma_buf_mmap_wait_fences) :
		       dma_buf_fault_error(vmf, err);
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
	int err;

	/* From within ->mmap: no zap would find the leaf. */
	if (WARN_ON_ONCE(!vma_is_attached(vma)))
		return VM_FAULT_SIGBUS;
	/* What mmap() did not map of a private mapping is nowhere. */
	if (vma_is_cow_mapping(vma))
		return VM_FAULT_SIGBUS;
	if (order && !dma_buf_leaf_fits(vma, vmf->address, order))
		return VM_FAULT_FALLBACK;

	do {
		ret = dma_buf_fault_lock(vmf, m);
		if (ret)
			return ret;

		err = dma_buf_mmap_get_range(m, pgoff, true, &range);
		if (!err) {
			ret = dma_buf_mmap_insert(vmf, order, m, &range,
						  vm_get_page_prot(vma->vm_flags),
						  0);
			dma_buf_mmap_put_range(m, &range);
		}
		dma_resv_unlock(m->resv);

		if (err == -EAGAIN) {
			trace_dma_buf_mmap_wait(vmf, "exporter");
			if (fault_flag_allow_retry_first(vmf->flags))
				return dma_buf_fault_retry(vmf, m,
							   dma_buf_mmap_wait_exporter);
			err = dma_buf_mmap_wait_exporter(m, dma_buf_fault_intr(vmf)) ?:
			      -EAGAIN;
		}
	} while (err == -EAGAIN);

	if (err)
		ret = dma_buf_fault_error(vmf, err);
	trace_dma_buf_mmap_fault(vmf, pgoff, order, ret);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_mmap_fault, "DMA_BUF");
