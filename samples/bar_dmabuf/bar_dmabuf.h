/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef BAR_DMABUF_H
#define BAR_DMABUF_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct bar_dmabuf_export - argument of BAR_DMABUF_EXPORT
 * @offset: in the BAR, in bytes, of a page
 * @size: in bytes, of pages, not 0
 * @flags: O_RDWR or 0, and O_CLOEXEC
 * @fd: returns the dma-buf
 */
struct bar_dmabuf_export {
	__u64 offset;
	__u64 size;
	__u32 flags;
	__s32 fd;
};

/*
 * EINVAL: not pages, beyond the BAR, or other flags; EACCES: the device is not open for
 * reading, or for O_RDWR not for writing; ENODEV: the device is gone; EMFILE, ENOMEM
 */
#define BAR_DMABUF_EXPORT _IOWR('Z', 0x00, struct bar_dmabuf_export)

#endif
