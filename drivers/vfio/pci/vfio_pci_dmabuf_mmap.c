// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU mappings of BARs, all through dma-bufs: see drivers/dma-buf/dma-buf-mmap.c
 * for the model.
 *
 * A buffer that is one run of a BAR is mapped in the address_space of the VFIO
 * device, where the device fd shows that run too; one of several runs has no
 * such place and is mapped in its own inode.
 *
 * A buffer is revoked with memory_lock held for writing, for as long as the
 * device may not be accessed.  A fault that finds it so waits for memory_lock:
 * who holds that for writing is bound to let go (a reset).  If the buffer is
 * still revoked then, user space turned the device off, and the access fails.
 */
#include <linux/bsearch.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/pci-p2pdma.h>

#include "vfio_pci_priv.h"

static int vfio_pci_dma_buf_cmp_run(const void *key, const void *elt)
{
	const pgoff_t pgoff = *(const pgoff_t *)key;
	const struct vfio_pci_dma_buf_run *run = elt;

	if (pgoff < run->start)
		return -1;
	return pgoff - run->start < run->nr_pages ? 0 : 1;
}

static int vfio_pci_dma_buf_get_range(void *data, pgoff_t pgoff, bool populate,
				      struct dma_buf_range *range)
{
	struct vfio_pci_dma_buf *priv = data;
	struct vfio_pci_dma_buf_run *run = priv->runs;

	dma_resv_assert_held(priv->dmabuf->resv);

	if (!priv->vdev)
		return -ENODEV;
	if (!priv->nr_runs)
		return -EACCES;
	if (priv->revoked)
		return -EAGAIN;

	if (priv->nr_runs > 1)
		run = bsearch(&pgoff, run, priv->nr_runs, sizeof(*run),
			      vfio_pci_dma_buf_cmp_run);
	if (WARN_ON_ONCE(!run))
		return -EFAULT;

	range->start = run->start;
	range->nr_pages = run->nr_pages;
	range->pfn = run->pfn;
	range->caching = DMA_BUF_UNCACHED;
	range->decrypted = true;
	range->iomem = true;
	range->provider = priv->provider;
	return 0;
}

static int vfio_pci_dma_buf_wait(void *data)
{
	struct vfio_pci_dma_buf *priv = data;
	struct vfio_pci_core_device *vdev;
	int ret;

	ret = dma_resv_lock_interruptible(priv->dmabuf->resv, NULL);
	if (ret)
		return ret;
	vdev = priv->vdev;
	if (vdev && !vfio_device_try_get_registration(&vdev->vdev))
		vdev = NULL;
	dma_resv_unlock(priv->dmabuf->resv);
	if (!vdev)
		return -ENODEV;

	ret = down_read_killable(&vdev->memory_lock);
	if (!ret) {
		/* Only changes with memory_lock held for writing. */
		if (priv->revoked)
			ret = -EIO;
		up_read(&vdev->memory_lock);
	}
	vfio_device_put_registration(&vdev->vdev);
	return ret;
}

static const struct dma_buf_mmap_ops vfio_pci_dma_buf_mmap_ops = {
	.get_range = vfio_pci_dma_buf_get_range,
	.wait = vfio_pci_dma_buf_wait,
};

/* Whether all of @priv is memory of @bar, and not what a driver puts there. */
static bool vfio_pci_dma_buf_in_bar(struct vfio_pci_dma_buf *priv,
				    struct pci_dev *pdev, unsigned int bar)
{
	const phys_addr_t start = pci_resource_start(pdev, bar);
	const phys_addr_t len = PAGE_ALIGN(pci_resource_len(pdev, bar));
	u32 i;

	for (i = 0; i < priv->nr_ranges; i++) {
		const struct phys_vec *vec = &priv->phys_vec[i];

		if (vec->paddr < start || vec->paddr - start > len ||
		    vec->len > len - (vec->paddr - start))
			return false;
	}
	return true;
}

/* Physically adjacent ranges become one run. */
static int vfio_pci_dma_buf_make_runs(struct vfio_pci_dma_buf *priv)
{
	struct vfio_pci_dma_buf_run *run;
	pgoff_t start = 0;
	u32 i;

	priv->runs = kvmalloc_objs(*priv->runs, priv->nr_ranges);
	if (!priv->runs)
		return -ENOMEM;

	for (i = 0; i < priv->nr_ranges; i++) {
		const unsigned long pfn = PHYS_PFN(priv->phys_vec[i].paddr);
		const unsigned long nr = priv->phys_vec[i].len >> PAGE_SHIFT;

		run = &priv->runs[priv->nr_runs];
		if (priv->nr_runs && pfn == run[-1].pfn + run[-1].nr_pages) {
			run[-1].nr_pages += nr;
		} else {
			run->start = start;
			run->nr_pages = nr;
			run->pfn = pfn;
			priv->nr_runs++;
		}
		start += nr;
	}
	return 0;
}

