// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <errno.h>
#include <fcntl.h>

#include "igt.h"
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

int prime_ask(int drm, struct drm_prime_addr_to_handle *args)
{
	return igt_ioctl(drm, DRM_IOCTL_PRIME_ADDR_TO_HANDLE, args) ? errno : 0;
}

void prime_assert_err(int drm, const volatile void *addr, uint64_t size, uint32_t flags, int error)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)addr, .size = size, .flags = flags,
		.handle = 77, .offset = 78, .object_size = 79,
	};

	igt_assert_eq(prime_ask(drm, &args), error);
	igt_assert_eq(args.handle, 0);
	igt_assert_eq(args.fd, -1);
	igt_assert_eq_u64(args.offset, 0);
	igt_assert_eq_u64(args.object_size, 0);
	igt_assert_eq_u64(args.size, size);
}

void prime_assert_no(int drm, const volatile void *addr, uint64_t size, int error)
{
	prime_assert_err(drm, addr, size, DRM_PRIME_ADDR_HANDLE, error);
	prime_assert_err(drm, addr, size, DRM_PRIME_ADDR_FD, error);
}

uint32_t prime_assert_handle(int drm, const volatile void *addr, uint64_t size, uint32_t flags,
			     uint64_t offset, uint64_t object_size)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)addr, .size = size, .flags = flags,
	};

	igt_assert_eq(prime_ask(drm, &args), 0);
	igt_assert(args.handle);
	igt_assert_eq(args.fd, -1);
	igt_assert_eq_u64(args.offset, offset);
	igt_assert_eq_u64(args.object_size, object_size);
	igt_assert_eq_u64(args.size, size);
	return args.handle;
}
