// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/info.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/prime.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap vfio memattr
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping of PCI BARs
 * Description: Dma-bufs of a BAR that CPUs map write-combined, on x86
 *
 * SUBTEST: whole
 * Description: A whole BAR is write-combined, in leaves as large as before, and back
 *
 * SUBTEST: mapped
 * Description: What is mapped already changes, in every process and through every fd
 *
 * SUBTEST: part
 * Description: Pages beside a write-combined buffer stay uncached
 *
 * SUBTEST: ranges
 * Description: Each range of a buffer is write-combined, one that is there twice too
 *
 * SUBTEST: shared
 * Description: A page is write-combined as long as one of its buffers is
 *
 * SUBTEST: revoked
 * Description: Memory decode and a reset change nothing; a revoke for good ends it
 *
 * SUBTEST: read-write
 * Description: read() and write() on the device fd reach a write-combined BAR
 *
 * SUBTEST: ioeventfd
 * Description: An ioeventfd and a write-combined buffer exclude each other, either way
 *
 * SUBTEST: sysfs
 * Description: A BAR that is mapped through sysfs cannot change
 *
 * SUBTEST: address
 * Description: A buffer that was found by an address has an attribute as any other
 *
 * SUBTEST: msix
 * Description: The MSI-X table stays uncached, what is beside it need not
 *
 * SUBTEST: slow-read
 * Description: A read() that takes long does not keep the type of what it reads
 *
 * SUBTEST: hammer
 * Description: Accesses of every kind go on while the attribute changes
 *
 * SUBTEST: no-write-combining
 * Description: A machine that cannot says so, and changes nothing
 *
 * SUBTEST: errors
 * Description: What is no dma-buf of the device, or no attribute, is refused
 */
IGT_TEST_DESCRIPTION("Memory attributes of PCI BARs");

#define RW (PROT_READ | PROT_WRITE)
#define NC VFIO_DEVICE_DMA_BUF_MEMATTR_NC
#define WC VFIO_DEVICE_DMA_BUF_MEMATTR_WC
#define LENGTH (2 * SZ_2M)
#define AT (4 * SZ_2M)
/* a word in each page that neither the host nor another test uses */
#define SCRATCH 0x200

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };

static void set(int fd, uint32_t memattr)
{
	uint32_t now;

	igt_assert_eq(__vfio_set_memattr(&dev, fd, memattr), 0);
	igt_assert_eq(__vfio_get_memattr(&dev, fd, &now), 0);
	igt_assert_eq(now, memattr);
	dbm_assert_info(fd, DMA_BUF_INFO_CPU_CACHED | DMA_BUF_INFO_CPU_WRITE_COMBINED |
			DMA_BUF_INFO_IO_MEMORY,
			DMA_BUF_INFO_IO_MEMORY |
			(memattr == WC ? DMA_BUF_INFO_CPU_WRITE_COMBINED : 0));
}

static int export_range(uint64_t offset, uint64_t length)
{
	const struct vfio_region_dma_range r = { offset, length };
	int fd = __vfio_export(&dev, &r, 1, O_RDWR | O_CLOEXEC);

	igt_assert_fd(fd);
	return fd;
}

/* Every page, which shows the BAR from @offset on, is mapped that way, and no other */
static struct ptdump assert_caching(char *p, size_t length, uint64_t offset, unsigned int caching)
{
	struct ptdump d;

	dbm_check(p, length, offset);
	d = ptdump(p, length);
	igt_assert_f(d.caching == caching, "BAR offset %#" PRIx64 ": caching %#x instead of %#x\n",
		     offset, d.caching, caching);
	return d;
}