static int vfio_pci_dma_buf_init_mmap(struct vfio_pci_core_device *vdev,
				      struct vfio_pci_dma_buf *priv,
				      unsigned int bar,
				      struct dma_buf_mmap_info *mmap)
{
	const unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, bar));
	struct inode *inode;
	int ret;

	mmap->ops = &vfio_pci_dma_buf_mmap_ops;
	/* See vfio_pci_core_mmap(). */
	mmap->vm_flags = VM_ALLOW_ANY_UNCACHED;
	mmap->caching = DMA_BUF_UNCACHED;
	mmap->decrypted = true;

	/* Without runs the buffer is for DMA only. */
	if (!vfio_pci_dma_buf_in_bar(priv, vdev->pdev, bar))
		return 0;
	ret = vfio_pci_dma_buf_make_runs(priv);
	if (ret || priv->nr_runs > 1)
		return ret;

	inode = vfio_device_pin_inode(&vdev->vdev);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	priv->inode = inode;
	mmap->mapping = inode->i_mapping;
	mmap->offset = (VFIO_PCI_INDEX_TO_OFFSET(bar) >> PAGE_SHIFT) +
		       (priv->runs[0].pfn - pfn);
	return 0;
}

void vfio_pci_dma_buf_fini_mmap(struct vfio_pci_dma_buf *priv)
{
	if (priv->inode)
		vfio_unpin_inode(priv->inode);
	kvfree(priv->runs);
}

/**
 * vfio_pci_dma_buf_export - make a dma-buf of ranges of a BAR
 * @vdev: the device
 * @priv: zeroed, but for phys_vec, nr_ranges, size and provider; not the caller's
 *	any more on return, whatever is returned
 * @bar: index of the BAR
 * @open_flags: O_RDONLY or O_RDWR, and O_CLOEXEC
 *
 * Context: Process context, memory_lock not held; mmap_lock may be.
 * Return: %0, and dma_buf_put() frees @priv; or a negative error value, %-EINTR
 * among them.
 */
int vfio_pci_dma_buf_export(struct vfio_pci_core_device *vdev,
			    struct vfio_pci_dma_buf *priv, unsigned int bar,
			    int open_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	int ret;

	ret = vfio_pci_dma_buf_init_mmap(vdev, priv, bar, &exp_info.mmap);
	if (ret)
		goto err_fini_mmap;

	ret = -ENODEV;
	if (!vfio_device_try_get_registration(&vdev->vdev))
		goto err_fini_mmap;

	priv->vdev = vdev;
	kref_init(&priv->kref);
	init_completion(&priv->comp);
	INIT_LIST_HEAD(&priv->dmabufs_elm);

	exp_info.ops = &vfio_pci_dmabuf_ops;
	exp_info.size = priv->size;
	exp_info.flags = open_flags;
	exp_info.priv = priv;

	/* Until it is on the list of those that are told of changes. */
	priv->revoked = true;
	priv->dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(priv->dmabuf)) {
		ret = PTR_ERR(priv->dmabuf);
		goto err_put_registration;
	}

	/* With mmap_lock held, a reset is not waited for unkillably. */
	ret = down_write_killable(&vdev->memory_lock);
	if (ret) {
		dma_buf_put(priv->dmabuf);
		return ret;
	}
	priv->revoked = vdev->pm_runtime_engaged ||
			!__vfio_pci_memory_enabled(vdev);
	list_add_tail(&priv->dmabufs_elm, &vdev->dmabufs);
	up_write(&vdev->memory_lock);
	return 0;

err_put_registration:
	vfio_device_put_registration(&vdev->vdev);
err_fini_mmap:
	vfio_pci_dma_buf_fini_mmap(priv);
	kfree(priv->phys_vec);
	kfree(priv);
	return ret;
}

/**
 * vfio_pci_dma_buf_mmap_bar - map part of a BAR through the device fd
 * @vdev: the device
 * @vma: the new VMA
 * @bar: index of the BAR
 * @start: byte offset in the BAR, a multiple of the page size
 * @len: bytes, a multiple of the page size
 *
 * The VMA gets a dma-buf of just what it maps, so that looking it up by address
 * gives no more than the mapping did.
 *
 * Context: Process context, mmap_lock held for writing, memory_lock not held.
 * Return: %0 or a negative error value.
 */
