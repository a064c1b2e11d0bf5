// SPDX-License-Identifier: GPL-2.0
// Nothing to change, much to report, in functions after a __free()
int first(struct file *file)
{
	struct a *a __free(kfree) = NULL;

	return 0;
}

static vm_fault_t inserters(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;

	vmf_insert_page(vma, vmf->address, page);
	vmf_insert_page_mkwrite(vmf, page, write);
	vmf_insert_mixed(vma, vmf->address, pfn);
	remap_pfn_range(vma, vma->vm_start, pfn, size, prot);
	return vmf_insert_pfns_prot(vmf, pfn);
}

static vm_fault_t offsets(struct vm_fault *vmf)
{
	struct vm_area_struct *area = vmf->vma;
	unsigned long a = vmf->address;

	use(linear_page_delta(area, a));
	use(linear_page_index(area, a) - area->vm_pgoff);
	use((vmf->address & PAGE_MASK) - area->vm_start);
	use(ALIGN_DOWN(vmf->address, PAGE_SIZE) - vmf->vma->vm_start);
	use(vmf->pgoff - vmf->vma->vm_pgoff);
	use(a - area->vm_start);
	right(linear_page_index(area, a) - offset);
	right(area->vm_end - area->vm_start);
	vmf->page = page;
	return 0;
}

struct dma_buf *export(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	kfree(a->b);
	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}
