// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "compat.h"
#include "line.h"

/* What an operation found out: its line, and touching memory that may not be there. */

struct line *line;

void say(const char *format, ...)
{
	size_t used = strlen(line->text);
	va_list args;

	if (used + 1 < sizeof(line->text))
		line->text[used++] = ' ';
	va_start(args, format);
	vsnprintf(line->text + used, sizeof(line->text) - used, format, args);
	va_end(args);
}

void say_error(const char *key, int err)
{
	const char *name = err ? strerrorname_np(err) : "ok";

	if (name)
		say("%s=%s", key, name);
	else
		say("%s=errno-%d", key, err);
}

bool say_result(const char *key, long ret)
{
	say_error(key, ret == -1 ? errno : 0);
	return ret != -1;
}

long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/* Faults, or a signal and the page that it came at */
static long touch(char *p, size_t size, bool write, int *sig, size_t *page)
{
	long before = faults();
	uint64_t value = 0;

	for (size_t o = 0; o < size; o += SZ_4K) {
		*sig = write ? __dbm_write(p + o + WORD, o ^ 0x746f756368656421ull) :
			       __dbm_read(p + o + WORD, &value);
		*page = o / SZ_4K;
		if (*sig)
			break;
	}
	return faults() - before;
}

bool say_touch(const char *key, char *p, size_t size, bool write)
{
	size_t page = 0;
	int sig = 0;
	long n = touch(p, size, write, &sig, &page);

	if (sig)
		say("%s=%s@%zu", key, sigabbrev_np(sig), page);
	else
		say("%s=%ld", key, n);
	return !sig;
}

void say_touches(char *p, size_t size, bool write)
{
	say_touch("read", p, size, false);
	if (write)
		say_touch("write", p, size, true);
}

/* What the counting itself touches must not be counted. */
void warm_up(void)
{
	static char page[2 * SZ_4K];
	int sig;
	size_t n;

	dbm_catch_signals();
	touch(page, sizeof(page), true, &sig, &n);
	touch(page, sizeof(page), false, &sig, &n);
	__dbm_write(NULL, 0);
}

bool fill(char *p, size_t size, uint64_t seed)
{
	for (size_t o = 0; o < size; o += SZ_4K)
		if (__dbm_write(p + o + WORD, (seed << 32) + o))
			return false;
	return true;
}

bool filled(const char *p, size_t size, uint64_t seed)
{
	uint64_t value;

	for (size_t o = 0; o < size; o += SZ_4K)
		if (__dbm_read(p + o + WORD, &value) || value != (seed << 32) + o)
			return false;
	return true;
}

char *map_at(const struct target *t, char *at, int prot, int flags)
{
	return mmap(at, t->size, prot, flags | MAP_FIXED_NOREPLACE, t->fd, t->offset);
}

char *target_map(struct target *t)
{
	char *p = t->inherited;

	if (p)
		return p;
	t->writable = true;
	p = map_at(t, BASE, RW, MAP_SHARED);
	if (p == MAP_FAILED) {
		say_error("map-rw", errno);
		t->writable = false;
		p = map_at(t, BASE, PROT_READ, MAP_SHARED);
		say_result("map-ro", (long)p);
	}
	return p == MAP_FAILED ? NULL : p;
}

char *anonymous(size_t size)
{
	char *p = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void say_seen(const struct target *t, const char *p)
{
	const char *q = map_at(t, SECOND, PROT_READ, MAP_SHARED);

	if (q == MAP_FAILED) {
		say_error("seen", errno);
		return;
	}
	for (size_t o = 0; o < t->size; o += SZ_4K) {
		uint64_t here = 0, there = 1;

		if (__dbm_read(p + o + WORD, &here) || __dbm_read(q + o + WORD, &there) ||
		    here != there) {
			say("seen=no");
			munmap((void *)q, t->size);
			return;
		}
	}
	munmap((void *)q, t->size);
	say("seen=yes");
}
