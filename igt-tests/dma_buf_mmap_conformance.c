// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/rules.h"
#include "dma_buf_mmap/sources.h"

/**
 * TEST: dma-buf mmap conformance
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: CPU mapping
 * Description: Rules that hold for a mapped dma-buf of any exporter; one dynamic subtest for
 *	each source of dma-bufs
 *
 * SUBTEST: bounds
 * Description: No mapping reaches a byte past the end of the buffer
 *
 * SUBTEST: bounds-overflow
 * Description: An offset so large that offset + length wraps is refused
 *
 * SUBTEST: bounds-gem
 * Description: Nor does a mapping through the DRM fd reach past the end, nor is it private
 *
 * SUBTEST: private
 * Description: Private mappings are refused, or private: of memory that stays
 *
 * SUBTEST: populate
 * Description: After MAP_POPULATE, mlock() or MADV_POPULATE of what stays no fault follows
 *
 * SUBTEST: readonly-fd
 * Description: A read-only fd can be mapped, for reading only
 *
 * SUBTEST: readonly-mprotect
 * Description: A mapping of a read-only fd never becomes writable
 *
 * SUBTEST: readonly-proc-mem
 * Description: A mapping of a read-only fd cannot be written through /proc/self/mem
 *
 * SUBTEST: vma-flags
 * Description: A mapping is I/O memory to the kernel, or ordinary pages that are not expanded
 *	or dumped
 *
 * SUBTEST: maps-name
 * Description: /proc/self/maps shows the buffer's name and the offset that was asked for
 *
 * SUBTEST: mremap-expand
 * Description: mremap() neither grows nor duplicates a mapping, but shrinks it
 *
 * SUBTEST: madvise
 * Description: madvise() changes nothing of what is mapped, nor has it dumped
 *
 * SUBTEST: mlock-populate
 * Description: mlock(), MAP_LOCKED and MAP_POPULATE do no harm and lock nothing
 *
 * SUBTEST: gup
 * Description: The kernel takes no page reference through a mapping, whatever the leaf size,
 *	or, of ordinary pages, one of the right page
 *
 * SUBTEST: every-page
 * Description: Every page that is touched is the buffer's page at that offset
 *
 * SUBTEST: offset
 * Description: A mapping from an offset on shows the buffer from there
 *
 * SUBTEST: partial-munmap
 * Description: A hole in a mapping leaves both sides right, before and after a fault
 *
 * SUBTEST: mprotect-split
 * Description: Pages keep their place when a protection splits the mapping
 *
 * SUBTEST: mremap-move
 * Description: A part of a mapping moved elsewhere still shows its pages
 *
 * SUBTEST: fork
 * Description: Parent and child see one buffer, which both fault in at the same time
 *
 * SUBTEST: threads
 * Description: Two threads that fault in the same mapping find the right pages
 *
 * SUBTEST: alias
 * Description: A mapping through another file (DRM fd, VFIO device, memfd) shows the same bytes
 *
 * SUBTEST: proc-mem
 * Description: /proc/PID/mem reads and writes mapped buffers, and nothing beyond the mapping
 *
 * SUBTEST: ptrace
 * Description: A tracer reads and writes the right words of what its tracee has mapped
 *
 * SUBTEST: caching
 * Description: The leaves carry the caching that the exporter asked for
 *
 * SUBTEST: info
 * Description: DMA_BUF_IOCTL_GET_INFO says of a buffer what is in the page tables
 *
 * SUBTEST: alias-leaves
 * Description: Leaves and caching are the same through the DRM fd and through the dma-buf
 *
 * SUBTEST: large-leaves
 * Description: What can be mapped by 2 MiB leaves is
 *
 * SUBTEST: large-leaves-unaligned
 * Description: An unaligned offset or length costs 4 KiB leaves at the ends only
 *
 * SUBTEST: leaves-readonly
 * Description: No leaf is writable in a read-only mapping, and all are in a writable one
 *
 * SUBTEST: lifetime
 * Description: A mapping is good after fd and handle are closed; after munmap() nothing is left
 *
 * SUBTEST: lifetime-fork
 * Description: A buffer lives as long as a child maps it
 *
 * SUBTEST: lifetime-gem
 * Description: A mapping through the DRM fd is good after the handle is closed
 *
 * SUBTEST: away
 * Description: While its memory is away, every alias gets SIGBUS; then all come back
 *
 * SUBTEST: away-nosigbus
 * Description: With MAP_NOSIGBUS a dummy page stands for it, which is the buffer's own
 *
 * SUBTEST: lookup
 * Description: Every address in a mapping, through whichever fd, names the buffer and its offset
 *
 * SUBTEST: lookup-offset
 * Description: A mapping from an offset on counts from the start of the buffer
 *
 * SUBTEST: lookup-split
 * Description: Pieces of a mapping name the right offset, and a span may cross them
 *
 * SUBTEST: lookup-moved
 * Description: A moved mapping names its buffer at the new address only
 *
 * SUBTEST: lookup-forked
 * Description: A child finds the buffer too, after the parent has unmapped it
 *
 * SUBTEST: lookup-unexported
 * Description: A GEM object that was never exported is found too
 */
IGT_TEST_DESCRIPTION("One contract for the CPU mappings of every exporter's dma-bufs");

static void subtests(const struct rules *rules)
{
	for (const struct rule *r = rules->rules; r < rules->rules + rules->count; r++) {
		igt_describe(r->describe);
		sources_subtest(r->name, r->needs, r->run);
	}
}

int igt_main()
{
	subtests(&mmap_rules);
	subtests(&page_rules);

	igt_subtest_group() {
		igt_fixture()
			igt_require_f(ptdump_available(),
				      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
		subtests(&leaf_rules);
	}

	igt_subtest_group() {
		igt_fixture()
			mock_require();
		subtests(&lookup_rules);
	}

	igt_fixture()
		sources_close();
}
