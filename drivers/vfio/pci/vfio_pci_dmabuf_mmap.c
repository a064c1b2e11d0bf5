// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU mappings of dma-bufs of BAR ranges: see drivers/dma-buf/dma-buf-mmap.c for the model.
 *
 * Each is an object of its own to the core.  One run is mapped where the device fd shows
 * that run too; one of several runs has no such place and is mapped in its own inode.
 * Each has a reservation lock of its own, as importers may lock two buffers of a device
 * at once.  When they are revoked is in vfio_pci_bars.c.
 */
#include <linux/bsearch.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>

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
	if (priv->revoked)
		return vfio_pci_revoked_error(priv->vdev);

	if (priv->nr_runs > 1)
		run = bsearch(&pgoff, run, priv->nr_runs, sizeof(*run),
			      vfio_pci_dma_buf_cmp_run);
	if (WARN_ON_ONCE(!run))
		return -EFAULT;

	vfio_pci_bar_range(range, priv->caching);
	range->start = run->start;
	range->nr_pages = run->nr_pages;
	range->pfn = run->pfn;
	range->provider = priv->provider;
	return 0;
}

static void vfio_pci_dma_buf_wait(void *data, bool intr)
{
	struct vfio_pci_dma_buf *priv = data;
	struct vfio_pci_core_device *vdev;
	int ret;

	ret = intr ? dma_resv_lock_interruptible(priv->dmabuf->resv, NULL) :
		     dma_resv_lock_killable(priv->dmabuf->resv, NULL);
	if (ret)
		return;
	vdev = priv->vdev;
	if (vdev && !vfio_device_try_get_registration(&vdev->vdev))
		vdev = NULL;
	dma_resv_unlock(priv->dmabuf->resv);
	if (!vdev)
		return;

	vfio_pci_bars_wait(vdev, intr);
	vfio_device_put_registration(&vdev->vdev);
}

static int vfio_pci_dma_buf_may_map(void *data)
{
	struct vfio_pci_dma_buf *priv = data;

	if (!READ_ONCE(priv->vdev))
		return -ENODEV;
	return priv->for_cpu ? 0 : -EACCES;
}

static const struct dma_buf_mmap_ops vfio_pci_dma_buf_mmap_ops = {
	.get_range = vfio_pci_dma_buf_get_range,
	.wait = vfio_pci_dma_buf_wait,
	.may_map = vfio_pci_dma_buf_may_map,
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

	priv->runs = kvmalloc_objs(*priv->runs, priv->nr_ranges, GFP_KERNEL_ACCOUNT);
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
				      struct dma_buf_mmap *mmap)
{
	const unsigned long pfn = PHYS_PFN(pci_resource_start(vdev->pdev, bar));
	struct inode *inode;
	int ret;

	mmap->ops = &vfio_pci_dma_buf_mmap_ops;
	mmap->flags = DMA_BUF_MMAP_STRICT;
	/* See vfio_pci_core_mmap(). */
	mmap->vm_flags = VM_ALLOW_ANY_UNCACHED;
	priv->caching = DMA_BUF_UNCACHED;
	mmap->caching = DMA_BUF_UNCACHED;
	mmap->decrypted = true;
	mmap->dummy_fill = 0xff;

	ret = vfio_pci_dma_buf_make_runs(priv);
	if (ret)
		return ret;
	priv->for_cpu = vdev->bar_mmap_supported[bar] &&
			vfio_pci_dma_buf_in_bar(priv, vdev->pdev, bar);
	if (!priv->for_cpu || priv->nr_runs > 1)
		return 0;

	inode = vfio_device_pin_inode(&vdev->vdev);
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	priv->inode = inode;
	mmap->mapping = inode->i_mapping;
	mmap->offset = ((pgoff_t)bar << VFIO_PCI_REGION_SHIFT) +
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
 * Context: Process context, revoke_lock not held.
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
	priv->bar = bar;
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

	ret = mutex_lock_killable(&vdev->revoke_lock);
	if (ret) {
		dma_buf_put(priv->dmabuf);
		return ret;
	}
	priv->revoked = vdev->bars_revoked;
	list_add_tail(&priv->dmabufs_elm, &vdev->dmabufs);
	mutex_unlock(&vdev->revoke_lock);
	return 0;

err_put_registration:
	vfio_device_put_registration(&vdev->vdev);
err_fini_mmap:
	vfio_pci_dma_buf_fini_mmap(priv);
	kfree(priv->phys_vec);
	kfree(priv);
	return ret;
}
