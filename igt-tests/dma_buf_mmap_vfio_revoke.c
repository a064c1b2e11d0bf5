// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap vfio revoke
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping of PCI BARs
 * Description: What mappings of a BAR do when the BAR cannot be reached
 *
 * SUBTEST: decode
 * Description: With memory decode off no alias in any process has a leaf; on, they come back
 *
 * SUBTEST: decode-mmap
 * Description: mmap() works while memory decode is off
 *
 * SUBTEST: decode-twice
 * Description: Switching decode to what it is changes nothing
 *
 * SUBTEST: decode-again
 * Description: To turn on what is on takes no leaf away
 *
 * SUBTEST: decode-nosigbus
 * Description: With MAP_NOSIGBUS a BAR of which there is no dma-buf reads as all ones meanwhile
 *
 * SUBTEST: reset
 * Description: Accesses go on across VFIO_DEVICE_RESET and see nothing wrong
 *
 * SUBTEST: reset-sysfs
 * Description: The same when the reset comes through sysfs
 *
 * SUBTEST: reset-sysfs-bar
 * Description: The same for a BAR of which there is no dma-buf
 *
 * SUBTEST: reset-sysfs-off
 * Description: A reset does not turn on what was turned off
 *
 * SUBTEST: reset-sysfs-config
 * Description: Writes to config space and resets through sysfs do not wait for each other
 *
 * SUBTEST: power
 * Description: In D3hot no leaf and no access; in D0 the registers are back
 *
 * SUBTEST: close
 * Description: Closing the device ends its buffers for ever, and the BAR can be exported again
 *
 * SUBTEST: for-good
 * Description: One buffer is revoked for good, on or off, and the others are not
 *
 * SUBTEST: for-good-busy
 * Description: Who writes while a buffer is revoked for good, in a reset too, has stopped when
 *	the call returns
 *
 * SUBTEST: for-good-errors
 * Description: What is no dma-buf of the device, or is none any more, is not revoked
 *
 * SUBTEST: unbind
 * Description: Unbinding the driver ends the buffers for ever, everywhere, and leaves none behind
 */
IGT_TEST_DESCRIPTION("Mapped PCI BARs across decode, reset, power, close and unbind");

#define RW (PROT_READ | PROT_WRITE)
#define LENGTH (2 * SZ_2M)
/* the aliases start at different places in the BAR, and overlap */
#define AT (4 * SZ_2M)
#define SHIFT (3 * SZ_4K)

/* a word in each page that neither the host nor the hammer uses */
#define SCRATCH 0x300
#define ROUNDS 4

struct sync {
	volatile int parent, child;
};

static struct vfio_dev dev = { .fd = -1, .iommufd = -1 };

struct aliases {
	int dmabuf;
	char *whole;	/* a part of the whole BAR's dma-buf */
	char *bar;	/* through the device fd */
};

static struct aliases map_aliases(void)
{
	struct aliases a = { .dmabuf = vfio_export(&dev) };

	a.whole = dbm_mmap(a.dmabuf, LENGTH, RW, AT);
	a.bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT + SHIFT);
	return a;
}

static void unmap_aliases(struct aliases *a)
{
	dbm_munmap(a->whole, LENGTH);
	dbm_munmap(a->bar, LENGTH);
	close(a->dmabuf);
}

static void check_aliases(const struct aliases *a)
{
	dbm_check(a->whole, LENGTH, AT);
	dbm_check(a->bar, LENGTH, AT + SHIFT);
}

static void assert_dead(const struct aliases *a)
{
	ptdump_assert_none(a->whole, LENGTH);
	ptdump_assert_none(a->bar, LENGTH);
	dbm_assert_signal(a->whole, LENGTH, SIGBUS);
	dbm_assert_signal(a->bar, LENGTH, SIGBUS);
	ptdump_assert_none(a->whole, LENGTH);
	ptdump_assert_none(a->bar, LENGTH);
}

/*
 * A child with the inherited mappings and one of its own; it follows the
 * parent's steps: 1 = mappings dead, 2 = alive again.
 */
