// SPDX-License-Identifier: GPL-2.0-only
/*
 * How CPUs map a dma-buf: VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR.
 *
 * Where the architecture keeps a memory type for memory, as x86 does, all who map a page
 * have the same one, and the kernel's own mapping of a BAR makes that of the BAR uncached.
 * So whoever wants another one there takes that mapping away: accesses through the device
 * fd map each page for themselves, until somebody else needs the mapping.  Who keeps it,
 * ioeventfds and drivers, is not disturbed: the one that comes second is refused.  What
 * else in the kernel maps a part of a BAR for a while, as quirks for resets do, gets the
 * type that it has.
 *
 * A dma-buf that is write-combined reserves the type of its pages.  What else shows them
 * asks for their type in the fault; so whoever changes it zaps after that.
 *
 * Locks, outermost first: barmap_lock, which those hold who use the mapping; memory_lock
 * and mmap_lock, which accesses through the device fd take; revoke_lock, dma_resv.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/io.h>
#include <linux/pgtable.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "vfio_pci_priv.h"

#ifdef __HAVE_PFNMAP_TRACKING
#define VFIO_PCI_TYPED_MEMORY	true
#else
#define VFIO_PCI_TYPED_MEMORY	false
#endif

/*
 * The page with the type that it has now.  ioremap() would keep that type as long as the
 * mapping, which is as long as user space takes for its own memory.
 */
static void *vfio_pci_map_page(unsigned long pfn)
{
	pgprot_t prot = pgprot_decrypted(pgprot_noncached(PAGE_KERNEL));

	if (!VFIO_PCI_TYPED_MEMORY)
		return NULL;
	pfnmap_setup_cachemode(pfn, PAGE_SIZE, &prot);
	return vmap_pfn(&pfn, 1, prot);
}

/**
 * vfio_pci_bar_rw_pages - access a BAR of which the kernel has no mapping
 * @vdev: the device
 * @bar: index of the BAR
 * @buf: user memory
 * @pos: offset in the BAR
 * @count: bytes, which lie in the BAR
 * @x_start: offset in the BAR of what cannot be accessed
 * @x_end: where that ends
 * @iswrite: whether to write to the BAR
 *
 * Context: Process context, barmap_lock held for reading.
 * Return: as from vfio_pci_core_do_io_rw().
 */
ssize_t vfio_pci_bar_rw_pages(struct vfio_pci_core_device *vdev, int bar,
			      char __user *buf, loff_t pos, size_t count,
			      size_t x_start, size_t x_end, bool iswrite)
{
	const resource_size_t start = pci_resource_start(vdev->pdev, bar);
	size_t done, part;

	for (done = 0; done < count; done += part) {
		const loff_t at = pos + done;
		const size_t offset = offset_in_page(at);
		unsigned long pfn = PHYS_PFN(start + at - offset);
		void *page = vfio_pci_map_page(pfn);
		ssize_t ret;

		if (!page)
			return -ENOMEM;
		part = min(count - done, PAGE_SIZE - offset);
		ret = vfio_pci_core_do_io_rw(vdev, true,
					     (void __force __iomem *)page - (at - offset),
					     buf + done, at, part, x_start, x_end,
					     iswrite, VFIO_PCI_IO_WIDTH_8);
		/* What was written arrives, whatever the type of the page. */
		wmb();
		vunmap(page);
		if (ret < 0)
			return ret;
	}
	return done;
}

static void vfio_pci_free_wc(struct vfio_pci_dma_buf *priv, u32 nr_runs)
{
	while (nr_runs--)
		arch_io_free_memtype_wc(PFN_PHYS(priv->runs[nr_runs].pfn),
					priv->runs[nr_runs].nr_pages << PAGE_SHIFT);
}

/* Whether a page has the type that @prot is of */
static bool vfio_pci_has_type(unsigned long pfn, pgprot_t prot)
{
	pgprot_t has = prot;

	return !pfnmap_setup_cachemode(pfn, PAGE_SIZE, &has) &&
	       pgprot_val(has) == pgprot_val(prot);
}

static int vfio_pci_reserve_wc(struct vfio_pci_dma_buf *priv)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < priv->nr_runs && !ret; i++) {
		const struct vfio_pci_dma_buf_run *run = &priv->runs[i];

		ret = arch_io_reserve_memtype_wc(PFN_PHYS(run->pfn),
						 run->nr_pages << PAGE_SHIFT);
		if (ret)
			break;
		/* Where something has the memory, all of it now has the type of that. */
		if (!vfio_pci_has_type(run->pfn, pgprot_writecombine(PAGE_KERNEL)))
			ret = -EBUSY;
	}
	if (ret)
		vfio_pci_free_wc(priv, i);
	return ret;
}

