/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 dmabuf-mmap authors
 *
 * The part of IGT's interface that the tests beside this directory use, for
 * building them against a distribution's libigt.so.0 (2.5), which comes without
 * headers.  Inside an IGT checkout this file is not on the include path and
 * the real igt.h is used.  The Makefile checks that the library has every
 * function declared here.
 */
#ifndef IGT_H
#define IGT_H

#include <errno.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <inttypes.h>
#include <xf86drm.h>

enum igt_log_level {
	IGT_LOG_DEBUG,
	IGT_LOG_INFO,
	IGT_LOG_WARN,
	IGT_LOG_CRITICAL,
	IGT_LOG_NONE,
};

#define IGT_EXIT_SKIP 77

extern sigjmp_buf igt_subtest_jmpbuf;
extern sigjmp_buf igt_dynamic_jmpbuf;
extern __thread int (*igt_ioctl)(int fd, unsigned long request, void *arg);

typedef int (*igt_opt_handler_t)(int opt, int opt_index, void *data);
typedef void (*igt_exit_handler_t)(int sig);

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *short_opts,
				const struct option *long_opts, const char *help,
				igt_opt_handler_t handler, void *data);
void igt_exit(void) __attribute__((noreturn));
bool __igt_fixture(void);
void __igt_fixture_complete(void);
bool __igt_run_subtest(const char *name, const char *file, int line);
bool __igt_run_dynamic_subtest(const char *name);
bool __igt_enter_dynamic_container(void);
void __igt_subtest_group_save(int *skipped, int *described);
void __igt_subtest_group_restore(int skipped, int described);
void igt_success(void);
void igt_describe_f(const char *format, ...) __attribute__((format(printf, 1, 2)));
void igt_log(const char *domain, enum igt_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void igt_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void __igt_skip_check(const char *file, int line, const char *func, const char *check,
		      const char *format, ...)
	__attribute__((format(printf, 5, 6), noreturn));
void __igt_fail_assert(const char *domain, const char *file, int line, const char *func,
		       const char *assertion, const char *format, ...)
	__attribute__((format(printf, 6, 7), noreturn));
bool __igt_fork(void);
int __igt_waitchildren(void);
void igt_waitchildren_timeout(int seconds, const char *reason);
void igt_kill_children(int signal);
void igt_set_timeout(unsigned int seconds, const char *op);
void igt_reset_timeout(void);
void igt_install_exit_handler(igt_exit_handler_t handler);
const char *igt_debugfs_mount(void);
void igt_emit_ignore_dmesg_regex(const char *regex);

enum igt_suspend_state {
	SUSPEND_STATE_FREEZE,
	SUSPEND_STATE_STANDBY,
	SUSPEND_STATE_MEM,
	SUSPEND_STATE_DISK,
};

enum igt_suspend_test {
	SUSPEND_TEST_NONE,
	SUSPEND_TEST_FREEZER,
	SUSPEND_TEST_DEVICES,
	SUSPEND_TEST_PLATFORM,
};

void igt_system_suspend_autoresume(enum igt_suspend_state state, enum igt_suspend_test test);

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif

#define __igt_paste2(a, b) a##b
#define __igt_paste(a, b) __igt_paste2(a, b)
#define igt_unique(name) __igt_paste(name, __LINE__)

#define IGT_TEST_DESCRIPTION(str) const char *__igt_test_description = str

/* "int igt_main() { ... }" becomes a body that runs between option parsing and the verdict */
#define igt_main() \
	igt_unique(__igt_main_decl)(void); \
	static void igt_unique(__igt_real_main)(void); \
	int main(int argc, char **argv) \
	{ \
		igt_subtest_init_parse_opts(&argc, argv, NULL, NULL, NULL, NULL, NULL); \
		igt_unique(__igt_real_main)(); \
		igt_exit(); \
	} \
	static void igt_unique(__igt_real_main)(void)

#define igt_fixture() \
	for (volatile int igt_unique(__once) = 0; \
	     igt_unique(__once) < 1 && __igt_fixture() && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; \
	     igt_unique(__once)++, __igt_fixture_complete())

#define igt_subtest_group() \
	for (int igt_unique(__once) = 0, igt_unique(__skip) = 0, igt_unique(__desc) = 0; \
	     igt_unique(__once) < 1 && \
	     (__igt_subtest_group_save(&igt_unique(__skip), &igt_unique(__desc)), true); \
	     igt_unique(__once)++, \
	     __igt_subtest_group_restore(igt_unique(__skip), igt_unique(__desc)))

#define igt_describe(text) igt_describe_f("%s", text)

#define igt_subtest(name) \
	for (; __igt_run_subtest((name), __FILE__, __LINE__) && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_subtest_f(...) \
	for (char igt_unique(__name)[256]; \
	     snprintf(igt_unique(__name), sizeof(igt_unique(__name)), __VA_ARGS__), \
	     __igt_run_subtest(igt_unique(__name), __FILE__, __LINE__) && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_subtest_with_dynamic(name) \
	for (; __igt_run_subtest((name), __FILE__, __LINE__) && \
	     __igt_enter_dynamic_container() && \
	     sigsetjmp(igt_subtest_jmpbuf, 1) == 0; igt_success())

#define igt_dynamic(name) \
	for (; __igt_run_dynamic_subtest((name)) && \
	     sigsetjmp(igt_dynamic_jmpbuf, 1) == 0; igt_success())

#define igt_dynamic_f(...) \
	for (char igt_unique(__name)[256]; \
	     snprintf(igt_unique(__name), sizeof(igt_unique(__name)), __VA_ARGS__), \
	     __igt_run_dynamic_subtest(igt_unique(__name)) && \
	     sigsetjmp(igt_dynamic_jmpbuf, 1) == 0; igt_success())

#define igt_fork(child, count) \
	for (int child = 0; child < (count); child++) \
		for (; __igt_fork(); exit(0))

#define igt_info(...) igt_log(NULL, IGT_LOG_INFO, __VA_ARGS__)
#define igt_debug(...) igt_log(NULL, IGT_LOG_DEBUG, __VA_ARGS__)
#define igt_warn(...) igt_log(NULL, IGT_LOG_WARN, __VA_ARGS__)

#define igt_require(expr) do { \
	if (!(expr)) \
		__igt_skip_check(__FILE__, __LINE__, __func__, #expr, NULL); \
} while (0)

#define igt_require_f(expr, ...) do { \
	if (!(expr)) \
		__igt_skip_check(__FILE__, __LINE__, __func__, #expr, __VA_ARGS__); \
} while (0)

#define igt_assert(expr) do { \
	if (!(expr)) \
		__igt_fail_assert(NULL, __FILE__, __LINE__, __func__, #expr, NULL); \
} while (0)

#define igt_assert_f(expr, ...) do { \
	if (!(expr)) \
		__igt_fail_assert(NULL, __FILE__, __LINE__, __func__, #expr, __VA_ARGS__); \
} while (0)

#define __igt_assert_cmp(type, format, a, cmp, not, b) do { \
	type __a = (a), __b = (b); \
	if (!(__a cmp __b)) \
		__igt_fail_assert(NULL, __FILE__, __LINE__, __func__, #a " " #cmp " " #b, \
				  "error: " format " " #not " " format "\n", __a, __b); \
} while (0)

#define igt_assert_eq(a, b) __igt_assert_cmp(int, "%d", a, ==, !=, b)
#define igt_assert_neq(a, b) __igt_assert_cmp(int, "%d", a, !=, ==, b)
#define igt_assert_lte(a, b) __igt_assert_cmp(int, "%d", a, <=, >, b)
#define igt_assert_eq_u64(a, b) __igt_assert_cmp(uint64_t, "%#" PRIx64, a, ==, !=, b)
#define igt_assert_fd(fd) igt_assert_lte(0, fd)

#define do_ioctl(fd, request, arg) do { \
	igt_assert_eq(igt_ioctl(fd, request, arg), 0); \
	errno = 0; \
} while (0)

#define do_ioctl_err(fd, request, arg, err) do { \
	igt_assert_eq(igt_ioctl(fd, request, arg), -1); \
	igt_assert_eq(errno, err); \
	errno = 0; \
} while (0)

#endif /* IGT_H */
