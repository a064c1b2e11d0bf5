// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"

/**
 * TEST: dma-buf mmap state
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping
 * Description: What a mapping does while its backing moves, is away or is gone
 *
 * SUBTEST: never-mappable
 * Description: mmap() says EACCES of a buffer that no CPU may map
 *
 * SUBTEST: mmap-by-state
 * Description: mmap() works while the backing is away for a while, not once it is gone
 *
 * SUBTEST: busy-waits
 * Description: A fault waits for a busy backing and then finds the data
 *
 * SUBTEST: busy-killable
 * Description: A process that waits in a fault can be killed
 *
 * SUBTEST: fence-killable
 * Description: A process that waits for a move in flight can be killed
 *
 * SUBTEST: busy-mmap-lock
 * Description: A fault that waits does not keep others out of the address space
 *
 * SUBTEST: off-on
 * Description: While the backing is off, every alias gets SIGBUS; then all come back
 *
 * SUBTEST: revoked
 * Description: Once revoked, a buffer is gone for every process, for ever
 *
 * SUBTEST: revoked-other-buffer
 * Description: A revoked buffer takes no leaf of another buffer with it
 *
 * SUBTEST: off-fork
 * Description: A child that is forked while the backing goes away has no leaf of it
 *
 * SUBTEST: nosigbus
 * Description: MAP_NOSIGBUS is for who asks for it in the way of MAP_SYNC
 *
 * SUBTEST: nosigbus-split
 * Description: It stays with the pieces of a mapping, and with a child's
 *
 * SUBTEST: nosigbus-populate
 * Description: MAP_POPULATE, mlock() and MADV_POPULATE_* end while the backing is away
 *
 * SUBTEST: nosigbus-hammer
 * Description: Threads go on while the backing comes and goes, and lose nothing that counts
 *
 * SUBTEST: move
 * Description: A move takes all leaves away and the data along
 *
 * SUBTEST: move-fence
 * Description: A touch waits until the device has finished the move
 *
 * SUBTEST: move-hammer-order-%d
 * Description: No data is lost or torn while the backing moves under a reader and a writer
 *
 * arg[1].values: 0, 9
 */
IGT_TEST_DESCRIPTION("A mapped dma-buf whose backing moves or is revoked");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)

struct sync {
	volatile int parent, child;
};

/* A filled buffer at @p; what the page tables hold of it is up to the test */
static int create_mapped(unsigned int order, void **p)
{
	int fd = mock_create(SIZE, order);

	*p = dbm_mmap(fd, SIZE, RW, 0);
	dbm_fill(*p, SIZE, 0);
	return fd;
}

/* Fork a child that says 1 before it touches @p and 2 when it has found the right word */
static void fork_toucher(struct sync *s, void *p)
{
	igt_fork(child, 1) {
		s->child = 1;
		dbm_assert_read(p, dbm_pattern(0));
		s->child = 2;
	}
	dbm_wait_for(&s->child, 1, 5000);
	usleep(100 * 1000);
	igt_assert_f(s->child == 1, "the touch did not wait\n");
}

static void busy_waits(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	void *p;
	int fd = create_mapped(9, &p);

	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	ptdump_assert_none(p, SIZE);
	fork_toucher(s, p);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_wait_for(&s->child, 2, 5000);
	igt_waitchildren_timeout(5, "the child does not end");
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(s, SZ_4K);
	close(fd);
}

static void kill_toucher(struct sync *s)
{
	double start = dbm_seconds();

	igt_kill_children(SIGKILL);
	igt_assert_eq(__igt_waitchildren(), 128 + SIGKILL);
	igt_assert_f(dbm_seconds() - start < 3, "it took %.1f s to die\n",
		     dbm_seconds() - start);
	igt_assert_eq(s->child, 1);
}

static void busy_killable(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	void *p;
	int fd = create_mapped(0, &p);

	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	fork_toucher(s, p);
	kill_toucher(s);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(s, SZ_4K);
	close(fd);
}

static void fence_killable(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	void *p;
	int fd = create_mapped(0, &p);

	mock_move(fd, 10000);
	fork_toucher(s, p);
	kill_toucher(s);
	dbm_munmap(p, SIZE);
	dbm_munmap(s, SZ_4K);
	close(fd);
}

struct waiter {
	int dmabuf;
	void *p;
	volatile int touched, done;
};

static void *touch(void *arg)
{
	struct waiter *w = arg;
	uint64_t value = 0;
	int sig = __dbm_read(w->p, &value);

	w->touched = 1;
	return (void *)(uintptr_t)(!sig && value == dbm_pattern(0));
}