static void whole(void)
{
	int fd = vfio_export(&dev);
	uint32_t now;

	igt_assert_eq(__vfio_get_memattr(&dev, fd, &now), 0);
	igt_assert_eq(now, NC);
	for (int i = 0; i < 4; i++) {
		const bool wc = i & 1;
		struct ptdump d;
		char *p;

		set(fd, wc ? WC : NC);
		/* It is what it is: nothing to do */
		set(fd, wc ? WC : NC);
		p = dbm_mmap(fd, dev.size, RW, 0);
		/* The last leaf has words for the host too. */
		d = assert_caching(p, dev.size - VFIO_HOST_WORDS, 0,
				   wc ? PTDUMP_WC : PTDUMP_UC_MINUS);
		igt_assert_eq(d.pmd, dev.size / SZ_2M);
		igt_assert_eq(d.pte, 0);
		dbm_munmap(p, dev.size);
	}
	close(fd);
}

static void mapped(void)
{
	struct {
		volatile int parent, child;
	} *s = dbm_shared(SZ_4K);
	int fd = vfio_export(&dev), other = export_range(AT + SZ_4K, LENGTH);
	char *const maps[] = {
		dbm_mmap(fd, LENGTH, RW, AT + SZ_4K),
		dbm_mmap(other, LENGTH, RW, 0),
		dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT + SZ_4K),
	};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		assert_caching(maps[i], LENGTH, AT + SZ_4K, PTDUMP_UC_MINUS);
	igt_fork(child, 1) {
		for (int step = 0; step < 3; step++) {
			for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
				assert_caching(maps[i], LENGTH, AT + SZ_4K,
					       step == 1 ? PTDUMP_WC : PTDUMP_UC_MINUS);
			s->child = step + 1;
			dbm_wait_for(&s->parent, step + 1, 20000);
		}
	}
	for (int step = 0; step < 2; step++) {
		dbm_wait_for(&s->child, step + 1, 20000);
		set(fd, step ? NC : WC);
		/* No leaf of the other type is left, whoever made it. */
		for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
			ptdump_assert_none(maps[i], LENGTH);
		for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
			assert_caching(maps[i], LENGTH, AT + SZ_4K,
				       step ? PTDUMP_UC_MINUS : PTDUMP_WC);
		s->parent = step + 1;
	}
	dbm_wait_for(&s->child, 3, 20000);
	s->parent = 3;
	igt_waitchildren_timeout(20, "the child does not end");
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		dbm_munmap(maps[i], LENGTH);
	close(other);
	close(fd);
	dbm_munmap(s, SZ_4K);
}

static void part(void)
{
	int fd = export_range(AT + SZ_4K, SZ_2M), all = vfio_export(&dev);
	char *p = dbm_mmap(fd, SZ_2M, RW, 0), *q = dbm_mmap(all, LENGTH, RW, AT);

	set(fd, WC);
	for (int i = 0; i < 2; i++) {
		assert_caching(p, SZ_2M, AT + SZ_4K, PTDUMP_WC);
		assert_caching(q, SZ_4K, AT, PTDUMP_UC_MINUS);
		assert_caching(q + SZ_4K, SZ_2M, AT + SZ_4K, PTDUMP_WC);
		assert_caching(q + SZ_2M + SZ_4K, SZ_2M - SZ_4K, AT + SZ_2M + SZ_4K,
			       PTDUMP_UC_MINUS);
		dbm_munmap(q, LENGTH);
		/* mmap() makes no difference, nor does the order of the faults. */
		q = dbm_mmap(all, LENGTH, RW, AT);
	}
	dbm_munmap(p, SZ_2M);
	dbm_munmap(q, LENGTH);
	close(all);
	close(fd);
}

static void ranges(void)
{
	const struct vfio_region_dma_range r[] = {
		{ AT + LENGTH, SZ_2M }, { AT, SZ_2M }, { AT, SZ_2M }, { AT + SZ_1M, SZ_2M },
	};
	int fd = __vfio_export(&dev, r, ARRAY_SIZE(r), O_RDWR | O_CLOEXEC);
	char *p, *bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	igt_assert_fd(fd);
	p = dbm_mmap(fd, ARRAY_SIZE(r) * SZ_2M, RW, 0);
	for (int i = 0; i < 2; i++) {
		set(fd, WC);
		for (size_t j = 0; j < ARRAY_SIZE(r); j++)
			assert_caching(p + j * SZ_2M, SZ_2M, r[j].offset, PTDUMP_WC);
		assert_caching(bar, SZ_2M + SZ_1M, AT, PTDUMP_WC);
		set(fd, NC);
		assert_caching(bar, LENGTH, AT, PTDUMP_UC_MINUS);
	}
	dbm_munmap(p, ARRAY_SIZE(r) * SZ_2M);
	dbm_munmap(bar, LENGTH);
	close(fd);
}

