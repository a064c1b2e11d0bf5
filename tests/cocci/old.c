// SPDX-License-Identifier: GPL-2.0
// Names that are gone
static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
	.unfenced = true,
};

static const struct vm_operations_struct a_vm_ops = {
	.mprotect = dma_buf_mmap_mprotect,
	.get_dmabuf = a_get_dmabuf,
};

void init(struct drm_gem_object *obj, struct other *o)
{
	obj->mmap_ops = &a_mmap_ops;
	o->mmap_ops = &a_vm_ops;
}

void never(struct dma_buf_export_info *info)
{
	info->mmap.ops = &dma_buf_never_mmap_ops;
}