/* Ends the wait in any case, so that a test that fails does not hang */
static void *rescue(void *arg)
{
	struct waiter *w = arg;

	for (int i = 0; i < 4000 && !w->done; i++)
		usleep(1000);
	mock_set_state(w->dmabuf, DMA_BUF_MOCK_READY);
	return NULL;
}

static void busy_mmap_lock(void)
{
	pthread_t toucher, rescuer;
	struct waiter w = {};
	double start;
	void *ok, *q;
	bool waited;

	w.dmabuf = create_mapped(9, &w.p);
	mock_set_state(w.dmabuf, DMA_BUF_MOCK_BUSY);
	dbm_catch_signals();
	igt_assert_eq(pthread_create(&rescuer, NULL, rescue, &w), 0);
	igt_assert_eq(pthread_create(&toucher, NULL, touch, &w), 0);
	usleep(100 * 1000);
	waited = !w.touched;
	start = dbm_seconds();
	q = mmap(NULL, SZ_2M, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	start = dbm_seconds() - start;
	w.done = 1;
	igt_assert_eq(pthread_join(rescuer, NULL), 0);
	igt_assert_eq(pthread_join(toucher, &ok), 0);
	igt_assert_f(waited, "the touch did not wait\n");
	igt_assert_f(start < 2, "mmap() had to wait %.1f s for a fault\n", start);
	igt_assert(q != MAP_FAILED);
	igt_assert(ok);
	dbm_munmap(q, SZ_2M);
	dbm_munmap(w.p, SIZE);
	close(w.dmabuf);
}

static void off_on(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	void *p, *alias;
	int fd = create_mapped(9, &p);

	alias = dbm_mmap(fd, SIZE - SZ_4K, PROT_READ, SZ_4K);
	dbm_check(alias, SIZE - SZ_4K, SZ_4K);
	igt_fork(child, 1) {
		dbm_check(p, SIZE, 0);
		s->child = 1;
		dbm_wait_for(&s->parent, 1, 10000);
		ptdump_assert_none(p, SIZE);
		dbm_assert_signal(p, SIZE, SIGBUS);
		ptdump_assert_none(p, SIZE);
		s->child = 2;
		dbm_wait_for(&s->parent, 2, 10000);
		dbm_check(p, SIZE, 0);
	}
	dbm_wait_for(&s->child, 1, 10000);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	ptdump_assert_none(p, SIZE);
	ptdump_assert_none(alias, SIZE - SZ_4K);
	dbm_assert_signal(p, SIZE, SIGBUS);
	igt_assert_eq(dbm_read(alias, &(uint64_t){0}), SIGBUS);
	s->parent = 1;
	dbm_wait_for(&s->child, 2, 10000);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	s->parent = 2;
	igt_waitchildren_timeout(10, "the child does not end");
	dbm_check(p, SIZE, 0);
	dbm_check(alias, SIZE - SZ_4K, SZ_4K);
	dbm_munmap(p, SIZE);
	dbm_munmap(alias, SIZE - SZ_4K);
	dbm_munmap(s, SZ_4K);
	close(fd);
}

struct leaver {
	int fd, delay;
	volatile int *go;
};

static void *leave(void *arg)
{
	struct leaver *l = arg;

	while (!*l->go)
		sched_yield();
	for (volatile int i = 0; i < l->delay; i++)
		;
	mock_set_state(l->fd, DMA_BUF_MOCK_OFF);
	return NULL;
}

/* fork() copies leaves, and does not hold the reservation lock. */
static void off_fork(void)
{
	const double until = dbm_seconds() + 5;
	struct sync *s = dbm_shared(SZ_4K);
	unsigned int rounds = 0, seen = 0;
	void *p;
	struct leaver l = { .fd = create_mapped(9, &p), .go = &s->parent };

	for (; dbm_seconds() < until; rounds++) {
		pthread_t thread;
		pid_t pid;
		int status;

		dbm_touch(p, SIZE);
		s->parent = 0;
		s->child = 0;
		/* Somewhere within the time that a fork takes */
		l.delay = rounds % 64 * 2000;
		igt_assert_eq(pthread_create(&thread, NULL, leave, &l), 0);
		s->parent = 1;
		pid = fork();
		igt_assert_lte(0, pid);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (!s->child)
				sched_yield();
			for (size_t o = 0; o < SIZE; o += SZ_2M)
				if (dbm_read(p + o, &(uint64_t){0}) != SIGBUS)
					_exit(1);
			_exit(0);
		}
		igt_assert_eq(pthread_join(thread, NULL), 0);
		s->child = 1;
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		seen += status != 0;
		mock_set_state(l.fd, DMA_BUF_MOCK_READY);
	}
	igt_info("%u rounds\n", rounds);
	igt_assert_f(!seen, "%u of %u children reached the backing that was away\n", seen, rounds);
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(s, SZ_4K);
	close(l.fd);
}

