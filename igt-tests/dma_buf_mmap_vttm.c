// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "igt.h"
#include <drm/vttm_drm.h>
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/kms.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma buf mmap vttm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: DMA-BUF
 * Functionality: buffer management
 * Description: A TTM device that does what graphics devices do before the CPU can reach a
 *              buffer (vttm), mapped through the DRM fd and through its dma-buf fd.
 *
 * SUBTEST: move
 * Description: The data is right after every move, and waits for it
 *
 * SUBTEST: move-leaves
 * Description: Nobody writes to where a buffer was
 *
 * SUBTEST: move-hammer
 * Description: Moves are invisible in the data
 *
 * SUBTEST: evict
 * Description: Memory pressure is invisible in the data
 *
 * SUBTEST: swap
 * Description: The same of system memory
 *
 * SUBTEST: invisible
 * Description: A touch moves what the CPU does not see to where it does
 *
 * SUBTEST: aperture
 * Description: No more of VRAM is mapped than there is room for
 *
 * SUBTEST: sleep
 * Description: Nothing is mapped while the device sleeps; a touch wakes it
 *
 * SUBTEST: lost
 * Description: Without VRAM accesses complete, and reach nobody else's data
 *
 * SUBTEST: peer
 * Description: Another device has the buffer where it can reach it
 *
 * SUBTEST: peer-closed
 * Description: An importer is told of moves without a handle, too
 *
 * SUBTEST: scanout
 * Description: A display shows VRAM, which stays where it is meanwhile
 *
 * SUBTEST: bar
 * Description: A VFIO BAR that it imports, beside its own VRAM, in two processes
 *
 * SUBTEST: unplug
 * Description: Accesses go on while the device goes
 */

IGT_TEST_DESCRIPTION("Check mappings of a TTM device that moves, sleeps and loses VRAM");

#define SIZE	(2 * SZ_2M)
#define RW	(PROT_READ | PROT_WRITE)
#define POISON	0xdbdbdbdbdbdbdbdbull

static int drm;
static char bdf[16];

struct buffer {
	uint32_t handle;
	int fd;
	char *shared;	/* through the dma-buf */
	char *native;	/* through the DRM fd */
};

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	igt_assert_f(fd >= 0, "cannot open %s: %s\n", path, strerror(errno));
	igt_assert_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static char *read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	igt_assert_f(fd >= 0, "cannot open %s: %s\n", path, strerror(errno));
	n = read(fd, text, size - 1);
	igt_assert_lte(0, n);
	close(fd);
	text[n] = '\0';
	return text;
}

static void knob(const char *name, uint64_t value)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/%s", bdf, name);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	write_file(path, text);
}

static uint64_t vram_size(void)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/visible", bdf);
	return strtoull(read_file(path, text, sizeof(text)), NULL, 0);
}

static void sleep_after(unsigned int ms)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/autosuspend_delay_ms", bdf);
	snprintf(text, sizeof(text), "%u", ms);
	write_file(path, text);
}

/* As the device is when it is bound */
static void reset(void)
{
	sleep_after(5000);
	knob("copy_delay_ms", 0);
	knob("visible", UINT64_MAX);
	knob("aperture", UINT64_MAX);
}

static struct buffer buffer_create(uint32_t domain)
{
	struct drm_vttm_create create = { .size = SIZE, .domain = domain };
	struct buffer b;

	do_ioctl(drm, DRM_IOCTL_VTTM_CREATE, &create);
	b.handle = create.handle;
	b.fd = drm_export(drm, b.handle);
	b.shared = dbm_mmap(b.fd, SIZE, RW, 0);
	b.native = drm_mmap(drm, b.handle, SIZE, RW);
	return b;
}

static void buffer_destroy(struct buffer *b)
{
	dbm_munmap(b->shared, SIZE);
	dbm_munmap(b->native, SIZE);
	close(b->fd);
	drm_close_handle(drm, b->handle);
}

/* 0 or an errno */
static int __place(const struct buffer *b, uint32_t domain)
{
	struct drm_vttm_place args = { .handle = b->handle, .domain = domain };

	return igt_ioctl(drm, DRM_IOCTL_VTTM_PLACE, &args) ? errno : 0;
}

static void place(const struct buffer *b, uint32_t domain)
{
	igt_assert_eq(__place(b, domain), 0);
}

