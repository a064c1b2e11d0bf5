// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compat.h"

/* What debuggers, tools and children see of a mapping */

enum { READ, WRITE, READ_TOUCHED, WRITE_READ_ONLY };

/* A word by /proc/PID/mem; FOLL_FORCE makes it the way of debuggers. */
static void op_mem(struct target *t, int arg)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	uint64_t value = 0x9abc, seen = 0;
	ssize_t n;
	char *p;

	if (arg == WRITE_READ_ONLY) {
		p = map_at(t, BASE, PROT_READ, MAP_SHARED);
		say_result("mmap", (long)p);
		p = p == MAP_FAILED ? NULL : p;
	} else {
		p = target_map(t);
	}
	if (!p)
		return;
	if (fd < 0) {
		say_error("open", errno);
		return;
	}
	if (arg == READ_TOUCHED)
		say_touches(p, t->size, t->writable);
	if (arg == READ || arg == READ_TOUCHED)
		n = pread(fd, &value, sizeof(value), (uintptr_t)p + WORD);
	else
		n = pwrite(fd, &value, sizeof(value), (uintptr_t)p + WORD);
	say_result("mem", n);
	if (n == sizeof(value) && !__dbm_read(p + WORD, &seen))
		say("data=%s", value == seen ? "ok" : "wrong");
}

