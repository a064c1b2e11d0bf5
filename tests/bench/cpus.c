// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <pthread.h>

#include "bench.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/trace.h"

/*
 * Several CPUs in one buffer. They run at the same time, so that instructions say
 * nothing: what is counted is how often something happens.
 */

#define MAX_CPUS 8
#define CPUS_LENGTH (16 * SZ_1M)

/* A part of a mapping, walked when all threads are ready */
struct part {
	char *p;
	size_t length;
	pthread_barrier_t *step;
};

static void *walk_part(void *data)
{
	const struct part *part = data;

	pthread_barrier_wait(part->step);
	walk(part->p, part->length, SZ_4K);
	pthread_barrier_wait(part->step);
	/* a thread's end is not to be counted */
	pthread_barrier_wait(part->step);
	return NULL;
}

/* What happened while so many threads walked through the mapping, each through its part */
struct events {
	int faults;	/* page faults, whatever became of them */
	int put_off;	/* dma-buf faults that waited, to be handled again */
	int locked;	/* taken the mmap lock: that of the VMA did not do, or to try again */
	int contention;	/* waited for any lock */
	int handled;	/* dma-buf faults */
};

static struct events walk_with(const struct touch *t, unsigned int nr_threads)
{
	pthread_t threads[MAX_CPUS];
	struct part parts[MAX_CPUS];
	pthread_barrier_t step;
	struct events e;
	char *p = map_touch(t);

	igt_assert_eq(pthread_barrier_init(&step, NULL, nr_threads + 1), 0);
	for (unsigned int i = 0; i < nr_threads; i++) {
		parts[i].length = t->length / nr_threads;
		parts[i].p = p + i * parts[i].length;
		parts[i].step = &step;
		igt_assert_eq(pthread_create(&threads[i], NULL, walk_part, &parts[i]), 0);
	}
	trace_clear();
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	e.faults = trace_count("page_fault_user: ");
	e.put_off = trace_count("dma_buf_mmap_wait: ");
	e.locked = trace_count("mmap_lock_acquire_returned: ");
	e.contention = trace_count("contention_begin: ");
	e.handled = trace_count("dma_buf_mmap_fault: ");
	pthread_barrier_wait(&step);
	for (unsigned int i = 0; i < nr_threads; i++)
		igt_assert_eq(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&step);
	dbm_munmap(p, t->length);
	return e;
}

static void require_cpus(unsigned int n)
{
	igt_require_f(sysconf(_SC_NPROCESSORS_ONLN) >= n, "there are less than %u CPUs\n", n);
}

/* How often a fault is handled, or put off to be handled again, for one thread or two */
static void two_cpus(void)
{
	struct touch t = { -1, 0, LARGE_LENGTH, SZ_4K, SZ_4K };
	struct events one, two;

	require_cpus(2);
	trace_require();
	t.fd = mock_create(LARGE_LENGTH, 9);
	one = walk_with(&t, 1);
	two = walk_with(&t, 2);
	close(t.fd);
	igt_info("%d faults of one thread, %d of two\n", one.handled + one.put_off,
		 two.handled + two.put_off);
	igt_info("FIGURE two-cpus-faults %.3f\n", (double)(two.handled + two.put_off) /
		 (one.handled + one.put_off));
}

/* Each CPU in an eighth of it, all of which have small leaves */
static void eight_cpus(const struct kind *k, size_t shift, const char *name)
{
	struct touch t = { -1, 0, CPUS_LENGTH, SZ_4K, shift + SZ_4K };
	struct events one, eight;
	char figure_name[96];
	struct buffer b;

	require_cpus(MAX_CPUS);
	k->create(k, &b, CPUS_LENGTH);
	trace_require_event("exceptions/page_fault_user");
	trace_require_event("mmap_lock/mmap_lock_acquire_returned");
	trace_require_event("lock/contention_begin");
	trace_own();
	t.fd = b.fd;
	t.offset = b.offset;
	one = walk_with(&t, 1);
	eight = walk_with(&t, MAX_CPUS);
	buffer_destroy(&b);
	igt_info("one thread: %d faults, %d under the mmap lock, %d waits for a lock\n",
		 one.faults, one.locked, one.contention);
	snprintf(figure_name, sizeof(figure_name), "%s-faults", name);
	figure_about(figure_name, eight.faults);
	snprintf(figure_name, sizeof(figure_name), "%s-mmap-locks", name);
	figure_about(figure_name, eight.locked);
	snprintf(figure_name, sizeof(figure_name), "%s-contention", name);
	figure_about(figure_name, eight.contention);
}

const struct bench cpu_benches[] = {
	{ "two-cpus", two_cpus, false, true },
	{ NULL, NULL, false, false }
};

const struct measure cpu_measures[] = {
	{ "eight-cpus", eight_cpus, NULL, false },
	{ NULL, NULL, NULL, false }
};
