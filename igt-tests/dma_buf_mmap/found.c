// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "igt.h"
#include "igt_device_scan.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/gpu.h"
#include "dma_buf_mmap/sources.h"
#include "dma_buf_mmap/video.h"

/*
 * Exporters of this machine that the table in sources.c has not.  Nothing is known of
 * them but what their interface promises; no caching is expected of them.
 */

static struct source *add(const char *name, const char *device)
{
	struct source *s = &sources[source_count];

	if (source_count == SOURCES_MAX) {
		igt_warn("there are more sources than %d: %s is left out\n", SOURCES_MAX, name);
		return NULL;
	}
	*s = (struct source){ .name = strdup(name), .device = strdup(device) };
	igt_assert(s->name && s->device);
	/* IGT takes no others in the name of a subtest. */
	for (char *c = (char *)s->name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			*c = '-';
	source_count++;
	return s;
}

static bool is_known(const char *device, void (*require)(struct source *s))
{
	for (size_t i = 0; i < source_count; i++) {
		char names[128], *rest = names, *name;

		if (!sources[i].device || sources[i].require != require)
			continue;
		snprintf(names, sizeof(names), "%s", sources[i].device);
		while ((name = strsep(&rest, " ")))
			if (!strcmp(name, device))
				return true;
	}
	return false;
}

/* What a GPU's driver has besides, and this GPU has */
static void find_gpu(const char *driver)
{
	for (size_t i = 0; i < gpu_memory_count; i++) {
		const struct gpu_memory *memory = &gpu_memories[i];
		struct source *s;
		char name[2 * DRM_DRIVER_NAME];
		uint32_t handle;
		int fd, err;

		if (strcmp(memory->driver, driver))
			continue;
		snprintf(name, sizeof(name), "%s-%s", driver, memory->name);
		fd = gpu_open(driver);
		if (fd < 0)
			return;
		err = memory->create(memory, fd, SOURCE_SIZE, &handle);
		close(fd);
		if (err) {
			igt_info("%s is left out, there is no buffer in it: %s\n", name,
				 strerror(err));
			continue;
		}
		s = add(name, driver);
		if (s)
			gpu_source(s, memory);
	}
}

static bool is_first(int drm, const char *driver)
{
	int first = drm_open_by_name(driver);
	struct stat st[2];

	igt_assert(first >= 0 && !fstat(first, &st[0]) && !fstat(drm, &st[1]));
	close(first);
	return st[0].st_rdev == st[1].st_rdev;
}

/* DRM devices; of several of one driver, the first */
static void find_drm(void)
{
	for (unsigned int i = 0; i < DRM_MAX_CARDS; i++) {
		char name[DRM_DRIVER_NAME];
		int fd = drm_open_card(i, name);
		uint64_t dumb = 0;
		struct source *s;

		if (fd < 0)
			continue;
		if (*name && !is_first(fd, name)) {
			igt_info("card%u is left out: the first of %s is taken, --device picks it\n",
				 i, name);
			close(fd);
			continue;
		}
		if (*name && !drmGetCap(fd, DRM_CAP_DUMB_BUFFER, &dumb) && dumb &&
		    !is_known(name, drm_source_require)) {
			s = add(name, name);
			if (s)
				drm_source_dumb(s);
		}
		close(fd);
		if (!is_known(name, gpu_source_require))
			find_gpu(name);
		if (!is_known(name, drm_source_require) && !is_known(name, gpu_source_require))
			igt_info("card%u is left out: %s has no buffers that can be mapped\n", i,
				 *name ? name : "its driver");
	}
}

static void find_heaps(void)
{
	DIR *dir = opendir("/dev/dma_heap");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char name[300];
		struct source *s;

		if (*entry->d_name == '.' || is_known(entry->d_name, heap_source_require))
			continue;
		snprintf(name, sizeof(name), "heap-%s", entry->d_name);
		s = add(name, entry->d_name);
		if (s)
			heap_source(s);
	}
	if (dir)
		closedir(dir);
}

static bool is_named(const struct source *s)
{
	for (const struct source *other = sources; other < s; other++)
		if (!strcmp(other->name, s->name))
			return true;
	return false;
}

/*
 * What is contiguous and as large as a source makes the page allocator warn, if there is no
 * CMA that the device reaches: nobody can tell before.  Behind an IOMMU that translates it
 * need not be.
 */
static bool may_warn(const char *name, const char *path)
{
	char file[96], type[16] = "";
	FILE *f;

	snprintf(file, sizeof(file), "/sys/class/video4linux/%s/device/iommu_group/type",
		 strrchr(path, '/') + 1);
	f = fopen(file, "r");
	if (f) {
		if (!fgets(type, sizeof(type), f))
			*type = '\0';
		fclose(f);
	}
	return strstr(name, "dma_contig") && strncmp(type, "DMA", 3);
}

/* What a device exports, as @name; why it is no source, or NULL. */
static const char *try_video(const char *path, int fd, uint32_t type, char name[128])
{
	int dmabuf = video_export(fd, type, 0, O_RDWR | O_CLOEXEC);
	off_t size;
	int err;

	if (dmabuf < 0)
		return strerror(-dmabuf);
	err = video_describe(fd, dmabuf, name, 128);
	close(dmabuf);
	if (err)
		return strerror(-err);
	if (may_warn(name, path))
		return "buffers are contiguous, the kernel may warn";

	dmabuf = video_export(fd, type, SOURCE_SIZE, O_RDWR | O_CLOEXEC);
	if (dmabuf < 0)
		return strerror(-dmabuf);
	size = lseek(dmabuf, 0, SEEK_END);
	close(dmabuf);
	return size == SOURCE_SIZE ? NULL : "buffers have a size of their own";
}

static void find_video_device(const char *path, int fd, uint32_t type)
{
	char name[128];
	const char *why = try_video(path, fd, type, name);
	struct source *s;

	if (why) {
		igt_info("%s is left out: %s\n", path, why);
		return;
	}
	s = add(name, path);
	if (s && is_named(s))
		source_count--;
	else if (s)
		video_source(s, type);
}

/* Of several of one driver and one allocator, the first */
static void find_video(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		char path[32];
		uint32_t type;
		int fd;

		snprintf(path, sizeof(path), "/dev/video%u", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		type = video_type(fd);
		if (type)
			find_video_device(path, fd, type);
		close(fd);
	}
}

void sources_find_others(void)
{
	find_drm();
	/* --device names DRM devices. */
	if (igt_device_filter_count())
		return;
	find_heaps();
	find_video();
}