/*
 * Whether the kernel writes to some of the pages itself, in an order that matters, when
 * interrupts are set up.
 */
static bool vfio_pci_has_msix(struct vfio_pci_core_device *vdev,
			      struct vfio_pci_dma_buf *priv)
{
	const phys_addr_t table = pci_resource_start(vdev->pdev, priv->bar) +
				  vdev->msix_offset;
	u32 i;

	if (priv->bar != vdev->msix_bar)
		return false;

	for (i = 0; i < priv->nr_runs; i++)
		if (priv->runs[i].pfn <= PHYS_PFN(table + vdev->msix_size - 1) &&
		    priv->runs[i].pfn + priv->runs[i].nr_pages > PHYS_PFN(table))
			return true;
	return false;
}

/* The kernel's mapping of a BAR goes away, unless somebody keeps it. */
static int vfio_pci_unmap_bar(struct vfio_pci_core_device *vdev, unsigned int bar)
{
	lockdep_assert_held_write(&vdev->barmap_lock);

	if (!VFIO_PCI_TYPED_MEMORY || !vdev->barmap[bar])
		return 0;
	if (test_bit(bar, &vdev->barmap_kept))
		return -EBUSY;

	pci_iounmap(vdev->pdev, vdev->barmap[bar]);
	WRITE_ONCE(vdev->barmap[bar], NULL);
	return 0;
}

/**
 * vfio_pci_remap_bar - the kernel's mapping of a BAR is needed again
 * @vdev: the device
 * @bar: index of the BAR, whose mapping was taken away
 *
 * Context: Process context, barmap_lock held for writing, revoke_lock not held.
 * Return: the mapping, or an ERR_PTR(): %-EBUSY if a buffer, or somebody else, has given
 * the memory another type; %-ENOMEM.
 */
void __iomem *vfio_pci_remap_bar(struct vfio_pci_core_device *vdev, unsigned int bar)
{
	struct vfio_pci_dma_buf *priv;
	bool busy = false;
	void __iomem *io;

	lockdep_assert_held_write(&vdev->barmap_lock);

	mutex_lock(&vdev->revoke_lock);
	list_for_each_entry(priv, &vdev->dmabufs, dmabufs_elm)
		busy |= priv->bar == bar && priv->caching != DMA_BUF_UNCACHED;
	mutex_unlock(&vdev->revoke_lock);
	if (busy)
		return IOMEM_ERR_PTR(-EBUSY);

	io = pci_iomap(vdev->pdev, bar, 0);
	if (!io)
		return IOMEM_ERR_PTR(-ENOMEM);
	if (!vfio_pci_has_type(PHYS_PFN(pci_resource_start(vdev->pdev, bar)),
			       pgprot_noncached(PAGE_KERNEL))) {
		pci_iounmap(vdev->pdev, io);
		return IOMEM_ERR_PTR(-EBUSY);
	}
	WRITE_ONCE(vdev->barmap[bar], io);
	return io;
}

/* What shows memory of @changed is mapped anew, with the type that it has now. */
static void vfio_pci_refresh_mappings(struct vfio_pci_core_device *vdev,
				      struct vfio_pci_dma_buf *changed)
{
	struct vfio_pci_dma_buf *priv;
	int pass;

	lockdep_assert_held(&vdev->revoke_lock);

	/* Then nothing is mapped. */
	if (vdev->bars_revoked)
		return;

	/*
	 * Accesses of debuggers keep the type of a page for a moment, with the lock of one
	 * buffer held: what was mapped in that moment is there in the second pass.
	 */
	for (pass = 0; pass < 2; pass++) {
		list_for_each_entry(priv, &vdev->dmabufs, dmabufs_elm) {
			if (priv != changed &&
			    (!VFIO_PCI_TYPED_MEMORY || priv->bar != changed->bar))
				continue;
			if (!get_file_active(&priv->dmabuf->file))
				continue;
			dma_resv_lock(priv->dmabuf->resv, NULL);
			dma_buf_refresh_mappings(priv->dmabuf);
			dma_resv_unlock(priv->dmabuf->resv);
			fput(priv->dmabuf->file);
		}
		if (!VFIO_PCI_TYPED_MEMORY)
			return;
		dma_resv_lock(vdev->bars.resv, NULL);
		dma_buf_mmap_zap(&vdev->bars);
		dma_resv_unlock(vdev->bars.resv);
	}
}

static void vfio_pci_set_caching(struct vfio_pci_dma_buf *priv,
				 enum dma_buf_caching caching)
{
	dma_resv_lock(priv->dmabuf->resv, NULL);
	priv->caching = caching;
	dma_resv_unlock(priv->dmabuf->resv);
}

