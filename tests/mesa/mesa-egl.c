// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <drm_fourcc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <drm/vgem_drm.h>

#include "igt.h"
#include "case.h"
#include "gl.h"
#include "picture.h"

/*
 * What Mesa's software drivers of OpenGL, on a display driver without a GPU, do with buffers
 * of other devices.  See case.h for what is printed.
 */

#define WIDTH 256
#define HEIGHT 128
#define SEED 1

/* What an operation begins with: the driver, and a picture */
static struct picture begin(const char *driver, const char *source)
{
	struct picture p = picture_create(source, WIDTH, HEIGHT);

	picture_fill(&p, SEED);
	gl_open(driver);
	return p;
}

static bool drawn(uint32_t seed)
{
	gl_draw(false);
	return gl_is(gl_read(WIDTH, HEIGHT), WIDTH, HEIGHT, seed);
}

static void op_read(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);

	gl_target_texture(gl_texture(gl_import(&p)));
	finish(gl_is(gl_read(WIDTH, HEIGHT), WIDTH, HEIGHT, SEED) ? "ok" : "wrong");
}

static void op_draw(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);

	gl_target_own(WIDTH, HEIGHT);
	gl_texture(gl_import(&p));
	finish(drawn(SEED) ? "ok" : "wrong");
}

/* What is read-only must be left as it is. */
static void op_render(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	bool readonly = strstr(source, "-ro");

	gl_target_texture(gl_texture(gl_import(&p)));
	glClearColor(1, 0, 1, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glFinish();
	gl_check("render");
	if (picture_is(&p, 0xff00ff))
		finish(readonly ? "written" : "ok");
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		if ((p.pixels[i] & 0xffffff) != picture_pixel(SEED, i % WIDTH, i / WIDTH))
			finish("wrong");
	finish(readonly ? "ok" : "lost");
}

/*
 * Must be refused when it is imported: whoever imports it, such as a compositor, cannot know
 * how large the buffer is that a client says is so large.
 */
static void must_be_refused(int width, int height, uint32_t format, const struct gl_plane *planes,
			    int count, bool external)
{
	EGLint error;
	EGLImage image = gl_import_planes(width, height, format, planes, count, &error);

	if (!image)
		finish(error == EGL_BAD_ALLOC ? "ok" : egl_error_name(error));
	say("accepted");
	gl_target_own(WIDTH, height < 2048 ? height : 2048);
	if (external)
		gl_texture_external(image);
	else
		gl_texture(image);
	gl_draw(external);
	glFinish();
	gl_check("draw");
}

static void op_offset(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const struct gl_plane plane = {
		.fd = p.b.fd,
		.offset = SOURCE_SIZE - WIDTH * 4 * (HEIGHT / 2),
		.pitch = WIDTH * 4,
	};

	must_be_refused(WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, &plane, 1, false);
}

/* Its last row begins within the buffer, and ends behind it. */
static void op_last_row(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const struct gl_plane plane = {
		.fd = p.b.fd,
		.offset = SOURCE_SIZE - WIDTH * 4 * HEIGHT + 64,
		.pitch = WIDTH * 4,
	};

	must_be_refused(WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, &plane, 1, false);
}

/* The same, if the rows are far apart, ends with the buffer: that is legal. */
static void op_last_byte(const char *driver, const char *source)
{
	struct picture p = picture_create(source, WIDTH, HEIGHT);
	const uint32_t pitch = WIDTH * 4 * 2, offset = SOURCE_SIZE - pitch * HEIGHT + pitch / 2;
	const struct gl_plane plane = { .fd = p.b.fd, .offset = offset, .pitch = pitch };
	EGLImage image;
	EGLint error;
	char *all = p.b.native >= 0 ? source_map_native(&p.b, PROT_READ | PROT_WRITE) :
				      dbm_mmap(p.b.fd, SOURCE_SIZE, PROT_READ | PROT_WRITE, 0);

	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			((uint32_t *)(all + offset + y * pitch))[x] = picture_pixel(SEED, x, y);
	gl_open(driver);
	gl_target_own(WIDTH, HEIGHT);
	image = gl_import_planes(WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, &plane, 1, &error);
	if (!image)
		finish("%s", egl_error_name(error));
	gl_texture(image);
	finish(drawn(SEED) ? "ok" : "wrong");
}

static void op_height(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const struct gl_plane plane = { .fd = p.b.fd, .pitch = WIDTH * 4 };
	const int height = 2 * SOURCE_SIZE / (WIDTH * 4);

	must_be_refused(WIDTH, height, DRM_FORMAT_XRGB8888, &plane, 1, false);
}

/* In 32 bits its row is of one pixel. */
static void op_width(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const struct gl_plane plane = { .fd = p.b.fd, .pitch = WIDTH * 4 };

	must_be_refused((1 << 30) + 1, 1, DRM_FORMAT_XRGB8888, &plane, 1, false);
}

/* Whose it is can cut it off while it is drawn from. */
static void op_no_dma_buf(const char *driver, const char *source)
{
	const struct gl_plane plane = {
		.fd = memfd_create(source, MFD_CLOEXEC),
		.pitch = WIDTH * 4,
	};

	igt_assert_eq(ftruncate(plane.fd, SOURCE_SIZE), 0);
	gl_open(driver);
	must_be_refused(WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, &plane, 1, false);
}

/* Row after row, that is more than fits in 32 bits, and little of it if it is cut off there. */
static void op_pitch(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const struct gl_plane plane = { .fd = p.b.fd, .pitch = 1u << 25 };

	must_be_refused(WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, &plane, 1, false);
}

static void op_second_plane(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const struct gl_plane planes[] = {
		{ .fd = p.b.fd, .pitch = WIDTH },
		{ .fd = p.b.fd, .offset = SOURCE_SIZE - WIDTH * (HEIGHT / 4), .pitch = WIDTH },
	};

	must_be_refused(WIDTH, HEIGHT, DRM_FORMAT_NV12, planes, 2, true);
}

/* A writer is still at it, until he says that he is done. */
struct writer {
	struct picture *p;
	uint32_t fence;
	bool signalled;
};

static void *write_later(void *arg)
{
	struct writer *w = arg;
	struct drm_vgem_fence_signal signal = { .fence = w->fence };

	usleep(700000);
	picture_fill(w->p, SEED + 1);
	w->signalled = true;
	if (drmIoctl(w->p->b.native, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal))
		say("broken: DRM_IOCTL_VGEM_FENCE_SIGNAL: %s", strerror(errno));
	return NULL;
}

/* All is compiled, and the texture is bound, before the writer begins. */
static void op_fence(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	struct drm_vgem_fence_attach attach = {
		.handle = p.b.handle,
		.flags = VGEM_FENCE_WRITE,
	};
	struct writer w = { .p = &p };
	pthread_t thread;

	gl_target_own(WIDTH, HEIGHT);
	gl_texture(gl_import(&p));
	if (!drawn(SEED))
		finish("wrong");
	do_ioctl(p.b.native, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach);
	w.fence = attach.out_fence;
	igt_assert_eq(pthread_create(&thread, NULL, write_later, &w), 0);
	gl_draw(false);
	gl_read(WIDTH, HEIGHT);
	if (!w.signalled)
		finish("early");
	pthread_join(thread, NULL);
	finish(gl_is(gl_read(WIDTH, HEIGHT), WIDTH, HEIGHT, SEED + 1) ? "ok" : "wrong");
}

static void op_two_imports(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	EGLImage first, second;
	GLuint texture;

	gl_target_own(WIDTH, HEIGHT);
	first = gl_import(&p);
	texture = gl_texture(first);
	if (!drawn(SEED))
		finish("wrong");
	second = gl_import(&p);
	glDeleteTextures(1, &texture);
	gl_destroy_image(first);
	glFinish();
	gl_texture(second);
	picture_fill(&p, SEED + 1);
	finish(drawn(SEED + 1) ? "ok" : "second-wrong");
}

static void set_away(struct picture *p, bool away)
{
	p->b.source->set_away(&p->b, away);
}

/* While the memory is away there is no picture; then it is back. */
static void op_revoke(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	const uint32_t *pixels;

	gl_target_own(WIDTH, HEIGHT);
	gl_texture(gl_import(&p));
	if (!drawn(SEED))
		finish("wrong");
	set_away(&p, true);
	gl_draw(false);
	pixels = gl_read(WIDTH, HEIGHT);
	if (gl_is(pixels, WIDTH, HEIGHT, SEED))
		finish("away=shown");
	if (!gl_is_plain(pixels, WIDTH, HEIGHT))
		finish("away=wrong");
	set_away(&p, false);
	picture_fill(&p, SEED + 1);
	finish(drawn(SEED + 1) ? "ok" : "back=wrong");
}

static volatile bool stop;

static void *come_and_go(void *arg)
{
	while (!stop) {
		set_away(arg, true);
		usleep(3000);
		set_away(arg, false);
		usleep(7000);
	}
	return NULL;
}

static void op_revoke_often(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);
	pthread_t thread;

	gl_target_own(WIDTH, HEIGHT);
	gl_texture(gl_import(&p));
	if (!drawn(SEED))
		finish("wrong");
	igt_assert_eq(pthread_create(&thread, NULL, come_and_go, &p), 0);
	for (int i = 0; i < 40; i++) {
		gl_draw(false);
		gl_read(WIDTH, HEIGHT);
	}
	stop = true;
	pthread_join(thread, NULL);
	finish(drawn(SEED) ? "ok" : "back=wrong");
}

