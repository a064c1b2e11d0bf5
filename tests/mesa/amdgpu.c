// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <amdgpu_drm.h>
#include <drm.h>

#include "amdgpu.h"
#include "dma_buf_mmap/prime.h"

/*
 * LD_PRELOAD this before Mesa's drm-shim of amdgpu, which says yes to what it does not know:
 * what the driver of such a device says to user pointers and to imports.  Which buffer is
 * mapped at an address is asked of a real DRM device, that is, of the kernel.
 */
#define HANDLES 4096

const void *amdgpu_sees;
static int dmabufs[HANDLES];	/* of imports: 1 + a descriptor */

static int next_ioctl(int fd, unsigned long request, void *arg)
{
	int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");

	return next(fd, request, arg);
}

static bool is_amdgpu(int fd)
{
	char name[8] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	return !next_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "amdgpu");
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* With AMDGPU_GEM_USERPTR_ANONONLY, which libdrm asks for, nothing that is mapped of a file */
static bool mapped_of_file(uintptr_t addr)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end, inode;
	bool found = false;
	char line[512];

	while (maps && !found && fgets(line, sizeof(line), maps))
		found = sscanf(line, "%lx-%lx %*s %*s %*s %lu", &start, &end, &inode) == 3 &&
			addr >= start && addr < end && inode;
	if (maps)
		fclose(maps);
	return found;
}

static int create(int fd, uint64_t size, uint32_t *handle)
{
	union drm_amdgpu_gem_create create = { .in.bo_size = size };

	if (next_ioctl(fd, DRM_IOCTL_AMDGPU_GEM_CREATE, &create))
		return -1;
	*handle = create.out.handle;
	return *handle < HANDLES ? 0 : fail(ENOMEM);
}

static int userptr(int fd, struct drm_amdgpu_gem_userptr *args)
{
	if (mapped_of_file(args->addr))
		return fail(EPERM);
	return create(fd, args->size, &args->handle);
}

static int import(int fd, struct drm_prime_handle *args)
{
	if (create(fd, lseek(args->fd, 0, SEEK_END), &args->handle))
		return -1;
	dmabufs[args->handle] = 1 + fcntl(args->fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static void forget(uint32_t handle)
{
	if (handle >= HANDLES || !dmabufs[handle])
		return;
	close(dmabufs[handle] - 1);
	dmabufs[handle] = 0;
}

static int ask_kernel(unsigned long request, void *args)
{
	static int real = -1;
	char path[32];

	/* drm-shim hides them. */
	for (int i = 0; real < 0 && i < 8; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		real = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	}
	return real < 0 ? fail(ENODEV) : next_ioctl(real, request, args);
}

/* The shim's answer, and whether there is somebody to ask for addresses */
static int get_cap(int fd, struct drm_get_cap *cap)
{
	struct drm_get_cap kernel = *cap;
	int err = next_ioctl(fd, DRM_IOCTL_GET_CAP, cap);

	if (!err && cap->capability == DRM_CAP_PRIME && !ask_kernel(DRM_IOCTL_GET_CAP, &kernel))
		cap->value |= kernel.value & DRM_PRIME_CAP_ADDRESS;
	return err;
}

/* What the GPU finds where it was given memory last, if that is of an import */
static void map(const struct drm_amdgpu_gem_va *va)
{
	if (va->operation == AMDGPU_VA_OP_MAP && va->handle < HANDLES && dmabufs[va->handle])
		amdgpu_sees = mmap(NULL, va->map_size, PROT_READ, MAP_SHARED,
				   dmabufs[va->handle] - 1, va->offset_in_bo);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);

	/* By its number: sizes and directions are not the same in all headers. */
	if (_IOC_TYPE(request) != DRM_IOCTL_BASE)
		return next_ioctl(fd, request, arg);
	switch (_IOC_NR(request)) {
	case DRM_COMMAND_BASE + DRM_AMDGPU_GEM_USERPTR:
		if (is_amdgpu(fd))
			return userptr(fd, arg);
		break;
	case DRM_COMMAND_BASE + DRM_AMDGPU_GEM_VA:
		if (is_amdgpu(fd))
			map(arg);
		break;
	case _IOC_NR(DRM_IOCTL_GEM_CLOSE):
		if (is_amdgpu(fd))
			forget(((struct drm_gem_close *)arg)->handle);
		break;
	case _IOC_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
		if (is_amdgpu(fd))
			return import(fd, arg);
		break;
	case _IOC_NR(DRM_IOCTL_PRIME_ADDR_TO_HANDLE):
		if (is_amdgpu(fd))
			return ask_kernel(request, arg);
		break;
	case _IOC_NR(DRM_IOCTL_GET_CAP):
		if (is_amdgpu(fd))
			return get_cap(fd, arg);
		break;
	}
	return next_ioctl(fd, request, arg);
}
