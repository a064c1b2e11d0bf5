// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <dlfcn.h>
#include <sys/mman.h>

/*
 * LD_PRELOAD this into a program that maps dma-bufs: what it would take for it to live when
 * one of them is revoked.  Other files do not take MAP_NOSIGBUS, nor do other kernels, and
 * are mapped as asked for.
 */
#ifndef MAP_NOSIGBUS
#define MAP_NOSIGBUS 0x200000
#endif

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	void *(*next)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, "mmap");

	if ((flags & MAP_TYPE) == MAP_SHARED && !(flags & MAP_ANONYMOUS)) {
		const int more = (flags & ~MAP_TYPE) | MAP_SHARED_VALIDATE | MAP_NOSIGBUS;
		void *p = next(addr, length, prot, more, fd, offset);

		if (p != MAP_FAILED)
			return p;
	}
	return next(addr, length, prot, flags, fd, offset);
}

void *mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
	__attribute__((alias("mmap")));
