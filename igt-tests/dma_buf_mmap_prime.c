// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <linux/dma-heap.h>
#include <unistd.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/prime.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap prime
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: address to buffer
 * Description: DRM_IOCTL_PRIME_ADDR_TO_HANDLE, from an address to a handle or a dma-buf
 *
 * SUBTEST: bad-arguments
 * Description: Each field that is wrong is refused, and nothing is returned
 *
 * SUBTEST: capability
 * Description: DRM_CAP_PRIME tells of it
 *
 * SUBTEST: own-handle
 * Description: An object of the device has its handle, whichever way it is mapped
 *
 * SUBTEST: own-readonly
 * Description: The handle that a file has needs no rights of the mapping
 *
 * SUBTEST: own-other-file
 * Description: Another file's handle is nobody else's
 *
 * SUBTEST: own-closed
 * Description: An object whose last handle is closed has none, and no dma-buf
 *
 * SUBTEST: import
 * Description: A foreign buffer becomes the handle that its dma-buf fd would become
 *
 * SUBTEST: import-object
 * Description: An object of another device that was never exported is imported, once
 *
 * SUBTEST: import-bar
 * Description: A BAR that is mapped through its device's fd is imported, and no more of it
 *
 * SUBTEST: fd
 * Description: The dma-buf fd is of the buffer that is mapped, and close-on-exec if asked for
 *
 * SUBTEST: rights
 * Description: By protection, part and kind of the mapping, what is given, and to nobody too
 *
 * SUBTEST: partial
 * Description: A span that leaves the buffer is an error, or is cut
 *
 * SUBTEST: not-a-buffer
 * Description: Memory, files, private mappings and nothing are told apart
 *
 * SUBTEST: states
 * Description: Revoked for a while and for good are told apart
 *
 * SUBTEST: limits
 * Description: Without room for an fd there is none, but a handle
 *
 * SUBTEST: no-trace
 * Description: Whoever gets nothing has changed nothing for the owner of the object
 *
 * SUBTEST: cannot
 * Description: A device that cannot import the buffer says EOPNOTSUPP
 *
 * SUBTEST: race-munmap
 * Description: While the mapping comes and goes, each answer is right or an error
 *
 * SUBTEST: balance
 * Description: Many look-ups leave no buffer behind
 */
IGT_TEST_DESCRIPTION("From user addresses to handles and dma-bufs");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)
#define OWN (DRM_PRIME_ADDR_HANDLE | DRM_PRIME_ADDR_OWN)

static int vgem = -1;

static int ask_of(int drm, struct drm_prime_addr_to_handle *args)
{
	return igt_ioctl(drm, DRM_IOCTL_PRIME_ADDR_TO_HANDLE, args) ? errno : 0;
}

static int ask(struct drm_prime_addr_to_handle *args)
{
	return ask_of(vgem, args);
}

static void assert_err(const volatile void *addr, uint64_t size, uint32_t flags, int error)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)addr, .size = size, .flags = flags,
		.handle = 77, .offset = 78, .object_size = 79,
	};

	igt_assert_eq(ask(&args), error);
	igt_assert_eq(args.handle, 0);
	igt_assert_eq(args.fd, -1);
	igt_assert_eq_u64(args.offset, 0);
	igt_assert_eq_u64(args.object_size, 0);
	igt_assert_eq_u64(args.size, size);
}

/* Whatever is asked for */
static void assert_no(const volatile void *addr, uint64_t size, int error)
{
	assert_err(addr, size, DRM_PRIME_ADDR_HANDLE, error);
	assert_err(addr, size, DRM_PRIME_ADDR_FD, error);
}

static uint32_t assert_handle(const volatile void *addr, uint64_t size, uint32_t flags,
			      uint64_t offset)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)addr, .size = size, .flags = flags,
	};

	igt_assert_eq(ask(&args), 0);
	igt_assert(args.handle);
	igt_assert_eq(args.fd, -1);
	igt_assert_eq_u64(args.offset, offset);
	igt_assert_eq_u64(args.object_size, SIZE);
	igt_assert_eq_u64(args.size, size);
	return args.handle;
}

