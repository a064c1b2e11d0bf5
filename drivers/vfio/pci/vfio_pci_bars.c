// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU mappings of BARs through the device fd, and when nobody may reach them: see
 * drivers/dma-buf/dma-buf-mmap.c for the model.
 *
 * All BARs of a device are one object of the core, mapped at the offsets of their
 * regions in the address_space of the device.  A dma-buf of BAR ranges is an object of
 * its own, see vfio_pci_dmabuf_mmap.c.
 *
 * All are revoked for as long as the device may not be accessed: because it is off,
 * which changes with memory_lock held for writing, or because it is being reset, which
 * is for the PCI core to decide.  revoke_lock is inside memory_lock and protects both.
 * Accesses to config space wait for the end of a reset, some with memory_lock held: so
 * what is called in one must not take that.
 *
 * A fault that finds it revoked waits if it is in a reset, or if somebody holds
 * memory_lock for writing: either is bound to end.  If not, user space turned the device
 * off, and the access fails.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/pci-p2pdma.h>
#include <linux/sched/mm.h>
#include <linux/wait_bit.h>

#include "vfio_pci_priv.h"

/* Why a device that is revoked cannot be accessed; its reservation lock is held. */
int vfio_pci_revoked_error(struct vfio_pci_core_device *vdev)
{
	/* Cleared after the revocation has ended. */
	if (READ_ONCE(vdev->in_reset))
		return -EAGAIN;
	/* The order of the locks is the other way round: only try. */
	if (!down_read_trylock(&vdev->memory_lock))
		return -EAGAIN;
	up_read(&vdev->memory_lock);
	return -EIO;
}

void vfio_pci_bar_range(struct dma_buf_range *range, enum dma_buf_caching caching)
{
	range->caching = caching;
	/* What else maps the BAR decides, as it always did, unless user space has chosen. */
	range->caching_hint = caching == DMA_BUF_UNCACHED;
	range->decrypted = true;
	range->iomem = true;
}

static int vfio_pci_bars_get_range(void *data, pgoff_t pgoff, bool populate,
				   struct dma_buf_range *range)
{
	const unsigned int bar = pgoff >> VFIO_PCI_REGION_SHIFT;
	struct vfio_pci_core_device *vdev = data;

	dma_resv_assert_held(vdev->bars.resv);

	if (vdev->bars_revoked)
		return vfio_pci_revoked_error(vdev);

	vfio_pci_bar_range(range, DMA_BUF_UNCACHED);
	range->start = (pgoff_t)bar << VFIO_PCI_REGION_SHIFT;
	range->nr_pages = PFN_UP(pci_resource_len(vdev->pdev, bar));
	range->pfn = PHYS_PFN(pci_resource_start(vdev->pdev, bar));
	return 0;
}

/*
 * The file of the VMA, or the caller, keeps the device.  Drivers copy to and from user
 * space with memory_lock held for reading, so that mmap_lock must not be held here.
 */
void vfio_pci_bars_wait(void *data, bool intr)
{
	struct vfio_pci_core_device *vdev = data;
	int ret;

	ret = intr ? wait_var_event_interruptible(&vdev->in_reset,
						  !READ_ONCE(vdev->in_reset)) :
		     wait_var_event_killable(&vdev->in_reset,
					     !READ_ONCE(vdev->in_reset));
	if (ret)
		return;

	ret = intr ? down_read_interruptible(&vdev->memory_lock) :
		     down_read_killable(&vdev->memory_lock);
	if (!ret)
		up_read(&vdev->memory_lock);
}

static const struct dma_buf_mmap_ops vfio_pci_bars_mmap_ops = {
	.get_range = vfio_pci_bars_get_range,
	.wait = vfio_pci_bars_wait,
};

static vm_fault_t vfio_pci_mmap_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vfio_pci_core_device *vdev = vmf->vma->vm_private_data;
	const unsigned long addr = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);

	/* A BAR is at a multiple of its size, and so is its region. */
	if (order && !IS_ALIGNED(linear_page_index(vmf->vma, addr), 1UL << order))
		return VM_FAULT_FALLBACK;
	return dma_buf_mmap_fault(vmf, order, &vdev->bars);
}

