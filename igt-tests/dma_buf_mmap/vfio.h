/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef DMA_BUF_MMAP_VFIO_H
#define DMA_BUF_MMAP_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/vfio.h>

/*
 * A BAR of a PCI device on vfio-pci, through its character device and iommufd.
 *
 * Of ivshmem-plain it is the 64-bit BAR 2, which is memory. The first word of
 * every page belongs to the host (its prefill), the last MiB to the words that
 * the host verifies; tests write elsewhere.
 */
struct vfio_dev {
	char bdf[16];
	unsigned int index;	/* of the BAR */
	int iommufd;
	int fd;
	uint64_t config;	/* offset of config space on @fd */
	uint64_t bar;		/* offset of the BAR on @fd */
	uint64_t size;		/* of the BAR */
	bool has_reset;
};

#define VFIO_HOST_WORDS SZ_1M

/* For headers of kernels that have none */
#ifndef VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE
#define VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE 14

struct vfio_device_feature_dma_buf_revoke {
	int32_t dmabuf_fd;
};
#endif

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR
#define VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR 15

enum vfio_device_dma_buf_memattr {
	VFIO_DEVICE_DMA_BUF_MEMATTR_NC = 0,
	VFIO_DEVICE_DMA_BUF_MEMATTR_WC = 1,
};

struct vfio_device_feature_dma_buf_memattr {
	int32_t dmabuf_fd;
	uint32_t memattr;
};
#endif

/*
 * Find the smallest (so that two of them can be told apart) such device with a
 * BAR of at least @min and less than @max bytes and bind it to vfio-pci; skip
 * with the reason if there is none, or if another driver has it: nothing is
 * taken from one.  It stays there: a subtest that failed may hold the device
 * open, and to unbind it would then wait for ever.
 */
void vfio_require(struct vfio_dev *dev, uint64_t min, uint64_t max);
/* The same for a device with registers in its BAR that can be sent to D3hot. */
void vfio_require_power(struct vfio_dev *dev);
/* The same for a device that does DMA when it is told to, see dma_buf_mmap_iommufd. */
void vfio_require_dma(struct vfio_dev *dev);
/* Open it; memory decode is on afterwards. */
void vfio_open(struct vfio_dev *dev);
void vfio_close(struct vfio_dev *dev);
void vfio_bind(const struct vfio_dev *dev);
/* From whatever driver has it; 0 or an errno. */
int vfio_take(const struct vfio_dev *dev);
/* What has no driver goes to this one, now, and is promised to nobody else than before; 0
 * or an errno.
 */
int vfio_give(const struct vfio_dev *dev, const char *driver);
/* Close it, bind it if it is not, and open it. */
void vfio_reopen(struct vfio_dev *dev);
/* An eventfd that gets readable when the kernel wants the device back. */
int vfio_request_eventfd(const struct vfio_dev *dev);
/* Blocks until the device is closed, everywhere. */
void vfio_unbind(const struct vfio_dev *dev);

/* The dma-buf fd, or -errno. */
int __vfio_export(const struct vfio_dev *dev, const struct vfio_region_dma_range *ranges,
		  unsigned int count, unsigned int open_flags);
/* The whole BAR as a read-write dma-buf. */
int vfio_export(const struct vfio_dev *dev);
/* Take a dma-buf of the device's away for good: 0 or an errno. */
int __vfio_revoke(const struct vfio_dev *dev, int dmabuf);
/* How CPUs map a dma-buf of the device's: 0 or an errno. */
int __vfio_set_memattr(const struct vfio_dev *dev, int dmabuf, uint32_t memattr);
int __vfio_get_memattr(const struct vfio_dev *dev, int dmabuf, uint32_t *memattr);
/*
 * Probe that @feature, which may have flags of its own, can be set; have @call refuse what is
 * no dma-buf, and one that is none of @dev's.
 */
void vfio_assert_foreign(const struct vfio_dev *dev, uint32_t feature,
			 int (*call)(const struct vfio_dev *dev, int dmabuf));
/* Have the kernel write a word to the BAR on @eventfd, or no more if that is -1: 0 or an errno. */
int __vfio_ioeventfd(const struct vfio_dev *dev, uint64_t offset, int eventfd);
/* A file that maps the BAR without vfio-pci, or -errno. */
int __vfio_open_sysfs_bar(const struct vfio_dev *dev);
void vfio_set_decode(const struct vfio_dev *dev, bool on);
void vfio_reset(const struct vfio_dev *dev);
bool vfio_has_sysfs_reset(const struct vfio_dev *dev);
void vfio_sysfs_reset(const struct vfio_dev *dev);
/* Let it do DMA, to what @ioas of its iommufd maps. */
void vfio_attach(const struct vfio_dev *dev, uint32_t ioas);
uint8_t vfio_pm_capability(const struct vfio_dev *dev);
void vfio_set_power(const struct vfio_dev *dev, unsigned int state);

/* Make the first word of every page dbm_pattern(), unless the host has. */
void vfio_prefill(const struct vfio_dev *dev);
/* Leave @value at BAR offset @offset, which @addr maps, for the host to verify. */
void vfio_leave_for_host(volatile void *addr, uint64_t offset, uint64_t value);

/* As dbm_subtests(), each with the device opened anew, whatever the one before has left */
#define vfio_subtests(dev, tests, limit) dbm_subtests_after(vfio_reopen(dev), tests, limit)

#endif
