// SPDX-License-Identifier: GPL-2.0
// Unchanged: GEM objects with dma_buf_ops of their own, one within another struct
static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

static const struct virtio_dma_buf_ops b_ops = {
	.ops = {
		.mmap = b_mmap,
	},
};

struct dma_buf *export(struct drm_gem_object *obj)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return drm_gem_dmabuf_export(obj->dev, &exp_info);
}

struct dma_buf *shared(struct drm_gem_object *obj)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	int ret;

	ret = drm_gem_mmap_export(obj, &exp_info);
	if (ret)
		return ERR_PTR(ret);
	return dma_buf_export(&exp_info);
}

static int file_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret = drm_gem_mmap(file, vma);

	if (ret)
		return ret;
	vma->vm_flags |= VM_MIXEDMAP;
	return dma_mmap_wc(dev, vma, cpu_addr, handle, size);
}
