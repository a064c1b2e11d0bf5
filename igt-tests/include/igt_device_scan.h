/* SPDX-License-Identifier: MIT */
/*
 * Copyright © 2026 dmabuf-mmap authors
 *
 * Which devices --device or IGT_DEVICE names; for what else is true of this file see igt.h.
 */
#ifndef IGT_DEVICE_SCAN_H
#define IGT_DEVICE_SCAN_H

#include <limits.h>

struct igt_device_card {
	char subsystem[NAME_MAX];
	char card[NAME_MAX];
	/* What follows is not the same in all versions. */
	char rest[8 * NAME_MAX];
};

int igt_device_filter_count(void);
const char *igt_device_filter_get(int num);
bool igt_device_card_match(const char *filter, struct igt_device_card *card);

#endif
