// SPDX-License-Identifier: GPL-2.0
/*
 * Example of an exporter that is in no kernel tree: parts of BAR 2 of a PCI device as
 * dma-bufs that the CPU maps, and that are taken away.
 *
 * Copyright © 2026 dmabuf-mmap authors
 *
 * The driver takes a device when it is told to, by its driver_override.  /dev/bar_dmabuf
 * exports, see bar_dmabuf.h; 0 in the device's attribute "online" takes the memory away
 * from all who map it, 1 brings it back, and an unbind takes it for good.
 *
 * What is of the model is in buffer_get_range(), buffer_may_map() and set_state(), and in
 * what export() says to dma_buf_export().
 */
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bar_dmabuf.h"

#define BAR 2

enum state { ONLINE, OFFLINE, GONE };

/* One device at a time */
static struct {
	/* of all that is here; outside of reservation locks */
	struct mutex lock;
	struct pci_dev *pdev;
	enum state state;
	struct list_head buffers;
} bar = {
	.lock = __MUTEX_INITIALIZER(bar.lock),
	.buffers = LIST_HEAD_INIT(bar.buffers),
};

/* @state changes under the reservation lock of @dmabuf; the rest stays. */
struct buffer {
	struct list_head node;
	struct dma_buf *dmabuf;
	phys_addr_t start;
	size_t size;
	enum state state;
};

/* Where the page is; or why nowhere.  It stays true until set_state(). */
static int buffer_get_range(void *priv, pgoff_t pgoff, bool populate, struct dma_buf_range *range)
{
	struct buffer *buffer = priv;

	switch (buffer->state) {
	case OFFLINE:
		return -EIO;
	case GONE:
		return -ENODEV;
	case ONLINE:
		break;
	}
	range->nr_pages = buffer->size >> PAGE_SHIFT;
	range->pfn = PHYS_PFN(buffer->start);
	range->caching = DMA_BUF_UNCACHED;
	range->caching_hint = true;	/* who reserved a memory type of it decides */
	range->decrypted = true;
	range->iomem = true;
	return 0;
}

/* mmap() asks without the lock: no promise, but a better error. */
static int buffer_may_map(void *priv)
{
	struct buffer *buffer = priv;

	return READ_ONCE(buffer->state) == GONE ? -ENODEV : 0;
}

static const struct dma_buf_mmap_ops buffer_mmap_ops = {
	.get_range = buffer_get_range,
	.may_map = buffer_may_map,
};

/* First the state, then the leaves: who faults in between waits for the lock, and looks. */
static void set_state(struct buffer *buffer, enum state state)
{
	struct dma_buf *dmabuf = buffer->dmabuf;

	dma_resv_lock(dmabuf->resv, NULL);
	WRITE_ONCE(buffer->state, state);
	if (state == ONLINE)
		dma_buf_restore_mappings(dmabuf);
	else
		dma_buf_invalidate_mappings(dmabuf);
	dma_resv_unlock(dmabuf->resv);
}

static void set_all(enum state state)
{
	struct buffer *buffer, *next;

	lockdep_assert_held(&bar.lock);
	WRITE_ONCE(bar.state, state);
	list_for_each_entry_safe(buffer, next, &bar.buffers, node) {
		struct dma_buf *dmabuf = buffer->dmabuf;

		if (state == GONE)
			list_del_init(&buffer->node);
		if (!get_file_active(&dmabuf->file))
			continue;	/* it is closed, and nobody maps it */
		set_state(buffer, state);
		dma_buf_put(dmabuf);
	}
}

/* CPUs only: a device that would do DMA is told so. */
static int buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	return -EOPNOTSUPP;
}

static struct sg_table *buffer_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void buffer_unmap(struct dma_buf_attachment *attachment, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
}

static void buffer_release(struct dma_buf *dmabuf)
{
	struct buffer *buffer = dmabuf->priv;

	mutex_lock(&bar.lock);
	list_del(&buffer->node);
	mutex_unlock(&bar.lock);
	kfree(buffer);
}

static const struct dma_buf_ops buffer_ops = {
	.attach = buffer_attach,
	.map_dma_buf = buffer_map,
	.unmap_dma_buf = buffer_unmap,
	.release = buffer_release,
};

