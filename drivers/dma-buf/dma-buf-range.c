// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of buffers: what helps exporters to answer for theirs, see dma-buf-mmap.c
 * for the model.
 */
#include <linux/dma-buf-mmap.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/iommu-dma.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

/**
 * dma_buf_range_prot - page protection with which a range is mapped
 * @range: the range
 * @prot: access rights, as in &vm_area_struct.vm_page_prot
 *
 * Return: @prot with the caching and encryption that @range asks for.
 */
pgprot_t dma_buf_range_prot(const struct dma_buf_range *range, pgprot_t prot)
{
	if (IS_ENABLED(CONFIG_HAS_DMA) && range->dma_dev) {
		unsigned long attrs = range->dma_attrs;

		/* As dma_mmap_attrs() has it. */
		if (!use_dma_iommu(range->dma_dev) &&
		    force_dma_unencrypted(range->dma_dev))
			attrs |= DMA_ATTR_CC_SHARED;
		return dma_pgprot(range->dma_dev, prot, attrs);
	}

	if (range->caching == DMA_BUF_WRITE_COMBINED)
		prot = pgprot_writecombine(prot);
	else if (range->caching == DMA_BUF_UNCACHED)
		prot = pgprot_noncached(prot);

	return range->decrypted ? pgprot_decrypted(prot) : prot;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_range_prot, "DMA_BUF");

/**
 * dma_buf_pages_whole_folios - whether &dma_buf_range.whole_folios holds
 * @pages: an array of pages
 * @nr_pages: how many there are
 *
 * For exporters whose pages someone else put together.
 *
 * Return: whether each large folio that @pages has a page of goes on to its last
 * page, or to the end of the array.
 */
bool dma_buf_pages_whole_folios(struct page **pages, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i + 1 < nr_pages; i++) {
		struct folio *folio = page_folio(pages[i]);

		if (pages[i + 1] != pages[i] + 1 &&
		    folio_page_idx(folio, pages[i]) + 1 < folio_nr_pages(folio))
			return false;
	}
	return true;
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pages_whole_folios, "DMA_BUF");

/**
 * dma_buf_pages_from_sgt - the pages of a scatterlist
 * @sgt: the table; what counts is its CPU side, sg_page() and length
 * @nr_pages: size of the buffer in pages
 *
 * For exporters that have no array of their pages, to make one for CPU mappings.
 *
 * Context: Process context.  May allocate with %GFP_KERNEL.
 * Return: an array to be freed with kvfree(); %-ENOMEM; %-EFAULT if the table has
 * less than @nr_pages or memory without struct page.
 */
struct page **dma_buf_pages_from_sgt(struct sg_table *sgt,
				     unsigned long nr_pages)
{
	struct page **pages = kvmalloc_objs(*pages, nr_pages);
	struct sg_page_iter iter;
	unsigned long i = 0;

	if (!pages)
		return ERR_PTR(-ENOMEM);

	for_each_sgtable_page(sgt, &iter, 0) {
		if (i == nr_pages)
			break;
		pages[i] = sg_page_iter_page(&iter);
		if (!pfn_valid(page_to_pfn(pages[i])))
			break;
		i++;
	}
	if (i == nr_pages)
		return pages;

	kvfree(pages);
	return ERR_PTR(-EFAULT);
}
EXPORT_SYMBOL_NS_GPL(dma_buf_pages_from_sgt, "DMA_BUF");
