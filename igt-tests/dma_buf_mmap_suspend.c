// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "dma_buf_mmap/access.h"
#include "dma_buf_mmap/hammer.h"
#include "dma_buf_mmap/ptdump.h"
#include "dma_buf_mmap/sources.h"
#include "dma_buf_mmap/vttm.h"

/**
 * TEST: dma buf mmap suspend
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dmabuf
 * Functionality: buffer management
 * Description: What is mapped before the system is suspended is there when it resumes.  The
 *              system does all but the last step of a suspend to idle (pm_test=platform): no
 *              power is cut, so memory that loses its data then is not tested.
 *
 * SUBTEST: data
 * Description: Every alias of every exporter's buffer has its data
 *
 * SUBTEST: vram
 * Description: VRAM is in system memory meanwhile, and nothing maps it any more
 *
 * SUBTEST: asleep
 * Description: The same of a device that has gone to sleep by itself
 *
 * SUBTEST: hammer
 * Description: Threads on a mapping notice nothing
 *
 * SUBTEST: peer
 * Description: Importers are told that VRAM moves
 */

IGT_TEST_DESCRIPTION("Check mappings across a suspend of the system");

#define SIZE	(2 * SZ_2M)

static struct vttm dev;

static void suspend(void)
{
	igt_system_suspend_autoresume(SUSPEND_STATE_FREEZE, SUSPEND_TEST_PLATFORM);
}

/* A network file system over a virtual device may not come back: whoever runs from it hangs. */
static void require_suspend(void)
{
	char line[512];
	bool p9 = false;
	FILE *f;

	igt_require_f(access("/sys/power/pm_test", W_OK) == 0,
		      "the kernel cannot try a suspend (CONFIG_SUSPEND, CONFIG_PM_DEBUG, root)\n");
	f = fopen("/proc/self/mounts", "r");
	igt_assert(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "trans=virtio"))
			p9 = true;
	fclose(f);
	igt_require_f(!p9, "9p over virtio is mounted, which no suspend leaves usable\n");
}

static void data(const struct source *s)
{
	struct source_buffer b;
	char *maps[2], *native = NULL;
	int n;

	/* A suspend resets QEMU's virtio-gpu, which then knows none of the resources. */
	igt_emit_ignore_dmesg_regex("virtio_gpu_dequeue_ctrl_func.*response 0x1203");
	b = source_create_filled(s);
	n = source_map_both(&b, maps);
	if (b.native >= 0)
		native = source_map_native(&b, PROT_READ | PROT_WRITE);
	/* one of them has leaves, the others have not */
	source_check(&b, maps[0], SOURCE_SIZE, 0);
	suspend();
	for (int i = n - 1; i >= 0; i--) {
		source_check(&b, maps[i], SOURCE_SIZE, 0);
		dbm_munmap(maps[i], SOURCE_SIZE);
	}
	if (native) {
		source_check(&b, native, SOURCE_SIZE, 0);
		dbm_munmap(native, SOURCE_SIZE);
	}
	source_destroy(&b);
	/* It says so when it answers, and nobody can wait for that: not into the next subtest. */
	usleep(200000);
}

static uint32_t domain(const struct drm_buffer *b)
{
	return vttm_info(&dev, b, 0).domain;
}

static void check_vram(struct drm_buffer *b)
{
	suspend();
	ptdump_assert_none(b->shared, SIZE);
	ptdump_assert_none(b->native, SIZE);
	igt_assert_eq(domain(b), DRM_VTTM_DOMAIN_SYSTEM);
	drm_buffer_check(b, 0);
	vttm_place(&dev, b, DRM_VTTM_DOMAIN_VRAM);
	drm_buffer_check(b, 0);
	igt_assert_eq(domain(b), DRM_VTTM_DOMAIN_VRAM);
}

static void vram(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	for (int i = 0; i < 2; i++) {
		drm_buffer_check(&b, 0);
		check_vram(&b);
	}
	drm_buffer_destroy(dev.fd, &b);
}

static void asleep(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);

	dbm_fill(b.shared, SIZE, 0);
	vttm_sleep_after(&dev, 100);
	vttm_wait_asleep(&dev);
	check_vram(&b);
	drm_buffer_destroy(dev.fd, &b);
	vttm_reset(&dev);
}

static void hammer(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	struct hammer *h[2];

	dbm_fill(b.shared, SIZE, 0);
	vttm_set(&dev, "copy_delay_ms", 5);
	drm_buffer_hammer(&b, h);
	for (int i = 0; i < 3; i++) {
		suspend();
		for (int j = 0; j < 2; j++)
			hammer_assert_progress(h[j], 10000);
		vttm_place(&dev, &b, DRM_VTTM_DOMAIN_VRAM);
	}
	for (int j = 0; j < 2; j++)
		hammer_stop(h[j]);
	drm_buffer_check(&b, 0);
	drm_buffer_destroy(dev.fd, &b);
	vttm_reset(&dev);
}

static void peer(void)
{
	struct drm_buffer b = vttm_create(&dev, SIZE, DRM_VTTM_DOMAIN_VRAM);
	struct vttm_peer p = vttm_peer_import(&b);

	dbm_fill(b.native, SIZE, 0);
	vttm_peer_check(&p, 0);
	igt_assert_eq(domain(&b), DRM_VTTM_DOMAIN_VRAM);
	suspend();
	dbm_fill(b.native, SIZE, SIZE);
	vttm_peer_check(&p, SIZE);
	vttm_peer_close(&p);
	drm_buffer_destroy(dev.fd, &b);
}

static const struct dbm_test tests[] = {
	{ "vram", "VRAM is in system memory meanwhile, and nothing maps it any more", vram },
	{ "asleep", "The same of a device that has gone to sleep by itself", asleep },
	{ "hammer", "Threads on a mapping notice nothing", hammer },
	{ "peer", "Importers are told that VRAM moves", peer },
};

int igt_main()
{
	igt_fixture()
		require_suspend();

	igt_describe("Every alias of every exporter's buffer has its data");
	sources_subtest("data", 0, data);
	igt_fixture()
		sources_close();

	igt_subtest_group() {
		igt_fixture() {
			igt_require_f(ptdump_available(),
				      "the page tables cannot be read (CONFIG_PTDUMP_DEBUGFS, root)\n");
			vttm_require(&dev);
		}
		dbm_subtests(tests, 60);
		igt_fixture()
			vttm_close(&dev);
	}
}
