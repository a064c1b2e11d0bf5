// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <drm/vgem_drm.h>
#include <wayland-client.h>
#include "linux-dmabuf-v1.h"
#include "presentation-time.h"
#include "xdg-shell.h"

#include "igt.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/kms.h"
#include "picture.h"

/*
 * Usage: show [--composed flag|transform] [--revoke] [--linger SECONDS] [--bad KIND] SOURCE
 *
 * A Wayland client that fills the screen, 20 times, with a picture in two buffers of SOURCE, or
 * "shm", and says what came of it, "KEY=VALUE..." in a line:
 *   frames, zero-copy	how many were shown, and how many of them from the buffer itself
 *   crc		of the screen, by vkms
 *   away-crc, back-crc	the same while the memory was revoked (--revoke), and afterwards
 *   refused		what the compositor did not want
 * --composed keeps the buffers off planes: by the flag of linux-dmabuf, or the transform of
 * the surface, that says that they are upside down; the picture looks the same that way.
 * --linger leaves the last frame there for so long.  --bad does what a client should not:
 *   offset, second-plane	the buffer is smaller than it says
 *   revoked		its memory is away from the beginning
 *   unfenced		somebody writes to it when it is handed over, and for a while longer
 *   closed		nobody but the compositor has it any more
 */

#define FRAMES 20

static struct wl_compositor *compositor;
static struct wl_shm *shm;
static struct xdg_wm_base *shell;
static struct zwp_linux_dmabuf_v1 *dmabuf;
static struct wp_presentation *presentation;
static struct wl_display *display;
static struct wl_surface *surface;
static struct kms kms;

static int width, height;
static bool configured, done;
static int frames, zero_copy;

void case_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("SKIP ", stdout);
	vprintf(format, args);
	va_end(args);
	exit(77);
}

void case_broken(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("broken=%s:%d ", file, line);
	vprintf(format, args);
	puts("");
	va_end(args);
	exit(1);
}

/* What a client is told when the compositor does not go along, or is no more */
static void end_without_compositor(void)
{
	const struct wl_interface *interface = NULL;
	uint32_t id, code;
	int err = wl_display_get_error(display);

	if (err == EPROTO) {
		code = wl_display_get_protocol_error(display, &interface, &id);
		printf("refused=%s-%u\n", interface ? interface->name : "display", code);
		exit(3);
	}
	printf("lost=%s\n", strerrorname_np(err ?: EPIPE));
	exit(4);
}

static void wait_for(bool *what)
{
	while (!*what)
		if (wl_display_dispatch(display) < 0)
			end_without_compositor();
}

static void on_ping(void *data, struct xdg_wm_base *base, uint32_t serial)
{
	(void)data;
	xdg_wm_base_pong(base, serial);
}

static const struct xdg_wm_base_listener shell_listener = { .ping = on_ping };

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
		      const char *interface, uint32_t version)
{
	(void)data;
	(void)version;
	if (!strcmp(interface, "wl_compositor"))
		compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	else if (!strcmp(interface, "wl_shm"))
		shm = wl_registry_bind(registry, name, &wl_shm_interface, 1);
	else if (!strcmp(interface, "xdg_wm_base"))
		shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
	else if (!strcmp(interface, "wp_presentation"))
		presentation = wl_registry_bind(registry, name, &wp_presentation_interface, 1);
	else if (!strcmp(interface, "zwp_linux_dmabuf_v1"))
		dmabuf = wl_registry_bind(registry, name, &zwp_linux_dmabuf_v1_interface, 3);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data;
	(void)registry;
	(void)name;
}

static const struct wl_registry_listener registry_listener = { on_global, on_global_remove };

static void on_configure(void *data, struct xdg_surface *xdg, uint32_t serial)
{
	(void)data;
	xdg_surface_ack_configure(xdg, serial);
	configured = true;
}

static const struct xdg_surface_listener surface_listener = { on_configure };

static void on_size(void *data, struct xdg_toplevel *toplevel, int32_t w, int32_t h,
		    struct wl_array *states)
{
	(void)data;
	(void)toplevel;
	(void)states;
	if (w && h) {
		width = w;
		height = h;
	}
}

static void on_close(void *data, struct xdg_toplevel *toplevel)
{
	(void)data;
	(void)toplevel;
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = on_size,
	.close = on_close,
};

static void open_window(void)
{
	struct xdg_toplevel *toplevel;
	struct wl_registry *registry;
	struct xdg_surface *xdg;

	display = wl_display_connect(NULL);
	igt_assert_f(display, "no compositor: %s", strerror(errno));
	registry = wl_display_get_registry(display);
	wl_registry_add_listener(registry, &registry_listener, NULL);
	if (wl_display_roundtrip(display) < 0)
		end_without_compositor();
	igt_assert_f(compositor && shm && shell && presentation, "a global is missing");
	xdg_wm_base_add_listener(shell, &shell_listener, NULL);
	surface = wl_compositor_create_surface(compositor);
	xdg = xdg_wm_base_get_xdg_surface(shell, surface);
	xdg_surface_add_listener(xdg, &surface_listener, NULL);
	toplevel = xdg_surface_get_toplevel(xdg);
	xdg_toplevel_add_listener(toplevel, &toplevel_listener, NULL);
	xdg_toplevel_set_fullscreen(toplevel, NULL);
	wl_surface_commit(surface);
	wait_for(&configured);
	igt_assert_f(width && height, "the compositor gives no size");
}