static void shared(void)
{
	int a = export_range(AT, LENGTH), b = export_range(AT + SZ_2M, LENGTH);
	char *bar = dbm_mmap(dev.fd, LENGTH + SZ_2M, RW, dev.bar + AT);
	int small = export_range(AT, SZ_4K);

	set(small, WC);
	set(a, WC);
	set(b, WC);
	close(small);
	assert_caching(bar, LENGTH + SZ_2M, AT, PTDUMP_WC);
	close(a);
	assert_caching(bar, SZ_2M, AT, PTDUMP_UC_MINUS);
	assert_caching(bar + SZ_2M, LENGTH, AT + SZ_2M, PTDUMP_WC);
	close(b);
	assert_caching(bar, LENGTH + SZ_2M, AT, PTDUMP_UC_MINUS);
	dbm_munmap(bar, LENGTH + SZ_2M);
}

static void revoked(void)
{
	int fd = export_range(AT, LENGTH);
	char *p = dbm_mmap(fd, LENGTH, RW, 0), *bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	set(fd, WC);
	vfio_set_decode(&dev, false);
	vfio_set_decode(&dev, true);
	assert_caching(p, LENGTH, AT, PTDUMP_WC);
	vfio_reset(&dev);
	assert_caching(p, LENGTH, AT, PTDUMP_WC);
	/* It can be chosen while nobody reaches the BAR. */
	vfio_set_decode(&dev, false);
	igt_assert_eq(__vfio_set_memattr(&dev, fd, NC), 0);
	igt_assert_eq(__vfio_set_memattr(&dev, fd, WC), 0);
	ptdump_assert_none(p, LENGTH);
	vfio_set_decode(&dev, true);
	assert_caching(p, LENGTH, AT, PTDUMP_WC);
	assert_caching(bar, LENGTH, AT, PTDUMP_WC);
	igt_assert_eq(__vfio_revoke(&dev, fd), 0);
	assert_caching(bar, LENGTH, AT, PTDUMP_UC_MINUS);
	dbm_munmap(p, LENGTH);
	dbm_munmap(bar, LENGTH);
	close(fd);
	/* As the last close of the device does */
	fd = vfio_export(&dev);
	set(fd, WC);
	vfio_close(&dev);
	vfio_open(&dev);
	bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);
	assert_caching(bar, LENGTH, AT, PTDUMP_UC_MINUS);
	dbm_munmap(bar, LENGTH);
	close(fd);
}

static void read_write(void)
{
	const uint64_t from = AT + SZ_2M - 2 * SZ_4K + SCRATCH, length = 4 * SZ_4K;
	uint8_t out[4 * SZ_4K], in[4 * SZ_4K];
	int fd = export_range(AT, SZ_2M);
	char *p = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	/* The first word of a page is the host's. */
	for (uint64_t i = 0; i < length; i++)
		out[i] = i * 7 + i / 256;
	for (uint64_t o = SZ_4K - SCRATCH; o < length; o += SZ_4K) {
		const uint64_t word = dbm_pattern(from + o);

		memcpy(out + o, &word, sizeof(word));
	}
	set(fd, WC);
	igt_assert_eq(pwrite(dev.fd, out, length, dev.bar + from), length);
	igt_assert_eq(memcmp(p + from - AT, out, length), 0);
	igt_assert_eq(pread(dev.fd, in, length, dev.bar + from), length);
	igt_assert_eq(memcmp(in, out, length), 0);
	/* One byte at the end of a page, and the last of the BAR, as ever */
	igt_assert_eq(pread(dev.fd, in, 1, dev.bar + AT + SZ_2M - 1), 1);
	igt_assert_eq(in[0], out[AT + SZ_2M - 1 - from]);
	igt_assert_eq(pread(dev.fd, in, length, dev.bar + dev.size - 8), 8);
	igt_assert_eq(pread(dev.fd, in, 8, dev.bar + dev.size), -1);
	igt_assert_eq(errno, EINVAL);
	vfio_set_decode(&dev, false);
	igt_assert_eq(pread(dev.fd, in, 8, dev.bar + from), -1);
	igt_assert_eq(errno, EIO);
	vfio_set_decode(&dev, true);
	assert_caching(p, SZ_2M, AT, PTDUMP_WC);
	set(fd, NC);
	igt_assert_eq(pread(dev.fd, in, length, dev.bar + from), length);
	igt_assert_eq(memcmp(in, out, length), 0);
	dbm_munmap(p, LENGTH);
	close(fd);
}