/* The engine of @fd's device copies: 0 or an errno. */
static int __copy(int fd, uint32_t from, uint32_t to)
{
	struct drm_vttm_copy args = { .src = from, .dst = to, .size = SIZE };

	return igt_ioctl(fd, DRM_IOCTL_VTTM_COPY, &args) ? errno : 0;
}

static struct drm_vttm_info info(const struct buffer *b, uint64_t page)
{
	struct drm_vttm_info args = { .handle = b->handle, .page = page };

	do_ioctl(drm, DRM_IOCTL_VTTM_INFO, &args);
	return args;
}

static void check_both(const struct buffer *b)
{
	dbm_check(b->shared, SIZE, 0);
	dbm_check(b->native, SIZE, 0);
}

/* Where VRAM begins, as nobody maps it who asks vttm. */
static uint64_t *peek(uint64_t *size)
{
	char path[80];
	int fd;
	void *p;

	*size = vram_size();
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2_wc", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_fd(fd);
	p = dbm_mmap(fd, *size, PROT_READ, 0);
	close(fd);
	return p;
}

static void move(void)
{
	static const uint32_t domains[] = { DRM_VTTM_DOMAIN_SYSTEM, DRM_VTTM_DOMAIN_VRAM };
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	check_both(&b);
	knob("copy_delay_ms", 50);
	for (int i = 0; i < 6; i++) {
		place(&b, domains[i % 2]);
		/* Whatever is mapped now is where it was. */
		ptdump_assert_none(b.shared, SIZE);
		ptdump_assert_none(b.native, SIZE);
		check_both(&b);
		igt_assert_eq(info(&b, 0).domain, domains[i % 2]);
	}
	buffer_destroy(&b);
	reset();
}

static void move_leaves(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	uint64_t size, *vram = peek(&size);
	struct drm_vttm_info was;

	dbm_fill(b.native, SIZE, 0);
	was = info(&b, 5);
	igt_assert_eq_u64(vram[was.vram_offset / 8], dbm_pattern(5 * SZ_4K));
	place(&b, DRM_VTTM_DOMAIN_SYSTEM);
	check_both(&b);
	/* Nobody writes there any more. */
	for (int i = 0; i < 100; i++) {
		dbm_assert_write(b.native + 5 * SZ_4K + 8, i);
		igt_assert_eq_u64(vram[was.vram_offset / 8 + 1], POISON);
	}
	munmap(vram, size);
	buffer_destroy(&b);
}

static void move_hammer(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	struct hammer *h[2];

	dbm_fill(b.shared, SIZE, 0);
	knob("copy_delay_ms", 5);
	h[0] = hammer_start(b.shared, SIZE / 2);
	h[1] = hammer_start(b.native + SIZE / 2, SIZE / 2);
	for (int i = 0; i < 10; i++) {
		place(&b, i % 2 ? DRM_VTTM_DOMAIN_VRAM : DRM_VTTM_DOMAIN_SYSTEM);
		for (int j = 0; j < 2; j++)
			hammer_assert_progress(h[j], 10000);
	}
	for (int j = 0; j < 2; j++)
		hammer_stop(h[j]);
	check_both(&b);
	buffer_destroy(&b);
	reset();
}

/* More than VRAM has room for, while two threads are on one of them */
static void evict(void)
{
	const int n = vram_size() / SIZE + 2;
	struct buffer *b = calloc(n, sizeof(*b));
	struct hammer *h;
	int vram = 0;

	igt_assert(b);
	b[0] = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	dbm_fill(b[0].shared, SIZE, 0);
	h = hammer_start(b[0].native, SIZE);
	for (int i = 1; i < n; i++) {
		b[i] = buffer_create(DRM_VTTM_DOMAIN_VRAM);
		dbm_fill(b[i].native, SIZE, 0);
	}
	for (int i = 0; i < n; i++) {
		check_both(&b[i]);
		vram += info(&b[i], 0).domain == DRM_VTTM_DOMAIN_VRAM;
	}
	igt_assert_lte(1, vram);
	igt_assert_lte(vram, n - 2);
	hammer_assert_progress(h, 10000);
	hammer_stop(h);
	for (int i = 0; i < n; i++)
		buffer_destroy(&b[i]);
	free(b);
}

