// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "igt.h"
#include "drm_fourcc.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/drm.h"
#include "dma_buf_mmap/kms.h"
#include "dma_buf_mmap/vfio.h"

/**
 * TEST: dma buf mmap scanout
 * Category: Display
 * Mega feature: Core display features
 * Sub-category: dmabuf
 * Functionality: framebuffers
 * Description: A display that the CPU composes (vkms) finds each plane of a framebuffer where
 *              user space said that it is.
 *
 * SUBTEST: offset
 * Description: A framebuffer that begins within its buffer looks as one at its start
 *
 * SUBTEST: offset-end
 * Description: Nothing behind the end of the buffer is looked at
 *
 * SUBTEST: readonly-bar
 * Description: What may not be mapped for importers is refused by the check, not in the commit
 *
 * SUBTEST: revoked-bar
 * Description: What is revoked for good stays on the screen, black, and is not put there anew
 *
 * SUBTEST: offset-planes
 * Description: The same of each of two planes
 *
 * SUBTEST: offset-bar
 * Description: The same at the end of a VFIO BAR, of any alignment
 *
 * SUBTEST: two-buffers
 * Description: Planes may be in buffers of their own
 *
 * SUBTEST: writeback-offset
 * Description: What is written back lands at the offset, and nowhere else
 */

IGT_TEST_DESCRIPTION("Check where a display finds the planes of a framebuffer");

static struct kms kms;

struct buffer {
	uint32_t handle;
	size_t size;
	char *p;
};

static struct buffer buffer_create(size_t size)
{
	struct buffer b = { .size = (size + SZ_4K - 1) & ~(SZ_4K - 1) };

	b.handle = drm_create_dumb(kms.drm, b.size);
	b.p = drm_mmap(kms.drm, b.handle, b.size, PROT_READ | PROT_WRITE);
	return b;
}

static void buffer_destroy(struct buffer *b)
{
	dbm_munmap(b->p, b->size);
	drm_close_handle(kms.drm, b->handle);
}

/* No line is like another. */
static void picture(char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = i * 0x9e3779b1ul >> 13;
}

static uint32_t crc_of(uint32_t format, const struct kms_plane *planes, int count)
{
	const uint32_t fb = kms_show_planes(&kms, format, planes, count);
	const uint32_t crc = kms_crc(&kms);

	kms_hide(&kms, fb);
	return crc;
}

/* At each of @offsets, in frames, of a buffer of @frames */
static void packed(int frames, const int *offsets, int count)
{
	const size_t size = kms_fb_size(&kms);
	struct buffer b = buffer_create(frames * size);
	const uint32_t black = kms_crc_black(&kms);
	uint32_t first = 0;

	for (int i = 0; i < count; i++) {
		const struct kms_plane plane = { b.handle, offsets[i] * size,
						 kms.mode.hdisplay * 4 };
		uint32_t crc;

		memset(b.p, 0, b.size);
		picture(b.p + plane.offset, size);
		crc = crc_of(DRM_FORMAT_XRGB8888, &plane, 1);
		igt_assert_neq(crc, black);
		if (!i)
			first = crc;
		igt_assert_eq(crc, first);
	}
	buffer_destroy(&b);
}

static void offset(void)
{
	packed(4, (const int[]) { 0, 1 }, 2);
}

static void offset_end(void)
{
	packed(3, (const int[]) { 0, 2 }, 2);
}

