// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/trace.h"

/**
 * TEST: dma-buf mmap trace
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: tracing
 * Description: The tracepoints of mapped dma-bufs
 *
 * SUBTEST: fault
 * Description: A fault is traced with its buffer, address, page and leaf, a touch of what is
 *	mapped is not
 *
 * SUBTEST: wait
 * Description: A fault that has to wait for the exporter is traced with its buffer and address
 *
 * SUBTEST: zap
 * Description: A move is traced as a zap of its buffer
 *
 * SUBTEST: revoke
 * Description: A revoke is traced, with whether it is over and whether it is for ever
 */
IGT_TEST_DESCRIPTION("Tracepoints of mapped dma-bufs");

#define SIZE (2 * SZ_2M)

static void fault(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = DMA_BUF_MOCK_SCATTERED,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);
	unsigned long ino = dbm_inode(fd);
	char *p = dbm_mmap(fd, SIZE - SZ_4K, PROT_READ | PROT_WRITE, SZ_4K);
	int done, events;

	trace_clear();
	igt_assert_eq(trace_count("dma_buf_mmap_fault: ino=%lu ", ino), 0);
	dbm_assert_write(p + 5 * SZ_4K, 1);
	/* larger leaves may have been tried before, and are traced with other results */
	done = trace_count("dma_buf_mmap_fault: ino=%lu address=%#lx pgoff=6 order=0 ret=NOPAGE",
			   ino, (unsigned long)p + 5 * SZ_4K);
	igt_assert_eq(done, 1);
	igt_assert_eq(trace_count("ret=NOPAGE"), 1);
	events = trace_count("dma_buf_mmap_fault: ");
	dbm_assert_write(p + 5 * SZ_4K, 1);
	igt_assert_eq(trace_count("dma_buf_mmap_fault: "), events);
	dbm_munmap(p, SIZE - SZ_4K);
	close(fd);
}

/* The touch that has to wait */
static void *touch_late(void *p)
{
	dbm_assert_write(p, 1);
	return NULL;
}

static void waits(void)
{
	int fd = mock_create(SIZE, 9);
	unsigned long ino = dbm_inode(fd);
	char *p = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	pthread_t thread;

	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	trace_clear();
	igt_assert_eq(pthread_create(&thread, NULL, touch_late, p), 0);
	while (!trace_count("dma_buf_mmap_wait: ino=%lu address=%#lx for=exporter", ino,
			    (unsigned long)p))
		usleep(1000);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	igt_assert_eq(pthread_join(thread, NULL), 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void zap(void)
{
	int fd = mock_create(SIZE, 9), other = mock_create(SIZE, 9);
	unsigned long ino = dbm_inode(fd);
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SIZE);
	trace_clear();
	mock_move(fd, 0);
	igt_assert_eq(trace_count("dma_buf_mmap_zap: ino=%lu ", ino), 1);
	igt_assert_eq(trace_count("dma_buf_mmap_zap: ino=%lu ", dbm_inode(other)), 0);
	dbm_munmap(p, SIZE);
	close(fd);
	close(other);
}

static void revoke_events(void)
{
	int fd = mock_create(SIZE, 9);
	unsigned long ino = dbm_inode(fd);
	void *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	dbm_touch(p, SIZE);
	trace_clear();
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	igt_assert_eq(trace_count("dma_buf_mmap_revoke: ino=%lu revoked=1 permanent=0", ino), 1);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	igt_assert_eq(trace_count("dma_buf_mmap_revoke: ino=%lu revoked=0 permanent=0", ino), 1);
	igt_assert_eq(trace_count("dma_buf_mmap_revoke: ino=%lu revoked=1 permanent=1", ino), 0);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	igt_assert_eq(trace_count("dma_buf_mmap_revoke: ino=%lu revoked=1 permanent=1", ino), 1);
	dbm_munmap(p, SIZE);
	close(fd);
}

static const struct dbm_test tests[] = {
	{ "fault", "Who faults where can be watched", fault },
	{ "wait", "Who waits, and for what, can be watched", waits },
	{ "zap", "What takes leaves away can be watched", zap },
	{ "revoke", "Who loses a buffer, and for how long, can be watched", revoke_events },
};

int igt_main()
{
	igt_fixture() {
		mock_require();
		trace_require();
	}

	dbm_subtests(tests, 20);
}
