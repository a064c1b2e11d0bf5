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
static void drm_gem_mmap_get(void *priv)
{
	drm_gem_object_get(priv);
}

static void drm_gem_mmap_put(void *priv)
{
	drm_gem_object_put(priv);
}

/**
 * drm_gem_mmap_source - an object as dma_buf_mmap_fault() takes it
 * @obj: the object
 *
 * For a driver's own fault handler, which may change what it wants otherwise.
 *
 * Return: the object, with the ranges of &drm_gem_object.mmap_ops and at its offset in
 * the device's address space.
 */
struct dma_buf_mmap_source drm_gem_mmap_source(struct drm_gem_object *obj)
{
	return (struct dma_buf_mmap_source) {
		.ops = obj->mmap_ops,
		.priv = obj,
		.resv = obj->resv,
		.get = drm_gem_mmap_get,
		.put = drm_gem_mmap_put,
		.offset = drm_vma_node_start(&obj->vma_node),
		.nr_pages = obj->size >> PAGE_SHIFT,
	};
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_source);

/**
 * drm_gem_mmap_huge_fault - &vm_operations_struct.huge_fault for GEM objects
 * @vmf: the fault, in a VMA as for drm_gem_vm_get_dmabuf(), VM_PFNMAP and not COW
 * @order: order of the leaf
 *
 * Maps what &drm_gem_object.mmap_ops say, as a mapping through the dma-buf does.
 *
 * Context: Process context, mmap_lock or the VMA lock held, reservation lock not
 * held.
 * Return: what the fault handler has to return.
 */
vm_fault_t drm_gem_mmap_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	const struct dma_buf_mmap_source src =
		drm_gem_mmap_source(vmf->vma->vm_private_data);

	return dma_buf_mmap_fault(vmf, order, &src);
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_huge_fault);

/**
 * drm_gem_mmap_fault - &vm_operations_struct.fault for GEM objects
 * @vmf: the fault
 *
 * drm_gem_mmap_huge_fault() for a page.
 *
 * Context: As there.
 * Return: what the fault handler has to return.
 */
vm_fault_t drm_gem_mmap_fault(struct vm_fault *vmf)
{
	return drm_gem_mmap_huge_fault(vmf, 0);
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_fault);

/**
 * drm_gem_mmap_access - &vm_operations_struct.access for GEM objects
 * @vma: a mapping as for drm_gem_vm_get_dmabuf()
 * @addr: user address in @vma
 * @buf: kernel memory to copy to or from
 * @len: bytes
 * @write: copy from @buf
 *
 * Copies from and to what &drm_gem_object.mmap_ops say.
 *
 * Context: Process context, mmap_lock held, reservation lock not held.
 * Return: bytes copied or a negative error value.
 */
int drm_gem_mmap_access(struct vm_area_struct *vma, unsigned long addr,
			void *buf, int len, int write)
{
	const struct dma_buf_mmap_source src =
		drm_gem_mmap_source(vma->vm_private_data);

	return dma_buf_mmap_access(vma, addr, buf, len, write, &src);
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_access);

/**
 * var drm_gem_mmap_vm_ops - vm_ops for objects with &drm_gem_object.mmap_ops
 *
 * For &drm_gem_object_funcs.vm_ops of a driver that has nothing to add.  The VMA is
 * to be made VM_PFNMAP and not COW, as drm_gem_mmap_obj() does by itself for drivers
 * without &drm_gem_object_funcs.mmap.
 */
const struct vm_operations_struct drm_gem_mmap_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = drm_gem_mmap_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = drm_gem_mmap_huge_fault,
#endif
	.mprotect = dma_buf_mmap_mprotect,
	.access = drm_gem_mmap_access,
	.get_dmabuf = drm_gem_vm_get_dmabuf,
};
EXPORT_SYMBOL_GPL(drm_gem_mmap_vm_ops);

/*
 * What an object with drm_gem_mmap_vm_ops says to a new mapping. One without
 * mmap_ops, an import of a driver that does not tell GEM of it or user pages, has none.
 */
int drm_gem_may_map(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	const struct dma_buf_mmap_source src = drm_gem_mmap_source(obj);
	const pgoff_t pgoff = vma->vm_pgoff - src.offset;

	if (vma->vm_ops != &drm_gem_mmap_vm_ops)
		return 0;
	if (!src.ops || pgoff >= src.nr_pages)
		return -EINVAL;

	return dma_buf_may_map(&src, pgoff);
}

/*
 * Whether mappings of @obj through its dma-buf need not go through the driver's fault
 * handler: it has none, or one that maps the same ranges.
 */
bool drm_gem_mmap_by_core(struct drm_gem_object *obj)
{
	const struct vm_operations_struct *vm_ops;

	if (!obj->mmap_ops)
		return false;
	vm_ops = obj->funcs ? obj->funcs->vm_ops : NULL;
	return !vm_ops || vm_ops == &drm_gem_mmap_vm_ops ||
	       vm_ops == obj->mmap_ops->vm_ops;
}

/*
 * An address for a mapping of @obj at which large leaves fit; 0 if the object
 * has no say in it.
 */
unsigned long drm_gem_align_area(struct drm_gem_object *obj, struct file *filp,
				 unsigned long addr, unsigned long len,
				 unsigned long flags)
{
	const struct dma_buf_mmap_source src = drm_gem_mmap_source(obj);
	struct file *file;

	if (drm_gem_is_imported(obj)) {
		file = obj->import_attach->dmabuf->file;
		return file->f_op->get_unmapped_area(file, addr, len, 0, flags);
	}
	if (!src.ops)
		return 0;

	return dma_buf_mmap_align_area(&src, filp, addr, len, 0, flags);
}
#else
int drm_gem_may_map(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	return 0;
}

bool drm_gem_mmap_by_core(struct drm_gem_object *obj)
{
	return false;
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
