/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/types.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/vfio.h"

#define RW (PROT_READ | PROT_WRITE)
/* What is mapped where nothing else is said */
#define SMALL_LENGTH (4 * SZ_1M)
#define LARGE_LENGTH (64 * SZ_1M)

static inline uint64_t ticks(void)
{
#ifdef __x86_64__
	_mm_lfence();
	return __rdtsc();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
#endif
}

/*
 * Rounds of a measurement, of which the least counts. What allocates needs many until all
 * caches are warm, what takes long gets fewer:
 *
 *	for (struct rounds r = ROUNDS; more(&r);) {
 *		start = ticks();
 *		...
 *		took(&r, start);
 *	}
 *	figure(name, r.least);
 */
struct rounds {
	int n;
	uint64_t first, least;
	unsigned int weight;	/* so many times as long as others */
};

#define ROUNDS { .least = UINT64_MAX, .weight = 1 }

/* So many rounds of each, for a profile; 0: as many as it takes */
extern int fixed_rounds;
bool more(struct rounds *r);
void took_ticks(struct rounds *r, uint64_t n);

static inline void took(struct rounds *r, uint64_t start)
{
	took_ticks(r, ticks() - start);
}

/* "FIGURE name value"; not a number: there are no such leaves */
void figure(const char *name, double value);
/* The same with a "~": two boots never agree to the last digit */
void figure_about(const char *name, double value);
/* The minor faults of this process */
long faults(void);
/* Read a word of each @step bytes: the same few instructions each time */
void walk(const volatile char *p, size_t length, size_t step);
/* An address that is @off bytes past a multiple of 1 GiB, with room for @length */
char *space(size_t length, size_t off);
/* Of an odd size, so that what the kernel maps next is aligned only if it takes care */
void *map_odd(void);
void unmap_odd(void *odd);
void write_number(const char *file, unsigned int n);

/* What is touched, and how */
struct touch {
	int fd;
	off_t offset;
	size_t length, step;
	size_t shift;	/* of the address from one where large leaves fit */
};

char *map_touch(const struct touch *t);
/* Ticks for each step of a walk through a mapping that nobody has touched */
double first_touch(const struct touch *t);
/* Ticks of one touch, far from any other but where there is a page table */
double random_touch(const struct touch *t);

/* The BARs of 256 MiB and 2 GiB; open both, or skip */
extern struct vfio_dev small, big;
void bars_require(void);
void bars_close(void);
/* The whole BAR as a dma-buf that can be mapped, or skip: not before our patches */
int export_mappable(const struct vfio_dev *dev);
/* Ticks of taking memory decode away, which zaps */
uint64_t decode_off(const struct vfio_dev *dev);

/* A buffer in the way in which it is mapped */
struct buffer {
	int fd;
	off_t offset;
	int drm;		/* -1: it has no handle */
	uint32_t handle;
	bool borrowed;		/* the fd is somebody else's */
	void *kept;		/* a page, so that what is mapped is not made anew each time */
};

struct kind {
	const char *name;
	const char *device;
	/* so much of one may have leaves of 2 MiB and 4 MiB at an odd address none; 0: none */
	size_t large;
	/* Make one, or skip */
	void (*create)(const struct kind *k, struct buffer *b, size_t length);
	/* Ticks of making a dma-buf of 64 KiB and closing it, or NULL */
	uint64_t (*export_close)(const struct kind *k);
};

extern const struct kind kinds[];
extern const size_t kind_count;
/* Of the virtual TTM device, for page faults alone: the stock kernel has none */
extern const struct kind vttm_kinds[];
void buffer_destroy(struct buffer *b);
/* About, where pages come from all over memory: how they lie shows in the figure */
void kind_figure(const struct kind *k, const char *name, double value);
/* SMALL_LENGTH of it: where the kernel likes, or at @at */
char *buffer_map(const struct buffer *b, char *at);
int make_udmabuf(size_t length, unsigned int memfd_flags);
int make_memfd(size_t length);

/* Measured for each kind; the figure, and the subtest, is KIND-NAME */
struct measure {
	const char *name;
	void (*run)(const struct kind *k, size_t shift, const char *figure_name);
	bool (*has)(const struct kind *k);	/* NULL: every kind has it */
	bool small;	/* KIND-NAME-small where only small leaves fit, for those with large */
};

/* All else; the subtest is NAME */
struct bench {
	const char *name;
	void (*run)(void);
	bool bar, mock;	/* what it needs */
};

/* The last of each has no name */
extern const struct bench fault_benches[], whole_benches[], zap_benches[], scale_benches[],
	cpu_benches[], iommu_benches[];
extern const struct measure fault_measures[], whole_measures[], life_measures[],
	cpu_measures[];

#endif