static ino_t inode(int fd)
{
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

static void bad_arguments(void)
{
	int fd = mock_create(SIZE, 0);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
	struct drm_prime_addr_to_handle pad = {
		.addr = (uintptr_t)p, .size = 1, .flags = DRM_PRIME_ADDR_HANDLE, .pad = 1,
	};

	assert_err(p, 1, 0, EINVAL);
	assert_err(p, 1, DRM_PRIME_ADDR_OWN, EINVAL);
	assert_err(p, 1, DRM_PRIME_ADDR_HANDLE | DRM_PRIME_ADDR_FD, EINVAL);
	assert_err(p, 1, DRM_PRIME_ADDR_FD | DRM_PRIME_ADDR_OWN, EINVAL);
	assert_err(p, 1, DRM_PRIME_ADDR_HANDLE | DRM_PRIME_ADDR_CLOEXEC, EINVAL);
	assert_err(p, 1, DRM_PRIME_ADDR_HANDLE | 1 << 5, EINVAL);
	assert_err(p, 1, DRM_PRIME_ADDR_HANDLE | 1u << 31, EINVAL);
	assert_no(p, 0, EINVAL);
	assert_no(p, UINT64_MAX, EINVAL);
	assert_no(p, -(uint64_t)(uintptr_t)p + 1, EINVAL);
	igt_assert_eq(ask(&pad), EINVAL);
	igt_assert_eq(pad.handle, 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void capability(void)
{
	uint64_t value = 0;

	igt_assert_eq(drmGetCap(vgem, DRM_CAP_PRIME, &value), 0);
	igt_assert(value & DRM_PRIME_CAP_ADDRESS);
}

static void own_handle(void)
{
	uint32_t handle = drm_create_dumb(vgem, SIZE), other = drm_create_dumb(vgem, SIZE), found;
	char *p = drm_mmap(vgem, handle, SIZE, RW), *q;
	uint64_t offset;
	int fd;

	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), handle);
	igt_assert_eq(assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0), handle);
	igt_assert_eq(assert_handle(p + SZ_4K + 7, 3 * SZ_4K, OWN, SZ_4K + 7), handle);
	igt_assert_eq(mprotect(p + SZ_4K, SZ_4K, PROT_READ), 0);
	igt_assert_eq(assert_handle(p + 1, SIZE - 1, OWN, 1), handle);
	igt_assert_eq(drmPrimeAddrToHandle(vgem, p + 9, 1, DRM_PRIME_ADDR_OWN, &found, &offset), 0);
	igt_assert_eq(found, handle);
	igt_assert_eq_u64(offset, 9);

	fd = drm_export(vgem, handle);
	q = dbm_mmap(fd, SIZE - SZ_4K, RW, SZ_4K);
	close(fd);
	igt_assert_eq(assert_handle(q + 5, 1, OWN, SZ_4K + 5), handle);
	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), handle);
	dbm_munmap(q, SIZE - SZ_4K);
	dbm_munmap(p, SIZE);

	p = drm_mmap(vgem, other, SIZE, RW);
	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), other);
	/* The fd is of the handle, and leads back to it. */
	igt_assert_eq(drmPrimeAddrToFD(vgem, p, SIZE, DRM_CLOEXEC, &fd, &offset), 0);
	igt_assert_eq(drm_import(vgem, fd, &found), 0);
	igt_assert_eq(found, other);
	close(fd);
	dbm_munmap(p, SIZE);
	drm_close_handle(vgem, handle);
	drm_close_handle(vgem, other);
}

