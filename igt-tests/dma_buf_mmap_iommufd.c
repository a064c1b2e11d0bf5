// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <linux/iommufd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/sources.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap iommufd
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: DMA of a device to buffers of another
 * Description: What iommufd maps of a buffer, by its fd and by an address in a mapping of it
 *
 * SUBTEST: file
 * Description: A device writes to a buffer that IOMMU_IOAS_MAP_FILE maps, of one range or many
 *
 * SUBTEST: address
 * Description: The same by the address of a mapping, through the device fd and the dma-buf
 *
 * SUBTEST: compat
 * Description: The same by VFIO_IOMMU_MAP_DMA on iommufd
 *
 * SUBTEST: revoke
 * Description: What is revoked is written by nobody, and comes back when it does
 *
 * SUBTEST: revoke-for-good
 * Description: A device that is on and writes to what was lent to it gets a fault, in the log
 *
 * SUBTEST: attach
 * Description: What is mapped before a device is attached is there when it is
 *
 * SUBTEST: rights
 * Description: A device gets no more by an address than who gave it could do himself
 *
 * SUBTEST: exporters
 * Description: Any buffer of system memory that stays is mapped by its fd
 */
IGT_TEST_DESCRIPTION("DMA to buffers that iommufd maps");

#define RW (PROT_READ | PROT_WRITE)
#define LENGTH (4 * SZ_4K)
/* Where in the BAR, off the host's words */
#define AT (6 * SZ_2M)
/* edu reaches 28 bits */
#define IOVA_MEMORY 0x1000000
#define IOVA_BUFFER 0x2000000

/* QEMU's edu, docs/specs/edu.rst */
#define EDU_SRC 0x80
#define EDU_DST 0x88
#define EDU_COUNT 0x90
#define EDU_COMMAND 0x98
#define EDU_START 1
#define EDU_TO_MEMORY 2
#define EDU_BUFFER 0x40000

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };	/* whose BAR is written to */
static struct vfio_dev edu = { .fd = -1, .iommufd = -1 };	/* who writes */
static uint32_t ioas;
static uint64_t *memory;	/* what edu reads, at IOVA_MEMORY */

static void edu_write(unsigned int at, uint64_t value)
{
	igt_assert_eq(pwrite(edu.fd, &value, sizeof(value), edu.bar + at), sizeof(value));
}

static void edu_copy(uint64_t src, uint64_t dst, size_t n, unsigned int command)
{
	uint64_t busy = EDU_START;

	edu_write(EDU_SRC, src);
	edu_write(EDU_DST, dst);
	edu_write(EDU_COUNT, n);
	edu_write(EDU_COMMAND, EDU_START | command);
	for (double end = dbm_seconds() + 20; busy & EDU_START; usleep(1000)) {
		igt_assert(dbm_seconds() < end);
		igt_assert_eq(pread(edu.fd, &busy, sizeof(busy), edu.bar + EDU_COMMAND),
			      sizeof(busy));
	}
}

/* Have the device write @value to @iova: by way of its own buffer */
static void dma_write(uint64_t iova, uint64_t value)
{
	*memory = value;
	edu_copy(IOVA_MEMORY, EDU_BUFFER, sizeof(value), 0);
	edu_copy(EDU_BUFFER, iova, sizeof(value), EDU_TO_MEMORY);
}

/* 0 or an errno */
static int map_address(void *p, size_t length, uint32_t flags)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map), .flags = IOMMU_IOAS_MAP_FIXED_IOVA | flags, .ioas_id = ioas,
		.user_va = (uintptr_t)p, .length = length, .iova = IOVA_BUFFER,
	};

	return ioctl(edu.iommufd, IOMMU_IOAS_MAP, &map) ? errno : 0;
}

static int map_compat(void *p, size_t length, uint32_t flags)
{
	struct iommu_vfio_ioas set = {
		.size = sizeof(set), .ioas_id = ioas, .op = IOMMU_VFIO_IOAS_SET,
	};
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .vaddr = (uintptr_t)p, .iova = IOVA_BUFFER, .size = length,
		.flags = (flags & IOMMU_IOAS_MAP_READABLE ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (flags & IOMMU_IOAS_MAP_WRITEABLE ? VFIO_DMA_MAP_FLAG_WRITE : 0),
	};

	do_ioctl(edu.iommufd, IOMMU_VFIO_IOAS, &set);
	return ioctl(edu.iommufd, VFIO_IOMMU_MAP_DMA, &map) ? errno : 0;
}

static int map_file(int fd, uint64_t start, size_t length)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map), .flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
		IOMMU_IOAS_MAP_WRITEABLE, .ioas_id = ioas, .fd = fd, .start = start,
		.length = length, .iova = IOVA_BUFFER,
	};

	return ioctl(edu.iommufd, IOMMU_IOAS_MAP_FILE, &map) ? errno : 0;
}

static void unmap(uint64_t iova, size_t length)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = iova, .length = length,
	};

	do_ioctl(edu.iommufd, IOMMU_IOAS_UNMAP, &unmap);
}