/* A line that is no multiple of what a wide load takes, and nothing behind the last one */
static void offset_bar(void)
{
	const size_t pitch = kms.mode.hdisplay * 4 + 8, line = kms.mode.hdisplay * 4;
	const size_t lines = kms.mode.vdisplay, frame = (lines - 1) * pitch + line;
	const size_t size = (frame + SZ_4K - 1) & ~(SZ_4K - 1);
	struct vfio_region_dma_range r = { SZ_2M, size };
	struct vfio_dev dev = { .fd = -1, .iommufd = -1 };
	struct buffer b = buffer_create(frame);
	struct kms_plane plane = { b.handle, 0, pitch };
	uint32_t wanted;
	char *bar;
	int dmabuf;

	vfio_require(&dev, SZ_2M + size, UINT64_MAX);
	vfio_open(&dev);
	dmabuf = __vfio_export(&dev, &r, 1, O_RDWR | O_CLOEXEC);
	igt_assert_fd(dmabuf);
	bar = dbm_mmap(dmabuf, size, PROT_READ | PROT_WRITE, 0);
	picture(b.p, frame);
	wanted = crc_of(DRM_FORMAT_XRGB8888, &plane, 1);

	igt_assert_eq(drm_import(kms.drm, dmabuf, &plane.handle), 0);
	for (int end = 0; end < 2; end++) {
		const size_t at = end ? size - frame : 0;

		memset(bar, 0, size);
		memcpy(bar + at, b.p, frame);
		plane.offset = at;
		igt_assert_eq(crc_of(DRM_FORMAT_XRGB8888, &plane, 1), wanted);
	}
	dbm_munmap(bar, size);
	drm_close_handle(kms.drm, plane.handle);
	close(dmabuf);
	vfio_close(&dev);
	buffer_destroy(&b);
}

/* NV12: a byte of luma a pixel, two of chroma for four */
static void semiplanar(bool apart, const size_t *gaps, int count)
{
	const uint32_t pitch = kms.mode.hdisplay;
	const size_t luma = pitch * kms.mode.vdisplay, chroma = luma / 2;
	uint32_t first = 0;

	for (int i = 0; i < count; i++) {
		const size_t at = gaps[i] + luma + gaps[i];
		struct buffer y = buffer_create(at + chroma), uv = apart && i ?
			buffer_create(gaps[i] + chroma) : y;
		const struct kms_plane planes[] = {
			{ y.handle, gaps[i], pitch },
			{ uv.handle, uv.p == y.p ? at : gaps[i], pitch },
		};
		uint32_t crc;

		memset(y.p, 0, y.size);
		picture(y.p + planes[0].offset, luma);
		picture(uv.p + planes[1].offset, chroma);
		crc = crc_of(DRM_FORMAT_NV12, planes, 2);
		if (!i) {
			first = crc;
			/* Chroma is looked at. */
			memset(uv.p + planes[1].offset, 0, chroma);
			igt_assert_neq(crc_of(DRM_FORMAT_NV12, planes, 2), first);
		}
		igt_assert_eq(crc, first);
		if (uv.p != y.p)
			buffer_destroy(&uv);
		buffer_destroy(&y);
	}
}

static void offset_planes(void)
{
	semiplanar(false, (const size_t[]) { 0, 5 * SZ_4K }, 2);
}

static void two_buffers(void)
{
	semiplanar(true, (const size_t[]) { 0, 0, 3 * SZ_4K }, 3);
}

static uint32_t property_id(uint32_t object, uint32_t type, const char *name)
{
	drmModeObjectPropertiesPtr all = drmModeObjectGetProperties(kms.drm, object, type);
	uint32_t id = 0;

	igt_assert(all);
	for (uint32_t i = 0; i < all->count_props; i++) {
		drmModePropertyPtr p = drmModeGetProperty(kms.drm, all->props[i]);

		igt_assert(p);
		if (!strcmp(p->name, name))
			id = p->prop_id;
		drmModeFreeProperty(p);
	}
	drmModeFreeObjectProperties(all);
	igt_assert_f(id, "there is no %s\n", name);
	return id;
}

static uint32_t writeback_connector(void)
{
	drmModeResPtr res;
	uint32_t id = 0;

	igt_require_f(!drmSetClientCap(kms.drm, DRM_CLIENT_CAP_ATOMIC, 1) &&
		      !drmSetClientCap(kms.drm, DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1),
		      "there is no writeback\n");
	res = drmModeGetResources(kms.drm);
	igt_assert(res);
	for (int i = 0; i < res->count_connectors; i++) {
		drmModeConnectorPtr c = drmModeGetConnectorCurrent(kms.drm, res->connectors[i]);

		if (c && c->connector_type == DRM_MODE_CONNECTOR_WRITEBACK)
			id = c->connector_id;
		drmModeFreeConnector(c);
	}
	drmModeFreeResources(res);
	igt_require_f(id, "there is no writeback connector\n");
	return id;
}

