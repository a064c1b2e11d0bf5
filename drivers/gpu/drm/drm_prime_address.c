// SPDX-License-Identifier: GPL-2.0
/*
 * DRM_IOCTL_PRIME_ADDR_TO_HANDLE: from an address in a mapping of the process to a
 * handle, or a dma-buf, of what is mapped there.
 *
 * A mapping is less than a handle, which gives DMA access to all of a buffer. So what
 * the file has a handle of gets that; anything else has to be mapped whole, in a way that
 * could be written.
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <drm/drm.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "drm_internal.h"

#define DRM_PRIME_ADDR_FLAGS	(DRM_PRIME_ADDR_HANDLE | DRM_PRIME_ADDR_FD | \
				 DRM_PRIME_ADDR_OWN | DRM_PRIME_ADDR_PARTIAL | \
				 DRM_PRIME_ADDR_CLOEXEC)

/* An object may show more than it has. */
static int drm_prime_check_size(struct drm_prime_addr_to_handle *args)
{
	const u64 left = args->object_size - args->offset;

	if (args->offset >= args->object_size)
		return -ERANGE;
	if (args->size <= left)
		return 0;
	args->size = left;
	return args->flags & DRM_PRIME_ADDR_PARTIAL ? 0 : -ERANGE;
}

/* What a mapping is of */
struct drm_prime_found {
	struct dma_buf_ref ref;
	struct drm_gem_object *obj;	/* of whichever device, or NULL */
	struct dma_buf *dmabuf;		/* if there is one by now */
};

/* The handle that a file has of it, which was exported or imported, or neither. */
static int drm_prime_own_handle(struct drm_file *file_priv,
				const struct drm_prime_found *found, u32 *handle)
{
	struct drm_gem_object *other;
	int id;

	if (found->dmabuf &&
	    !drm_prime_dmabuf_handle(file_priv, found->dmabuf, handle))
		return 0;

	guard(spinlock)(&file_priv->table_lock);
	idr_for_each_entry(&file_priv->object_idr, other, id) {
		if (other == found->obj ||
		    (found->dmabuf && READ_ONCE(other->dma_buf) == found->dmabuf)) {
			*handle = id;
			return 0;
		}
	}
	return -ENOENT;
}

/*
 * Whether the process maps all of a buffer of @size, consecutively and so that it could
 * read and write it: its CPUs can do then what a device could.
 */
static int drm_prime_check_whole(const struct dma_buf_ref *ref, unsigned long addr,
				 u64 offset, u64 size)
{
	struct dma_buf_ref whole;
	size_t len = size;
	bool same;
	int err;

	err = dma_buf_ref_from_address(current->mm, addr - offset, &len,
				       VM_MAYREAD | VM_MAYWRITE, false, &whole);
	if (err)
		return err == -EINTR ? err : -EACCES;

	same = whole.ops == ref->ops && whole.priv == ref->priv &&
	       whole.pgoff + (offset >> PAGE_SHIFT) == ref->pgoff;
	whole.ops->put(&whole);
	return same ? 0 : -EACCES;
}

/*
 * What goes wrong for reasons of its own, and else that a driver does not share a buffer:
 * what it says then differs from driver to driver.
 */
static int drm_prime_share_error(struct dma_buf *dmabuf, int err)
{
	switch (err) {
	case -ENOENT:
	case -EACCES:
	case -EBUSY:
	case -ENOMEM:
	case -ENOSPC:
	case -EINTR:
	case -ERESTARTSYS:
		return err;
	case -EAGAIN:
		/* drmIoctl() would try it again for ever. */
		return -EBUSY;
	case -ENODEV:
		return dmabuf ? dma_buf_revoked(dmabuf) ?: -EOPNOTSUPP : err;
	default:
		return -EOPNOTSUPP;
	}
}

/*
 * The dma-buf of an object: of @handle, if it has that in the file, so that the file gets
 * it back.
 */
static struct dma_buf *drm_prime_export(struct drm_file *file_priv,
					struct drm_gem_object *obj, u32 handle)
{
	const u32 flags = DRM_CLOEXEC | DRM_RDWR;
	struct dma_buf *dmabuf;

	/* A driver with handles of its own kind has its own idea of sharing too. */
	if (obj->dev->driver->prime_handle_to_fd)
		return ERR_PTR(-EOPNOTSUPP);
	dmabuf = handle && obj->dev == file_priv->minor->dev ?
		 drm_gem_prime_handle_to_dmabuf(obj->dev, file_priv, handle, flags) :
		 drm_gem_object_to_dmabuf(obj, flags);
	/* The handle may be that of another object by now. */
	if (!IS_ERR(dmabuf) && READ_ONCE(obj->dma_buf) != dmabuf) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-ENOENT);
	}
	return dmabuf;
}

/*
 * The dma-buf of what was found, if the process maps all of it. Nobody else must notice
 * that he has asked for what he does not get.
 */
static struct dma_buf *drm_prime_whole_dmabuf(struct drm_file *file_priv,
					      struct drm_prime_found *found, u32 handle,
					      struct drm_prime_addr_to_handle *args)
{
	const u64 offset = offset_in_page(args->addr);
	struct dma_buf_ref *ref = &found->ref;
	struct dma_buf *dmabuf;
	int err;

