/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_ACCESS_H
#define DMA_BUF_MMAP_ACCESS_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>

#include "dma_buf_mmap/signals.h"

/* IGT may have these as int: too small for a few GiB */
#undef SZ_4K
#undef SZ_1M
#undef SZ_2M
#undef SZ_1G
#define SZ_4K 0x1000ul
#define SZ_1M 0x100000ul
#define SZ_2M 0x200000ul
#define SZ_1G 0x40000000ul

/* The accesses of signals.h, which call dbm_catch_signals() first: a system call. */
int dbm_read(const volatile void *addr, uint64_t *value);
int dbm_write(volatile void *addr, uint64_t value);

/* The access must succeed and, for the read, find @value. */
void dbm_assert_read(const volatile void *addr, uint64_t value);
void dbm_assert_write(volatile void *addr, uint64_t value);
/* The read and the write of every page in the range must end in @signal. */
void dbm_assert_signal(volatile void *addr, size_t length, int signal);
/*
 * All pages in the range are one dummy page whose words are @fill: what is written shows in
 * each of them.  It is @fill again afterwards.
 */
void dbm_assert_dummy(volatile void *addr, size_t length, uint64_t fill);

/* A value that differs for each page of a buffer; never all ones. */
uint64_t dbm_pattern(uint64_t offset);
/* Write, and check, dbm_pattern() at the start of every page; @offset is that of @addr. */
void dbm_fill(volatile void *addr, size_t length, uint64_t offset);
void dbm_check(const volatile void *addr, size_t length, uint64_t offset);
/* Read the first word of every page, so that each is mapped. */
void dbm_touch(const volatile void *addr, size_t length);

void *dbm_mmap(int fd, size_t length, int prot, off_t offset);
/* The same with MAP_NOSIGBUS */
#ifndef MAP_NOSIGBUS
#define MAP_NOSIGBUS 0x200000
#endif
void *dbm_mmap_nosigbus(int fd, size_t length, int prot, off_t offset);
void dbm_mmap_err(int fd, size_t length, int prot, int flags, off_t offset, int error);
void dbm_munmap(void *addr, size_t length);

/* What names a dma-buf: the inode number of its fd */
uint64_t dbm_inode(int dmabuf);
/* How many dma-bufs there are in the system, as debugfs says. */
long dbm_count_buffers(void);
/* Whether there is one with that inode number */
bool dbm_exists(uint64_t inode);

/* Memory shared with forked children, zeroed. */
void *dbm_shared(size_t length);
/* Wait until *@flag is at least @value; fails after @ms milliseconds. */
void dbm_wait_for(volatile int *flag, int value, int ms);
double dbm_seconds(void);

struct dbm_test {
	const char *name;
	const char *describe;
	void (*run)(void);
};

/* Declare @tests[0..count) as subtests, each with @before done and a time limit in seconds. */
#define dbm_subtests_after(before, tests, limit) do { \
	for (int __i = 0; __i < (int)ARRAY_SIZE(tests); __i++) { \
		igt_describe((tests)[__i].describe); \
		igt_subtest_f("%s", (tests)[__i].name) { \
			before; \
			igt_set_timeout(limit, (tests)[__i].name); \
			(tests)[__i].run(); \
			igt_reset_timeout(); \
		} \
	} \
} while (0)

#define dbm_subtests(tests, limit) dbm_subtests_after((void)0, tests, limit)

#endif
