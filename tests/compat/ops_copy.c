// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "compat.h"

/* The kernel reads and writes the mapping, which nobody has touched, for this process. */

enum { INTO, FROM };

/* Whatever is on it is overwritten, so it must be named; -1: there is none */
int open_disk(void)
{
	const char *path = getenv("DBM_DISK");

	return path ? open(path, O_RDWR | O_DIRECT | O_CLOEXEC) : -1;
}

const char *disk_missing(void)
{
	int fd = open_disk();

	close(fd);
	return fd < 0 ? "there is no disk DBM_DISK" : NULL;
}

/* What a copy of @n bytes did: an errno, or how much of it */
static bool say_copied(const char *key, ssize_t ret, size_t n)
{
	if (ret == -1)
		say_error(key, errno);
	else
		say("%s=%s", key, (size_t)ret == n ? "ok" : ret ? "short" : "nothing");
	return ret == (ssize_t)n;
}

/* All of the target's words have what was copied there, or from there. */
static void say_data(const struct target *t, const char *p, uint64_t seed)
{
	say("data=%s", filled(p, t->size, seed) ? "ok" : "wrong");
}

static int memfd(size_t size)
{
	int fd = memfd_create("compat", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, size)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The copies by read() and write(), at whose other end is an ordinary file */
static void op_file(struct target *t, int arg)
{
	char *p = target_map(t), *q = anonymous(t->size);
	int fd = memfd(t->size);

	if (!p || !q || fd < 0)
		return;
	if (arg == INTO) {
		fill(q, t->size, 10);
		if (pwrite(fd, q, t->size, 0) != (ssize_t)t->size)
			return;
		if (say_copied("read", pread(fd, p, t->size, 0), t->size))
			say_data(t, p, 10);
		return;
	}
	/* what there is to be copied comes by another mapping */
	q = map_at(t, SECOND, RW, MAP_SHARED);
	if (q != MAP_FAILED)
		fill(q, t->size, 11);
	if (!say_copied("write", pwrite(fd, p, t->size, 0), t->size) || q == MAP_FAILED)
		return;
	q = mmap(NULL, t->size, PROT_READ, MAP_SHARED, fd, 0);
	if (q != MAP_FAILED)
		say_data(t, q, 11);
}

static void op_direct(struct target *t, int arg)
{
	char *p = target_map(t), *q = anonymous(t->size);
	int fd = open_disk();

	if (!p || !q || fd < 0)
		return;
	if (arg == INTO) {
		fill(q, t->size, 12);
		if (say_copied("disk", pwrite(fd, q, t->size, 0), t->size) &&
		    say_copied("read", pread(fd, p, t->size, 0), t->size))
			say_data(t, p, 12);
		return;
	}
	if (t->writable)
		fill(p, t->size, 13);
	if (say_copied("write", pwrite(fd, p, t->size, 0), t->size) && t->writable &&
	    say_copied("disk", pread(fd, q, t->size, 0), t->size))
		say_data(t, q, 13);
}

/* Of itself, which takes the same path as of another process */
static void op_process_vm(struct target *t, int arg)
{
	char *p = target_map(t), *q = anonymous(t->size);
	struct iovec local = { q, t->size }, remote = { p, t->size };

	if (!p || !q)
		return;
	if (arg == INTO) {
		fill(q, t->size, 14);
		if (say_copied("writev", process_vm_writev(getpid(), &local, 1, &remote, 1, 0),
			       t->size))
			say_data(t, p, 14);
		return;
	}
	if (t->writable)
		fill(p, t->size, 15);
	if (say_copied("readv", process_vm_readv(getpid(), &local, 1, &remote, 1, 0), t->size) &&
	    t->writable)
		say_data(t, q, 15);
}

static void op_vmsplice(struct target *t, int arg)
{
	char *p = target_map(t), *q = anonymous(t->size);
	struct iovec part = { p, SZ_4K };
	uint64_t value = 0;
	int fd[2];

	if (!p || !q || pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return;
	if (t->writable)
		__dbm_write(p + WORD, 0x1234);
	if (arg == INTO) {
		if (write(fd[1], q, SZ_4K) == SZ_4K)
			say_copied("vmsplice", vmsplice(fd[0], &part, 1, 0), SZ_4K);
		return;
	}
	if (!say_copied("vmsplice", vmsplice(fd[1], &part, 1, 0), SZ_4K))
		return;
	say_copied("read", read(fd[0], q, SZ_4K), SZ_4K);
	if (t->writable && !__dbm_read(q + WORD, &value))
		say("data=%s", value == 0x1234 ? "ok" : "wrong");
}

/* A connection to itself: fd[0] gets what is sent to fd[1] */
static bool connect_tcp(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);
	int one = 1;

	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || fd[1] < 0 || bind(listener, (void *)&a, sizeof(a)) ||
	    listen(listener, 1) || getsockname(listener, (void *)&a, &n) ||
	    connect(fd[1], (void *)&a, sizeof(a)))
		return false;
	fd[0] = accept(listener, NULL, NULL);
	return fd[0] >= 0 && !setsockopt(fd[1], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one));
}

static void op_zerocopy(struct target *t, int arg)
{
	char *p = target_map(t), *q = anonymous(SZ_4K);
	uint64_t value = 0;
	int fd[2];

	(void)arg;
	if (!p || !q)
		return;
	if (!connect_tcp(fd)) {
		say_error("connect", errno);
		return;
	}
	if (t->writable)
		__dbm_write(p + WORD, 0x5678);
	if (!say_copied("send", send(fd[1], p, SZ_4K, MSG_ZEROCOPY), SZ_4K))
		return;
	say_copied("recv", recv(fd[0], q, SZ_4K, MSG_WAITALL), SZ_4K);
	if (t->writable && !__dbm_read(q + WORD, &value))
		say("data=%s", value == 0x5678 ? "ok" : "wrong");
}

/* A futex that processes share is known by its page. */
static void op_futex(struct target *t, int arg)
{
	char *p = target_map(t);

	(void)arg;
	if (p)
		say_result("wake", syscall(SYS_futex, p + WORD, FUTEX_WAKE, 1, NULL, NULL, 0));
}

const struct op copy_ops[] = {
	{ "copy-file-read", OP_IMPORT, op_file, INTO, NULL },
	{ "copy-file-write", OP_BRIEF, op_file, FROM, NULL },
	{ "copy-direct-read", OP_BRIEF, op_direct, INTO, disk_missing },
	{ "copy-direct-write", OP_IMPORT, op_direct, FROM, disk_missing },
	{ "copy-process_vm_readv", OP_IMPORT, op_process_vm, FROM, NULL },
	{ "copy-process_vm_writev", OP_BRIEF, op_process_vm, INTO, NULL },
	{ "copy-vmsplice-to-pipe", 0, op_vmsplice, FROM, NULL },
	{ "copy-vmsplice-from-pipe", 0, op_vmsplice, INTO, NULL },
	{ "copy-msg_zerocopy", 0, op_zerocopy, 0, NULL },
	{ "copy-futex", 0, op_futex, 0, NULL },
	{ }
};
