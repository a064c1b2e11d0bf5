// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/info.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/rules.h"

#define SIZE SOURCE_SIZE

static void assert_caching(const struct source *s, void *p, const char *where)
{
	unsigned int seen = ptdump(p, SIZE).caching;

	igt_info("caching of the leaves %s: %#x\n", where, seen);
	igt_assert_f(seen && (!s->caching || !(seen & ~s->caching)) && !(seen & (seen - 1)),
		     "caching of the leaves %s is %#x, expected one of %#x\n", where, seen,
		     s->caching);
}

static void caching(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);

	source_check(&b, p, SIZE, 0);
	assert_caching(s, p, "after the first touch");
	igt_assert_eq(mprotect(p, SIZE, PROT_READ), 0);
	source_check(&b, p, SIZE, 0);
	assert_caching(s, p, "that were made read-only");
	igt_assert_eq(mprotect(p, SIZE, RW), 0);
	source_fill(&b, p, SIZE, 0);
	assert_caching(s, p, "that were made writable");
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

static void info(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);
	uint64_t mask = DMA_BUF_INFO_CPU_MAPPABLE | DMA_BUF_INFO_CPU_CACHED |
			DMA_BUF_INFO_CPU_WRITE_COMBINED | DMA_BUF_INFO_IO_MEMORY |
			DMA_BUF_INFO_SYNC_NOOP | DMA_BUF_INFO_DYNAMIC;
	uint64_t props = DMA_BUF_INFO_CPU_MAPPABLE;
	struct dma_buf_info said;
	unsigned int seen;

	source_check(&b, p, SIZE, 0);
	seen = ptdump(p, SIZE).caching;
	if (seen == PTDUMP_WB)
		props |= DMA_BUF_INFO_CPU_CACHED;
	if (seen == PTDUMP_WC)
		props |= DMA_BUF_INFO_CPU_WRITE_COMBINED;
	if (s->flags & SOURCE_MOVES)
		props |= DMA_BUF_INFO_DYNAMIC;
	if (s->flags & (SOURCE_AWAY | SOURCE_EAGER))
		mask |= DMA_BUF_INFO_REVOCABLE;
	if (s->flags & SOURCE_AWAY)
		props |= DMA_BUF_INFO_REVOCABLE;
	/* Of TTM's nobody knows: accesses complete when the device is gone. */
	if (s->flags & SOURCE_AWAY || !(s->flags & SOURCE_MOVES))
		mask |= DMA_BUF_INFO_REVOKED;
	said = dbm_info(b.fd);
	if (s->flags & SOURCE_UNKNOWN) {
		const uint64_t unknown = DMA_BUF_INFO_DYNAMIC | DMA_BUF_INFO_REVOCABLE |
			DMA_BUF_INFO_REVOKED;

		igt_info("known: %#" PRIx64 ", has: %#" PRIx64 "\n", (uint64_t)said.known,
			 (uint64_t)said.props);
		mask = (mask & ~unknown) | (said.known & unknown);
		props |= said.props & unknown;
	}
	igt_assert_eq(!!(said.known & DMA_BUF_INFO_REVOKED),
		      !!(mask & DMA_BUF_INFO_REVOKED));
	/* Not in the page tables, nor anywhere else that we see */
	props |= said.props & (DMA_BUF_INFO_IO_MEMORY | DMA_BUF_INFO_SYNC_NOOP);
	dbm_assert_info(b.fd, mask, props);
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

/* All of the buffer is mapped, and what can be by a large leaf is */
static void assert_leaves(const struct source *s, struct ptdump d, const char *where)
{
	igt_info("%s: %zu of 4K, %zu of 2M, caching %#x\n", where, d.pte, d.pmd, d.caching);
	igt_assert_eq_u64(d.pte * SZ_4K + d.pmd * SZ_2M, SIZE);
	if (s->flags & SOURCE_LARGE && ptdump_has_large())
		igt_assert_lte(SIZE / SZ_2M - 1, d.pmd);
}

static void require_large(void)
{
	igt_require_f(ptdump_has_large(),
		      "this kernel has no large leaves (CONFIG_TRANSPARENT_HUGEPAGE)\n");
}

static void alias_leaves(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *gem = source_map_native(&b, RW), *shared = dbm_mmap(b.fd, SIZE, RW, 0);
	struct ptdump g, d;

	source_check(&b, gem, SIZE, 0);
	source_check(&b, shared, SIZE, 0);
	g = ptdump(gem, SIZE);
	d = ptdump(shared, SIZE);
	assert_leaves(s, g, "DRM fd");
	assert_leaves(s, d, "dma-buf");
	igt_assert_eq(g.caching, d.caching);
	igt_assert_eq(g.pmd, d.pmd);
	igt_assert_eq(g.pte, d.pte);
	dbm_munmap(gem, SIZE);
	dbm_munmap(shared, SIZE);
	source_destroy(&b);
}