static void ioeventfd(void)
{
	int fd = export_range(AT, LENGTH), event = eventfd(0, EFD_CLOEXEC);
	volatile int *p = dbm_mmap(dev.fd, SZ_4K, RW, dev.bar);

	set(fd, WC);
	/* A driver of the kernel's has none either; what does not overlap is of the same BAR. */
	igt_assert_eq(__vfio_ioeventfd(&dev, SCRATCH, event), EBUSY);
	igt_assert_eq(__vfio_ioeventfd(&dev, SCRATCH, -1), ENODEV);
	set(fd, NC);
	p[SCRATCH / 4] = 0;
	igt_assert_eq(__vfio_ioeventfd(&dev, SCRATCH, event), 0);
	igt_assert_eq(write(event, &(uint64_t){ 1 }, 8), 8);
	dbm_wait_for(p + SCRATCH / 4, 1, 5000);
	igt_assert_eq(__vfio_set_memattr(&dev, fd, WC), EBUSY);
	igt_assert_eq(__vfio_ioeventfd(&dev, SCRATCH, -1), 0);
	/* Until the device is closed */
	igt_assert_eq(__vfio_set_memattr(&dev, fd, WC), EBUSY);
	dbm_munmap((void *)p, SZ_4K);
	close(event);
	close(fd);
}

static void other_mapping(void)
{
	int fd = export_range(AT, LENGTH), bar = __vfio_open_sysfs_bar(&dev);
	uint32_t now;
	char *p, *q;

	igt_require_f(bar >= 0, "sysfs shows no BAR: %s\n", strerror(-bar));
	p = mmap(NULL, SZ_4K, RW, MAP_SHARED, bar, AT + LENGTH - SZ_4K);
	igt_require_f(p != MAP_FAILED, "sysfs maps no BAR: %s\n", strerror(errno));
	dbm_touch(p, SZ_4K);
	igt_assert_eq(__vfio_set_memattr(&dev, fd, WC), EBUSY);
	igt_assert_eq(__vfio_get_memattr(&dev, fd, &now), 0);
	igt_assert_eq(now, NC);
	/* Nothing of it is left */
	q = dbm_mmap(fd, LENGTH, RW, 0);
	assert_caching(q, LENGTH, AT, PTDUMP_UC_MINUS);
	dbm_munmap(p, SZ_4K);
	set(fd, WC);
	assert_caching(q, LENGTH, AT, PTDUMP_WC);
	dbm_munmap(q, LENGTH);
	close(bar);
	close(fd);
}

static void by_address(void)
{
	char *bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT), *p;
	int vgem = drm_open_by_name("vgem"), fd;
	uint64_t offset;

	igt_require_f(vgem >= 0, "there is no vgem\n");
	igt_assert_eq(drmPrimeAddrToFD(vgem, bar, LENGTH, DRM_CLOEXEC, &fd, &offset), 0);
	set(fd, WC);
	p = dbm_mmap(fd, LENGTH, RW, 0);
	assert_caching(p, LENGTH, AT, PTDUMP_WC);
	assert_caching(bar, LENGTH, AT, PTDUMP_WC);
	dbm_munmap(p, LENGTH);
	close(fd);
	assert_caching(bar, LENGTH, AT, PTDUMP_UC_MINUS);
	dbm_munmap(bar, LENGTH);
	close(vgem);
}

