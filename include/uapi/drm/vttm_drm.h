/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vttm: a virtual TTM device for tests.  How it behaves (how long a move takes, what of VRAM
 * the CPU sees, when it sleeps) is set in debugfs, see drivers/gpu/drm/vttm/vttm_drv.h.
 */
#ifndef _UAPI_VTTM_DRM_H_
#define _UAPI_VTTM_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Where buffers are */
/** @DRM_VTTM_DOMAIN_SYSTEM: in system memory */
#define DRM_VTTM_DOMAIN_SYSTEM	(1 << 0)
/** @DRM_VTTM_DOMAIN_VRAM: in the memory of the device */
#define DRM_VTTM_DOMAIN_VRAM	(1 << 1)

/* &drm_vttm_create.flags */
/** @DRM_VTTM_CREATE_CACHED: in system memory, CPUs map it cached, not write-combined */
#define DRM_VTTM_CREATE_CACHED	(1 << 0)

/**
 * struct drm_vttm_create - argument of %DRM_IOCTL_VTTM_CREATE
 *
 * Makes a buffer, which is cleared.
 *
 * Errors: EINVAL for no size, or bits that have no meaning; ENOMEM.
 */
struct drm_vttm_create {
	/** @size: in bytes; returns it rounded up to pages */
	__u64 size;
	/** @domain: DRM_VTTM_DOMAIN_*, one of them */
	__u32 domain;
	/** @flags: DRM_VTTM_CREATE_* */
	__u32 flags;
	/** @handle: returns the handle */
	__u32 handle;
	/** @pad: 0 */
	__u32 pad;
};

/**
 * struct drm_vttm_place - argument of %DRM_IOCTL_VTTM_PLACE
 *
 * Starts to move a buffer, if it is elsewhere.
 *
 * Errors: ENOENT for no handle; EINVAL for bits that have no meaning or an import; EBUSY if
 * it is pinned; ENOSPC if VRAM is lost or too small; ENOMEM; EINTR.
 */
struct drm_vttm_place {
	/** @handle: of the buffer */
	__u32 handle;
	/** @domain: as in &struct drm_vttm_create */
	__u32 domain;
};

/**
 * struct drm_vttm_info - argument of %DRM_IOCTL_VTTM_INFO
 *
 * Returns where a page of a buffer is, when it is moved next if a move is in flight, and
 * where to map it.
 *
 * Errors: ENOENT for no handle; EINVAL for a page beyond the buffer; EINTR.
 */
struct drm_vttm_info {
	/** @handle: of the buffer */
	__u32 handle;
	/** @domain: returns one of DRM_VTTM_DOMAIN_* */
	__u32 domain;
	/** @page: number of the page */
	__u64 page;
	/** @vram_offset: returns where in VRAM the page is, in bytes; 0 in system memory */
	__u64 vram_offset;
	/** @map_offset: returns the offset for mmap() */
	__u64 map_offset;
};

/**
 * struct drm_vttm_copy - argument of %DRM_IOCTL_VTTM_COPY
 *
 * Has the device copy from one buffer to another, imports by their DMA addresses.  Waits
 * until that is done.
 *
 * Errors: ENOENT for no handle; EINVAL for no or the same buffer, or a size that is not of
 * pages or beyond one of them; ENODEV if an import is revoked, or VRAM lost; EBUSY if one is
 * pinned where this device does not reach it; ENOSPC; ENOMEM; EINTR; what else its exporter
 * says.
 */
struct drm_vttm_copy {
	/** @src: handle of the buffer to read */
	__u32 src;
	/** @dst: handle of the buffer to write */
	__u32 dst;
	/** @size: how many bytes, from the start of both */
	__u64 size;
};

#define DRM_VTTM_CREATE	0x00
#define DRM_VTTM_PLACE	0x01
#define DRM_VTTM_INFO	0x02
#define DRM_VTTM_COPY	0x03

#define DRM_IOCTL_VTTM_CREATE	DRM_IOWR(DRM_COMMAND_BASE + DRM_VTTM_CREATE, struct drm_vttm_create)
#define DRM_IOCTL_VTTM_PLACE	DRM_IOW(DRM_COMMAND_BASE + DRM_VTTM_PLACE, struct drm_vttm_place)
#define DRM_IOCTL_VTTM_INFO	DRM_IOWR(DRM_COMMAND_BASE + DRM_VTTM_INFO, struct drm_vttm_info)
#define DRM_IOCTL_VTTM_COPY	DRM_IOW(DRM_COMMAND_BASE + DRM_VTTM_COPY, struct drm_vttm_copy)

#if defined(__cplusplus)
}
#endif

#endif
