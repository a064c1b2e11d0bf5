/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU mappings of dma-bufs: what an exporter supplies and what others may call.
 * The model, the words and the locks are at the top of
 * drivers/dma-buf/dma-buf-mmap.c.
 */
#ifndef __DMA_BUF_MMAP_H__
#define __DMA_BUF_MMAP_H__

#include <linux/errno.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct address_space;
struct device;
struct dma_buf;
struct dma_buf_export_info;
struct dma_resv;
struct file;
struct iosys_map;
struct p2pdma_provider;
struct page;
struct sg_table;
struct vm_fault;
struct vm_operations_struct;

/**
 * enum dma_buf_caching - how the CPU must cache a range
 * @DMA_BUF_CACHED: like ordinary memory
 * @DMA_BUF_WRITE_COMBINED: writes may be merged and delayed, reads are not
 *	cached
 * @DMA_BUF_UNCACHED: every access reaches the device in program order
 */
enum dma_buf_caching {
	DMA_BUF_CACHED,
	DMA_BUF_WRITE_COMBINED,
	DMA_BUF_UNCACHED,
};

/**
 * struct dma_buf_range - a run of a buffer that is mapped in one way
 * @start: buffer offset of the first page of the run
 * @nr_pages: length of the run in pages, at least 1
 * @pfn: page frame of the page at @start, if the run is physically contiguous
 * @pages: the pages of the run, from @start on, if it is not known to be
 *	contiguous; else NULL.  The array stays until put_range.
 * @whole_folios: in @pages, what follows a page of a folio is the next page of that
 *	folio, up to its last: large leaves are then found without a search
 * @dma_dev: the memory is from dma_alloc_attrs() for this device, which is how the
 *	CPU must map it; @caching and @decrypted do not matter.  Else NULL.
 * @dma_attrs: the attributes that it was allocated with
 * @caching: how the CPU must cache the run
 * @caching_hint: @caching is what the driver asked for long ago; where the
 *	architecture keeps a memory type for the pfns, that type wins.  Without
 *	it, a memory type other than @caching makes the fault fail.
 * @decrypted: the CPU must map the run decrypted on a machine with memory
 *	encryption
 * @iomem: the run is device memory, to be accessed with memcpy_fromio() and
 *	friends only
 * @provider: the device that provides the run for peer-to-peer DMA, or NULL
 * @cookie: for the exporter, between get_range and put_range
 *
 * Only the dma-buf core and the exporter itself ever see one: a pfn has no
 * lifetime outside the reservation lock.
 */
struct dma_buf_range {
	pgoff_t start;
	unsigned long nr_pages;
	unsigned long pfn;
	struct page **pages;
	bool whole_folios;
	struct device *dma_dev;
	unsigned long dma_attrs;
	enum dma_buf_caching caching;
	bool caching_hint;
	bool decrypted;
	bool iomem;
	struct p2pdma_provider *provider;
	int cookie;
};

/**
 * struct dma_buf_mmap_ops - what the core asks an exporter
 *
 * All but @get_range are optional.
 */
