// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/info.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap info
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: query
 * Description: What DMA_BUF_IOCTL_GET_INFO says of a dma-buf
 *
 * SUBTEST: bad-arguments
 * Description: What is not zero and what is not there is refused, each with its errno
 *
 * SUBTEST: other-sizes
 * Description: A longer struct works if its rest is zero, and the rest stays so
 *
 * SUBTEST: readonly-fd
 * Description: A read-only fd is told the same
 *
 * SUBTEST: states
 * Description: A buffer that is off, gone or not for CPUs is said to be so
 *
 * SUBTEST: moves
 * Description: Only what moves is dynamic
 *
 * SUBTEST: not-there-yet
 * Description: The caching of memory that is not allocated is not known until it is
 *
 * SUBTEST: bar
 * Description: A BAR is memory of a device, uncached, and stays so while it is off
 */
IGT_TEST_DESCRIPTION("What user space can ask of a dma-buf");

#define SIZE SZ_2M
#define CACHING (DMA_BUF_INFO_CPU_CACHED | DMA_BUF_INFO_CPU_WRITE_COMBINED)

static int get_info(int fd, void *info)
{
	return ioctl(fd, DMA_BUF_IOCTL_GET_INFO, info) ? errno : 0;
}

static void bad_arguments(void)
{
	struct dma_buf_info flags = { .flags = 1 }, pad = { .pad = 1 }, info = {};
	const unsigned long shorter = _IOC(_IOC_READ | _IOC_WRITE, 'b', 5, sizeof(info) - 8);
	const unsigned long one_way = _IOC(_IOC_READ, 'b', 5, sizeof(info));
	int fd = mock_create(SIZE, 0);
	char *readonly = mmap(NULL, SZ_4K, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(readonly != MAP_FAILED);
	igt_assert_eq(get_info(fd, &flags), EINVAL);
	igt_assert_eq(get_info(fd, &pad), EINVAL);
	igt_assert_eq(get_info(fd, NULL), EFAULT);
	igt_assert_eq(get_info(fd, readonly), EFAULT);
	igt_assert_eq(ioctl(fd, shorter, &info), -1);
	igt_assert_eq(errno, ENOTTY);
	igt_assert_eq(ioctl(fd, one_way, &info), -1);
	igt_assert_eq(errno, ENOTTY);
	igt_assert_eq_u64(info.known, 0);
	/* What is returned is not looked at. */
	info = (struct dma_buf_info) { .known = -1, .props = -1, .size = -1 };
	igt_assert_eq(get_info(fd, &info), 0);
	igt_assert_eq_u64(info.size, SIZE);
	igt_assert(info.known & ~info.props);
	dbm_munmap(readonly, SZ_4K);
	close(fd);
}

static void other_sizes(void)
{
	struct {
		struct dma_buf_info info;
		uint64_t later[2];
	} longer = {};
	const unsigned long get_longer = _IOC(_IOC_READ | _IOC_WRITE, 'b', 5, sizeof(longer));
	int fd = mock_create(SIZE, 0);

	igt_assert_eq(ioctl(fd, get_longer, &longer), 0);
	igt_assert_eq_u64(longer.info.size, SIZE);
	igt_assert(longer.info.known);
	igt_assert(!longer.later[0] && !longer.later[1]);
	longer.later[1] = 1;
	igt_assert_eq(ioctl(fd, get_longer, &longer), -1);
	igt_assert_eq(errno, E2BIG);
	close(fd);
}

static void readonly_fd(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE, .open_flags = O_RDONLY | O_CLOEXEC,
	};
	int fd = mock_create_args(&create), other = mock_create(SIZE, 0);
	struct dma_buf_info a = dbm_info(fd), b = dbm_info(other);

	igt_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
	close(fd);
	close(other);
}

