// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/mock.h"

static int mock = -1;

int mock_open(void)
{
	if (mock < 0)
		mock = open("/dev/dma-buf-mock", O_RDWR | O_CLOEXEC);
	return mock;
}

void mock_require(void)
{
	igt_require_f(mock_open() >= 0,
		      "the mock exporter /dev/dma-buf-mock cannot be opened: %s (it needs CONFIG_DMABUF_MMAP_MOCK and root)\n",
		      strerror(errno));
}

int mock_create_args(struct dma_buf_mock_create *create)
{
	do_ioctl(mock, DMA_BUF_MOCK_CREATE, create);
	igt_assert_lte(0, create->fd);
	return create->fd;
}

int mock_create(uint64_t size, unsigned int order)
{
	struct dma_buf_mock_create create = {
		.size = size,
		.chunk_order = order,
		.open_flags = O_RDWR | O_CLOEXEC,
	};

	return mock_create_args(&create);
}

void mock_set_state(int dmabuf, enum dma_buf_mock_state state)
{
	struct dma_buf_mock_set_state set = { .fd = dmabuf, .state = state };

	do_ioctl(mock, DMA_BUF_MOCK_SET_STATE, &set);
}

int __mock_move(int dmabuf, unsigned int fence_ms)
{
	struct dma_buf_mock_move move = { .fd = dmabuf, .fence_ms = fence_ms };

	return igt_ioctl(mock, DMA_BUF_MOCK_MOVE, &move) ? errno : 0;
}

void mock_move(int dmabuf, unsigned int fence_ms)
{
	igt_assert_eq(__mock_move(dmabuf, fence_ms), 0);
}

int mock_lookup(const volatile void *addr, uint64_t length, struct dma_buf_mock_lookup *found)
{
	memset(found, 0, sizeof(*found));
	found->addr = (uintptr_t)addr;
	found->length = length;
	return igt_ioctl(mock, DMA_BUF_MOCK_LOOKUP, found) ? errno : 0;
}

void mock_assert_lookup(const volatile void *addr, uint64_t length, int dmabuf, uint64_t offset)
{
	struct dma_buf_mock_lookup found;
	int err = mock_lookup(addr, length, &found);

	igt_assert_f(!err, "lookup of %p: %s\n", addr, strerror(err));
	igt_assert_eq_u64(found.inode, dbm_inode(dmabuf));
	igt_assert_eq_u64(found.offset, offset);
	igt_assert_eq_u64(found.size, lseek(dmabuf, 0, SEEK_END));
}

void mock_assert_lookup_err(const volatile void *addr, uint64_t length, int error)
{
	struct dma_buf_mock_lookup found;
	int err = mock_lookup(addr, length, &found);

	igt_assert_f(err == error, "lookup of %p, %#" PRIx64 " bytes: %s, expected %s\n",
		     addr, length, strerror(err), strerror(error));
}
