// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "compat.h"

/* io_uring without its library: one request at a time */

struct ring {
	int fd;
	struct io_uring_params params;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static bool ring_open(struct ring *r)
{
	const struct io_uring_params *p = &r->params;
	size_t sq, cq;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, 4, &r->params);
	if (r->fd < 0)
		return false;
	sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	r->sq = mmap(NULL, sq, RW, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->cq = mmap(NULL, cq, RW, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, p->sq_entries * sizeof(*r->sqes), RW, MAP_SHARED | MAP_POPULATE,
		       r->fd, IORING_OFF_SQES);
	return r->sq != MAP_FAILED && r->cq != MAP_FAILED && r->sqes != MAP_FAILED;
}

static uint32_t *word(char *ring, uint32_t offset)
{
	return (uint32_t *)(ring + offset);
}

/* What the request's completion says, as a system call would */
static long ring_do(struct ring *r, int op, int fd, char *p, size_t size)
{
	const struct io_uring_params *params = &r->params;
	uint32_t tail = *word(r->sq, params->sq_off.tail), head;
	uint32_t at = tail & *word(r->sq, params->sq_off.ring_mask);
	struct io_uring_cqe *cqe;
	long ret;

	r->sqes[at] = (struct io_uring_sqe) {
		.opcode = op, .fd = fd, .addr = (uintptr_t)p, .len = size,
	};
	word(r->sq, params->sq_off.array)[at] = at;
	__atomic_store_n(word(r->sq, params->sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	ret = syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (ret < 0)
		return ret;
	head = *word(r->cq, params->cq_off.head);
	cqe = (struct io_uring_cqe *)(r->cq + params->cq_off.cqes);
	ret = cqe[head & *word(r->cq, params->cq_off.ring_mask)].res;
	__atomic_store_n(word(r->cq, params->cq_off.head), head + 1, __ATOMIC_RELEASE);
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* With @fixed, the memory is a buffer that is registered before. */
void op_uring(struct target *t, int fixed)
{
	char *p = target_map(t), *q = anonymous(t->size);
	struct iovec all = { p, t->size };
	struct ring r;
	int fd;

	if (!p || !q)
		return;
	if (!ring_open(&r)) {
		say_error("setup", errno);
		return;
	}
	fd = open_disk();
	if (fixed && !say_result("register", syscall(SYS_io_uring_register, r.fd,
						     IORING_REGISTER_BUFFERS, &all, 1)))
		return;
	if (t->writable)
		fill(p, t->size, 30);
	if (say_result("write", ring_do(&r, fixed ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE, fd, p,
					t->size)) &&
	    t->writable && pread(fd, q, t->size, 0) == (ssize_t)t->size)
		say("data=%s", filled(q, t->size, 30) ? "ok" : "wrong");
	fill(q, t->size, 31);
	if (pwrite(fd, q, t->size, 0) != (ssize_t)t->size)
		return;
	if (say_result("read", ring_do(&r, fixed ? IORING_OP_READ_FIXED : IORING_OP_READ, fd, p,
				       t->size)))
		say("data=%s", filled(p, t->size, 31) ? "ok" : "wrong");
}
