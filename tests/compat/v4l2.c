// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"

/*
 * The test driver vivid: instance 0 has memory of vmalloc(), 1 of the DMA allocator, 3 such
 * that is not coherent, and 2, again of vmalloc(), is where the memory of others is captured
 * to.
 */

#define INSTANCE_USERPTR 2
#define INSTANCE_NON_COHERENT 3

static bool find_instance(unsigned int instance, char *path, size_t n)
{
	char want[32];

	snprintf(want, sizeof(want), "platform:vivid-%03u", instance);
	for (int i = 0; i < 64; i++) {
		struct v4l2_capability cap = { };
		int fd, err;

		snprintf(path, n, "/dev/video%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		err = ioctl(fd, VIDIOC_QUERYCAP, &cap);
		close(fd);
		if (!err && !strcmp((char *)cap.bus_info, want) &&
		    cap.device_caps & V4L2_CAP_VIDEO_CAPTURE)
			return true;
	}
	return false;
}

const char *vivid_find(struct exporter *e)
{
	return find_instance(e->arg, e->path, sizeof(e->path)) ? NULL :
	       "there is no such instance of vivid (boot parameters vivid.n_devs, .allocators)";
}

/* The device set to its smallest picture; -1: errno */
static int open_video(const char *path, unsigned int memory, unsigned int flags, size_t *size)
{
	struct v4l2_requestbuffers request = {
		.count = 2, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = memory, .flags = flags,
	};
	struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	format.fmt.pix.width = 320;
	format.fmt.pix.height = 180;
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_GREY;
	if (fd < 0 || ioctl(fd, VIDIOC_S_FMT, &format) || ioctl(fd, VIDIOC_REQBUFS, &request))
		return -1;
	*size = format.fmt.pix.sizeimage;
	return fd;
}

int vivid_create(struct buffer *b)
{
	struct v4l2_buffer query = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP,
	};

	b->own = open_video(b->e->path, V4L2_MEMORY_MMAP, b->e->arg == INSTANCE_NON_COHERENT ?
			    V4L2_MEMORY_FLAG_NON_COHERENT : 0, &b->size);
	if (b->own < 0 || ioctl(b->own, VIDIOC_QUERYBUF, &query))
		return errno;
	b->own_offset = query.m.offset;
	b->size = (query.length + SZ_4K - 1) & ~(SZ_4K - 1);
	return 0;
}

int vivid_export(struct buffer *b, int access)
{
	struct v4l2_exportbuffer export = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .flags = access | O_CLOEXEC,
	};

	if (ioctl(b->own, VIDIOC_EXPBUF, &export))
		return errno;
	b->dmabuf = export.fd;
	return 0;
}

void vivid_release(struct buffer *b)
{
	struct v4l2_requestbuffers none = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP,
	};

	ioctl(b->own, VIDIOC_REQBUFS, &none);
	close(b->own);
}

const char *userptr_missing(void)
{
	char path[64];

	return find_instance(INSTANCE_USERPTR, path, sizeof(path)) ? NULL :
	       "there is no third instance of vivid (boot parameter vivid.n_devs)";
}

void op_userptr(struct target *t, int arg)
{
	struct v4l2_buffer queue = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_USERPTR,
		.length = t->size,
	};
	char *p = target_map(t);
	char path[64];
	size_t size;
	int fd;

	if (!p || !find_instance(INSTANCE_USERPTR, path, sizeof(path)))
		return;
	fd = open_video(path, V4L2_MEMORY_USERPTR, 0, &size);
	if (fd < 0) {
		say_error("device", errno);
		return;
	}
	if (size > t->size) {
		say("device=wants-more");
		return;
	}
	if (arg)
		say_touches(p, t->size, t->writable);
	queue.m.userptr = (uintptr_t)p;
	say_result("qbuf", ioctl(fd, VIDIOC_QBUF, &queue));
}
