// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <linux/udmabuf.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "igt.h"
#include "qxl_drm.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap bench
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: CPU mapping
 * Description: What mapping, touching and zapping cost. Each subtest prints lines
 *	"FIGURE name value": the least of some rounds, in ticks of the CPU's time stamp counter,
 *	which under QEMU's icount are instructions, or a count of faults or pages
 */
IGT_TEST_DESCRIPTION("What CPU mappings of dma-bufs cost");

#define RW (PROT_READ | PROT_WRITE)
/* of each measurement, of which the least counts; ROUNDS=... for a profile */
static int rounds = 5;

static uint64_t ticks(void)
{
#ifdef __x86_64__
	_mm_lfence();
	return __rdtsc();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
#endif
}

static void figure(const char *name, double value)
{
	igt_info("FIGURE %s %.1f\n", name, value);
}

static long faults(void)
{
	struct rusage usage;

	igt_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt;
}

/* Read a word of each @step bytes: the same few instructions each time */
static void __attribute__((noinline)) walk(const volatile char *p, size_t length, size_t step)
{
	for (const volatile char *end = p + length; p < end; p += step)
		(void)*p;
}

/* An address that is @off bytes past a multiple of 1 GiB, with room for @length */
static char *space(size_t length, size_t off)
{
	char *p = mmap(NULL, length + 2 * SZ_1G, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE, -1, 0);

	igt_assert(p != MAP_FAILED);
	dbm_munmap(p, length + 2 * SZ_1G);
	return (char *)(((uintptr_t)p + SZ_1G - 1) & ~(SZ_1G - 1)) + off;
}

/* What is touched, and how */
struct touch {
	int fd;
	off_t offset;
	size_t length, step;
	size_t shift;	/* of the address from one where large leaves fit */
};

static char *map_touch(const struct touch *t)
{
	char *at = space(t->length, t->shift);

	igt_assert(mmap(at, t->length, RW, MAP_SHARED | MAP_FIXED, t->fd, t->offset) == at);
	return at;
}

/* Ticks for each step of a walk through a mapping that nobody has touched */
static double first_touch(const struct touch *t)
{
	uint64_t best = UINT64_MAX, start;

	for (int round = 0; round < rounds; round++) {
		char *p = map_touch(t);

		start = ticks();
		walk(p, t->length, t->step);
		start = ticks() - start;
		best = start < best ? start : best;
		dbm_munmap(p, t->length);
	}
	return (double)best / (t->length / t->step);
}

static struct vfio_dev small = { .fd = -1, .iommufd = -1 }, big = { .fd = -1, .iommufd = -1 };

/* The whole BAR as a dma-buf that can be mapped: not before our patches */
static int export_mappable(const struct vfio_dev *dev)
{
	int fd = vfio_export(dev);
	void *p = mmap(NULL, SZ_4K, PROT_READ, MAP_SHARED, fd, 0);

	igt_require_f(p != MAP_FAILED, "a BAR's dma-buf cannot be mapped\n");
	dbm_munmap(p, SZ_4K);
	return fd;
}

