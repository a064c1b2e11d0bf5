// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "bench.h"

/* What it costs to take a BAR away from those who have mapped it */

/* A zap of what a walk through all of a mapping put in */
static uint64_t zap(const struct vfio_dev *dev, const struct touch *t)
{
	struct rounds r = ROUNDS;
	char *p = map_touch(t);

	while (more(&r)) {
		walk(p, t->length, t->step);
		took_ticks(&r, decode_off(dev));
	}
	dbm_munmap(p, t->length);
	return r.least;
}

/* What each leaf adds: a mapping with one leaf for each @step, over half of it */
static double zap_leaf(const struct vfio_dev *dev, const struct touch *t)
{
	struct touch half = *t;

	half.length /= 2;
	return ((double)zap(dev, t) - zap(dev, &half)) / (half.length / t->step);
}

static uint64_t zap_none(const struct vfio_dev *dev)
{
	struct rounds r = ROUNDS;

	while (more(&r))
		took_ticks(&r, decode_off(dev));
	return r.least;
}

static void bar_zap(void)
{
	const struct touch leaves_4k = { small.fd, small.bar, SMALL_LENGTH, SZ_4K, SZ_4K };
	const struct touch leaves_2m = { small.fd, small.bar, small.size, SZ_2M, 0 };
	const struct touch leaves_1g = { big.fd, big.bar, big.size, SZ_1G, 0 };

	figure("bar-4k-zap", zap_leaf(&small, &leaves_4k));
	figure("bar-2m-zap", zap_leaf(&small, &leaves_2m));
	figure("bar-1g-zap", zap_leaf(&big, &leaves_1g));
}

/* What is not for a leaf: nothing mapped, and what a mapping of one leaf adds */
static void bar_zap_any(void)
{
	const struct touch t = { small.fd, small.bar, SZ_2M, SZ_2M, 0 };
	const uint64_t none = zap_none(&small);

	figure("bar-zap-none", none);
	figure("bar-zap-any", (double)zap(&small, &t) - none);
}

/* How much more a zap of 64 MiB that was touched and zapped costs than one of 2 MiB */
static void bar_zap_again(void)
{
	static const size_t lengths[] = { SZ_2M, 64 * SZ_1M };
	struct rounds again[2] = { ROUNDS, ROUNDS };

	for (int i = 0; i < 2; i++) {
		const struct touch t = { small.fd, small.bar, lengths[i], SZ_4K, SZ_4K };
		char *p = map_touch(&t);

		walk(p, t.length, t.step);
		decode_off(&small);
		while (more(&again[i]))
			took_ticks(&again[i], decode_off(&small));
		dbm_munmap(p, t.length);
	}
	figure("bar-second-zap-growth", (double)again[1].least - again[0].least);
}

#define MANY 10000
#define BATCH 100

static char *many[MANY];

static void many_map(unsigned int i)
{
	many[i] = mmap(NULL, SZ_4K, RW, MAP_SHARED, small.fd, small.bar + i * SZ_4K);
}

static void many_touch(unsigned int i)
{
	walk(many[i], SZ_4K, SZ_4K);
}

static void many_unmap(unsigned int i)
{
	munmap(many[i], SZ_4K);
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Ticks for each: the median of batches, as a tick of the clock comes into some */
static double each_of_many(void (*what)(unsigned int i))
{
	uint64_t batch[MANY / BATCH], start;

	for (unsigned int n = 0; n < ARRAY_SIZE(batch); n++) {
		start = ticks();
		for (unsigned int i = 0; i < BATCH; i++)
			what(n * BATCH + i);
		batch[n] = ticks() - start;
	}
	qsort(batch, ARRAY_SIZE(batch), sizeof(batch[0]), compare);
	return (double)batch[ARRAY_SIZE(batch) / 2] / BATCH;
}

/* A page each; then all are revoked at once */
static void bar_many(void)
{
	const uint64_t none = zap_none(&small);
	struct rounds r = ROUNDS;

	igt_require_f(MANY * SZ_4K <= small.size, "the BAR is too small\n");
	figure_about("bar-10000-map", each_of_many(many_map));
	igt_assert(many[MANY - 1] != MAP_FAILED);
	figure_about("bar-10000-touch", each_of_many(many_touch));
	while (more(&r)) {
		took_ticks(&r, decode_off(&small));
		for (unsigned int i = 0; i < MANY; i++)
			many_touch(i);
	}
	figure_about("bar-10000-revoke", ((double)r.least - none) / MANY);
	figure_about("bar-10000-unmap", each_of_many(many_unmap));
}

const struct bench zap_benches[] = {
	{ "bar-zap", bar_zap, true, false },
	{ "bar-zap-any", bar_zap_any, true, false },
	{ "bar-zap-again", bar_zap_again, true, false },
	{ "bar-10000", bar_many, true, false },
	{ NULL, NULL, false, false }
};
