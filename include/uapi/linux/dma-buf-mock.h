/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_DMA_BUF_MOCK_H
#define _UAPI_LINUX_DMA_BUF_MOCK_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: mock dma-buf exporter
 *
 * ``/dev/dma-buf-mock`` makes dma-bufs whose backing moves, is revoked or is
 * never mappable on request, so that user space can test the CPU-mapping model
 * without a device.  It needs CONFIG_DMABUF_MMAP_MOCK and CAP_SYS_ADMIN and is
 * for tests only.
 */

/* enum dma_buf_mock_caching - how the CPU must map the buffer */
enum dma_buf_mock_caching {
	DMA_BUF_MOCK_CACHED = 0,
	DMA_BUF_MOCK_WRITE_COMBINED = 1,
	DMA_BUF_MOCK_UNCACHED = 2,
};

/* The buffer may never be mapped by a CPU: mmap() fails with EACCES. */
#define DMA_BUF_MOCK_NEVER_MAPPABLE	(1U << 0)
/* Consecutive chunks are never physically adjacent. */
#define DMA_BUF_MOCK_SCATTERED		(1U << 1)
/* The backing stays where it is, though it may be revoked. */
#define DMA_BUF_MOCK_FIXED		(1U << 2)

/**
 * struct dma_buf_mock_create - argument of DMA_BUF_MOCK_CREATE
 * @size: bytes, a multiple of the page size, at most 1 GiB
 * @flags: DMA_BUF_MOCK_NEVER_MAPPABLE, DMA_BUF_MOCK_SCATTERED, DMA_BUF_MOCK_FIXED
 * @caching: one of &enum dma_buf_mock_caching
 * @chunk_order: backing comes in physically contiguous, naturally aligned
 *	chunks of (page size << @chunk_order) bytes; at most 9
 * @open_flags: O_RDONLY or O_RDWR, and O_CLOEXEC
 * @fd: returns the dma-buf file descriptor
 * @pad: must be 0
 */
struct dma_buf_mock_create {
	__u64 size;
	__u32 flags;
	__u32 caching;
	__u32 chunk_order;
	__u32 open_flags;
	__s32 fd;
	__u32 pad;
};

/* enum dma_buf_mock_state - whether the backing can be used */
enum dma_buf_mock_state {
	/* usable */
	DMA_BUF_MOCK_READY = 0,
	/* back soon: faults wait, killably */
	DMA_BUF_MOCK_BUSY = 1,
	/* off until switched on again: faults get SIGBUS */
	DMA_BUF_MOCK_OFF = 2,
	/* gone for good: SIGBUS, mmap() and attach fail with ENODEV */
	DMA_BUF_MOCK_REVOKED = 3,
};

/**
 * struct dma_buf_mock_set_state - argument of DMA_BUF_MOCK_SET_STATE
 * @fd: a dma-buf made by DMA_BUF_MOCK_CREATE
 * @state: one of &enum dma_buf_mock_state
 *
 * When the call returns no CPU can reach the backing through any mapping,
 * unless @state is DMA_BUF_MOCK_READY.  EBADFD if the buffer was revoked for
 * good and @state is anything else.
 */
struct dma_buf_mock_set_state {
	__s32 fd;
	__u32 state;
};

/**
 * struct dma_buf_mock_move - argument of DMA_BUF_MOCK_MOVE
 * @fd: a dma-buf made by DMA_BUF_MOCK_CREATE
 * @fence_ms: if not 0, the move is done by a "device": it ends, and a kernel
 *	fence signals, only that many milliseconds (at most 10000) after the
 *	call returned
 *
 * The contents go to new pages and the old ones are freed.
 */
struct dma_buf_mock_move {
	__s32 fd;
	__u32 fence_ms;
};

/**
 * struct dma_buf_mock_lookup - argument of DMA_BUF_MOCK_LOOKUP
 * @addr: an address in the calling process
 * @length: bytes from @addr that must belong to one buffer
 * @offset: returns the byte offset of @addr in the buffer
 * @inode: returns the inode number that fstat() gives for the buffer
 * @size: returns the size of the buffer in bytes
 *
 * Any exporter's buffer is found, not only the mock's.  Errors are those of
 * dma_buf_get_from_address().
 */
struct dma_buf_mock_lookup {
	__u64 addr;
	__u64 length;
	__u64 offset;
	__u64 inode;
	__u64 size;
};

#define DMA_BUF_MOCK_CREATE	_IOWR('m', 0xd0, struct dma_buf_mock_create)
#define DMA_BUF_MOCK_SET_STATE	_IOW('m', 0xd1, struct dma_buf_mock_set_state)
#define DMA_BUF_MOCK_MOVE	_IOW('m', 0xd2, struct dma_buf_mock_move)
#define DMA_BUF_MOCK_LOOKUP	_IOWR('m', 0xd3, struct dma_buf_mock_lookup)

#endif /* _UAPI_LINUX_DMA_BUF_MOCK_H */
