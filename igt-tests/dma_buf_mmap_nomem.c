// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap nomem
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping without memory
 * Description: Each operation is repeated with its first, second, third … allocation failing,
 *	until it needs no more: it must fail cleanly or work, and work afterwards
 *
 * SUBTEST: map
 * Description: mmap() of a buffer
 *
 * SUBTEST: touch-order-%d
 * Description: First touch of every page, with small and with large leaves
 *
 * arg[1].values: 0, 9
 *
 * SUBTEST: split
 * Description: mprotect() of the middle of a mapping
 *
 * SUBTEST: read-mem
 * Description: Reading the mapping through /proc/self/mem
 *
 * SUBTEST: lookup
 * Description: From an address to the buffer
 *
 * SUBTEST: move
 * Description: A move of the backing
 *
 * SUBTEST: revoke
 * Description: A revoke needs no memory: it always succeeds
 *
 * SUBTEST: import
 * Description: Import into vkms, a mapping there and its first touch
 *
 * SUBTEST: bar-export
 * Description: Export of ranges of a BAR
 *
 * SUBTEST: bar-map
 * Description: mmap() of a BAR through the device fd, and its first touch
 *
 * SUBTEST: bar-decode
 * Description: Memory decode off and on needs no memory: it always succeeds
 */
IGT_TEST_DESCRIPTION("CPU mappings of dma-bufs when memory runs out");

#define RW (PROT_READ | PROT_WRITE)
#define BAR_SIZE SZ_2M
#define MOST_ALLOCATIONS 100000

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };
static int dmabuf = -1, vkms = -1, fail_nth = -1;
static char *p;
static uint64_t size;

static void write_attr(const char *fault, const char *attr, const char *value)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", igt_debugfs_mount(), fault, attr);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	igt_require_f(fd >= 0, "the kernel cannot be told to fail allocations: %s: %s\n", path,
		      strerror(errno));
	igt_assert_eq(write(fd, value, strlen(value)), (int)strlen(value));
	close(fd);
}

/* Whether allocations that may wait fail too; nothing else fails unless asked for */
static void fail_all(bool all)
{
	write_attr("failslab", "ignore-gfp-wait", all ? "N" : "Y");
	write_attr("fail_page_alloc", "ignore-gfp-wait", all ? "N" : "Y");
	write_attr("fail_page_alloc", "min-order", all ? "0" : "1");
	write_attr("failslab", "verbose", all ? "0" : "2");
	write_attr("fail_page_alloc", "verbose", all ? "0" : "2");
}

static void restore(int sig)
{
	(void)sig;
	fail_all(false);
}

static void set_fail_nth(int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	igt_assert_eq(pwrite(fail_nth, text, len, 0), len);
}

/* How many more allocations it would have taken; 0: one has failed */
static int get_fail_nth(void)
{
	char text[16] = "";

	igt_assert_lte(1, pread(fail_nth, text, sizeof(text) - 1, 0));
	return atoi(text);
}

/* Run @op, which returns 0 or an errno, with one allocation after the other failing */
static void sweep(const char *name, int (*op)(void), bool may_fail)
{
	int failed = 0, survived = 0, err, left;

	igt_assert_eq(op(), 0);
	for (int n = 1; n < MOST_ALLOCATIONS; n++) {
		set_fail_nth(n);
		err = op();
		left = get_fail_nth();
		set_fail_nth(0);
		if (left) {
			igt_assert_eq(err, 0);
			igt_assert_eq(op(), 0);
			igt_info("%s: %d allocations, %d fatal\n", name, n - 1, failed);
			/* or nothing was tested */
			igt_assert(n > 1 || !may_fail);
			return;
		}
		igt_assert_f(!err || (may_fail && err == ENOMEM), "%s, allocation %d: %s\n", name,
			     n, strerror(err));
		if (err)
			failed++;
		else
			survived++;
	}
	igt_assert_f(false, "%s: %d fatal, %d not, and no end\n", name, failed, survived);
}

static int op_map(void)
{
	void *q = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);

	if (q == MAP_FAILED)
		return errno;
	return munmap(q, size) ? errno : 0;
}

/* A fault that finds no memory is tried again: no signal, the right data */
static int touch(volatile char *q, uint64_t length, uint64_t offset)
{
	uint64_t word;

	for (uint64_t o = 0; o < length; o += SZ_4K)
		if (__dbm_read(q + o, &word) || word != dbm_pattern(offset + o))
			return EFAULT;
	return 0;
}

/* In a mapping that has no page tables yet */
static int op_touch(void)
{
	char *q = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	int err;

	if (q == MAP_FAILED)
		return errno;
	err = touch(q, size, 0);
	munmap(q, size);
	return err;
}

/* Such mappings stay split, so it takes a new one */
static int op_split(void)
{
	char *q = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	int err;

	if (q == MAP_FAILED)
		return errno;
	err = mprotect(q + size / 4, size / 4, PROT_READ) ? errno : 0;
	err = touch(q, size, 0) ?: err;
	munmap(q, size);
	return err;
}

static int op_read_mem(void)
{
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), err = 0;
	uint64_t word = 0;

	if (mem < 0)
		return errno;
	if (pread(mem, &word, sizeof(word), (uintptr_t)p + size / 4) != sizeof(word))
		err = errno;
	else if (word != dbm_pattern(size / 4))
		err = EFAULT;
	close(mem);
	return err;
}

static int op_lookup(void)
{
	struct dma_buf_mock_lookup found;

	return mock_lookup(p + size / 4, size / 4, &found);
}