static void own_readonly(void)
{
	uint32_t handle = drm_create_dumb(vgem, SIZE);
	uint64_t offset = 0;
	char *p;

	igt_assert_eq(drm_map_dumb(vgem, handle, &offset), 0);
	p = dbm_mmap(vgem, SZ_4K, PROT_READ, offset);
	igt_assert_eq(assert_handle(p, SZ_4K, OWN, 0), handle);
	igt_assert_eq(assert_handle(p, SZ_4K, DRM_PRIME_ADDR_HANDLE, 0), handle);
	/* An fd is worth more. */
	assert_err(p, SZ_4K, DRM_PRIME_ADDR_FD, EACCES);
	dbm_munmap(p, SZ_4K);
	drm_close_handle(vgem, handle);
}

static void own_other_file(void)
{
	int other = drm_open_by_name("vgem"), fd;
	uint32_t handle = drm_create_dumb(other, SIZE), mine, again;
	char *p = drm_mmap(other, handle, SIZE, RW);
	struct drm_gem_flink flink = {};
	struct drm_gem_open open = {};

	assert_err(p, SIZE, OWN, ENOENT);
	/* Imported, it is the same object by another name. */
	mine = assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0);
	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), mine);
	fd = drm_export(other, handle);
	igt_assert_eq(drm_import(vgem, fd, &again), 0);
	igt_assert_eq(again, mine);
	drm_close_handle(vgem, mine);
	dbm_munmap(p, SIZE);

	/* By a name it gets one that no dma-buf was imported for. */
	flink.handle = handle;
	do_ioctl(other, DRM_IOCTL_GEM_FLINK, &flink);
	open.name = flink.name;
	do_ioctl(vgem, DRM_IOCTL_GEM_OPEN, &open);
	p = dbm_mmap(fd, SIZE, RW, 0);
	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), open.handle);
	close(fd);
	dbm_munmap(p, SIZE);
	drm_close_handle(vgem, open.handle);
	close(other);
}

static void own_closed(void)
{
	uint32_t handle = drm_create_dumb(vgem, SIZE);
	char *p = drm_mmap(vgem, handle, SIZE, RW);

	drm_close_handle(vgem, handle);
	assert_err(p, SIZE, OWN, ENOENT);
	assert_no(p, SIZE, ENOENT);
	dbm_assert_write(p, 1);
	dbm_munmap(p, SIZE);
}

static void import(void)
{
	int fd = mock_create(SIZE, 0);
	char *p = dbm_mmap(fd, SIZE, RW, 0), *q;
	uint32_t handle, again;

	dbm_fill(p, SIZE, 0);
	assert_err(p, SIZE, OWN, ENOENT);
	handle = assert_handle(p + SZ_4K + 3, 10, DRM_PRIME_ADDR_HANDLE, SZ_4K + 3);
	igt_assert_eq(assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0), handle);
	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), handle);
	igt_assert_eq(drm_import(vgem, fd, &again), 0);
	igt_assert_eq(again, handle);
	close(fd);
	q = drm_mmap(vgem, handle, SIZE, RW);
	dbm_check(q, SIZE, 0);
	/* And back: what is mapped through the import is the buffer too. */
	igt_assert_eq(assert_handle(q + 1, SZ_4K, OWN, 1), handle);
	dbm_munmap(p, SIZE);
	igt_assert_eq(assert_handle(q, SIZE, DRM_PRIME_ADDR_HANDLE, 0), handle);
	drm_close_handle(vgem, handle);
	/* Nobody but the mapping has it now. */
	again = assert_handle(q, SIZE, DRM_PRIME_ADDR_HANDLE, 0);
	dbm_munmap(q, SIZE);
	q = drm_mmap(vgem, again, SIZE, RW);
	dbm_check(q, SIZE, 0);
	dbm_munmap(q, SIZE);
	drm_close_handle(vgem, again);
}

