// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <linux/dma-heap.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/prime.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap prime rights
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: address to buffer
 * Description: What DRM_IOCTL_PRIME_ADDR_TO_HANDLE gives to nobody, and why
 *
 * SUBTEST: rights
 * Description: By protection, part and kind of the mapping, what is given, and to nobody too
 *
 * SUBTEST: no-trace
 * Description: Whoever gets nothing has changed nothing for the owner of the object
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
 * SUBTEST: cannot
 * Description: A device that cannot import the buffer says EOPNOTSUPP
 */
IGT_TEST_DESCRIPTION("Never more than a mapping is worth");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)
#define OWN (DRM_PRIME_ADDR_HANDLE | DRM_PRIME_ADDR_OWN)

static int vgem = -1;

/* What a process gets of [@p, @p + SIZE), of which all is one buffer that it may not know */
static void assert_rights(char *p, int error)
{
	struct drm_prime_addr_to_handle args = {
		.addr = (uintptr_t)p, .size = SZ_4K, .flags = DRM_PRIME_ADDR_FD,
	};

	if (error) {
		prime_assert_no(vgem, p, SZ_4K, error);
		return;
	}
	igt_assert_eq(prime_ask(vgem, &args), 0);
	close(args.fd);
	drm_close_handle(vgem, prime_assert_handle(vgem, p, SZ_4K, DRM_PRIME_ADDR_HANDLE, 0, SIZE));
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
	prime_assert_no(vgem, p, SZ_4K, EACCES);
	prime_assert_no(vgem, elsewhere, SZ_4K, EACCES);
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
	prime_assert_no(vgem, memory, SZ_4K, ENOENT);
	prime_assert_err(vgem, memory, SZ_4K, OWN, ENOENT);
	prime_assert_no(vgem, file, 1, ENOENT);
	/* What is private may be the process's own, or become so. */
	do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc);
	copy = mmap(NULL, SZ_4K, RW, MAP_PRIVATE, alloc.fd, 0);
	igt_assert(copy != MAP_FAILED);
	prime_assert_no(vgem, copy, SZ_4K, ENOENT);
	dbm_munmap(copy, SZ_4K);
	close(alloc.fd);
	close(heap);
	prime_assert_no(vgem, NULL, 1, EFAULT);
	prime_assert_no(vgem, (void *)(1ul << 63), 1, EFAULT);
	dbm_munmap(memory, SZ_4K);
	prime_assert_no(vgem, memory, 1, EFAULT);
	dbm_munmap(file, SZ_4K);
	close(exe);
}

/* A dma-buf fd can be had in any state */
static void assert_fd_of(char *p, int buffer)
{
	uint64_t offset;
	int fd;

	igt_assert_eq(drmPrimeAddrToFD(vgem, p, 1, DRM_CLOEXEC, &fd, &offset), 0);
	igt_assert_eq_u64(dbm_inode(fd), dbm_inode(buffer));
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
	drm_close_handle(vgem, prime_assert_handle(vgem, p, SIZE, DRM_PRIME_ADDR_HANDLE, 0, SIZE));
	assert_fd_of(p, buffer);
	mock_set_state(buffer, DMA_BUF_MOCK_REVOKED);
	prime_assert_err(vgem, p, SIZE, DRM_PRIME_ADDR_HANDLE, ENODEV);
	assert_fd_of(p, buffer);
	dbm_munmap(p, SIZE);
	close(buffer);

	vfio_open(&dev);
	buffer = vfio_export(&dev);
	p = dbm_mmap(buffer, dev.size, RW, 0);
	vfio_set_decode(&dev, false);
	prime_assert_err(vgem, p, SIZE, DRM_PRIME_ADDR_HANDLE, EBUSY);
	assert_fd_of(p, buffer);
	vfio_set_decode(&dev, true);
	vfio_close(&dev);
	prime_assert_err(vgem, p, SIZE, DRM_PRIME_ADDR_HANDLE, ENODEV);
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
	igt_assert_eq(prime_ask(qxl, &args), EOPNOTSUPP);
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
	igt_assert_eq(prime_ask(vgem, &args), EACCES);
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p, .size = SZ_4K, .flags = DRM_PRIME_ADDR_HANDLE,
	};
	igt_assert_eq(prime_ask(other, &args), EACCES);
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
	prime_assert_err(vgem, p, SIZE, DRM_PRIME_ADDR_FD, EMFILE);
	drm_close_handle(vgem, prime_assert_handle(vgem, p, SIZE, DRM_PRIME_ADDR_HANDLE, 0, SIZE));
	igt_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	dbm_munmap(p, SIZE);
	close(buffer);
}

static const struct dbm_test tests[] = {
	{ "rights", "Never more than the mapping is worth", rights },
	{ "no-trace", "Asking is free", no_trace },
	{ "not-a-buffer", "What is nobody's buffer", not_a_buffer },
	{ "states", "EBUSY and ENODEV", states },
	{ "limits", "EMFILE", limits },
	{ "cannot", "EOPNOTSUPP", cannot },
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
