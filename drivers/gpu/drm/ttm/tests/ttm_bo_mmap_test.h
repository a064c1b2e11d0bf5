/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites of CPU mappings of TTM buffers share: a buffer that is mapped
 * through the device's file and through a dma-buf, with real page faults.
 */
#ifndef TTM_BO_MMAP_TEST_H
#define TTM_BO_MMAP_TEST_H

#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/mm.h>

#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_resource.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_kunit_helpers.h"

#define BO_SIZE	SZ_4M

/*
 * Device memory: the first three quarters of the buffer in one run that begins
 * half a PMD leaf after where one could, the rest page by page backwards.
 */
#define VRAM_SHIFT	(PTRS_PER_PTE / 2)
#define VRAM_RUN	(BO_SIZE / PAGE_SIZE - VRAM_SHIFT)

/**
 * struct ttm_mmap_test - what a test case works on
 * @devs: the mock device
 * @bo: a buffer in system memory
 * @file: stands for the DRM fd
 * @dmabuf: the buffer, exported
 * @native: where @file is mapped
 * @shared: where @dmabuf is mapped
 * @vram: what stands for device memory
 */
struct ttm_mmap_test {
	struct ttm_test_devices *devs;
	struct ttm_buffer_object *bo;
	struct file *file;
	struct dma_buf *dmabuf;
	unsigned long native;
	unsigned long shared;
	struct page *vram;
};

int ttm_mmap_init(struct kunit *test);
int ttm_mmap_init_mkwrite(struct kunit *test,
			  int (*mkwrite)(struct ttm_buffer_object *bo, pgoff_t pgoff));
void ttm_mmap_exit(struct kunit *test);
unsigned long ttm_mmap_map(struct kunit *test, struct file *file);
void ttm_mmap_unmap(struct ttm_mmap_test *t);
u32 ttm_mmap_read(struct kunit *test, unsigned long addr);
void ttm_mmap_write(struct kunit *test, unsigned long addr, u32 val);
unsigned long ttm_mmap_leaf_size(struct kunit *test, unsigned long addr);
bool ttm_mmap_mapped(unsigned long addr);
struct ttm_device_funcs *ttm_mmap_funcs(struct kunit *test);
void ttm_mmap_make_vram(struct kunit *test);

#endif