/* What was imported when it was away */
static void op_import_revoked(const char *driver, const char *source)
{
	struct picture p = begin(driver, source);

	gl_target_own(WIDTH, HEIGHT);
	set_away(&p, true);
	gl_texture(gl_import(&p));
	gl_draw(false);
	gl_read(WIDTH, HEIGHT);
	set_away(&p, false);
	finish(drawn(SEED) ? "ok" : "back=wrong");
}

/* As compositors handle what the memory of a client does to them */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~4095ul);

	(void)context;
	if (mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		signal(sig, SIG_DFL);
}

/* Of desktop OpenGL, which the headers of OpenGL ES do not have */
#define GL_TEXTURE_BUFFER 0x8c2a
#define GL_R32F 0x822e
#define GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD 0x9160

/* A texture that is the memory, as AMD_pinned_memory has it */
static void texture_of_memory(void *memory, size_t size)
{
	void (*buffer_data)(GLenum, GLsizeiptr, const void *, GLenum) =
		(void *)eglGetProcAddress("glBufferData");
	void (*tex_buffer)(GLenum, GLenum, GLuint) = (void *)eglGetProcAddress("glTexBuffer");
	void (*bind_array)(GLuint) = (void *)eglGetProcAddress("glBindVertexArray");
	void (*gen_arrays)(GLsizei, GLuint *) = (void *)eglGetProcAddress("glGenVertexArrays");
	GLuint buffer, texture, array;

	igt_assert(buffer_data && tex_buffer && bind_array && gen_arrays);
	gen_arrays(1, &array);
	bind_array(array);
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD, buffer);
	buffer_data(GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD, size, memory, GL_STATIC_DRAW);
	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_BUFFER, texture);
	tex_buffer(GL_TEXTURE_BUFFER, GL_R32F, buffer);
	gl_check("pinned");
}