/* The same when it is upside down, and no bit of it is by chance that of an empty page. */
static void fill(uint32_t *pixels)
{
	for (int y = 0; y < height; y++) {
		int row = y < height - 1 - y ? y : height - 1 - y;

		for (int x = 0; x < width; x++)
			pixels[y * width + x] = 0xff000000 | (row * 255 / height) << 17 |
						(x * 255 / width) << 8 | ((x ^ row) & 0x3f);
	}
}

static struct wl_buffer *shm_buffer(void)
{
	const size_t size = width * height * 4;
	int fd = memfd_create("show", MFD_CLOEXEC);
	struct wl_shm_pool *pool;
	uint32_t *pixels;

	igt_assert_eq(ftruncate(fd, size), 0);
	pixels = dbm_mmap(fd, size, PROT_READ | PROT_WRITE, 0);
	fill(pixels);
	munmap(pixels, size);
	pool = wl_shm_create_pool(shm, fd, size);
	close(fd);
	return wl_shm_pool_create_buffer(pool, 0, width, height, width * 4,
					 WL_SHM_FORMAT_XRGB8888);
}

static struct wl_buffer *created;
static bool answered;

static void on_created(void *data, struct zwp_linux_buffer_params_v1 *params,
		       struct wl_buffer *buffer)
{
	(void)data;
	(void)params;
	created = buffer;
	answered = true;
}

static void on_failed(void *data, struct zwp_linux_buffer_params_v1 *params)
{
	(void)data;
	(void)params;
	created = NULL;
	answered = true;
}

static const struct zwp_linux_buffer_params_v1_listener params_listener = {
	on_created, on_failed,
};

static void add_plane(struct zwp_linux_buffer_params_v1 *params, int index, int fd,
		      uint32_t offset, uint32_t stride)
{
	zwp_linux_buffer_params_v1_add(params, fd, index, offset, stride,
				       DRM_FORMAT_MOD_LINEAR >> 32,
				       DRM_FORMAT_MOD_LINEAR & 0xffffffff);
}

/* NULL if the compositor says that it failed */
static struct wl_buffer *create(struct zwp_linux_buffer_params_v1 *params, uint32_t format,
				uint32_t flags)
{
	zwp_linux_buffer_params_v1_add_listener(params, &params_listener, NULL);
	zwp_linux_buffer_params_v1_create(params, width, height, format, flags);
	answered = false;
	wait_for(&answered);
	zwp_linux_buffer_params_v1_destroy(params);
	return created;
}

static struct wl_buffer *dmabuf_buffer(const struct picture *p, const char *bad, uint32_t flags)
{
	struct zwp_linux_buffer_params_v1 *params = zwp_linux_dmabuf_v1_create_params(dmabuf);
	uint32_t format = DRM_FORMAT_XRGB8888;

	if (!strcmp(bad, "offset")) {
		add_plane(params, 0, p->b.fd, SOURCE_SIZE - width * 4 * (height / 2), width * 4);
	} else if (!strcmp(bad, "second-plane")) {
		format = DRM_FORMAT_NV12;
		add_plane(params, 0, p->b.fd, 0, width);
		add_plane(params, 1, p->b.fd, SOURCE_SIZE - width * 8, width);
	} else {
		add_plane(params, 0, p->b.fd, 0, width * 4);
	}
	return create(params, format, flags);
}

static void on_sync(void *data, struct wp_presentation_feedback *feedback,
		    struct wl_output *output)
{
	(void)data;
	(void)feedback;
	(void)output;
}

static void on_presented(void *data, struct wp_presentation_feedback *feedback,
			 uint32_t sec_hi, uint32_t sec_lo, uint32_t nsec, uint32_t refresh,
			 uint32_t seq_hi, uint32_t seq_lo, uint32_t flags)
{
	(void)data;
	(void)sec_hi;
	(void)sec_lo;
	(void)nsec;
	(void)refresh;
	(void)seq_hi;
	(void)seq_lo;
	frames++;
	if (flags & WP_PRESENTATION_FEEDBACK_KIND_ZERO_COPY)
		zero_copy++;
	wp_presentation_feedback_destroy(feedback);
	done = true;
}

static void on_discarded(void *data, struct wp_presentation_feedback *feedback)
{
	(void)data;
	wp_presentation_feedback_destroy(feedback);
	done = true;
}

static const struct wp_presentation_feedback_listener feedback_listener = {
	on_sync, on_presented, on_discarded,
};