static void large(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);
	char *inside = (char *)(((uintptr_t)p + SZ_2M - 1) & ~(SZ_2M - 1));

	require_large();
	/* one touch brings at least the leaf it is in */
	dbm_touch(inside + 7 * SZ_4K, SZ_4K);
	igt_assert_eq(ptdump(inside, SZ_2M).pmd, 1);
	source_check(&b, p, SIZE, 0);
	assert_leaves(s, ptdump(p, SIZE), "whole");
	dbm_munmap(p, SIZE);
	source_destroy(&b);
}

/* An offset and a length that are not of large pages cost what is at the ends, no more */
static void large_unaligned(const struct source *s)
{
	static const size_t from = 3 * SZ_4K, length = SIZE - 3 * SZ_4K - 2 * SZ_4K;
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, length, RW, from);
	struct ptdump d;

	require_large();
	source_check(&b, p, length, from);
	d = ptdump(p, length);
	igt_assert_lte(SIZE / SZ_2M - 2, d.pmd);
	igt_assert_eq_u64(d.pte * SZ_4K + d.pmd * SZ_2M, length);
	dbm_munmap(p, length);
	source_destroy(&b);
}

static void leaves_readonly(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	char *ro = dbm_mmap(b.fd, SIZE, PROT_READ, 0), *rw = dbm_mmap(b.fd, SIZE, RW, 0);

	source_check(&b, ro, SIZE, 0);
	source_fill(&b, rw, SIZE, 0);
	igt_assert(!ptdump(ro, SIZE).writable);
	igt_assert(ptdump(rw, SIZE).writable);
	igt_assert_eq(mprotect(rw, SIZE, PROT_READ), 0);
	igt_assert(!ptdump(rw, SIZE).writable);
	dbm_munmap(ro, SIZE);
	dbm_munmap(rw, SIZE);
	source_destroy(&b);
}

/* A closed buffer goes when nothing maps it any more, soon. */
static void assert_exists(uint64_t inode, bool expected)
{
	for (int ms = 0; dbm_exists(inode) != expected; ms++) {
		igt_assert_f(ms < 2000, "the buffer is %s\n", expected ? "gone" : "still there");
		usleep(1000);
	}
}

/* The fd and the handle are closed first: the mapping is enough */
static void lifetime(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	uint64_t inode = dbm_inode(b.fd);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);

	source_destroy(&b);
	assert_exists(inode, true);
	source_check(&b, p, SIZE, 0);
	dbm_munmap(p, SIZE / 2);
	source_fill(&b, p + SIZE / 2, SIZE / 2, SIZE / 2);
	source_check(&b, p + SIZE / 2, SIZE / 2, SIZE / 2);
	assert_exists(inode, true);
	dbm_munmap(p + SIZE / 2, SIZE / 2);
	ptdump_assert_none(p, SIZE);
	assert_exists(inode, false);
}

static void lifetime_fork(const struct source *s)
{
	volatile int *step = dbm_shared(SZ_4K);
	struct source_buffer b = source_create_filled(s);
	uint64_t inode = dbm_inode(b.fd);
	char *p = dbm_mmap(b.fd, SIZE, RW, 0);

	dbm_touch(p, SIZE / 2);
	/* the child is to have nothing but the mapping */
	source_destroy(&b);
	igt_fork(child, 1) {
		dbm_wait_for(step, 1, 10000);
		source_check(&b, p, SIZE, 0);
	}
	dbm_munmap(p, SIZE);
	assert_exists(inode, true);
	*step = 1;
	igt_waitchildren_timeout(20, "the child does not end");
	assert_exists(inode, false);
	dbm_munmap((void *)step, SZ_4K);
}

/* The same for the mapping through the other file, which then is all that there is */
static void lifetime_gem(const struct source *s)
{
	struct source_buffer b = source_create_filled(s);
	uint64_t inode = dbm_inode(b.fd);
	char *p = source_map_native(&b, RW);

	dbm_touch(p, SIZE / 2);
	source_destroy(&b);
	assert_exists(inode, false);
	source_check(&b, p, SIZE, 0);
	source_fill(&b, p, SIZE, 0);
	dbm_munmap(p, SIZE);
}

static void assert_gone(void *p)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	uint64_t word;

	ptdump_assert_none(p, SIZE / 2);
	igt_assert_eq(pread(mem, &word, sizeof(word), (uintptr_t)p), -1);
	close(mem);
	dbm_assert_signal(p, 4 * SZ_4K, SIGBUS);
	dbm_assert_signal((char *)p + SIZE / 2 - SZ_4K, SZ_4K, SIGBUS);
	ptdump_assert_none(p, SIZE / 2);
}

