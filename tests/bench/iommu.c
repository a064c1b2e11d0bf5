// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/iommufd.h>

#include "bench.h"

/*
 * What it costs to let a device reach a BAR: by the dma-buf, by an address, and by an
 * address with type1; and to take it away.  Nothing is transferred.
 */

#define IOVA 0x2000000
#define READ_WRITE (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define MOST_RANGES 4096

/* Who could do DMA, and what it reaches */
static struct vfio_dev device = { .fd = -1, .iommufd = -1 };
static uint32_t ioas;

static void device_open(void)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	vfio_require_dma(&device);
	vfio_open(&device);
	do_ioctl(device.iommufd, IOMMU_IOAS_ALLOC, &alloc);
	ioas = alloc.out_ioas_id;
	vfio_attach(&device, ioas);
}

/* 0 or an errno each; not before our patches */
static int map_file(int fd, char *p, size_t length)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map), .flags = IOMMU_IOAS_MAP_FIXED_IOVA | READ_WRITE,
		.ioas_id = ioas, .fd = fd, .length = length, .iova = IOVA,
	};

	(void)p;
	return ioctl(device.iommufd, IOMMU_IOAS_MAP_FILE, &map) ? errno : 0;
}

static int map_address(int fd, char *p, size_t length)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map), .flags = IOMMU_IOAS_MAP_FIXED_IOVA | READ_WRITE,
		.ioas_id = ioas, .user_va = (uintptr_t)p, .length = length, .iova = IOVA,
	};

	(void)fd;
	return ioctl(device.iommufd, IOMMU_IOAS_MAP, &map) ? errno : 0;
}

static void unmap(size_t length)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = IOVA, .length = length,
	};

	do_ioctl(device.iommufd, IOMMU_IOAS_UNMAP, &unmap);
}

/* A dma-buf of @n pages, every other one of the BAR, or -1 */
static int export_pages(unsigned int n)
{
	struct vfio_region_dma_range *r = calloc(n, sizeof(*r));
	int fd;

	igt_assert(r);
	for (unsigned int i = 0; i < n; i++)
		r[i] = (struct vfio_region_dma_range) { 2 * i * SZ_4K, SZ_4K };
	fd = __vfio_export(&small, r, n, O_RDWR | O_CLOEXEC);
	free(r);
	igt_assert_f(fd >= 0, "exporting %u ranges: %s\n", n, strerror(-fd));
	return fd;
}

/* Map and unmap, as often as it takes; the figure is for each range */
static void map_rounds(const char *what, unsigned int n, int fd, char *p, size_t length,
		       int (*map)(int fd, char *p, size_t length))
{
	struct rounds r = ROUNDS;
	char name[64];
	uint64_t start;
	int err;

	while (more(&r)) {
		start = ticks();
		err = map(fd, p, length);
		if (err)
			break;
		unmap(length);
		took(&r, start);
	}
	snprintf(name, sizeof(name), "iommufd-%s-%u", what, n);
	/* 7.3 maps dma-bufs of one range, and no addresses. */
	if (err) {
		igt_info("%s: %s\n", name, strerror(err));
		igt_assert(err == EOPNOTSUPP || err == EFAULT);
		return;
	}
	/* Page tables and slabs: how full they are differs from boot to boot. */
	figure_about(name, (double)r.least / n);
}

static void revoke_rounds(unsigned int n, int fd, size_t length)
{
	struct rounds r = ROUNDS, none = ROUNDS;
	char name[64];

	while (more(&none))
		took_ticks(&none, decode_off(&small));
	while (more(&r)) {
		if (map_file(fd, NULL, length))
			return;
		took_ticks(&r, decode_off(&small));
		unmap(length);
	}
	snprintf(name, sizeof(name), "iommufd-revoke-%u", n);
	figure(name, ((double)r.least - none.least) / n);
}

static void iommufd_maps(void)
{
	device_open();
	for (unsigned int n = 1; n <= MOST_RANGES; n *= 64) {
		const size_t length = n * SZ_4K;
		int fd = export_pages(n);
		char *p = mmap(NULL, length, RW, MAP_SHARED, fd, 0);

		map_rounds("file", n, fd, NULL, length, map_file);
		if (p != MAP_FAILED) {
			map_rounds("address", n, fd, p, length, map_address);
			dbm_munmap(p, length);
		}
		revoke_rounds(n, fd, length);
		close(fd);
	}
	vfio_close(&device);
}

/* 16 MiB in one piece, for the whole: through the device's fd, and its dma-buf */
static void iommufd_contiguous(void)
{
	const size_t length = 16 * SZ_1M;
	const struct vfio_region_dma_range range = { 0, length };
	int fd;
	char *p;

	device_open();
	fd = __vfio_export(&small, &range, 1, O_RDWR | O_CLOEXEC);
	igt_assert_fd(fd);
	p = dbm_mmap(small.fd, length, RW, small.bar);
	map_rounds("file-16m", 1, fd, NULL, length, map_file);
	map_rounds("address-16m", 1, fd, p, length, map_address);
	dbm_munmap(p, length);
	close(fd);
	vfio_close(&device);
}

/* The same by type1, which has the device through its group */
static void type1_contiguous(void)
{
	const size_t length = 16 * SZ_1M;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = IOVA, .size = length,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = length,
	};
	struct rounds r = ROUNDS;
	char path[256], link[256];
	int container, group;
	uint64_t start;
	ssize_t n;
	char *p;

	vfio_require_dma(&device);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device.bdf);
	n = readlink(path, link, sizeof(link) - 1);
	igt_assert(n > 0);
	link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	igt_require_f(group >= 0 && container >= 0, "%s: no type1\n", path);
	do_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
	igt_assert_eq(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
	p = dbm_mmap(small.fd, length, RW, small.bar);
	map.vaddr = (uintptr_t)p;
	while (more(&r)) {
		start = ticks();
		do_ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
		do_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
		took(&r, start);
	}
	figure("type1-address-16m", r.least);
	dbm_munmap(p, length);
	close(group);
	close(container);
}

const struct bench iommu_benches[] = {
	{ "iommufd-maps", iommufd_maps, true, false },
	{ "iommufd-contiguous", iommufd_contiguous, true, false },
	{ "type1-contiguous", type1_contiguous, true, false },
	{ NULL, NULL, false, false }
};