/* e1000e has the table at the start of BAR 3, of four pages. */
static void msix(void)
{
	const struct vfio_region_dma_range r[] = {
		{ SZ_4K, 3 * SZ_4K }, { 0, SZ_4K }, { 0, 4 * SZ_4K },
	};
	struct vfio_dev other = { .fd = -1, .iommufd = -1 };

	vfio_require_power(&other);
	vfio_open(&other);
	other.index = 3;
	for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
		int fd = __vfio_export(&other, &r[i], 1, O_RDWR | O_CLOEXEC);

		igt_assert_fd(fd);
		igt_assert_eq(__vfio_set_memattr(&other, fd, NC), 0);
		igt_assert_eq(__vfio_set_memattr(&other, fd, WC), i ? EOPNOTSUPP : 0);
		close(fd);
	}
	vfio_close(&other);
}

static void slow_read(void)
{
	volatile int *child_reads = dbm_shared(sizeof(*child_reads));
	int mock = mock_create(SZ_4K, 0), fd = export_range(AT, SZ_2M);
	char *slow = dbm_mmap(mock, SZ_4K, RW, 0), *bar = dbm_mmap(dev.fd, SZ_2M, RW, dev.bar + AT);

	set(fd, WC);
	assert_caching(bar, SZ_2M, AT, PTDUMP_WC);
	/* Whoever touches it waits. */
	mock_set_state(mock, DMA_BUF_MOCK_BUSY);
	igt_fork(child, 1) {
		close(fd);
		*child_reads = 1;
		igt_assert_eq(pread(dev.fd, slow, SZ_4K, dev.bar + AT), SZ_4K);
		dbm_check(slow, SZ_4K, AT);
		*child_reads = 2;
	}
	dbm_wait_for(child_reads, 1, 20000);
	usleep(200 * 1000);
	close(fd);
	assert_caching(bar, SZ_2M, AT, PTDUMP_UC_MINUS);
	igt_assert_eq(*child_reads, 1);
	mock_set_state(mock, DMA_BUF_MOCK_READY);
	igt_waitchildren_timeout(20, "the child does not end");
	assert_caching(bar, SZ_2M, AT, PTDUMP_UC_MINUS);
	dbm_munmap(bar, SZ_2M);
	dbm_munmap(slow, SZ_4K);
	close(mock);
	dbm_munmap((void *)child_reads, sizeof(*child_reads));
}

static void hammer(void)
{
	volatile int *stop = dbm_shared(sizeof(*stop));
	int fd = export_range(AT, LENGTH), others = 0, changes = 0;
	char *p = dbm_mmap(fd, LENGTH, RW, 0), *bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);
	struct hammer *dmabuf = hammer_start(p, LENGTH / 2), *own;
	double end = dbm_seconds() + 5;

	own = hammer_start(bar + LENGTH / 2, LENGTH / 2);
	igt_fork(child, 1) {
		char page[SZ_4K];

		for (; !*stop; others++) {
			/* Buffers that come and go, and keep the type while the first has none */
			int other = export_range(AT, LENGTH);

			igt_assert_eq(__vfio_set_memattr(&dev, other, others & 1), 0);
			igt_assert_eq(pread(dev.fd, page, SZ_4K, dev.bar + AT), SZ_4K);
			close(other);
		}
		igt_assert_lte(10, others);
	}
	for (; changes < 10 || dbm_seconds() < end; changes++) {
		igt_assert_eq(__vfio_set_memattr(&dev, fd, changes & 1 ? NC : WC), 0);
		if (changes % 16 == 0 && vfio_has_sysfs_reset(&dev))
			vfio_sysfs_reset(&dev);
		hammer_assert_progress(dmabuf, 10000);
		hammer_assert_progress(own, 10000);
	}
	*stop = 1;
	igt_waitchildren_timeout(20, "the child does not end");
	igt_info("%d changes\n", changes);
	hammer_stop(dmabuf);
	hammer_stop(own);
	igt_assert_eq(__vfio_set_memattr(&dev, fd, NC), 0);
	assert_caching(p, LENGTH, AT, PTDUMP_UC_MINUS);
	assert_caching(bar, LENGTH, AT, PTDUMP_UC_MINUS);
	dbm_munmap(p, LENGTH);
	dbm_munmap(bar, LENGTH);
	close(fd);
	dbm_munmap((void *)stop, sizeof(*stop));
}