static void op_ptrace(struct target *t, int arg)
{
	uint64_t seen = 0;
	char *p = NULL;
	pid_t pid;
	long ret;

	if (arg == WRITE_READ_ONLY)
		p = map_at(t, BASE, PROT_READ, MAP_SHARED);
	else
		p = target_map(t);
	if (!p || p == MAP_FAILED) {
		say("map=none");
		return;
	}
	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	errno = 0;
	if (arg == READ) {
		ret = ptrace(PTRACE_PEEKDATA, pid, p + WORD, NULL);
		say_error("peek", errno);
		if (!errno && !__dbm_read(p + WORD, &seen))
			say("data=%s", (uint64_t)ret == seen ? "ok" : "wrong");
	} else {
		ptrace(PTRACE_POKEDATA, pid, p + WORD, 0xdef0l);
		say_error("poke", errno);
		if (!errno && !__dbm_read(p + WORD, &seen))
			say("data=%s", seen == 0xdef0 ? "ok" : "wrong");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The first line of a mapping: "START-END PERMISSIONS OFFSET DEVICE INODE NAME" */
static void say_maps_line(const struct target *t, const char *text)
{
	unsigned long long offset = 0;
	char perms[8] = "", name[200] = "";

	sscanf(text, "%*x-%*x %7s %llx %*s %*u %199[^\n]", perms, &offset, name);
	/* the number of a card and of a video device is by chance */
	for (char *c = name; *c; c++)
		if (*c == ' ' || (*c >= '0' && *c <= '9'))
			*c = '#';
	say("perms=%s offset=%s name=%s", perms,
	    offset == (unsigned long long)t->offset ? "of-mmap" : offset ? "other" : "0",
	    *name ? name : "-");
}

/* Of /proc/self/smaps, once all of it has been touched */
static void op_smaps(struct target *t, int arg)
{
	static const char * const keys[] = {
		"Rss:", "Shared_Clean:", "Shared_Dirty:", "Private_Clean:", "Private_Dirty:",
		"Anonymous:", "Shared_Hugetlb:", "Private_Hugetlb:", "Swap:", "Locked:",
	};
	char *p = target_map(t), text[400], at[20];
	bool here = false;
	FILE *f;

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	snprintf(at, sizeof(at), "%lx-", (unsigned long)p);
	f = fopen("/proc/self/smaps", "re");
	while (f && fgets(text, sizeof(text), f)) {
		if (!strncmp(text, at, strlen(at))) {
			here = true;
			say_maps_line(t, text);
		} else if (here && !strncmp(text, "VmFlags:", 8)) {
			text[strcspn(text, "\n")] = '\0';
			for (char *word = strtok(text + 8, " "); word; word = strtok(NULL, " "))
				say("%s", word);
			break;
		}
		for (size_t i = 0; here && i < ARRAY_SIZE(keys); i++)
			if (!strncmp(text, keys[i], strlen(keys[i])) &&
			    atol(text + strlen(keys[i])))
				say("%s%ld", keys[i], atol(text + strlen(keys[i])));
	}
	if (f)
		fclose(f);
}

/* How much of a core dump is of the mapping */
static void say_core(const char *path, const char *p)
{
	FILE *f = fopen(path, "re");
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (!f || fread(&head, sizeof(head), 1, f) != 1 || fseek(f, head.e_phoff, SEEK_SET)) {
		say("core=none");
		if (f)
			fclose(f);
		return;
	}
	for (int i = 0; i < head.e_phnum && fread(&part, sizeof(part), 1, f) == 1; i++)
		if (part.p_type == PT_LOAD && part.p_vaddr == (uintptr_t)p)
			say("core=%s", part.p_filesz == part.p_memsz ? "whole" :
			    part.p_filesz ? "part" : "left-out");
	fclose(f);
}

static void op_core(struct target *t, int arg)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	char *p = target_map(t);
	int status = 0, fd;
	pid_t pid;

	(void)arg;
	if (!p)
		return;
	say_touches(p, t->size, t->writable);
	pid = fork();
	if (!pid) {
		fd = open("/proc/self/coredump_filter", O_WRONLY);
		if (fd < 0 || write(fd, "0x7f", 4) != 4)
			_exit(1);
		setrlimit(RLIMIT_CORE, &limit);
		signal(SIGQUIT, SIG_DFL);
		raise(SIGQUIT);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	say("dumped=%s", WIFSIGNALED(status) && WCOREDUMP(status) ? "yes" : "no");
	say_core("/tmp/compat-core", p);
	unlink("/tmp/compat-core");
}

enum { UNTOUCHED, TOUCHED, PRIVATE };

/* What a child must fault in, and whether the two see the same */
static void op_fork(struct target *t, int arg)
{
	char *p;
	pid_t pid;

	if (arg == PRIVATE) {
		p = map_at(t, BASE, RW, MAP_PRIVATE);
		t->writable = true;
		if (!say_result("mmap", (long)p))
			return;
	} else {
		p = target_map(t);
	}
	if (!p)
		return;
	if (arg != UNTOUCHED)
		say_touches(p, t->size, t->writable);
	if (t->writable && arg != UNTOUCHED)
		fill(p, t->size, 20);
	pid = fork();
	if (!pid) {
		warm_up();
		say_touch("child-read", p, t->size, false);
		if (t->writable) {
			if (arg != UNTOUCHED)
				say("data=%s", filled(p, t->size, 20) ? "ok" : "wrong");
			say_touch("child-write", p, t->size, true);
			fill(p, t->size, 21);
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	warm_up();
	if (t->writable)
		say("shared=%s", filled(p, t->size, 21) ? "yes" : "no");
	say_touch("parent-read", p, t->size, false);
}

const struct op process_ops[] = {
	{ "mem-read", OP_IMPORT, op_mem, READ, NULL },
	{ "mem-read-touched", 0, op_mem, READ_TOUCHED, NULL },
	{ "mem-write", OP_BRIEF, op_mem, WRITE, NULL },
	{ "mem-write-read-only", OP_MAPS | OP_IMPORT, op_mem, WRITE_READ_ONLY, NULL },
	{ "ptrace-peek", OP_BRIEF, op_ptrace, READ, NULL },
	{ "ptrace-poke", 0, op_ptrace, WRITE, NULL },
	{ "ptrace-poke-read-only", OP_MAPS, op_ptrace, WRITE_READ_ONLY, NULL },
	{ "smaps", OP_IMPORT, op_smaps, 0, NULL },
	{ "core", 0, op_core, 0, NULL },
	{ "fork", OP_IMPORT, op_fork, TOUCHED, NULL },
	{ "fork-untouched", 0, op_fork, UNTOUCHED, NULL },
	{ "fork-private", OP_MAPS, op_fork, PRIVATE, NULL },
	{ }
};
