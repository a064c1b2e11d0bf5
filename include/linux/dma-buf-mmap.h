/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU mappings of dma-bufs: what an exporter supplies and what others may call.
 * The model, the words and the locks are at the top of
 * drivers/dma-buf/dma-buf-mmap.c.
 */
#ifndef __DMA_BUF_MMAP_H__
#define __DMA_BUF_MMAP_H__

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct address_space;
struct device;
struct dma_buf;
struct dma_resv;
struct file;
struct p2pdma_provider;
struct page;
struct sg_table;
struct vm_fault;

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
 * @write_notify: pages are read-only until &dma_buf_mmap_ops.mkwrite was called
 * @provider: the device that other devices find the run behind, for device memory; NULL:
 *	none may map it
 * @cookie: for the exporter, between get_range and put_range
 * @dummy: for the core: the run is a page of the core's
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
	bool write_notify;
	struct p2pdma_provider *provider;
	int cookie;
	bool dummy;
};

/**
 * struct dma_buf_mmap_ops - what the core asks an exporter
 *
 * All but @get_range are optional.  @priv is &dma_buf_mmap.priv.
 */
struct dma_buf_mmap_ops {
	/**
	 * @get_range:
	 *
	 * Find the run that holds the page at buffer offset @pgoff, which is
	 * below the size of the buffer.  With @populate, backing that can be
	 * allocated is allocated; without, the answer is what is there now.
	 *
	 * Context: Process context, reservation lock held, perhaps mmap_lock or
	 * a VMA lock too, or locks of an importer's that its
	 * &dma_buf_attach_ops.invalidate_mappings takes.  May sleep and allocate;
	 * must not take mmap_lock, copy to or from user space, or wait for anything
	 * that needs the reservation lock or that user space may never end.  What is
	 * %DMA_BUF_MMAP_MOVES may be moved, with @populate; others must not call
	 * dma_buf_invalidate_mappings() for this buffer.  Of a buffer that is
	 * %DMA_BUF_MMAP_EAGER it is also called without the reservation lock.
	 *
	 * Return: %0 with @range filled in, or why there is no CPU map now:
	 *
	 * * %-ENODATA - nothing is populated; only without @populate
	 * * %-EAGAIN - moving or revoked, but not for long: call @wait, ask again
	 * * %-ENODEV - revoked for good
	 * * %-EIO - off, until dma_buf_restore_mappings(); of exporters that have
	 *   @wait or @may_map
	 * * %-EACCES - no CPU may ever map this buffer, nor may any device
	 * * %-ENOMEM - out of memory
	 * * %-EINTR, %-ERESTARTSYS - a fatal signal is pending
	 * * anything else - SIGBUS for this access, a later one may succeed
	 *
	 * Where %MAP_NOSIGBUS was asked for, an access to what is off or revoked
	 * reaches a dummy page instead, until dma_buf_restore_mappings() or the next
	 * zap.
	 *
	 * An access that will fail fails at once, not after an %-EAGAIN: who
	 * resolves faults for others, KVM and VFIO, would try it for ever.
	 */
	int (*get_range)(void *priv, pgoff_t pgoff, bool populate,
			 struct dma_buf_range *range);
	/**
	 * @put_range:
	 *
	 * The core has put @range, from a @get_range that returned %0, into the
	 * page tables or does not want it any more.  The next @get_range of the
	 * buffer is after that, but for %DMA_BUF_MMAP_EAGER, where mmap() takes
	 * no reservation lock.
	 *
	 * Context: As for @get_range; the reservation lock was not dropped.
	 */
	void (*put_range)(void *priv, struct dma_buf_range *range);
	/**
	 * @wait:
	 *
	 * Wait until @get_range no longer has reason to return %-EAGAIN: killably,
	 * or with @intr until any signal.  @get_range is asked again; one that has
	 * given up waiting says so.  The caller holds a reference to the buffer.
	 * Without this op %-EAGAIN is an error like others; so it is in a fault that
	 * cannot be retried, unless the buffer is %DMA_BUF_MMAP_BOUNDED.
	 *
	 * Context: Process context; no lock of the buffer's is held, and none of mm's
	 * but mmap_lock of what is %DMA_BUF_MMAP_BOUNDED.
	 */
	void (*wait)(void *priv, bool intr);
	/**
	 * @mkwrite:
	 *
	 * The page at buffer offset @pgoff, of a range that was
	 * &dma_buf_range.write_notify, is about to be written to, or any page by a
	 * debugger.
	 *
	 * Context: Process context, reservation lock and mmap_lock or a VMA lock held.
	 * Return: %0, or as @get_range; the write is tried again after %-EINTR.
	 */
	int (*mkwrite)(void *priv, pgoff_t pgoff);
	/**
	 * @access:
	 *
	 * Copy @len bytes from (with @write, to) the buffer at @offset, all of them in
	 * one page: for ptrace() and importers that stand in for a device, where there
	 * is a way that does not need the memory to be where CPUs can reach it.
	 * With it, ptrace() may write through a read-only mapping of a file that is
	 * open for writing.
	 *
	 * Context: Process context, reservation lock held.
	 * Return: %0; %-EOPNOTSUPP to have it copied by the range; else as @get_range.
	 */
	int (*access)(void *priv, u64 offset, void *buf, size_t len, bool write);
	/**
	 * @may_map:
	 *
	 * Whether a new mapping has a future, as far as that can be told without
	 * the reservation lock; what is late, or wrong for now, is for the fault to
	 * sort out.  Without this op, it has.  Who has this op or @wait may revoke.
	 *
	 * Context: Process context, perhaps mmap_lock or the reservation lock held;
	 * takes neither.
	 *
	 * Return: %0; %-EACCES if no CPU may map the buffer; %-ENODEV if it is
	 * revoked for good; else what mmap() is to fail with.
	 */
	int (*may_map)(void *priv);
};