static void fork_follower(struct sync *s, const struct aliases *a)
{
	igt_fork(child, 1) {
		char *own = dbm_mmap(a->dmabuf, LENGTH, RW, AT);

		check_aliases(a);
		dbm_check(own, LENGTH, AT);
		s->child = 1;
		dbm_wait_for(&s->parent, 1, 20000);
		assert_dead(a);
		ptdump_assert_none(own, LENGTH);
		dbm_assert_signal(own, LENGTH, SIGBUS);
		s->child = 2;
		dbm_wait_for(&s->parent, 2, 20000);
		check_aliases(a);
		dbm_check(own, LENGTH, AT);
	}
	dbm_wait_for(&s->child, 1, 20000);
}

static void decode(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	struct aliases a = map_aliases();

	check_aliases(&a);
	fork_follower(s, &a);
	vfio_set_decode(&dev, false);
	s->parent = 1;
	assert_dead(&a);
	dbm_wait_for(&s->child, 2, 20000);
	vfio_set_decode(&dev, true);
	s->parent = 2;
	check_aliases(&a);
	igt_waitchildren_timeout(20, "the child does not end");
	unmap_aliases(&a);
	dbm_munmap(s, SZ_4K);
}

static void decode_mmap(void)
{
	struct aliases a;

	a = map_aliases();
	unmap_aliases(&a);
	vfio_set_decode(&dev, false);
	a = map_aliases();
	assert_dead(&a);
	vfio_set_decode(&dev, true);
	check_aliases(&a);
	unmap_aliases(&a);
}

static void decode_twice(void)
{
	struct aliases a = map_aliases();

	for (int i = 0; i < 2; i++) {
		check_aliases(&a);
		vfio_set_decode(&dev, true);
		check_aliases(&a);
		vfio_set_decode(&dev, false);
		vfio_set_decode(&dev, false);
		assert_dead(&a);
		vfio_set_decode(&dev, true);
	}
	check_aliases(&a);
	unmap_aliases(&a);
}

static void assert_on_changes_nothing(const volatile void *p)
{
	struct ptdump before = ptdump(p, LENGTH), after;

	igt_assert(before.pte + before.pmd > 0);
	vfio_set_decode(&dev, true);
	after = ptdump(p, LENGTH);
	igt_assert_eq_u64(after.pte, before.pte);
	igt_assert_eq_u64(after.pmd, before.pmd);
}

/* As a guest does for each interrupt that it masks in the command register */
static void decode_again(void)
{
	struct aliases a = map_aliases();

	check_aliases(&a);
	assert_on_changes_nothing(a.whole);
	assert_on_changes_nothing(a.bar);
	unmap_aliases(&a);
}

static void decode_nosigbus(void)
{
	volatile uint64_t *p = dbm_mmap_nosigbus(dev.fd, LENGTH, RW, dev.bar + AT);
	const uint64_t first = p[0], second = p[1];

	for (int i = 0; i < 2; i++) {
		vfio_set_decode(&dev, false);
		igt_assert_eq_u64(p[0], ~0ULL);
		/* Nor is what is written meanwhile the BAR's. */
		p[1] = second + 1;
		vfio_set_decode(&dev, true);
		igt_assert_eq_u64(p[0], first);
		igt_assert_eq_u64(p[1], second);
	}
	dbm_munmap((void *)p, LENGTH);
}

static void reset_loop(void (*reset)(const struct vfio_dev *dev), double seconds, int least)
{
	struct aliases a = map_aliases();
	double end = dbm_seconds() + seconds;
	struct hammer *dmabuf, *bar;
	int resets = 0;

	/* each on pages of its own; the words at page starts stay the host's */
	dmabuf = hammer_start(a.whole, LENGTH / 2);
	bar = hammer_start(a.bar + LENGTH / 2, LENGTH / 2);
	for (; resets < least || dbm_seconds() < end; resets++) {
		reset(&dev);
		hammer_assert_progress(dmabuf, 10000);
		hammer_assert_progress(bar, 10000);
	}
	igt_info("%d resets\n", resets);
	hammer_stop(dmabuf);
	hammer_stop(bar);
	check_aliases(&a);
	unmap_aliases(&a);
}

static void reset_ioctl(void)
{
	igt_require_f(dev.has_reset, "%s cannot be reset\n", dev.bdf);
	reset_loop(vfio_reset, 5, 2);
}

static void reset_sysfs(void)
{
	igt_require_f(vfio_has_sysfs_reset(&dev), "%s has no reset file in sysfs\n", dev.bdf);
	reset_loop(vfio_sysfs_reset, 0, 2);
}

