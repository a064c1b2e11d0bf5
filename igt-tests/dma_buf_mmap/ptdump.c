// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/ptdump.h"

/*
 * The kernel makes the dump anew for each read from offset 0.  The file stays
 * open because it also keeps the buffer that it had to grow, by starting over,
 * for the first one.  "current_user" is there only with page table isolation;
 * both show the process that reads, so children may use their parent's.
 */
static int ptdump_open(void)
{
	static const char * const names[] = { "current_user", "current_kernel" };
	static int fd = -1;
	const char *debugfs;
	char path[256];

	if (fd >= 0)
		return fd;
	debugfs = igt_debugfs_mount();
	for (size_t i = 0; debugfs && fd < 0 && i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/page_tables/%s", debugfs, names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

bool ptdump_has_large(void)
{
	return !access("/sys/kernel/mm/transparent_hugepage", F_OK);
}

bool ptdump_available(void)
{
	return ptdump_open() >= 0;
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);
	const char *p = words;

	while ((p = strstr(p, word))) {
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
		p += n;
	}
	return false;
}

static unsigned int caching_of(const char *words)
{
	static const unsigned int by_index[] = {
		PTDUMP_WB, PTDUMP_WC, PTDUMP_UC_MINUS, PTDUMP_UC,
		PTDUMP_WB, PTDUMP_WP, PTDUMP_UC_MINUS, PTDUMP_WT,
	};

	return by_index[has_word(words, "PWT") | has_word(words, "PCD") << 1 |
			has_word(words, "PAT") << 2];
}

/*
 * A line is "0xSTART-0xEND  SIZE  USR RW PWT PCD PSE PAT GLB NX LEVEL" for a
 * run of equal entries; one that maps nothing has no word between size and
 * level.
 */
static void count_line(struct ptdump *d, const char *line, unsigned long first,
		       unsigned long end)
{
	unsigned long from, to, size;
	size_t *leaves;
	int words;

	if (sscanf(line, "0x%lx-0x%lx %*s%n", &from, &to, &words) != 2)
		return;
	line += words;
	if (to <= first || from >= end || (!has_word(line, "RW") && !has_word(line, "ro")))
		return;

	if (has_word(line, "pte")) {
		leaves = &d->pte;
		size = SZ_4K;
	} else if (has_word(line, "pmd")) {
		leaves = &d->pmd;
		size = SZ_2M;
	} else if (has_word(line, "pud")) {
		leaves = &d->pud;
		size = SZ_1G;
	} else {
		return;
	}

	from = from > first ? from : first & ~(size - 1);
	to = to < end ? to : (end + size - 1) & ~(size - 1);
	*leaves += (to - from) / size;
	d->caching |= caching_of(line);
	d->writable |= has_word(line, "RW");
	d->kernel_only |= !has_word(line, "USR");
}

struct ptdump ptdump(const volatile void *addr, size_t length)
{
	static const size_t max = 16 * SZ_1M;
	unsigned long first = (unsigned long)addr;
	char *text = malloc(max), *rest, *line;
	struct ptdump d = {};
	ssize_t n;

	igt_assert(text);
	n = pread(ptdump_open(), text, max - 1, 0);
	igt_assert_f(n > 0 && n < (ssize_t)max - 1,
		     "the page tables cannot be read: %zd bytes, %s\n", n, strerror(errno));
	text[n] = 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		count_line(&d, line, first, first + length);
	free(text);
	igt_assert(!d.kernel_only);
	return d;
}

void ptdump_assert_none(const volatile void *addr, size_t length)
{
	struct ptdump d = ptdump(addr, length);

	igt_assert_f(!d.pte && !d.pmd && !d.pud,
		     "left behind: %zu leaves of 4K, %zu of 2M, %zu of 1G\n", d.pte, d.pmd, d.pud);
}
