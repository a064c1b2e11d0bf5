// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap vfio
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping of PCI BARs
 * Description: A BAR on vfio-pci, mapped through its dma-buf and through the device fd
 *
 * SUBTEST: host-bytes
 * Description: The guest finds the host's words in the BAR, and leaves words for the host
 *
 * SUBTEST: ranges
 * Description: A buffer of many ranges in any order shows each page at its place
 *
 * SUBTEST: ranges-part
 * Description: A mapping of a part of such a buffer starts and ends within ranges
 *
 * SUBTEST: ranges-merged
 * Description: Ranges that continue each other are one, up to the leaf
 *
 * SUBTEST: bounds
 * Description: No mapping reaches past the exported ranges
 *
 * SUBTEST: readonly
 * Description: A buffer exported read-only cannot be written
 *
 * SUBTEST: aliases
 * Description: Device fd and dma-buf fds of one range show the same bytes, in a child too
 *
 * SUBTEST: leaves-2m
 * Description: A BAR is mapped by 2 MiB leaves throughout, through either fd
 *
 * SUBTEST: leaves-1g
 * Description: A BAR of at least 2 GiB is mapped by 1 GiB leaves, through either fd
 *
 * SUBTEST: pieces-1g
 * Description: A piece of a 1 GiB leaf is unmapped, protected or left out of a child; the rest is
 *	there
 *
 * SUBTEST: moved-1g
 * Description: A 1 GiB leaf moves with its mapping, or a half of it
 *
 * SUBTEST: moved-off-1g
 * Description: Nor does one move that is taken away meanwhile
 *
 * SUBTEST: moved-off-2m
 * Description: The same of a 2 MiB leaf
 *
 * SUBTEST: gup
 * Description: The kernel takes no page reference to a BAR
 *
 * SUBTEST: other-driver
 * Description: These tests leave a device alone that another driver has
 *
 * SUBTEST: lookup
 * Description: Addresses in a BAR lead to its dma-buf: split, moved and forked
 *
 * SUBTEST: lookup-device-fd
 * Description: The same for a BAR that was mapped through the device fd; the buffer found is
 *	what was mapped and no more
 */
IGT_TEST_DESCRIPTION("PCI BARs as mapped dma-bufs");

#define RW (PROT_READ | PROT_WRITE)
/* a word in each page that neither the host nor another test uses */
#define SCRATCH 0x100
/* where in the host's last MiB each subtest leaves its words */
#define HOST_WORDS_WHOLE 0
#define HOST_WORDS_RANGES (SZ_1M / 2)

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };
static struct vfio_dev big = { .fd = -1, .iommufd = -1 };

/* Host to guest: the prefill.  Guest to host: words that the harness looks up in the file. */
static void host_bytes(void)
{
	uint64_t last = dev.size - VFIO_HOST_WORDS;
	int fd = vfio_export(&dev);
	char *p = dbm_mmap(fd, dev.size, RW, 0);

	dbm_check(p, last, 0);
	for (uint64_t i = 0; i < 64; i++) {
		uint64_t o = last + HOST_WORDS_WHOLE + i * SZ_4K + i * 8;

		vfio_leave_for_host(p + o, o, 0x600dda7a00000000 + o);
	}
	dbm_munmap(p, dev.size);
	close(fd);
}

/* Out of order, of odd sizes, the last in the part for the host */
static unsigned int make_ranges(struct vfio_region_dma_range *r)
{
	r[0] = (struct vfio_region_dma_range){ dev.size / 2, SZ_1M };
	r[1] = (struct vfio_region_dma_range){ dev.size / 2 + SZ_1M, SZ_1M };
	r[2] = (struct vfio_region_dma_range){ 3 * SZ_4K, 5 * SZ_4K };
	r[3] = (struct vfio_region_dma_range){ dev.size / 4, 2 * SZ_2M };
	r[4] = (struct vfio_region_dma_range){ 0, SZ_4K };
	r[5] = (struct vfio_region_dma_range){ dev.size - VFIO_HOST_WORDS + HOST_WORDS_RANGES,
					       16 * SZ_4K };
	return 6;
}

static int export_ranges(const struct vfio_region_dma_range *ranges, unsigned int count,
			 uint64_t *size)
{
	int fd = __vfio_export(&dev, ranges, count, O_RDWR | O_CLOEXEC);

	igt_assert_f(fd >= 0, "exporting %u ranges: %s\n", count, strerror(-fd));
	*size = 0;
	for (unsigned int i = 0; i < count; i++)
		*size += ranges[i].length;
	return fd;
}