static void states(void)
{
	const uint64_t state = DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_REVOKED |
			       DMA_BUF_INFO_REVOCABLE;
	const uint64_t mappable = DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_REVOCABLE;
	struct dma_buf_mock_create create = {
		.size = SIZE, .open_flags = O_RDWR | O_CLOEXEC,
		.flags = DMA_BUF_MOCK_NEVER_MAPPABLE,
	};
	int fd = mock_create(SIZE, 0), never = mock_create_args(&create);

	dbm_assert_info(fd, state | CACHING, mappable | DMA_BUF_INFO_CPU_CACHED);
	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	dbm_assert_info(fd, state, mappable);
	igt_assert_eq_u64(dbm_info(fd).known & CACHING, 0);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	dbm_assert_info(fd, state, mappable);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_assert_info(fd, state | CACHING, mappable | DMA_BUF_INFO_CPU_CACHED);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	dbm_assert_info(fd, state, DMA_BUF_INFO_REVOKED | DMA_BUF_INFO_REVOCABLE);
	dbm_assert_info(never, state, DMA_BUF_INFO_REVOCABLE);
	mock_set_state(never, DMA_BUF_MOCK_REVOKED);
	dbm_assert_info(never, state, DMA_BUF_INFO_REVOKED | DMA_BUF_INFO_REVOCABLE);
	close(fd);
	close(never);
}

static void moves(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE, .open_flags = O_RDWR | O_CLOEXEC, .flags = DMA_BUF_MOCK_FIXED,
	};
	int fixed = mock_create_args(&create), fd = mock_create(SIZE, 0);

	dbm_assert_info(fixed, DMA_BUF_INFO_DYNAMIC, 0);
	dbm_assert_info(fd, DMA_BUF_INFO_DYNAMIC, DMA_BUF_INFO_DYNAMIC);
	mock_move(fd, 0);
	dbm_assert_info(fd, CACHING | DMA_BUF_INFO_CPU_MAPPABLE,
			DMA_BUF_INFO_CPU_CACHED | DMA_BUF_INFO_CPU_MAPPABLE);
	close(fixed);
	close(fd);
}

static void not_there_yet(void)
{
	int drm = drm_open_by_name("vgem"), fd;
	uint32_t handle;
	char *p;

	igt_require_f(drm >= 0, "there is no vgem device\n");
	handle = drm_create_dumb(drm, SIZE);
	fd = drm_export(drm, handle);
	igt_assert_eq_u64(dbm_info(fd).known & CACHING, 0);
	dbm_assert_info(fd, DMA_BUF_INFO_CPU_MAPPABLE, DMA_BUF_INFO_CPU_MAPPABLE);
	p = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	dbm_touch(p, SZ_4K);
	dbm_assert_info(fd, CACHING | DMA_BUF_INFO_IO_MEMORY, DMA_BUF_INFO_CPU_WRITE_COMBINED);
	dbm_munmap(p, SIZE);
	close(fd);
	drm_close_handle(drm, handle);
	close(drm);
}

static void bar(void)
{
	const uint64_t stays = DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
			       DMA_BUF_INFO_REVOCABLE | DMA_BUF_INFO_REVOKED |
			       DMA_BUF_INFO_DYNAMIC;
	const uint64_t is = DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_SYNC_NOOP |
			    DMA_BUF_INFO_REVOCABLE;
	const uint64_t kind = CACHING | DMA_BUF_INFO_IO_MEMORY;
	struct vfio_dev dev;
	int fd;

	vfio_require(&dev, 16 * SZ_1M, SZ_1G);
	vfio_open(&dev);
	fd = vfio_export(&dev);
	dbm_assert_info(fd, stays | kind, is | DMA_BUF_INFO_IO_MEMORY);
	vfio_set_decode(&dev, false);
	dbm_assert_info(fd, stays, is);
	vfio_set_decode(&dev, true);
	dbm_assert_info(fd, stays | kind, is | DMA_BUF_INFO_IO_MEMORY);
	vfio_close(&dev);
	dbm_assert_info(fd, DMA_BUF_INFO_REVOKED | DMA_BUF_INFO_CPU_MAPPABLE,
			DMA_BUF_INFO_REVOKED);
	close(fd);
}

static const struct dbm_test mock_tests[] = {
	{ "bad-arguments", "Every errno of the documentation but EINTR", bad_arguments },
	{ "other-sizes", "Programs and kernels of different ages", other_sizes },
	{ "readonly-fd", "What a buffer is like is no secret of its writers", readonly_fd },
	{ "states", "What can be done with it now", states },
	{ "moves", "Whether the answer is of now", moves },
};

static const struct dbm_test tests[] = {
	{ "not-there-yet", "The kernel allocates nothing to answer", not_there_yet },
	{ "bar", "A BAR, on, off and closed", bar },
};

int igt_main()
{
	igt_subtest_group() {
		igt_fixture()
			mock_require();
		dbm_subtests(mock_tests, 20);
	}

	dbm_subtests(tests, 30);
}
