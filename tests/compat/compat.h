/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef COMPAT_H
#define COMPAT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dma_buf_mmap/signals.h"

/*
 * What user space can do with the CPU mappings of buffers: each operation on each
 * exporter's buffer by each way to it is a line "EXPORTER WAY OPERATION KEY=VALUE...",
 * made in a process of its own.  There is nothing in it that differs from run to run.
 */

#define SZ_4K 0x1000ul
#define SZ_64K 0x10000ul
#define SZ_1M 0x100000ul
#define SZ_2M 0x200000ul
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define RW (PROT_READ | PROT_WRITE)

/* Mappings are made here, so that how they are aligned is not by chance. */
#define BASE ((char *)0x100000000000)
#define SECOND ((char *)0x110000000000)
#define OTHER ((char *)0x120000000000)

/* The word of each page that is read and written; the first one of a BAR's is the host's. */
#define WORD 0x300

struct exporter;

struct buffer {
	const struct exporter *e;
	size_t size;
	int own;		/* the exporter's own fd, or -1 */
	off_t own_offset;	/* where it shows the buffer */
	uint32_t handle;
	int dmabuf;		/* or -1 */
};

enum exporter_flags {
	EXPORTER_DRM = 1 << 0,		/* can import its own dma-buf */
	EXPORTER_NO_OWN = 1 << 1,	/* there is only the dma-buf */
	EXPORTER_NO_RO = 1 << 2,	/* its dma-bufs are always read-write */
	EXPORTER_NO_DMABUF = 1 << 3,	/* it is none: a bystander */
	EXPORTER_BRIEF = 1 << 4,	/* only the operations that say so */
	EXPORTER_NO_PEERS = 1 << 5,	/* no other device may attach */
};

/* All return 0 or an errno. */
struct exporter {
	const char *name;
	unsigned int flags;
	size_t size;
	const char *device;
	unsigned int arg;
	/* NULL, or why there is none here */
	const char *(*find)(struct exporter *e);
	int (*create)(struct buffer *b);
	int (*export)(struct buffer *b, int access);
	/* let go of all but the dma-buf */
	void (*release)(struct buffer *b);
	/* the last thing before the operation; optional */
	int (*ready)(struct buffer *b);
	char path[64];
};

extern struct exporter exporters[];
extern const size_t exporter_count;

/* What an operation works on */
struct target {
	struct buffer b;
	int fd;
	off_t offset;
	size_t size;
	char *inherited;	/* mapped before the process was forked, or NULL */
	bool writable;		/* what target_map() made */
};

enum op_flags {
	OP_MAPS = 1 << 0,	/* it is about making a mapping: not of an inherited one */
	OP_BRIEF = 1 << 1,	/* worth doing by every way to an exporter's own buffer */
	OP_IMPORT = 1 << 2 | OP_BRIEF,	/* ... and to an imported one */
	OP_TOUCH = 1 << 3 | OP_IMPORT,	/* without it the others need not be tried */
};

struct op {
	const char *name;
	unsigned int flags;
	void (*run)(struct target *t, int arg);
	int arg;
	/* NULL, or why it cannot be done here; optional */
	const char *(*missing)(void);
};

extern const struct op mmap_ops[], vma_ops[], advice_ops[], copy_ops[], device_ops[], process_ops[];

enum way_flags {
	WAY_FORKED = 1 << 0,	/* the mapping is inherited */
	WAY_BRIEF = 1 << 1,	/* only the operations that say so, OP_BRIEF ... */
	WAY_IMPORT = 1 << 2,	/* ... or OP_IMPORT */
};

struct way {
	const char *name;
	int (*open)(struct target *t, const struct way *w);
	int access;
	const char *importer;	/* DRM driver; "" is the exporter's */
	unsigned int flags;	/* enum way_flags */
};

extern const struct way ways[];
extern const size_t way_count;
bool way_fits(const struct way *w, const struct exporter *e);

/* Add " KEY=VALUE" to the line. */
void __attribute__((format(printf, 1, 2))) say(const char *format, ...);
/* ... "ok", or the errno's name, of what a system call returned */
bool say_result(const char *key, long ret);
void say_error(const char *key, int err);
/* ... the number of faults that touching each page takes, or "SIGNAL@PAGE" */
bool say_touch(const char *key, char *p, size_t size, bool write);
/* ... both, the second if @write */
void say_touches(char *p, size_t size, bool write);
/* ... whether what is at @p can be seen in a second, shared mapping */
void say_seen(const struct target *t, const char *p);

/* Write words that differ from page to page and from @seed to @seed. */
bool fill(char *p, size_t size, uint64_t seed);
bool filled(const char *p, size_t size, uint64_t seed);
/* The faults of this process up to now */
long faults(void);
void warm_up(void);

/* Map it at BASE, read-only if it must be; NULL is said. */
char *target_map(struct target *t);
char *map_at(const struct target *t, char *at, int prot, int flags);
char *anonymous(size_t size);

int find_drm(const char *driver, char *path, size_t n);
int import_drm(struct target *t, const char *driver, int dmabuf);

/* vfio.c: what the program holds all along */
void vfio_open_all(void);
int vfio_bar_create(struct buffer *b);
int vfio_bar_export(struct buffer *b, int access);
int vfio_bar_off(struct buffer *b);
const char *vfio_bar_find(struct exporter *e);
void op_type1(struct target *t, int arg);
const char *type1_missing(void);
void op_iommufd(struct target *t, int arg);
const char *iommufd_missing(void);

/* v4l2.c */
const char *vivid_find(struct exporter *e);
int vivid_create(struct buffer *b);
int vivid_export(struct buffer *b, int access);
void vivid_release(struct buffer *b);
void op_userptr(struct target *t, int arg);
const char *userptr_missing(void);

/* kvm.c, uring.c */
void op_kvm(struct target *t, int arg);
const char *kvm_missing(void);
void op_uring(struct target *t, int arg);
const char *disk_missing(void);
int open_disk(void);

#endif