static int op_move(void)
{
	int err = __mock_move(dmabuf, 0);

	return touch(p, size, 0) ?: err;
}

static int op_revoke(void)
{
	mock_set_state(dmabuf, DMA_BUF_MOCK_OFF);
	mock_set_state(dmabuf, DMA_BUF_MOCK_READY);
	return 0;
}

static int op_import(void)
{
	uint64_t offset = 0;
	uint32_t handle;
	int err = drm_import(vkms, dmabuf, &handle);
	void *q;

	if (err)
		return err;
	err = drm_map_dumb(vkms, handle, &offset);
	if (!err) {
		q = mmap(NULL, size, RW, MAP_SHARED, vkms, offset);
		err = q == MAP_FAILED ? errno : touch(q, size, 0);
		if (q != MAP_FAILED)
			munmap(q, size);
	}
	drm_close_handle(vkms, handle);
	return err;
}

static int op_bar_export(void)
{
	static const struct vfio_region_dma_range ranges[] = {
		{ SZ_2M, SZ_2M }, { 0, SZ_2M }, { 8 * SZ_2M, SZ_2M },
	};
	int fd = __vfio_export(&dev, ranges, ARRAY_SIZE(ranges), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -fd;
	close(fd);
	return 0;
}

static int op_bar_map(void)
{
	void *q = mmap(NULL, BAR_SIZE, RW, MAP_SHARED, dev.fd, dev.bar);
	int err;

	if (q == MAP_FAILED)
		return errno;
	err = touch(q, BAR_SIZE, 0);
	munmap(q, BAR_SIZE);
	return err;
}

static char *bar;

static int op_bar_decode(void)
{
	vfio_set_decode(&dev, false);
	vfio_set_decode(&dev, true);
	return touch(bar, BAR_SIZE, 0);
}

static void map_mock(unsigned int order)
{
	/* two of the leaves that order allows, or enough for a few faults */
	size = order ? 2 * SZ_4K << order : 64 * SZ_4K;
	dmabuf = mock_create(size, order);
	p = dbm_mmap(dmabuf, size, RW, 0);
	dbm_fill(p, size, 0);
}

static void unmap_mock(void)
{
	dbm_check(p, size, 0);
	dbm_munmap(p, size);
	close(dmabuf);
}

static const struct {
	const char *name, *describe;
	int (*op)(void);
	bool may_fail;
	unsigned int order;
} mock_tests[] = {
	{ "map", "mmap() says ENOMEM", op_map, true, 0 },
	{ "touch-order-0", "A fault is late, not fatal", op_touch, true, 0 },
	{ "touch-order-9", "A fault is late, not fatal, for a large leaf too", op_touch, true, 9 },
	{ "split", "mprotect() says ENOMEM", op_split, true, 0 },
	{ "read-mem", "read() says ENOMEM", op_read_mem, true, 0 },
	{ "lookup", "Looking up takes no memory of its own", op_lookup, false, 0 },
	{ "move", "A move fails without harm", op_move, true, 0 },
	{ "revoke", "Teardown cannot fail", op_revoke, false, 0 },
}, bar_tests[] = {
	{ "bar-export", "Exporting says ENOMEM", op_bar_export, true, 0 },
	{ "bar-map", "mmap() says ENOMEM", op_bar_map, true, 0 },
	{ "bar-decode", "Teardown cannot fail", op_bar_decode, false, 0 },
};

int igt_main()
{
	igt_fixture() {
		fail_nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
		igt_require_f(fail_nth >= 0,
			      "the kernel fails no allocations on demand (CONFIG_FAULT_INJECTION)\n");
		igt_install_exit_handler(restore);
		fail_all(true);
		dbm_catch_signals();
	}

	igt_subtest_group() {
		igt_fixture()
			mock_require();
		for (size_t i = 0; i < ARRAY_SIZE(mock_tests); i++) {
			igt_describe(mock_tests[i].describe);
			igt_subtest(mock_tests[i].name) {
				igt_set_timeout(240, mock_tests[i].name);
				map_mock(mock_tests[i].order);
				sweep(mock_tests[i].name, mock_tests[i].op, mock_tests[i].may_fail);
				unmap_mock();
				igt_reset_timeout();
			}
		}

		igt_describe("Importing and mapping there say ENOMEM");
		igt_subtest("import") {
			vkms = drm_open_by_name("vkms");
			igt_require_f(vkms >= 0, "there is no vkms\n");
			igt_set_timeout(240, "import");
			map_mock(0);
			sweep("import", op_import, true);
			unmap_mock();
			close(vkms);
			igt_reset_timeout();
		}
	}

	igt_subtest_group() {
		igt_fixture() {
			vfio_require(&dev, 32 * SZ_1M, SZ_1G);
			vfio_open(&dev);
			close(vfio_export(&dev));
			vfio_prefill(&dev);
			bar = dbm_mmap(dev.fd, BAR_SIZE, RW, dev.bar);
		}
		for (size_t i = 0; i < ARRAY_SIZE(bar_tests); i++) {
			igt_describe(bar_tests[i].describe);
			igt_subtest(bar_tests[i].name) {
				igt_set_timeout(240, bar_tests[i].name);
				sweep(bar_tests[i].name, bar_tests[i].op, bar_tests[i].may_fail);
				igt_reset_timeout();
			}
		}
	}

	igt_fixture() {
		dbm_munmap(bar, BAR_SIZE);
		vfio_close(&dev);
	}
}
