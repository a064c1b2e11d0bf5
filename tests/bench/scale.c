// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "bench.h"
#include "dma_buf_mmap/mock.h"

/* How costs grow: with the size of a mapping, with the number of VMAs */

/* The BAR of 64 GiB, there for the plot alone */
static struct vfio_dev huge = { .fd = -1, .iommufd = -1 };

/* In a process with 10,000 VMAs that cannot merge; without the system call itself */
static void by_address(void)
{
	const int fd = mock_create(SMALL_LENGTH, 0);
	const size_t vmas = 10000;
	char *p = dbm_mmap(fd, SMALL_LENGTH, RW, 0);
	char *many = mmap(NULL, vmas * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rounds r = ROUNDS, call = ROUNDS;
	struct dma_buf_mock_lookup found;
	uint64_t start;

	igt_assert(many != MAP_FAILED);
	for (size_t i = 0; i < vmas; i += 2)
		igt_assert_eq(mprotect(many + i * SZ_4K, SZ_4K, PROT_READ), 0);
	while (more(&r)) {
		start = ticks();
		igt_assert_eq(mock_lookup(p + SZ_4K, SZ_4K, &found), 0);
		took(&r, start);
		start = ticks();
		igt_assert_eq(mock_lookup(p + SZ_4K, 0, &found), EINVAL);
		took(&call, start);
	}
	figure("lookup-10000-vmas", (double)r.least - call.least);
	dbm_munmap(many, vmas * SZ_4K);
	dbm_munmap(p, SMALL_LENGTH);
	close(fd);
}

/* Mapping, a touch of each 2 MiB, unmapping: for each page of the mapping */
static void map_sizes(const char *name, int fd, off_t offset)
{
	char figure_name[64];

	for (size_t length = SZ_2M; length <= huge.size; length *= 2) {
		struct rounds r = ROUNDS;
		void *odd = map_odd();

		while (more(&r)) {
			uint64_t start;
			char *p;

			start = ticks();
			p = dbm_mmap(fd, length, RW, offset);
			walk(p, length, SZ_2M);
			dbm_munmap(p, length);
			took(&r, start);
		}
		unmap_odd(odd);
		snprintf(figure_name, sizeof(figure_name), "scale-%s-%zu", name, length / SZ_1M);
		igt_info("FIGURE %s %.4f\n", figure_name, (double)r.least / (length / SZ_4K));
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

const struct bench scale_benches[] = {
	{ "lookup", by_address, false, true },
	{ "bar-scale", bar_scale, false, false },
	{ "dmabuf-scale", dmabuf_scale, false, false },
	{ NULL, NULL, false, false }
};