static void reset_sysfs_bar(void)
{
	char *bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	igt_require_f(vfio_has_sysfs_reset(&dev), "%s has no reset file in sysfs\n", dev.bdf);
	dbm_check(bar, LENGTH, AT);
	vfio_sysfs_reset(&dev);
	dbm_check(bar, LENGTH, AT);
	dbm_munmap(bar, LENGTH);
}

static void reset_sysfs_off(void)
{
	struct aliases a = map_aliases();

	igt_require_f(vfio_has_sysfs_reset(&dev), "%s has no reset file in sysfs\n", dev.bdf);
	check_aliases(&a);
	vfio_set_decode(&dev, false);
	vfio_sysfs_reset(&dev);
	assert_dead(&a);
	vfio_set_decode(&dev, true);
	check_aliases(&a);
	unmap_aliases(&a);
}

/* One holds what the other waits for unless the kernel takes care. */
static void reset_sysfs_config(void)
{
	volatile int *stop = dbm_shared(sizeof(*stop));

	igt_require_f(vfio_has_sysfs_reset(&dev), "%s has no reset file in sysfs\n", dev.bdf);
	igt_fork(child, 2)
		while (!*stop)
			vfio_set_decode(&dev, true);
	for (int i = 0; i < 3; i++)
		vfio_sysfs_reset(&dev);
	*stop = 1;
	igt_waitchildren_timeout(20, "a write to config space hangs");
}

/* What the registers say is the device's business; whether they answer is ours */
static void assert_answers(const volatile void *addr)
{
	uint64_t word = 0;

	igt_assert_eq(dbm_read(addr, &word), 0);
	igt_assert(word != ~0ull);
}

static void sleeping(const struct vfio_dev *d)
{
	int fd = vfio_export(d);
	char *shared = dbm_mmap(fd, d->size, RW, 0);
	char *bar = dbm_mmap(d->fd, d->size, RW, d->bar);

	igt_require_f(vfio_pm_capability(d), "%s has no power management capability\n", d->bdf);
	for (int i = 0; i < 3; i++) {
		assert_answers(shared);
		assert_answers(bar);
		vfio_set_power(d, 3);
		ptdump_assert_none(shared, d->size);
		ptdump_assert_none(bar, d->size);
		dbm_assert_signal(shared, d->size, SIGBUS);
		dbm_assert_signal(bar, d->size, SIGBUS);
		vfio_set_power(d, 0);
		vfio_set_decode(d, true);
	}
	assert_answers(shared);
	assert_answers(bar);
	dbm_munmap(shared, d->size);
	dbm_munmap(bar, d->size);
	close(fd);
}

static void closed(void)
{
	int fd = vfio_export(&dev), again;
	char *p = dbm_mmap(fd, LENGTH, RW, AT), *q;

	dbm_check(p, LENGTH, AT);
	vfio_close(&dev);
	ptdump_assert_none(p, LENGTH);
	dbm_assert_signal(p, LENGTH, SIGBUS);
	dbm_mmap_err(fd, LENGTH, PROT_READ, MAP_SHARED, AT, ENODEV);

	vfio_open(&dev);
	again = vfio_export(&dev);
	q = dbm_mmap(again, LENGTH, RW, AT);
	dbm_check(q, LENGTH, AT);
	dbm_assert_signal(p, LENGTH, SIGBUS);
	ptdump_assert_none(p, LENGTH);
	dbm_mmap_err(fd, LENGTH, PROT_READ, MAP_SHARED, AT, ENODEV);
	dbm_munmap(p, LENGTH);
	dbm_check(q, LENGTH, AT);
	dbm_munmap(q, LENGTH);
	close(fd);
	close(again);
}

