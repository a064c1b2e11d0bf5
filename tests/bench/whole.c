// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "bench.h"
#include "dma_buf_mmap/drm.h"

/* Operations as a user has them: 4 MiB are mapped, touched in some order and unmapped */

#define PAGES (SMALL_LENGTH / SZ_4K)
#define SPARSE 16

struct order {
	unsigned int n;
	uint16_t page[PAGES];
};

static void order_untouched(struct order *o)
{
	o->n = 0;
}

static void order_page(struct order *o)
{
	o->n = 1;
	o->page[0] = 123;
}

static void order_forward(struct order *o)
{
	for (o->n = 0; o->n < PAGES; o->n++)
		o->page[o->n] = o->n;
}

static void order_backward(struct order *o)
{
	for (o->n = 0; o->n < PAGES; o->n++)
		o->page[o->n] = PAGES - 1 - o->n;
}

/* The same permutation each time */
static void order_random(struct order *o)
{
	uint32_t state = 1;

	order_forward(o);
	for (unsigned int i = PAGES - 1; i; i--) {
		uint16_t *with, page = o->page[i];

		state = state * 1664525 + 1013904223;
		with = &o->page[(state >> 16) % (i + 1)];
		o->page[i] = *with;
		*with = page;
	}
}

static void order_sparse(struct order *o)
{
	for (o->n = 0; o->n < PAGES / SPARSE; o->n++)
		o->page[o->n] = o->n * SPARSE;
}

static void __attribute__((noinline)) walk_order(const volatile char *p, const struct order *o)
{
	for (unsigned int i = 0; i < o->n; i++)
		(void)p[o->page[i] * SZ_4K];
}

static uint64_t map_walk_unmap(const struct buffer *b, const struct order *o, size_t shift)
{
	void *odd = map_odd();
	char *at = shift ? space(SMALL_LENGTH, shift) : NULL, *p;
	struct rounds r = ROUNDS;
	uint64_t start;

	while (more(&r)) {
		start = ticks();
		p = buffer_map(b, at);
		walk_order(p, o);
		munmap(p, SMALL_LENGTH);
		took(&r, start);
	}
	unmap_odd(odd);
	return r.least;
}

static void whole(const struct kind *k, size_t shift, const char *name,
		  void (*make)(struct order *o))
{
	static struct order order;
	struct buffer b;

	make(&order);
	k->create(k, &b, SMALL_LENGTH);
	kind_figure(k, name, (double)map_walk_unmap(&b, &order, shift) / (order.n ?: 1));
	buffer_destroy(&b);
}

static void map_unmap(const struct kind *k, size_t shift, const char *name)
{
	whole(k, shift, name, order_untouched);
}

static void whole_page(const struct kind *k, size_t shift, const char *name)
{
	whole(k, shift, name, order_page);
}

static void whole_forward(const struct kind *k, size_t shift, const char *name)
{
	whole(k, shift, name, order_forward);
}

static void whole_backward(const struct kind *k, size_t shift, const char *name)
{
	whole(k, shift, name, order_backward);
}

static void whole_random(const struct kind *k, size_t shift, const char *name)
{
	whole(k, shift, name, order_random);
}

static void whole_sparse(const struct kind *k, size_t shift, const char *name)
{
	whole(k, shift, name, order_sparse);
}

/* Of what was touched forward, the last part alone */
static void unmap(const struct kind *k, size_t shift, const char *name)
{
	struct rounds r = ROUNDS;
	struct buffer b;
	uint64_t start;
	char *at, *p;
	void *odd;

	k->create(k, &b, SMALL_LENGTH);
	odd = map_odd();
	at = shift ? space(SMALL_LENGTH, shift) : NULL;
	while (more(&r)) {
		p = buffer_map(&b, at);
		walk(p, SMALL_LENGTH, SZ_4K);
		start = ticks();
		munmap(p, SMALL_LENGTH);
		took(&r, start);
	}
	kind_figure(k, name, r.least);
	buffer_destroy(&b);
	unmap_odd(odd);
}

/* Nobody else has mapped the object: its pages come and go with the mapping */
static void shmem_cold(void)
{
	static const struct order untouched;
	struct buffer b = { .drm = drm_open_by_name("vgem"), .borrowed = true };
	uint64_t offset = 0;

	igt_require_f(b.drm >= 0, "there is no vgem\n");
	b.fd = b.drm;
	b.handle = drm_create_dumb(b.drm, SMALL_LENGTH);
	igt_assert_eq(drm_map_dumb(b.drm, b.handle, &offset), 0);
	b.offset = offset;
	figure("shmem-cold-map-unmap", (double)map_walk_unmap(&b, &untouched, 0) / PAGES);
	buffer_destroy(&b);
}

const struct bench whole_benches[] = {
	{ "shmem-cold-map-unmap", shmem_cold, false, false },
	{ NULL, NULL, false, false }
};

const struct measure whole_measures[] = {
	{ "map-unmap", map_unmap, NULL, false },
	{ "whole-page", whole_page, NULL, true },
	{ "whole-forward", whole_forward, NULL, true },
	{ "whole-backward", whole_backward, NULL, true },
	{ "whole-random", whole_random, NULL, true },
	{ "whole-sparse", whole_sparse, NULL, true },
	{ "unmap", unmap, NULL, true },
	{ NULL, NULL, NULL, false }
};
