// SPDX-License-Identifier: GPL-2.0
// The mmap op has another user
static int a_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return dma_mmap_coherent(dev, vma, cpu_addr, handle, size);
}

static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

struct dma_buf *export(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}

int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	return a_mmap(file->private_data, vma);
}
