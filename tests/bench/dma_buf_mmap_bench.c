// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <linux/dma-heap.h>
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
#include "dma_buf_mmap/trace.h"
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
static int rounds = 20;

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
	if (isnan(value))
		igt_info("%s: no such leaves\n", name);
	else
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

/* A page behind the mapping, so that the fault in it finds the tables of large leaves */
static char *map_behind(const struct touch *t, char *p)
{
	char *behind = p - t->shift + ((t->length + SZ_2M - 1) & ~(size_t)(SZ_2M - 1));

	igt_assert(mmap(behind, SZ_4K, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		   behind);
	*behind = 1;
	return behind;
}

/* Whether each step of a walk through all of a mapping, of 2 MiB or more, has made a leaf */
static bool large_leaves(const struct touch *t, const char *p)
{
	struct ptdump d;

	/* On a machine of a user's the figures tell */
	if (!ptdump_available())
		return true;
	d = ptdump(p, t->length);
	return (t->step == SZ_1G ? d.pud : d.pmd) == t->length / t->step;
}

/* Ticks for each step of a walk through a mapping that nobody has touched */
static double first_touch(const struct touch *t)
{
	uint64_t best = UINT64_MAX, start;

	for (int round = 0; round < rounds; round++) {
		char *p = map_touch(t), *behind = t->step == SZ_2M ? map_behind(t, p) : NULL;

		start = ticks();
		walk(p, t->length, t->step);
		start = ticks() - start;
		best = start < best ? start : best;
		if (!round && t->step >= SZ_2M && !large_leaves(t, p))
			best = 0;
		dbm_munmap(p, t->length);
		if (behind)
			dbm_munmap(behind, SZ_4K);
	}
	return best ? (double)best / (t->length / t->step) : NAN;
}

static struct vfio_dev small = { .fd = -1, .iommufd = -1 }, big = { .fd = -1, .iommufd = -1 },
	huge = { .fd = -1, .iommufd = -1 };

#define LARGE_LENGTH (64 * SZ_1M)

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
	walk(p, big.size, SZ_4K);
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

static void write_number(const char *file, unsigned int n)
{
	FILE *f = fopen(file, "w");

	igt_require_f(f && fprintf(f, "%u\n", n) > 0 && !fclose(f), "%s: %s\n", file,
		      strerror(errno));
}

static int make_udmabuf(size_t length, unsigned int memfd_flags)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = length };
	const int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int fd;

	igt_require_f(dev >= 0, "there is no /dev/udmabuf\n");
	create.memfd = memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC | memfd_flags);
	igt_assert_fd(create.memfd);
	igt_assert_eq(ftruncate(create.memfd, length), 0);
	igt_assert_eq(fallocate(create.memfd, 0, 0, length), 0);
	igt_assert_eq(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	igt_assert_fd(fd);
	close(create.memfd);
	close(dev);
	return fd;
}

static void udmabuf_large(void)
{
	/* Short, as the stock kernel maps all in one fault: a tick could come in between */
	struct touch t = { -1, 0, 8 * SZ_2M, SZ_2M, 0 };

	write_number("/proc/sys/vm/nr_hugepages", t.length / SZ_2M);
	t.fd = make_udmabuf(t.length, MFD_HUGETLB);
	figure("udmabuf-2m-fault", first_touch(&t));
	close(t.fd);
}

static int heap_buffer(const char *name, size_t length)
{
	struct dma_heap_allocation_data alloc = { .len = length, .fd_flags = O_RDWR | O_CLOEXEC };
	char path[64];
	int heap;

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	heap = open(path, O_RDONLY | O_CLOEXEC);
	igt_require_f(heap >= 0, "there is no %s (CMA: cma=64M on the command line?)\n", path);
	do_ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc);
	close(heap);
	return alloc.fd;
}

static void heap_large(void)
{
	const size_t length = 32 * SZ_1M;
	const struct touch t = { heap_buffer("default_cma_region", length), 0, length, SZ_2M, 0 };

	figure("cma-heap-2m-fault", first_touch(&t));
	close(t.fd);
}