/* Returns when it has been on the screen. */
static void show(struct wl_buffer *buffer)
{
	struct wp_presentation_feedback *feedback;

	feedback = wp_presentation_feedback(presentation, surface);
	wp_presentation_feedback_add_listener(feedback, &feedback_listener, NULL);
	wl_surface_attach(surface, buffer, 0, 0);
	wl_surface_damage_buffer(surface, 0, 0, width, height);
	wl_surface_commit(surface);
	done = false;
	wait_for(&done);
}

static void say_crc(const char *name)
{
	printf("%s=%08x ", name, kms_crc(&kms));
}

/* Somebody writes to it, and is not done for a while: a fence says so. */
static void *signal_later(void *arg)
{
	const struct picture *p = arg;
	struct drm_vgem_fence_attach attach = { .handle = p->b.handle, .flags = VGEM_FENCE_WRITE };
	struct drm_vgem_fence_signal signal = {};

	igt_assert_eq(drmIoctl(p->b.native, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach), 0);
	signal.fence = attach.out_fence;
	usleep(700000);
	igt_assert_eq(drmIoctl(p->b.native, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal), 0);
	return NULL;
}

struct options {
	const char *source, *bad, *composed;
	int linger;
	bool revoke;
};

static void set_away(struct picture p[2], bool away)
{
	for (int i = 0; i < 2; i++)
		if (i == 0 || strncmp(p[i].b.source->name, "vfio", 4))
			p[i].b.source->set_away(&p[i].b, away);
}

static void make_buffers(const struct options *o, struct picture p[2], struct wl_buffer *buffers[2])
{
	const uint32_t flags = strcmp(o->composed, "flag") ? 0 :
			       ZWP_LINUX_BUFFER_PARAMS_V1_FLAGS_Y_INVERT;

	if (!strcmp(o->composed, "transform"))
		wl_surface_set_buffer_transform(surface, WL_OUTPUT_TRANSFORM_FLIPPED_180);

	for (int i = 0; i < 2; i++) {
		if (!strcmp(o->source, "shm")) {
			buffers[i] = shm_buffer();
			continue;
		}
		igt_assert_f(dmabuf, "the compositor takes no dma-bufs");
		p[i] = picture_create(o->source, width, height);
		fill(p[i].pixels);
	}
	if (!strcmp(o->bad, "revoked"))
		set_away(p, true);
	for (int i = 0; i < 2 && p[i].pixels; i++) {
		buffers[i] = dmabuf_buffer(&p[i], o->bad, flags);
		if (!buffers[i]) {
			puts("refused=failed");
			exit(3);
		}
	}
	if (!strcmp(o->bad, "closed"))
		for (int i = 0; i < 2; i++) {
			munmap(p[i].pixels, width * height * 4);
			source_destroy(&p[i].b);
		}
}

static void show_frames(const struct options *o, struct picture p[2], struct wl_buffer *buffers[2])
{
	const int away = FRAMES / 2, back = away + FRAMES / 4;
	pthread_t writer;

	for (int i = 0; i < FRAMES; i++) {
		if (o->revoke && (i == away || i == back))
			set_away(p, i == away);
		if (!strcmp(o->bad, "unfenced") && i == away)
			igt_assert_eq(pthread_create(&writer, NULL, signal_later, &p[i % 2]), 0);
		show(buffers[i % 2]);
		if (i == away - 1)
			say_crc("crc");
		if (o->revoke && i == back - 1)
			say_crc("away-crc");
		if (o->revoke && i == FRAMES - 1)
			say_crc("back-crc");
	}
	if (!strcmp(o->bad, "unfenced"))
		pthread_join(writer, NULL);
}

static struct options parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "composed", required_argument, NULL, 'c' },
		{ "revoke", no_argument, NULL, 'r' },
		{ "linger", required_argument, NULL, 'l' },
		{ "bad", required_argument, NULL, 'b' },
		{}
	};
	struct options o = { .bad = "", .composed = "" };
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (opt) {
		case 'c':
			o.composed = optarg;
			break;
		case 'r':
			o.revoke = true;
			break;
		case 'l':
			o.linger = atoi(optarg);
			break;
		case 'b':
			o.bad = optarg;
			break;
		default:
			exit(2);
		}
	if (optind + 1 != argc)
		exit(2);
	o.source = argv[optind];
	return o;
}

int main(int argc, char **argv)
{
	const struct options o = parse(argc, argv);
	struct wl_buffer *buffers[2];
	struct picture p[2] = {};
	const int card = drm_open_by_name("vkms");

	setvbuf(stdout, NULL, _IOLBF, 0);
	igt_require_f(card >= 0, "there is no vkms");
	kms_require(&kms, card);
	drmDropMaster(card);
	open_window();
	make_buffers(&o, p, buffers);
	show_frames(&o, p, buffers);
	printf("frames=%d zero-copy=%d\n", frames, zero_copy);
	sleep(o.linger);
	return 0;
}
