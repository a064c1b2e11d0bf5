// SPDX-License-Identifier: GPL-2.0
/*
 * What a user of /dev/bar_dmabuf can expect: bar_dmabuf_test /sys/bus/pci/devices/...
 *
 * Copyright © 2026 dmabuf-mmap authors
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bar_dmabuf.h"

#define SIZE (4ul << 20)

#define EXPECT(what)									\
	do {										\
		if (!(what)) {								\
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #what, strerror(errno));	\
			exit(1);							\
		}									\
	} while (0)

static sigjmp_buf where;

static void on_sigbus(int sig)
{
	siglongjmp(where, sig);
}

static int touch(volatile unsigned int *p)
{
	int sig = sigsetjmp(where, 1);

	if (!sig)
		(void)*p;
	return sig;
}

static void write_attribute(const char *device, const char *name, const char *value)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", device, name);
	fd = open(path, O_WRONLY);
	EXPECT(fd >= 0 && write(fd, value, strlen(value)) > 0);
	close(fd);
}

static int export(int dev, unsigned long offset, unsigned long size, unsigned int flags)
{
	struct bar_dmabuf_export args = { .offset = offset, .size = size, .flags = flags };

	return ioctl(dev, BAR_DMABUF_EXPORT, &args) ? -errno : args.fd;
}

static int ask[2], answer[2];

static int other_sees(void)
{
	int sig = 0;

	EXPECT(write(ask[1], &sig, sizeof(sig)) == sizeof(sig));
	EXPECT(read(answer[0], &sig, sizeof(sig)) == sizeof(sig));
	return sig;
}

int main(int argc, char **argv)
{
	int dev = open("/dev/bar_dmabuf", O_RDWR), ro = open("/dev/bar_dmabuf", O_RDONLY);
	int a = export(dev, 0, SIZE, O_RDWR), b = export(dev, SIZE / 2, SIZE, O_RDWR);
	int readonly = export(ro, 0, SIZE, 0);
	volatile unsigned int *p, *q;

	signal(SIGBUS, on_sigbus);
	EXPECT(argc == 2 && dev >= 0 && ro >= 0 && a >= 0 && b >= 0 && readonly >= 0);

	EXPECT(export(dev, 0, 0, O_RDWR) == -EINVAL);
	EXPECT(export(dev, 1, SIZE, O_RDWR) == -EINVAL);
	EXPECT(export(dev, -4096ul, 8192, O_RDWR) == -EINVAL);
	EXPECT(export(dev, 1ul << 40, SIZE, O_RDWR) == -EINVAL);
	EXPECT(export(dev, 0, SIZE, ~0u) == -EINVAL);
	EXPECT(export(ro, 0, SIZE, O_RDWR) == -EACCES);

	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	q = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, b, 0);
	EXPECT(p != MAP_FAILED && q != MAP_FAILED);
	EXPECT(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, readonly, 0) == MAP_FAILED);
	EXPECT(errno == EACCES);

	/* Two buffers, one BAR */
	p[SIZE / 2 / sizeof(*p) + 1] = 0x600dda7a;
	EXPECT(q[1] == 0x600dda7a);

	/* Another process, which looks each time that it is told to */
	EXPECT(!pipe(ask) && !pipe(answer));
	if (!fork()) {
		int sig;

		close(ask[1]);
		while (read(ask[0], &sig, sizeof(sig)) == sizeof(sig)) {
			sig = touch(q);
			EXPECT(write(answer[1], &sig, sizeof(sig)) == sizeof(sig));
		}
		exit(0);
	}
	EXPECT(other_sees() == 0);

	/* Away, for all, and back with what was in it */
	write_attribute(argv[1], "online", "0");
	EXPECT(touch(p) == SIGBUS && touch(q) == SIGBUS && other_sees() == SIGBUS);
	write_attribute(argv[1], "online", "1");
	EXPECT(touch(p) == 0 && q[1] == 0x600dda7a && other_sees() == 0);

	/* For good: the buffers stay, without memory */
	write_attribute(argv[1], "driver/unbind", strrchr(argv[1], '/') + 1);
	EXPECT(touch(p) == SIGBUS && touch(q) == SIGBUS && other_sees() == SIGBUS);
	EXPECT(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, a, 0) == MAP_FAILED && errno == ENODEV);
	EXPECT(export(dev, 0, SIZE, O_RDWR) == -ENODEV);

	close(ask[1]);
	EXPECT(wait(NULL) > 0);
	printf("all is as expected\n");
	return 0;
}