static void mock_large(void)
{
	const struct touch t = { mock_create(LARGE_LENGTH, 9), 0, LARGE_LENGTH, SZ_2M, 0 };

	figure("mock-2m-fault", first_touch(&t));
	close(t.fd);
}

/* Small leaves only, as no large one fits at such an address */
#define SMALL_LENGTH (4 * SZ_1M)

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

static void ttm_large(void)
{
	const int drm = drm_open_by_name("qxl");
	struct drm_qxl_alloc alloc = { .size = LARGE_LENGTH / 4 };
	struct touch t = { drm, 0, alloc.size, SZ_2M, 0 };
	uint32_t dumb;

	igt_require_f(drm >= 0, "there is no qxl\n");
	do_ioctl(drm, DRM_IOCTL_QXL_ALLOC, &alloc);
	t.offset = gem_offset(drm, alloc.handle);
	figure("ttm-vram-2m-fault", first_touch(&t));
	t.step = SZ_4K;
	t.shift = SZ_4K;
	figure("ttm-vram-4k-random", random_touch(&t));
	drm_close_handle(drm, alloc.handle);
	dumb = drm_create_dumb(drm, t.length);
	t.offset = gem_offset(drm, dumb);
	t.step = SZ_2M;
	t.shift = 0;
	figure("ttm-system-2m-fault", first_touch(&t));
	t.step = SZ_4K;
	t.shift = SZ_4K;
	figure("ttm-system-4k-random", random_touch(&t));
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
	const struct touch t = { make_udmabuf(SMALL_LENGTH, 0), 0, SMALL_LENGTH, SZ_4K, SZ_4K };

	figure("udmabuf-4k-sequential", first_touch(&t));
	close(t.fd);
}

