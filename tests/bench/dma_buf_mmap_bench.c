// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "bench.h"
#include "dma_buf_mmap/mock.h"

/**
 * TEST: dma-buf mmap bench
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: dma-buf
 * Functionality: CPU mapping
 * Description: What mapping, touching and zapping cost. Each subtest prints lines
 *	"FIGURE name value": the least of some rounds, in ticks of the CPU's time stamp counter,
 *	which under QEMU's icount are instructions, or a count of faults, pages or bytes
 */
IGT_TEST_DESCRIPTION("What CPU mappings of dma-bufs cost");

static const struct bench *const benches[] = {
	fault_benches, whole_benches, zap_benches, scale_benches, cpu_benches,
	iommu_benches,
};

static const struct measure *const measures[] = {
	fault_measures, whole_measures, life_measures, cpu_measures,
};

static void one_bench(const struct bench *bench)
{
	igt_subtest(bench->name) {
		if (bench->mock)
			mock_require();
		if (bench->bar)
			bars_require();
		bench->run();
	}
}

static void one_measure(const struct measure *m, const struct kind *k, bool shifted)
{
	char name[96];

	snprintf(name, sizeof(name), "%s-%s%s", k->name, m->name, shifted ? "-small" : "");
	igt_subtest(name)
		m->run(k, shifted ? SZ_4K : 0, name);
}

static void each_kind(const struct measure *m)
{
	for (size_t i = 0; i < kind_count; i++) {
		if (m->has && !m->has(&kinds[i]))
			continue;
		one_measure(m, &kinds[i], false);
		if (m->small && kinds[i].large)
			one_measure(m, &kinds[i], true);
	}
}

int igt_main()
{
	const char *text = getenv("ROUNDS");

	if (text)
		fixed_rounds = atoi(text);
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
		for (const struct bench *bench = benches[i]; bench->name; bench++)
			one_bench(bench);
	for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
		for (const struct measure *m = measures[i]; m->name; m++)
			each_kind(m);

	igt_fixture()
		bars_close();
}
