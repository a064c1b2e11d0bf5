// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/mock.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma-buf mmap procmap
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: address to buffer
 * Description: Which dma-bufs /proc/PID/maps and dmabuf-map say that a process has mapped
 *
 * SUBTEST: query
 * Description: PROCMAP_QUERY names the buffer and its offset, whichever file it is mapped through
 *
 * SUBTEST: query-old
 * Description: A program that knows nothing of it gets what it got
 *
 * SUBTEST: query-unexported
 * Description: What is no dma-buf has none, and does not become one
 *
 * SUBTEST: tool
 * Description: dmabuf-map prints each mapping of another process, as text and as JSON
 *
 * SUBTEST: tool-watch
 * Description: dmabuf-map counts faults and zaps, and leaves no trace buffer behind
 *
 * SUBTEST: tool-errors
 * Description: dmabuf-map says what is wrong, and what to do
 */
IGT_TEST_DESCRIPTION("The buffers in the memory maps of processes");

#define RW (PROT_READ | PROT_WRITE)
#define SIZE (2 * SZ_2M)

/* struct procmap_query, with what comes after it */
struct query {
	uint64_t size, query_flags, query_addr, vma_start, vma_end, vma_flags, vma_page_size,
		vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr, dmabuf_inode, dmabuf_offset;
};

#define QUERY _IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104)

static struct query query(const void *p)
{
	struct query q = { .size = sizeof(q), .query_addr = (uintptr_t)p };
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	igt_assert_fd(fd);
	do_ioctl(fd, QUERY, &q);
	close(fd);
	return q;
}

static void assert_query(const void *p, uint64_t buffer, uint64_t offset)
{
	struct query q = query(p);

	igt_assert_eq_u64(q.dmabuf_inode, buffer);
	igt_assert_eq_u64(q.dmabuf_offset, offset);
}

static void query_buffers(void)
{
	int vgem = drm_open_by_name("vgem"), mock = mock_create(SIZE, 0), fd;
	uint32_t dumb, import;
	char *p, *q;

	igt_require_f(vgem >= 0, "there is no vgem\n");
	/* through the dma-buf, split */
	p = dbm_mmap(mock, SIZE - SZ_4K, RW, SZ_4K);
	assert_query(p, dbm_inode(mock), SZ_4K);
	igt_assert_eq(mprotect(p + SZ_2M, SZ_4K, PROT_READ), 0);
	assert_query(p + SZ_2M, dbm_inode(mock), SZ_2M + SZ_4K);
	assert_query(p + SZ_2M + SZ_4K, dbm_inode(mock), SZ_2M + 2 * SZ_4K);
	/* through an importer */
	igt_assert_eq(drm_import(vgem, mock, &import), 0);
	q = drm_mmap(vgem, import, SIZE, RW);
	assert_query(q, dbm_inode(mock), 0);
	dbm_munmap(q, SIZE);
	dbm_munmap(p, SIZE - SZ_4K);
	drm_close_handle(vgem, import);
	close(mock);
	/* through the device that has exported it */
	dumb = drm_create_dumb(vgem, SIZE);
	fd = drm_export(vgem, dumb);
	p = drm_mmap(vgem, dumb, SIZE, RW);
	assert_query(p, dbm_inode(fd), 0);
	close(fd);
	dbm_munmap(p, SIZE);
	drm_close_handle(vgem, dumb);
	close(vgem);
}

static void query_old(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), mock = mock_create(SIZE, 0);
	char *p = dbm_mmap(mock, SIZE, RW, 0);
	struct query q = {
		.size = offsetof(struct query, dmabuf_inode), .query_addr = (uintptr_t)p,
		.dmabuf_inode = 77, .dmabuf_offset = 78,
	};

	igt_assert_fd(fd);
	do_ioctl(fd, QUERY, &q);
	igt_assert_eq_u64(q.vma_start, (uintptr_t)p);
	igt_assert_eq_u64(q.inode, dbm_inode(mock));
	igt_assert_eq_u64(q.dmabuf_inode, 77);
	igt_assert_eq_u64(q.dmabuf_offset, 78);
	close(fd);
	dbm_munmap(p, SIZE);
	close(mock);
}

