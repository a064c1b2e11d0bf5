/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_PTDUMP_H
#define DMA_BUF_MMAP_PTDUMP_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What an x86 leaf says about caching: bits PAT, PCD and PWT index the PAT
 * as Linux programs it (arch/x86/mm/pat/memtype.c).
 */
enum ptdump_caching {
	PTDUMP_WB = 1 << 0,
	PTDUMP_WC = 1 << 1,
	PTDUMP_UC_MINUS = 1 << 2,
	PTDUMP_UC = 1 << 3,
	PTDUMP_WP = 1 << 4,
	PTDUMP_WT = 1 << 5,
};

struct ptdump {
	size_t pte;		/* 4 KiB leaves */
	size_t pmd;		/* 2 MiB leaves */
	size_t pud;		/* 1 GiB leaves */
	unsigned int caching;	/* every enum ptdump_caching that was seen */
	bool writable;		/* some leaf can be written through */
	bool kernel_only;	/* some leaf is not for user space: never right */
};

/* Whether the kernel shows the page tables of the calling process. */
bool ptdump_available(void);
/* Whether it maps pfns by larger leaves than 4 KiB. */
bool ptdump_has_large(void);
/* The leaves of the calling process that map any of [@addr, @addr + @length). */
struct ptdump ptdump(const volatile void *addr, size_t length);
/* Not one leaf may map any of the range. */
void ptdump_assert_none(const volatile void *addr, size_t length);

#endif