/* &dma_buf_mmap.flags */
/* Backing moves or is evicted: it is not populated ahead, nor mapped by dma_buf_iommu_map(). */
#define DMA_BUF_MMAP_MOVES	BIT(0)
/* What the buffer's file may not write is not written through an importer's either. */
#define DMA_BUF_MMAP_STRICT	BIT(1)
/*
 * The backing is there for the life of the buffer, is never revoked, never moves and
 * has one caching: mmap() maps it, and no fault follows.
 */
#define DMA_BUF_MMAP_EAGER	BIT(2)
/*
 * Besides, it is ordinary pages with a reference count, &dma_buf_range.pages, and is
 * mapped as such: get_user_pages() works.  For exporters where it always did.
 */
#define DMA_BUF_MMAP_PAGES	BIT(3)
/*
 * What @wait waits for ends by itself and needs no mmap_lock: an access that cannot drop
 * that waits with it.
 */
#define DMA_BUF_MMAP_BOUNDED	BIT(4)
/*
 * Once it is revoked for good all accesses reach a dummy page, whatever mmap() asked for.
 * For exporters where they always did.
 */
#define DMA_BUF_MMAP_NOSIGBUS	BIT(5)
/* Kernel fences of the buffer stand for moves in flight: accesses wait. */
#define DMA_BUF_MMAP_FENCED	BIT(6)

/**
 * struct dma_buf_mmap - the CPU mappings of a buffer
 * @ops: the exporter's operations; NULL if it maps by itself
 * @priv: what they are called with; NULL for &dma_buf_export_info.priv
 * @resv: the reservation lock; NULL for the dma-buf's
 * @mapping: the exporter's mapping space; NULL for the buffer's own inode.  It
 *	must outlive the buffer.
 * @offset: map offset: where the buffer starts in @mapping, in pages
 * @nr_pages: size of the buffer in pages; 0 for that of the dma-buf
 * @vm_flags: VMA flags to set besides those that every mapping gets
 * @flags: DMA_BUF_MMAP_*
 * @caching: what &vm_area_struct.vm_page_prot shows to those who look there for
 *	the kind of memory, as KVM on arm64 does; leaves have what get_range says
 * @decrypted: likewise for memory encryption
 * @hold: takes a reference, or gives it back, for a fault that drops its locks; NULL
 *	where the file of the VMA keeps the buffer
 * @dummy_fill: what each byte of a dummy page begins as
 * @mapped: there may be leaves, or @dummy; protected by @resv
 * @dummy: what they show in place of memory that is away; protected by @resv
 *
 * One object, where the buffer lives, for all ways to map it: through the dma-buf,
 * a file of the exporter's, an importer's.  All but @mapped and @dummy is constant
 * once there is a mapping.  An exporter that has one outside of its dma-bufs calls
 * dma_buf_mmap_fini() in the end.
 */
struct dma_buf_mmap {
	const struct dma_buf_mmap_ops *ops;
	void *priv;
	struct dma_resv *resv;
	struct address_space *mapping;
	pgoff_t offset;
	unsigned long nr_pages;
	vm_flags_t vm_flags;
	unsigned int flags;
	enum dma_buf_caching caching;
	bool decrypted;
	u8 dummy_fill;
	bool mapped;
	struct page *dummy;
	void (*hold)(struct dma_buf_mmap *m, bool hold);
};

/**
 * struct dma_buf_ref - what &vm_operations_struct.get_dmabuf found
 * @ops: what to do with it
 * @priv: the buffer, or what one can be made of; referenced
 * @file: for @ops: a file that keeps @priv, say
 * @pgoff: where the address lies in it, in pages
 * @nr_pages: for @ops->export: how many pages from @pgoff on are asked for
 * @need: for @ops->export: access that is asked for, %VM_READ and %VM_WRITE
 * @moves: whether it moves, see DMA_BUF_MMAP_MOVES
 */
