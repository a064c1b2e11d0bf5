// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/vfio.h"

/* Devices of QEMU: ivshmem-plain, e1000e and edu */
static const struct kind {
	unsigned int vendor, device, bar;
} ivshmem = { 0x1af4, 0x1110, 2 }, e1000e = { 0x8086, 0x10d3, 0 }, edu = { 0x1234, 0x11e8, 0 };

static void sysfs_path(char *path, size_t n, const char *bdf, const char *file)
{
	snprintf(path, n, "/sys/bus/pci/devices/%.15s/%s", bdf, file);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static unsigned long read_id(const char *bdf, const char *file)
{
	unsigned long id = 0;
	char path[256];
	FILE *f;

	sysfs_path(path, sizeof(path), bdf, file);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%lx", &id) != 1)
		id = 0;
	fclose(f);
	return id;
}

static uint64_t bar_size(const char *bdf, unsigned int bar)
{
	unsigned long long start = 0, end = 0, flags;
	unsigned int lines = 0;
	char path[256];
	FILE *f;

	sysfs_path(path, sizeof(path), bdf, "resource");
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (lines <= bar && fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3)
		lines++;
	fclose(f);
	return lines > bar && end > start ? end - start + 1 : 0;
}

/* Which driver somebody has said is to have it, or "" */
#define DRIVER_NAME 256
static void read_override(const char *bdf, char driver[DRIVER_NAME])
{
	char path[256];
	FILE *f;

	*driver = '\0';
	sysfs_path(path, sizeof(path), bdf, "driver_override");
	f = fopen(path, "r");
	if (!f)
		return;
	if (fscanf(f, "%255s", driver) != 1 || !strcmp(driver, "(null)"))
		*driver = '\0';
	fclose(f);
}

static bool is_promised(const char *bdf)
{
	char driver[DRIVER_NAME];

	read_override(bdf, driver);
	return *driver && strcmp(driver, "vfio-pci");
}

static bool find(struct vfio_dev *dev, const struct kind *kind, uint64_t min, uint64_t max)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	dev->size = 0;
	dev->index = kind->bar;
	while (dir && (entry = readdir(dir))) {
		const char *bdf = entry->d_name;
		uint64_t size;

		if (read_id(bdf, "vendor") != kind->vendor ||
		    read_id(bdf, "device") != kind->device)
			continue;
		if (is_promised(bdf))
			continue;
		size = bar_size(bdf, kind->bar);
		if (size < min || size >= max || (dev->size && size >= dev->size))
			continue;
		dev->size = size;
		snprintf(dev->bdf, sizeof(dev->bdf), "%.15s", bdf);
	}
	if (dir)
		closedir(dir);
	return dev->size;
}

