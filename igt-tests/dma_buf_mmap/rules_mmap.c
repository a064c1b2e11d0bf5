// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/dma-buf.h>
#include <linux/futex.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/rules.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define SIZE SOURCE_SIZE

static void bounds(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	void *p;

	dbm_mmap_err(b.fd, SIZE + SZ_4K, PROT_READ, MAP_SHARED, 0, EINVAL);
	dbm_mmap_err(b.fd, SIZE, PROT_READ, MAP_SHARED, SZ_4K, EINVAL);
	dbm_mmap_err(b.fd, SZ_4K, PROT_READ, MAP_SHARED, SIZE, EINVAL);
	dbm_mmap_err(b.fd, 2 * SZ_4K, PROT_READ, MAP_SHARED, SIZE - SZ_4K, EINVAL);
	p = dbm_mmap(b.fd, SZ_4K, PROT_READ, SIZE - SZ_4K);
	dbm_touch(p, SZ_4K);
	dbm_munmap(p, SZ_4K);
	source_destroy(&b);
}

/* The system call layer may be the one that notices: EOVERFLOW */
static void bounds_overflow(const struct source *s)
{
	static const uint64_t offsets[] = {
		-SZ_4K, -SIZE, INT64_MAX & ~(SZ_4K - 1), 1ull << 63, 1ull << 44, 1ull << 32,
	};
	static const size_t lengths[] = { SZ_4K, 2 * SZ_4K, SIZE };
	struct source_buffer b = source_create(s, O_RDWR);

	for (size_t i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(lengths); i++) {
		uint64_t offset = offsets[i / ARRAY_SIZE(lengths)];
		size_t length = lengths[i % ARRAY_SIZE(lengths)];
		void *p = mmap(NULL, length, PROT_READ, MAP_SHARED, b.fd, offset);

		igt_assert_f(p == MAP_FAILED, "mapped %#zx bytes at %#" PRIx64 "\n",
			     length, offset);
		igt_assert(errno == EINVAL || errno == EOVERFLOW);
	}
	source_destroy(&b);
}

/* Of memory that stays, and is of one piece, a private mapping may be had; it is private */
static void private(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = mmap(NULL, SIZE, RW, MAP_PRIVATE, b.fd, 0);

	if (p != MAP_FAILED) {
		igt_assert_f(s->flags & (SOURCE_EAGER | SOURCE_UNKNOWN),
			     "what may go is mapped all the same\n");
		memset(p, 0x55, SIZE);
		dbm_munmap(p, SIZE);
		p = dbm_mmap(b.fd, SIZE, PROT_READ, 0);
		source_check(&b, p, SIZE, 0);
		dbm_munmap(p, SIZE);
	} else {
		igt_assert_eq(errno, EINVAL);
		dbm_mmap_err(b.fd, SIZE, PROT_READ, MAP_PRIVATE, 0, EINVAL);
		dbm_mmap_err(b.fd, SIZE, PROT_NONE, MAP_PRIVATE, 0, EINVAL);
	}
	source_destroy(&b);
}

static void bounds_native(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	const off_t offset = b.native_offset;

	dbm_mmap_err(b.native, SIZE + SZ_4K, PROT_READ, MAP_SHARED, offset, EINVAL);
	dbm_mmap_err(b.native, SIZE, RW, MAP_PRIVATE, offset, EINVAL);
	dbm_munmap(source_map_native(&b, PROT_READ), SIZE);
	source_destroy(&b);
}

