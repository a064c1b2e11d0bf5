// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap vfio address
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping of PCI BARs
 * Description: What the kernel does with the address of a mapped BAR, and what many mappings take
 *
 * SUBTEST: type1
 * Description: VFIO_IOMMU_MAP_DMA of a BAR's address works; with memory decode off it fails at once
 *
 * SUBTEST: windows
 * Description: A thousand mappings of a BAR take no files, and one switch reaches them all
 *
 * SUBTEST: hint
 * Description: mmap() keeps to a hint, whatever large leaves would want
 */
IGT_TEST_DESCRIPTION("Addresses of mapped PCI BARs, and many of them");

#define RW (PROT_READ | PROT_WRITE)
#define LENGTH (4 * SZ_4K)
#define IOVA 0x10000000

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };

/* A container with the IOMMU group of @bdf, which is on vfio-pci */
struct type1 {
	int container, group;
};

static struct type1 type1_open(const char *bdf)
{
	char path[PATH_MAX], link[PATH_MAX];
	struct type1 t;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	n = readlink(path, link, sizeof(link) - 1);
	igt_require_f(n > 0, "%s is in no IOMMU group\n", bdf);
	link[n] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	t.group = open(path, O_RDWR | O_CLOEXEC);
	igt_require_f(t.group >= 0, "%s: %s\n", path, strerror(errno));
	t.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	igt_require_f(t.container >= 0, "there are no VFIO containers\n");
	do_ioctl(t.group, VFIO_GROUP_SET_CONTAINER, &t.container);
	igt_assert_eq(ioctl(t.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
	return t;
}

/* 0 or an errno */
static int type1_map(const struct type1 *t, void *p)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p, .iova = IOVA, .size = LENGTH,
	};

	return ioctl(t->container, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

static void type1_unmap(const struct type1 *t)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = LENGTH,
	};

	do_ioctl(t->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static void type1(void)
{
	struct vfio_dev other = { .fd = -1, .iommufd = -1 };
	struct type1 t;

	vfio_require_power(&other);
	t = type1_open(other.bdf);
	for (int touched = 0; touched <= 1; touched++) {
		char *p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + SZ_4K);

		if (touched)
			dbm_touch(p, LENGTH);
		igt_assert_eq(type1_map(&t, p), 0);
		type1_unmap(&t);
		vfio_set_decode(&dev, false);
		igt_fork(child, 1)
			igt_assert_eq(type1_map(&t, p), EFAULT);
		igt_waitchildren_timeout(10, "VFIO_IOMMU_MAP_DMA does not return");
		vfio_set_decode(&dev, true);
		igt_assert_eq(type1_map(&t, p), 0);
		type1_unmap(&t);
		dbm_munmap(p, LENGTH);
	}
	do_ioctl(t.group, VFIO_GROUP_UNSET_CONTAINER, NULL);
	close(t.container);
	close(t.group);
}

static long open_files(void)
{
	FILE *f = fopen("/proc/sys/fs/file-nr", "r");
	long files = -1;

	igt_assert(f && fscanf(f, "%ld", &files) == 1);
	fclose(f);
	return files;
}

static void windows(void)
{
	enum { COUNT = 1000 };
	static char *p[COUNT];
	const long before = open_files();

	for (int i = 0; i < COUNT; i++) {
		p[i] = dbm_mmap(dev.fd, SZ_4K, RW, dev.bar + i * 3 * SZ_4K);
		dbm_touch(p[i], SZ_4K);
	}
	igt_assert_lte(open_files() - before, COUNT / 2);
	vfio_set_decode(&dev, false);
	for (int i = 0; i < COUNT; i += 37)
		dbm_assert_signal(p[i], SZ_4K, SIGBUS);
	vfio_set_decode(&dev, true);
	for (int i = 0; i < COUNT; i++) {
		dbm_check(p[i], SZ_4K, i * 3 * SZ_4K);
		dbm_munmap(p[i], SZ_4K);
	}
}

/* A hole that is just large enough, where no 2 MiB leaf fits */
static void hint(void)
{
	static const size_t hole = 4 * SZ_2M, all = hole + 2 * SZ_2M;
	int fds[] = { dev.fd, vfio_export(&dev) };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		char *all_of_it = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *at = all_of_it + SZ_2M + 5 * SZ_4K, *p;

		igt_assert(all_of_it != MAP_FAILED);
		dbm_munmap(at, hole);
		p = mmap(at, hole, RW, MAP_SHARED, fds[i], i ? 0 : dev.bar);
		igt_assert_f(p == at, "%p was asked for, and %p given\n", at, p);
		dbm_check(p, hole, 0);
		dbm_munmap(all_of_it, all);
	}
	close(fds[1]);
}

static const struct dbm_test tests[] = {
	{ "type1", "What cannot be mapped for DMA is said, not tried for ever", type1 },
	{ "windows", "Mappings cost page tables and VMAs", windows },
	{ "hint", "An address that the caller chose is his business", hint },
};

int igt_main()
{
	igt_fixture() {
		vfio_require(&dev, 16 * SZ_1M, SZ_1G);
		vfio_open(&dev);
		vfio_prefill(&dev);
	}

	dbm_subtests(tests, 60);

	igt_fixture()
		vfio_close(&dev);
}
