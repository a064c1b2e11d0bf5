/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef COMPAT_LINE_H
#define COMPAT_LINE_H

/* Shared with the process that prints it: what was found out until it died is there. */
struct line {
	char text[2000];
};

extern struct line *line;

#endif