/* What TTM has in system memory leaves for swap, and comes back by a touch. */
static void swap(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_SYSTEM);
	char swapped[32];

	dbm_fill(b.shared, SIZE, 0);
	check_both(&b);
	for (int i = 0; i < 3; i++) {
		/* It says how many pages. */
		do
			read_file("/sys/kernel/debug/ttm/tt_shrink", swapped, sizeof(swapped));
		while (atoi(swapped) > 0);
		ptdump_assert_none(b.shared, SIZE);
		ptdump_assert_none(b.native, SIZE);
		check_both(&b);
	}
	buffer_destroy(&b);
}

static void invisible(void)
{
	struct buffer b[4];

	for (int i = 0; i < 4; i++) {
		b[i] = buffer_create(DRM_VTTM_DOMAIN_VRAM);
		dbm_fill(b[i].shared, SIZE, 0);
	}
	/* Room for one and a half. */
	knob("visible", SIZE + SIZE / 2);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			check_both(&b[i]);
			if (info(&b[i], 0).domain == DRM_VTTM_DOMAIN_VRAM)
				igt_assert(info(&b[i], SIZE / SZ_4K - 1).vram_offset <
					   SIZE + SIZE / 2);
		}
	}
	for (int i = 0; i < 4; i++)
		buffer_destroy(&b[i]);
	reset();
}

static size_t mapped(const struct buffer *b)
{
	struct ptdump d = ptdump(b->native, SIZE);

	return d.pte * SZ_4K + d.pmd * SZ_2M;
}

static void aperture(void)
{
	struct buffer b[4];
	size_t sum;

	for (int i = 0; i < 4; i++) {
		b[i] = buffer_create(DRM_VTTM_DOMAIN_VRAM);
		dbm_fill(b[i].shared, SIZE, 0);
	}
	knob("aperture", 2 * SIZE);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			dbm_check(b[i].native, SIZE, 0);
			sum = 0;
			for (int j = 0; j < 4; j++) {
				sum += mapped(&b[j]);
				igt_assert_eq(info(&b[j], 0).domain, DRM_VTTM_DOMAIN_VRAM);
			}
			igt_assert(sum <= 2 * SIZE);
			igt_assert_eq_u64(mapped(&b[i]), SIZE);
		}
	}
	for (int i = 0; i < 4; i++)
		buffer_destroy(&b[i]);
	reset();
}

static void sleeps(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	char path[80], status[32] = "";

	dbm_fill(b.shared, SIZE, 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", bdf);
	sleep_after(100);
	for (int i = 0; i < 3; i++) {
		for (int j = 0; strcmp(read_file(path, status, sizeof(status)), "suspended\n");
		     j++) {
			igt_assert_f(j < 200, "the device is still %s", status);
			usleep(50000);
		}
		ptdump_assert_none(b.shared, SIZE);
		ptdump_assert_none(b.native, SIZE);
		check_both(&b);
	}
	buffer_destroy(&b);
	reset();
}

static void rebind(bool bind)
{
	write_file(bind ? "/sys/bus/pci/drivers/vttm/bind" : "/sys/bus/pci/drivers/vttm/unbind",
		   bdf);
}

static void device_open(void)
{
	char path[64], *device;
	struct stat st;

	drm = drm_open_by_name("vttm");
	igt_require_f(drm >= 0, "no vttm device: bind one by driver_override\n");
	igt_assert_eq(fstat(drm, &st), 0);
	snprintf(path, sizeof(path), "/sys/dev/char/226:%u/device", minor(st.st_rdev));
	device = realpath(path, NULL);
	igt_assert(device);
	snprintf(bdf, sizeof(bdf), "%s", strrchr(device, '/') + 1);
	free(device);
}

static void device_close(void)
{
	close(drm);
}

static void reload(void)
{
	device_close();
	rebind(false);
	rebind(true);
	device_open();
}

static void lost(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	struct buffer other = buffer_create(DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	dbm_fill(other.shared, SIZE, 0);
	knob("lost", 1);
	ptdump_assert_none(b.shared, SIZE);
	ptdump_assert_none(b.native, SIZE);
	/* One page stands for all of a buffer, and for no other. */
	dbm_assert_read(b.native, 0);
	dbm_assert_write(b.native + SZ_4K, 17);
	dbm_assert_read(b.shared, 17);
	dbm_assert_read(other.native, 0);
	buffer_destroy(&b);
	buffer_destroy(&other);
	reload();
}

static void unplug(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	volatile int *stop = dbm_shared(SZ_4K);

	dbm_fill(b.shared, SIZE, 0);
	igt_fork(child, 4) {
		while (!*stop) {
			dbm_touch(b.native, SIZE);
			dbm_touch(b.shared, SIZE);
		}
	}
	usleep(100000);
	rebind(false);
	dbm_touch(b.native, SIZE);
	*stop = 1;
	igt_waitchildren_timeout(30, "somebody hangs");
	dbm_munmap(b.shared, SIZE);
	dbm_munmap(b.native, SIZE);
	dbm_munmap((void *)stop, SZ_4K);
	close(b.fd);
	/* Of a device that is gone no handle can be closed. */
	device_close();
	rebind(true);
	device_open();
}

/* The other device of the driver */
static int open_other(void)
{
	char path[64];
	struct stat st, own;

	igt_assert_eq(fstat(drm, &own), 0);
	for (int i = 0; i < 16; i++) {
		char name[8] = "";
		struct drm_version version = { .name_len = sizeof(name) - 1, .name = name };
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!igt_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "vttm") &&
		    !fstat(fd, &st) && st.st_rdev != own.st_rdev)
			return fd;
		close(fd);
	}
	igt_skip("there is one vttm device only\n");
}