/* One frame of the CRTC into @fb */
static void write_back(uint32_t connector, uint32_t fb)
{
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	int fence = -1;
	struct pollfd done = { .events = POLLIN };
	const struct {
		const char *name;
		uint64_t value;
	} props[] = {
		{ "CRTC_ID", kms.crtc },
		{ "WRITEBACK_FB_ID", fb },
		{ "WRITEBACK_OUT_FENCE_PTR", (uintptr_t)&fence },
	};

	igt_assert(req);
	for (int i = 0; i < (int)ARRAY_SIZE(props); i++) {
		const uint32_t id = property_id(connector, DRM_MODE_OBJECT_CONNECTOR,
						props[i].name);

		igt_assert_lte(0, drmModeAtomicAddProperty(req, connector, id, props[i].value));
	}
	igt_assert_eq(drmModeAtomicCommit(kms.drm, req, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL), 0);
	drmModeAtomicFree(req);
	igt_assert_fd(fence);
	done.fd = fence;
	igt_assert_eq(poll(&done, 1, 30000), 1);
	close(fence);
}

static void writeback_offset(void)
{
	const size_t size = kms_fb_size(&kms);
	const uint32_t connector = writeback_connector(), pitch = kms.mode.hdisplay * 4;
	struct buffer shown = buffer_create(size), target = buffer_create(3 * size);
	const uint32_t handles[4] = { target.handle }, pitches[4] = { pitch };
	const uint32_t offsets[4] = { 2 * size };
	uint32_t fb, out;

	picture(shown.p, size);
	memset(target.p, 0, target.size);
	fb = kms_show(&kms, shown.handle);
	igt_assert_eq(drmModeAddFB2(kms.drm, kms.mode.hdisplay, kms.mode.vdisplay,
				    DRM_FORMAT_XRGB8888, handles, pitches, offsets, &out, 0), 0);
	write_back(connector, out);
	for (size_t i = 0; i < 2 * size; i += 4)
		igt_assert_eq(*(uint32_t *)(target.p + i), 0);
	for (size_t i = 0; i < size; i += 4)
		igt_assert_eq(*(uint32_t *)(target.p + 2 * size + i) & 0xffffff,
			      *(uint32_t *)(shown.p + i) & 0xffffff);
	kms_hide(&kms, fb);
	igt_assert_eq(drmModeRmFB(kms.drm, out), 0);
	buffer_destroy(&target);
	buffer_destroy(&shown);
}

