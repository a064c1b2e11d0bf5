/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef IGT_H
#define IGT_H

/*
 * What the table of exporters, igt-tests/dma_buf_mmap/sources.c, asks of IGT, so that it can
 * be used in a process that has Mesa in it and no libigt: what is not there is the result
 * "SKIP", and a failed assertion ends the case.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

void case_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void case_broken(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#define igt_ioctl drmIoctl
#define igt_debugfs_mount() "/sys/kernel/debug"
#define igt_emit_ignore_dmesg_regex(regex) ((void)(regex))

#define igt_require_f(expr, ...) do { \
	if (!(expr)) \
		case_skip(__VA_ARGS__); \
} while (0)

#define igt_assert_f(expr, ...) do { \
	if (!(expr)) \
		case_broken(__FILE__, __LINE__, __VA_ARGS__); \
} while (0)

#define igt_assert(expr) igt_assert_f(expr, "%s", #expr)

#define __igt_assert_cmp(type, format, a, cmp, b) do { \
	type __a = (a), __b = (b); \
	igt_assert_f(__a cmp __b, "%s %s %s, " format " and " format, #a, #cmp, #b, __a, __b); \
} while (0)

#define igt_assert_eq(a, b) __igt_assert_cmp(int, "%d", a, ==, b)
#define igt_assert_neq(a, b) __igt_assert_cmp(int, "%d", a, !=, b)
#define igt_assert_lte(a, b) __igt_assert_cmp(int, "%d", a, <=, b)
#define igt_assert_eq_u64(a, b) __igt_assert_cmp(uint64_t, "%#" PRIx64, a, ==, b)
#define igt_assert_fd(fd) igt_assert_lte(0, fd)

#define do_ioctl(fd, request, arg) do { \
	igt_assert_eq(igt_ioctl(fd, request, arg), 0); \
	errno = 0; \
} while (0)

#endif