int vfio_pci_dma_buf_mmap_bar(struct vfio_pci_core_device *vdev,
			      struct vm_area_struct *vma, unsigned int bar,
			      u64 start, u64 len)
{
	struct vfio_pci_dma_buf *priv;
	int ret = -ENOMEM;

	priv = kzalloc_obj(*priv);
	if (!priv)
		return ret;
	priv->phys_vec = kzalloc_obj(*priv->phys_vec);
	if (!priv->phys_vec) {
		kfree(priv);
		return ret;
	}

	priv->nr_ranges = 1;
	priv->size = len;
	priv->phys_vec->paddr = pci_resource_start(vdev->pdev, bar) + start;
	priv->phys_vec->len = len;
	priv->provider = pcim_p2pdma_provider(vdev->pdev, bar);

	ret = vfio_pci_dma_buf_export(vdev, priv, bar, O_RDWR | O_CLOEXEC);
	if (ret)
		return ret;

	ret = dma_buf_mmap_vma(priv->dmabuf, vma, 0);
	/* The VMA has a reference of its own now. */
	dma_buf_put(priv->dmabuf);
	return ret;
}

/*
 * A reset that VFIO does itself holds memory_lock and has revoked already; any
 * other one (sysfs, a reset of the bus for another device) does it here.
 */
int vfio_pci_try_reset_function(struct vfio_pci_core_device *vdev)
{
	int ret;

	lockdep_assert_held_write(&vdev->memory_lock);

	WRITE_ONCE(vdev->reset_task, current);
	ret = pci_try_reset_function(vdev->pdev);
	WRITE_ONCE(vdev->reset_task, NULL);
	return ret;
}

/**
 * vfio_pci_core_reset_prepare - &pci_error_handlers.reset_prepare
 * @pdev: the device
 *
 * Takes BARs away from all CPUs and from those who do DMA to them, until
 * vfio_pci_core_reset_done().  A driver with a handler of its own calls this first.
 *
 * Context: Process context, device lock held.  Returns with memory_lock held for
 * writing, which it is already if the reset is VFIO's own.
 */
void vfio_pci_core_reset_prepare(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	/* Equal only if this very task set it, up the stack. */
	if (READ_ONCE(vdev->reset_task) == current)
		return;

	/*
	 * Who resets has blocked accesses to config space, which a write to it
	 * through VFIO waits for with memory_lock held.
	 */
	if (!down_write_trylock(&vdev->memory_lock)) {
		const bool blocked = pdev->block_cfg_access;

		if (blocked)
			pci_cfg_access_unlock(pdev);
		/* A reset of the bus has the device locks of all, in order. */
		down_write_nest_lock(&vdev->memory_lock, &pdev->dev.mutex);
		if (blocked)
			pci_cfg_access_lock(pdev);
	}

	vfio_pci_zap_bars(vdev);
	vfio_pci_dma_buf_move(vdev, true);
}
EXPORT_SYMBOL_GPL(vfio_pci_core_reset_prepare);

/**
 * vfio_pci_core_reset_done - &pci_error_handlers.reset_done
 * @pdev: the device
 *
 * Ends what vfio_pci_core_reset_prepare() began.  A driver with a handler of its own
 * calls this last.
 *
 * Context: As for vfio_pci_core_reset_prepare(), which has been called.
 */
void vfio_pci_core_reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	if (READ_ONCE(vdev->reset_task) == current)
		return;

	/* Those on the list are there only while the device has a vconfig. */
	if (!list_empty(&vdev->dmabufs) && __vfio_pci_memory_enabled(vdev))
		vfio_pci_dma_buf_move(vdev, false);
	up_write(&vdev->memory_lock);
}
EXPORT_SYMBOL_GPL(vfio_pci_core_reset_done);

#ifdef CONFIG_LOCKDEP
/*
 * Teach lockdep the order once, not only where a revoke meets a fault; that the
 * reservation lock is inside mmap_lock it knows from dma_resv_lockdep().
 */
void vfio_pci_prime_memory_lock(struct vfio_pci_core_device *vdev)
{
	struct dma_resv resv;

	dma_resv_init(&resv);
	down_write(&vdev->memory_lock);
	dma_resv_lock(&resv, NULL);
	dma_resv_unlock(&resv);
	up_write(&vdev->memory_lock);
	dma_resv_fini(&resv);
}
#endif