static uint32_t plane_with(uint32_t fb)
{
	drmModePlaneResPtr res;
	uint32_t id = 0;

	igt_require_f(!drmSetClientCap(kms.drm, DRM_CLIENT_CAP_ATOMIC, 1),
		      "there are no atomic commits\n");
	res = drmModeGetPlaneResources(kms.drm);
	igt_assert(res);
	for (uint32_t i = 0; i < res->count_planes; i++) {
		drmModePlanePtr plane = drmModeGetPlane(kms.drm, res->planes[i]);

		if (plane && plane->fb_id == fb)
			id = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(res);
	igt_assert(id);
	return id;
}

/* Returns 0 or the error of a commit that shows @fb on @plane. */
static int commit(uint32_t plane, uint32_t fb, uint32_t flags)
{
	const uint32_t id = property_id(plane, DRM_MODE_OBJECT_PLANE, "FB_ID");
	drmModeAtomicReqPtr req = drmModeAtomicAlloc();
	int err;

	igt_assert(req);
	igt_assert_lte(0, drmModeAtomicAddProperty(req, plane, id, fb));
	err = drmModeAtomicCommit(kms.drm, req, flags, NULL);
	drmModeAtomicFree(req);
	return err;
}

struct imported {
	int dmabuf;
	uint32_t handle, fb;
};

static struct imported import_frame(const struct vfio_dev *dev, size_t size, int access)
{
	const uint32_t pitches[4] = { kms.mode.hdisplay * 4 }, offsets[4] = {};
	struct vfio_region_dma_range r = { SZ_2M, size };
	struct imported i = { .dmabuf = __vfio_export(dev, &r, 1, access | O_CLOEXEC) };
	uint32_t handles[4] = {};

	igt_assert_fd(i.dmabuf);
	igt_assert_eq(drm_import(kms.drm, i.dmabuf, &i.handle), 0);
	handles[0] = i.handle;
	igt_assert_eq(drmModeAddFB2(kms.drm, kms.mode.hdisplay, kms.mode.vdisplay,
				    DRM_FORMAT_XRGB8888, handles, pitches, offsets, &i.fb, 0), 0);
	return i;
}

static void import_end(const struct imported *i)
{
	igt_assert_eq(drmModeRmFB(kms.drm, i->fb), 0);
	drm_close_handle(kms.drm, i->handle);
	close(i->dmabuf);
}

/* A frame that is shown, and a BAR */
struct screen {
	struct vfio_dev dev;
	struct buffer b;
	uint32_t fb, plane;
};

static struct screen screen_open(void)
{
	const size_t size = (kms_fb_size(&kms) + SZ_4K - 1) & ~(SZ_4K - 1);
	struct screen s = { .dev = { .fd = -1, .iommufd = -1 } };

	vfio_require(&s.dev, SZ_2M + size, UINT64_MAX);
	vfio_open(&s.dev);
	s.b = buffer_create(size);
	picture(s.b.p, size);
	s.fb = kms_show(&kms, s.b.handle);
	s.plane = plane_with(s.fb);
	return s;
}

static void screen_close(struct screen *s)
{
	kms_hide(&kms, s->fb);
	buffer_destroy(&s->b);
}

/* As a compositor asks: is it for the plane, or to be composed? */
static void readonly_bar(void)
{
	struct screen s = screen_open();
	const uint32_t wanted = kms_crc(&kms);
	struct imported i = import_frame(&s.dev, s.b.size, O_RDONLY);

	igt_assert_eq(commit(s.plane, i.fb, DRM_MODE_ATOMIC_TEST_ONLY), -EINVAL);
	igt_assert_eq(commit(s.plane, i.fb, 0), -EINVAL);
	igt_assert_eq(kms_crc(&kms), wanted);
	import_end(&i);

	i = import_frame(&s.dev, s.b.size, O_RDWR);
	igt_assert_eq(commit(s.plane, i.fb, DRM_MODE_ATOMIC_TEST_ONLY), 0);
	import_end(&i);
	vfio_close(&s.dev);
	screen_close(&s);
}

/* A compositor says with each frame what is on each plane. */
static void revoked_bar(void)
{
	const uint32_t black = kms_crc_black(&kms);
	struct screen s = screen_open();
	struct imported i = import_frame(&s.dev, s.b.size, O_RDWR);

	igt_assert_eq(commit(s.plane, i.fb, 0), 0);
	vfio_close(&s.dev);
	igt_assert_eq(commit(s.plane, i.fb, DRM_MODE_ATOMIC_TEST_ONLY), 0);
	igt_assert_eq(commit(s.plane, i.fb, 0), 0);
	igt_assert_eq(kms_crc(&kms), black);

	igt_assert_eq(commit(s.plane, s.fb, 0), 0);
	igt_assert_eq(commit(s.plane, i.fb, DRM_MODE_ATOMIC_TEST_ONLY), -EINVAL);
	import_end(&i);
	screen_close(&s);
}

static const struct dbm_test tests[] = {
	{ "offset", "A framebuffer that begins within its buffer looks as one at its start",
	  offset },
	{ "offset-end", "Nothing behind the end of the buffer is looked at", offset_end },
	{ "offset-bar", "The same at the end of a VFIO BAR, of any alignment", offset_bar },
	{ "readonly-bar", "What may not be mapped for importers is refused by the check",
	  readonly_bar },
	{ "revoked-bar", "What is revoked for good stays on the screen, black", revoked_bar },
	{ "offset-planes", "The same of each of two planes", offset_planes },
	{ "two-buffers", "Planes may be in buffers of their own", two_buffers },
	{ "writeback-offset", "What is written back lands at the offset, and nowhere else",
	  writeback_offset },
};

int igt_main()
{
	igt_fixture() {
		const int vkms = drm_open_by_name("vkms");

		igt_require_f(vkms >= 0, "there is no vkms\n");
		kms_require(&kms, vkms);
	}

	dbm_subtests(tests, 60);

	igt_fixture()
		close(kms.drm);
}