static struct dma_buf *export(const struct bar_dmabuf_export *args)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct buffer *buffer;
	struct dma_buf *dmabuf;
	u64 end;

	lockdep_assert_held(&bar.lock);
	if (bar.state == GONE)
		return ERR_PTR(-ENODEV);
	if (!args->size || !PAGE_ALIGNED(args->offset | args->size) ||
	    check_add_overflow(args->offset, args->size, &end) ||
	    end > pci_resource_len(bar.pdev, BAR))
		return ERR_PTR(-EINVAL);

	buffer = kzalloc_obj(*buffer);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	buffer->start = pci_resource_start(bar.pdev, BAR) + args->offset;
	buffer->size = args->size;
	buffer->state = bar.state;

	exp_info.ops = &buffer_ops;
	exp_info.size = buffer->size;
	exp_info.flags = args->flags & O_RDWR;
	exp_info.priv = buffer;
	exp_info.mmap.ops = &buffer_mmap_ops;
	exp_info.mmap.flags = DMA_BUF_MMAP_STRICT;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		kfree(buffer);
		return dmabuf;
	}
	buffer->dmabuf = dmabuf;
	list_add(&buffer->node, &bar.buffers);
	return dmabuf;
}

static long bar_dmabuf_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bar_dmabuf_export args;
	struct dma_buf *dmabuf;
	int fd;

	if (cmd != BAR_DMABUF_EXPORT)
		return -ENOTTY;
	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~(O_RDWR | O_CLOEXEC))
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ) || (args.flags & O_RDWR && !(file->f_mode & FMODE_WRITE)))
		return -EACCES;

	fd = get_unused_fd_flags(args.flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	mutex_lock(&bar.lock);
	dmabuf = export(&args);
	mutex_unlock(&bar.lock);
	if (IS_ERR(dmabuf)) {
		put_unused_fd(fd);
		return PTR_ERR(dmabuf);
	}
	args.fd = fd;
	if (copy_to_user((void __user *)arg, &args, sizeof(args))) {
		put_unused_fd(fd);
		dma_buf_put(dmabuf);
		return -EFAULT;
	}
	fd_install(fd, dmabuf->file);
	return 0;
}

static const struct file_operations bar_dmabuf_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = bar_dmabuf_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice bar_dmabuf_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "bar_dmabuf",
	.fops = &bar_dmabuf_fops,
};

static ssize_t online_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(bar.state) == ONLINE);
}

static ssize_t online_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t n)
{
	bool online;
	int err;

	err = kstrtobool(buf, &online);
	if (err)
		return err;
	mutex_lock(&bar.lock);
	if (bar.state != GONE)
		set_all(online ? ONLINE : OFFLINE);
	mutex_unlock(&bar.lock);
	return n;
}
static DEVICE_ATTR_RW(online);

static struct attribute *bar_dmabuf_attrs[] = {
	&dev_attr_online.attr,
	NULL
};
ATTRIBUTE_GROUPS(bar_dmabuf);

static int bar_dmabuf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int err;

	if (!(pci_resource_flags(pdev, BAR) & IORESOURCE_MEM) ||
	    !PAGE_ALIGNED(pci_resource_start(pdev, BAR) | pci_resource_len(pdev, BAR)))
		return -ENODEV;
	err = pcim_enable_device(pdev);
	if (err)
		return err;
	err = pcim_request_region(pdev, BAR, "bar_dmabuf");
	if (err)
		return err;

	mutex_lock(&bar.lock);
	if (bar.pdev) {
		err = -EBUSY;
	} else {
		bar.pdev = pdev;
		WRITE_ONCE(bar.state, ONLINE);
	}
	mutex_unlock(&bar.lock);
	return err;
}

static void bar_dmabuf_remove(struct pci_dev *pdev)
{
	mutex_lock(&bar.lock);
	set_all(GONE);
	bar.pdev = NULL;
	mutex_unlock(&bar.lock);
}

static struct pci_driver bar_dmabuf_driver = {
	.name = "bar_dmabuf",
	.probe = bar_dmabuf_probe,
	.remove = bar_dmabuf_remove,
	.dev_groups = bar_dmabuf_groups,
};

static int __init bar_dmabuf_init(void)
{
	int err;

	bar.state = GONE;
	err = misc_register(&bar_dmabuf_misc);
	if (err)
		return err;
	err = pci_register_driver(&bar_dmabuf_driver);
	if (err)
		misc_deregister(&bar_dmabuf_misc);
	return err;
}
module_init(bar_dmabuf_init);

static void __exit bar_dmabuf_exit(void)
{
	pci_unregister_driver(&bar_dmabuf_driver);
	misc_deregister(&bar_dmabuf_misc);
}
module_exit(bar_dmabuf_exit);

MODULE_DESCRIPTION("Parts of a PCI BAR as dma-bufs, an example");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
