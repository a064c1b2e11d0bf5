// SPDX-License-Identifier: GPL-2.0
// Ported: ordinary pages, mapped in mmap() by a function of its own
static int a_map(struct a *a, struct vm_area_struct *vma)
{
	vma->vm_pgoff = 0;
	return vm_map_pages(vma, a->pages, a->nr_pages);
}

static int a_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	vm_flags_mod(vma, VM_MIXEDMAP, VM_PFNMAP);
	return a_map(dmabuf->priv, vma);
}

static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

struct dma_buf *by_assignment(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}

struct dma_buf *by_initialiser(struct a *a)
{
	struct dma_buf_export_info exp_info = {
		.ops = &a_ops,
		.priv = a,
	};

	return dma_buf_export(&exp_info);
}