static void readonly_fd(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDONLY);
	void *p = dbm_mmap(b.fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SIZE);
	igt_assert_eq(dbm_write(p, 1), SIGSEGV);
	dbm_mmap_err(b.fd, SIZE, RW, MAP_SHARED, 0, EACCES);
	dbm_mmap_err(b.fd, SIZE, PROT_WRITE, MAP_SHARED, 0, EACCES);
	if (!(s->flags & (SOURCE_EAGER | SOURCE_UNKNOWN)))
		dbm_mmap_err(b.fd, SIZE, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

static void readonly_mprotect(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDONLY);
	void *p = dbm_mmap(b.fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SZ_4K);
	igt_assert_eq(mprotect(p, SIZE, RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(mprotect(p, SZ_4K, PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(dbm_write(p, 1), SIGSEGV);
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

/* ptrace's access() path does not look at the VMA's rights on its own */
static void readonly_proc_mem(const struct source *s)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	struct source_buffer b = source_create(s, O_RDONLY);
	char *p = dbm_mmap(b.fd, SIZE, PROT_READ, 0);
	uint64_t before, after, value;

	igt_require_f(mem >= 0, "/proc/self/mem cannot be opened: %s\n", strerror(errno));
	p += SOURCE_WORD;
	igt_assert_eq(dbm_read(p, &before), 0);
	value = ~before;
	igt_assert_neq(pwrite(mem, &value, sizeof(value), (uintptr_t)p), sizeof(value));
	igt_assert_eq(dbm_read(p, &after), 0);
	igt_assert_eq_u64(before, after);
	close(mem);
	dbm_munmap(p - SOURCE_WORD, SIZE);
	source_destroy(&b);
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

/* Whether it is ordinary pages that are mapped, of an exporter that may have them */
static bool has_pages(const struct source *s, const void *p)
{
	char line[512];

	if (!(s->flags & SOURCE_PAGES))
		return false;
	igt_assert(find_line("smaps", p, "VmFlags:", line, sizeof(line)));
	return strstr(line, " mm");
}

static void vma_flags(const struct source *s)
{
	static const char * const flags[] = { " de", " dd", " sh", " io", " pf" };
	struct source_buffer b = source_create(s, O_RDWR);
	void *p = dbm_mmap(b.fd, SIZE, RW, 0);
	size_t n = has_pages(s, p) ? 3 : ARRAY_SIZE(flags);
	char line[512];

	igt_assert(find_line("smaps", p, "VmFlags:", line, sizeof(line)));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		igt_assert_f(!strstr(line, flags[i]) == (i >= n), "\"%s\" in %s",
			     flags[i] + 1, line);
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

static uint64_t shown_offset(const void *p, const char *name)
{
	unsigned long long offset = 0;
	char line[512];

	igt_assert(find_line("maps", p, NULL, line, sizeof(line)));
	igt_assert_f(strstr(line, name), "the name is missing in %s", line);
	igt_assert_eq(sscanf(line, "%*s %*s %llx", &offset), 1);
	return offset;
}

/* What is shown is what mmap() was given, plus where the buffer is in its mapping space */
static void maps_name(const struct source *s)
{
	static const char name[] = "igt-name-of-a-buffer";
	struct source_buffer b = source_create(s, O_RDWR);
	void *p = dbm_mmap(b.fd, SIZE - 3 * SZ_4K, PROT_READ, 3 * SZ_4K);
	void *whole = dbm_mmap(b.fd, SIZE, PROT_READ, 0);

	do_ioctl(b.fd, DMA_BUF_SET_NAME, (void *)name);
	igt_assert_eq_u64(shown_offset(p, name) - shown_offset(whole, name), 3 * SZ_4K);
	dbm_munmap(p, SIZE - 3 * SZ_4K);
	dbm_munmap(whole, SIZE);
	source_destroy(&b);
}

static void mremap_expand(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE / 2, RW, 0);

	source_check(&b, p, SIZE / 2, 0);
	igt_assert(mremap(p, SIZE / 2, SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	igt_assert_eq(errno, EFAULT);
	igt_assert(mremap(p, 0, SIZE / 2, MREMAP_MAYMOVE) == MAP_FAILED);
	igt_assert(mremap(p, SIZE / 2, SIZE / 2, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	source_check(&b, p, SIZE / 2, 0);
	igt_assert(mremap(p, SIZE / 2, SIZE / 4, 0) == p);
	source_check(&b, p, SIZE / 4, 0);
	dbm_assert_signal(p + SIZE / 4, SZ_4K, SIGSEGV);
	dbm_munmap(p, SIZE / 4);
	source_destroy(&b);
}

static void assert_not_locked(const void *p)
{
	char line[512];

	if (find_line("smaps", p, "VmFlags:", line, sizeof(line)))
		igt_assert_f(!strstr(line, " lo"), "locked: %s", line);
}

/*
 * DODUMP: nothing may have a mapping put into core files either.  Of ordinary pages what else
 * is advised may be taken; they are the same afterwards.
 */
static void madvise_refused(const struct source *s)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_DODUMP,
	};
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);
	const bool pages = has_pages(s, p);

	source_check(&b, p, SIZE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++) {
		int ret = madvise(p, SIZE, advices[i]);

		if (pages && advices[i] != MADV_DODUMP)
			continue;
		igt_assert_f(ret == -1 && errno == EINVAL, "advice %d: %d, %s\n", advices[i], ret,
			     ret ? strerror(errno) : "expected EINVAL");
	}
	igt_assert_eq(madvise(p, SIZE, MADV_REMOVE), -1);
	source_check(&b, p, SIZE, 0);
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

/* Whether they say so or not: nothing is locked, and the mapping works */
static void mlock_populate(const struct source *s)
{
	static const int flags[] = { 0, MAP_POPULATE, MAP_LOCKED };
	struct source_buffer b = source_create_filled(s);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char *p = mmap(NULL, SIZE, RW, MAP_SHARED | flags[i], b.fd, 0);

		igt_assert_f(p != MAP_FAILED, "mmap with flags %#x: %s\n", flags[i],
			     strerror(errno));
		mlock(p, SIZE);
		assert_not_locked(p);
		source_check(&b, p, SIZE, 0);
		mlock(p + SZ_2M, SZ_4K);
		assert_not_locked(p + SZ_2M);
		munlock(p, SIZE);
		source_check(&b, p, SIZE, 0);
		dbm_munmap(p, SIZE);
	}
	source_destroy(&b);
}

/* @p is a page with @value in it */
static void assert_no_gup(char *p, uint64_t value)
{
	static const struct timespec soon = { .tv_nsec = 1000000 };
	struct iovec page = { .iov_base = p, .iov_len = SZ_4K };
	struct iovec remote = { .iov_base = p + SOURCE_WORD, .iov_len = sizeof(value) };
	struct iovec local = { .iov_base = &value, .iov_len = sizeof(value) };
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
	/* a futex between processes is found by its page */
	igt_assert_eq(syscall(SYS_futex, p + SOURCE_WORD, FUTEX_WAIT, (uint32_t)value, &soon), -1);
	igt_assert_eq(errno, EFAULT);
}

/* The same where it is that page which the kernel takes */
static void assert_gup(char *p, uint64_t value)
{
	struct iovec page = { .iov_base = p + SOURCE_WORD, .iov_len = sizeof(value) };
	uint64_t word = 0, spliced = 0;
	struct iovec local = { .iov_base = &word, .iov_len = sizeof(word) };
	int fds[2];

	igt_assert_eq(pipe(fds), 0);
	igt_assert_eq(vmsplice(fds[1], &page, 1, SPLICE_F_NONBLOCK), sizeof(value));
	igt_assert_eq(read(fds[0], &spliced, sizeof(spliced)), sizeof(spliced));
	igt_assert_eq_u64(spliced, value);
	close(fds[0]);
	close(fds[1]);
	igt_assert_eq(process_vm_readv(getpid(), &local, 1, &page, 1, 0), sizeof(value));
	igt_assert_eq_u64(word, value);
	word = ~value;
	igt_assert_eq(process_vm_writev(getpid(), &local, 1, &page, 1, 0), sizeof(value));
	igt_assert_eq(dbm_read(p + SOURCE_WORD, &word), 0);
	igt_assert_eq_u64(word, ~value);
	word = value;
	igt_assert_eq(process_vm_writev(getpid(), &local, 1, &page, 1, 0), sizeof(value));
}

static void gup(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);
	void (*check)(char *, uint64_t) = has_pages(s, p) ? assert_gup : assert_no_gup;

	for (int touched = 0; touched <= 1; touched++) {
		check(p, source_pattern(&b, 0));
		check(p + SZ_2M + SZ_4K, source_pattern(&b, SZ_2M + SZ_4K));
		source_check(&b, p, SIZE, 0);
	}
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

/* How many faults it takes to read each page */
static long faults_of_walk(const char *p)
{
	struct rusage before, after;

	igt_assert_eq(getrusage(RUSAGE_SELF, &before), 0);
	for (size_t o = 0; o < SIZE; o += SZ_4K)
		(void)*(volatile const char *)(p + o);
	igt_assert_eq(getrusage(RUSAGE_SELF, &after), 0);
	return after.ru_minflt - before.ru_minflt;
}

static void check_populated(const struct source *s, int fd, off_t offset)
{
	const bool stays = !(s->flags & (SOURCE_MOVES | SOURCE_UNKNOWN));
	char *p;

	p = dbm_mmap(fd, SIZE, RW, offset);
	if (s->flags & SOURCE_EAGER)
		igt_assert_eq(faults_of_walk(p), 0);
	dbm_munmap(p, SIZE);

	p = mmap(NULL, SIZE, RW, MAP_SHARED | MAP_POPULATE, fd, offset);
	igt_assert(p != MAP_FAILED);
	if (stays)
		igt_assert_eq(faults_of_walk(p), 0);
	dbm_munmap(p, SIZE);

	p = dbm_mmap(fd, SIZE, RW, offset);
	igt_assert_eq(mlock(p, SIZE), 0);
	if (stays)
		igt_assert_eq(faults_of_walk(p), 0);
	igt_assert_eq(munlock(p, SIZE), 0);
	dbm_munmap(p, SIZE);

	p = dbm_mmap(fd, SIZE, RW, offset);
	igt_assert_eq(mlock2(p, SIZE, MLOCK_ONFAULT), 0);
	if (!(s->flags & (SOURCE_EAGER | SOURCE_UNKNOWN)))
		igt_assert_lte(1, faults_of_walk(p));
	igt_assert_eq(munlock(p, SIZE), 0);
	dbm_munmap(p, SIZE);

	p = dbm_mmap(fd, SIZE, RW, offset);
	if (stays) {
		igt_assert_eq(madvise(p + SZ_4K, SIZE - SZ_4K, MADV_POPULATE_WRITE), 0);
		igt_assert_eq(madvise(p, SIZE, MADV_POPULATE_READ), 0);
		igt_assert_eq(faults_of_walk(p), 0);
	} else if (s->flags & SOURCE_MOVES) {
		igt_assert_eq(madvise(p, SIZE, MADV_POPULATE_READ), -1);
	}
	dbm_munmap(p, SIZE);
}

static void populate(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);

	check_populated(s, b.fd, 0);
	if (s->flags & SOURCE_GEM)
		check_populated(s, b.native, b.native_offset);
	source_destroy(&b);
}

static const struct rule rules[] = {
	{ "bounds", "A mapping ends where the buffer ends", bounds, 0 },
	{ "bounds-overflow", "Huge offsets do not wrap into the buffer", bounds_overflow, 0 },
	{ "bounds-gem", "A mapping through the DRM fd ends there too", bounds_native, SOURCE_GEM },
	{ "private", "Copy-on-write makes no sense for device memory", private, 0 },
	{ "populate", "What stays can be mapped before it is used", populate, 0 },
	{ "readonly-fd", "A read-only fd gives a read-only mapping", readonly_fd,
	  SOURCE_READONLY },
	{ "readonly-mprotect", "mprotect() grants no more than the fd", readonly_mprotect,
	  SOURCE_READONLY },
	{ "readonly-proc-mem", "ptrace grants no more than the fd", readonly_proc_mem,
	  SOURCE_READONLY },
	{ "vma-flags", "io pf de dd are always set, but for ordinary pages", vma_flags, 0 },
	{ "maps-name", "A developer finds the buffer in /proc/PID/maps", maps_name, 0 },
	{ "mremap-expand", "A mapping gets no longer and stays the only one", mremap_expand, 0 },
	{ "madvise", "Memory advice has no effect on device memory", madvise_refused, 0 },
	{ "mlock-populate", "What cannot be pinned is not locked", mlock_populate, 0 },
	{ "gup", "Direct I/O to a mapping fails cleanly", gup, 0 },
};

const struct rules mmap_rules = { rules, ARRAY_SIZE(rules) };