static void ranges(void)
{
	struct vfio_region_dma_range r[6];
	unsigned int n = make_ranges(r);
	char *whole, *p, *at;
	uint64_t size;
	int fd = export_ranges(r, n, &size);

	whole = dbm_mmap(dev.fd, dev.size, RW, dev.bar);
	p = dbm_mmap(fd, size, RW, 0);
	at = p;
	for (unsigned int i = 0; i < n - 1; at += r[i++].length) {
		dbm_check(at, r[i].length, r[i].offset);
		for (uint64_t o = 0; o < r[i].length; o += SZ_4K) {
			uint64_t value = dbm_pattern(at - p + o) << 8;

			dbm_assert_write(at + o + SCRATCH, value);
			dbm_assert_read(whole + r[i].offset + o + SCRATCH, value);
		}
	}
	for (uint64_t o = 0; o < r[n - 1].length; o += SZ_4K)
		vfio_leave_for_host(at + o, r[n - 1].offset + o, 0x0ddba11500000000 + o);
	dbm_munmap(p, size);
	dbm_munmap(whole, dev.size);
	close(fd);
}

static void ranges_part(void)
{
	struct vfio_region_dma_range r[6];
	unsigned int n = make_ranges(r);
	uint64_t size, from, length;
	char *p;
	int fd = export_ranges(r, n, &size);

	/* from the second range's last page, over the third, to the fourth's second */
	from = r[0].length + r[1].length - SZ_4K;
	length = SZ_4K + r[2].length + 2 * SZ_4K;
	p = dbm_mmap(fd, length, RW, from);
	/* the last first: no offset may come from the order of faults */
	dbm_check(p + length - 2 * SZ_4K, 2 * SZ_4K, r[3].offset);
	dbm_check(p + SZ_4K, r[2].length, r[2].offset);
	dbm_check(p, SZ_4K, r[1].offset + r[1].length - SZ_4K);
	dbm_munmap(p, length);
	close(fd);
}

static void ranges_merged(void)
{
	struct vfio_region_dma_range r[6];
	struct ptdump d;
	uint64_t size;
	char *p;
	int fd;

	make_ranges(r);
	fd = export_ranges(r, 2, &size);
	igt_assert_eq_u64(size, SZ_2M);
	p = dbm_mmap(fd, size, RW, 0);
	dbm_check(p, size, r[0].offset);
	d = ptdump(p, size);
	igt_assert_eq(d.pmd, 1);
	igt_assert_eq(d.pte, 0);
	dbm_munmap(p, size);
	close(fd);
}