/* One child keeps a mapping, the other unbinds and waits for the device to be closed */
static void unbind(void)
{
	struct sync *s = dbm_shared(SZ_4K);
	struct pollfd wanted = { .fd = vfio_request_eventfd(&dev), .events = POLLIN };
	const long buffers = dbm_count_buffers();
	int fd = vfio_export(&dev);
	char *p = dbm_mmap(fd, LENGTH, RW, AT);

	dbm_check(p, LENGTH, AT);
	igt_fork(child, 1) {
		vfio_close(&dev);
		dbm_check(p, LENGTH, AT);
		s->child = 1;
		dbm_wait_for(&s->parent, 1, 20000);
		ptdump_assert_none(p, LENGTH);
		dbm_assert_signal(p, LENGTH, SIGBUS);
	}
	dbm_wait_for(&s->child, 1, 20000);
	igt_fork(child, 1) {
		vfio_close(&dev);
		s->child = 2;
		vfio_unbind(&dev);
		s->child = 3;
	}
	dbm_wait_for(&s->child, 2, 20000);
	igt_assert_f(poll(&wanted, 1, 20000) == 1, "the kernel does not ask for the device\n");
	vfio_close(&dev);
	close(wanted.fd);
	dbm_wait_for(&s->child, 3, 30000);
	ptdump_assert_none(p, LENGTH);
	dbm_assert_signal(p, LENGTH, SIGBUS);
	dbm_mmap_err(fd, LENGTH, PROT_READ, MAP_SHARED, AT, ENODEV);
	s->parent = 1;
	igt_waitchildren_timeout(20, "a child does not end");

	vfio_bind(&dev);
	vfio_open(&dev);
	dbm_assert_signal(p, LENGTH, SIGBUS);
	dbm_munmap(p, LENGTH);
	close(fd);
	igt_assert_eq_u64(dbm_count_buffers(), buffers);
	fd = vfio_export(&dev);
	p = dbm_mmap(fd, LENGTH, RW, AT);
	dbm_check(p, LENGTH, AT);
	dbm_munmap(p, LENGTH);
	close(fd);
	dbm_munmap(s, SZ_4K);
}

/* Lend @r to a child, take it back, and see that it stays so whatever else happens. */
static void check_for_good(const struct vfio_region_dma_range *r, unsigned int count, bool off)
{
	struct sync *s = dbm_shared(SZ_4K);
	struct aliases a = map_aliases();
	int lent = __vfio_export(&dev, r, count, O_RDWR | O_CLOEXEC);
	char *p;

	igt_assert_fd(lent);
	p = dbm_mmap(lent, LENGTH, RW, 0);
	dbm_check(p, r[0].length, r[0].offset);
	check_aliases(&a);
	igt_fork(child, 1) {
		dbm_check(p, r[0].length, r[0].offset);
		s->child = 1;
		dbm_wait_for(&s->parent, 1, 20000);
		ptdump_assert_none(p, LENGTH);
		dbm_assert_signal(p, LENGTH, SIGBUS);
		/* It cannot be had again from what the child has. */
		dbm_mmap_err(lent, LENGTH, PROT_READ, MAP_SHARED, 0, ENODEV);
	}
	dbm_wait_for(&s->child, 1, 20000);
	if (off)
		vfio_set_decode(&dev, false);
	igt_assert_eq(__vfio_revoke(&dev, lent), 0);
	s->parent = 1;
	ptdump_assert_none(p, LENGTH);
	dbm_assert_signal(p, LENGTH, SIGBUS);
	igt_waitchildren_timeout(20, "the child does not end");
	vfio_set_decode(&dev, true);
	check_aliases(&a);
	vfio_set_decode(&dev, false);
	vfio_set_decode(&dev, true);
	vfio_reset(&dev);
	dbm_assert_signal(p, LENGTH, SIGBUS);
	check_aliases(&a);
	igt_assert_eq(__vfio_revoke(&dev, lent), EBADFD);
	dbm_munmap(p, LENGTH);
	close(lent);
	unmap_aliases(&a);
	dbm_munmap(s, SZ_4K);
}

static void for_good(void)
{
	const struct vfio_region_dma_range one = { AT, LENGTH },
		two[] = { { AT + LENGTH, LENGTH / 2 }, { AT, LENGTH / 2 } };

	check_for_good(&one, 1, false);
	check_for_good(&one, 1, true);
	/* mapped in a place of its own */
	check_for_good(two, 2, false);
}

/* What each of the writers has written lately, and how far the resets are */
struct busy {
	volatile int writes[2], resets, stop;
};

