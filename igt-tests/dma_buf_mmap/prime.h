/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_PRIME_H
#define DMA_BUF_MMAP_PRIME_H

#include <stdint.h>
#include <sys/types.h>
#include <xf86drm.h>

/* For headers of kernels that have no DRM_IOCTL_PRIME_ADDR_TO_HANDLE */
#ifndef DRM_IOCTL_PRIME_ADDR_TO_HANDLE
#define DRM_PRIME_CAP_ADDRESS 0x4
#define DRM_PRIME_ADDR_HANDLE 0x1
#define DRM_PRIME_ADDR_FD 0x2
#define DRM_PRIME_ADDR_OWN 0x4
#define DRM_PRIME_ADDR_PARTIAL 0x8
#define DRM_PRIME_ADDR_CLOEXEC 0x10

struct drm_prime_addr_to_handle {
	uint64_t addr;
	uint64_t size;
	uint64_t offset;
	uint64_t object_size;
	uint32_t flags;
	uint32_t handle;
	int32_t fd;
	uint32_t pad;
};

#define DRM_IOCTL_PRIME_ADDR_TO_HANDLE DRM_IOWR(0xEF, struct drm_prime_addr_to_handle)
#endif

/*
 * As libdrm would have them: 0, or a negative errno. @flags are DRM_PRIME_ADDR_OWN for
 * the first and DRM_CLOEXEC for the second; @offset is that of @addr in the buffer.
 */
int drmPrimeAddrToHandle(int fd, const void *addr, uint64_t size, uint32_t flags,
			 uint32_t *handle, uint64_t *offset);
int drmPrimeAddrToFD(int fd, const void *addr, uint64_t size, uint32_t flags, int *prime_fd,
		     uint64_t *offset);

/* 0 or an errno */
int prime_ask(int drm, struct drm_prime_addr_to_handle *args);
/* It must fail with @error, and return nothing. */
void prime_assert_err(int drm, const volatile void *addr, uint64_t size, uint32_t flags,
		      int error);
/* The same, whether a handle or an fd is asked for */
void prime_assert_no(int drm, const volatile void *addr, uint64_t size, int error);
/* The handle, of a buffer of @object_size in which @addr is at @offset */
uint32_t prime_assert_handle(int drm, const volatile void *addr, uint64_t size, uint32_t flags,
			     uint64_t offset, uint64_t object_size);

#endif