static vm_fault_t vfio_pci_mmap_page_fault(struct vm_fault *vmf)
{
	return vfio_pci_mmap_huge_fault(vmf, 0);
}

static int vfio_pci_mmap_access(struct vm_area_struct *vma, unsigned long addr,
				void *buf, int len, int write)
{
	struct vfio_pci_core_device *vdev = vma->vm_private_data;

	return dma_buf_mmap_access(vma, addr, buf, len, write, &vdev->bars);
}

static bool vfio_pci_mmap_may_populate(struct vm_area_struct *vma)
{
	return true;
}

/*
 * The buffer of what @ref names of a BAR, and no more: looking it up by address gives
 * what the mapping gave.
 */
static struct dma_buf *vfio_pci_ref_export(struct dma_buf_ref *ref)
{
	const unsigned int bar = ref->pgoff >> VFIO_PCI_REGION_SHIFT;
	const pgoff_t start = (pgoff_t)bar << VFIO_PCI_REGION_SHIFT;
	struct vfio_pci_core_device *vdev = ref->priv;
	struct vfio_pci_dma_buf *priv;
	int ret;

	priv = kzalloc_obj(*priv, GFP_KERNEL_ACCOUNT);
	if (!priv)
		return ERR_PTR(-ENOMEM);
	priv->phys_vec = kzalloc_obj(*priv->phys_vec, GFP_KERNEL_ACCOUNT);
	if (!priv->phys_vec) {
		kfree(priv);
		return ERR_PTR(-ENOMEM);
	}

	priv->nr_ranges = 1;
	priv->size = ref->nr_pages << PAGE_SHIFT;
	priv->phys_vec->paddr = pci_resource_start(vdev->pdev, bar) +
				PFN_PHYS(ref->pgoff - start);
	priv->phys_vec->len = priv->size;
	/* Without it, the buffer is for the CPU only. */
	priv->provider = pcim_p2pdma_provider(vdev->pdev, bar);
	ret = vfio_pci_dma_buf_export(vdev, priv, bar, O_CLOEXEC |
				      (ref->need & VM_WRITE ? O_RDWR : O_RDONLY));
	ref->pgoff = 0;
	return ret ? ERR_PTR(ret) : priv->dmabuf;
}

static void vfio_pci_ref_put(struct dma_buf_ref *ref)
{
	fput(ref->file);
}

static const struct dma_buf_ref_ops vfio_pci_ref_ops = {
	.export = vfio_pci_ref_export,
	.put = vfio_pci_ref_put,
};

static bool vfio_pci_mmap_get_dmabuf(struct vm_area_struct *vma,
				     unsigned long addr, struct dma_buf_ref *ref)
{
	ref->ops = &vfio_pci_ref_ops;
	ref->priv = vma->vm_private_data;
	/* The device stays open, and so what it shows now is what the buffer shows. */
	ref->file = get_file(vma->vm_file);
	ref->pgoff = linear_page_index(vma, addr);
	return true;
}

const struct vm_operations_struct vfio_pci_mmap_ops = {
	.fault = vfio_pci_mmap_page_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = vfio_pci_mmap_huge_fault,
#endif
	.map_pages = pfnmap_map_pages,
	.mprotect = pfnmap_mprotect,
	.access = vfio_pci_mmap_access,
	.may_populate = vfio_pci_mmap_may_populate,
	.get_dmabuf = vfio_pci_mmap_get_dmabuf,
};

/**
 * vfio_pci_bars_init - set the CPU mappings of a device's BARs up
 * @vdev: the device, not open
 */
void vfio_pci_bars_init(struct vfio_pci_core_device *vdev)
{
	mutex_init(&vdev->revoke_lock);
	dma_resv_init(&vdev->bars_resv);
	vdev->memory_off = true;
	vdev->bars_revoked = true;
	vdev->bars = (struct dma_buf_mmap) {
		.ops = &vfio_pci_bars_mmap_ops,
		.priv = vdev,
		.resv = &vdev->bars_resv,
		.mapping = vdev->vdev.inode->i_mapping,
		.nr_pages = (pgoff_t)VFIO_PCI_ROM_REGION_INDEX << VFIO_PCI_REGION_SHIFT,
		/* See vfio_pci_core_mmap(). */
		.vm_flags = VM_ALLOW_ANY_UNCACHED,
		.caching = DMA_BUF_UNCACHED,
		.decrypted = true,
		/* As what nobody answers for on the bus */
		.dummy_fill = 0xff,
	};
}