/**
 * vfio_pci_dma_buf_reset_memattr - a buffer wants nothing of its memory any more
 * @vdev: its device
 * @priv: the buffer, which may be on its way out
 *
 * Context: Process context, revoke_lock held, reservation lock not held.
 */
void vfio_pci_dma_buf_reset_memattr(struct vfio_pci_core_device *vdev,
				    struct vfio_pci_dma_buf *priv)
{
	lockdep_assert_held(&vdev->revoke_lock);

	if (priv->caching == DMA_BUF_UNCACHED)
		return;
	vfio_pci_set_caching(priv, DMA_BUF_UNCACHED);
	vfio_pci_free_wc(priv, priv->nr_runs);
	vfio_pci_refresh_mappings(vdev, priv);
}

static int vfio_pci_dma_buf_make_wc(struct vfio_pci_core_device *vdev,
				    struct vfio_pci_dma_buf *priv)
{
	int ret;

	/* Where there is no such thing, it is another name for uncached. */
	if (!priv->for_cpu || vfio_pci_has_msix(vdev, priv) ||
	    pgprot_val(pgprot_writecombine(PAGE_KERNEL)) ==
	    pgprot_val(pgprot_noncached(PAGE_KERNEL)))
		return -EOPNOTSUPP;
	if (priv->caching == DMA_BUF_WRITE_COMBINED)
		return 0;

	ret = vfio_pci_unmap_bar(vdev, priv->bar);
	if (!ret)
		ret = vfio_pci_reserve_wc(priv);
	if (ret)
		return ret;
	vfio_pci_set_caching(priv, DMA_BUF_WRITE_COMBINED);
	vfio_pci_refresh_mappings(vdev, priv);
	return 0;
}

static int vfio_pci_dma_buf_set_memattr(struct vfio_pci_core_device *vdev,
					struct vfio_device_feature_dma_buf_memattr *memattr)
{
	struct vfio_pci_dma_buf *priv;
	int ret = 0;

	priv = vfio_pci_dma_buf_get_locked(vdev, memattr->dmabuf_fd);
	if (IS_ERR(priv))
		return PTR_ERR(priv);
	switch (memattr->memattr) {
	case VFIO_DEVICE_DMA_BUF_MEMATTR_NC:
		vfio_pci_dma_buf_reset_memattr(vdev, priv);
		break;
	case VFIO_DEVICE_DMA_BUF_MEMATTR_WC:
		ret = vfio_pci_dma_buf_make_wc(vdev, priv);
		break;
	default:
		ret = -ENOENT;
	}
	vfio_pci_dma_buf_put_locked(vdev, priv);
	return ret;
}

static int vfio_pci_dma_buf_get_memattr(struct vfio_pci_core_device *vdev,
					struct vfio_device_feature_dma_buf_memattr *memattr)
{
	struct vfio_pci_dma_buf *priv;

	priv = vfio_pci_dma_buf_get_locked(vdev, memattr->dmabuf_fd);
	if (IS_ERR(priv))
		return PTR_ERR(priv);
	memattr->memattr = priv->caching == DMA_BUF_WRITE_COMBINED ?
			   VFIO_DEVICE_DMA_BUF_MEMATTR_WC :
			   VFIO_DEVICE_DMA_BUF_MEMATTR_NC;
	vfio_pci_dma_buf_put_locked(vdev, priv);
	return 0;
}

int vfio_pci_core_feature_dma_buf_memattr(struct vfio_pci_core_device *vdev,
					  u32 flags, void __user *arg, size_t argsz)
{
	struct vfio_device_feature_dma_buf_memattr memattr;
	int ret;

	/* Other drivers may have mappings of a BAR that vfio-pci does not know of. */
	if (!vdev->pci_ops || !vdev->pci_ops->get_dmabuf_phys)
		return -EOPNOTSUPP;

	ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_GET, sizeof(memattr));
	if (ret != 1)
		return ret;

	if (copy_from_user(&memattr, arg, sizeof(memattr)))
		return -EFAULT;

	if (flags & VFIO_DEVICE_FEATURE_SET) {
		ret = down_write_killable(&vdev->barmap_lock);
		if (ret)
			return ret;
		ret = vfio_pci_dma_buf_set_memattr(vdev, &memattr);
		up_write(&vdev->barmap_lock);
		if (ret)
			return ret;
	}
	if (flags & VFIO_DEVICE_FEATURE_GET) {
		ret = vfio_pci_dma_buf_get_memattr(vdev, &memattr);
		if (!ret && copy_to_user(arg, &memattr, sizeof(memattr)))
			ret = -EFAULT;
	}
	return ret;
}