static void import_object(void)
{
	int vkms = drm_open_by_name("vkms"), fd, other;
	uint32_t theirs, handle;
	uint64_t offset;
	char *p, *q;

	igt_require_f(vkms >= 0, "there is no vkms\n");
	theirs = drm_create_dumb(vkms, SIZE);
	p = drm_mmap(vkms, theirs, SIZE, RW);
	dbm_fill(p, SIZE, 0);
	handle = assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0);
	igt_assert_eq(assert_handle(p + 4, 4, DRM_PRIME_ADDR_HANDLE, 4), handle);
	q = drm_mmap(vgem, handle, SIZE, RW);
	dbm_check(q, SIZE, 0);
	/* One dma-buf, whoever asked for it first */
	fd = drm_export(vkms, theirs);
	igt_assert_eq(drmPrimeAddrToFD(vgem, p, SIZE, DRM_CLOEXEC, &other, &offset), 0);
	igt_assert_eq_u64(inode(fd), inode(other));
	close(fd);
	close(other);
	dbm_munmap(p, SIZE);
	dbm_munmap(q, SIZE);
	drm_close_handle(vgem, handle);
	close(vkms);
}

#define BAR_AT (2 * SZ_2M)

static void import_bar(void)
{
	struct vfio_dev dev;
	uint32_t handle, own;
	char *bar, *q;
	uint64_t offset;

	vfio_require(&dev, 4 * SZ_2M, SZ_1G);
	vfio_open(&dev);
	bar = dbm_mmap(dev.fd, SIZE, RW, dev.bar + BAR_AT);
	vfio_prefill(&dev);
	handle = assert_handle(bar, SIZE, DRM_PRIME_ADDR_HANDLE, 0);
	q = drm_mmap(vgem, handle, SIZE, RW);
	dbm_check(q, SIZE, BAR_AT);
	dbm_assert_write(q + 0x200, 4711);
	dbm_assert_read(bar + 0x200, 4711);
	igt_assert_eq(assert_handle(q + 1, 1, OWN, 1), handle);

	/* Two pages of it, and what is around them is not reached. */
	igt_assert_eq(drmPrimeAddrToHandle(vgem, bar + SZ_4K + 8, SZ_4K, 0, &own, &offset), 0);
	igt_assert_eq_u64(offset, 8);
	igt_assert_neq(own, handle);
	dbm_munmap(q, SIZE);
	q = drm_mmap(vgem, own, 2 * SZ_4K, RW);
	dbm_check(q, 2 * SZ_4K, BAR_AT + SZ_4K);
	igt_assert_eq(drm_map_dumb(vgem, own, &offset), 0);
	dbm_mmap_err(vgem, 3 * SZ_4K, PROT_READ, MAP_SHARED, offset, EINVAL);
	vfio_set_decode(&dev, false);
	igt_assert_eq(dbm_read(q, &offset), SIGBUS);
	assert_err(bar, SIZE, DRM_PRIME_ADDR_HANDLE, EBUSY);
	vfio_set_decode(&dev, true);
	dbm_check(q, 2 * SZ_4K, BAR_AT + SZ_4K);
	dbm_munmap(q, 2 * SZ_4K);
	dbm_munmap(bar, SIZE);
	drm_close_handle(vgem, own);
	drm_close_handle(vgem, handle);
	vfio_close(&dev);
}

static void fd(void)
{
	int buffer = mock_create(SIZE, 0), plain, cloexec;
	char *p = dbm_mmap(buffer, SIZE, RW, 0);
	uint64_t offset;

	igt_assert_eq(drmPrimeAddrToFD(vgem, p + 17, SIZE - 17, 0, &plain, &offset), 0);
	igt_assert_eq_u64(offset, 17);
	igt_assert_eq(drmPrimeAddrToFD(vgem, p, 1, DRM_CLOEXEC, &cloexec, &offset), 0);
	igt_assert_eq_u64(inode(plain), inode(buffer));
	igt_assert_eq_u64(inode(cloexec), inode(buffer));
	igt_assert_eq(fcntl(plain, F_GETFD), 0);
	igt_assert_eq(fcntl(cloexec, F_GETFD), FD_CLOEXEC);
	close(plain);
	close(cloexec);
	close(buffer);
	dbm_munmap(p, SIZE);
}

