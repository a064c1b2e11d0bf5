/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dma_buf_mmap

#if !defined(_TRACE_DMA_BUF_MMAP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_DMA_BUF_MMAP_H

#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>

TRACE_EVENT(dma_buf_mmap_fault,
	TP_PROTO(struct vm_fault *vmf, pgoff_t pgoff, unsigned int order,
		 vm_fault_t ret),
	TP_ARGS(vmf, pgoff, order, ret),
	TP_STRUCT__entry(
		__field(ino_t, ino)
		__field(unsigned long, address)
		__field(pgoff_t, pgoff)
		__field(unsigned int, order)
		__field(unsigned int, ret)
	),
	TP_fast_assign(
		__entry->ino = file_inode(vmf->vma->vm_file)->i_ino;
		__entry->address = vmf->address;
		__entry->pgoff = pgoff;
		__entry->order = order;
		__entry->ret = (__force unsigned int)ret;
	),
	TP_printk("ino=%lu address=0x%lx pgoff=%lu order=%u ret=%s",
		  __entry->ino, __entry->address, __entry->pgoff,
		  __entry->order,
		  __print_flags(__entry->ret, "|", VM_FAULT_RESULT_TRACE))
);

/* A fault could not go on at once. */
TRACE_EVENT(dma_buf_mmap_wait,
	TP_PROTO(struct vm_fault *vmf, const char *what),
	TP_ARGS(vmf, what),
	TP_STRUCT__entry(
		__field(ino_t, ino)
		__field(unsigned long, address)
		__string(what, what)
	),
	TP_fast_assign(
		__entry->ino = file_inode(vmf->vma->vm_file)->i_ino;
		__entry->address = vmf->address;
		__assign_str(what);
	),
	TP_printk("ino=%lu address=0x%lx for=%s",
		  __entry->ino, __entry->address, __get_str(what))
);

TRACE_EVENT(dma_buf_mmap_zap,
	TP_PROTO(const struct dma_buf_mmap *m),
	TP_ARGS(m),
	TP_STRUCT__entry(
		__field(ino_t, ino)
		__field(pgoff_t, offset)
		__field(u64, size)
	),
	TP_fast_assign(
		__entry->ino = m->mapping->host->i_ino;
		__entry->offset = m->offset;
		__entry->size = (u64)m->nr_pages << PAGE_SHIFT;
	),
	TP_printk("ino=%lu map_offset=0x%lx size=%llu",
		  __entry->ino, __entry->offset, __entry->size)
);

TRACE_EVENT(dma_buf_mmap_revoke,
	TP_PROTO(struct dma_buf *dmabuf, bool revoked, bool permanent),
	TP_ARGS(dmabuf, revoked, permanent),
	TP_STRUCT__entry(
		__field(ino_t, ino)
		__field(bool, revoked)
		__field(bool, permanent)
	),
	TP_fast_assign(
		__entry->ino = file_inode(dmabuf->file)->i_ino;
		__entry->revoked = revoked;
		__entry->permanent = permanent;
	),
	TP_printk("ino=%lu revoked=%d permanent=%d",
		  __entry->ino, __entry->revoked, __entry->permanent)
);

#endif /* _TRACE_DMA_BUF_MMAP_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
