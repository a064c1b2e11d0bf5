// SPDX-License-Identifier: GPL-2.0
/*
 * Which dma-bufs a process has mapped, where, and what they are; see dmabuf-map(8).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/fs.h>

/* Of a kernel whose headers need not be here: struct procmap_query, and what comes after */
struct query {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_addr;
	uint64_t vma_start;
	uint64_t vma_end;
	uint64_t vma_flags;
	uint64_t vma_page_size;
	uint64_t vma_offset;
	uint64_t inode;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t vma_name_size;
	uint32_t build_id_size;
	uint64_t vma_name_addr;
	uint64_t build_id_addr;
	uint64_t dmabuf_inode;
	uint64_t dmabuf_offset;
};

#define QUERY		_IOC(_IOC_READ | _IOC_WRITE, 'f', 17, 104)
#define QUERY_READ	0x01
#define QUERY_WRITE	0x02
#define QUERY_EXEC	0x04
#define QUERY_SHARED	0x08
#define QUERY_NEXT	0x10
#define QUERY_FILE	0x20

/* DMA_BUF_IOCTL_GET_INFO, likewise */
struct info {
	uint32_t flags;
	uint32_t pad;
	uint64_t known;
	uint64_t props;
	uint64_t size;
};

#define GET_INFO	_IOWR('b', 5, struct info)
#define INFO_CACHED	0x2
#define INFO_WC		0x4
#define INFO_IO		0x8
#define INFO_REVOKED	0x40
#define INFO_DYNAMIC	0x80

struct map {
	uint64_t start, end, flags, offset;	/* @offset is that in the file */
	uint64_t file_inode;
	uint64_t inode;				/* of the dma-buf, or 0 */
	uint64_t dmabuf_offset;
	char file[256];
	unsigned long faults, waits, zaps;
};

struct buffer {
	uint64_t inode, size;
	char exporter[64], name[64];
	bool looked_for, has_info;
	struct info info;
};

static struct map *maps;
static size_t nr_maps;
static struct buffer *buffers;
static size_t nr_buffers;
static int pid;
static bool json;
static volatile sig_atomic_t stop;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list args;

	fputs("dmabuf-map: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void *grow(void *array, size_t n, size_t size)
{
	array = realloc(array, (n + 1) * size);
	if (!array)
		die("out of memory");
	memset((char *)array + n * size, 0, size);
	return array;
}

static struct buffer *buffer_of(uint64_t inode)
{
	size_t i;

	for (i = 0; i < nr_buffers; i++)
		if (buffers[i].inode == inode)
			return &buffers[i];
	buffers = grow(buffers, nr_buffers, sizeof(*buffers));
	buffers[nr_buffers].inode = inode;
	return &buffers[nr_buffers++];
}

/* A kernel that does not know the last fields wants them to be zero. */
static bool tells_of_buffers(int fd)
{
	struct query q = {
		.size = sizeof(q), .query_flags = QUERY_NEXT, .dmabuf_inode = 1,
	};

	return !ioctl(fd, QUERY, &q) || errno != E2BIG;
}

/* Only what shows a dma-buf */
static void add_map(const struct query *q, const char *file, bool told)
{
	static const char dmabuf[] = "/dmabuf:";
	struct map *m;

	if (!q->dmabuf_inode && strncmp(file, dmabuf, strlen(dmabuf)))
		return;
	maps = grow(maps, nr_maps, sizeof(*maps));
	m = &maps[nr_maps++];
	m->start = q->vma_start;
	m->end = q->vma_end;
	m->flags = q->vma_flags;
	m->offset = q->vma_offset;
	m->file_inode = q->inode;
	m->inode = told ? q->dmabuf_inode : q->inode;
	m->dmabuf_offset = told ? q->dmabuf_offset : q->vma_offset;
	snprintf(m->file, sizeof(m->file), "%.255s", file);
}

static void read_maps(void)
{
	struct query q;
	uint64_t addr;
	char path[64], file[4096];
	bool told;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s%s", path, strerror(errno),
		    errno == EACCES ? "; run it as root, or as the owner of the process" :
		    errno == ENOENT ? "; there is no such process" : "");

	told = tells_of_buffers(fd);
	nr_maps = 0;
	for (addr = 0;; addr = q.vma_end) {
		q = (struct query) {
			.size = sizeof(q), .query_flags = QUERY_NEXT | QUERY_FILE,
			.query_addr = addr, .vma_name_size = sizeof(file),
			.vma_name_addr = (uintptr_t)file,
		};
		if (ioctl(fd, QUERY, &q))
			break;
		add_map(&q, q.vma_name_size ? file : "", told);
	}
	if (errno == ENOTTY)
		die("this kernel cannot be asked of mappings (PROCMAP_QUERY, Linux 6.11)");
	if (errno == ESRCH)
		die("process %d has ended", pid);
	if (errno == EACCES || errno == EPERM)
		die("%s: %s; run it as root, or as the owner of the process", path,
		    strerror(errno));
	if (errno != ENOENT)
		die("%s: %s", path, strerror(errno));
	close(fd);
	if (!told) {
		static bool said;

		if (!said)
			fputs("dmabuf-map: this kernel tells only of mappings of dma-buf fds\n",
			      stderr);
		said = true;
	}
}