static void heap_small(void)
{
	const int fd = heap_buffer("system", SMALL_LENGTH);
	const struct touch t = { fd, 0, SMALL_LENGTH, SZ_4K, SZ_4K };

	figure("system-heap-4k-sequential", first_touch(&t));
	close(t.fd);
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

/* Ticks of taking memory decode away, which zaps */
static uint64_t decode_off(const struct vfio_dev *dev)
{
	uint64_t start = ticks();

	vfio_set_decode(dev, false);
	start = ticks() - start;
	vfio_set_decode(dev, true);
	return start;
}

/* A zap of what a walk through all of a mapping put in */
static uint64_t zap(const struct vfio_dev *dev, const struct touch *t)
{
	uint64_t best = UINT64_MAX, n;
	char *p = map_touch(t);

	for (int round = 0; round < rounds; round++) {
		walk(p, t->length, t->step);
		n = decode_off(dev);
		best = n < best ? n : best;
	}
	dbm_munmap(p, t->length);
	return best;
}

/* What each leaf adds: a mapping with one leaf for each @step, over half of it */
static double zap_leaf(const struct vfio_dev *dev, const struct touch *t)
{
	struct touch half = *t;

	half.length /= 2;
	return ((double)zap(dev, t) - zap(dev, &half)) / (half.length / t->step);
}

/* What is not for a leaf: nothing mapped, and what a mapping of one leaf adds */
static void zap_any(const struct vfio_dev *dev)
{
	const struct touch t = { dev->fd, dev->bar, SZ_2M, SZ_2M, 0 };
	uint64_t none = UINT64_MAX, n;

	for (int round = 0; round < rounds; round++) {
		n = decode_off(dev);
		none = n < none ? n : none;
	}
	figure("bar-zap-none", none);
	figure("bar-zap-any", (double)zap(dev, &t) - none);
}

static void bar_zap(void)
{
	const struct touch leaves_4k = { small.fd, small.bar, SMALL_LENGTH, SZ_4K, SZ_4K };
	const struct touch leaves_2m = { small.fd, small.bar, small.size, SZ_2M, 0 };
	const struct touch leaves_1g = { big.fd, big.bar, big.size, SZ_1G, 0 };

	figure("bar-4k-zap", zap_leaf(&small, &leaves_4k));
	figure("bar-2m-zap", zap_leaf(&small, &leaves_2m));
	figure("bar-1g-zap", zap_leaf(&big, &leaves_1g));
	zap_any(&small);
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

/* Mapping, a touch of each 2 MiB, unmapping: for each page of the mapping */
static void map_sizes(const char *name, int fd, off_t offset)
{
	char figure_name[64];

	for (size_t length = SZ_2M; length <= huge.size; length *= 2) {
		uint64_t best = UINT64_MAX, n;
		void *odd = mmap(NULL, 3 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (int round = 0; round < rounds; round++) {
			char *p;

			n = ticks();
			p = dbm_mmap(fd, length, RW, offset);
			walk(p, length, SZ_2M);
			dbm_munmap(p, length);
			n = ticks() - n;
			best = n < best ? n : best;
		}
		dbm_munmap(odd, 3 * SZ_4K);
		snprintf(figure_name, sizeof(figure_name), "scale-%s-%zu", name, length / SZ_1M);
		igt_info("FIGURE %s %.4f\n", figure_name, (double)best / (length / SZ_4K));
	}
}

static void bar_scale(void)
{
	vfio_require(&huge, 32ull * SZ_1G, UINT64_MAX);
	vfio_open(&huge);
	map_sizes("bar", huge.fd, huge.bar);
	vfio_close(&huge);
}

static void dmabuf_scale(void)
{
	int fd;

	vfio_require(&huge, 32ull * SZ_1G, UINT64_MAX);
	vfio_open(&huge);
	fd = export_mappable(&huge);
	map_sizes("dmabuf", fd, 0);
	close(fd);
	vfio_close(&huge);
}

/* One half of a mapping, walked when the other thread is ready too */
struct half {
	char *p;
	size_t length;
	pthread_barrier_t *ready;
};

static void *walk_half(void *data)
{
	const struct half *half = data;

	pthread_barrier_wait(half->ready);
	walk(half->p, half->length, SZ_4K);
	return NULL;
}

/* How often a fault is handled, or put off to be handled again, for one thread or two */
static int count_faults(int fd, unsigned int nr_threads)
{
	const struct touch t = { fd, 0, LARGE_LENGTH, SZ_4K, SZ_4K };
	pthread_t threads[2];
	pthread_barrier_t ready;
	struct half halves[2];
	char *p = map_touch(&t);

	igt_assert_eq(pthread_barrier_init(&ready, NULL, nr_threads), 0);
	trace_clear();
	for (unsigned int i = 0; i < nr_threads; i++) {
		halves[i].length = t.length / nr_threads;
		halves[i].p = p + i * halves[i].length;
		halves[i].ready = &ready;
		igt_assert_eq(pthread_create(&threads[i], NULL, walk_half, &halves[i]), 0);
	}
	for (unsigned int i = 0; i < nr_threads; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	dbm_munmap(p, t.length);
	return trace_count("dma_buf_mmap_fault: ") + trace_count("dma_buf_mmap_wait: ");
}

static void two_cpus(void)
{
	int fd, one, two;

	igt_require_f(sysconf(_SC_NPROCESSORS_ONLN) > 1, "there is one CPU only\n");
	trace_require();
	fd = mock_create(LARGE_LENGTH, 9);
	one = count_faults(fd, 1);
	two = count_faults(fd, 2);
	igt_info("%d faults of one thread, %d of two\n", one, two);
	igt_info("FIGURE two-cpus-faults %.3f\n", (double)two / one);
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
	{ "ttm-large", ttm_large, false, false },
	{ "heap-small", heap_small, false, false },
	{ "heap-large", heap_large, false, false },
	{ "udmabuf-large", udmabuf_large, false, false },
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
	{ "bar-scale", bar_scale, false, false },
	{ "dmabuf-scale", dmabuf_scale, false, false },
	{ "two-cpus", two_cpus, false, true },
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
