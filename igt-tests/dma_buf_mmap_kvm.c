// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "igt.h"
/* After that, which defines macros of the kernel for itself and wants none before */
#include <linux/kvm.h>
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/sources.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap kvm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: memory of virtual machines
 * Description: What a processor of a virtual machine finds where a buffer is mapped
 *
 * SUBTEST: memory
 * Description: The guest reads and writes the buffer of any exporter
 *
 * SUBTEST: sizes
 * Description: Leaves of 4 KiB, 2 MiB and 1 GiB are such to the guest too
 *
 * SUBTEST: readonly
 * Description: The guest writes to nothing that is mapped for reading only
 *
 * SUBTEST: off
 * Description: Nothing is written once a buffer is off; KVM_RUN fails, and later goes on
 *
 * SUBTEST: off-nosigbus
 * Description: The same where the process itself has a dummy page meanwhile
 *
 * SUBTEST: busy
 * Description: A buffer that is back soon is waited for, asleep
 *
 * SUBTEST: moves
 * Description: A guest that writes all the time loses nothing when the buffer moves
 *
 * SUBTEST: revoked
 * Description: Of a buffer that is gone KVM_RUN fails each time, at once
 *
 * SUBTEST: bar-decode
 * Description: With memory decode off KVM_RUN fails, then goes on
 *
 * SUBTEST: bar-reset
 * Description: A reset is a pause to the guest
 */
IGT_TEST_DESCRIPTION("Mapped buffers as the memory of virtual machines");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE SOURCE_SIZE
/* Where the guest has its code, and the buffer: at a place that any leaf fits */
#define GUEST_CODE 0x1000
#define GUEST_BUFFER 0x40000000
/* Of the buffer, off the first words of pages, which others check */
#define WORD 0x800

/* 32-bit code for a processor that has its segments flat */
static const uint8_t copy_code[] = {
	0x8b, 0x1e,		/* mov (%esi), %ebx */
	0x89, 0x46, 0x04,	/* mov %eax, 4(%esi) */
	0xf4,			/* hlt */
};

static const uint8_t count_code[] = {
	0x40,			/* inc %eax */
	0x89, 0x06,		/* mov %eax, (%esi) */
	0xeb, 0xfb,		/* jmp to the inc */
};

struct machine {
	int vm, vcpu;
	struct kvm_run *run;
	uint8_t *code;
	pthread_t thread;
	volatile int done;	/* KVM_RUN has returned @ret */
	int ret;		/* 0 or an errno */
};

static int kvm = -1;

static int add_memory(struct machine *m, unsigned int slot, uint64_t at, void *p, size_t size,
		      uint32_t flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = at, .memory_size = size,
		.userspace_addr = (uintptr_t)p,
	};

	return ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &r) ? errno : 0;
}

static void flat(struct kvm_segment *s, uint8_t type)
{
	*s = (struct kvm_segment) {
		.limit = 0xffffffff, .selector = 8, .type = type, .present = 1, .db = 1, .s = 1,
		.g = 1,
	};
}

static struct kvm_regs get_regs(struct machine *m)
{
	struct kvm_regs regs;

	do_ioctl(m->vcpu, KVM_GET_REGS, &regs);
	return regs;
}

static void set_code(struct machine *m, const uint8_t *code, size_t n, uint32_t eax)
{
	struct kvm_regs regs = {
		.rip = GUEST_CODE, .rflags = 2, .rsi = GUEST_BUFFER + WORD, .rax = eax,
	};

	memcpy(m->code, code, n);
	do_ioctl(m->vcpu, KVM_SET_REGS, &regs);
}

static void nothing(int sig)
{
	(void)sig;
}

/* A machine that has [@p, @p + @size) as its memory */
static struct machine machine_make(void *p, size_t size, uint32_t flags)
{
	struct sigaction kick = { .sa_handler = nothing };
	struct kvm_sregs sregs;
	struct machine m = {};