	if (!found->obj && !found->dmabuf) {
		/* One is made of just the pages that were asked for. */
		err = drm_prime_check_whole(ref, args->addr, offset,
					    (u64)ref->nr_pages << PAGE_SHIFT);
		if (err)
			return ERR_PTR(err);
		ref->need = VM_READ | VM_WRITE;
		dmabuf = ref->ops->export(ref);
		if (!IS_ERR(dmabuf)) {
			args->offset = offset;
			args->object_size = dmabuf->size;
		}
		return dmabuf;
	}

	err = drm_prime_check_whole(ref, args->addr, args->offset, args->object_size);
	if (err)
		return ERR_PTR(err);
	if (found->obj)
		return drm_prime_export(file_priv, found->obj, handle);
	get_dma_buf(found->dmabuf);
	return found->dmabuf;
}

static int drm_prime_import_handle(struct drm_device *dev, struct drm_file *file_priv,
				   struct dma_buf *dmabuf, u32 *handle)
{
	int err;

	if (dev->driver->prime_fd_to_handle)
		return -EOPNOTSUPP;

	err = drm_gem_prime_dmabuf_to_handle(dev, file_priv, dmabuf, handle);
	return err ? drm_prime_share_error(dmabuf, err) : 0;
}

/* A handle, or a dma-buf fd, of what was found. */
static int drm_prime_give(struct drm_device *dev, struct drm_file *file_priv,
			  struct drm_prime_found *found,
			  struct drm_prime_addr_to_handle *args)
{
	struct dma_buf *dmabuf;
	u32 handle = 0;
	int ret;

	ret = drm_prime_own_handle(file_priv, found, &handle);
	if (args->flags & DRM_PRIME_ADDR_HANDLE &&
	    (!ret || args->flags & DRM_PRIME_ADDR_OWN)) {
		args->handle = handle;
		return ret;
	}

	dmabuf = drm_prime_whole_dmabuf(file_priv, found, handle, args);
	if (IS_ERR(dmabuf))
		return drm_prime_share_error(NULL, PTR_ERR(dmabuf));

	if (args->flags & DRM_PRIME_ADDR_HANDLE) {
		ret = drm_prime_import_handle(dev, file_priv, dmabuf, &args->handle);
	} else {
		/* Unlike what was opened, it has to pass those who look at what is received. */
		ret = receive_fd(dmabuf->file, NULL,
				 args->flags & DRM_PRIME_ADDR_CLOEXEC ? O_CLOEXEC : 0);
		if (ret >= 0) {
			args->fd = ret;
			ret = 0;
		}
	}
	dma_buf_put(dmabuf);
	return ret;
}

static int drm_prime_addr_lookup(struct drm_device *dev, struct drm_file *file_priv,
				 struct drm_prime_addr_to_handle *args)
{
	const bool partial = args->flags & DRM_PRIME_ADDR_PARTIAL;
	struct drm_prime_found found = {};
	size_t len = args->size;
	int ret;

	ret = dma_buf_ref_from_address(current->mm, args->addr, &len, 0, partial,
				       &found.ref);
	if (ret)
		return ret;

	args->size = len;
	args->offset = ((u64)found.ref.pgoff << PAGE_SHIFT) + offset_in_page(args->addr);
	found.obj = drm_gem_ref_object(&found.ref);
	if (found.ref.ops->peek)
		found.dmabuf = found.ref.ops->peek(&found.ref);
	if (found.obj)
		args->object_size = found.obj->size;
	else if (found.dmabuf)
		args->object_size = found.dmabuf->size;
	else
		args->object_size = U64_MAX;

	ret = drm_prime_check_size(args) ?:
	      drm_prime_give(dev, file_priv, &found, args);
	if (found.dmabuf)
		dma_buf_put(found.dmabuf);
	found.ref.ops->put(&found.ref);
	return ret;
}

/*
 * DRM_IOCTL_PRIME_ADDR_TO_HANDLE; what it returns besides the arguments is documented
 * there.
 */
int drm_prime_addr_to_handle_ioctl(struct drm_device *dev, void *data,
				   struct drm_file *file_priv)
{
	struct drm_prime_addr_to_handle *args = data;
	const u32 flags = args->flags;
	const struct drm_prime_addr_to_handle none = {
		.addr = args->addr,
		.size = args->size,
		.flags = flags,
		.fd = -1,
	};
	int ret = -EINVAL;

	if (args->pad || flags & ~DRM_PRIME_ADDR_FLAGS ||
	    /* One of the two, and what belongs to it */
	    !(flags & DRM_PRIME_ADDR_HANDLE) == !(flags & DRM_PRIME_ADDR_FD) ||
	    (flags & DRM_PRIME_ADDR_OWN && flags & DRM_PRIME_ADDR_FD) ||
	    (flags & DRM_PRIME_ADDR_CLOEXEC && flags & DRM_PRIME_ADDR_HANDLE) ||
	    args->addr != (unsigned long)args->addr || args->size != (size_t)args->size)
		goto out;

	ret = -EOPNOTSUPP;
	if (!drm_core_check_feature(dev, DRIVER_GEM))
		goto out;

	*args = none;
	ret = drm_prime_addr_lookup(dev, file_priv, args);
out:
	if (ret)
		*args = none;
	return ret;
}