static void query_unexported(void)
{
	long before = dbm_count_buffers();
	int vgem = drm_open_by_name("vgem");
	char *memory = dbm_shared(SZ_4K), *p;
	struct vfio_dev dev;
	uint32_t dumb;

	igt_require_f(vgem >= 0, "there is no vgem\n");
	dumb = drm_create_dumb(vgem, SIZE);
	p = drm_mmap(vgem, dumb, SIZE, RW);
	assert_query(p, 0, 0);
	assert_query(memory, 0, 0);
	dbm_munmap(p, SIZE);
	dbm_munmap(memory, SZ_4K);
	drm_close_handle(vgem, dumb);
	close(vgem);

	vfio_require(&dev, 4 * SZ_2M, SZ_1G);
	vfio_open(&dev);
	p = dbm_mmap(dev.fd, SIZE, RW, dev.bar);
	assert_query(p, 0, 0);
	dbm_munmap(p, SIZE);
	vfio_close(&dev);
	igt_assert_eq(dbm_count_buffers(), before);
}

/* dmabuf-map: beside this program, or installed */
static char tool_path[256];

static void require_tool(void)
{
	static const char * const directories[] = { "/usr/local/sbin", "/usr/sbin" };
	char here[200];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

	igt_assert(n > 0);
	here[n] = 0;
	*strrchr(here, '/') = 0;
	snprintf(tool_path, sizeof(tool_path), "%s/dmabuf-map", here);
	for (size_t i = 0; access(tool_path, X_OK) && i < ARRAY_SIZE(directories); i++)
		snprintf(tool_path, sizeof(tool_path), "%s/dmabuf-map", directories[i]);
	igt_require_f(!access(tool_path, X_OK),
		      "there is no dmabuf-map: make -C tools/dma-buf install, in the kernel\n");
}

/* What it prints; its exit code */
static int run_tool(const char *arguments, char *text, size_t n)
{
	char command[512];
	size_t got;
	FILE *f;

	snprintf(command, sizeof(command), "%s %s 2>&1", tool_path, arguments);
	f = popen(command, "r");
	igt_assert(f);
	got = fread(text, 1, n - 1, f);
	text[got] = 0;
	return WEXITSTATUS(pclose(f));
}

/* That @json has an object for the mapping, which goes on as @what and @then */
static void assert_object(const char *json, const char *p, size_t length, const char *permissions,
			  uint64_t buffer, size_t offset, const char *what, const char *then)
{
	char expected[512];

	snprintf(expected, sizeof(expected),
		 "{\"start\": %lu, \"end\": %lu, \"permissions\": \"%s\", \"inode\": %" PRIu64 ", ",
		 (unsigned long)p, (unsigned long)p + length, permissions, buffer);
	json = strstr(json, expected);
	igt_assert_f(json, "there is no %s\n", expected);
	snprintf(expected, sizeof(expected), "\"offset\": %zu, \"size\": %zu, %s, %s", offset,
		 (size_t)SIZE, what, then);
	igt_assert_f(!strncmp(strstr(json, "\"offset"), expected, strlen(expected)),
		     "not %s\n", expected);
}

static void tool(void)
{
	char text[16384], expected[256], arguments[64], *p, *q;
	int mock, vgem = drm_open_by_name("vgem"), fd;
	uint32_t dumb;

	require_tool();
	igt_require_f(vgem >= 0, "there is no vgem\n");
	mock = mock_create(SIZE, 0);
	p = dbm_mmap(mock, SIZE - SZ_4K, PROT_READ, SZ_4K);
	dumb = drm_create_dumb(vgem, SIZE);
	fd = drm_export(vgem, dumb);
	q = drm_mmap(vgem, dumb, SIZE, RW);
	dbm_touch(q, SZ_4K);
	snprintf(arguments, sizeof(arguments), "--json %d", getpid());
	igt_assert_eq(run_tool(arguments, text, sizeof(text)), 0);
	igt_info("%s", text);
	assert_object(text, p, SIZE - SZ_4K, "r--s", dbm_inode(mock), SZ_4K,
		      "\"exporter\": \"dma_buf_mock\", \"caching\": \"cached\", \"io\": false",
		      "\"moves\": true, \"revoked\": false, \"file\": \"/dmabuf:\"}");
	assert_object(text, q, SIZE, "rw-s", dbm_inode(fd), 0,
		      "\"exporter\": \"drm\", \"caching\": \"write-combined\", \"io\": false",
		      "\"moves\": false, \"revoked\": false, \"file\": \"/dev/dri/card");

	snprintf(arguments, sizeof(arguments), "%d", getpid());
	igt_assert_eq(run_tool(arguments, text, sizeof(text)), 0);
	igt_info("%s", text);
	snprintf(expected, sizeof(expected), "%016lx-%016lx %10lu r--s     0x1000 %8" PRIu64,
		 (unsigned long)p, (unsigned long)p + SIZE - SZ_4K, (SIZE - SZ_4K) / 1024,
		 dbm_inode(mock));
	igt_assert(strstr(text, expected));
	dbm_munmap(p, SIZE - SZ_4K);
	dbm_munmap(q, SIZE);
	drm_close_handle(vgem, dumb);
	close(vgem);
	close(fd);
	close(mock);
}