/* For vfio_pci_dma_buf_revoke(): the BARs as the device fd shows them. */
void vfio_pci_bars_revoke(struct vfio_pci_core_device *vdev, bool revoked)
{
	const bool was_revoked = vdev->bars_revoked;

	lockdep_assert_held(&vdev->revoke_lock);

	dma_resv_lock(vdev->bars.resv, NULL);
	vdev->bars_revoked = revoked;
	/* When they are back, dummy pages go; what never was away stays mapped. */
	if (revoked || was_revoked)
		dma_buf_mmap_zap(&vdev->bars);
	dma_resv_unlock(vdev->bars.resv);
}

/**
 * vfio_pci_dma_buf_move - the device was turned off, or on again
 * @vdev: the device
 * @revoked: whether it may not be accessed
 *
 * On return with @revoked, nobody reaches it.  A reset may still be under way else.
 *
 * Context: Process context, memory_lock held for writing.
 */
void vfio_pci_dma_buf_move(struct vfio_pci_core_device *vdev, bool revoked)
{
	lockdep_assert_held_write(&vdev->memory_lock);

	/* Whatever else was done to it, the device is in a low-power state. */
	if (!revoked && vdev->pm_runtime_engaged)
		return;

	mutex_lock(&vdev->revoke_lock);
	vdev->memory_off = revoked;
	vfio_pci_dma_buf_revoke(vdev, revoked || vdev->in_reset);
	mutex_unlock(&vdev->revoke_lock);
}

/**
 * vfio_pci_bars_open - the device was opened
 * @vdev: the device
 */
void vfio_pci_bars_open(struct vfio_pci_core_device *vdev)
{
	down_write(&vdev->memory_lock);
	vdev->bars_open = true;
	vfio_pci_dma_buf_move(vdev, !__vfio_pci_memory_enabled(vdev));
	up_write(&vdev->memory_lock);
}

/**
 * vfio_pci_core_reset_prepare - &pci_error_handlers.reset_prepare
 * @pdev: the device
 *
 * Takes BARs away from all CPUs and from those who do DMA to them, until
 * vfio_pci_core_reset_done(), whoever resets the device.  A driver with a handler of its
 * own calls this first.
 *
 * Context: Process context, device lock held; perhaps memory_lock too, for writing.
 */
void vfio_pci_core_reset_prepare(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *vdev = dev_get_drvdata(&pdev->dev);

	mutex_lock(&vdev->revoke_lock);
	WRITE_ONCE(vdev->in_reset, true);
	vfio_pci_dma_buf_revoke(vdev, true);
	mutex_unlock(&vdev->revoke_lock);
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

	mutex_lock(&vdev->revoke_lock);
	vfio_pci_dma_buf_revoke(vdev, vdev->memory_off);
	/* Last: a fault that finds neither that nor the device takes it for turned off. */
	store_release_wake_up(&vdev->in_reset, false);
	mutex_unlock(&vdev->revoke_lock);
}
EXPORT_SYMBOL_GPL(vfio_pci_core_reset_done);

#ifdef CONFIG_LOCKDEP
/*
 * Teach lockdep the order once, not only where a revoke meets a fault; that the
 * reservation lock is inside mmap_lock it knows from dma_resv_lockdep().  Drivers copy
 * to and from user space with memory_lock held for reading: nothing that takes it may
 * be called with mmap_lock held.
 */
void vfio_pci_prime_memory_lock(struct vfio_pci_core_device *vdev)
{
	struct mm_struct *mm = mm_alloc();

	down_write(&vdev->memory_lock);
	mutex_lock(&vdev->revoke_lock);
	dma_resv_lock(vdev->bars.resv, NULL);
	dma_resv_unlock(vdev->bars.resv);
	mutex_unlock(&vdev->revoke_lock);
	up_write(&vdev->memory_lock);
	if (!mm)
		return;

	down_read(&vdev->memory_lock);
	mmap_read_lock(mm);
	mmap_read_unlock(mm);
	up_read(&vdev->memory_lock);
	mmput(mm);
}
#endif
