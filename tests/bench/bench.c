// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <math.h>
#include <sys/resource.h>

#include "bench.h"
#include "dma_buf_mmap/ptdump.h"

#define LEAST_ROUNDS 8
#define MOST_ROUNDS 100
#define ENOUGH_TICKS 20000000

int fixed_rounds;

bool more(struct rounds *r)
{
	const uint64_t now = ticks();

	if (!r->n)
		r->first = now;
	if (fixed_rounds)
		return r->n++ < fixed_rounds;
	return r->n++ < LEAST_ROUNDS ||
	       (r->n <= (int)(MOST_ROUNDS * r->weight) &&
		now - r->first < ENOUGH_TICKS * r->weight);
}

void took_ticks(struct rounds *r, uint64_t n)
{
	if (n < r->least)
		r->least = n;
}

void figure(const char *name, double value)
{
	if (isnan(value))
		igt_info("%s: no such leaves\n", name);
	else
		igt_info("FIGURE %s %.1f\n", name, value);
}

void figure_about(const char *name, double value)
{
	igt_info("FIGURE %s %.1f ~\n", name, value);
}

long faults(void)
{
	struct rusage usage;

	igt_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt;
}

void __attribute__((noinline)) walk(const volatile char *p, size_t length, size_t step)
{
	for (const volatile char *end = p + length; p < end; p += step)
		(void)*p;
}

char *space(size_t length, size_t off)
{
	char *p = mmap(NULL, length + 2 * SZ_1G, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE, -1, 0);

	igt_assert(p != MAP_FAILED);
	dbm_munmap(p, length + 2 * SZ_1G);
	return (char *)(((uintptr_t)p + SZ_1G - 1) & ~(SZ_1G - 1)) + off;
}

void *map_odd(void)
{
	void *odd = mmap(NULL, 3 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(odd != MAP_FAILED);
	return odd;
}

void unmap_odd(void *odd)
{
	dbm_munmap(odd, 3 * SZ_4K);
}

void write_number(const char *file, unsigned int n)
{
	FILE *f = fopen(file, "w");

	igt_require_f(f && fprintf(f, "%u\n", n) > 0 && !fclose(f), "%s: %s\n", file,
		      strerror(errno));
}

char *map_touch(const struct touch *t)
{
	char *at = space(t->length, t->shift);

	igt_assert(mmap(at, t->length, RW, MAP_SHARED | MAP_FIXED, t->fd, t->offset) == at);
	return at;
}

/* A page behind the mapping, so that the fault in it finds the tables of large leaves */
static char *map_behind(const struct touch *t, char *p)
{
	char *behind = p - t->shift + ((t->length + SZ_2M - 1) & ~(size_t)(SZ_2M - 1));

	igt_assert(mmap(behind, SZ_4K, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		   behind);
	*behind = 1;
	return behind;
}

/* Whether each step of a walk through all of a mapping, of 2 MiB or more, has made a leaf */
static bool large_leaves(const struct touch *t, const char *p)
{
	struct ptdump d;

	/* On a machine of a user's the figures tell */
	if (!ptdump_available())
		return true;
	d = ptdump(p, t->length);
	return (t->step == SZ_1G ? d.pud : d.pmd) == t->length / t->step;
}

double first_touch(const struct touch *t)
{
	struct rounds r = ROUNDS;
	bool none = false;
	uint64_t start;

	while (more(&r)) {
		char *p = map_touch(t), *behind = t->step == SZ_2M ? map_behind(t, p) : NULL;

		start = ticks();
		walk(p, t->length, t->step);
		took(&r, start);
		if (r.n == 1 && t->step >= SZ_2M)
			none = !large_leaves(t, p);
		dbm_munmap(p, t->length);
		if (behind)
			dbm_munmap(behind, SZ_4K);
	}
	return none ? NAN : (double)r.least / (t->length / t->step);
}

double random_touch(const struct touch *t)
{
	struct rounds r = ROUNDS;
	uint64_t start;

	while (more(&r)) {
		char *p = map_touch(t);

		walk(p + t->length / 2 + 400 * SZ_4K, SZ_4K, SZ_4K);
		start = ticks();
		walk(p + t->length / 2 + 123 * SZ_4K, SZ_4K, SZ_4K);
		took(&r, start);
		dbm_munmap(p, t->length);
	}
	return r.least;
}