/* What a process gets of [@p, @p + SIZE), of which all is one buffer that it may not know */
static void assert_rights(char *p, int error)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)p, .size = SZ_4K, .flags = DRM_PRIME_ADDR_FD,
	};

	if (error) {
		assert_no(p, SZ_4K, error);
		return;
	}
	igt_assert_eq(ask(&args), 0);
	close(args.fd);
	drm_close_handle(vgem, assert_handle(p, SZ_4K, DRM_PRIME_ADDR_HANDLE, 0));
}

static void rights_here(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE, .open_flags = O_RDONLY | O_CLOEXEC, .flags = DMA_BUF_MOCK_FIXED,
	};
	static const struct {
		int access, prot;
		size_t length;
		int error;
	} cases[] = {
		{ O_RDWR, RW, SIZE, 0 },
		{ O_RDWR, PROT_READ, SIZE, 0 },	/* could be made writable */
		{ O_RDWR, PROT_NONE, SIZE, 0 },
		{ O_RDWR, RW, SIZE - SZ_4K, EACCES },
		{ O_RDONLY, PROT_READ, SIZE, EACCES },
		{ O_RDONLY, PROT_NONE, SIZE, EACCES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int buffer;
		char *p;

		igt_debug("case %zu\n", i);
		create.open_flags = cases[i].access | O_CLOEXEC;
		buffer = mock_create_args(&create);
		p = dbm_mmap(buffer, cases[i].length, cases[i].prot, 0);
		close(buffer);
		assert_rights(p, cases[i].error);
		dbm_munmap(p, cases[i].length);
	}
}

static void rights(void)
{
	struct dma_buf_mock_create create = { .size = SIZE, .open_flags = O_RDWR | O_CLOEXEC };
	int buffer = mock_create_args(&create);
	char *p = dbm_mmap(buffer, SIZE, RW, 0), *elsewhere;

	rights_here();
	/* A part of it that cannot be written now, and one that is elsewhere */
	igt_assert_eq(mprotect(p + SZ_2M, SZ_4K, PROT_READ), 0);
	assert_rights(p, 0);
	elsewhere = mmap(NULL, SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(mremap(p + SZ_2M, SZ_4K, SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) ==
		   elsewhere);
	assert_no(p, SZ_4K, EACCES);
	assert_no(elsewhere, SZ_4K, EACCES);
	dbm_munmap(elsewhere, SZ_4K);
	dbm_munmap(p, SIZE);
	p = dbm_mmap(buffer, SIZE, RW, 0);
	igt_fork(child, 1) {
		igt_assert_eq(setgid(65534), 0);
		igt_assert_eq(setuid(65534), 0);
		assert_rights(p, 0);
	}
	igt_waitchildren_timeout(10, "the child does not end");
	dbm_munmap(p, SIZE);
	close(buffer);
}

static void partial(void)
{
	const uint32_t flags = DRM_PRIME_ADDR_HANDLE | DRM_PRIME_ADDR_PARTIAL;
	int a = mock_create(SIZE, 0), b = mock_create(SIZE, 0);
	struct drm_prime_addr_to_handle args;
	char *p = mmap(NULL, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	igt_assert(mmap(p, SIZE, RW, MAP_SHARED | MAP_FIXED, a, 0) == p);
	igt_assert(mmap(p + SIZE, SIZE, RW, MAP_SHARED | MAP_FIXED, b, 0) == p + SIZE);
	assert_no(p + SZ_4K, SIZE, ERANGE);
	assert_no(p, SIZE + 1, ERANGE);
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p + 5, .size = 2 * SIZE - 5, .flags = flags,
	};
	igt_assert_eq(ask(&args), 0);
	igt_assert_eq_u64(args.size, SIZE - 5);
	igt_assert_eq_u64(args.offset, 5);
	drm_close_handle(vgem, args.handle);
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p + SIZE - SZ_4K, .size = 2 * SZ_4K,
		.flags = DRM_PRIME_ADDR_FD | DRM_PRIME_ADDR_PARTIAL,
	};
	igt_assert_eq(ask(&args), 0);
	igt_assert_eq_u64(args.size, SZ_4K);
	igt_assert_eq_u64(inode(args.fd), inode(a));
	close(args.fd);
	/* So a range of many buffers is walked. */
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p + SIZE, .size = SIZE, .flags = flags,
	};
	igt_assert_eq(ask(&args), 0);
	igt_assert_eq_u64(args.size, SIZE);
	drm_close_handle(vgem, args.handle);
	dbm_munmap(p, 2 * SIZE);
	close(a);
	close(b);
}