static bool cdev_path(const struct vfio_dev *dev, char *path, size_t n)
{
	struct dirent *entry;
	bool found = false;
	char name[256];
	DIR *dir;

	sysfs_path(name, sizeof(name), dev->bdf, "vfio-dev");
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

int vfio_give(const struct vfio_dev *dev, const char *driver)
{
	char path[256], before[DRIVER_NAME];
	int err, restored;

	read_override(dev->bdf, before);
	sysfs_path(path, sizeof(path), dev->bdf, "driver_override");
	err = write_file(path, driver);
	if (err)
		return err;
	err = write_file("/sys/bus/pci/drivers_probe", dev->bdf);
	restored = write_file(path, *before ? before : "\n");
	return err ?: restored;
}

void vfio_bind(const struct vfio_dev *dev)
{
	char path[256];

	if (cdev_path(dev, path, sizeof(path)))
		return;
	sysfs_path(path, sizeof(path), dev->bdf, "driver");
	igt_require_f(access(path, F_OK),
		      "%s has a driver: bind it to vfio-pci to have it tested\n", dev->bdf);
	vfio_give(dev, "vfio-pci");
}

int vfio_take(const struct vfio_dev *dev)
{
	char path[256];

	sysfs_path(path, sizeof(path), dev->bdf, "driver/unbind");
	return write_file(path, dev->bdf);
}

void vfio_unbind(const struct vfio_dev *dev)
{
	igt_assert_eq(vfio_take(dev), 0);
}

static void require_vfio_pci(struct vfio_dev *dev)
{
	char path[256];

	dev->fd = -1;
	dev->iommufd = -1;
	igt_require_f(!access("/sys/bus/pci/drivers/vfio-pci", F_OK),
		      "the driver vfio-pci is not there\n");
	igt_require_f(!access("/dev/iommu", R_OK | W_OK), "/dev/iommu cannot be opened: %s\n",
		      strerror(errno));
	vfio_bind(dev);
	igt_require_f(cdev_path(dev, path, sizeof(path)),
		      "vfio-pci does not take %s, or has no character device for it\n", dev->bdf);
}

void vfio_require(struct vfio_dev *dev, uint64_t min, uint64_t max)
{
	igt_require_f(find(dev, &ivshmem, min, max),
		      "there is no ivshmem-plain device with a BAR of at least %" PRIu64 " MiB\n",
		      min / SZ_1M);
	require_vfio_pci(dev);
}

void vfio_require_power(struct vfio_dev *dev)
{
	igt_require_f(find(dev, &e1000e, SZ_4K, SZ_1G), "there is no e1000e device\n");
	require_vfio_pci(dev);
}

void vfio_require_dma(struct vfio_dev *dev)
{
	igt_require_f(find(dev, &edu, SZ_4K, SZ_1G), "there is no device \"edu\" of QEMU's\n");
	require_vfio_pci(dev);
}

static struct vfio_region_info region(const struct vfio_dev *dev, unsigned int index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	do_ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &info);
	return info;
}

void vfio_open(struct vfio_dev *dev)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct vfio_device_info info = { .argsz = sizeof(info) };
	char path[256];

	/* opening and closing resets: PCI says so, and (once) that a port was not locked */
	igt_emit_ignore_dmesg_regex("vfio-pci .*: reset|unlocked secondary bus reset");
	igt_assert(cdev_path(dev, path, sizeof(path)));
	dev->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	igt_assert_f(dev->iommufd >= 0, "/dev/iommu: %s\n", strerror(errno));
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_f(dev->fd >= 0, "%s: %s\n", path, strerror(errno));
	bind.iommufd = dev->iommufd;
	do_ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	do_ioctl(dev->fd, VFIO_DEVICE_GET_INFO, &info);
	dev->has_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	dev->config = region(dev, VFIO_PCI_CONFIG_REGION_INDEX).offset;
	dev->bar = region(dev, VFIO_PCI_BAR0_REGION_INDEX + dev->index).offset;
	igt_assert_eq_u64(region(dev, VFIO_PCI_BAR0_REGION_INDEX + dev->index).size, dev->size);
	vfio_set_decode(dev, true);
}

void vfio_close(struct vfio_dev *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	if (dev->iommufd >= 0)
		close(dev->iommufd);
	dev->fd = -1;
	dev->iommufd = -1;
}

void vfio_reopen(struct vfio_dev *dev)
{
	vfio_close(dev);
	vfio_bind(dev);
	vfio_open(dev);
}

int vfio_request_eventfd(const struct vfio_dev *dev)
{
	size_t size = sizeof(struct vfio_irq_set) + sizeof(int32_t);
	struct vfio_irq_set *set = calloc(1, size);
	int32_t fd = eventfd(0, EFD_CLOEXEC);

	igt_assert(set);
	igt_assert_fd(fd);
	set->argsz = size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_REQ_IRQ_INDEX;
	set->count = 1;
	memcpy(set->data, &fd, sizeof(fd));
	do_ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return fd;
}

