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

#include <drm/drm_device.h>
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

static void drm_gem_mmap_hold(struct dma_buf_mmap *m, bool hold)
{
	if (hold)
		drm_gem_object_get(m->priv);
	else
		drm_gem_object_put(m->priv);
}

/**
 * drm_gem_mmap_prepare - take up what a driver may have set since the object was made
 * @obj: the object
 *
 * GEM does it where it maps or exports an object.  For a driver that does neither by GEM
 * and calls the core.
 *
 * Return: &drm_gem_object.mmap.
 */
struct dma_buf_mmap *drm_gem_mmap_prepare(struct drm_gem_object *obj)
{
	struct dma_buf_mmap *m = &obj->mmap;

	m->priv = obj;
	m->hold = drm_gem_mmap_hold;
	m->resv = obj->resv;
	m->mapping = obj->dev->anon_inode->i_mapping;
	m->offset = drm_vma_node_start(&obj->vma_node);
	/* A tiled object may show more than it has. */
	m->nr_pages = drm_vma_node_size(&obj->vma_node) ?:
		      obj->size >> PAGE_SHIFT;
	return m;
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_prepare);

/**
 * drm_gem_mmap_export - have the core know the CPU mappings of an object
 * @obj: the object
 * @exp_info: what its dma-buf is exported with
 *
 * Mappings of the dma-buf and those through the DRM fd are then one to the core: it
 * zaps both, and finds the pages of the object for whoever needs them.  For exporters
 * that do without drm_gem_dmabuf_export().
 *
 * Context: Process context.
 * Return: %0 or a negative error value.
 */
int drm_gem_mmap_export(struct drm_gem_object *obj,
			struct dma_buf_export_info *exp_info)
{
	int ret;

	if (obj->mmap.ops) {
		ret = drm_vma_node_size(&obj->vma_node) ? 0 :
		      drm_gem_create_mmap_offset(obj);
		if (ret)
			return ret;
		exp_info->shared_mmap = drm_gem_mmap_prepare(obj);
	}
	exp_info->mmap.mapping = obj->dev->anon_inode->i_mapping;
	exp_info->mmap.offset = drm_vma_node_start(&obj->vma_node);
	return 0;
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_export);

#ifdef CONFIG_MMU
/**
 * drm_gem_mmap_huge_fault - &vm_operations_struct.huge_fault for GEM objects
 * @vmf: the fault, in a VMA as for drm_gem_vm_get_dmabuf(), VM_PFNMAP and not COW
 * @order: order of the leaf
 *
 * Maps what &drm_gem_object.mmap says.
 *
 * Context: Process context, mmap_lock or the VMA lock held, reservation lock not
 * held.
 * Return: what the fault handler has to return.
 */
vm_fault_t drm_gem_mmap_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;

	return dma_buf_mmap_fault(vmf, order, &obj->mmap);
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

static vm_fault_t drm_gem_mmap_pfn_mkwrite(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;

	return dma_buf_mmap_pfn_mkwrite(vmf, &obj->mmap);
}

/**
 * drm_gem_mmap_access - &vm_operations_struct.access for GEM objects
 * @vma: a mapping as for drm_gem_vm_get_dmabuf()
 * @addr: user address in @vma
 * @buf: kernel memory to copy to or from
 * @len: bytes
 * @write: copy from @buf
 *
 * Copies from and to what &drm_gem_object.mmap says.
 *
 * Context: Process context, mmap_lock held, reservation lock not held.
 * Return: bytes copied or a negative error value.
 */
int drm_gem_mmap_access(struct vm_area_struct *vma, unsigned long addr,
			void *buf, int len, int write)
{
	struct drm_gem_object *obj = vma->vm_private_data;

	return dma_buf_mmap_access(vma, addr, buf, len, write, &obj->mmap);
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_access);

/**
 * drm_gem_mmap_may_populate - &vm_operations_struct.may_populate for GEM objects
 * @vma: a mapping as for drm_gem_vm_get_dmabuf()
 *
 * Context: mmap_lock held.
 * Return: whether the object stays where it is.
 */
bool drm_gem_mmap_may_populate(struct vm_area_struct *vma)
{
	struct drm_gem_object *obj = vma->vm_private_data;

	return obj->mmap.ops && !(obj->mmap.flags & DMA_BUF_MMAP_MOVES);
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_may_populate);

/**
 * var drm_gem_mmap_vm_ops - vm_ops for objects with &drm_gem_object.mmap
 *
 * For &drm_gem_object_funcs.vm_ops of a driver that has nothing to add.  A driver with
 * an &drm_gem_object_funcs.mmap of its own calls drm_gem_mmap_vma() there.
 */
const struct vm_operations_struct drm_gem_mmap_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = drm_gem_mmap_fault,
#ifdef CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP
	.huge_fault = drm_gem_mmap_huge_fault,
#endif
	.map_pages = pfnmap_map_pages,
	.mprotect = pfnmap_mprotect,
	.access = drm_gem_mmap_access,
	.may_populate = drm_gem_mmap_may_populate,
	.get_dmabuf = drm_gem_vm_get_dmabuf,
};
EXPORT_SYMBOL_GPL(drm_gem_mmap_vm_ops);

/*
 * For objects with &dma_buf_mmap_ops.mkwrite.  Writes are told of page by page, and whoever
 * cares for them may look into the page tables too: wp_shared_mapping_range().  What is
 * marked dirty there must not get lost, so mprotect() does not zap.
 */