/* Mapped through the importer too; its engine reads and writes by DMA addresses. */
static void peer(void)
{
	struct drm_vttm_create create = { .size = SIZE, .domain = DRM_VTTM_DOMAIN_VRAM };
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	int other = open_other();
	char *own, *import;
	uint32_t handle;

	dbm_fill(b.native, SIZE, 0);
	igt_assert_eq(drm_import(other, b.fd, &handle), 0);
	do_ioctl(other, DRM_IOCTL_VTTM_CREATE, &create);
	own = drm_mmap(other, create.handle, SIZE, RW);
	import = drm_mmap(other, handle, SIZE, RW);
	dbm_check(import, SIZE, 0);

	for (int i = 0; i < 4; i++) {
		const uint32_t domain = i % 2 ? DRM_VTTM_DOMAIN_SYSTEM : DRM_VTTM_DOMAIN_VRAM;

		/* Into VRAM, where the importer reaches it, and out, under the importer. */
		place(&b, domain);
		igt_assert_eq(__copy(other, handle, create.handle), 0);
		igt_assert_eq(info(&b, 0).domain, domain);
		dbm_check(own, SIZE, 0);
		dbm_assert_write(own + 8, i);
		igt_assert_eq(__copy(other, create.handle, handle), 0);
		check_both(&b);
		dbm_check(import, SIZE, 0);
		dbm_assert_read(import + 8, i);
		dbm_assert_read(b.shared + 8, i);
	}
	dbm_munmap(import, SIZE);
	dbm_munmap(own, SIZE);
	drm_close_handle(other, handle);
	drm_close_handle(other, create.handle);
	close(other);
	buffer_destroy(&b);
}

/* Who exported it has closed the handle: the importer is still told that the buffer moves. */
static void peer_closed(void)
{
	struct drm_vttm_create create = { .size = SIZE, .domain = DRM_VTTM_DOMAIN_VRAM };
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	int other = open_other();
	uint32_t handle;
	char *own;

	dbm_fill(b.native, SIZE, 0);
	igt_assert_eq(drm_import(other, b.fd, &handle), 0);
	do_ioctl(other, DRM_IOCTL_VTTM_CREATE, &create);
	own = drm_mmap(other, create.handle, SIZE, RW);
	igt_assert_eq(__copy(other, handle, create.handle), 0);
	dbm_check(own, SIZE, 0);

	dbm_munmap(b.native, SIZE);
	drm_close_handle(drm, b.handle);
	memset(own, 0, SIZE);
	/* A touch moves it into system memory. */
	knob("visible", 0);
	dbm_touch(b.shared, SIZE);
	igt_assert_eq(__copy(other, handle, create.handle), 0);
	dbm_check(own, SIZE, 0);

	dbm_munmap(own, SIZE);
	drm_close_handle(other, handle);
	drm_close_handle(other, create.handle);
	close(other);
	dbm_munmap(b.shared, SIZE);
	close(b.fd);
	reset();
}

