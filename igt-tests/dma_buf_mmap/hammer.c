// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <pthread.h>
#include <time.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/hammer.h"

#define READER_WORD 0x400
#define WRITER_WORD 0x800

struct hammer_thread {
	struct hammer *hammer;
	pthread_t thread;
	volatile uint64_t accesses;
	/* the first that went wrong */
	volatile int failed;
	int signal;
	size_t offset;
	uint64_t got, want;
};

struct hammer {
	volatile char *base;
	size_t length;
	volatile int stop;
	uint64_t *written;
	struct hammer_thread reader, writer;
};

static void note_failure(struct hammer_thread *t, int signal, size_t offset, uint64_t got,
			 uint64_t want)
{
	t->signal = signal;
	t->offset = offset;
	t->got = got;
	t->want = want;
	t->failed = 1;
}

static bool expect(struct hammer_thread *t, size_t offset, uint64_t want)
{
	uint64_t got = 0;
	int sig = __dbm_read(t->hammer->base + offset, &got);

	if (!sig && got == want)
		return true;
	note_failure(t, sig, offset, got, want);
	return false;
}

static void *read_thread(void *arg)
{
	struct hammer_thread *t = arg;
	struct hammer *h = t->hammer;

	while (!h->stop)
		for (size_t o = 0; o < h->length && !h->stop; o += SZ_4K) {
			if (!expect(t, o + READER_WORD, dbm_pattern(o + READER_WORD)))
				return NULL;
			t->accesses++;
		}
	return NULL;
}

static void *write_thread(void *arg)
{
	struct hammer_thread *t = arg;
	struct hammer *h = t->hammer;

	while (!h->stop)
		for (size_t o = 0; o < h->length && !h->stop; o += SZ_4K) {
			uint64_t *last = &h->written[o / SZ_4K];
			int sig;

			if (!expect(t, o + WRITER_WORD, *last))
				return NULL;
			sig = __dbm_write(h->base + o + WRITER_WORD, *last + 1);
			if (sig) {
				note_failure(t, sig, o + WRITER_WORD, 0, *last + 1);
				return NULL;
			}
			++*last;
			if (!expect(t, o + WRITER_WORD, *last))
				return NULL;
			t->accesses++;
		}
	return NULL;
}

struct hammer *hammer_start(volatile void *addr, size_t length)
{
	struct hammer *h = calloc(1, sizeof(*h));

	igt_assert(h);
	h->base = addr;
	h->length = length;
	h->written = calloc(length / SZ_4K, sizeof(*h->written));
	igt_assert(h->written);
	for (size_t o = 0; o < length; o += SZ_4K) {
		h->written[o / SZ_4K] = dbm_pattern(o) << 16;
		dbm_assert_write(h->base + o + READER_WORD, dbm_pattern(o + READER_WORD));
		dbm_assert_write(h->base + o + WRITER_WORD, h->written[o / SZ_4K]);
	}
	h->reader.hammer = h;
	h->writer.hammer = h;
	igt_assert_eq(pthread_create(&h->reader.thread, NULL, read_thread, &h->reader), 0);
	igt_assert_eq(pthread_create(&h->writer.thread, NULL, write_thread, &h->writer), 0);
	return h;
}

static void assert_right(const struct hammer_thread *t, const char *who)
{
	igt_assert_f(!t->failed,
		     "%s at +%#zx: signal %d, found %#" PRIx64 ", expected %#" PRIx64 "\n",
		     who, t->offset, t->signal, t->got, t->want);
}

void hammer_assert_progress(struct hammer *h, int ms)
{
	uint64_t reads = h->reader.accesses, writes = h->writer.accesses;

	/* an access may have been under way already: the one after it counts */
	for (int i = 0; h->reader.accesses < reads + 2 || h->writer.accesses < writes + 2; i++) {
		assert_right(&h->reader, "reader");
		assert_right(&h->writer, "writer");
		igt_assert_f(i < ms, "the accesses are stuck\n");
		usleep(1000);
	}
}

static void join(struct hammer_thread *t)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	igt_assert_f(!pthread_timedjoin_np(t->thread, NULL, &until),
		     "a thread did not come back from its access\n");
}

void hammer_stop(struct hammer *h)
{
	h->stop = 1;
	join(&h->reader);
	join(&h->writer);
	assert_right(&h->reader, "reader");
	assert_right(&h->writer, "writer");
	igt_info("%" PRIu64 " reads, %" PRIu64 " writes\n", h->reader.accesses,
		 h->writer.accesses);
	/* what the writer left is what is there, page by page */
	for (size_t o = 0; o < h->length; o += SZ_4K)
		dbm_assert_read(h->base + o + WRITER_WORD, h->written[o / SZ_4K]);
	free(h->written);
	free(h);
}