#define READ_WRITE (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

/* That the device writes to each page of @p, which is at IOVA_BUFFER */
static void check_written(char *p, size_t length)
{
	for (size_t o = 8; o < length; o += SZ_4K) {
		const uint64_t value = 0x1234567800000000ull + o;

		dma_write(IOVA_BUFFER + o, value);
		igt_assert_eq_u64(*(volatile uint64_t *)(p + o), value);
	}
}

static void file(void)
{
	/* backwards, with a gap */
	const struct vfio_region_dma_range many[] = {
		{ .offset = AT + 8 * SZ_4K, .length = 2 * SZ_4K },
		{ .offset = AT, .length = SZ_4K }, { .offset = AT + 4 * SZ_4K, .length = SZ_4K },
	};
	int fd = vfio_export(&dev);
	char *p = dbm_mmap(fd, LENGTH, RW, AT);

	igt_assert_eq(map_file(fd, AT, LENGTH), 0);
	check_written(p, LENGTH);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap(p, LENGTH);
	close(fd);

	fd = __vfio_export(&dev, many, ARRAY_SIZE(many), O_RDWR | O_CLOEXEC);
	igt_assert_fd(fd);
	p = dbm_mmap(fd, LENGTH, RW, 0);
	igt_assert_eq(map_file(fd, 0, LENGTH), 0);
	check_written(p, LENGTH);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap(p, LENGTH);
	close(fd);
}

static void by_address(int (*map)(void *p, size_t length, uint32_t flags))
{
	int fd = vfio_export(&dev);
	char *p;

	for (int touched = 0; touched <= 1; touched++) {
		p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);
		if (touched)
			dbm_touch(p, LENGTH);
		igt_assert_eq(map(p, LENGTH, READ_WRITE), 0);
		check_written(p, LENGTH);
		/* the address is of no account once it is mapped */
		dbm_munmap(p, LENGTH);
		p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);
		check_written(p, LENGTH);
		unmap(IOVA_BUFFER, LENGTH);
		dbm_munmap(p, LENGTH);
	}

	p = dbm_mmap(fd, LENGTH, RW, AT);
	igt_assert_eq(map(p + SZ_4K, LENGTH - SZ_4K, READ_WRITE), 0);
	check_written(p + SZ_4K, LENGTH - SZ_4K);
	unmap(IOVA_BUFFER, LENGTH - SZ_4K);
	dbm_munmap(p, LENGTH);
	close(fd);

	/* memory as ever */
	p = mmap(NULL, LENGTH, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(p != MAP_FAILED);
	igt_assert_eq(map(p, LENGTH, READ_WRITE), 0);
	check_written(p, LENGTH);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap(p, LENGTH);
}

static void address(void)
{
	by_address(map_address);
}

static void compat(void)
{
	by_address(map_compat);
}

/* What is not mapped, or not for that, is reached for on purpose: the IOMMU tells. */
static void expect_dma_faults(void)
{
	igt_emit_ignore_dmesg_regex("DMAR: ");
}

static void revoked(void)
{
	struct dma_buf_mock_create create = {
		.size = LENGTH, .flags = DMA_BUF_MOCK_FIXED, .open_flags = O_RDWR | O_CLOEXEC,
	};
	int mock = mock_create_args(&create);
	volatile uint64_t *word;
	char *p;

	expect_dma_faults();
	/* the BAR is there, if only to its owner: the mock's memory is what can be looked at */
	p = dbm_mmap(mock, LENGTH, RW, 0);
	word = (volatile uint64_t *)(p + 8);
	igt_assert_eq(map_address(p, LENGTH, READ_WRITE), 0);
	check_written(p, LENGTH);
	*word = 1;
	mock_set_state(mock, DMA_BUF_MOCK_OFF);
	dma_write(IOVA_BUFFER + 8, 2);
	mock_set_state(mock, DMA_BUF_MOCK_READY);
	igt_assert_eq_u64(*word, 1);
	dma_write(IOVA_BUFFER + 8, 3);
	igt_assert_eq_u64(*word, 3);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap(p, LENGTH);
	close(mock);

	p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);
	igt_assert_eq(map_address(p, LENGTH, READ_WRITE), 0);
	check_written(p, LENGTH);
	vfio_set_decode(&dev, false);
	vfio_set_decode(&dev, true);
	check_written(p, LENGTH);
	vfio_reset(&dev);
	check_written(p, LENGTH);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap(p, LENGTH);
}

/* Whether the kernel has said since @kmsg was there that edu faulted at @iova */
static bool fault_reported(int kmsg, uint64_t iova)
{
	char line[1024], who[64], where[64];
	bool found = false;
	ssize_t n;

	snprintf(who, sizeof(who), "Request device [%s]", edu.bdf);
	snprintf(where, sizeof(where), "fault addr 0x%" PRIx64 " ", iova);
	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		found |= strstr(line, "DMAR: [DMA Write") && strstr(line, who) &&
			 strstr(line, where);
	}
	return found;
}