/*
 * A driver reads memory of a client's, in a thread of its own, after the client has cut it
 * off: the handler of the process must be called for that.
 */
static void op_thread_fault(const char *driver, const char *source)
{
	static const char vertex[] =
		"#version 140\n"
		"void main() { vec2 at = vec2(gl_VertexID & 1, gl_VertexID >> 1);\n"
		"	gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0); }\n";
	static const char fragment[] =
		"#version 140\nuniform samplerBuffer t; out vec4 color;\n"
		"void main() { color = texelFetch(t, int(gl_FragCoord.y) * 64); }\n";
	const size_t size = HEIGHT * 64 * sizeof(float);
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int memfd = memfd_create(source, MFD_CLOEXEC);
	float *memory;

	igt_assert_eq(ftruncate(memfd, size), 0);
	memory = dbm_mmap(memfd, size, PROT_READ | PROT_WRITE, 0);
	for (size_t i = 0; i < size / sizeof(float); i++)
		memory[i] = 1;
	gl_open_desktop(driver);
	gl_target_own(WIDTH, HEIGHT);
	gl_program(vertex, fragment);
	texture_of_memory(memory, size);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	if (gl_read(WIDTH, HEIGHT)[WIDTH * (HEIGHT - 1)] != 0xff0000)
		finish("wrong");
	igt_assert_eq(sigaction(SIGBUS, &action, NULL), 0);
	igt_assert_eq(ftruncate(memfd, 0), 0);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	finish(gl_read(WIDTH, HEIGHT)[WIDTH * (HEIGHT - 1)] ? "shown" : "ok");
}

#define BUFFERS "[!m]*|mock*"	/* all sources but the memfd */
#define SOME "udmabuf|qxl-vram|vkms"
#define AWAY "mock|vfio-bar"

#define GALLIUM "llvmpipe*|softpipe"	/* not zink, which is lavapipe */

static const struct test tests[] = {
	{ "read", op_read, BUFFERS },
	{ "draw", op_draw, BUFFERS },
	{ "render", op_render, BUFFERS },
	{ "offset", op_offset, SOME, GALLIUM },
	{ "last-row", op_last_row, SOME, GALLIUM },
	{ "last-byte", op_last_byte, SOME, GALLIUM },
	{ "height", op_height, SOME, GALLIUM },
	{ "width", op_width, SOME, GALLIUM },
	{ "pitch", op_pitch, SOME, GALLIUM },
	{ "second-plane", op_second_plane, SOME, GALLIUM },
	{ "fence", op_fence, "vgem", GALLIUM },
	{ "two-imports", op_two_imports, "udmabuf|vfio-bar|vkms", GALLIUM },
	{ "revoke", op_revoke, AWAY, GALLIUM },
	{ "revoke-often", op_revoke_often, AWAY, GALLIUM },
	{ "import-revoked", op_import_revoked, AWAY, GALLIUM },
	{ "no-dma-buf", op_no_dma_buf, "memfd" },
	{ "thread-fault", op_thread_fault, "memfd", "llvmpipe" },
};

int main(int argc, char **argv)
{
	static const char * const drivers[] = {
		"llvmpipe", "llvmpipe-surfaceless", "softpipe", "zink", NULL
	};
	static const char * const names[] = {
		"vkms", "udmabuf", "heap-system", "vgem", "vgem-ro", "bochs", "qxl-vram",
		"vttm-vram", "vfio-bar", "vfio-bar-ro", "mock", "mock-write-combined", "memfd",
		NULL
	};

	/* What QEMU 7.2's TCG makes of the wider ones is wrong. */
	setenv("LP_NATIVE_VECTOR_WIDTH", "128", 0);
	return cases_run(argc, argv, tests, ARRAY_SIZE(tests), drivers, names);
}
