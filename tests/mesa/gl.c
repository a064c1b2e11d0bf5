// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <gbm.h>
#include <sched.h>
#include <sys/mount.h>

#include "igt.h"
#include "case.h"
#include "dma_buf_mmap/drm.h"
#include "gl.h"
#include "picture.h"

static EGLDisplay display;
static PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_target;

const char *egl_error_name(EGLint error)
{
	static char text[16];

	switch (error) {
	case EGL_BAD_ALLOC: return "EGL_BAD_ALLOC";
	case EGL_BAD_ACCESS: return "EGL_BAD_ACCESS";
	case EGL_BAD_MATCH: return "EGL_BAD_MATCH";
	case EGL_BAD_PARAMETER: return "EGL_BAD_PARAMETER";
	case EGL_BAD_ATTRIBUTE: return "EGL_BAD_ATTRIBUTE";
	}
	snprintf(text, sizeof(text), "EGL-%#x", error);
	return text;
}

void gl_check(const char *what)
{
	GLenum error = glGetError();

	if (error == GL_OUT_OF_MEMORY)
		finish("%s=GL_OUT_OF_MEMORY", what);
	if (error)
		finish("%s=GL-%#x", what, error);
}

static int open_render(const char *driver)
{
	char path[32];

	for (int i = 128; i < 192; i++) {
		drmVersionPtr version;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		version = fd < 0 ? NULL : drmGetVersion(fd);
		if (version && !strcmp(version->name, driver))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* What Mesa finds no card in maps dma-bufs by itself.  Those that are open stay so. */
static void hide_cards(void)
{
	igt_assert_eq(unshare(CLONE_NEWNS), 0);
	igt_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	igt_assert_eq(mount("none", "/dev/dri", "tmpfs", 0, NULL), 0);
}

static EGLDisplay display_of(const char *driver)
{
	struct gbm_device *gbm;
	int card;

	if (!strcmp(driver, "zink"))	/* on lavapipe, which has no screen */
		setenv("MESA_LOADER_DRIVER_OVERRIDE", driver, 1);
	if (strstr(driver, "-surfaceless"))
		hide_cards();
	if (!strcmp(driver, "zink") || strstr(driver, "-surfaceless")) {
		setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
		return eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, NULL, NULL);
	}
	if (!strcmp(driver, "radeonsi")) {
		card = open_render("amdgpu");
		igt_assert_f(card >= 0, "there is no amdgpu\n");
	} else {
		setenv("GALLIUM_DRIVER", driver, 1);
		card = drm_open_by_name("vkms");
		igt_require_f(card >= 0, "there is no vkms\n");
	}
	gbm = gbm_create_device(card);
	igt_assert_f(gbm, "gbm_create_device: %s\n", strerror(errno));
	return eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, gbm, NULL);
}

static void open_with(const char *driver, EGLenum api, const EGLint *attributes)
{
	static const EGLint any[] = { EGL_SURFACE_TYPE, 0, EGL_NONE };
	EGLContext context;
	EGLConfig config;
	EGLint count = 0;
	char name[16];

	display = display_of(driver);
	igt_assert_f(eglInitialize(display, NULL, NULL), "eglInitialize: %s\n",
		     egl_error_name(eglGetError()));
	igt_assert(eglBindAPI(api));
	igt_assert(eglChooseConfig(display, any, &config, 1, &count) && count);
	context = eglCreateContext(display, config, EGL_NO_CONTEXT, attributes);
	igt_assert_f(context, "eglCreateContext: %s\n", egl_error_name(eglGetError()));
	igt_assert(eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context));
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(driver, "-"), driver);
	igt_assert_f(strstr((const char *)glGetString(GL_RENDERER), name),
		     "the renderer is %s\n", glGetString(GL_RENDERER));
	image_target = (void *)eglGetProcAddress("glEGLImageTargetTexture2DOES");
	igt_assert(image_target);
}

void gl_open(const char *driver)
{
	static const EGLint version[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };

	open_with(driver, EGL_OPENGL_ES_API, version);
}

void gl_open_desktop(const char *driver)
{
	static const EGLint version[] = { EGL_CONTEXT_MAJOR_VERSION, 3,
					  EGL_CONTEXT_MINOR_VERSION, 1, EGL_NONE };

	open_with(driver, EGL_OPENGL_API, version);
}

EGLImage gl_import_planes(int width, int height, uint32_t format, const struct gl_plane *planes,
			  int count, EGLint *error)
{
	static const EGLAttrib names[][3] = {
		{ EGL_DMA_BUF_PLANE0_FD_EXT, EGL_DMA_BUF_PLANE0_OFFSET_EXT,
		  EGL_DMA_BUF_PLANE0_PITCH_EXT },
		{ EGL_DMA_BUF_PLANE1_FD_EXT, EGL_DMA_BUF_PLANE1_OFFSET_EXT,
		  EGL_DMA_BUF_PLANE1_PITCH_EXT },
	};
	EGLAttrib a[19] = { EGL_WIDTH, width, EGL_HEIGHT, height,
			    EGL_LINUX_DRM_FOURCC_EXT, format };
	EGLImage image;
	int n = 6;

	for (int i = 0; i < count; i++) {
		const EGLAttrib values[] = { planes[i].fd, planes[i].offset, planes[i].pitch };

		for (int j = 0; j < 3; j++) {
			a[n++] = names[i][j];
			a[n++] = values[j];
		}
	}
	a[n] = EGL_NONE;
	image = eglCreateImage(display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, a);
	*error = eglGetError();
	return image;
}