static void not_a_buffer(void)
{
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct dma_heap_allocation_data alloc = { .len = SZ_4K, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	char *memory = dbm_shared(SZ_4K), *file, *copy;

	igt_require_f(heap >= 0, "/dev/dma_heap/system: %s\n", strerror(errno));
	igt_assert_fd(exe);
	file = mmap(NULL, SZ_4K, PROT_READ, MAP_PRIVATE, exe, 0);
	igt_assert(file != MAP_FAILED);
	assert_no(memory, SZ_4K, ENOENT);
	assert_err(memory, SZ_4K, OWN, ENOENT);
	assert_no(file, 1, ENOENT);
	/* What is private may be the process's own, or become so. */
	do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc);
	copy = mmap(NULL, SZ_4K, RW, MAP_PRIVATE, alloc.fd, 0);
	igt_assert(copy != MAP_FAILED);
	assert_no(copy, SZ_4K, ENOENT);
	dbm_munmap(copy, SZ_4K);
	close(alloc.fd);
	close(heap);
	assert_no(NULL, 1, EFAULT);
	assert_no((void *)(1ul << 63), 1, EFAULT);
	dbm_munmap(memory, SZ_4K);
	assert_no(memory, 1, EFAULT);
	dbm_munmap(file, SZ_4K);
	close(exe);
}

/* A dma-buf fd can be had in any state */
static void assert_fd_of(char *p, int buffer)
{
	uint64_t offset;
	int fd;

	igt_assert_eq(drmPrimeAddrToFD(vgem, p, 1, DRM_CLOEXEC, &fd, &offset), 0);
	igt_assert_eq_u64(inode(fd), inode(buffer));
	close(fd);
}

static void states(void)
{
	struct vfio_dev dev;
	int buffer;
	char *p;

	vfio_require(&dev, 4 * SZ_2M, SZ_1G);
	buffer = mock_create(SIZE, 0);
	p = dbm_mmap(buffer, SIZE, RW, 0);
	/* The mock lets importers attach while it is off. */
	mock_set_state(buffer, DMA_BUF_MOCK_OFF);
	drm_close_handle(vgem, assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0));
	assert_fd_of(p, buffer);
	mock_set_state(buffer, DMA_BUF_MOCK_REVOKED);
	assert_err(p, SIZE, DRM_PRIME_ADDR_HANDLE, ENODEV);
	assert_fd_of(p, buffer);
	dbm_munmap(p, SIZE);
	close(buffer);

	vfio_open(&dev);
	buffer = vfio_export(&dev);
	p = dbm_mmap(buffer, dev.size, RW, 0);
	vfio_set_decode(&dev, false);
	assert_err(p, SIZE, DRM_PRIME_ADDR_HANDLE, EBUSY);
	assert_fd_of(p, buffer);
	vfio_set_decode(&dev, true);
	vfio_close(&dev);
	assert_err(p, SIZE, DRM_PRIME_ADDR_HANDLE, ENODEV);
	assert_fd_of(p, buffer);
	dbm_munmap(p, dev.size);
	close(buffer);
}

