// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"

/**
 * TEST: dma-buf mmap lookup
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: address to buffer
 * Description: Which buffer and offset the kernel sees behind a user address
 *
 * SUBTEST: two-buffers
 * Description: Neighbouring mappings of two buffers are told apart
 *
 * SUBTEST: span
 * Description: A span that leaves the buffer or jumps within it is refused
 *
 * SUBTEST: foreign
 * Description: Memory of no buffer, and no memory, give errors of their own
 *
 * SUBTEST: fd-closed
 * Description: A mapping keeps its buffer findable after the fd is closed
 *
 * SUBTEST: race
 * Description: A million look-ups, against munmap(), mmap(), fork(), moves, revokes and the
 *	last close: each answer was true at some time, and no buffer is left
 *
 * SUBTEST: exec
 * Description: A process that looks up while it executes another program leaves no buffer
 */
IGT_TEST_DESCRIPTION("From user addresses to dma-bufs");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)

/* Reserve @length bytes with a page of nothing around them */
static char *reserve(size_t length)
{
	char *p = mmap(NULL, length + 2 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	return p + SZ_4K;
}

static void map_at(char *at, int fd, size_t length, off_t offset)
{
	igt_assert(mmap(at, length, RW, MAP_SHARED | MAP_FIXED, fd, offset) == at);
}

static void two_buffers(void)
{
	int a = mock_create(SIZE, 0), b = mock_create(SIZE, 0);
	char *p = reserve(4 * SZ_4K);

	map_at(p, a, SZ_4K, 0);
	map_at(p + SZ_4K, b, SZ_4K, SZ_4K);
	map_at(p + 2 * SZ_4K, a, SZ_4K, 2 * SZ_4K);
	mock_assert_lookup(p, SZ_4K, a, 0);
	mock_assert_lookup(p + SZ_4K, SZ_4K, b, SZ_4K);
	mock_assert_lookup(p + 2 * SZ_4K, SZ_4K, a, 2 * SZ_4K);
	/* b sits where a's next page would */
	mock_assert_lookup_err(p, 2 * SZ_4K, ERANGE);
	mock_assert_lookup_err(p, 3 * SZ_4K, ERANGE);
	dbm_munmap(p - SZ_4K, 6 * SZ_4K);
	close(a);
	close(b);
}

static void span(void)
{
	int fd = mock_create(SIZE, 0);
	char *p = reserve(4 * SZ_4K);

	map_at(p, fd, SZ_4K, SZ_4K);
	map_at(p + SZ_4K, fd, SZ_4K, 0);
	mock_assert_lookup_err(p, SZ_4K + 1, ERANGE);
	map_at(p, fd, SZ_4K, SIZE - SZ_4K);
	mock_assert_lookup(p, SZ_4K, fd, SIZE - SZ_4K);
	mock_assert_lookup_err(p, SZ_4K + 1, ERANGE);
	mock_assert_lookup_err(p + SZ_4K, 2 * SZ_4K, ERANGE);
	mock_assert_lookup_err(p, 0, EINVAL);
	mock_assert_lookup_err(p, UINT64_MAX, EINVAL);
	mock_assert_lookup_err(p, -(uint64_t)(uintptr_t)p + 1, EINVAL);
	dbm_munmap(p - SZ_4K, 6 * SZ_4K);
	close(fd);
}

static void foreign(void)
{
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *anon = reserve(SZ_4K), *shared = dbm_shared(SZ_4K), *file;

	igt_assert_fd(exe);
	file = mmap(NULL, SZ_4K, PROT_READ, MAP_PRIVATE, exe, 0);
	igt_assert(file != MAP_FAILED);
	mock_assert_lookup_err(anon, SZ_4K, ENOENT);
	mock_assert_lookup_err(shared, SZ_4K, ENOENT);
	mock_assert_lookup_err(file, 1, ENOENT);
	mock_assert_lookup_err(&exe, sizeof(exe), ENOENT);
	mock_assert_lookup_err(NULL, 1, EFAULT);
	mock_assert_lookup_err((void *)(1ul << 63), 1, EFAULT);
	dbm_munmap(anon - SZ_4K, 3 * SZ_4K);
	mock_assert_lookup_err(anon, 1, EFAULT);
	dbm_munmap(shared, SZ_4K);
	dbm_munmap(file, SZ_4K);
	close(exe);
}

static void fd_closed(void)
{
	struct dma_buf_mock_lookup before, after;
	int fd = mock_create(SIZE, 0);
	char *p = dbm_mmap(fd, SIZE, RW, 0);

	igt_assert_eq(mock_lookup(p, SIZE, &before), 0);
	close(fd);
	igt_assert_eq(mock_lookup(p, SIZE, &after), 0);
	igt_assert_eq_u64(before.inode, after.inode);
	dbm_munmap(p, SIZE);
}

/*
 * Threads look up what is at @at while it changes: one of two buffers that stay, one that
 * the mapping alone keeps, or none.  Each is mapped from a page of its own, so that the
 * offset tells which it was.
 */
struct race {
	char *at;
	uint64_t inode[2];
	volatile bool over;
	struct looker {
		struct race *race;
		pthread_t thread;
		volatile uint64_t lookups;
		uint64_t found[3];
		bool wrong;
		int err;
		struct dma_buf_mock_lookup answer;
	} looker[2];
};

static bool is_true(const struct race *r, const struct dma_buf_mock_lookup *f, unsigned int n)
{
	return f->size == SIZE && f->offset % SZ_4K == 1 && n < 3 &&
	       (n == 2 ? f->inode != r->inode[0] && f->inode != r->inode[1] :
			 f->inode == r->inode[n]);
}

static void *look(void *arg)
{
	struct looker *l = arg;
	struct race *r = l->race;

	for (; !r->over && !l->wrong; l->lookups++) {
		unsigned int n;

		l->err = mock_lookup(r->at + 1, SZ_4K, &l->answer);
		n = l->answer.offset / SZ_4K;
		if (l->err)
			l->wrong = l->err != EFAULT && l->err != ENOENT && l->err != ERANGE;
		else if (is_true(r, &l->answer, n))
			l->found[n]++;
		else
			l->wrong = true;
	}
	return NULL;
}

/* What the mapping may become, and what else may happen meanwhile */
static void race_step(const struct race *r, const int *fds, unsigned int step)
{
	int fd;

	switch (step % 8) {
	case 0:
	case 4:
		map_at(r->at, fds[step / 4 % 2], 2 * SZ_4K, step / 4 % 2 * SZ_4K);
		break;
	case 1:
		__mock_move(fds[0], 0);
		break;
	case 2:
		mock_set_state(fds[0], DMA_BUF_MOCK_OFF);
		dbm_munmap(r->at, SZ_4K);
		mock_set_state(fds[0], DMA_BUF_MOCK_READY);
		break;
	case 3:
	case 7:
		/* The last reference is that of the mapping, or of who looks. */
		fd = mock_create(SIZE, 0);
		map_at(r->at, fd, 2 * SZ_4K, 2 * SZ_4K);
		close(fd);
		break;
	case 5:
		if (step % 64 == 5)
			igt_fork(child, 1)
				mock_assert_lookup(r->at, SZ_4K, fds[1], SZ_4K);
		break;
	case 6:
		igt_waitchildren_timeout(20, "a child does not end");
		igt_assert(mmap(r->at, 2 * SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
				MAP_FIXED, -1, 0) == r->at);
		break;
	}
}

static void race(void)
{
	const long before = dbm_count_buffers();
	int fds[] = { mock_create(SIZE, 0), mock_create(SIZE, 0) };
	struct race r = {
		.at = reserve(2 * SZ_4K),
		.inode = { dbm_inode(fds[0]), dbm_inode(fds[1]) },
	};
	uint64_t lookups = 0;
	unsigned int step;

	for (size_t i = 0; i < ARRAY_SIZE(r.looker); i++) {
		r.looker[i].race = &r;
		igt_assert_eq(pthread_create(&r.looker[i].thread, NULL, look, &r.looker[i]), 0);
	}
	for (step = 0; lookups < 1000000; step++) {
		race_step(&r, fds, step);
		lookups = r.looker[0].lookups + r.looker[1].lookups;
		if (r.looker[0].wrong || r.looker[1].wrong)
			break;
	}
	r.over = true;
	igt_waitchildren_timeout(20, "a child does not end");
	for (size_t i = 0; i < ARRAY_SIZE(r.looker); i++) {
		struct looker *l = &r.looker[i];

		pthread_join(l->thread, NULL);
		igt_assert_f(!l->wrong, "buffer %" PRIu64 " from %#" PRIx64 " on, %s\n",
			     (uint64_t)l->answer.inode, (uint64_t)l->answer.offset,
			     strerror(l->err));
		igt_info("%" PRIu64 " look-ups, found %" PRIu64 ", %" PRIu64 ", %" PRIu64 "\n",
			 l->lookups, l->found[0], l->found[1], l->found[2]);
		for (size_t n = 0; n < ARRAY_SIZE(l->found); n++)
			igt_assert_f(l->found[n], "buffer %zu was never found\n", n);
	}
	igt_info("%u changes\n", step);
	dbm_munmap(r.at - SZ_4K, 4 * SZ_4K);
	close(fds[0]);
	close(fds[1]);
	igt_assert_eq(dbm_count_buffers(), before);
}

static void *look_for_ever(void *arg)
{
	struct dma_buf_mock_lookup f;

	for (;;)
		mock_lookup(arg, SZ_4K, &f);
	return NULL;
}

static void exec(void)
{
	const long before = dbm_count_buffers();

	for (int i = 0; i < 50; i++) {
		int status;
		pid_t pid = fork();

		igt_assert_lte(0, pid);
		if (!pid) {
			int fd = mock_create(SIZE, 0);
			void *p = mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0);
			pthread_t thread;

			close(fd);
			if (p == MAP_FAILED || pthread_create(&thread, NULL, look_for_ever, p))
				_exit(1);
			usleep(i * 200);
			execl("/bin/true", "true", NULL);
			_exit(2);
		}
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		igt_assert_eq(status, 0);
	}
	igt_assert_eq(dbm_count_buffers(), before);
}

static const struct dbm_test tests[] = {
	{ "two-buffers", "No span covers two buffers", two_buffers },
	{ "span", "No span covers what is not one piece of one buffer", span },
	{ "foreign", "Ordinary memory belongs to no buffer", foreign },
	{ "fd-closed", "The mapping is enough to keep the buffer", fd_closed },
	{ "race", "An answer may be late, and is never wrong", race },
	{ "exec", "What a thread looks up does not outlive it", exec },
};

int igt_main()
{
	igt_fixture()
		mock_require();

	dbm_subtests(tests, 150);
}
