/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef MESA_GL_H
#define MESA_GL_H

#include <stdbool.h>
#include <stdint.h>
#define EGL_NO_X11
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>

struct picture;

/* GL without a window, through GBM on a card; the case ends if something is not there. */
void gl_open(const char *driver);
/* The same with OpenGL 3.1, instead of OpenGL ES 2 */
void gl_open_desktop(const char *driver);

/* What one plane of an import is */
struct gl_plane {
	int fd;
	uint32_t offset, pitch;
};

/* EGL_NO_IMAGE and *@error, or an image that is only known by its formats and sizes. */
EGLImage gl_import_planes(int width, int height, uint32_t format, const struct gl_plane *planes,
			  int count, EGLint *error);
/* An import of the picture; the case ends if it is refused, with the error. */
EGLImage gl_import(const struct picture *p);
void gl_destroy_image(EGLImage image);
/* A texture, bound, of that image */
GLuint gl_texture(EGLImage image);
/* The texture, and not a part of a buffer: of NV12, GL_TEXTURE_EXTERNAL_OES */
GLuint gl_texture_external(EGLImage image);
/* Bind a framebuffer: of the texture, or one of our own. */
void gl_target_texture(GLuint texture);
void gl_target_own(int width, int height);
/* Use these shaders; a vertex attribute is "at". */
void gl_program(const char *vertex, const char *fragment);
/* Fill the framebuffer with the texture that is bound, a texel a pixel. */
void gl_draw(bool external);
/* The pixels of the framebuffer, 0xRRGGBB */
const uint32_t *gl_read(int width, int height);

/* Whether the pixels are the picture that picture_fill() makes of @seed */
bool gl_is(const uint32_t *pixels, int width, int height, uint32_t seed);
/* ... or all the same: black, or white */
bool gl_is_plain(const uint32_t *pixels, int width, int height);

const char *egl_error_name(EGLint error);
/* The case ends with the error that GL has, if it has one. */
void gl_check(const char *what);

#endif