/* qxl shows what is in its own memory, and imports nothing. */
static void cannot(void)
{
	struct drm_prime_addr_to_handle args = { .size = SZ_4K, .flags = DRM_PRIME_ADDR_HANDLE };
	int qxl = drm_open_by_name("qxl"), buffer;
	char *p;

	igt_require_f(qxl >= 0, "there is no qxl device\n");
	buffer = mock_create(SIZE, 0);
	p = dbm_mmap(buffer, SIZE, RW, 0);
	args.addr = (uintptr_t)p;
	igt_assert_eq(ask_of(qxl, &args), EOPNOTSUPP);
	igt_assert_eq(args.handle, 0);
	dbm_munmap(p, SIZE);
	close(buffer);
	close(qxl);
}

/* The dma-buf that an owner makes has the rights that he asks for. */
static void no_trace(void)
{
	uint32_t handle = drm_create_dumb(vgem, SIZE);
	long before = dbm_count_buffers();
	int other = drm_open_by_name("vgem"), fd;
	struct drm_prime_addr_to_handle args = {
		.size = SZ_4K, .flags = DRM_PRIME_ADDR_FD,
	};
	uint64_t offset = 0;
	char *p;

	igt_assert_eq(drm_map_dumb(vgem, handle, &offset), 0);
	p = dbm_mmap(vgem, SZ_4K, PROT_READ, offset);
	args.addr = (uintptr_t)p;
	igt_assert_eq(ask(&args), EACCES);
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p, .size = SZ_4K, .flags = DRM_PRIME_ADDR_HANDLE,
	};
	igt_assert_eq(ask_of(other, &args), EACCES);
	igt_assert_eq(dbm_count_buffers(), before);
	fd = drm_export_readonly(vgem, handle);
	dbm_mmap_err(fd, SZ_4K, RW, MAP_SHARED, 0, EACCES);
	close(fd);
	close(other);
	dbm_munmap(p, SZ_4K);
	drm_close_handle(vgem, handle);
}

static void limits(void)
{
	int buffer = mock_create(SIZE, 0);
	char *p = dbm_mmap(buffer, SIZE, RW, 0);
	struct rlimit before, none = {};

	igt_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_err(p, SIZE, DRM_PRIME_ADDR_FD, EMFILE);
	drm_close_handle(vgem, assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0));
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	dbm_munmap(p, SIZE);
	close(buffer);
}

/* Two buffers that come and go at one address; they differ in size and contents */
struct race {
	char *at;
	int fd[2];
	volatile bool over;
};

static size_t race_size(int n)
{
	return n ? SIZE / 2 : SIZE;
}

static void *race_map(void *data)
{
	struct race *r = data;

	for (int n = 0; !r->over; n ^= 1) {
		igt_assert(mmap(r->at, race_size(n), RW, MAP_SHARED | MAP_FIXED, r->fd[n], 0) ==
			   r->at);
		igt_assert(mmap(r->at, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				-1, 0) == r->at);
	}
	return NULL;
}

/* Whether it was found; then it is one of them, as a whole */
static bool race_ask(struct race *r)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)r->at, .size = SZ_4K, .flags = DRM_PRIME_ADDR_HANDLE,
	};
	int err = ask(&args), n;
	char *p;

	if (err) {
		/* Gone when it was looked at, or when its rights were */
		igt_assert_f(err == ENOENT || err == EACCES, "%s\n", strerror(err));
		return false;
	}
	n = args.object_size != SIZE;
	igt_assert_eq_u64(args.object_size, race_size(n));
	p = drm_mmap(vgem, args.handle, race_size(n), RW);
	dbm_check(p, SZ_4K, n * SIZE);
	dbm_munmap(p, race_size(n));
	drm_close_handle(vgem, args.handle);
	return true;
}

