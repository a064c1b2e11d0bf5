// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <drm/vttm_drm.h>

#include "bench.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"

/* What a touch costs that nobody has done before */

/* The kernel chooses the address, after something of an odd size */
static void bar_faults(void)
{
	void *odd = map_odd();
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
	unmap_odd(odd);
}

static void bar_huge(void)
{
	const struct touch t = { big.fd, big.bar, big.size, SZ_1G, 0 };

	figure("bar-1g-fault", first_touch(&t));
}

static void dmabuf_huge(void)
{
	const struct touch t = { export_mappable(&big), 0, big.size, SZ_1G, 0 };

	figure("dmabuf-1g-fault", first_touch(&t));
	close(t.fd);
}

static void bar_random(void)
{
	const struct touch t = { big.fd, big.bar, SZ_1G, SZ_4K, SZ_4K };

	figure("bar-4k-random", random_touch(&t));
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

static int mock_scattered(void)
{
	struct dma_buf_mock_create create = { .size = SMALL_LENGTH, .chunk_order = 0,
		.flags = DMA_BUF_MOCK_SCATTERED, .open_flags = O_RDWR | O_CLOEXEC };

	return mock_create_args(&create);
}

static void mock_large(void)
{
	const struct touch t = { mock_create(LARGE_LENGTH, 9), 0, LARGE_LENGTH, SZ_2M, 0 };

	figure("mock-2m-fault", first_touch(&t));
	close(t.fd);
}

static void mock_small(void)
{
	struct touch t = { mock_create(SMALL_LENGTH, 9), 0, SMALL_LENGTH, SZ_4K, SZ_4K };

	figure("mock-4k-sequential", first_touch(&t));
	close(t.fd);
	t.fd = mock_scattered();
	figure("mock-4k-scattered", first_touch(&t));
	close(t.fd);
}

static void mock_random(void)
{
	const struct touch t = { mock_scattered(), 0, SMALL_LENGTH, SZ_4K, SZ_4K };
	char *p = map_touch(&t);

	walk(p + t.length / 2, SZ_4K, SZ_4K);
	igt_require(ptdump_available());
	figure("mock-scattered-pages-around", ptdump(p, t.length).pte);
	dbm_munmap(p, t.length);
	figure("mock-scattered-4k-random", random_touch(&t));
	close(t.fd);
}

/* What has nothing to do with us */
static void bystanders(void)
{
	struct touch t = { make_memfd(SMALL_LENGTH), 0, SMALL_LENGTH, SZ_4K, SZ_4K };
	struct rounds r = ROUNDS;
	uint64_t start;
	char *p;

	while (more(&r)) {
		p = mmap(NULL, SMALL_LENGTH, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(p != MAP_FAILED);
		madvise(p, SMALL_LENGTH, MADV_NOHUGEPAGE);
		start = ticks();
		for (size_t o = 0; o < SMALL_LENGTH; o += SZ_4K)
			p[o] = 1;
		took(&r, start);
		dbm_munmap(p, SMALL_LENGTH);
	}
	figure("anonymous-4k", (double)r.least / (SMALL_LENGTH / SZ_4K));
	figure("memfd-4k", first_touch(&t));
	close(t.fd);
}

static void touch_with(const struct kind *k, size_t length, size_t step, size_t shift,
		       double (*touch)(const struct touch *t), const char *name)
{
	struct touch t = { -1, 0, length, step, shift };
	struct buffer b;

	k->create(k, &b, length);
	t.fd = b.fd;
	t.offset = b.offset;
	figure(name, touch(&t));
	buffer_destroy(&b);
}

static void large_leaf(const struct kind *k, size_t shift, const char *name)
{
	touch_with(k, k->large, SZ_2M, shift, first_touch, name);
}

/* Small leaves only, as no large one fits at such an address */
static void small_leaves(const struct kind *k, size_t shift, const char *name)
{
	touch_with(k, SMALL_LENGTH, SZ_4K, shift + SZ_4K, first_touch, name);
}

static void small_random(const struct kind *k, size_t shift, const char *name)
{
	touch_with(k, k->large ?: SMALL_LENGTH, SZ_4K, shift + SZ_4K, random_touch, name);
}

static bool has_large(const struct kind *k)
{
	return k->large;
}

static bool not_memfd(const struct kind *k)
{
	return strcmp(k->name, "memfd");
}

/* That of the BAR is another */
static bool has_random(const struct kind *k)
{
	return strcmp(k->name, "bar");
}

const struct measure fault_measures[] = {
	{ "2m-fault", large_leaf, has_large, false },
	{ "4k-sequential", small_leaves, not_memfd, false },
	{ "4k-random", small_random, has_random, false },
	{ NULL, NULL, NULL, false }
};

/* Where a buffer that was mapped has moved to and back */
static void moved_leaf(const struct kind *k, const char *name)
{
	static const uint32_t domains[] = { DRM_VTTM_DOMAIN_SYSTEM, DRM_VTTM_DOMAIN_VRAM };
	struct rounds r = ROUNDS;
	struct buffer b;
	struct touch t;
	uint64_t start;
	char *p;

	k->create(k, &b, SMALL_LENGTH);
	t = (struct touch) { b.fd, b.offset, SMALL_LENGTH, SZ_2M, 0 };
	p = map_touch(&t);
	while (more(&r)) {
		for (int i = 0; i < 2; i++) {
			struct drm_vttm_place place = { .handle = b.handle, .domain = domains[i] };

			walk(p, t.length, t.step);
			do_ioctl(b.drm, DRM_IOCTL_VTTM_PLACE, &place);
			/* It is not there yet. */
			walk(p, SZ_4K, SZ_4K);
		}
		start = ticks();
		walk(p + SZ_2M, t.length - SZ_2M, t.step);
		took(&r, start);
	}
	figure(name, (double)r.least / (t.length / t.step - 1));
	dbm_munmap(p, t.length);
	buffer_destroy(&b);
}

static void vttm_faults(void)
{
	char name[64];

	for (const struct kind *k = vttm_kinds; k->name; k++)
		for (const struct measure *m = fault_measures; m->name; m++) {
			snprintf(name, sizeof(name), "%s-%s", k->name, m->name);
			m->run(k, 0, name);
		}
	moved_leaf(&vttm_kinds[0], "vttm-vram-moved-2m-fault");
}

const struct bench fault_benches[] = {
	{ "vttm", vttm_faults, false, false },
	{ "bystanders", bystanders, false, false },
	{ "udmabuf-2m-fault", udmabuf_large, false, false },
	{ "mock-2m-fault", mock_large, false, true },
	{ "mock-4k", mock_small, false, true },
	{ "mock-random", mock_random, false, true },
	{ "bar-faults", bar_faults, true, false },
	{ "bar-1g-fault", bar_huge, true, false },
	{ "dmabuf-1g-fault", dmabuf_huge, true, false },
	{ "bar-4k-random", bar_random, true, false },
	{ NULL, NULL, false, false }
};
