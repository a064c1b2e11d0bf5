// SPDX-License-Identifier: GPL-2.0
// Unchanged: no X_mmap_ops
static const struct dma_buf_ops a_ops = {
	.mmap = a_mmap,
};

struct dma_buf *export(struct a *a)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &a_ops;
	return dma_buf_export(&exp_info);
}
