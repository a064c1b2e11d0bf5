// SPDX-License-Identifier: GPL-2.0
// Ported: pfns, mapped in mmap(); one kind of memory more
static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

static int a_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct a *a = dmabuf->priv;

	if (a->pages)
		return vm_insert_pages(vma, vma->vm_start, a->pages, &a->nr_pages);
	return remap_pfn_range(vma, vma->vm_start, a->pfn, a->size, vma->vm_page_prot);
}

static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

struct dma_buf *export(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}