static const struct vm_operations_struct drm_gem_mmap_notify_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = drm_gem_mmap_fault,
	.pfn_mkwrite = drm_gem_mmap_pfn_mkwrite,
	.map_pages = pfnmap_map_pages,
	.access = drm_gem_mmap_access,
	.may_populate = drm_gem_mmap_may_populate,
	.get_dmabuf = drm_gem_vm_get_dmabuf,
};

/**
 * drm_gem_mmap_vma - make a VMA a mapping of an object with &drm_gem_object.mmap
 * @obj: the object
 * @vma: a new VMA, at the offset of the object in the device's address space
 *
 * Context: Process context, mmap_lock held for writing.
 * Return: %0; %-EINVAL for an object without, an import say; else as
 * dma_buf_mmap_vma().
 */
int drm_gem_mmap_vma(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct dma_buf_mmap *m = drm_gem_mmap_prepare(obj);
	int ret;

	if (!m->ops)
		return -EINVAL;
	if (m->ops->mkwrite)
		vma->vm_ops = &drm_gem_mmap_notify_vm_ops;
	ret = dma_buf_mmap_vma(m, vma, vma->vm_pgoff - m->offset);
	/*
	 * What GEM always showed to those who look there, as KVM on arm64 does; TTM did
	 * not.
	 */
	if (!ret && !(m->flags & (DMA_BUF_MMAP_EAGER | DMA_BUF_MMAP_BOUNDED))) {
		vma->vm_page_prot = pgprot_writecombine(vma_get_page_prot(vma));
		vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(drm_gem_mmap_vma);

/*
 * An address for a mapping of @obj at which large leaves fit; 0 if the object
 * has no say in it.
 */
unsigned long drm_gem_align_area(struct drm_gem_object *obj, struct file *filp,
				 unsigned long addr, unsigned long len,
				 unsigned long flags)
{
	struct file *file;

	if (drm_gem_is_imported(obj)) {
		file = obj->import_attach->dmabuf->file;
		return file->f_op->get_unmapped_area(file, addr, len, 0, flags);
	}
	if (!obj->mmap.ops)
		return 0;

	return dma_buf_mmap_align_area(drm_gem_mmap_prepare(obj), filp, addr,
				       len, 0, flags);
}
#endif

/*
 * The dma-buf of an object.  One that is made for the purpose is not the object's from
 * then on: who exports the object gets one with the rights that he asks for.
 */
static struct dma_buf *drm_gem_ref_export(struct dma_buf_ref *ref)
{
	struct drm_gem_object *obj = ref->priv;
	const int flags = DRM_CLOEXEC | (ref->need & VM_WRITE ? DRM_RDWR : 0);
	struct dma_buf *dmabuf;

	if (mutex_lock_killable(&obj->dev->object_name_lock))
		return ERR_PTR(-EINTR);
	dmabuf = obj->dma_buf;
	if (dmabuf)
		get_dma_buf(dmabuf);
	else if (obj->funcs && obj->funcs->export)
		dmabuf = obj->funcs->export(obj, flags);
	else
		dmabuf = drm_gem_prime_export(obj, flags);
	mutex_unlock(&obj->dev->object_name_lock);

	return dmabuf;
}

static void drm_gem_ref_put(struct dma_buf_ref *ref)
{
	drm_gem_object_put(ref->priv);
	fput(ref->file);
}

static struct dma_buf *drm_gem_ref_peek(struct dma_buf_ref *ref)
{
	struct drm_gem_object *obj = ref->priv;

	guard(mutex)(&obj->dev->object_name_lock);
	if (obj->dma_buf)
		get_dma_buf(obj->dma_buf);
	return obj->dma_buf;
}

static const struct dma_buf_ref_ops drm_gem_ref_ops = {
	.export = drm_gem_ref_export,
	.peek = drm_gem_ref_peek,
	.put = drm_gem_ref_put,
};

/* The object that a reference is of, which keeps it, or NULL. */
struct drm_gem_object *drm_gem_ref_object(const struct dma_buf_ref *ref)
{
	return ref->ops == &drm_gem_ref_ops ? ref->priv : NULL;
}

/**
 * drm_gem_vm_get_dmabuf - &vm_operations_struct.get_dmabuf for GEM objects
 * @vma: a mapping of a GEM object at its offset in the device's address space,
 *	with the object in vm_private_data
 * @addr: an address in @vma
 * @ref: returns the dma-buf that is mapped, or else the object
 *
 * Context: Process context, mmap_lock or the VMA lock held.
 * Return: %true.
 */
bool drm_gem_vm_get_dmabuf(struct vm_area_struct *vma, unsigned long addr,
			   struct dma_buf_ref *ref)
{
	struct drm_gem_object *obj = vma->vm_private_data;

	if (!dma_buf_vm_get_dmabuf(vma, addr, ref)) {
		drm_gem_object_get(obj);
		ref->ops = &drm_gem_ref_ops;
		ref->priv = obj;
		ref->moves = obj->mmap.flags & DMA_BUF_MMAP_MOVES;
		/* Keeps the device, which the object needs. */
		ref->file = get_file(vma->vm_file);
	}
	/* The offset may have been made after the export. */
	ref->pgoff = linear_page_index(vma, addr) -
		     drm_vma_node_start(&obj->vma_node);
	return true;
}
EXPORT_SYMBOL_GPL(drm_gem_vm_get_dmabuf);