/* Shown by a display that is no PCI device, whose CPU reads it where it is */
static void scanout(void)
{
	struct buffer b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	const int vkms = drm_open_by_name("vkms");
	uint32_t handle, fb, shown, black;
	struct kms kms;
	uint64_t word;

	igt_require_f(vkms >= 0, "there is no vkms\n");
	kms_require(&kms, vkms);
	igt_require_f(kms_fb_size(&kms) <= SIZE, "the display is too large for %lu MiB\n",
		      SIZE / SZ_1M);
	black = kms_crc_black(&kms);
	dbm_fill(b.native, SIZE, 0);
	igt_assert_eq(drm_import(vkms, b.fd, &handle), 0);
	fb = kms_show(&kms, handle);
	shown = kms_crc(&kms);
	igt_assert_neq(shown, black);

	igt_assert_eq(info(&b, 0).domain, DRM_VTTM_DOMAIN_VRAM);
	igt_assert_eq(__place(&b, DRM_VTTM_DOMAIN_SYSTEM), EBUSY);
	igt_assert_eq(dbm_read(b.shared + 0x400, &word), 0);
	dbm_assert_write(b.native + 0x400, ~word);
	igt_assert_neq(kms_crc(&kms), shown);
	dbm_assert_write(b.shared + 0x400, word);
	igt_assert_eq(kms_crc(&kms), shown);

	kms_hide(&kms, fb);
	place(&b, DRM_VTTM_DOMAIN_SYSTEM);
	check_both(&b);
	drm_close_handle(vkms, handle);
	close(vkms);
	buffer_destroy(&b);
}

#define VIEWS 3

/* A VFIO BAR in three views: the device's, the dma-buf's and the TTM device's that imports it */
struct bar {
	struct vfio_dev vfio;
	int fd;
	uint32_t handle;
	char *views[VIEWS];
};

static void bar_map(struct bar *bar)
{
	bar->views[0] = dbm_mmap(bar->vfio.fd, SIZE, RW, bar->vfio.bar);
	bar->views[1] = dbm_mmap(bar->fd, SIZE, RW, 0);
	bar->views[2] = drm_mmap(drm, bar->handle, SIZE, RW);
}

static void bar_unmap(struct bar *bar)
{
	for (int i = 0; i < VIEWS; i++)
		dbm_munmap(bar->views[i], SIZE);
}

static void bar_assert_dead(const struct bar *bar, int first)
{
	for (int i = first; i < VIEWS; i++) {
		ptdump_assert_none(bar->views[i], SIZE);
		dbm_assert_signal(bar->views[i], 16 * SZ_4K, SIGBUS);
	}
}

/* What the other process does with mappings of its own, on one command after the other */
enum bar_command { BAR_READ = 1, BAR_DEAD, BAR_DEAD_FOR_GOOD, BAR_END };

struct bar_sync {
	volatile enum bar_command command;
	volatile uint64_t value;
	volatile int asked, done;
};

static void bar_tell(struct bar_sync *s, enum bar_command command, uint64_t value)
{
	s->command = command;
	s->value = value;
	dbm_wait_for(&s->done, ++s->asked, 30000);
}

static void bar_other_process(struct bar bar, struct buffer b, struct bar_sync *s)
{
	enum bar_command command;
	struct hammer *h;

	bar_map(&bar);
	b.shared = dbm_mmap(b.fd, SIZE, RW, 0);
	h = hammer_start(b.shared, SIZE / 2);
	do {
		dbm_wait_for(&s->asked, s->done + 1, 30000);
		command = s->command;
		for (int i = 0; command == BAR_READ && i < VIEWS; i++)
			for (size_t o = 8; o < SIZE; o += SZ_2M)
				dbm_assert_read(bar.views[i] + o, s->value);
		if (command == BAR_DEAD || command == BAR_DEAD_FOR_GOOD)
			bar_assert_dead(&bar, command == BAR_DEAD_FOR_GOOD);
		hammer_assert_progress(h, 20000);
		s->done++;
	} while (command != BAR_END);
	hammer_stop(h);
}

/*
 * The importer's engine reads the BAR by DMA addresses, and its VRAM moves all the time, under
 * both processes too.
 */
