// SPDX-License-Identifier: GPL-2.0
/* The device: bound, asleep, unplugged; see vttm_drv.h. */
#include <linux/debugfs.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem_ttm_helper.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/vttm_drm.h>

#include "vttm_drv.h"

/* The BAR of ivshmem-plain that is memory */
#define VTTM_BAR	2

/* Nobody reads or writes VRAM any more, when this returns. */
static void vttm_lose_vram(struct vttm_device *vttm)
{
	WRITE_ONCE(vttm->lost, true);
	vttm_cpu_changed(vttm);
	vttm_copy_changed(vttm);
}

static int vttm_lost_set(void *data, u64 val)
{
	struct vttm_device *vttm = data;

	if (val != 1)
		return -EINVAL;
	vttm_lose_vram(vttm);
	/* Importers are told. */
	return ttm_resource_manager_evict_all(&vttm->bdev, &vttm->vram);
}

static int vttm_lost_get(void *data, u64 *val)
{
	*val = ((struct vttm_device *)data)->lost;
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(vttm_lost_fops, vttm_lost_get, vttm_lost_set, "%llu\n");

/* What was mapped may be too much now. */
static int vttm_visible_set(void *data, u64 val)
{
	struct vttm_device *vttm = data;

	WRITE_ONCE(vttm->visible, min(PAGE_ALIGN_DOWN(val), vttm->vram_size));
	vttm_cpu_changed(vttm);
	return 0;
}

static int vttm_visible_get(void *data, u64 *val)
{
	*val = ((struct vttm_device *)data)->visible;
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(vttm_visible_fops, vttm_visible_get, vttm_visible_set, "%llu\n");

static int vttm_aperture_set(void *data, u64 val)
{
	struct vttm_device *vttm = data;

	WRITE_ONCE(vttm->aperture, min(PAGE_ALIGN_DOWN(val), vttm->vram_size));
	vttm_cpu_changed(vttm);
	return 0;
}

static int vttm_aperture_get(void *data, u64 *val)
{
	*val = ((struct vttm_device *)data)->aperture;
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(vttm_aperture_fops, vttm_aperture_get, vttm_aperture_set, "%llu\n");

static void vttm_debugfs_init(struct drm_minor *minor)
{
	struct vttm_device *vttm = to_vttm(minor->dev);
	struct dentry *root = minor->debugfs_root;

	debugfs_create_u32("copy_delay_ms", 0600, root, &vttm->copy_delay_ms);
	debugfs_create_file_unsafe("visible", 0600, root, vttm, &vttm_visible_fops);
	debugfs_create_file_unsafe("aperture", 0600, root, vttm, &vttm_aperture_fops);
	debugfs_create_file_unsafe("lost", 0600, root, vttm, &vttm_lost_fops);
}

static const struct drm_ioctl_desc vttm_ioctls[] = {
	DRM_IOCTL_DEF_DRV(VTTM_CREATE, vttm_create_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_PLACE, vttm_place_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_INFO, vttm_info_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_COPY, vttm_copy_ioctl, DRM_RENDER_ALLOW),
};

DEFINE_DRM_GEM_FOPS(vttm_fops);

static const struct drm_driver vttm_drm_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.fops = &vttm_fops,
	.ioctls = vttm_ioctls,
	.num_ioctls = ARRAY_SIZE(vttm_ioctls),
	.dumb_create = vttm_bo_dumb_create,
	.dumb_map_offset = drm_gem_ttm_dumb_map_offset,
	.gem_prime_import = vttm_prime_import,
	.debugfs_init = vttm_debugfs_init,
	.name = "vttm",
	.desc = "virtual TTM device",
	.major = 1,
};

static void vttm_bdev_fini(struct drm_device *drm, void *data)
{
	ttm_device_fini(&to_vttm(drm)->bdev);
}

static int vttm_memory_init(struct vttm_device *vttm)
{
	struct drm_device *drm = &vttm->drm;
	int err;

	err = drmm_mutex_init(drm, &vttm->cpu_lock);
	if (err)
		return err;
	INIT_LIST_HEAD(&vttm->cpu_mapped);

	err = ttm_device_init(&vttm->bdev, &vttm_bdev_funcs, drm->dev,
			      drm->anon_inode->i_mapping, drm->vma_offset_manager,
			      TTM_ALLOCATION_PROPAGATE_ENOSPC);
	if (err)
		return err;
	err = drmm_add_action_or_reset(drm, vttm_bdev_fini, NULL);
	if (err)
		return err;
	err = vttm_copy_init(vttm);
	return err ?: vttm_vram_init(vttm);
}

static int vttm_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vttm_device *vttm;
	int err;

	vttm = devm_drm_dev_alloc(&pdev->dev, &vttm_drm_driver, struct vttm_device, drm);
	if (IS_ERR(vttm))
		return PTR_ERR(vttm);
	err = pcim_enable_device(pdev);
	if (!err)
		err = pcim_request_region(pdev, VTTM_BAR, "vttm");
	if (err)
		return err;
	pci_set_master(pdev);
	err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (err)
		return err;
	vttm->vram_base = pci_resource_start(pdev, VTTM_BAR);
	/* A block has to fit into an entry of a scatterlist. */
	vttm->vram_size = min(ALIGN_DOWN(pci_resource_len(pdev, VTTM_BAR), PAGE_SIZE), SZ_2G);
	if (!(pci_resource_flags(pdev, VTTM_BAR) & IORESOURCE_MEM) || !vttm->vram_size)
		return dev_err_probe(&pdev->dev, -ENODEV, "BAR %d is no memory\n", VTTM_BAR);
	vttm->visible = vttm->vram_size;
	vttm->aperture = vttm->vram_size;
	vttm->vram_cpu = devm_memremap(&pdev->dev, vttm->vram_base, vttm->vram_size,
				       MEMREMAP_WC);
	if (IS_ERR(vttm->vram_cpu))
		return PTR_ERR(vttm->vram_cpu);
	/* User mappings are as the kernel's. */
	err = devm_arch_io_reserve_memtype_wc(&pdev->dev, vttm->vram_base, vttm->vram_size);
	if (err)
		return err;
	err = vttm_memory_init(vttm);
	if (err)
		return err;

	pci_set_drvdata(pdev, vttm);
	err = drm_dev_register(&vttm->drm, 0);
	if (err)
		return err;

	/* Asleep, it still has what is in VRAM; a suspended system may lose it. */
	dev_pm_set_driver_flags(&pdev->dev, DPM_FLAG_NO_DIRECT_COMPLETE);
	pm_runtime_set_autosuspend_delay(&pdev->dev, 5000);
	pm_runtime_use_autosuspend(&pdev->dev);
	pm_runtime_allow(&pdev->dev);
	pm_runtime_put_autosuspend(&pdev->dev);
	return 0;
}

static void vttm_remove(struct pci_dev *pdev)
{
	struct vttm_device *vttm = pci_get_drvdata(pdev);

	pm_runtime_get_sync(&pdev->dev);
	pm_runtime_dont_use_autosuspend(&pdev->dev);
	pm_runtime_forbid(&pdev->dev);
	drm_dev_unplug(&vttm->drm);
	/* VRAM goes with the BAR.  What is there is nothing but where it was from now on. */
	vttm_lose_vram(vttm);
	ttm_resource_manager_evict_all(&vttm->bdev, &vttm->vram);
}

static int vttm_runtime_suspend(struct device *dev)
{
	vttm_cpu_unmap_all(dev_get_drvdata(dev));
	return 0;
}

static int vttm_runtime_resume(struct device *dev)
{
	return 0;
}

/* VRAM may lose what it has. */
static int vttm_suspend(struct device *dev)
{
	struct vttm_device *vttm = dev_get_drvdata(dev);
	int err = ttm_resource_manager_evict_all(&vttm->bdev, &vttm->vram);

	flush_workqueue(vttm->copies);
	return err;
}

static int vttm_resume(struct device *dev)
{
	return 0;
}

static const struct dev_pm_ops vttm_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(vttm_suspend, vttm_resume)
	RUNTIME_PM_OPS(vttm_runtime_suspend, vttm_runtime_resume, NULL)
};

/* Bound by driver_override only */
static const struct pci_device_id vttm_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_ANY_ID, PCI_ANY_ID, 1) },
	{}
};

static struct pci_driver vttm_pci_driver = {
	.name = "vttm",
	.id_table = vttm_ids,
	.probe = vttm_probe,
	.remove = vttm_remove,
	.driver.pm = pm_ptr(&vttm_pm_ops),
};

module_pci_driver(vttm_pci_driver);

MODULE_DESCRIPTION("Virtual TTM device");
MODULE_LICENSE("GPL");
