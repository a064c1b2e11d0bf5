/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_SOURCES_H
#define DMA_BUF_MMAP_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dma_buf_mmap/access.h"

struct gpu_memory;

/*
 * Where dma-bufs come from.  DRM devices with dumb buffers, the memories of GPUs, heaps and
 * video devices are found.  To have dma_buf_mmap_conformance check another exporter, or know
 * more of one, add a line to the table in sources.c, and the functions that it names if there
 * are none like them.
 */

/* Whatever the address, there are whole 2 MiB leaves in it. */
#define SOURCE_SIZE (4 * SZ_2M)

/* What a source has; rules may need it. */
enum source_flags {
	/* its dma-bufs are read-only when asked to be */
	SOURCE_READONLY = 1 << 0,
	/* its memory can be mapped through another file too: source_buffer.native */
	SOURCE_NATIVE = 1 << 1,
	/* that file is a DRM device, and such a mapping is one of the same dma-buf */
	SOURCE_GEM = 1 << 2,
	/* there is a 2 MiB leaf wherever one fits */
	SOURCE_LARGE = 1 << 3,
	/* its memory can go away for a while: source.set_away */
	SOURCE_AWAY = 1 << 4,
	/* its memory stays, and is all there when mmap() returns */
	SOURCE_EAGER = 1 << 5,
	/* its memory may move, so that mlock() and the like leave it alone */
	SOURCE_MOVES = 1 << 6,
	/* nobody knows whether it is one of these three */
	SOURCE_UNKNOWN = 1 << 7,
	/* its memory may be ordinary pages, which get_user_pages() finds */
	SOURCE_PAGES = 1 << 8,
};

/* For source_create(), besides O_RDONLY and O_RDWR: a GEM object without a dma-buf */
#define SOURCE_NOT_EXPORTED (-1)

struct source_buffer {
	const struct source *source;
	int fd;			/* of the dma-buf, or -1 */
	int native;		/* the other file, or -1; it shows the buffer ... */
	off_t native_offset;	/* ... from here on */
	uint32_t handle;	/* of the GEM object */
	uint64_t id;		/* what makes its contents differ from those of others */
};

struct source {
	const char *name;
	unsigned int flags;	/* enum source_flags */
	unsigned int caching;	/* leaves have one of these enum ptdump_caching; 0: unknown */
	const char *device;	/* DRM driver; heaps, tried in turn; video device */
	const struct gpu_memory *memory;	/* which of a GPU's */
	unsigned int arg;	/* mock: order of its chunks; udmabuf, vttm: flags; video: type */
	/* Skip with the reason if there is no such exporter here. */
	void (*require)(struct source *s);
	/* Make a buffer of SOURCE_SIZE, and of a dma-buf @fd with that access. */
	void (*create)(struct source_buffer *b, int access);
	/* Let go of all but the dma-buf; optional. */
	void (*destroy)(struct source_buffer *b);
	/* SOURCE_AWAY */
	void (*set_away)(struct source_buffer *b, bool away);
	int fd;			/* of the device, once it is open; then not 0 */
};

/*
 * Those that are known, whether they are here or not, and what else this machine has; with
 * --device only of the DRM devices that it names.
 */
#define SOURCES_MAX 96
extern struct source sources[SOURCES_MAX];
extern size_t source_count;
void sources_find(void);
/* Only the former */
void sources_take_known(void);

/* The latter are in found.c. */
void sources_find_others(void);
void drm_source_require(struct source *s);
void drm_source_dumb(struct source *s);
void gpu_source_require(struct source *s);
void gpu_source(struct source *s, const struct gpu_memory *memory);
void heap_source_require(struct source *s);
void heap_source(struct source *s);
void video_source_require(struct source *s);
void video_source(struct source *s, uint32_t type);

struct source_buffer source_create(const struct source *s, int access);
/* A read-write one whose pages have their contents; nothing is mapped of it any more. */
struct source_buffer source_create_filled(const struct source *s);
/* Close all that leads to it; what is mapped stays. */
void source_destroy(struct source_buffer *b);
void sources_close(void);

/* Declare a subtest that runs @test on each source which is here and has all of @needs. */
#define sources_subtest(subtest, needs, test) do { \
	igt_subtest_with_dynamic(subtest) { \
		sources_find(); \
		for (struct source *__s = sources; __s < sources + source_count; __s++) { \
			if ((__s->flags & (needs)) != (needs)) \
				continue; \
			igt_dynamic(__s->name) { \
				__s->require(__s); \
				igt_set_timeout(60, subtest); \
				(test)(__s); \
				igt_reset_timeout(); \
			} \
		} \
	} \
} while (0)

/* Map all of it through its other file. */
void *source_map_native(const struct source_buffer *b, int prot);
/* Map it as the dma-buf that it is: through the dma-buf and, if there is one, the DRM fd. */
int source_map_both(const struct source_buffer *b, char *p[2]);

/*
 * Write, and check, in each page a word that no other page of this or another buffer
 * has; @offset is that of @p in the buffer.  No other word of the page is touched.
 */
#define SOURCE_WORD 0x300
void source_fill(const struct source_buffer *b, char *p, size_t length, uint64_t offset);
void source_check(const struct source_buffer *b, const char *p, size_t length, uint64_t offset);
uint64_t source_pattern(const struct source_buffer *b, uint64_t offset);

#endif
