// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
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
 * Sub-category: dmabuf
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
 * SUBTEST: partial
 * Description: A span that leaves the buffer is an error, or is cut
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

static void assert_err(const volatile void *addr, uint64_t size, uint32_t flags, int error)
{
	prime_assert_err(vgem, addr, size, flags, error);
}

static uint32_t assert_handle(const volatile void *addr, uint64_t size, uint32_t flags,
			      uint64_t offset)
{
	return prime_assert_handle(vgem, addr, size, flags, offset, SIZE);
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
	prime_assert_no(vgem, p, 0, EINVAL);
	prime_assert_no(vgem, p, UINT64_MAX, EINVAL);
	prime_assert_no(vgem, p, -(uint64_t)(uintptr_t)p + 1, EINVAL);
	igt_assert_eq(prime_ask(vgem, &pad), EINVAL);
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
	prime_assert_no(vgem, p, SIZE, ENOENT);
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
	uint64_t offset = 0;
	char *p, *q;

	igt_require_f(vkms >= 0, "there is no vkms\n");
	theirs = drm_create_dumb(vkms, SIZE);
	p = drm_mmap(vkms, theirs, SIZE, RW);
	dbm_fill(p, SIZE, 0);
	handle = assert_handle(p, SIZE, DRM_PRIME_ADDR_HANDLE, 0);
	igt_assert_eq(assert_handle(p + 4, 4, DRM_PRIME_ADDR_HANDLE, 4), handle);
	igt_assert_eq(assert_handle(p, SIZE, OWN, 0), handle);
	/* Now that this file has one, a part that cannot be written is as good. */
	igt_assert_eq(drm_map_dumb(vkms, theirs, &offset), 0);
	q = dbm_mmap(vkms, SZ_4K, PROT_READ, offset);
	igt_assert_eq(assert_handle(q, SZ_4K, OWN, 0), handle);
	igt_assert_eq(assert_handle(q, SZ_4K, DRM_PRIME_ADDR_HANDLE, 0), handle);
	dbm_munmap(q, SZ_4K);
	q = drm_mmap(vgem, handle, SIZE, RW);
	dbm_check(q, SIZE, 0);
	/* One dma-buf, whoever asked for it first */
	fd = drm_export(vkms, theirs);
	igt_assert_eq(drmPrimeAddrToFD(vgem, p, SIZE, DRM_CLOEXEC, &other, &offset), 0);
	igt_assert_eq_u64(dbm_inode(fd), dbm_inode(other));
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
	dbm_assert_dummy(q, 2 * SZ_4K, UINT64_MAX);
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
	igt_assert_eq_u64(dbm_inode(plain), dbm_inode(buffer));
	igt_assert_eq_u64(dbm_inode(cloexec), dbm_inode(buffer));
	igt_assert_eq(fcntl(plain, F_GETFD), 0);
	igt_assert_eq(fcntl(cloexec, F_GETFD), FD_CLOEXEC);
	close(plain);
	close(cloexec);
	close(buffer);
	dbm_munmap(p, SIZE);
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
	prime_assert_no(vgem, p + SZ_4K, SIZE, ERANGE);
	prime_assert_no(vgem, p, SIZE + 1, ERANGE);
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p + 5, .size = 2 * SIZE - 5, .flags = flags,
	};
	igt_assert_eq(prime_ask(vgem, &args), 0);
	igt_assert_eq_u64(args.size, SIZE - 5);
	igt_assert_eq_u64(args.offset, 5);
	drm_close_handle(vgem, args.handle);
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p + SIZE - SZ_4K, .size = 2 * SZ_4K,
		.flags = DRM_PRIME_ADDR_FD | DRM_PRIME_ADDR_PARTIAL,
	};
	igt_assert_eq(prime_ask(vgem, &args), 0);
	igt_assert_eq_u64(args.size, SZ_4K);
	igt_assert_eq_u64(dbm_inode(args.fd), dbm_inode(a));
	close(args.fd);
	/* So a range of many buffers is walked. */
	args = (struct drm_prime_addr_to_handle) {
		.addr = (uintptr_t)p + SIZE, .size = SIZE, .flags = flags,
	};
	igt_assert_eq(prime_ask(vgem, &args), 0);
	igt_assert_eq_u64(args.size, SIZE);
	drm_close_handle(vgem, args.handle);
	dbm_munmap(p, 2 * SIZE);
	close(a);
	close(b);
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
	int err = prime_ask(vgem, &args), n;
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
	{ "partial", "Spans that leave the buffer", partial },
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
