// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <ctype.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "igt.h"
#include "case.h"

#define LIMIT 60	/* seconds */

static char *result;	/* shared with the child */
#define RESULT_SIZE 512

static void vsay(const char *format, va_list args)
{
	size_t used = strlen(result);

	if (used && used + 1 < RESULT_SIZE)
		result[used++] = ' ';
	vsnprintf(result + used, RESULT_SIZE - used, format, args);
	for (char *p = result + used; *p; p++)
		if (isspace(*p))
			*p = ' ';
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
}

void finish(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
	_exit(0);
}

void case_skip(const char *format, ...)
{
	va_list args;

	result[0] = 0;
	say("SKIP");
	va_start(args, format);
	vsay(format, args);
	va_end(args);
	_exit(0);
}

void case_broken(const char *file, int line, const char *format, ...)
{
	va_list args;

	say("broken %s:%d", file, line);
	va_start(args, format);
	vsay(format, args);
	va_end(args);
	_exit(0);
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1000000000.0;
}

static void wait_or_kill(pid_t pid)
{
	double end = seconds() + LIMIT;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (seconds() > end) {
			say("hangs");
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return;
		}
		usleep(10000);
	}
	if (WIFSIGNALED(status))
		say("died=%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		say("exit=%d", WEXITSTATUS(status));
	else if (!result[0])
		say("broken: no result");
}

static bool matches(const char *patterns, const char *name)
{
	char copy[256], *rest = copy, *pattern;

	if (!patterns)
		return true;
	snprintf(copy, sizeof(copy), "%s", patterns);
	while ((pattern = strsep(&rest, "|")))
		if (!fnmatch(pattern, name, 0))
			return true;
	return false;
}

static void run(const struct test *t, const char *driver, const char *source)
{
	pid_t pid;

	result[0] = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		t->run(driver, source);
		_exit(0);
	}
	if (pid < 0)
		say("broken: fork: %s", strerror(errno));
	else
		wait_or_kill(pid);
	printf("%s %s %s %s\n", driver, source, t->operation, result);
	fflush(stdout);
}

int cases_run(int argc, char **argv, const struct test *tests, int count,
	      const char * const *drivers, const char * const *sources)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	char name[160];

	result = mmap(NULL, RESULT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		return 1;
	for (; *drivers; drivers++)
		for (const char * const *source = sources; *source; source++)
			for (const struct test *t = tests; t < tests + count; t++) {
				snprintf(name, sizeof(name), "%s %s %s", *drivers, *source,
					 t->operation);
				if (matches(t->drivers, *drivers) && matches(t->sources, *source) &&
				    matches(only, name))
					run(t, *drivers, *source);
			}
	puts("end");
	return 0;
}
