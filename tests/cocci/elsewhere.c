// SPDX-License-Identifier: GPL-2.0
// Unchanged: no export
static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};