static void try_to_bring_back(int fd)
{
	struct dma_buf_mock_set_state set = { .fd = fd, .state = DMA_BUF_MOCK_READY };

	do_ioctl_err(mock_open(), DMA_BUF_MOCK_SET_STATE, &set, EBADFD);
}

static void revoked(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	void *p;
	int fd = create_mapped(9, &p);

	igt_fork(child, 1) {
		void *own = dbm_mmap(fd, SIZE, RW, 0);

		dbm_check(p, SIZE, 0);
		dbm_check(own, SIZE, 0);
		s->child = 1;
		dbm_wait_for(&s->parent, 1, 10000);
		ptdump_assert_none(p, SIZE);
		ptdump_assert_none(own, SIZE);
		dbm_assert_signal(p, SIZE, SIGBUS);
		dbm_assert_signal(own, SIZE, SIGBUS);
		dbm_munmap(own, SIZE);
		dbm_assert_signal(p, SIZE, SIGBUS);
	}
	dbm_wait_for(&s->child, 1, 10000);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	s->parent = 1;
	ptdump_assert_none(p, SIZE);
	dbm_assert_signal(p, SIZE, SIGBUS);
	try_to_bring_back(fd);
	dbm_assert_signal(p, SIZE, SIGBUS);
	ptdump_assert_none(p, SIZE);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_SHARED, 0, ENODEV);
	igt_waitchildren_timeout(10, "the child does not end");
	close(fd);
	dbm_assert_signal(p, SIZE, SIGBUS);
	dbm_munmap(p, SIZE);
	dbm_munmap(s, SZ_4K);
}