struct dma_buf_mmap_ops {
	/**
	 * @get_range:
	 *
	 * Find the run that holds the page at buffer offset @pgoff, which is
	 * below the size of the buffer.  @priv is &dma_buf_export_info.priv.
	 * With @populate, backing that can be allocated is allocated; without,
	 * the answer is what is there now.
	 *
	 * Context: Process context, reservation lock held, perhaps mmap_lock or
	 * a VMA lock too.  May sleep and allocate; must not take mmap_lock, copy
	 * to or from user space, call dma_buf_invalidate_mappings() for this
	 * buffer, or wait for anything that needs the reservation lock or that
	 * user space may never end.
	 *
	 * Return: %0 with @range filled in, or why there is no CPU map now:
	 *
	 * * %-ENODATA - nothing is populated; only without @populate
	 * * %-EAGAIN - moving or revoked for a while: call @wait, ask again
	 * * %-ENODEV - revoked for good
	 * * %-EACCES - no CPU may ever map this buffer
	 * * %-ENOMEM - out of memory
	 * * %-EINTR, %-ERESTARTSYS - a signal is pending
	 * * anything else - SIGBUS for this access, a later one may succeed
	 */
	int (*get_range)(void *priv, pgoff_t pgoff, bool populate,
			 struct dma_buf_range *range);
	/**
	 * @put_range:
	 *
	 * The core has put @range, from a @get_range that returned %0, into the
	 * page tables or does not want it any more.
	 *
	 * Context: As for @get_range; the reservation lock was not dropped.
	 */
	void (*put_range)(void *priv, struct dma_buf_range *range);
	/**
	 * @wait:
	 *
	 * Wait, killably, until @get_range no longer has reason to return
	 * %-EAGAIN.  The caller holds a reference to the buffer.
	 *
	 * Context: Process context, reservation lock not held, perhaps mmap_lock
	 * or a VMA lock held.
	 *
	 * Return: %0 to have @get_range asked again, %-EINTR if killed, any other
	 * error if the access is to end in SIGBUS rather than to be late.
	 */
	int (*wait)(void *priv);
	/**
	 * @release:
	 *
	 * The last mapping through the dma-buf and the dma-buf itself are gone:
	 * what @get_range populated and keeps for the CPU can go too.  An
	 * exporter whose backing lives as long as the buffer needs none.
	 *
	 * Context: Process context, no locks held.
	 */
	void (*release)(void *priv);
	/**
	 * @vm_ops:
	 *
	 * For GEM: the vm_ops of mappings through the DRM fd if they map the same
	 * ranges, so that mappings through the dma-buf need not go through them.
	 */
	const struct vm_operations_struct *vm_ops;
	/**
	 * @unfenced:
	 *
	 * An access waits for no kernel fence of the buffer: no device fills or
	 * moves the backing.  For drivers whose fences of %DMA_RESV_USAGE_KERNEL
	 * stand for work that user space orders, such as binds in a GPU's
	 * address space, which may wait for the CPU to write first.
	 */
	bool unfenced;
};

/**
 * struct dma_buf_mmap_info - where a buffer is mapped, and by whom
 * @ops: the exporter's operations; NULL leaves CPU mappings to
 *	&dma_buf_ops.mmap
 * @mapping: the exporter's mapping space; NULL for the buffer's own inode.  It
 *	must outlive the buffer.
 * @offset: map offset: where the buffer starts in @mapping, in pages
 * @vm_flags: VMA flags to set besides those that every mapping gets
 * @caching: what &vm_area_struct.vm_page_prot shows to those who look there for
 *	the kind of memory, as KVM on arm64 does; leaves have what get_range says
 * @decrypted: likewise for memory encryption
 *
 * Constant from dma_buf_export() on.
 */
struct dma_buf_mmap_info {
	const struct dma_buf_mmap_ops *ops;
	struct address_space *mapping;
	pgoff_t offset;
	vm_flags_t vm_flags;
	enum dma_buf_caching caching;
	bool decrypted;
};

/**
 * struct dma_buf_mmap_source - a buffer as fault handlers see it
 * @ops: how to find ranges
 * @priv: what to find them in
 * @resv: the reservation lock
 * @dmabuf: the dma-buf that the VMA maps; NULL in a VMA of the exporter's own
 * @get: without @dmabuf: takes a reference to @priv, for a fault that drops its lock
 * @put: gives it back
 * @offset: map offset of the buffer, in pages
 * @nr_pages: size of the buffer in pages
 * @small: no large leaf for a fault that does not ask for one
 * @forward: around a fault, map only pages that follow it
 */
struct dma_buf_mmap_source {
	const struct dma_buf_mmap_ops *ops;
	void *priv;
	struct dma_resv *resv;
	struct dma_buf *dmabuf;
	void (*get)(void *priv);
	void (*put)(void *priv);
	pgoff_t offset;
	unsigned long nr_pages;
	bool small;
	bool forward;
};

/* Pages mapped around a fault where no large leaf fits; a power of two. */
#define DMA_BUF_FAULT_AROUND	16

/* Within the core, drivers/dma-buf/ */
#ifdef CONFIG_MMU
void dma_buf_mmap_init(struct dma_buf *dmabuf,
		       const struct dma_buf_export_info *exp_info);
unsigned long dma_buf_mmap_unmapped_area(struct file *file, unsigned long addr,
					 unsigned long len, unsigned long pgoff,
					 unsigned long flags);