/* The kernel chooses the address, after something of an odd size */
static void bar_faults(void)
{
	void *odd = mmap(NULL, 3 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *p = dbm_mmap(small.fd, small.size, RW, small.bar);
	long before = faults();

	walk(p, small.size, SZ_4K);
	figure("bar-faults-per-gib", (double)(faults() - before) * SZ_1G / small.size);
	dbm_munmap(p, small.size);
	p = dbm_mmap(big.fd, big.size, RW, big.bar);
	before = faults();
	walk(p, big.size, SZ_2M);
	figure("big-bar-faults-per-gib", (double)(faults() - before) * SZ_1G / big.size);
	dbm_munmap(p, big.size);
	dbm_munmap(odd, 3 * SZ_4K);
}

static void bar_large(void)
{
	const struct touch two = { small.fd, small.bar, small.size, SZ_2M, 0 };
	const struct touch one = { big.fd, big.bar, big.size, SZ_1G, 0 };

	figure("bar-2m-fault", first_touch(&two));
	figure("bar-1g-fault", first_touch(&one));
}

static void dmabuf_large(void)
{
	const struct touch two = { export_mappable(&small), 0, small.size, SZ_2M, 0 };
	const struct touch one = { export_mappable(&big), 0, big.size, SZ_1G, 0 };

	figure("dmabuf-2m-fault", first_touch(&two));
	figure("dmabuf-1g-fault", first_touch(&one));
	close(two.fd);
	close(one.fd);
}

static void mock_large(void)
{
	const struct touch t = { mock_create(64 * SZ_1M, 9), 0, 64 * SZ_1M, SZ_2M, 0 };

	figure("mock-2m-fault", first_touch(&t));
	close(t.fd);
}

/* Small leaves only, as no large one fits at such an address */
#define SMALL_LENGTH (8 * SZ_1M)

static void bar_small(void)
{
	const struct touch t = { small.fd, small.bar, SMALL_LENGTH, SZ_4K, SZ_4K };

	figure("bar-4k-sequential", first_touch(&t));
}

static void dmabuf_small(void)
{
	const struct touch t = { export_mappable(&small), 0, SMALL_LENGTH, SZ_4K, SZ_4K };

	figure("dmabuf-4k-sequential", first_touch(&t));
	close(t.fd);
}

static void mock_small(void)
{
	struct dma_buf_mock_create create = { .size = SMALL_LENGTH, .chunk_order = 0,
		.flags = DMA_BUF_MOCK_SCATTERED, .open_flags = O_RDWR | O_CLOEXEC };
	struct touch t = { mock_create(SMALL_LENGTH, 9), 0, SMALL_LENGTH, SZ_4K, SZ_4K };

	figure("mock-4k-sequential", first_touch(&t));
	close(t.fd);
	t.fd = mock_create_args(&create);
	figure("mock-4k-scattered", first_touch(&t));
	close(t.fd);
}

static uint64_t gem_offset(int drm, uint32_t handle)
{
	uint64_t offset = 0;

	igt_assert_eq(drm_map_dumb(drm, handle, &offset), 0);
	return offset;
}

static void ttm_small(void)
{
	struct drm_qxl_alloc alloc = { .size = SMALL_LENGTH };
	const int drm = drm_open_by_name("qxl");
	struct touch t = { drm, 0, SMALL_LENGTH, SZ_4K, SZ_4K };
	uint32_t dumb;

	igt_require_f(drm >= 0, "there is no qxl\n");
	do_ioctl(drm, DRM_IOCTL_QXL_ALLOC, &alloc);
	t.offset = gem_offset(drm, alloc.handle);
	figure("ttm-vram-4k-sequential", first_touch(&t));
	drm_close_handle(drm, alloc.handle);
	dumb = drm_create_dumb(drm, SMALL_LENGTH);
	t.offset = gem_offset(drm, dumb);
	figure("ttm-system-4k-sequential", first_touch(&t));
	drm_close_handle(drm, dumb);
	close(drm);
}

static void shmem_small(void)
{
	const int drm = drm_open_by_name("vgem");
	struct touch t = { drm, 0, SMALL_LENGTH, SZ_4K, SZ_4K };
	uint32_t handle;

	igt_require_f(drm >= 0, "there is no vgem\n");
	handle = drm_create_dumb(drm, SMALL_LENGTH);
	t.offset = gem_offset(drm, handle);
	figure("shmem-4k-sequential", first_touch(&t));
	drm_close_handle(drm, handle);
	close(drm);
}

static void udmabuf_small(void)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SMALL_LENGTH };
	const int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct touch t = { -1, 0, SMALL_LENGTH, SZ_4K, SZ_4K };

	igt_require_f(dev >= 0, "there is no /dev/udmabuf\n");
	create.memfd = memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	igt_assert_fd(create.memfd);
	igt_assert_eq(ftruncate(create.memfd, SMALL_LENGTH), 0);
	igt_assert_eq(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	t.fd = ioctl(dev, UDMABUF_CREATE, &create);
	igt_assert_fd(t.fd);
	figure("udmabuf-4k-sequential", first_touch(&t));
	close(t.fd);
	close(create.memfd);
	close(dev);
}

