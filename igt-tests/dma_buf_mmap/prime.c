// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <errno.h>
#include <fcntl.h>

#include "dma_buf_mmap/prime.h"

static int addr_to(int fd, struct drm_prime_addr_to_handle *args)
{
	return drmIoctl(fd, DRM_IOCTL_PRIME_ADDR_TO_HANDLE, args) ? -errno : 0;
}

int drmPrimeAddrToHandle(int fd, const void *addr, uint64_t size, uint32_t flags,
			 uint32_t *handle, uint64_t *offset)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)addr,
		.size = size,
		.flags = DRM_PRIME_ADDR_HANDLE | flags,
	};
	int err = addr_to(fd, &args);

	if (err)
		return err;
	*handle = args.handle;
	*offset = args.offset;
	return 0;
}

int drmPrimeAddrToFD(int fd, const void *addr, uint64_t size, uint32_t flags, int *prime_fd,
		     uint64_t *offset)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)addr,
		.size = size,
		.flags = DRM_PRIME_ADDR_FD | (flags & DRM_CLOEXEC ? DRM_PRIME_ADDR_CLOEXEC : 0),
	};
	int err = addr_to(fd, &args);

	if (err)
		return err;
	*prime_fd = args.fd;
	*offset = args.offset;
	return 0;
}
