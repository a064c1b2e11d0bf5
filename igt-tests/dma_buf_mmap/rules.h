/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_RULES_H
#define DMA_BUF_MMAP_RULES_H

#include <stddef.h>

#include "dma_buf_mmap/sources.h"

/* The rules of dma_buf_mmap_conformance: each must hold for every source that has @needs. */
struct rule {
	const char *name, *describe;
	void (*run)(const struct source *s);
	unsigned int needs;	/* enum source_flags */
};

struct rules {
	const struct rule *rules;
	size_t count;
};

extern const struct rules mmap_rules;	/* what mmap() grants, what a mapping can become */
extern const struct rules page_rules;	/* the right page at every offset, for everyone */
extern const struct rules leaf_rules;	/* what is in the page tables: needs ptdump */
extern const struct rules lookup_rules;	/* from address to buffer: needs the mock */

#define RW (PROT_READ | PROT_WRITE)

#endif