/* One touch, far from any other but where there is a page table */
static double random_touch(const struct touch *t)
{
	uint64_t best = UINT64_MAX, start;

	for (int round = 0; round < rounds; round++) {
		char *p = map_touch(t);

		walk(p + t->length / 2 + 400 * SZ_4K, SZ_4K, SZ_4K);
		start = ticks();
		walk(p + t->length / 2 + 123 * SZ_4K, SZ_4K, SZ_4K);
		start = ticks() - start;
		best = start < best ? start : best;
		dbm_munmap(p, t->length);
	}
	return best;
}

static void bar_random(void)
{
	const struct touch t = { big.fd, big.bar, SZ_1G, SZ_4K, SZ_4K };

	figure("bar-4k-random", random_touch(&t));
}

static void mock_random(void)
{
	struct dma_buf_mock_create create = { .size = SMALL_LENGTH, .chunk_order = 0,
		.flags = DMA_BUF_MOCK_SCATTERED, .open_flags = O_RDWR | O_CLOEXEC };
	const struct touch t = { mock_create_args(&create), 0, SMALL_LENGTH, SZ_4K, SZ_4K };
	char *p = map_touch(&t);

	walk(p + t.length / 2, SZ_4K, SZ_4K);
	igt_require(ptdump_available());
	figure("mock-scattered-pages-around", ptdump(p, t.length).pte);
	dbm_munmap(p, t.length);
	figure("mock-scattered-4k-random", random_touch(&t));
	close(t.fd);
}

/* Ticks of taking memory decode away and of giving it back, with @p mapped */
static uint64_t decode_off(const struct vfio_dev *dev)
{
	uint64_t start = ticks();

	vfio_set_decode(dev, false);
	start = ticks() - start;
	vfio_set_decode(dev, true);
	return start;
}

/* For each leaf, of which a walk in steps of @step makes one, over what there is without */
static void zap(const char *name, const struct vfio_dev *dev, const struct touch *t)
{
	uint64_t best = UINT64_MAX, empty = UINT64_MAX, n;
	char *p;

	for (int round = 0; round < rounds; round++) {
		n = decode_off(dev);
		empty = n < empty ? n : empty;
	}
	p = map_touch(t);
	for (int round = 0; round < rounds; round++) {
		walk(p, t->length, t->step);
		n = decode_off(dev);
		best = n < best ? n : best;
	}
	dbm_munmap(p, t->length);
	figure(name, (double)(best - empty) / (t->length / t->step));
}

static void bar_zap(void)
{
	const struct touch leaves_4k = { small.fd, small.bar, SMALL_LENGTH, SZ_4K, SZ_4K };
	const struct touch leaves_2m = { small.fd, small.bar, small.size, SZ_2M, 0 };
	const struct touch leaves_1g = { big.fd, big.bar, big.size, SZ_1G, 0 };

	zap("bar-4k-zap", &small, &leaves_4k);
	zap("bar-2m-zap", &small, &leaves_2m);
	zap("bar-1g-zap", &big, &leaves_1g);
}

/* How much more a zap of 64 MiB that was touched and zapped costs than one of 2 MiB */
static void bar_zap_again(void)
{
	static const size_t lengths[] = { SZ_2M, 64 * SZ_1M };
	uint64_t again[2] = { UINT64_MAX, UINT64_MAX }, n;

	for (int i = 0; i < 2; i++) {
		const struct touch t = { small.fd, small.bar, lengths[i], SZ_4K, SZ_4K };
		char *p = map_touch(&t);

		walk(p, t.length, t.step);
		decode_off(&small);
		for (int round = 0; round < rounds; round++) {
			n = decode_off(&small);
			again[i] = n < again[i] ? n : again[i];
		}
		dbm_munmap(p, t.length);
	}
	figure("bar-second-zap-growth", (double)again[1] - again[0]);
}

