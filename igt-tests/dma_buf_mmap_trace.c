// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"

/**
 * TEST: dma-buf mmap trace
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: tracing
 * Description: The tracepoints of mapped dma-bufs
 *
 * SUBTEST: fault
 * Description: A fault is traced with its buffer, address, page and leaf, a touch of what is
 *	mapped is not
 *
 * SUBTEST: zap
 * Description: A move is traced as a zap of its buffer
 *
 * SUBTEST: revoke
 * Description: A revoke is traced, with whether it is over and whether it is for ever
 */
IGT_TEST_DESCRIPTION("Tracepoints of mapped dma-bufs");

#define SIZE (2 * SZ_2M)
/* an instance of our own: nobody else's events are in it */
#define INSTANCE "/sys/kernel/tracing/instances/igt-dma-buf-mmap"

static bool write_to(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static void remove_instance(int sig)
{
	(void)sig;
	rmdir(INSTANCE);
}

static void require_events(void)
{
	igt_require_f(!mkdir(INSTANCE, 0700) || errno == EEXIST,
		      "no tracing instance can be made (CONFIG_TRACING, tracefs, root): %s\n",
		      strerror(errno));
	igt_install_exit_handler(remove_instance);
	igt_require_f(write_to(INSTANCE "/events/dma_buf_mmap/enable", "1"),
		      "the kernel has no tracepoints dma_buf_mmap: %s\n", strerror(errno));
}

/* How many lines of the trace contain the text */
static int count(const char *format, ...)
{
	char line[512], text[256];
	va_list args;
	int n = 0;
	FILE *f;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f = fopen(INSTANCE "/trace", "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f)) {
		igt_debug("%s", line);
		n += !!strstr(line, text);
	}
	fclose(f);
	return n;
}

static unsigned long inode_of(int fd)
{
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

static void fault(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = DMA_BUF_MOCK_SCATTERED,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);
	unsigned long ino = inode_of(fd);
	char *p = dbm_mmap(fd, SIZE - SZ_4K, PROT_READ | PROT_WRITE, SZ_4K);
	int events;

	igt_assert(write_to(INSTANCE "/trace", "\n"));
	igt_assert_eq(count("dma_buf_mmap_fault: ino=%lu ", ino), 0);
	dbm_assert_write(p + 5 * SZ_4K, 1);
	/* larger leaves may have been tried before, and are traced with other results */
	igt_assert_eq(count("dma_buf_mmap_fault: ino=%lu address=%#lx pgoff=6 order=0 ret=NOPAGE",
			    ino, (unsigned long)p + 5 * SZ_4K), 1);
	igt_assert_eq(count("ret=NOPAGE"), 1);
	events = count("dma_buf_mmap_fault: ");
	dbm_assert_write(p + 5 * SZ_4K, 1);
	igt_assert_eq(count("dma_buf_mmap_fault: "), events);
	dbm_munmap(p, SIZE - SZ_4K);
	close(fd);
}

static void zap(void)
{
	int fd = mock_create(SIZE, 9), other = mock_create(SIZE, 9);
	unsigned long ino = inode_of(fd);
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SIZE);
	igt_assert(write_to(INSTANCE "/trace", "\n"));
	mock_move(fd, 0);
	igt_assert_eq(count("dma_buf_mmap_zap: ino=%lu ", ino), 1);
	igt_assert_eq(count("dma_buf_mmap_zap: ino=%lu ", inode_of(other)), 0);
	dbm_munmap(p, SIZE);
	close(fd);
	close(other);
}

static void revoke_events(void)
{
	int fd = mock_create(SIZE, 9);
	unsigned long ino = inode_of(fd);
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SIZE);
	igt_assert(write_to(INSTANCE "/trace", "\n"));
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	igt_assert_eq(count("dma_buf_mmap_revoke: ino=%lu revoked=1 permanent=0", ino), 1);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	igt_assert_eq(count("dma_buf_mmap_revoke: ino=%lu revoked=0 permanent=0", ino), 1);
	igt_assert_eq(count("dma_buf_mmap_revoke: ino=%lu revoked=1 permanent=1", ino), 0);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	igt_assert_eq(count("dma_buf_mmap_revoke: ino=%lu revoked=1 permanent=1", ino), 1);
	dbm_munmap(p, SIZE);
	close(fd);
}

static const struct dbm_test tests[] = {
	{ "fault", "Who faults where can be watched", fault },
	{ "zap", "What takes leaves away can be watched", zap },
	{ "revoke", "Who loses a buffer, and for how long, can be watched", revoke_events },
};

int igt_main()
{
	igt_fixture() {
		mock_require();
		require_events();
	}

	dbm_subtests(tests, 20);
}