void dma_buf_mmap_zap(struct dma_buf *dmabuf);
int dma_buf_mmap_restrict(struct dma_buf *dmabuf, struct vm_area_struct *vma);
int dma_buf_mmap_vma(struct dma_buf *dmabuf, struct vm_area_struct *vma,
		     pgoff_t pgoff);
#else
static inline void dma_buf_mmap_init(struct dma_buf *dmabuf,
				     const struct dma_buf_export_info *exp_info)
{
}

static inline void dma_buf_mmap_zap(struct dma_buf *dmabuf)
{
}

#define dma_buf_mmap_unmapped_area NULL

static inline int dma_buf_mmap_restrict(struct dma_buf *dmabuf,
					struct vm_area_struct *vma)
{
	return 0;
}

static inline int dma_buf_mmap_vma(struct dma_buf *dmabuf,
				   struct vm_area_struct *vma, pgoff_t pgoff)
{
	return -ENODEV;
}
#endif

#ifdef CONFIG_DMABUF_MMAP_VMAP
void dma_buf_vmap_revoke(struct dma_buf *dmabuf);
int dma_buf_vmap_core(struct dma_buf *dmabuf, struct iosys_map *map);
void dma_buf_vunmap_core(struct dma_buf *dmabuf);
/* For exporters that revoke for a while */
void dma_buf_vmap_restore(struct dma_buf *dmabuf);
#else
static inline void dma_buf_vmap_revoke(struct dma_buf *dmabuf)
{
}

static inline int dma_buf_vmap_core(struct dma_buf *dmabuf,
				    struct iosys_map *map)
{
	return -EOPNOTSUPP;
}

static inline void dma_buf_vunmap_core(struct dma_buf *dmabuf)
{
}

static inline void dma_buf_vmap_restore(struct dma_buf *dmabuf)
{
}
#endif

/* For exporters whose VMAs have vm_ops of their own */
vm_fault_t dma_buf_mmap_fault(struct vm_fault *vmf, unsigned int order,
			      const struct dma_buf_mmap_source *src);
int dma_buf_mmap_access(struct vm_area_struct *vma, unsigned long addr,
			void *buf, int len, int write,
			const struct dma_buf_mmap_source *src);
int dma_buf_may_map(const struct dma_buf_mmap_source *src, pgoff_t pgoff);
vm_fault_t dma_buf_range_error(int err);
vm_fault_t dma_buf_mmap_insert(struct vm_fault *vmf, unsigned int order,
			       const struct dma_buf_mmap_source *src,
			       pgprot_t prot, unsigned int around);
unsigned long dma_buf_mmap_align_area(const struct dma_buf_mmap_source *src,
				      struct file *file, unsigned long addr,
				      unsigned long len, pgoff_t pgoff,
				      unsigned long flags);
int dma_buf_mmap_mprotect(struct vm_area_struct *vma, unsigned long start,
			  unsigned long end, unsigned long newflags);
void dma_buf_range_window(unsigned long pfn, pgoff_t pgoff,
			  unsigned long nr_pages, pgoff_t *first, pgoff_t *end);
void dma_buf_range_from_pages(struct page **pages, unsigned long nr_pages,
			      struct dma_buf_range *range);
struct page **dma_buf_pages_from_sgt(struct sg_table *sgt,
				     unsigned long nr_pages);
struct page **dma_buf_pages_from_dma(struct device *dev, void *cpu_addr,
				     dma_addr_t dma_addr, size_t size,
				     unsigned long attrs);
bool dma_buf_pages_whole_folios(struct page **pages, unsigned long nr_pages);
extern const struct dma_buf_mmap_ops dma_buf_never_mmap_ops;
int dma_buf_range_copy(const struct dma_buf_range *range, pgoff_t pgoff,
		       size_t offset, void *buf, size_t len, bool write);
pgprot_t dma_buf_range_prot(const struct dma_buf_range *range, pgprot_t prot);

/* From an address to the buffer behind it */
struct dma_buf *dma_buf_get_from_address(struct mm_struct *mm,
					 unsigned long addr, size_t len,
					 vm_flags_t need, u64 *offset);

#endif /* __DMA_BUF_MMAP_H__ */
