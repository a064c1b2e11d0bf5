// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <linux/dma-buf.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"

/**
 * TEST: dma-buf mmap rules
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: CPU mapping
 * Description: What mmap() of a dma-buf grants and refuses, and what a mapping can become
 *
 * SUBTEST: bounds
 * Description: No mapping reaches a byte past the end of the buffer
 *
 * SUBTEST: bounds-overflow
 * Description: An offset so large that offset + length wraps is refused
 *
 * SUBTEST: private
 * Description: Private mappings are refused, read-only ones too
 *
 * SUBTEST: readonly-fd
 * Description: A read-only fd can be mapped, for reading only
 *
 * SUBTEST: readonly-mprotect
 * Description: A mapping of a read-only fd never becomes writable
 *
 * SUBTEST: readonly-proc-mem
 * Description: A mapping of a read-only fd cannot be written through /proc/self/mem
 *
 * SUBTEST: never-mappable
 * Description: mmap() says EACCES of a buffer that no CPU may map
 *
 * SUBTEST: mmap-by-state
 * Description: mmap() works while the backing is away for a while, not once it is gone
 *
 * SUBTEST: vma-flags
 * Description: A mapping is I/O memory to the kernel: not expanded, dumped, merged or pinned
 *
 * SUBTEST: maps-name
 * Description: /proc/self/maps shows the buffer's name and the offset that was asked for
 *
 * SUBTEST: mremap-expand
 * Description: mremap() neither grows nor duplicates a mapping
 *
 * SUBTEST: madvise-mlock
 * Description: madvise() and mlock() neither drop nor pin what is mapped
 *
 * SUBTEST: gup
 * Description: The kernel takes no page reference through a mapping, whatever the leaf size
 */
IGT_TEST_DESCRIPTION("Rules of mmap() on a dma-buf");

#define SIZE (4 * SZ_2M)

static void bounds(void)
{
	int fd = mock_create(SIZE, 0);
	void *p;

	dbm_mmap_err(fd, SIZE + SZ_4K, PROT_READ, MAP_SHARED, 0, EINVAL);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_SHARED, SZ_4K, EINVAL);
	dbm_mmap_err(fd, SZ_4K, PROT_READ, MAP_SHARED, SIZE, EINVAL);
	dbm_mmap_err(fd, 2 * SZ_4K, PROT_READ, MAP_SHARED, SIZE - SZ_4K, EINVAL);
	p = dbm_mmap(fd, SZ_4K, PROT_READ, SIZE - SZ_4K);
	dbm_touch(p, SZ_4K);
	dbm_munmap(p, SZ_4K);
	close(fd);
}

/* The system call layer may be the one that notices: EOVERFLOW */
static void bounds_overflow(void)
{
	static const uint64_t offsets[] = {
		-SZ_4K, -SIZE, INT64_MAX & ~(SZ_4K - 1), 1ull << 63, 1ull << 44, 1ull << 32,
	};
	static const size_t lengths[] = { SZ_4K, 2 * SZ_4K, SIZE };
	int fd = mock_create(SIZE, 0);

	for (size_t i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(lengths); i++) {
		uint64_t offset = offsets[i / ARRAY_SIZE(lengths)];
		size_t length = lengths[i % ARRAY_SIZE(lengths)];
		void *p = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);

		igt_assert_f(p == MAP_FAILED, "mapped %#zx bytes at %#" PRIx64 "\n",
			     length, offset);
		igt_assert(errno == EINVAL || errno == EOVERFLOW);
	}
	close(fd);
}

static void private(void)
{
	int fd = mock_create(SIZE, 0);

	dbm_mmap_err(fd, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, EINVAL);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	dbm_mmap_err(fd, SIZE, PROT_NONE, MAP_PRIVATE, 0, EINVAL);
	close(fd);
}

static int create_readonly(void)
{
	struct dma_buf_mock_create create = { .size = SIZE, .open_flags = O_RDONLY | O_CLOEXEC };

	return mock_create_args(&create);
}

