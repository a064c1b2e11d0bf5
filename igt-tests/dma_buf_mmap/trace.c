// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "igt.h"
#include "dma_buf_mmap/trace.h"

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

void trace_require_event(const char *event)
{
	char file[128];

	igt_require_f(!mkdir(INSTANCE, 0700) || errno == EEXIST,
		      "no tracing instance can be made (CONFIG_TRACING, tracefs, root): %s\n",
		      strerror(errno));
	igt_install_exit_handler(remove_instance);
	snprintf(file, sizeof(file), INSTANCE "/events/%s/enable", event);
	igt_require_f(write_to(file, "1"), "the kernel has no tracepoints %s: %s\n", event,
		      strerror(errno));
}

void trace_require(void)
{
	trace_require_event("dma_buf_mmap");
}

void trace_own(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	igt_assert(write_to(INSTANCE "/options/event-fork", "1"));
	igt_assert(write_to(INSTANCE "/set_event_pid", pid));
}

void trace_clear(void)
{
	igt_assert(write_to(INSTANCE "/trace", "\n"));
}

int trace_count(const char *format, ...)
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
