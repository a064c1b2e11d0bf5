// SPDX-License-Identifier: GPL-2.0
// Ported, but the mmap op did more, and so stays
#include <linux/dma-buf.h>

static vm_fault_t a_fault(struct vm_fault *vmf)
{
	struct a *a = vmf->vma->vm_private_data;
	pgoff_t i = (vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT;

	mutex_lock(&a->lock);
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(a->pages[i]));
}

static void a_open(struct vm_area_struct *vma)
{
}

static void a_close(struct vm_area_struct *vma)
{
}

static const struct vm_operations_struct a_vm_ops = {
	.open = a_open,
	.close = a_close,
	.fault = a_fault,
};

static const struct vm_operations_struct device_vm_ops = {
	.close = a_close,
	.fault = device_fault,
};

static int a_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct a *a = dmabuf->priv;

	if (a->gone)
		return -ENODEV;
	a_pin(a);
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vm_flags_set(vma, VM_IO);
	vma->vm_ops = &a_vm_ops;
	return 0;
}

static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

static const struct dma_buf_ops a_ops = {
	.map_dma_buf = a_map,
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

void by_pointer(struct a *a, struct dma_buf_export_info *info)
{
	info->ops = &a_ops;
}

bool ours(struct dma_buf *dmabuf)
{
	return dmabuf->ops == &a_ops;
}