static void bar(void)
{
	static const uint32_t domains[] = { DRM_VTTM_DOMAIN_SYSTEM, DRM_VTTM_DOMAIN_VRAM };
	struct drm_vttm_create create = { .size = SIZE, .domain = DRM_VTTM_DOMAIN_VRAM };
	struct bar bar = { .vfio = { .fd = -1, .iommufd = -1 } };
	struct bar_sync *s = dbm_shared(SZ_4K);
	struct buffer b;
	struct hammer *h;
	char *copy;

	vfio_require(&bar.vfio, SIZE, SIZE + 1);
	vfio_open(&bar.vfio);
	bar.fd = vfio_export(&bar.vfio);
	igt_assert_eq(drm_import(drm, bar.fd, &bar.handle), 0);
	bar_map(&bar);
	dbm_fill(bar.views[2], SIZE, 0);

	b = buffer_create(DRM_VTTM_DOMAIN_VRAM);
	dbm_fill(b.shared, SIZE, 0);
	do_ioctl(drm, DRM_IOCTL_VTTM_CREATE, &create);
	copy = drm_mmap(drm, create.handle, SIZE, RW);
	knob("copy_delay_ms", 5);

	igt_fork(child, 1)
		bar_other_process(bar, b, s);
	h = hammer_start(b.native + SIZE / 2, SIZE / 2);

	for (int round = 0; round < 4; round++) {
		place(&b, domains[round % 2]);
		for (size_t o = 8; o < SIZE; o += SZ_2M)
			dbm_assert_write(bar.views[round % VIEWS] + o, round);
		bar_tell(s, BAR_READ, round);

		igt_assert_eq(__copy(drm, bar.handle, create.handle), 0);
		dbm_check(copy, SIZE, 0);
		dbm_assert_read(copy + 8, round);
		place(&b, domains[!(round % 2)]);

		vfio_set_decode(&bar.vfio, false);
		bar_assert_dead(&bar, 0);
		bar_tell(s, BAR_DEAD, 0);
		igt_assert_eq(__copy(drm, bar.handle, create.handle), ENODEV);
		vfio_set_decode(&bar.vfio, true);
		for (int i = 0; i < VIEWS; i++)
			dbm_check(bar.views[i], SIZE, 0);
		bar_tell(s, BAR_READ, round);
		/* By the importer's engine, too */
		dbm_assert_write(copy + 8, round + 100);
		igt_assert_eq(__copy(drm, create.handle, bar.handle), 0);
		dbm_assert_read(bar.views[0] + 8, round + 100);
		hammer_assert_progress(h, 20000);
	}

	/* The dma-buf is gone for good, the device still there. */
	igt_assert_eq(__vfio_revoke(&bar.vfio, bar.fd), 0);
	bar_assert_dead(&bar, 1);
	bar_tell(s, BAR_DEAD_FOR_GOOD, 0);
	igt_assert_eq(__copy(drm, bar.handle, create.handle), ENODEV);
	vfio_set_decode(&bar.vfio, false);
	vfio_set_decode(&bar.vfio, true);
	bar_assert_dead(&bar, 1);
	bar_tell(s, BAR_DEAD_FOR_GOOD, 0);
	dbm_check(bar.views[0], SIZE, 0);

	bar_tell(s, BAR_END, 0);
	igt_waitchildren_timeout(20, "the other process does not end");
	hammer_stop(h);
	check_both(&b);
	dbm_munmap(copy, SIZE);
	drm_close_handle(drm, create.handle);
	buffer_destroy(&b);
	bar_unmap(&bar);
	drm_close_handle(drm, bar.handle);
	close(bar.fd);
	vfio_close(&bar.vfio);
	dbm_munmap(s, SZ_4K);
	reset();
}

static const struct dbm_test tests[] = {
	{ "move", "The data is right after every move, and waits for it", move },
	{ "move-leaves", "Nobody writes to where a buffer was", move_leaves },
	{ "move-hammer", "Moves are invisible in the data", move_hammer },
	{ "evict", "Memory pressure is invisible in the data", evict },
	{ "swap", "The same of system memory", swap },
	{ "invisible", "A touch moves what the CPU does not see to where it does", invisible },
	{ "aperture", "No more of VRAM is mapped than there is room for", aperture },
	{ "sleep", "Nothing is mapped while the device sleeps; a touch wakes it", sleeps },
	{ "lost", "Without VRAM accesses complete, and reach nobody else's data", lost },
	{ "peer", "Another device has the buffer where it can reach it", peer },
	{ "peer-closed", "An importer is told of moves without a handle, too", peer_closed },
	{ "scanout", "A display shows VRAM, which stays where it is meanwhile", scanout },
	{ "bar", "A VFIO BAR that it imports, beside its own VRAM, in two processes", bar },
	{ "unplug", "Accesses go on while the device goes", unplug },
};

int igt_main()
{
	igt_fixture() {
		igt_require_f(ptdump_available(),
			      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
		device_open();
		reset();
	}

	dbm_subtests(tests, 90);

	igt_fixture()
		device_close();
}
