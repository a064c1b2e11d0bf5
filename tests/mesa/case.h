/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef MESA_CASE_H
#define MESA_CASE_H

#include <stdbool.h>
#include <stdnoreturn.h>

/*
 * One thing to do with one buffer in one driver, in a process of its own: what becomes of
 * that process is the result, a line "DRIVER SOURCE OPERATION RESULT".  RESULT is "ok", or
 * says what was not; "died=SIGNAL" may follow, "hangs", or "SKIP REASON" stand alone.
 */
struct test {
	const char *operation;
	void (*run)(const char *driver, const char *source);
	const char *sources;	/* shell patterns, separated by "|" */
	const char *drivers;	/* the same */
};

/*
 * Do @tests[0..count) with all @drivers and @sources, NULL-terminated, of which
 * "DRIVER SOURCE OPERATION" matches the shell pattern argv[1]; what main() returns.
 */
int cases_run(int argc, char **argv, const struct test *tests, int count,
	      const char * const *drivers, const char * const *sources);

/* In a case: add to the result */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* ... and end it. */
noreturn void finish(const char *format, ...) __attribute__((format(printf, 1, 2)));

double seconds(void);

#endif