/* What the ioctl returns, or -errno; @data is read and written */
static int device_feature(const struct vfio_dev *dev, uint32_t flags, void *data, size_t n)
{
	struct vfio_device_feature *feature = calloc(1, sizeof(*feature) + n);
	int ret;

	igt_assert(feature);
	feature->argsz = sizeof(*feature) + n;
	feature->flags = flags;
	memcpy(feature->data, data, n);
	ret = igt_ioctl(dev->fd, VFIO_DEVICE_FEATURE, feature);
	if (ret < 0)
		ret = -errno;
	memcpy(data, feature->data, n);
	free(feature);
	return ret;
}

int __vfio_export(const struct vfio_dev *dev, const struct vfio_region_dma_range *ranges,
		  unsigned int count, unsigned int open_flags)
{
	struct vfio_device_feature_dma_buf *get;
	size_t n = sizeof(*get) + count * sizeof(*ranges);
	int fd;

	get = calloc(1, n);
	igt_assert(get);
	get->region_index = VFIO_PCI_BAR0_REGION_INDEX + dev->index;
	get->open_flags = open_flags;
	get->nr_ranges = count;
	memcpy(get->dma_ranges, ranges, count * sizeof(*ranges));
	fd = device_feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF, get, n);
	free(get);
	return fd;
}

int vfio_export(const struct vfio_dev *dev)
{
	struct vfio_region_dma_range all = { .offset = 0, .length = dev->size };
	int fd = __vfio_export(dev, &all, 1, O_RDWR | O_CLOEXEC);

	igt_require_f(fd != -EOPNOTSUPP && fd != -ENOTTY,
		      "the kernel exports no BAR as a dma-buf: %s\n", strerror(-fd));
	igt_assert_f(fd >= 0, "exporting the BAR as a dma-buf: %s\n", strerror(-fd));
	return fd;
}

static uint16_t config_read(const struct vfio_dev *dev, unsigned int at)
{
	uint16_t value;

	igt_assert_eq(pread(dev->fd, &value, sizeof(value), dev->config + at), sizeof(value));
	return value;
}

static void config_write(const struct vfio_dev *dev, unsigned int at, uint16_t value)
{
	igt_assert_eq(pwrite(dev->fd, &value, sizeof(value), dev->config + at), sizeof(value));
}

int __vfio_revoke(const struct vfio_dev *dev, int dmabuf)
{
	struct vfio_device_feature_dma_buf_revoke revoke = { .dmabuf_fd = dmabuf };

	return -device_feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE,
			       &revoke, sizeof(revoke));
}

int __vfio_set_memattr(const struct vfio_dev *dev, int dmabuf, uint32_t memattr)
{
	struct vfio_device_feature_dma_buf_memattr set = { dmabuf, memattr };

	return -device_feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR,
			       &set, sizeof(set));
}

int __vfio_get_memattr(const struct vfio_dev *dev, int dmabuf, uint32_t *memattr)
{
	struct vfio_device_feature_dma_buf_memattr get = { dmabuf, ~0u };
	int ret = device_feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR,
				 &get, sizeof(get));

	*memattr = get.memattr;
	return -ret;
}

void vfio_assert_foreign(const struct vfio_dev *dev, uint32_t feature,
			 int (*call)(const struct vfio_dev *dev, int dmabuf))
{
	struct vfio_dev other = { .fd = -1, .iommufd = -1 };
	struct vfio_device_feature probe = {
		.argsz = sizeof(probe),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET | feature,
	};
	int memfd, buffer, mock;

	vfio_require_power(&other);
	mock_require();
	do_ioctl(dev->fd, VFIO_DEVICE_FEATURE, &probe);
	memfd = memfd_create("no dma-buf", MFD_CLOEXEC);
	igt_assert_fd(memfd);
	igt_assert_eq(call(dev, -1), EBADF);
	igt_assert_eq(call(dev, memfd), EINVAL);
	close(memfd);

	buffer = vfio_export(dev);
	vfio_open(&other);
	igt_assert_eq(call(&other, buffer), ENODEV);
	vfio_close(&other);
	close(buffer);
	mock = mock_create(SZ_4K, 0);
	igt_assert_eq(call(dev, mock), ENODEV);
	close(mock);
}