static void revoked_for_good(void)
{
	int fd = vfio_export(&dev), kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	volatile uint64_t *word;
	bool reported;
	char *p;

	expect_dma_faults();
	igt_assert_fd(kmsg);
	igt_assert(lseek(kmsg, 0, SEEK_END) >= 0);
	p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);
	word = (volatile uint64_t *)(p + 8);
	igt_assert_eq(map_file(fd, AT, LENGTH), 0);
	check_written(p, LENGTH);
	igt_assert(!fault_reported(kmsg, IOVA_BUFFER));
	*word = 1;
	igt_assert_eq(__vfio_revoke(&dev, fd), 0);
	/* The log leaves some out when there are many. */
	for (int i = 0; i < 20; i++) {
		dma_write(IOVA_BUFFER + 8, 2);
		usleep(500 * 1000);
		reported = fault_reported(kmsg, IOVA_BUFFER);
		igt_assert_eq_u64(*word, 1);
		if (reported)
			break;
	}
	igt_assert(reported);
	unmap(IOVA_BUFFER, LENGTH);
	igt_assert_eq(map_file(fd, AT, LENGTH), ENODEV);
	close(fd);
	close(kmsg);
	dbm_munmap(p, LENGTH);
}

/* Whoever is attached later finds all that was mapped before. */
static void attach(void)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	char *p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	do_ioctl(edu.fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
	igt_assert_eq(map_address(p, LENGTH, READ_WRITE), 0);
	vfio_attach(&edu, ioas);
	check_written(p, LENGTH);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap(p, LENGTH);
}

static void rights(void)
{
	char *p = dbm_mmap(dev.fd, LENGTH, PROT_READ, dev.bar + AT);
	volatile uint64_t *word = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	expect_dma_faults();
	igt_assert_eq(map_address(p, LENGTH, READ_WRITE), EFAULT);
	igt_assert_eq(map_address(p, 2 * LENGTH, IOMMU_IOAS_MAP_READABLE), EFAULT);
	igt_assert_eq(map_address(p, LENGTH, IOMMU_IOAS_MAP_READABLE), 0);
	word[1] = 4;
	edu_copy(IOVA_BUFFER + 8, EDU_BUFFER, 8, 0);
	edu_copy(EDU_BUFFER, IOVA_MEMORY, 8, EDU_TO_MEMORY);
	igt_assert_eq_u64(*memory, 4);
	dma_write(IOVA_BUFFER + 8, 5);
	igt_assert_eq_u64(word[1], 4);
	unmap(IOVA_BUFFER, LENGTH);
	dbm_munmap((void *)word, LENGTH);
	dbm_munmap(p, LENGTH);
}

static void exporter(struct source *s)
{
	struct source_buffer b;
	char *p;
	int err;

	b = source_create(s, O_RDWR);
	err = map_file(b.fd, SZ_2M - SZ_4K, LENGTH);
	if (!err) {
		p = dbm_mmap(b.fd, LENGTH, RW, SZ_2M - SZ_4K);
		check_written(p, LENGTH);
		dbm_munmap(p, LENGTH);
		unmap(IOVA_BUFFER, LENGTH);
	}
	source_destroy(&b);
	igt_require_f(err != EOPNOTSUPP, "the memory of %s moves, or no other device reaches it\n",
		      s->name);
	igt_assert_eq(err, 0);
}

static const struct dbm_test tests[] = {
	{ "file", "Peers reach each other's memory by a buffer", file },
	{ "address", "A pointer is as good as a buffer", address },
	{ "compat", "Old ioctls of new iommufd do what type1 did", compat },
	{ "revoke", "A reset is a pause to peers as well", revoked },
	{ "revoke-for-good", "What was lent is taken back from devices too", revoked_for_good },
	{ "attach", "The order of mapping and attaching is no matter", attach },
	{ "rights", "No device does what its owner could not", rights },
};

int igt_main()
{
	igt_fixture() {
		struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
		struct iommu_ioas_map map = {
			.size = sizeof(map), .length = SZ_4K, .iova = IOVA_MEMORY,
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | READ_WRITE,
		};

		mock_require();
		vfio_require(&dev, 16 * SZ_1M, SZ_1G);
		vfio_require_dma(&edu);
		vfio_open(&dev);
		vfio_open(&edu);
		do_ioctl(edu.iommufd, IOMMU_IOAS_ALLOC, &alloc);
		ioas = alloc.out_ioas_id;
		vfio_attach(&edu, ioas);
		memory = mmap(NULL, SZ_4K, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		igt_assert(memory != MAP_FAILED);
		map.ioas_id = ioas;
		map.user_va = (uintptr_t)memory;
		do_ioctl(edu.iommufd, IOMMU_IOAS_MAP, &map);
	}

	dbm_subtests(tests, 60);

	/* one of the sources is the same BAR */
	igt_fixture()
		vfio_close(&dev);

	igt_describe("Not only BARs");
	sources_subtest("exporters", 0, exporter);

	igt_fixture() {
		sources_close();
		vfio_close(&edu);
	}
}
