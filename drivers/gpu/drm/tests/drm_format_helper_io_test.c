// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of format conversion from I/O memory: it gives what conversion from system
 * memory gives.
 */
#include <kunit/test.h>
#include <linux/iosys-map.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include <drm/drm_format_helper.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/drm_rect.h>

/* Nothing is mapped behind a buffer: who reads or writes there faults. */
#define SIZE	SZ_16K
#define LINES	24
#define PITCH	664	/* no multiple of 16 */

struct io_test {
	struct drm_device *drm;
	u8 *src, *expected, *got;
	struct drm_format_conv_state state;
};

typedef void (*io_convert)(struct iosys_map *dst, const unsigned int *dst_pitch,
			   const struct iosys_map *src, const struct drm_framebuffer *fb,
			   const struct drm_rect *clip, struct drm_format_conv_state *state);

static void io_memcpy(struct iosys_map *dst, const unsigned int *dst_pitch,
		      const struct iosys_map *src, const struct drm_framebuffer *fb,
		      const struct drm_rect *clip, struct drm_format_conv_state *state)
{
	drm_fb_memcpy(dst, dst_pitch, src, fb, clip);
}

static void io_swab(struct iosys_map *dst, const unsigned int *dst_pitch,
		    const struct iosys_map *src, const struct drm_framebuffer *fb,
		    const struct drm_rect *clip, struct drm_format_conv_state *state)
{
	drm_fb_swab(dst, dst_pitch, src, fb, clip, true, state);
}

static const struct io_case {
	const char *name;
	io_convert convert;
} io_cases[] = {
	{ "memcpy", io_memcpy },
	{ "swab", io_swab },
	{ "xrgb8888_to_rgb332", drm_fb_xrgb8888_to_rgb332 },
	{ "xrgb8888_to_rgb565", drm_fb_xrgb8888_to_rgb565 },
	{ "xrgb8888_to_rgb888", drm_fb_xrgb8888_to_rgb888 },
	{ "xrgb8888_to_argb8888", drm_fb_xrgb8888_to_argb8888 },
	{ "xrgb8888_to_gray8", drm_fb_xrgb8888_to_gray8 },
	{ "xrgb8888_to_mono", drm_fb_xrgb8888_to_mono },
	{ "xrgb8888_to_gray2", drm_fb_xrgb8888_to_gray2 },
};

KUNIT_ARRAY_PARAM_DESC(io_cases, io_cases, name);

static int io_init(struct kunit *test)
{
	struct io_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct device *dev = drm_kunit_helper_alloc_device(test);
	u8 **buffers[] = { &t->src, &t->expected, &t->got };

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	test->priv = t;
	t->drm = __drm_kunit_helper_alloc_drm_device(test, dev, sizeof(*t->drm), 0, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->drm);
	for (int i = 0; i < ARRAY_SIZE(buffers); i++) {
		*buffers[i] = vmalloc(SIZE);
		KUNIT_ASSERT_NOT_NULL(test, *buffers[i]);
	}
	for (int i = 0; i < SIZE; i++)
		t->src[i] = i * 0x9e3779b1 >> 11;
	drm_format_conv_state_init(&t->state);
	return 0;
}

static void io_exit(struct kunit *test)
{
	struct io_test *t = test->priv;

	if (!t)
		return;
	drm_format_conv_state_release(&t->state);
	vfree(t->got);
	vfree(t->expected);
	vfree(t->src);
}

/* Into @dst, from a buffer that begins @offset bytes within its pages */
static void io_convert_from(struct io_test *t, io_convert convert, bool src_io, bool dst_io,
			    u8 *to, unsigned int offset, const struct drm_rect *clip)
{
	const struct drm_framebuffer fb = {
		.dev = t->drm,
		.format = drm_format_info(DRM_FORMAT_XRGB8888),
		.pitches = { PITCH },
	};
	struct iosys_map src, dst;

	if (src_io)
		iosys_map_set_vaddr_iomem(&src, (void __iomem __force *)t->src + offset);
	else
		iosys_map_set_vaddr(&src, t->src + offset);
	if (dst_io)
		iosys_map_set_vaddr_iomem(&dst, (void __iomem __force *)to);
	else
		iosys_map_set_vaddr(&dst, to);
	memset(to, 0xee, SIZE);
	convert(&dst, NULL, &src, &fb, clip, &t->state);
}

static void io_same(struct kunit *test)
{
	const struct io_case *c = test->param_value;
	struct io_test *t = test->priv;

	for (int x = 0; x < 7; x++)
		for (int w = 1; w < 40; w += 3) {
			const struct drm_rect clip = DRM_RECT_INIT(x, 2, w, LINES - 2);
			/* The last pixel is the last of the buffer. */
			const unsigned int offset = SIZE - (LINES - 1) * PITCH - (x + w) * 4;

			io_convert_from(t, c->convert, false, false, t->expected, offset, &clip);
			io_convert_from(t, c->convert, true, false, t->got, offset, &clip);
			KUNIT_ASSERT_MEMEQ_MSG(test, t->got, t->expected, SIZE,
					       "x %d, width %d", x, w);
		}
}

/* What is at both ends I/O memory goes through a small buffer: the end counts. */
static void io_to_io(struct kunit *test)
{
	struct io_test *t = test->priv;

	for (int w = 1; w < 160; w++) {
		const struct drm_rect clip = DRM_RECT_INIT(0, 0, w, LINES);

		io_convert_from(t, io_memcpy, false, false, t->expected, 0, &clip);
		io_convert_from(t, io_memcpy, true, true, t->got, 0, &clip);
		KUNIT_ASSERT_MEMEQ_MSG(test, t->got, t->expected, SIZE, "width %d", w);
	}
}

static struct kunit_case io_kunit_cases[] = {
	KUNIT_CASE_PARAM(io_same, io_cases_gen_params),
	KUNIT_CASE(io_to_io),
	{}
};

static struct kunit_suite io_suite = {
	.name = "drm_format_helper_io",
	.init = io_init,
	.exit = io_exit,
	.test_cases = io_kunit_cases,
};

kunit_test_suite(io_suite);

MODULE_DESCRIPTION("KUnit tests of format conversion from I/O memory");
MODULE_LICENSE("GPL");
