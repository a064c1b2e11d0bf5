// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"

int dbm_read(const volatile void *addr, uint64_t *value)
{
	dbm_catch_signals();
	return __dbm_read(addr, value);
}

int dbm_write(volatile void *addr, uint64_t value)
{
	dbm_catch_signals();
	return __dbm_write(addr, value);
}

void dbm_assert_read(const volatile void *addr, uint64_t value)
{
	uint64_t got = 0;
	int sig = dbm_read(addr, &got);

	igt_assert_f(!sig, "reading %p: signal %d\n", addr, sig);
	igt_assert_f(got == value, "at %p: found %#" PRIx64 ", expected %#" PRIx64 "\n",
		     addr, got, value);
}

void dbm_assert_write(volatile void *addr, uint64_t value)
{
	int sig = dbm_write(addr, value);

	igt_assert_f(!sig, "writing %p: signal %d\n", addr, sig);
}

void dbm_assert_signal(volatile void *addr, size_t length, int signal)
{
	volatile char *p = addr;
	uint64_t value;

	dbm_catch_signals();
	for (size_t o = 0; o < length; o += SZ_4K) {
		int sig = __dbm_read(p + o, &value);

		igt_assert_f(sig == signal, "reading +%#zx: signal %d, expected %d\n",
			     o, sig, signal);
		sig = __dbm_write(p + o, 0);
		igt_assert_f(sig == signal, "writing +%#zx: signal %d, expected %d\n",
			     o, sig, signal);
	}
}

void dbm_assert_dummy(volatile void *addr, size_t length, uint64_t fill)
{
	volatile char *p = addr;

	for (size_t o = 0; o < length; o += SZ_4K) {
		dbm_assert_read(p + o, fill);
		dbm_assert_read(p + o + SZ_4K - 8, fill);
	}
	for (size_t o = 0; o < length; o += length > SZ_4K ? length - SZ_4K : SZ_4K) {
		dbm_assert_write(p + o + 24, ~fill ^ o);
		dbm_assert_read(p + length - SZ_4K + 24, ~fill ^ o);
		dbm_assert_read(p + 24, ~fill ^ o);
	}
	dbm_assert_write(p + 24, fill);
}

uint64_t dbm_pattern(uint64_t offset)
{
	return offset ^ 0x5a5a5a5a5a5a5a5aull;
}

void dbm_fill(volatile void *addr, size_t length, uint64_t offset)
{
	volatile char *p = addr;

	dbm_catch_signals();
	for (size_t o = 0; o < length; o += SZ_4K) {
		int sig = __dbm_write(p + o, dbm_pattern(offset + o));

		igt_assert_f(!sig, "writing +%#zx: signal %d\n", o, sig);
	}
}

void dbm_check(const volatile void *addr, size_t length, uint64_t offset)
{
	const volatile char *p = addr;

	dbm_catch_signals();
	for (size_t o = 0; o < length; o += SZ_4K) {
		uint64_t got = 0, want = dbm_pattern(offset + o);
		int sig = __dbm_read(p + o, &got);

		igt_assert_f(!sig, "reading +%#zx: signal %d\n", o, sig);
		igt_assert_f(got == want, "+%#zx: found %#" PRIx64 ", expected %#" PRIx64 "\n",
			     o, got, want);
	}
}

void dbm_touch(const volatile void *addr, size_t length)
{
	const volatile char *p = addr;
	uint64_t value;

	dbm_catch_signals();
	for (size_t o = 0; o < length; o += SZ_4K) {
		int sig = __dbm_read(p + o, &value);

		igt_assert_f(!sig, "reading +%#zx: signal %d\n", o, sig);
	}
}

void *dbm_mmap(int fd, size_t length, int prot, off_t offset)
{
	void *p = mmap(NULL, length, prot, MAP_SHARED, fd, offset);

	igt_assert_f(p != MAP_FAILED, "mmap of %#zx bytes at %#llx: %s\n", length,
		     (unsigned long long)offset, strerror(errno));
	return p;
}

void *dbm_mmap_nosigbus(int fd, size_t length, int prot, off_t offset)
{
	void *p = mmap(NULL, length, prot, MAP_SHARED_VALIDATE | MAP_NOSIGBUS, fd, offset);

	igt_assert_f(p != MAP_FAILED, "mmap with MAP_NOSIGBUS: %s\n", strerror(errno));
	return p;
}

void dbm_mmap_err(int fd, size_t length, int prot, int flags, off_t offset, int error)
{
	void *p = mmap(NULL, length, prot, flags, fd, offset);
	int err = errno;

	if (p != MAP_FAILED)
		munmap(p, length);
	igt_assert_f(p == MAP_FAILED, "mmap of %#zx bytes at %#llx: succeeded, expected %s\n",
		     length, (unsigned long long)offset, strerror(error));
	igt_assert_f(err == error, "mmap of %#zx bytes at %#llx: %s, expected %s\n",
		     length, (unsigned long long)offset, strerror(err), strerror(error));
}

void dbm_munmap(void *addr, size_t length)
{
	igt_assert_eq(munmap(addr, length), 0);
}

uint64_t dbm_inode(int dmabuf)
{
	struct stat st;

	igt_assert_eq(fstat(dmabuf, &st), 0);
	return st.st_ino;
}

static FILE *open_bufinfo(void)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/dma_buf/bufinfo", igt_debugfs_mount());
	f = fopen(path, "r");
	igt_require_f(f, "%s: %s\n", path, strerror(errno));
	return f;
}

bool dbm_exists(uint64_t inode)
{
	FILE *f = open_bufinfo();
	bool found = false;
	char line[256];
	uint64_t other;

	/* size, flags, mode, count, exporter, inode, name */
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*u %*x %*x %*u %*s %" SCNu64, &other) == 1 &&
			other == inode;
	fclose(f);
	return found;
}

long dbm_count_buffers(void)
{
	FILE *f = open_bufinfo();
	char line[256];
	long count = -1;

	while (fgets(line, sizeof(line), f))
		sscanf(line, "Total %ld objects", &count);
	fclose(f);
	igt_assert(count >= 0);
	return count;
}

void *dbm_shared(size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	return p;
}

void dbm_wait_for(volatile int *flag, int value, int ms)
{
	for (int i = 0; *flag < value; i++) {
		igt_assert_f(i < ms, "waited %d ms in vain for step %d, it is at %d\n",
			     ms, value, *flag);
		usleep(1000);
	}
}

double dbm_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}