static int set_wc(const struct vfio_dev *d, int dmabuf)
{
	return __vfio_set_memattr(d, dmabuf, WC);
}

static int get(const struct vfio_dev *d, int dmabuf)
{
	uint32_t memattr;

	return __vfio_get_memattr(d, dmabuf, &memattr);
}

static void errors(void)
{
	const uint32_t feature = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR;
	int buffer;

	vfio_assert_foreign(&dev, feature, set_wc);
	vfio_assert_foreign(&dev, feature, get);
	buffer = vfio_export(&dev);
	igt_assert_eq(__vfio_set_memattr(&dev, buffer, WC + 1), ENOENT);
	igt_assert_eq(__vfio_set_memattr(&dev, buffer, ~0u), ENOENT);
	igt_assert_eq(__vfio_revoke(&dev, buffer), 0);
	igt_assert_eq(set_wc(&dev, buffer), EBADFD);
	igt_assert_eq(get(&dev, buffer), EBADFD);
	close(buffer);
}

static const struct dbm_test tests[] = {
	{ "whole", "What is chosen is in the leaves", whole },
	{ "mapped", "One page has one type, whoever has mapped it", mapped },
	{ "part", "Registers beside the memory keep their order", part },
	{ "ranges", "The order and number of ranges do not matter", ranges },
	{ "shared", "The last one turns off the light", shared },
	{ "revoked", "An attribute of the memory, not of its state", revoked },
	{ "read-write", "What needs no mapping needs none of the kernel's", read_write },
	{ "ioeventfd", "Who keeps the kernel's mapping is not disturbed", ioeventfd },
	{ "sysfs", "Nor is who maps the BAR in another way", other_mapping },
	{ "address", "How the buffer was had is no matter", by_address },
	{ "msix", "What the kernel writes stays in order", msix },
	{ "slow-read", "Not even while somebody reads", slow_read },
	{ "hammer", "Who accesses the memory notices nothing", hammer },
	{ "errors", "Each errno but EINTR, ENOMEM and EOPNOTSUPP", errors },
};

/* Whether this machine has such mappings */
static bool has_write_combining(void)
{
	int fd = vfio_export(&dev), err = __vfio_set_memattr(&dev, fd, WC);

	close(fd);
	return err != EOPNOTSUPP;
}

static void no_write_combining(void)
{
	int fd = export_range(AT, LENGTH);
	char *p = dbm_mmap(fd, LENGTH, RW, 0);

	assert_caching(p, LENGTH, AT, PTDUMP_UC_MINUS);
	igt_assert_eq(__vfio_set_memattr(&dev, fd, WC), EOPNOTSUPP);
	set(fd, NC);
	assert_caching(p, LENGTH, AT, PTDUMP_UC_MINUS);
	dbm_munmap(p, LENGTH);
	close(fd);
}

int igt_main()
{
	igt_fixture() {
		mock_require();
		vfio_require(&dev, 16 * SZ_1M, SZ_1G);
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
		vfio_open(&dev);
		close(vfio_export(&dev));
		vfio_prefill(&dev);
	}

	igt_subtest_group() {
		igt_fixture()
			igt_require_f(has_write_combining(), "the CPU has no write-combining\n");

		/* An attribute, and who is in its way, ends with the last close. */
		vfio_subtests(&dev, tests, 60);
	}

	igt_describe("A CPU without write-combining does not pretend to have it");
	igt_subtest("no-write-combining") {
		igt_require_f(!has_write_combining(), "the CPU has write-combining\n");
		no_write_combining();
	}

	igt_fixture()
		vfio_close(&dev);
}
