// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "line.h"

/*
 * Usage: compat [--brief] [--after LINE] [PATTERN]
 *
 * Prints what each operation does to each buffer by each way to it, a line "EXPORTER WAY
 * OPERATION KEY=VALUE..." each, of those whose first three words match the shell PATTERN.
 * "begin EXPORTER WAY OPERATION" goes before; if the kernel dies of it, --after leaves
 * out all up to there.  --brief leaves out what is like other operations.  An operation
 * that takes more than ten seconds "hangs"; one that did so before gets two.
 */

#define LIMIT 10
#define LIMIT_AGAIN 2
/* In steps, so that a host that stood still meanwhile does not count */
#define STEPS 10

static const struct op * const groups[] = {
	mmap_ops, vma_ops, advice_ops, copy_ops, device_ops, process_ops,
};

static const char *after, *pattern;
static bool brief;

/* Each is said once, here, and left out then. */
static struct {
	const struct op *op;
	const char *why;
} missing[32];
static size_t missing_count;

static void find_missing(void)
{
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		for (const struct op *op = groups[g]; op->name; op++) {
			const char *why = op->missing ? op->missing() : NULL;

			if (!why || missing_count == ARRAY_SIZE(missing))
				continue;
			missing[missing_count].op = op;
			missing[missing_count++].why = why;
			printf("- - %s SKIP %s\n", op->name, why);
		}
}

static bool is_missing(const struct op *op)
{
	for (size_t i = 0; i < missing_count; i++)
		if (missing[i].op == op)
			return true;
	return false;
}

static int open_target(const struct exporter *e, const struct way *w, struct target *t)
{
	int err;

	t->b = (struct buffer) { .e = e, .size = e->size, .own = -1, .dmabuf = -1 };
	err = e->create(&t->b);
	if (err) {
		say_error("create", err);
		return err;
	}
	err = w->open(t, w);
	t->size = t->b.size;
	if (!err && e->ready)
		err = e->ready(&t->b);
	return err;
}

static void wait_child(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		say("died=%s", sigabbrev_np(WTERMSIG(status)));
}

/* In a process of its own: without @op, can the buffer be reached at all? */
static void run(const struct exporter *e, const struct way *w, const struct op *op)
{
	struct target t = { .fd = -1 };
	int err = open_target(e, w, &t);

	if (!op || err) {
		say_error("open", err);
		return;
	}
	if (w->flags & WAY_FORKED) {
		pid_t pid;

		warm_up();
		t.inherited = target_map(&t);
		if (!t.inherited)
			return;
		pid = fork();
		if (pid) {
			wait_child(pid);
			return;
		}
	}
	warm_up();
	op->run(&t, op->arg);
	if (w->flags & WAY_FORKED)
		_exit(0);
}

/* Wait for a child for LIMIT seconds, kill it, and give up on what cannot be killed. */
static void wait_or_kill(pid_t pid, const struct op *op)
{
	static const struct op *hung[8];
	struct timespec step = { .tv_nsec = 1000000000 / STEPS };
	int limit = LIMIT * STEPS;
	size_t known = 0;
	sigset_t child;
	int status;

	while (known < ARRAY_SIZE(hung) && hung[known] && hung[known] != op)
		known++;
	if (known < ARRAY_SIZE(hung) && hung[known])
		limit = LIMIT_AGAIN * STEPS;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < limit;) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				goto ended;
			if (sigtimedwait(&child, NULL, &step) != SIGCHLD)
				i++;
		}
		say(round ? "unkillable=yes" : "hangs=yes");
		if (known < ARRAY_SIZE(hung))
			hung[known] = op;
		kill(-pid, SIGKILL);
	}
	return;
ended:
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		say("died=%s", sigabbrev_np(WTERMSIG(status)));
	kill(-pid, SIGKILL);
}

static bool wanted(const char *name)
{
	if (after) {
		if (!strcmp(name, after))
			after = NULL;
		return false;
	}
	return !pattern || !fnmatch(pattern, name, 0);
}

/* Whether the buffer could be reached */
static bool print(const struct exporter *e, const struct way *w, const struct op *op)
{
	char name[128];
	bool shown;
	pid_t pid;

	snprintf(name, sizeof(name), "%s %s %s", e->name, w->name, op ? op->name : "-");
	if (!op && after && !strcmp(name, after)) {
		after = NULL;
		return false;
	}
	shown = wanted(name);
	if (op && !shown)
		return true;
	printf("begin %s\n", name);
	fflush(stdout);
	memset(line, 0, sizeof(*line));
	pid = fork();
	if (!pid) {
		sigset_t none;

		setpgid(0, 0);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		run(e, w, op);
		_exit(0);
	}
	setpgid(pid, pid);
	wait_or_kill(pid, op);
	if (shown)
		printf("%s%s\n", name, line->text);
	return op || strstr(line->text, " open=ok");
}

static void print_way(const struct exporter *e, const struct way *w)
{
	static const unsigned int needs[] = { 0, OP_BRIEF, OP_IMPORT, OP_TOUCH };
	size_t level = w->flags & WAY_IMPORT ? 2 : e->flags & EXPORTER_BRIEF ||
		       w->flags & WAY_BRIEF ? 1 : 0;
	unsigned int need = needs[level + brief];

	if (!print(e, w, NULL))
		return;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		for (const struct op *op = groups[g]; op->name; op++)
			if ((op->flags & need) == need &&
			    !(w->flags & WAY_FORKED && op->flags & OP_MAPS) && !is_missing(op))
				print(e, w, op);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "compat: %s: %s\n", path, strerror(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	sigset_t child;

	/* The same addresses each time */
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		personality(ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", argv);
		perror("compat: execv");
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--after") && i + 1 < argc)
			after = argv[++i];
		else if (!strcmp(argv[i], "--brief"))
			brief = true;
		else
			pattern = argv[i];
	line = mmap(NULL, sizeof(*line), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (line == MAP_FAILED)
		return 1;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	write_file("/proc/sys/kernel/core_pattern", "/tmp/compat-core");
	write_file("/proc/sys/kernel/print-fatal-signals", "0");
	vfio_open_all();
	find_missing();

	for (size_t i = 0; i < exporter_count; i++) {
		struct exporter *e = &exporters[i];
		const char *why = e->find ? e->find(e) : NULL;

		if (why) {
			printf("%s - - SKIP %s\n", e->name, why);
			continue;
		}
		for (size_t w = 0; w < way_count; w++)
			if (way_fits(&ways[w], e))
				print_way(e, &ways[w]);
	}
	puts("end");
	return 0;
}