/* While the memory is away no alias in any process reaches it, and then all do again */
static void away(const struct source *s)
{
	static const size_t from = SIZE / 2;
	volatile int *step = dbm_shared(SZ_4K);
	struct source_buffer b = source_create_filled(s);
	char *p = dbm_mmap(b.fd, SIZE / 2, RW, 0), *other = dbm_mmap(b.fd, SIZE / 2, RW, from);

	source_check(&b, p, SIZE / 2, 0);
	source_check(&b, other, SIZE / 2, from);
	igt_fork(child, 1) {
		source_check(&b, p, SIZE / 2, 0);
		step[0] = 1;
		dbm_wait_for(&step[1], 1, 10000);
		assert_gone(p);
		step[0] = 2;
		dbm_wait_for(&step[1], 2, 10000);
		source_check(&b, p, SIZE / 2, 0);
	}
	dbm_wait_for(&step[0], 1, 10000);
	s->set_away(&b, true);
	step[1] = 1;
	assert_gone(p);
	assert_gone(other);
	dbm_wait_for(&step[0], 2, 10000);
	s->set_away(&b, false);
	step[1] = 2;
	igt_waitchildren_timeout(20, "the child does not end");
	source_check(&b, p, SIZE / 2, 0);
	source_check(&b, other, SIZE / 2, from);
	dbm_munmap(p, SIZE / 2);
	dbm_munmap(other, SIZE / 2);
	dbm_munmap((void *)step, SZ_4K);
	source_destroy(&b);
}

/*
 * Meanwhile, where it was mapped with MAP_NOSIGBUS, one page of the buffer's own stands for
 * all of it, whichever file was mapped; nothing of it is left afterwards
 */
static void away_nosigbus(const struct source *s)
{
	struct source_buffer b = source_create_filled(s), other = source_create(s, O_RDWR);
	char *p = dbm_mmap_nosigbus(b.fd, SIZE, RW, 0), *q, *plain = dbm_mmap(b.fd, SIZE, RW, 0);
	uint64_t fill = 0, word;

	q = b.native >= 0 ? mmap(NULL, SIZE, RW, MAP_SHARED_VALIDATE | MAP_NOSIGBUS, b.native,
				 b.native_offset) :
	    dbm_mmap_nosigbus(other.fd, SIZE, RW, 0);
	igt_assert(q != MAP_FAILED);
	for (int round = 0; round < 3; round++) {
		source_check(&b, p, SIZE, 0);
		s->set_away(&b, true);
		s->set_away(&other, true);
		igt_assert_eq(dbm_read(p, &fill), 0);
		igt_assert(fill == 0 || fill == UINT64_MAX);
		igt_fork(child, 1)
			dbm_assert_dummy(p, SIZE, fill);
		igt_waitchildren_timeout(30, "the child does not end");
		dbm_assert_dummy(p, SIZE, fill);
		dbm_assert_signal(plain, SIZE, SIGBUS);
		/* Another one's, and what is written to the one is not seen there */
		dbm_assert_write(p + SOURCE_WORD, 4711);
		dbm_assert_read(q + SOURCE_WORD, fill);
		dbm_assert_dummy(q, SIZE, fill);
		/* For others it is no memory. */
		igt_assert_eq(process_vm_readv(getpid(),
					       &(struct iovec) { &word, sizeof(word) }, 1,
					       &(struct iovec) { p, sizeof(word) }, 1, 0), -1);
		s->set_away(&b, false);
		s->set_away(&other, false);
		ptdump_assert_none(p, SIZE);
	}
	source_check(&b, p, SIZE, 0);
	source_check(&b, plain, SIZE, 0);
	if (b.native >= 0)
		source_check(&b, q, SIZE, 0);
	dbm_munmap(plain, SIZE);
	dbm_munmap(q, SIZE);
	dbm_munmap(p, SIZE);
	source_destroy(&other);
	source_destroy(&b);
}

static const struct rule rules[] = {
	{ "caching", "PAT, PCD and PWT of each leaf, also after mprotect()", caching, 0 },
	{ "info", "DMA_BUF_IOCTL_GET_INFO says what the leaves show", info, 0 },
	{ "alias-leaves", "It makes no difference which fd maps a buffer", alias_leaves,
	  SOURCE_GEM },
	{ "large-leaves", "Large leaves without effort by the caller", large, SOURCE_LARGE },
	{ "large-leaves-unaligned", "The address suits the offset", large_unaligned,
	  SOURCE_LARGE },
	{ "leaves-readonly", "Page protection is the mapping's", leaves_readonly, 0 },
	{ "lifetime", "A mapping keeps its buffer, and nothing else does", lifetime, 0 },
	{ "lifetime-fork", "So does a child's mapping", lifetime_fork, 0 },
	{ "lifetime-gem", "So does one through the DRM fd", lifetime_gem, SOURCE_GEM },
	{ "away", "Nobody reaches memory that is away", away, SOURCE_AWAY },
	{ "away-nosigbus", "A dummy page stands for it where MAP_NOSIGBUS was asked for",
	  away_nosigbus, SOURCE_AWAY },
};

const struct rules leaf_rules = { rules, ARRAY_SIZE(rules) };