/* Whether some buffer that is mapped has not been looked for in debugfs */
static bool new_buffers(void)
{
	bool some = false;
	size_t i;

	for (i = 0; i < nr_maps; i++) {
		struct buffer *b = buffer_of(maps[i].inode);

		some |= !b->looked_for;
		b->looked_for = true;
	}
	return some;
}

/* Exporters and names are in debugfs, which root may read. */
static void read_bufinfo(void)
{
	char line[512], exporter[64], name[64];
	static bool failed;
	uint64_t size, inode;
	struct buffer *b;
	FILE *f;

	if (failed || !new_buffers())
		return;
	f = fopen("/sys/kernel/debug/dma_buf/bufinfo", "r");
	if (!f) {
		failed = true;
		fprintf(stderr, "dmabuf-map: no exporters and names: bufinfo: %s%s\n",
			strerror(errno), errno == EACCES ? "; run it as root" :
			"; mount debugfs at /sys/kernel/debug");
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lu %*x %*x %*d %63s %lu %63[^\n]", &size, exporter, &inode,
			   name) != 4)
			continue;
		b = buffer_of(inode);
		b->size = size;
		strcpy(b->exporter, exporter);
		if (strcmp(name, "<none>"))
			strcpy(b->name, name);
	}
	fclose(f);
}

/* What the kernel says of a buffer is asked by an fd, if the process still has one. */
static void read_infos(void)
{
	char path[64], link[64];
	struct dirent *entry;
	struct stat st;
	struct buffer *b;
	int pidfd, fd;
	ssize_t n;
	DIR *dir;

	pidfd = syscall(SYS_pidfd_open, pid, 0);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (pidfd >= 0 && dir && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = 0;
		if (strncmp(link, "/dmabuf:", 8))
			continue;
		fd = syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);
		if (fd < 0)
			continue;
		if (!fstat(fd, &st)) {
			b = buffer_of(st.st_ino);
			b->has_info = !ioctl(fd, GET_INFO, &b->info);
		}
		close(fd);
	}
	if (dir)
		closedir(dir);
	if (pidfd >= 0)
		close(pidfd);
}

static const char *caching_of(const struct buffer *b)
{
	const uint64_t mask = INFO_CACHED | INFO_WC;

	if (!b->has_info || (b->info.known & mask) != mask)
		return NULL;
	return b->info.props & INFO_CACHED ? "cached" :
	       b->info.props & INFO_WC ? "write-combined" : "uncached";
}

/* Names are whatever somebody called a buffer. */
static void print_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < ' ')
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void print_permissions(const struct map *m)
{
	printf("%c%c%c%c", m->flags & QUERY_READ ? 'r' : '-', m->flags & QUERY_WRITE ? 'w' : '-',
	       m->flags & QUERY_EXEC ? 'x' : '-', m->flags & QUERY_SHARED ? 's' : 'p');
}

