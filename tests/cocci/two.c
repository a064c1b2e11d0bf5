// SPDX-License-Identifier: GPL-2.0
// Unchanged: two of them
static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

static const struct dma_buf_mmap_ops a_mmap_ops = {
	.get_range = a_get_range,
};

static const struct dma_buf_mmap_ops b_mmap_ops = {
	.get_range = b_get_range,
};

struct dma_buf *export(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}