struct dma_buf_ref {
	const struct dma_buf_ref_ops *ops;
	void *priv;
	struct file *file;
	pgoff_t pgoff;
	unsigned long nr_pages;
	vm_flags_t need;
	bool moves;
};

/**
 * struct dma_buf_ref_ops - from a reference to the buffer
 */
struct dma_buf_ref_ops {
	/**
	 * @export:
	 *
	 * The dma-buf, made now if there is none.  One that has not all of @priv
	 * adjusts &dma_buf_ref.pgoff.
	 *
	 * Context: Process context, no locks held.
	 * Return: a dma-buf, referenced, or an ERR_PTR(); either way the reference
	 * is kept.
	 */
	struct dma_buf *(*export)(struct dma_buf_ref *ref);
	/**
	 * @peek: The dma-buf, referenced, if there is one already, or %NULL.  Optional:
	 * without, there is none.  No locks are held.
	 */
	struct dma_buf *(*peek)(struct dma_buf_ref *ref);
	/** @put: Give the reference back; mmap_lock may be held. */
	void (*put)(struct dma_buf_ref *ref);
};

/* For exporters */
/**
 * dma_buf_range_from_pages - a range that is an array of pages
 * @pages: the pages of the buffer; they stay where they are until put_range
 * @nr_pages: how many there are
 * @range: filled in
 *
 * For &dma_buf_mmap_ops.get_range.
 */
static inline void dma_buf_range_from_pages(struct page **pages,
					    unsigned long nr_pages,
					    struct dma_buf_range *range)
{
	range->start = 0;
	range->nr_pages = nr_pages;
	range->pages = pages;
}

bool dma_buf_pages_whole_folios(struct page **pages, unsigned long nr_pages);
struct page **dma_buf_pages_from_sgt(struct sg_table *sgt,
				     unsigned long nr_pages);

/* For exporters whose VMAs have vm_ops of their own */
int dma_buf_mmap_vma(struct dma_buf_mmap *m, struct vm_area_struct *vma,
		     pgoff_t pgoff);
vm_fault_t dma_buf_mmap_fault(struct vm_fault *vmf, unsigned int order,
			      struct dma_buf_mmap *m);
vm_fault_t dma_buf_mmap_pfn_mkwrite(struct vm_fault *vmf, struct dma_buf_mmap *m);
int dma_buf_mmap_get_range(struct dma_buf_mmap *m, pgoff_t pgoff, bool populate,
			   struct dma_buf_range *range);
void dma_buf_mmap_put_range(struct dma_buf_mmap *m, struct dma_buf_range *range);
int dma_buf_mmap_access(struct vm_area_struct *vma, unsigned long addr,
			void *buf, int len, int write, struct dma_buf_mmap *m);
unsigned long dma_buf_mmap_align_area(struct dma_buf_mmap *m, struct file *file,
				      unsigned long addr, unsigned long len,
				      pgoff_t pgoff, unsigned long flags);
void dma_buf_mmap_zap(struct dma_buf_mmap *m);
void dma_buf_mmap_put_dummy(struct dma_buf_mmap *m);

/**
 * dma_buf_mmap_fini - end of the CPU mappings of a buffer
 * @m: the buffer, which nobody maps any more
 *
 * For exporters whose &struct dma_buf_mmap is not in the dma-buf.
 */
static inline void dma_buf_mmap_fini(struct dma_buf_mmap *m)
{
	if (IS_ENABLED(CONFIG_MMU) && m->dummy)
		dma_buf_mmap_put_dummy(m);
}

void dma_buf_refresh_mappings(struct dma_buf *dmabuf);
bool dma_buf_vm_get_dmabuf(struct vm_area_struct *vma, unsigned long addr,
			   struct dma_buf_ref *ref);
pgprot_t dma_buf_range_prot(const struct dma_buf_range *range, pgprot_t prot);

/* From an address to the buffer behind it */
int dma_buf_ref_from_address(struct mm_struct *mm, unsigned long addr, size_t *len,
			     vm_flags_t need, bool partial, struct dma_buf_ref *ref);
bool dma_buf_ref_from_vma(struct vm_area_struct *vma, struct dma_buf_ref *ref);
u64 dma_buf_ref_inode(struct dma_buf_ref *ref);
bool dma_buf_has_user_pages(const struct dma_buf *dmabuf);
struct dma_buf *dma_buf_get_from_address(struct mm_struct *mm,
					 unsigned long addr, size_t len,
					 vm_flags_t need, bool stays,
					 u64 *offset);

#endif /* __DMA_BUF_MMAP_H__ */