int __vfio_ioeventfd(const struct vfio_dev *dev, uint64_t offset, int eventfd)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = dev->bar + offset,
		.data = 1,
		.fd = eventfd,
	};

	return ioctl(dev->fd, VFIO_DEVICE_IOEVENTFD, &arg) ? errno : 0;
}

int __vfio_open_sysfs_bar(const struct vfio_dev *dev)
{
	char path[256], file[16];
	int fd;

	snprintf(file, sizeof(file), "resource%u", dev->index);
	sysfs_path(path, sizeof(path), dev->bdf, file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void vfio_set_decode(const struct vfio_dev *dev, bool on)
{
	uint16_t command = config_read(dev, PCI_COMMAND);

	config_write(dev, PCI_COMMAND,
		     on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY);
	command = config_read(dev, PCI_COMMAND);
	igt_assert_eq(!!(command & PCI_COMMAND_MEMORY), on);
}

void vfio_reset(const struct vfio_dev *dev)
{
	do_ioctl(dev->fd, VFIO_DEVICE_RESET, NULL);
}

bool vfio_has_sysfs_reset(const struct vfio_dev *dev)
{
	char path[256];

	sysfs_path(path, sizeof(path), dev->bdf, "reset");
	return !access(path, W_OK);
}

void vfio_sysfs_reset(const struct vfio_dev *dev)
{
	char path[256];

	sysfs_path(path, sizeof(path), dev->bdf, "reset");
	igt_assert_eq(write_file(path, "1"), 0);
}

void vfio_attach(const struct vfio_dev *dev, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = ioas };

	do_ioctl(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	config_write(dev, PCI_COMMAND, config_read(dev, PCI_COMMAND) | PCI_COMMAND_MASTER);
}

uint8_t vfio_pm_capability(const struct vfio_dev *dev)
{
	uint8_t at;

	if (!(config_read(dev, PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return 0;
	at = config_read(dev, PCI_CAPABILITY_LIST);
	for (int i = 0; at && i < 48; i++) {
		uint16_t header = config_read(dev, at & ~3);

		if ((header & 0xff) == PCI_CAP_ID_PM)
			return at & ~3;
		at = header >> 8;
	}
	return 0;
}

void vfio_set_power(const struct vfio_dev *dev, unsigned int state)
{
	unsigned int at = vfio_pm_capability(dev) + PCI_PM_CTRL;

	config_write(dev, at, (config_read(dev, at) & ~PCI_PM_CTRL_STATE_MASK) | state);
}

void vfio_prefill(const struct vfio_dev *dev)
{
	const char *pattern = getenv("DBM_BAR_PATTERN");
	void *p;

	if (pattern) {
		igt_assert_eq_u64(strtoull(pattern, NULL, 16), dbm_pattern(0));
		return;
	}
	p = dbm_mmap(dev->fd, dev->size, PROT_READ | PROT_WRITE, dev->bar);
	dbm_fill(p, dev->size - VFIO_HOST_WORDS, 0);
	dbm_munmap(p, dev->size);
}

void vfio_leave_for_host(volatile void *addr, uint64_t offset, uint64_t value)
{
	const char *dir = getenv("DBM_RESULTS");
	char path[512];
	FILE *f;

	dbm_assert_write(addr, value);
	dbm_assert_read(addr, value);
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/host-check.txt", dir);
	f = fopen(path, "a");
	igt_assert_f(f, "%s: %s\n", path, strerror(errno));
	fprintf(f, "%" PRIx64 " %" PRIx64 "\n", offset, value);
	igt_assert_eq(fclose(f), 0);
}