EGLImage gl_import(const struct picture *p)
{
	const struct gl_plane plane = { .fd = p->b.fd, .pitch = p->width * 4 };
	EGLImage image;
	EGLint error;

	image = gl_import_planes(p->width, p->height, DRM_FORMAT_XRGB8888, &plane, 1, &error);
	if (!image)
		finish("%s", egl_error_name(error));
	return image;
}

void gl_destroy_image(EGLImage image)
{
	igt_assert(eglDestroyImage(display, image));
}

static GLuint texture_of(GLenum target, EGLImage image)
{
	GLuint texture;

	glGenTextures(1, &texture);
	glBindTexture(target, texture);
	glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(target, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
	image_target(target, image);
	gl_check("bind");
	return texture;
}

GLuint gl_texture(EGLImage image)
{
	return texture_of(GL_TEXTURE_2D, image);
}

GLuint gl_texture_external(EGLImage image)
{
	return texture_of(GL_TEXTURE_EXTERNAL_OES, image);
}

static void bind_framebuffer(void)
{
	GLuint framebuffer;

	glGenFramebuffers(1, &framebuffer);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
}

void gl_target_texture(GLuint texture)
{
	bind_framebuffer();
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		finish("incomplete");
}

void gl_target_own(int width, int height)
{
	GLuint own;

	glGenRenderbuffers(1, &own);
	glBindRenderbuffer(GL_RENDERBUFFER, own);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8_OES, width, height);
	bind_framebuffer();
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, own);
	igt_assert_eq(glCheckFramebufferStatus(GL_FRAMEBUFFER), GL_FRAMEBUFFER_COMPLETE);
	glViewport(0, 0, width, height);
	gl_check("target");
}

static GLuint compile_shader(GLenum kind, const char *text)
{
	GLuint s = glCreateShader(kind);
	char log[128] = "";
	GLint ok = 0;

	glShaderSource(s, 1, &text, NULL);
	glCompileShader(s);
	glGetShaderiv(s, GL_COMPILE_STATUS, &ok);
	glGetShaderInfoLog(s, sizeof(log), NULL, log);
	igt_assert_f(ok, "the shader does not compile: %s\n", log);
	return s;
}

void gl_program(const char *vertex, const char *fragment)
{
	GLuint program = glCreateProgram();

	glAttachShader(program, compile_shader(GL_VERTEX_SHADER, vertex));
	glAttachShader(program, compile_shader(GL_FRAGMENT_SHADER, fragment));
	glBindAttribLocation(program, 0, "at");
	glLinkProgram(program);
	glUseProgram(program);
	gl_check("program");
}

static void use_program(bool external)
{
	static const char vertex[] =
		"attribute vec2 at; varying vec2 place;\n"
		"void main() { place = at; gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0); }\n";
	static const char plain[] =
		"precision mediump float; varying vec2 place; uniform sampler2D t;\n"
		"void main() { gl_FragColor = texture2D(t, place); }\n";
	static const char oes[] =
		"#extension GL_OES_EGL_image_external : require\n"
		"precision mediump float; varying vec2 place; uniform samplerExternalOES t;\n"
		"void main() { gl_FragColor = texture2D(t, place); }\n";

	gl_program(vertex, external ? oes : plain);
}

void gl_draw(bool external)
{
	static const GLfloat square[] = { 0, 0, 1, 0, 0, 1, 1, 1 };
	static bool ready;

	if (!ready)
		use_program(external);
	ready = true;
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, square);
	glEnableVertexAttribArray(0);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	gl_check("draw");
}

const uint32_t *gl_read(int width, int height)
{
	static uint8_t *bytes;
	static uint32_t *pixels;
	const int count = width * height;

	bytes = realloc(bytes, count * 4);
	pixels = realloc(pixels, count * 4);
	igt_assert(bytes && pixels);
	memset(bytes, 0x5a, count * 4);
	glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, bytes);
	/* softpipe keeps what it has sampled until the end of a frame. */
	glFinish();
	gl_check("read");
	for (int i = 0; i < count; i++)
		pixels[i] = bytes[i * 4] << 16 | bytes[i * 4 + 1] << 8 | bytes[i * 4 + 2];
	return pixels;
}

bool gl_is(const uint32_t *pixels, int width, int height, uint32_t seed)
{
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			if (pixels[y * width + x] != picture_pixel(seed, x, y))
				return false;
	return true;
}

bool gl_is_plain(const uint32_t *pixels, int width, int height)
{
	for (int i = 0; i < width * height; i++)
		if (pixels[i] != pixels[0])
			return false;
	return pixels[0] == 0 || pixels[0] == 0xffffff;
}
