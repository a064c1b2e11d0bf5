// SPDX-License-Identifier: GPL-2.0
// Ported: a mmap op that only maps, vm_ops with a handler that does more
static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

static vm_fault_t a_fault(struct vm_fault *vmf)
{
	struct a *a = vmf->vma->vm_private_data;

	if (vmf->pgoff >= a->nr_pages)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(a->pages[vmf->pgoff]));
}

static vm_fault_t a_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct a *a = vmf->vma->vm_private_data;

	a->touched = true;
	return vmf_insert_pfn_pmd(vmf, a->pfn, false);
}

static const struct vm_operations_struct a_vm_ops = {
	.fault = a_fault,
	.huge_fault = a_huge_fault,
};

static int a_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (vma_is_cow_mapping(vma))
		return -EINVAL;
	pr_debug("mapped\n");
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &a_vm_ops;
	vma->vm_private_data = dmabuf->priv;
	return 0;
}

static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

void move(struct a *a)
{
	dma_buf_invalidate_mappings(a->dmabuf);
}

struct dma_buf *export(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}