static void nosigbus(void)
{
	const int mem = memfd_create("nosigbus", MFD_CLOEXEC);
	int fd = mock_create(SIZE, 0);
	char *asked = dbm_mmap_nosigbus(fd, SIZE, RW, 0), *readonly, *plain;

	/* A shared mapping that is not validated ignores what it does not know. */
	plain = mmap(NULL, SIZE, RW, MAP_SHARED | MAP_NOSIGBUS, fd, 0);
	igt_assert(plain != MAP_FAILED);
	readonly = dbm_mmap_nosigbus(fd, SIZE, PROT_READ, 0);
	dbm_mmap_err(fd, SIZE, RW, MAP_PRIVATE | MAP_NOSIGBUS, 0, EINVAL);
	igt_assert_fd(mem);
	igt_assert_eq(ftruncate(mem, SZ_4K), 0);
	dbm_mmap_err(mem, SZ_4K, RW, MAP_SHARED_VALIDATE | MAP_NOSIGBUS, 0, EOPNOTSUPP);

	dbm_fill(asked, SIZE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	dbm_assert_dummy(asked, SIZE, 0);
	dbm_assert_signal(plain, SIZE, SIGBUS);
	dbm_assert_write(asked, 1);
	dbm_assert_read(readonly, 1);
	igt_assert_eq(dbm_write(readonly, 2), SIGSEGV);
	dbm_assert_read(asked, 1);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_check(asked, SIZE, 0);
	dbm_check(plain, SIZE, 0);
	dbm_check(readonly, SIZE, 0);
	/* The dummy is a new one each time, the last one too. */
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	dbm_assert_dummy(asked, SIZE, 0);
	close(fd);
	dbm_assert_dummy(asked, SIZE, 0);
	dbm_munmap(asked, SIZE);
	dbm_munmap(plain, SIZE);
	dbm_munmap(readonly, SIZE);
	close(mem);
}

static void nosigbus_split(void)
{
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap_nosigbus(fd, SIZE, RW, 0), *moved;

	dbm_fill(p, SIZE, 0);
	dbm_munmap(p + SZ_4K, SZ_4K);
	igt_assert_eq(mprotect(p + 4 * SZ_4K, SZ_4K, PROT_READ), 0);
	moved = mremap(p + SIZE / 2, SIZE / 2, SIZE / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
		       dbm_mmap(fd, SIZE / 2, RW, 0));
	igt_assert(moved != MAP_FAILED);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	for (int i = 0; i < 2; i++) {
		dbm_assert_dummy(p, SZ_4K, 0);
		dbm_assert_dummy(p + 2 * SZ_4K, 2 * SZ_4K, 0);
		dbm_assert_read(p + 4 * SZ_4K, 0);
		igt_assert_eq(dbm_write(p + 4 * SZ_4K, 1), SIGSEGV);
		dbm_assert_dummy(p + 5 * SZ_4K, SIZE / 2 - 5 * SZ_4K, 0);
		dbm_assert_dummy(moved, SIZE / 2, 0);
		igt_fork(child, 1) {
			dbm_assert_dummy(moved, SIZE / 2, 0);
			dbm_munmap(moved, SIZE / 2);
		}
		igt_waitchildren_timeout(10, "the child does not end");
		/* What is mapped now is split and moved too. */
		igt_assert_eq(mprotect(p + 8 * SZ_4K, SZ_4K, PROT_READ), 0);
		igt_assert_eq(mprotect(p + 8 * SZ_4K, SZ_4K, RW), 0);
	}
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_check(p, SZ_4K, 0);
	dbm_check(p + 2 * SZ_4K, SIZE / 2 - 2 * SZ_4K, 2 * SZ_4K);
	dbm_check(moved, SIZE / 2, SIZE / 2);
	dbm_munmap(p, SIZE / 2);
	dbm_munmap(moved, SIZE / 2);
	close(fd);
}

static void nosigbus_populate(void)
{
	const size_t size = 64 * SZ_4K;
	/* Of memory that moves nothing is populated. */
	struct dma_buf_mock_create create = {
		.size = size, .open_flags = O_RDWR | O_CLOEXEC, .flags = DMA_BUF_MOCK_FIXED,
	};
	int fd = mock_create_args(&create);
	char *p = dbm_mmap_nosigbus(fd, size, RW, 0), *q;

	dbm_fill(p, size, 0);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	q = mmap(NULL, size, RW, MAP_SHARED_VALIDATE | MAP_NOSIGBUS | MAP_POPULATE, fd, 0);
	igt_assert(q != MAP_FAILED);
	igt_assert_eq(mlock(p, size), 0);
	igt_assert_eq(munlock(p, size), 0);
	for (int advice = MADV_POPULATE_READ; advice <= MADV_POPULATE_WRITE; advice++)
		igt_assert_eq(madvise(p, size, advice), 0);
	dbm_assert_dummy(p, size, 0);
	igt_assert_eq(mlock(p, size), 0);
	dbm_assert_dummy(q, size, 0);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_check(p, size, 0);
	dbm_check(q, size, 0);
	dbm_munmap(p, size);
	dbm_munmap(q, size);
	close(fd);
}

static void nosigbus_hammer(void)
{
	volatile int *stop = dbm_shared(SZ_4K);
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap_nosigbus(fd, SIZE, RW, 0);

	dbm_fill(p, SIZE, 0);
	igt_fork(child, 4) {
		while (!*stop) {
			volatile char *at = p + random() % (SIZE / SZ_4K) * SZ_4K +
					    64 + 8 * child;
			uint64_t value;

			dbm_assert_write(at, child + 1);
			igt_assert_eq(dbm_read(at, &value), 0);
			/* The page may have changed meanwhile, but nobody else writes there. */
			igt_assert(value == 0 || value == (uint64_t)child + 1);
		}
		/* It is back, in the child's page tables too. */
		dbm_check(p, SIZE, 0);
	}
	for (int i = 0; i < 50; i++) {
		mock_set_state(fd, DMA_BUF_MOCK_OFF);
		usleep(i % 5 * 1000);
		mock_set_state(fd, DMA_BUF_MOCK_READY);
		usleep(i % 7 * 1000);
		dbm_check(p, SIZE, 0);
		if (i % 10 == 0)
			mock_move(fd, 0);
	}
	*stop = 1;
	igt_waitchildren_timeout(20, "somebody hangs");
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap((void *)stop, SZ_4K);
	close(fd);
}

static void revoked_other_buffer(void)
{
	void *p, *other;
	int fd = create_mapped(9, &p), other_fd = create_mapped(9, &other);
	struct ptdump before = ptdump(other, SIZE), after;

	igt_assert_eq(before.pmd, SIZE / SZ_2M);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	ptdump_assert_none(p, SIZE);
	after = ptdump(other, SIZE);
	igt_assert_eq(before.pmd, after.pmd);
	igt_assert_eq(before.pte, after.pte);
	dbm_check(other, SIZE, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(other, SIZE);
	close(fd);
	close(other_fd);
}

static void move(void)
{
	for (unsigned int order = 0; order <= 9; order += 9) {
		void *p;
		int fd = create_mapped(order, &p);

		for (int i = 0; i < 3; i++) {
			mock_move(fd, 0);
			ptdump_assert_none(p, SIZE);
			dbm_check(p, SIZE, 0);
			dbm_assert_write((char *)p + SIZE - 8, i);
			mock_move(fd, 0);
			dbm_assert_read((char *)p + SIZE - 8, i);
		}
		dbm_munmap(p, SIZE);
		close(fd);
	}
}

static void move_fence(void)
{
	static const int ms = 400;
	void *p;
	int fd = create_mapped(9, &p);
	double start;

	mock_move(fd, ms);
	start = dbm_seconds();
	ptdump_assert_none(p, SIZE);
	dbm_assert_read(p, dbm_pattern(0));
	igt_assert_f(dbm_seconds() - start >= (ms - 20) / 1000.,
		     "the touch was through after %.3f s\n", dbm_seconds() - start);
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void move_hammer(unsigned int order)
{
	double end = dbm_seconds() + 3;
	struct hammer *h;
	int moves = 0;
	void *p;
	int fd = create_mapped(order, &p);

	h = hammer_start(p, SIZE);
	for (; dbm_seconds() < end || moves < 5; moves++) {
		mock_move(fd, moves % 8 == 7 ? 10 : 0);
		hammer_assert_progress(h, 5000);
	}
	igt_info("%d moves\n", moves);
	hammer_stop(h);
	dbm_check(p, SIZE, 0);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void never_mappable(void)
{
	struct dma_buf_mock_create create = {
		.size = SIZE,
		.flags = DMA_BUF_MOCK_NEVER_MAPPABLE,
		.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = mock_create_args(&create);

	dbm_mmap_err(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EACCES);
	dbm_mmap_err(fd, SZ_4K, PROT_READ, MAP_SHARED, 0, EACCES);
	close(fd);
}

static void mmap_by_state(void)
{
	int fd = mock_create(SIZE, 0);
	void *busy, *off;

	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	busy = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_OFF);
	off = dbm_mmap(fd, SIZE, PROT_READ | PROT_WRITE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	dbm_fill(busy, SIZE, 0);
	dbm_check(off, SIZE, 0);
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	dbm_mmap_err(fd, SIZE, PROT_READ, MAP_SHARED, 0, ENODEV);
	dbm_munmap(busy, SIZE);
	dbm_munmap(off, SIZE);
	close(fd);
}

static const struct dbm_test tests[] = {
	{ "never-mappable", "A clear error at mmap(), no SIGBUS later", never_mappable },
	{ "mmap-by-state", "Only a buffer gone for good refuses mmap()", mmap_by_state },
	{ "busy-waits", "A short reset is a short wait", busy_waits },
	{ "busy-killable", "A long reset cannot hold a process", busy_killable },
	{ "fence-killable", "A slow device cannot hold a process", fence_killable },
	{ "busy-mmap-lock", "A wait does not spread to other threads", busy_mmap_lock },
	{ "off-on", "SIGBUS, then the data again, in every process", off_on },
	{ "off-fork", "Nor does a child get what is going away", off_fork },
	{ "revoked", "SIGBUS for ever, in every process; munmap() is clean", revoked },
	{ "revoked-other-buffer", "Each buffer has a life of its own", revoked_other_buffer },
	{ "nosigbus", "Accesses complete where they are asked to", nosigbus },
	{ "nosigbus-split", "Whatever becomes of the mapping", nosigbus_split },
	{ "nosigbus-populate", "Nobody waits for what is away", nosigbus_populate },
	{ "nosigbus-hammer", "No dummy stays when the backing is back", nosigbus_hammer },
	{ "move", "Moved buffers keep their contents", move },
	{ "move-fence", "Data is not seen before it has arrived", move_fence },
};

int igt_main()
{
	igt_fixture() {
		mock_require();
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
	}

	dbm_subtests(tests, 30);
	for (unsigned int order = 0; order <= 9; order += 9) {
		igt_describe("Moves in a row under two threads, some finished by a device");
		igt_subtest_f("move-hammer-order-%u", order) {
			igt_set_timeout(30, "move-hammer");
			move_hammer(order);
			igt_reset_timeout();
		}
	}
}
