// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <dirent.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"

/*
 * A BAR as an exporter, and DMA to an address as an operation.  Opening a device resets
 * it, so all of this is opened once: the device of DBM_BAR_BDF through iommufd, with an
 * address space attached, and the one of DBM_BIGBAR_BDF in a container of type 1.
 */

#define BAR_WINDOW (16 * SZ_1M)

static int device = -1, iommufd = -1, container = -1;
static uint32_t ioas;
static off_t bar, config;
static const char *bar_why, *iommufd_why, *type1_why;
/* Each mapping has DMA addresses of its own: one that was left behind is in nobody's way. */
static uint64_t *next_iova;

static bool device_path(const char *bdf, char *path, size_t n)
{
	char name[128];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%.15s/vfio-dev", bdf);
	dir = opendir(name);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4)) {
			snprintf(path, n, "/dev/vfio/devices/%.32s", entry->d_name);
			found = true;
		}
	if (dir)
		closedir(dir);
	return found;
}

static off_t region(unsigned int index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	return ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info) ? -1 : (off_t)info.offset;
}

static int set_decode(bool on)
{
	uint16_t command;

	if (pread(device, &command, sizeof(command), config + PCI_COMMAND) != sizeof(command))
		return errno;
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	return pwrite(device, &command, sizeof(command), config + PCI_COMMAND) ==
	       sizeof(command) ? 0 : errno;
}

static const char *open_device(void)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	const char *bdf = getenv("DBM_BAR_BDF");
	char path[64];

	if (!bdf || !device_path(bdf, path, sizeof(path)))
		return "there is no device DBM_BAR_BDF with vfio-pci";
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommufd < 0)
		return "there is no /dev/iommu";
	device = open(path, O_RDWR | O_CLOEXEC);
	bind.iommufd = iommufd;
	if (device < 0 || ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return "the device cannot be opened";
	bar = region(VFIO_PCI_BAR2_REGION_INDEX);
	config = region(VFIO_PCI_CONFIG_REGION_INDEX);
	return bar < 0 || config < 0 || set_decode(true) ? "the device has no BAR 2" : NULL;
}

static const char *open_ioas(void)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };

	if (bar_why)
		return bar_why;
	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return "iommufd makes no address space";
	ioas = alloc.out_ioas_id;
	attach.pt_id = ioas;
	return ioctl(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ?
	       "the device cannot be attached to an address space" : NULL;
}

static const char *open_container(void)
{
	const char *bdf = getenv("DBM_BIGBAR_BDF");
	char path[128], link[128] = "";
	int group;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.15s/iommu_group", bdf ? bdf : "");
	if (!bdf || readlink(path, link, sizeof(link) - 1) < 0)
		return "there is no device DBM_BIGBAR_BDF with an IOMMU";
	snprintf(path, sizeof(path), "/dev/vfio/%.16s", strrchr(link, '/') + 1);
	group = open(path, O_RDWR | O_CLOEXEC);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (group < 0 || container < 0)
		return "the group of DBM_BIGBAR_BDF cannot be opened";
	return ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	       ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ?
	       "the group cannot be put into a type 1 container" : NULL;
}

void vfio_open_all(void)
{
	next_iova = mmap(NULL, SZ_4K, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bar_why = next_iova == MAP_FAILED ? "no memory" : open_device();
	iommufd_why = open_ioas();
	type1_why = open_container();
}

const char *vfio_bar_find(struct exporter *e)
{
	(void)e;
	return bar_why;
}

int vfio_bar_create(struct buffer *b)
{
	b->own = dup(device);
	b->own_offset = bar + BAR_WINDOW;
	return b->own < 0 ? errno : set_decode(true);
}

int vfio_bar_export(struct buffer *b, int access)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf get;
		struct vfio_region_dma_range range;
	} arg = {
		{ sizeof(arg), VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF },
		{ VFIO_PCI_BAR2_REGION_INDEX, access | O_CLOEXEC, 0, 1 },
		{ BAR_WINDOW, b->size },
	};

	b->dmabuf = ioctl(device, VFIO_DEVICE_FEATURE, &arg);
	return b->dmabuf < 0 ? errno : 0;
}

int vfio_bar_off(struct buffer *b)
{
	(void)b;
	return set_decode(false);
}

const char *type1_missing(void)
{
	return type1_why;
}

const char *iommufd_missing(void)
{
	return iommufd_why;
}

void op_type1(struct target *t, int arg)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map), .size = t->size };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .size = t->size };
	char *p = target_map(t);

	if (!p)
		return;
	if (arg)
		say_touches(p, t->size, t->writable);
	map.vaddr = (uintptr_t)p;
	*next_iova += 16 * SZ_1M;
	map.iova = *next_iova;
	unmap.iova = *next_iova;
	map.flags = VFIO_DMA_MAP_FLAG_READ | (t->writable ? VFIO_DMA_MAP_FLAG_WRITE : 0);
	if (say_result("map", ioctl(container, VFIO_IOMMU_MAP_DMA, &map)))
		say_result("unmap", ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap));
}

void op_iommufd(struct target *t, int arg)
{
	struct iommu_ioas_map map = { .size = sizeof(map), .ioas_id = ioas, .length = t->size };
	struct iommu_ioas_unmap unmap = { .size = sizeof(unmap), .ioas_id = ioas };
	char *p = target_map(t);

	if (!p)
		return;
	if (arg)
		say_touches(p, t->size, t->writable);
	map.user_va = (uintptr_t)p;
	map.flags = IOMMU_IOAS_MAP_READABLE | (t->writable ? IOMMU_IOAS_MAP_WRITEABLE : 0);
	if (!say_result("map", ioctl(iommufd, IOMMU_IOAS_MAP, &map)))
		return;
	unmap.iova = map.iova;
	unmap.length = map.length;
	say_result("unmap", ioctl(iommufd, IOMMU_IOAS_UNMAP, &unmap));
}