	/* of emulated processors, once a machine */
	igt_emit_ignore_dmesg_regex("kvm: user requested TSC rate|set_tsc_khz: ");
	sigaction(SIGUSR1, &kick, NULL);
	m.vm = ioctl(kvm, KVM_CREATE_VM, 0);
	igt_assert_fd(m.vm);
	m.vcpu = ioctl(m.vm, KVM_CREATE_VCPU, 0);
	igt_assert_fd(m.vcpu);
	m.run = dbm_mmap(m.vcpu, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), RW, 0);
	m.code = dbm_shared(SZ_4K);
	igt_assert_eq(add_memory(&m, 0, GUEST_CODE, m.code, SZ_4K, 0), 0);
	igt_assert_eq(add_memory(&m, 1, GUEST_BUFFER, p, size, flags), 0);
	do_ioctl(m.vcpu, KVM_GET_SREGS, &sregs);
	flat(&sregs.cs, 11);
	flat(&sregs.ds, 3);
	flat(&sregs.es, 3);
	flat(&sregs.ss, 3);
	sregs.cr0 |= 1;
	do_ioctl(m.vcpu, KVM_SET_SREGS, &sregs);
	return m;
}

static void machine_end(struct machine *m)
{
	dbm_munmap(m->run, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	dbm_munmap(m->code, SZ_4K);
	close(m->vcpu);
	close(m->vm);
}

static int machine_run(struct machine *m)
{
	return ioctl(m->vcpu, KVM_RUN, 0) ? errno : 0;
}

static void *run_thread(void *data)
{
	struct machine *m = data;

	do
		m->ret = machine_run(m);
	while (m->ret == EINTR && !m->run->immediate_exit);
	m->done = 1;
	return NULL;
}

static volatile uint32_t *counter_of(char *p)
{
	return (volatile uint32_t *)(p + WORD);
}

/* Have the guest count, on and on, from @from in the word that @counter is */
static void machine_start(struct machine *m, uint32_t from)
{
	set_code(m, count_code, sizeof(count_code), from);
	m->done = 0;
	m->run->immediate_exit = 0;
	igt_assert_eq(pthread_create(&m->thread, NULL, run_thread, m), 0);
}

/* As before, where it stopped */
static void machine_go_on(struct machine *m)
{
	m->done = 0;
	igt_assert_eq(pthread_create(&m->thread, NULL, run_thread, m), 0);
}

static void machine_stop(struct machine *m)
{
	m->run->immediate_exit = 1;
	for (int i = 0; !m->done && i < 10000; i++) {
		pthread_kill(m->thread, SIGUSR1);
		usleep(1000);
	}
	igt_assert(m->done);
	pthread_join(m->thread, NULL);
	igt_assert_eq(m->ret, EINTR);
}

static void assert_counts(volatile uint32_t *counter)
{
	const double end = dbm_seconds() + 20;
	const uint32_t before = *counter;

	while (*counter - before < 1000 && dbm_seconds() < end)
		usleep(1000);
	igt_assert_lte(1000, *counter - before);
}

/* KVM_RUN has failed before the guest could write what it has in eax */
static void assert_stopped(struct machine *m)
{
	dbm_wait_for(&m->done, 1, 20000);
	pthread_join(m->thread, NULL);
	igt_assert_eq(m->ret, EFAULT);
	igt_assert_eq_u64(get_regs(m).rip, GUEST_CODE + 1);
}

/* What the guest has written last is what it found no place for, less one */
static void assert_nothing_more(struct machine *m, volatile uint32_t *counter)
{
	const uint32_t last = *counter;

	igt_assert_eq_u64(last, (uint32_t)get_regs(m).rax - 1);
	usleep(50 * 1000);
	igt_assert_eq_u64(*counter, last);
}

static unsigned long stat_of(const struct machine *m, const char *name)
{
	unsigned long value;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", getpid(), m->vm, name);
	f = fopen(path, "r");
	igt_assert_f(f, "%s: %s\n", path, strerror(errno));
	igt_assert_eq(fscanf(f, "%lu", &value), 1);
	fclose(f);
	return value;
}

/* The guest reads what the host has written, and the other way round */
static void check_copies(struct machine *m, char *p, uint32_t value)
{
	volatile uint32_t *word = counter_of(p);

	word[0] = value;
	word[1] = 0;
	set_code(m, copy_code, sizeof(copy_code), ~value);
	igt_assert_eq(machine_run(m), 0);
	igt_assert_eq(m->run->exit_reason, KVM_EXIT_HLT);
	igt_assert_eq_u64((uint32_t)get_regs(m).rbx, value);
	igt_assert_eq_u64(word[1], ~value);
}

static void memory(const struct source *s)
{
	struct source_buffer b = source_create(s, O_RDWR);
	char *maps[2];
	int n = source_map_both(&b, maps);

	for (int i = 0; i < n; i++) {
		struct machine m = machine_make(maps[i], SIZE, 0);

		check_copies(&m, maps[i], 4711 + i);
		machine_end(&m);
		dbm_munmap(maps[i], SIZE);
	}
	source_destroy(&b);
}

static void check_size(char *p, size_t size, const char *stat)
{
	struct machine m = machine_make(p, size, 0);

	check_copies(&m, p, 1);
	igt_assert_f(stat_of(&m, stat) >= 1, "4k: %lu, 2m: %lu, 1g: %lu\n",
		     stat_of(&m, "pages_4k"), stat_of(&m, "pages_2m"), stat_of(&m, "pages_1g"));
	machine_end(&m);
	dbm_munmap(p, size);
}

static void sizes(void)
{
	int small = mock_create(SIZE, 0), large = mock_create(SIZE, 9);
	struct vfio_dev dev;

	check_size(dbm_mmap(small, SIZE, RW, 0), SIZE, "pages_4k");
	check_size(dbm_mmap(large, SIZE, RW, 0), SIZE, "pages_2m");
	close(small);
	close(large);

	vfio_require(&dev, 4 * SZ_2M, SZ_1G);
	vfio_open(&dev);
	check_size(dbm_mmap(dev.fd, SIZE, RW, dev.bar), SIZE, "pages_2m");
	vfio_close(&dev);

	vfio_require(&dev, 2 * SZ_1G, UINT64_MAX);
	vfio_open(&dev);
	check_size(dbm_mmap(dev.fd, SZ_1G, RW, dev.bar), SZ_1G, "pages_1g");
	vfio_close(&dev);
}

/* Whether it is the slot that is read-only, or only what is mapped there */
static void readonly(void)
{
	int fd = mock_create(SIZE, 0);
	char *own = dbm_mmap(fd, SIZE, RW, 0), *p = dbm_mmap(fd, SIZE, PROT_READ, 0);

	for (int slot = 0; slot <= 1; slot++) {
		struct machine m = machine_make(p, SIZE, slot ? KVM_MEM_READONLY : 0);

		counter_of(own)[1] = 5;
		set_code(&m, copy_code, sizeof(copy_code), 6);
		igt_assert_eq(machine_run(&m), 0);
		igt_assert_eq(m.run->exit_reason, KVM_EXIT_MMIO);
		igt_assert(m.run->mmio.is_write);
		igt_assert_eq_u64(m.run->mmio.phys_addr, GUEST_BUFFER + WORD + 4);
		igt_assert_eq_u64(counter_of(own)[1], 5);
		machine_end(&m);
	}
	dbm_munmap(own, SIZE);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void check_off(void *(*map)(int fd, size_t length, int prot, off_t offset))
{
	for (unsigned int order = 0; order <= 9; order += 9) {
		int fd = mock_create(SIZE, order);
		char *p = map(fd, SIZE, RW, 0);
		struct machine m = machine_make(p, SIZE, 0);

		machine_start(&m, 0);
		assert_counts(counter_of(p));
		mock_set_state(fd, DMA_BUF_MOCK_OFF);
		assert_stopped(&m);
		igt_assert_eq(machine_run(&m), EFAULT);
		if (map == dbm_mmap_nosigbus) {
			dbm_assert_dummy(p, SIZE, 0);
			igt_assert_eq(machine_run(&m), EFAULT);
		}
		mock_set_state(fd, DMA_BUF_MOCK_READY);
		assert_nothing_more(&m, counter_of(p));
		machine_go_on(&m);
		assert_counts(counter_of(p));
		machine_stop(&m);
		machine_end(&m);
		dbm_munmap(p, SIZE);
		close(fd);
	}
}

static void off(void)
{
	check_off(dbm_mmap);
}

static void off_nosigbus(void)
{
	check_off(dbm_mmap_nosigbus);
}

static double thread_seconds(pthread_t thread)
{
	struct timespec t;
	clockid_t clock;

	igt_assert_eq(pthread_getcpuclockid(thread, &clock), 0);
	igt_assert_eq(clock_gettime(clock, &t), 0);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void busy(void)
{
	int fd = mock_create(SIZE, 0);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
	struct machine m = machine_make(p, SIZE, 0);
	double before;

	machine_start(&m, 0);
	assert_counts(counter_of(p));
	mock_set_state(fd, DMA_BUF_MOCK_BUSY);
	usleep(100 * 1000);
	before = thread_seconds(m.thread);
	sleep(2);
	/* Asleep: no loop in KVM, nor in the fault */
	igt_assert(thread_seconds(m.thread) - before < 0.5);
	igt_assert(!m.done);
	mock_set_state(fd, DMA_BUF_MOCK_READY);
	assert_counts(counter_of(p));
	igt_assert(!m.done);
	machine_stop(&m);
	machine_end(&m);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void moves(void)
{
	int fd = mock_create(SIZE, 9);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
	struct machine m = machine_make(p, SIZE, 0);

	machine_start(&m, 0);
	for (int i = 0; i < 10; i++) {
		assert_counts(counter_of(p));
		mock_move(fd, i % 3 ? 0 : 50);
	}
	assert_counts(counter_of(p));
	machine_stop(&m);
	/* It may have been stopped on either side of the write. */
	igt_assert_lte((uint32_t)get_regs(&m).rax - *counter_of(p), 1);
	machine_end(&m);
	dbm_munmap(p, SIZE);
	close(fd);
}

static void revoked(void)
{
	int fd = mock_create(SIZE, 0);
	char *p = dbm_mmap(fd, SIZE, RW, 0);
	struct machine m = machine_make(p, SIZE, 0);

	machine_start(&m, 0);
	assert_counts(counter_of(p));
	mock_set_state(fd, DMA_BUF_MOCK_REVOKED);
	assert_stopped(&m);
	for (int i = 0; i < 100; i++)
		igt_assert_eq(machine_run(&m), EFAULT);
	machine_end(&m);
	dbm_munmap(p, SIZE);
	close(fd);
}

/* With the guest counting in a BAR */
static void on_bar(void (*check)(struct vfio_dev *dev, struct machine *m,
				 volatile uint32_t *counter))
{
	struct vfio_dev dev;
	struct machine m;
	char *p;

	vfio_require(&dev, 4 * SZ_2M, SZ_1G);
	vfio_open(&dev);
	p = dbm_mmap(dev.fd, SIZE, RW, dev.bar + SIZE);
	m = machine_make(p, SIZE, 0);
	*counter_of(p) = 0;
	machine_start(&m, 0);
	assert_counts(counter_of(p));
	check(&dev, &m, counter_of(p));
	assert_counts(counter_of(p));
	igt_assert(!m.done);
	machine_stop(&m);
	machine_end(&m);
	dbm_munmap(p, SIZE);
	vfio_close(&dev);
}

static void check_decode(struct vfio_dev *dev, struct machine *m, volatile uint32_t *counter)
{
	vfio_set_decode(dev, false);
	assert_stopped(m);
	vfio_set_decode(dev, true);
	assert_nothing_more(m, counter);
	machine_go_on(m);
}

static void bar_decode(void)
{
	on_bar(check_decode);
}

static void check_reset(struct vfio_dev *dev, struct machine *m, volatile uint32_t *counter)
{
	(void)m;
	igt_assert(dev->has_reset);
	for (int i = 0; i < 3; i++) {
		vfio_reset(dev);
		assert_counts(counter);
	}
}

static void bar_reset(void)
{
	on_bar(check_reset);
}

static const struct dbm_test tests[] = {
	{ "sizes", "A leaf is a leaf at the second stage too", sizes },
	{ "readonly", "What is read-only to the host is to the guest", readonly },
	{ "off", "No stale entry at the second stage", off },
	{ "off-nosigbus", "A guest never gets a dummy page", off_nosigbus },
	{ "busy", "The guest waits like the host", busy },
	{ "moves", "The guest follows", moves },
	{ "revoked", "No loop when it is over", revoked },
	{ "bar-decode", "A BAR that is turned off", bar_decode },
	{ "bar-reset", "A BAR whose device is reset", bar_reset },
};

int igt_main()
{
	igt_fixture() {
		kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
		igt_require_f(kvm >= 0, "/dev/kvm: %s (CONFIG_KVM_AMD or CONFIG_KVM_INTEL)\n",
			      strerror(errno));
		mock_require();
	}

	dbm_subtests(tests, 60);

	igt_describe("Any exporter's");
	sources_subtest("memory", 0, memory);

	igt_fixture() {
		sources_close();
		close(kvm);
	}
}