static void race_munmap(void)
{
	const double until = dbm_seconds() + 3;
	struct race r = {};
	int found = 0;
	pthread_t thread;

	for (int n = 0; n < 2; n++) {
		char *p;

		r.fd[n] = mock_create(race_size(n), 0);
		p = dbm_mmap(r.fd[n], SZ_4K, RW, 0);
		dbm_fill(p, SZ_4K, n * SIZE);
		dbm_munmap(p, SZ_4K);
	}
	r.at = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(r.at != MAP_FAILED);
	igt_assert_eq(pthread_create(&thread, NULL, race_map, &r), 0);
	while (dbm_seconds() < until || !found) {
		found += race_ask(&r);
		igt_assert(dbm_seconds() < until + 15);
	}
	r.over = true;
	pthread_join(thread, NULL);
	igt_info("found %d times\n", found);
	dbm_munmap(r.at, SIZE);
	close(r.fd[0]);
	close(r.fd[1]);
}

static void balance(void)
{
	const double until = dbm_seconds() + 5;
	long before = dbm_count_buffers();
	int buffer = mock_create(SIZE, 0), n = 0;
	uint32_t handle = drm_create_dumb(vgem, SIZE);
	char *p = dbm_mmap(buffer, SIZE, RW, 0), *q = drm_mmap(vgem, handle, SIZE, RW);

	close(buffer);
	for (; dbm_seconds() < until; n++) {
		uint64_t offset;
		int got;

		drm_close_handle(vgem, assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0));
		igt_assert_eq(assert_handle(q, SIZE, DRM_PRIME_ADDR_HANDLE, 0), handle);
		igt_assert_eq(drmPrimeAddrToFD(vgem, p, SIZE, 0, &got, &offset), 0);
		close(got);
		igt_assert_eq(drmPrimeAddrToFD(vgem, q, SIZE, 0, &got, &offset), 0);
		close(got);
		assert_err(p, SIZE + 1, DRM_PRIME_ADDR_FD, ERANGE);
		assert_err(p, SIZE, OWN, ENOENT);
	}
	igt_info("%d rounds\n", n);
	dbm_munmap(p, SIZE);
	dbm_munmap(q, SIZE);
	drm_close_handle(vgem, handle);
	igt_assert_eq(dbm_count_buffers(), before);
}

static const struct dbm_test tests[] = {
	{ "bad-arguments", "EINVAL, and no handle and no fd", bad_arguments },
	{ "capability", "User space can tell whether to ask", capability },
	{ "own-handle", "No second handle", own_handle },
	{ "own-readonly", "Who has a handle may have it", own_readonly },
	{ "own-other-file", "Handles belong to files", own_other_file },
	{ "own-closed", "As with an export, too late is too late", own_closed },
	{ "import", "The way out when a driver says EFAULT of a user pointer", import },
	{ "import-object", "Objects of other devices", import_object },
	{ "import-bar", "BARs of VFIO devices", import_bar },
	{ "fd", "For importers that are no DRM device", fd },
	{ "rights", "Never more than the mapping is worth", rights },
	{ "partial", "Spans that leave the buffer", partial },
	{ "not-a-buffer", "What is nobody's buffer", not_a_buffer },
	{ "states", "EBUSY and ENODEV", states },
	{ "limits", "EMFILE", limits },
	{ "no-trace", "Asking is free", no_trace },
	{ "cannot", "EOPNOTSUPP", cannot },
	{ "race-munmap", "Look-ups beside mmap()", race_munmap },
	{ "balance", "References", balance },
};

int igt_main()
{
	igt_fixture() {
		mock_require();
		vgem = drm_open_by_name("vgem");
		igt_require_f(vgem >= 0, "there is no vgem\n");
	}

	dbm_subtests(tests, 30);

	igt_fixture()
		close(vgem);
}