static void bounds(void)
{
	struct vfio_region_dma_range r[6];
	uint64_t size;
	char *p;
	int fd;

	make_ranges(r);
	fd = export_ranges(r + 2, 2, &size);
	p = dbm_mmap(fd, SZ_4K, PROT_READ, size - SZ_4K);
	dbm_check(p, SZ_4K, r[3].offset + r[3].length - SZ_4K);
	dbm_munmap(p, SZ_4K);
	dbm_mmap_err(fd, size + SZ_4K, PROT_READ, MAP_SHARED, 0, EINVAL);
	dbm_mmap_err(fd, size, PROT_READ, MAP_SHARED, SZ_4K, EINVAL);
	dbm_mmap_err(fd, SZ_4K, PROT_READ, MAP_SHARED, size, EINVAL);
	dbm_mmap_err(fd, SZ_4K, PROT_READ, MAP_SHARED, dev.size - SZ_4K, EINVAL);
	dbm_mmap_err(fd, size, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	close(fd);
	r[0].offset = dev.size - SZ_4K;
	r[0].length = 2 * SZ_4K;
	fd = __vfio_export(&dev, r, 1, O_RDWR | O_CLOEXEC);
	igt_assert_eq(fd, -EINVAL);
}

static void readonly(void)
{
	struct vfio_region_dma_range r = { 0, SZ_2M };
	int fd = __vfio_export(&dev, &r, 1, O_RDONLY | O_CLOEXEC);
	char *p;

	igt_assert_fd(fd);
	p = dbm_mmap(fd, SZ_2M, PROT_READ, 0);
	dbm_check(p, SZ_2M, 0);
	igt_assert_eq(dbm_write(p + SCRATCH, 1), SIGSEGV);
	igt_assert_eq(mprotect(p, SZ_2M, RW), -1);
	igt_assert_eq(errno, EACCES);
	dbm_mmap_err(fd, SZ_2M, RW, MAP_SHARED, 0, EACCES);
	dbm_munmap(p, SZ_2M);
	close(fd);
}

static void aliases(void)
{
	struct vfio_region_dma_range r = { dev.size / 4 + 3 * SZ_4K, SZ_2M };
	char *bar = dbm_mmap(dev.fd, SZ_2M, RW, dev.bar + r.offset), *a, *b;
	uint64_t size;
	int fd = export_ranges(&r, 1, &size), other = vfio_export(&dev);

	a = dbm_mmap(fd, SZ_2M, RW, 0);
	b = dbm_mmap(other, SZ_2M, RW, r.offset);
	for (uint64_t o = 0; o < SZ_2M; o += 3 * SZ_4K) {
		dbm_assert_write(a + o + SCRATCH, o + 1);
		dbm_assert_read(b + o + SCRATCH, o + 1);
		dbm_assert_write(b + o + SCRATCH, o + 2);
		dbm_assert_read(bar + o + SCRATCH, o + 2);
	}
	igt_fork(child, 1)
		for (uint64_t o = 0; o < SZ_2M; o += 3 * SZ_4K) {
			dbm_assert_read(a + o + SCRATCH, o + 2);
			dbm_assert_write(bar + o + SCRATCH, o + 3);
		}
	igt_waitchildren_timeout(10, "the child does not end");
	for (uint64_t o = 0; o < SZ_2M; o += 3 * SZ_4K)
		dbm_assert_read(b + o + SCRATCH, o + 3);
	dbm_munmap(a, SZ_2M);
	dbm_munmap(b, SZ_2M);
	dbm_munmap(bar, SZ_2M);
	close(fd);
	close(other);
}

/* What the whole BAR looks like in the page tables after a touch in each @step */
static struct ptdump map_and_touch(const struct vfio_dev *d, int fd, off_t offset, uint64_t step)
{
	char *p = dbm_mmap(fd, d->size, RW, offset);
	struct ptdump found;

	for (uint64_t o = 0; o < d->size; o += step)
		dbm_touch(p + o + step / 2, 1);
	found = ptdump(p, d->size);
	igt_info("%zu leaves of 4K, %zu of 2M, %zu of 1G, caching %#x\n", found.pte, found.pmd,
		 found.pud, found.caching);
	igt_assert_f(!(found.caching & PTDUMP_WB), "device memory is mapped cached\n");
	dbm_munmap(p, d->size);
	return found;
}

static void leaves_2m(void)
{
	int fds[] = { vfio_export(&dev), dev.fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct ptdump d = map_and_touch(&dev, fds[i], i ? dev.bar : 0, SZ_2M);

		igt_assert_eq(d.pmd, dev.size / SZ_2M);
		igt_assert_eq(d.pte, 0);
		igt_assert_eq(d.pud, 0);
	}
	close(fds[0]);
}

static void leaves_1g(void)
{
	int fds[] = { vfio_export(&big), big.fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct ptdump d = map_and_touch(&big, fds[i], i ? big.bar : 0, SZ_1G);

		igt_assert_eq(d.pud, big.size / SZ_1G);
		igt_assert_eq(d.pmd, 0);
		igt_assert_eq(d.pte, 0);
	}
	close(fds[0]);
}

/* A 1 GiB leaf, and its buffer's words at 0, 4 KiB, 8 KiB, 16 KiB ... 512 MiB */
static char *map_1g(int fd, off_t offset)
{
	char *p = dbm_mmap(fd, SZ_1G, RW, offset);

	dbm_assert_write(p + SCRATCH, 1);
	for (uint64_t o = SZ_4K; o < SZ_1G; o *= 2)
		dbm_assert_write(p + o + SCRATCH, o + 1);
	igt_assert_eq(ptdump(p, SZ_1G).pud, 1);
	return p;
}

/* [@from, @to) of it is at @p. */
static void check_1g(const char *p, uint64_t from, uint64_t to)
{
	if (!from)
		dbm_assert_read(p + SCRATCH, 1);
	for (uint64_t o = SZ_4K; o < to; o *= 2)
		if (o >= from)
			dbm_assert_read(p + o - from + SCRATCH, o + 1);
}

/* A child that has the first half, and has its own in place of the second */
static void leave_out_half(char *p)
{
	char *own, *half = p + SZ_1G / 2;

	igt_assert_eq(madvise(half, SZ_1G / 2, MADV_DONTFORK), 0);
	igt_fork(child, 1) {
		check_1g(p, 0, SZ_1G / 2);
		ptdump_assert_none(half, SZ_1G / 2);
		igt_assert_eq(dbm_write(half + SCRATCH, 7), SIGSEGV);
		own = mmap(NULL, SZ_4K, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(own != MAP_FAILED);
		dbm_assert_write(own, 7);
		igt_assert(mremap(own, SZ_4K, SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, half) == half);
		dbm_assert_read(half, 7);
	}
	igt_waitchildren_timeout(20, "the child does not end");
	check_1g(p, 0, SZ_1G);
}

static void pieces_1g(void)
{
	int fds[] = { vfio_export(&big), big.fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		const off_t at = i ? big.bar : 0;
		char *p = map_1g(fds[i], at);

		dbm_munmap(p + SZ_4K, SZ_4K);
		dbm_assert_read(p + SCRATCH, 1);
		dbm_assert_signal(p + SZ_4K, SZ_4K, SIGSEGV);
		check_1g(p + 2 * SZ_4K, 2 * SZ_4K, SZ_1G);
		dbm_munmap(p, SZ_1G);

		p = map_1g(fds[i], at);
		igt_assert_eq(mprotect(p + SZ_2M, SZ_4K, PROT_READ), 0);
		igt_assert_eq(dbm_write(p + SZ_2M + SCRATCH, 7), SIGSEGV);
		check_1g(p, 0, SZ_1G);
		dbm_assert_write(p + SZ_2M + SZ_4K + SCRATCH, 7);
		dbm_munmap(p, SZ_1G);

		p = map_1g(fds[i], at);
		leave_out_half(p);
		dbm_munmap(p, SZ_1G);
	}
	close(fds[0]);
}

/* mremap() of [@from, @to) of a 1 GiB leaf to an address at which such a leaf fits as well */
static void move_1g(int fd, off_t at, uint64_t from, uint64_t to)
{
	char *p = map_1g(fd, at), *q = dbm_mmap(fd, SZ_1G, PROT_NONE, at);

	igt_assert(mremap(p + from, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED,
			  q + from) == q + from);
	dbm_assert_signal(p + from, SZ_4K, SIGSEGV);
	ptdump_assert_none(p + from, to - from);
	/* What moved as a whole needs no fault. */
	if (to - from == SZ_1G)
		igt_assert_eq(ptdump(q, SZ_1G).pud, 1);
	check_1g(q + from, from, to);
	/* What stays */
	if (from)
		check_1g(p, 0, from);
	check_1g(p + to, to, SZ_1G);
	dbm_munmap(p, SZ_1G);
	dbm_munmap(q, SZ_1G);
}

static void moved_1g(void)
{
	int fds[] = { vfio_export(&big), big.fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		move_1g(fds[i], i ? big.bar : 0, 0, SZ_1G);
		move_1g(fds[i], i ? big.bar : 0, SZ_1G / 2, SZ_1G);
		move_1g(fds[i], i ? big.bar : 0, 0, SZ_1G / 2);
	}
	close(fds[0]);
}

struct leave {
	volatile int go, gone;
	volatile bool over;
};

/* Takes the BAR away, each time a little later after it was told. */
static void leave(struct leave *l)
{
	while (!l->over) {
		const int round = l->go;

		if (round == l->gone) {
			sched_yield();
			continue;
		}
		for (volatile int i = 0; i < round % 64 * 500; i++)
			;
		vfio_set_decode(&big, false);
		l->gone = round;
	}
}

/* mremap() does not hold the reservation lock. */
static void move_and_leave(size_t size)
{
	const double until = dbm_seconds() + 5;
	struct leave *l = dbm_shared(sizeof(*l));
	char *p, *q, *at;

	/* Not a thread: it could get what is free for a moment. */
	igt_fork(child, 1)
		leave(l);
	p = dbm_mmap(big.fd, size, RW, big.bar);
	q = dbm_mmap(big.fd, size, PROT_NONE, big.bar);
	dbm_assert_write(p + SCRATCH, 1);
	while (dbm_seconds() < until) {
		dbm_assert_read(p + SCRATCH, 1);
		l->go++;
		at = mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, q);
		igt_assert(at == q);
		dbm_wait_for(&l->gone, l->go, 5000);
		igt_assert_eq(dbm_read(at + SCRATCH, &(uint64_t){0}), SIGBUS);
		vfio_set_decode(&big, true);
		q = p;
		p = at;
	}
	igt_info("%d rounds\n", l->go);
	l->over = true;
	igt_waitchildren_timeout(5, "the child does not end");
	dbm_assert_read(p + SCRATCH, 1);
	dbm_munmap(p, size);
	dbm_munmap(l, sizeof(*l));
}

static void moved_off_1g(void)
{
	move_and_leave(SZ_1G);
}

static void moved_off_2m(void)
{
	move_and_leave(SZ_2M);
}

static void gup(void)
{
	int fd = vfio_export(&dev), pipes[2];
	char *p = dbm_mmap(fd, SZ_2M, RW, 0);
	struct iovec page = { .iov_base = p, .iov_len = SZ_4K };

	dbm_touch(p, SZ_2M);
	igt_assert_eq(pipe(pipes), 0);
	igt_assert_eq(vmsplice(pipes[1], &page, 1, SPLICE_F_NONBLOCK), -1);
	igt_assert_eq(errno, EFAULT);
	close(pipes[0]);
	close(pipes[1]);
	dbm_munmap(p, SZ_2M);
	close(fd);
}

/*
 * Split, move and fork [@p, @p + 4 pages), which shows the buffer of @inode from @offset
 * on; without @inode each look-up makes a buffer of just what is asked for.
 */
static void lookup_pieces(char *p, uint64_t offset, uint64_t inode)
{
	struct dma_buf_mock_lookup f;
	char *q = mmap(NULL, SZ_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert(q != MAP_FAILED);
	igt_assert_eq(mprotect(p + SZ_4K, SZ_4K, PROT_READ), 0);
	igt_assert(mremap(p + 2 * SZ_4K, SZ_4K, SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
	igt_fork(child, 2) {
		char *const at[] = { p, p + SZ_4K, q, p + 3 * SZ_4K };

		for (uint64_t i = 0; i < ARRAY_SIZE(at); i++) {
			igt_assert_eq(mock_lookup(at[i] + 7, SZ_4K - 7, &f), 0);
			if (inode)
				igt_assert_eq_u64(f.inode, inode);
			else
				igt_assert_eq_u64(f.size, SZ_4K);
			igt_assert_eq_u64(f.offset, inode ? offset + i * SZ_4K + 7 : 7);
		}
		igt_assert_eq(mock_lookup(p, 2 * SZ_4K, &f), 0);
		igt_assert_eq(mock_lookup(p + 2 * SZ_4K, 1, &f), EFAULT);
		igt_assert_eq(mock_lookup(&f, 1, &f), ENOENT);
	}
	igt_waitchildren_timeout(10, "a child does not end");
	dbm_munmap(q, SZ_4K);
}

static void lookup(void)
{
	struct vfio_region_dma_range r[6];
	struct dma_buf_mock_lookup f;
	uint64_t size;
	char *p;
	int fd;

	make_ranges(r);
	fd = export_ranges(r, 6, &size);
	p = dbm_mmap(fd, size, RW, 0);
	dbm_touch(p, size / 2);
	/* an offset in the buffer, not in the BAR */
	mock_assert_lookup(p, size, fd, 0);
	mock_assert_lookup(p + SZ_2M + SZ_4K, SZ_4K, fd, SZ_2M + SZ_4K);
	igt_assert_eq(mock_lookup(p, 1, &f), 0);
	lookup_pieces(p + SZ_4K, SZ_4K, f.inode);
	dbm_munmap(p, size);
	close(fd);
}

static void lookup_device_fd(void)
{
	static const uint64_t length = 2 * SZ_2M;
	char *p = dbm_mmap(dev.fd, length, RW, dev.bar + SZ_2M + SZ_4K);
	struct dma_buf_mock_lookup f;

	dbm_touch(p, SZ_4K);
	igt_assert_eq(mock_lookup(p, length, &f), 0);
	igt_assert_eq_u64(f.offset, 0);
	igt_assert_eq_u64(f.size, length);
	/* The pages of what is asked for, and no more */
	igt_assert_eq(mock_lookup(p + length - 1, 1, &f), 0);
	igt_assert_eq_u64(f.offset, SZ_4K - 1);
	igt_assert_eq_u64(f.size, SZ_4K);
	igt_assert_eq(mock_lookup(p + SZ_4K - 1, 2, &f), 0);
	igt_assert_eq_u64(f.offset, SZ_4K - 1);
	igt_assert_eq_u64(f.size, 2 * SZ_4K);
	/* A BAR that is mapped in two pieces, around an MSI-X table say, is one span */
	igt_assert(mmap(p + SZ_2M, SZ_2M, RW, MAP_SHARED | MAP_FIXED, dev.fd,
			dev.bar + 2 * SZ_2M + SZ_4K) == p + SZ_2M);
	igt_assert_eq(mock_lookup(p, length, &f), 0);
	igt_assert_eq_u64(f.size, length);
	lookup_pieces(p + SZ_4K, SZ_4K, 0);
	dbm_munmap(p, length);
}

static void driver_of(char *name, size_t n)
{
	char path[256], to[256];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", dev.bdf);
	length = readlink(path, to, sizeof(to) - 1);
	to[length < 0 ? 0 : length] = '\0';
	snprintf(name, n, "%s", strrchr(to, '/') ? strrchr(to, '/') + 1 : "");
}

static void other_driver(void)
{
	char self[128] = "", command[256], driver[32];
	int status, err;

	igt_require_f(!access("/sys/bus/pci/drivers/vttm", F_OK),
		      "no other driver takes such devices\n");
	igt_assert(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	/* Not with its results to our igt_runner */
	snprintf(command, sizeof(command),
		 "env -u IGT_RUNNER_SOCKET_FD '%s' --run-subtest readonly >/dev/null 2>&1", self);
	vfio_close(&dev);
	/* Who has it open after a failure blocks this. */
	igt_fork(child, 1)
		vfio_unbind(&dev);
	igt_waitchildren_timeout(20, "the device cannot be unbound");
	err = vfio_give(&dev, "vttm");
	status = system(command);
	driver_of(driver, sizeof(driver));

	if (!strcmp(driver, "vttm"))
		igt_assert_eq(vfio_take(&dev), 0);
	vfio_bind(&dev);
	vfio_open(&dev);
	igt_assert_eq(err, 0);
	igt_assert(!strcmp(driver, "vttm"));
	igt_assert(WIFEXITED(status));
	igt_assert_eq(WEXITSTATUS(status), IGT_EXIT_SKIP);
}

static const struct dbm_test tests[] = {
	{ "host-bytes", "Guest and host see one memory", host_bytes },
	{ "ranges", "The order of the ranges is the order in the buffer", ranges },
	{ "ranges-part", "Offsets count across ranges", ranges_part },
	{ "bounds", "What was not exported is not mapped", bounds },
	{ "readonly", "A read-only export stays one", readonly },
	{ "aliases", "All ways to one byte lead to the same byte", aliases },
	{ "gup", "Direct I/O to a BAR fails cleanly", gup },
	{ "other-driver", "A device is not taken from its driver", other_driver },
};

static const struct dbm_test leaf_tests[] = {
	{ "ranges-merged", "How the caller cut a range costs nothing", ranges_merged },
	{ "leaves-2m", "128 leaves are enough for 256 MiB", leaves_2m },
};

static const struct dbm_test big_tests[] = {
	{ "leaves-1g", "Two leaves are enough for 2 GiB", leaves_1g },
	{ "pieces-1g", "A leaf is no larger than its mapping", pieces_1g },
	{ "moved-1g", "A leaf is where its mapping is", moved_1g },
	{ "moved-off-1g", "What goes away is nowhere", moved_off_1g },
	{ "moved-off-2m", "Nor is there a part of it", moved_off_2m },
};

static const struct dbm_test lookup_tests[] = {
	{ "lookup", "An address in a BAR leads to what was exported", lookup },
	{ "lookup-device-fd", "A BAR mapped without any dma-buf has one", lookup_device_fd },
};

int igt_main()
{
	igt_fixture() {
		vfio_require(&dev, 16 * SZ_1M, SZ_1G);
		vfio_open(&dev);
		close(vfio_export(&dev));
		vfio_prefill(&dev);
	}

	dbm_subtests(tests, 60);

	igt_subtest_group() {
		igt_fixture()
			igt_require_f(ptdump_available(),
				      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
		dbm_subtests(leaf_tests, 60);

		igt_subtest_group() {
			igt_fixture() {
				vfio_require(&big, 2 * SZ_1G, UINT64_MAX);
				vfio_open(&big);
			}
			dbm_subtests(big_tests, 60);
		}
	}

	igt_subtest_group() {
		igt_fixture()
			mock_require();
		dbm_subtests(lookup_tests, 60);
	}

	igt_fixture() {
		vfio_close(&big);
		vfio_close(&dev);
	}
}
