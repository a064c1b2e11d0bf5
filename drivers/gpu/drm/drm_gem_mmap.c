// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings of GEM objects and the dma-bufs behind them, see
 * drivers/dma-buf/dma-buf-mmap.c.
 */
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#include "drm_internal.h"

/*
 * Nothing to undo: the importer has no DMA mapping, and the dma-buf core zapped
 * the CPU mappings before it called.
 */
static void drm_gem_cpu_invalidate_mappings(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
}

/**
 * var drm_gem_cpu_attach_ops - for importers that only the CPU reads and writes for
 *
 * They never map for DMA, so peer memory is as good as any and a revoke is over as
 * soon as it is announced.  For dma_buf_dynamic_attach().
 */
const struct dma_buf_attach_ops drm_gem_cpu_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = drm_gem_cpu_invalidate_mappings,
};
EXPORT_SYMBOL_GPL(drm_gem_cpu_attach_ops);

/*
 * Map an imported object: the exporter's buffer under the importer's offset.
 * The VMA holds the dma-buf, not the object.
 */
int drm_gem_mmap_imported(struct drm_gem_object *obj,
			  struct vm_area_struct *vma)
{
	struct dma_buf *dmabuf = obj->import_attach->dmabuf;

	return dma_buf_mmap(dmabuf, vma, vma->vm_pgoff -
			    drm_vma_node_start(&obj->vma_node));
}

#ifdef CONFIG_MMU
/*
 * An address for a mapping of @obj at which large leaves fit; 0 if the object
 * has no say in it.
 */
unsigned long drm_gem_align_area(struct drm_gem_object *obj, struct file *filp,
				 unsigned long addr, unsigned long len,
				 unsigned long flags)
{
	const struct dma_buf_mmap_source src = {
		.ops = obj->mmap_ops,
		.priv = obj,
		.nr_pages = obj->size >> PAGE_SHIFT,
	};
	struct file *file;

	if (drm_gem_is_imported(obj)) {
		file = obj->import_attach->dmabuf->file;
		return file->f_op->get_unmapped_area(file, addr, len, 0, flags);
	}
	if (!src.ops)
		return 0;

	return dma_buf_mmap_align_area(&src, obj->resv, filp, addr, len, 0,
				       flags);
}
#endif

/**
 * struct drm_gem_export - an export that is not waited for with mmap_lock held
 * @work: does it
 * @kref: one for the work, one for who waits
 * @done: completed when @dmabuf is set
 * @obj: what to export; referenced
 * @file: keeps the device and its driver; referenced
 * @dmabuf: the result; a reference that who waits may take
 */
struct drm_gem_export {
	struct work_struct work;
	struct kref kref;
	struct completion done;
	struct drm_gem_object *obj;
	struct file *file;
	struct dma_buf *dmabuf;
};

static void drm_gem_export_release(struct kref *kref)
{
	struct drm_gem_export *e = container_of(kref, typeof(*e), kref);

	if (!IS_ERR_OR_NULL(e->dmabuf))
		dma_buf_put(e->dmabuf);
	drm_gem_object_put(e->obj);
	fput(e->file);
	kfree(e);
}

static void drm_gem_export_work(struct work_struct *work)
{
	struct drm_gem_export *e = container_of(work, typeof(*e), work);

	e->dmabuf = drm_gem_prime_get_dmabuf(e->obj, true);
	complete(&e->done);
	kref_put(&e->kref, drm_gem_export_release);
}

/*
 * Export in a worker: what a driver waits for when it exports, virtio_gpu for its
 * host, cannot be interrupted, and a wait with mmap_lock held must be.
 */
static struct dma_buf *drm_gem_export_killable(struct drm_gem_object *obj,
					       struct file *file)
{
	struct drm_gem_export *e = kzalloc_obj(*e);
	struct dma_buf *dmabuf = ERR_PTR(-EINTR);

	if (!e)
		return ERR_PTR(-ENOMEM);
	INIT_WORK(&e->work, drm_gem_export_work);
	kref_init(&e->kref);
	init_completion(&e->done);
	drm_gem_object_get(obj);
	e->obj = obj;
	e->file = get_file(file);

	kref_get(&e->kref);
	queue_work(system_dfl_wq, &e->work);
	if (!wait_for_completion_killable(&e->done))
		swap(dmabuf, e->dmabuf);
	kref_put(&e->kref, drm_gem_export_release);

	return dmabuf;
}

/**
 * drm_gem_vm_get_dmabuf - &vm_operations_struct.get_dmabuf for GEM objects
 * @vma: a mapping of a GEM object at its offset in the device's address space,
 *	with the object in vm_private_data
 * @addr: an address in @vma
 * @pgoff: returns where @addr lies in the object, in pages
 *
 * An object that was not exported yet is exported, readable and writable, as
 * PRIME_HANDLE_TO_FD with DRM_RDWR does.
 *
 * Context: Process context, mmap_lock or the VMA lock held.
 * Return: the dma-buf, referenced, or %NULL if the object cannot be exported or
 * has no handle any more.
 */
struct dma_buf *drm_gem_vm_get_dmabuf(struct vm_area_struct *vma,
				      unsigned long addr, pgoff_t *pgoff)
{
	struct drm_gem_object *obj = vma->vm_private_data;
	const bool own_export = obj->funcs && obj->funcs->export;
	struct dma_buf *dmabuf;

	dmabuf = drm_gem_prime_get_dmabuf(obj, !own_export);
	if (own_export && dmabuf == ERR_PTR(-ENOENT))
		dmabuf = drm_gem_export_killable(obj, vma->vm_file);
	if (IS_ERR(dmabuf))
		return NULL;

	*pgoff = linear_page_index(vma, addr) -
		 drm_vma_node_start(&obj->vma_node);
	return dmabuf;
}
EXPORT_SYMBOL_GPL(drm_gem_vm_get_dmabuf);