static void readonly_fd(void)
{
	int fd = create_readonly();
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SIZE);
	igt_assert_eq(dbm_write(p, 1), SIGSEGV);
	dbm_mmap_err(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EACCES);
	dbm_mmap_err(fd, SIZE, PROT_WRITE, MAP_SHARED, 0, EACCES);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void readonly_mprotect(void)
{
	int fd = create_readonly();
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SZ_4K);
	igt_assert_eq(mprotect(p, SIZE, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(mprotect(p, SZ_4K, PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(dbm_write(p, 1), SIGSEGV);
	dbm_munmap(p, SIZE);
	close(fd);
}

/* ptrace's access() path does not look at the VMA's rights on its own */
static void readonly_proc_mem(void)
{
	int fd = create_readonly();
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	uint64_t before, after, value;

	igt_require_f(mem >= 0, "/proc/self/mem cannot be opened: %s\n", strerror(errno));
	igt_assert_eq(dbm_read(p, &before), 0);
	value = ~before;
	igt_assert_neq(pwrite(mem, &value, sizeof(value), (uintptr_t)p), sizeof(value));
	igt_assert_eq(dbm_read(p, &after), 0);
	igt_assert_eq_u64(before, after);
	close(mem);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void never_mappable(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = DMA_BUF_MOCK_NEVER_MAPPABLE,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);

	dbm_mmap_err(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EACCES);
	dbm_mmap_err(fd, SZ_4K, PROT_READ, MAP_SHARED, 0, EACCES);
	close(fd);
}

static void mmap_by_state(void)
{
	int fd = mock_create(SIZE, 0);
	void *busy, *off;

	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	busy = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	off = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_fill(busy, SIZE, 0);
	dbm_check(off, SIZE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_SHARED, 0, ENODEV);
	dbm_munmap(busy, SIZE);
	dbm_munmap(off, SIZE);
	close(fd);
}

/* The line of /proc/self/@file for @addr that starts with @prefix, or with the address */
static bool find_line(const char *file, const void *addr, const char *prefix, char *line, int n)
{
	unsigned long from, to;
	bool inside = false;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	f = fopen(path, "r");
	igt_require_f(f, "%s cannot be opened: %s\n", path, strerror(errno));
	while (fgets(line, n, f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (unsigned long)addr >= from && (unsigned long)addr < to;
		if (inside && (!prefix || !strncmp(line, prefix, strlen(prefix)))) {
			fclose(f);
			return true;
		}
	}
	fclose(f);
	return false;
}

static void vma_flags(void)
{
	static const char * const flags[] = { " io", " pf", " de", " dd", " sh" };
	int fd = mock_create(SIZE, 0);
	void *p = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	char line[512];

	igt_assert(find_line("smaps", p, "VmFlags:", line, sizeof(line)));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		igt_assert_f(strstr(line, flags[i]), "no \"%s\" in %s", flags[i] + 1, line);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void maps_name(void)
{
	static const char name[] = "igt-name-of-a-buffer";
	int fd = mock_create(SIZE, 0);
	void *p = dbm_mmap(fd, SIZE - 3 * SZ_4K, PROT_READ, 3 * SZ_4K);
	unsigned long long offset = 0;
	char line[512];

	do_ioctl(fd, DMA_BUF_SET_NAME, (void *)name);
	igt_assert(find_line("maps", p, NULL, line, sizeof(line)));
	igt_assert_f(strstr(line, name), "the name is missing in %s", line);
	igt_assert_eq(sscanf(line, "%*s %*s %llx", &offset), 1);
	igt_assert_eq_u64(offset, 3 * SZ_4K);
	dbm_munmap(p, SIZE - 3 * SZ_4K);
	close(fd);
}

static void mremap_expand(void)
{
	int fd = mock_create(SIZE, 0);
	void *p = dbm_mmap(fd, SIZE / 2, PROT_READ | PROT_WRITE, 0);

	dbm_fill(p, SIZE / 2, 0);
	igt_assert(mremap(p, SIZE / 2, SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	igt_assert(mremap(p, 0, SIZE / 2, MREMAP_MAYMOVE) == MAP_FAILED);
	dbm_check(p, SIZE / 2, 0);
	dbm_munmap(p, SIZE / 2);
	close(fd);
}

static void madvise_mlock(void)
{
	int fd = mock_create(SIZE, 0);
	void *p = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	char line[512];

	dbm_fill(p, SIZE, 0);
	igt_assert_eq(madvise(p, SIZE, MADV_DONTNEED), -1);
	igt_assert_eq(errno, EINVAL);
	igt_assert_eq(madvise(p, SIZE, MADV_REMOVE), -1);
	/* whether mlock() says so or not, it must not have locked anything */
	mlock(p, SIZE);
	if (find_line("smaps", p, "VmFlags:", line, sizeof(line)))
		igt_assert_f(!strstr(line, " lo"), "locked: %s", line);
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void gup_refused(void *p)
{
	uint64_t value = 0;
	struct iovec local = { .iov_base = &value, .iov_len = sizeof(value) };
	struct iovec remote = { .iov_base = p, .iov_len = sizeof(value) };
	struct iovec page = { .iov_base = p, .iov_len = SZ_4K };
	int fds[2];

	igt_assert_eq(pipe(fds), 0);
	igt_assert_eq(vmsplice(fds[1], &page, 1, SPLICE_F_NONBLOCK), -1);
	igt_assert_eq(errno, EFAULT);
	close(fds[0]);
	close(fds[1]);
	igt_assert_eq(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
	igt_assert_eq(errno, EFAULT);
	igt_assert_eq(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), -1);
	igt_assert_eq(errno, EFAULT);
}

static void gup(void)
{
	static const unsigned int orders[] = { 0, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		int fd = mock_create(SIZE, orders[i]);
		void *p = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);

		gup_refused(p);
		dbm_fill(p, SIZE, 0);
		gup_refused(p);
		dbm_check(p, SIZE, 0);
		dbm_munmap(p, SIZE);
		close(fd);
	}
}

static const struct dbm_test tests[] = {
	{ "bounds", "A mapping ends where the buffer ends", bounds },
	{ "bounds-overflow", "Huge offsets do not wrap into the buffer", bounds_overflow },
	{ "private", "Copy-on-write makes no sense for device memory", private },
	{ "readonly-fd", "A read-only fd gives a read-only mapping", readonly_fd },
	{ "readonly-mprotect", "mprotect() grants no more than the fd", readonly_mprotect },
	{ "readonly-proc-mem", "ptrace grants no more than the fd", readonly_proc_mem },
	{ "never-mappable", "A clear error at mmap(), no SIGBUS later", never_mappable },
	{ "mmap-by-state", "Only a buffer gone for good refuses mmap()", mmap_by_state },
	{ "vma-flags", "io pf de dd are always set", vma_flags },
	{ "maps-name", "A developer finds the buffer in /proc/PID/maps", maps_name },
	{ "mremap-expand", "A mapping keeps its length and stays the only one", mremap_expand },
	{ "madvise-mlock", "Memory advice has no effect on device memory", madvise_mlock },
	{ "gup", "Direct I/O to a mapping fails cleanly", gup },
};

int igt_main()
{
	igt_fixture()
		mock_require();

	dbm_subtests(tests, 20);
}