static void print_json(bool counts)
{
	size_t i;

	printf("[");
	for (i = 0; i < nr_maps; i++) {
		const struct map *m = &maps[i];
		const struct buffer *b = buffer_of(m->inode);
		const char *caching = caching_of(b);

		printf("%s\n{\"start\": %lu, \"end\": %lu, \"permissions\": \"", i ? "," : "",
		       m->start, m->end);
		print_permissions(m);
		printf("\", \"inode\": %lu, \"offset\": %lu", m->inode, m->dmabuf_offset);
		if (b->size)
			printf(", \"size\": %lu", b->size);
		if (b->exporter[0]) {
			printf(", \"exporter\": ");
			print_string(b->exporter);
		}
		if (b->name[0]) {
			printf(", \"name\": ");
			print_string(b->name);
		}
		if (caching)
			printf(", \"caching\": \"%s\"", caching);
		if (b->has_info)
			printf(", \"io\": %s, \"moves\": %s, \"revoked\": %s",
			       b->info.props & INFO_IO ? "true" : "false",
			       b->info.props & INFO_DYNAMIC ? "true" : "false",
			       b->info.props & INFO_REVOKED ? "true" : "false");
		if (counts)
			printf(", \"faults\": %lu, \"waits\": %lu, \"zaps\": %lu", m->faults,
			       m->waits, m->zaps);
		printf(", \"file\": ");
		print_string(m->file);
		printf("}");
	}
	printf("\n]\n");
}

static void print_text(bool counts)
{
	size_t i;

	printf("%-33s %10s perm %10s %8s %-14s %-15s ", "ADDRESS", "KIB", "OFFSET", "INODE",
	       "EXPORTER", "CACHING");
	if (counts)
		printf("%8s %6s %6s ", "FAULTS", "WAITS", "ZAPS");
	printf("%-16s FILE\n", "NAME");
	for (i = 0; i < nr_maps; i++) {
		const struct map *m = &maps[i];
		const struct buffer *b = buffer_of(m->inode);
		const char *caching = caching_of(b);

		printf("%016lx-%016lx %10lu ", m->start, m->end, (m->end - m->start) / 1024);
		print_permissions(m);
		printf(" %#10lx %8lu %-14s %-15s ", m->dmabuf_offset, m->inode,
		       b->exporter[0] ? b->exporter : "-",
		       b->has_info && b->info.props & INFO_REVOKED ? "revoked" : caching ?: "-");
		if (counts)
			printf("%8lu %6lu %6lu ", m->faults, m->waits, m->zaps);
		printf("%-16s %s\n", b->name[0] ? b->name : "-", m->file);
	}
}

/* A trace buffer of our own: whoever else traces is not disturbed. */
static char instance[128];

static bool write_to(const char *file, const char *text)
{
	char path[256];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", instance, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) >= 0;
	close(fd);
	return done;
}

static void trace_end(void)
{
	if (instance[0])
		rmdir(instance);
}

