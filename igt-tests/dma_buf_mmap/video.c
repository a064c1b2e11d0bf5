// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <sys/ioctl.h>

#include "igt.h"
#include <linux/videodev2.h>
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/video.h"

uint32_t video_type(int fd)
{
	static const struct {
		uint32_t caps, type;
	} queues[] = {
		{ V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M, V4L2_BUF_TYPE_VIDEO_CAPTURE },
		{ V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE,
		  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE },
		{ V4L2_CAP_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT },
		{ V4L2_CAP_VIDEO_OUTPUT_MPLANE, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE },
	};
	struct v4l2_capability cap = {};

	if (ioctl(fd, VIDIOC_QUERYCAP, &cap) || !(cap.device_caps & V4L2_CAP_STREAMING))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++)
		if (cap.device_caps & queues[i].caps)
			return queues[i].type;
	return 0;
}

int video_export(int fd, uint32_t type, uint32_t size, int flags)
{
	struct v4l2_create_buffers create = {
		.count = 1,
		.memory = V4L2_MEMORY_MMAP,
		.format.type = type,
	};
	struct v4l2_exportbuffer export = { .type = type, .flags = flags };
	struct v4l2_requestbuffers none = { .type = type, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_pix_format *pix = &create.format.fmt.pix;
	struct v4l2_plane_pix_format *plane = create.format.fmt.pix_mp.plane_fmt;
	int ret;

	if (ioctl(fd, VIDIOC_G_FMT, &create.format))
		return -errno;
	if (!V4L2_TYPE_IS_MULTIPLANAR(type) && pix->sizeimage < size)
		pix->sizeimage = size;
	else if (V4L2_TYPE_IS_MULTIPLANAR(type) && plane->sizeimage < size)
		plane->sizeimage = size;
	if (ioctl(fd, VIDIOC_CREATE_BUFS, &create))
		return -errno;
	export.index = create.index;
	ret = ioctl(fd, VIDIOC_EXPBUF, &export) ? -errno : export.fd;
	/* It lives on as the dma-buf. */
	ioctl(fd, VIDIOC_REQBUFS, &none);
	return ret;
}

int video_describe(int fd, int dmabuf, char *name, size_t size)
{
	static const char vb2[] = "videobuf2_";
	struct v4l2_capability cap = {};
	char path[64], line[128], exporter[64] = "";
	const char *allocator = exporter;
	FILE *info;

	if (ioctl(fd, VIDIOC_QUERYCAP, &cap))
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	info = fopen(path, "r");
	if (!info)
		return -errno;
	while (fgets(line, sizeof(line), info))
		if (sscanf(line, "exp_name: %63s", exporter) == 1)
			break;
	fclose(info);
	if (!strncmp(exporter, vb2, strlen(vb2)))
		allocator += strlen(vb2);
	snprintf(name, size, "%s-%s", cap.driver, allocator);
	return 0;
}