/* In a process with 10,000 VMAs that cannot merge; without the system call itself */
static void by_address(void)
{
	const int fd = mock_create(SMALL_LENGTH, 0);
	const size_t vmas = 10000;
	char *p = dbm_mmap(fd, SMALL_LENGTH, RW, 0);
	char *many = mmap(NULL, vmas * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t best = UINT64_MAX, call = UINT64_MAX, n;
	struct dma_buf_mock_lookup found;

	igt_assert(many != MAP_FAILED);
	for (size_t i = 0; i < vmas; i += 2)
		igt_assert_eq(mprotect(many + i * SZ_4K, SZ_4K, PROT_READ), 0);
	for (int round = 0; round < rounds; round++) {
		n = ticks();
		igt_assert_eq(mock_lookup(p + SZ_4K, SZ_4K, &found), 0);
		n = ticks() - n;
		best = n < best ? n : best;
		n = ticks();
		igt_assert_eq(mock_lookup(p + SZ_4K, 0, &found), EINVAL);
		n = ticks() - n;
		call = n < call ? n : call;
	}
	figure("lookup-10000-vmas", (double)best - call);
	dbm_munmap(many, vmas * SZ_4K);
	dbm_munmap(p, SMALL_LENGTH);
	close(fd);
}

/* What has nothing to do with us */
static void bystanders(void)
{
	struct touch t = { memfd_create("bench", MFD_CLOEXEC), 0, SMALL_LENGTH, SZ_4K, SZ_4K };
	uint64_t best = UINT64_MAX, n;
	char *p;

	for (int round = 0; round < rounds; round++) {
		p = mmap(NULL, SMALL_LENGTH, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(p != MAP_FAILED);
		madvise(p, SMALL_LENGTH, MADV_NOHUGEPAGE);
		n = ticks();
		for (size_t o = 0; o < SMALL_LENGTH; o += SZ_4K)
			p[o] = 1;
		n = ticks() - n;
		best = n < best ? n : best;
		dbm_munmap(p, SMALL_LENGTH);
	}
	figure("anonymous-4k", (double)best / (SMALL_LENGTH / SZ_4K));
	igt_assert_fd(t.fd);
	igt_assert_eq(ftruncate(t.fd, SMALL_LENGTH), 0);
	p = dbm_mmap(t.fd, SMALL_LENGTH, RW, 0);
	memset(p, 1, SMALL_LENGTH);
	dbm_munmap(p, SMALL_LENGTH);
	figure("memfd-4k", first_touch(&t));
	close(t.fd);
}

static const struct {
	const char *name;
	void (*run)(void);
	bool bar, mock;
} benches[] = {
	{ "bystanders", bystanders, false, false },
	{ "shmem-small", shmem_small, false, false },
	{ "udmabuf-small", udmabuf_small, false, false },
	{ "ttm-small", ttm_small, false, false },
	{ "mock-large", mock_large, false, true },
	{ "mock-small", mock_small, false, true },
	{ "mock-random", mock_random, false, true },
	{ "lookup", by_address, false, true },
	{ "bar-faults", bar_faults, true, false },
	{ "bar-large", bar_large, true, false },
	{ "bar-small", bar_small, true, false },
	{ "bar-random", bar_random, true, false },
	{ "bar-zap", bar_zap, true, false },
	{ "bar-zap-again", bar_zap_again, true, false },
	{ "dmabuf-large", dmabuf_large, true, false },
	{ "dmabuf-small", dmabuf_small, true, false },
};

int igt_main()
{
	const char *text = getenv("ROUNDS");

	if (text)
		rounds = atoi(text);
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++) {
		igt_subtest(benches[i].name) {
			if (benches[i].mock)
				mock_require();
			if (benches[i].bar && small.fd < 0) {
				vfio_require(&small, 16 * SZ_1M, SZ_1G);
				vfio_open(&small);
				vfio_require(&big, 2 * SZ_1G, 64 * SZ_1G);
				vfio_open(&big);
			}
			benches[i].run();
		}
	}

	igt_fixture() {
		vfio_close(&small);
		vfio_close(&big);
	}
}