static int trace_begin(void)
{
	char path[256];
	int fd;

	snprintf(instance, sizeof(instance), "/sys/kernel/tracing/instances/dmabuf-map-%d",
		 getpid());
	if (mkdir(instance, 0700)) {
		int err = errno;

		instance[0] = 0;
		die("tracefs: %s; %s", strerror(err), err == EACCES || err == EPERM ?
		    "--watch needs root" : "mount it at /sys/kernel/tracing");
	}
	atexit(trace_end);
	if (!write_to("events/dma_buf_mmap/enable", "1"))
		die("this kernel has no events dma_buf_mmap");
	snprintf(path, sizeof(path), "%s/trace_pipe", instance);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

static bool is_thread(int tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return !access(path, F_OK);
}

/* "COMM-TID [CPU] ...: EVENT: ..."; a COMM may have any of these characters. */
static void count_line(char *line)
{
	unsigned long ino, address, offset, size;
	char *event, *cpu = strstr(line, " ["), *dash, *next;
	size_t i;
	int tid;

	while (cpu && (next = strstr(cpu + 1, " [")))
		cpu = next;
	event = cpu ? strstr(cpu, ": dma_buf_mmap_") : NULL;
	if (!event)
		return;
	*cpu = 0;
	dash = strrchr(line, '-');
	tid = dash ? atoi(dash + 1) : 0;
	event += strlen(": dma_buf_mmap_");

	if (!strncmp(event, "zap: ", 5)) {
		if (sscanf(event + 5, "ino=%lu map_offset=%lx size=%lu", &ino, &offset, &size) != 3)
			return;
		offset *= sysconf(_SC_PAGESIZE);
		for (i = 0; i < nr_maps; i++) {
			struct map *m = &maps[i];

			/* A file's own inode, or a place in a space that several share. */
			if ((ino == m->file_inode || offset) && m->offset < offset + size &&
			    m->offset + (m->end - m->start) > offset)
				m->zaps++;
		}
		return;
	}
	/* No large leaf fits: the fault goes on, with a small one. */
	if (strstr(event, "ret=FALLBACK"))
		return;
	if ((sscanf(event, "fault: ino=%lu address=%lx", &ino, &address) != 2 &&
	     sscanf(event, "wait: ino=%lu address=%lx", &ino, &address) != 2) || !is_thread(tid))
		return;
	for (i = 0; i < nr_maps; i++)
		if (address >= maps[i].start && address < maps[i].end) {
			maps[i].faults += *event == 'f';
			maps[i].waits += *event == 'w';
		}
}

/* All that has come in; what is left over of a line waits for the next time. */
static void count_events(int fd)
{
	static char text[65536];
	static size_t kept;
	char *line, *end;
	ssize_t n;

	while ((n = read(fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
		text[kept + n] = 0;
		for (line = text; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			count_line(line);
		}
		kept = strlen(line);
		memmove(text, line, kept);
		if (kept == sizeof(text) - 1)
			kept = 0;
	}
}

/* Counts go on where a mapping is the one that it was. */
static void read_maps_again(void)
{
	struct map *old = maps;
	size_t nr_old = nr_maps, i, j;

	maps = NULL;
	nr_maps = 0;
	read_maps();
	for (i = 0; i < nr_maps; i++)
		for (j = 0; j < nr_old; j++)
			if (maps[i].start == old[j].start && maps[i].inode == old[j].inode) {
				maps[i].faults = old[j].faults;
				maps[i].waits = old[j].waits;
				maps[i].zaps = old[j].zaps;
			}
	free(old);
}

static void show(bool counts)
{
	if (json)
		print_json(counts);
	else
		print_text(counts);
	fflush(stdout);
}

static void on_signal(int sig)
{
	stop = sig;
}

static void watch(double seconds)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int fd;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	fd = trace_begin();
	while (!stop) {
		usleep(seconds * 1e6);
		count_events(fd);
		read_maps_again();
		read_bufinfo();
		read_infos();
		if (!stop && !json)
			printf("\n");
		show(true);
	}
	close(fd);
}

static const char usage[] =
"Usage: dmabuf-map [--json] [--watch[=SECONDS]] PID\n"
"Prints the mappings of dma-bufs in a process: where, with which rights, of which\n"
"buffer, from which offset on, how the CPU caches it.\n"
"  -j, --json             as JSON, an array of objects\n"
"  -w, --watch[=SECONDS]  again and again (1 second), with faults, waits and zaps\n"
"                         since the beginning, until interrupted; needs root\n"
"  -h, --help             this text\n"
"Exporters and names are known to root only.\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ },
	};
	double seconds = 0;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "jw::h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'w':
			seconds = optarg ? strtod(optarg, &end) : 1;
			if (optarg && (*end || !(seconds >= 0.01 && seconds <= 3600)))
				die("--watch takes seconds, from 0.01 to 3600, not '%s'", optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'dmabuf-map --help'.\n", stderr);
			return 2;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return 2;
	}
	pid = strtol(argv[optind], &end, 10);
	if (*end || pid <= 0)
		die("'%s' is no process id", argv[optind]);

	read_maps();
	read_bufinfo();
	read_infos();
	if (seconds)
		watch(seconds);
	else
		show(false);
	return 0;
}