static void for_good_busy(void)
{
	struct busy *b = dbm_shared(sizeof(*b));
	const bool can_reset = vfio_has_sysfs_reset(&dev);
	char *bar = dbm_mmap(dev.fd, LENGTH, RW, dev.bar + AT);

	igt_fork(child, 1)
		while (!b->stop) {
			if (can_reset)
				vfio_sysfs_reset(&dev);
			b->resets++;
		}
	for (int round = 0; round < ROUNDS; round++) {
		const struct vfio_region_dma_range r = { AT, LENGTH };
		int lent = __vfio_export(&dev, &r, 1, O_RDWR | O_CLOEXEC);
		volatile uint64_t *word[2];
		uint64_t last[2];
		char *p;

		igt_assert_fd(lent);
		p = dbm_mmap(lent, LENGTH, RW, 0);
		memset((void *)b->writes, 0, sizeof(b->writes));
		igt_fork(child, 2) {
			volatile char *at = p + child * SZ_2M + SCRATCH;
			int sig;

			while (!(sig = dbm_write(at, ++b->writes[child])))
				;
			igt_assert_eq(sig, SIGBUS);
		}
		for (int i = 0; i < 2; i++)
			dbm_wait_for(&b->writes[i], 1000, 20000);
		/* Some rounds begin in the middle of a reset, and faults asleep for it. */
		usleep(round * 3000);
		igt_assert_eq(__vfio_revoke(&dev, lent), 0);
		for (int i = 0; i < 2; i++) {
			word[i] = (void *)(bar + i * SZ_2M + SCRATCH);
			last[i] = *word[i];
			igt_assert_lte(last[i], b->writes[i]);
		}
		usleep(20000);
		for (int i = 0; i < 2; i++)
			igt_assert_eq_u64(*word[i], last[i]);
		ptdump_assert_none(p, LENGTH);
		dbm_munmap(p, LENGTH);
		close(lent);
		if (round == ROUNDS - 1)
			b->stop = 1;
		else
			dbm_wait_for(&b->resets, b->resets + 1, 20000);
	}
	igt_waitchildren_timeout(20, "a writer does not end");
	dbm_munmap(bar, LENGTH);
	dbm_munmap(b, sizeof(*b));
}

static void for_good_errors(void)
{
	int buffer;

	vfio_assert_foreign(&dev, VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE, __vfio_revoke);
	buffer = vfio_export(&dev);
	/* The last close was for good. */
	vfio_close(&dev);
	vfio_open(&dev);
	igt_assert_eq(__vfio_revoke(&dev, buffer), EBADFD);
	close(buffer);
}

static const struct dbm_test tests[] = {
	{ "decode", "One switch reaches every alias in every process", decode },
	{ "decode-mmap", "Only touching needs the device", decode_mmap },
	{ "decode-twice", "Decode is a state, not a toggle", decode_twice },
	{ "decode-again", "What is not revoked stays mapped", decode_again },
	{ "decode-nosigbus", "What nobody exported comes back from a dummy page", decode_nosigbus },
	{ "reset", "A reset is a pause to those who use the BAR", reset_ioctl },
	{ "reset-sysfs", "The administrator's reset is a pause as well", reset_sysfs },
	{ "reset-sysfs-bar", "What nobody exported comes back too", reset_sysfs_bar },
	{ "reset-sysfs-off", "What is off stays off", reset_sysfs_off },
	{ "reset-sysfs-config", "Resets and config space get along", reset_sysfs_config },
	{ "close", "A buffer ends with the device's user", closed },
	{ "for-good", "What was lent is taken back", for_good },
	{ "for-good-busy", "Taken back from who is using it", for_good_busy },
	{ "for-good-errors", "Each errno but EINTR", for_good_errors },
	{ "unbind", "A buffer ends with the driver", unbind },
};

int igt_main()
{
	igt_fixture() {
		vfio_require(&dev, 16 * SZ_1M, SZ_1G);
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
		vfio_open(&dev);
		close(vfio_export(&dev));
		vfio_prefill(&dev);
	}

	vfio_subtests(&dev, tests, 60);

	igt_fixture()
		vfio_close(&dev);

	igt_subtest_group() {
		struct vfio_dev pm = { .fd = -1, .iommufd = -1 };

		igt_fixture() {
			vfio_require_power(&pm);
			vfio_open(&pm);
		}
		igt_describe("A sleeping device is not touched");
		igt_subtest("power") {
			igt_set_timeout(60, "power");
			sleeping(&pm);
			igt_reset_timeout();
		}
		igt_fixture()
			vfio_close(&pm);
	}
}