static void tool_watch(void)
{
	int mock, out[2], status;
	char text[32768], pid[16], row[64], *p, *last;
	size_t got = 0;
	glob_t left;
	ssize_t n;
	pid_t child;

	require_tool();
	mock = mock_create(SIZE, 0);
	p = dbm_mmap(mock, SIZE, RW, 0);
	igt_assert_eq(pipe(out), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	child = fork();
	if (!child) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execl(tool_path, "dmabuf-map", "--json", "--watch=0.5", pid, NULL);
		_exit(127);
	}
	close(out[1]);
	/* Once it has printed, it counts. */
	got = read(out[0], text, sizeof(text) - 1);
	igt_assert_lte(1, (int)got);
	for (int i = 0; i < 3; i++) {
		dbm_touch(p, SZ_4K);
		mock_move(mock, 0);
	}
	sleep(2);
	kill(child, SIGINT);
	got = 0;
	while ((n = read(out[0], text + got, sizeof(text) - 1 - got)) > 0)
		got += n;
	text[got] = 0;
	close(out[0]);
	igt_assert_eq(waitpid(child, &status, 0), child);
	igt_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	last = NULL;
	snprintf(row, sizeof(row), "{\"start\": %lu,", (unsigned long)p);
	for (char *line = text; (line = strstr(line, row)); line++)
		last = strstr(line, "\"faults\": ");
	igt_assert(last);
	igt_info("%s", last);
	igt_assert(!strncmp(last, "\"faults\": 3, \"waits\": 0, \"zaps\": 3", 34));
	igt_assert_eq(glob("/sys/kernel/tracing/instances/dmabuf-map-*", 0, NULL, &left),
		      GLOB_NOMATCH);
	dbm_munmap(p, SIZE);
	close(mock);
}

static void tool_errors(void)
{
	static const struct {
		const char *arguments, *says;
		int code;
	} cases[] = {
		{ "--help", "Usage: dmabuf-map", 0 },
		{ "", "Usage: dmabuf-map", 2 },
		{ "1 2", "Usage: dmabuf-map", 2 },
		{ "--no 1", "Try 'dmabuf-map --help'", 2 },
		{ "x", "'x' is no process id", 1 },
		{ "-1", "Try 'dmabuf-map --help'", 2 },
		{ "999999", "there is no such process", 1 },
		{ "--watch=x 1", "--watch takes seconds", 1 },
	};
	char text[4096];

	require_tool();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		igt_assert_eq(run_tool(cases[i].arguments, text, sizeof(text)), cases[i].code);
		igt_assert_f(strstr(text, cases[i].says), "%s: %s\n", cases[i].arguments, text);
	}

	/* Somebody who may not look */
	igt_fork(child, 1) {
		igt_assert_eq(setgid(65534), 0);
		igt_assert_eq(setuid(65534), 0);
		igt_assert_eq(run_tool("1", text, sizeof(text)), 1);
		igt_assert_f(strstr(text, "run it as root"), "%s\n", text);
	}
	igt_waitchildren_timeout(10, "the child does not end");
}

static const struct dbm_test tests[] = {
	{ "query", "One name for a buffer, whoever has it mapped", query_buffers },
	{ "query-old", "The size of the struct asks", query_old },
	{ "query-unexported", "Looking exports nothing", query_unexported },
	{ "tool", "As a user has it", tool },
	{ "tool-watch", "What happens to a mapping", tool_watch },
	{ "tool-errors", "Clear words", tool_errors },
};

int igt_main()
{
	igt_fixture()
		mock_require();

	dbm_subtests(tests, 30);
}
