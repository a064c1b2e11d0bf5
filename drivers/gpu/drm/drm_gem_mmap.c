// SPDX-License-Identifier: GPL-2.0
/*
 * CPU mappings of GEM objects and the dma-bufs behind them, see
 * drivers/dma-buf/dma-buf-mmap.c.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

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

/*
 * For importers that only the CPU reads for: they never map for DMA, so peer
 * memory is as good as any and a revoke is over as soon as it is announced.
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
	struct dma_buf *dmabuf = drm_gem_prime_get_dmabuf(obj);

	if (IS_ERR(dmabuf))
		return NULL;

	*pgoff = linear_page_index(vma, addr) -
		 drm_vma_node_start(&obj->vma_node);
	return dmabuf;
}
EXPORT_SYMBOL_GPL(drm_gem_vm_get_dmabuf);
