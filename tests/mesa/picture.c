// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "picture.h"

static struct source *find(const char *name, size_t length)
{
	sources_take_known();
	for (size_t i = 0; i < source_count; i++)
		if (strlen(sources[i].name) == length && !strncmp(sources[i].name, name, length))
			return &sources[i];
	case_broken(__FILE__, __LINE__, "there is no source '%s'", name);
}

struct picture picture_create(const char *source, int width, int height)
{
	struct picture p = { .width = width, .height = height };
	size_t length = strlen(source);
	bool readonly = length > 3 && !strcmp(source + length - 3, "-ro");
	struct source *s = find(source, readonly ? length - 3 : length);
	const size_t size = width * height * 4;

	igt_assert(size <= SOURCE_SIZE);
	s->require(s);
	p.b = source_create(s, readonly ? O_RDONLY : O_RDWR);
	if (p.b.native >= 0)
		p.pixels = dbm_mmap(p.b.native, size, PROT_READ | PROT_WRITE, p.b.native_offset);
	else
		p.pixels = dbm_mmap(p.b.fd, size, PROT_READ | PROT_WRITE, 0);
	return p;
}

uint32_t picture_pixel(uint32_t seed, int x, int y)
{
	return ((seed * 2654435761u) ^ (y * 40503u + x * 2246822519u)) & 0xffffff;
}

void picture_fill(const struct picture *p, uint32_t seed)
{
	for (int y = 0; y < p->height; y++)
		for (int x = 0; x < p->width; x++)
			p->pixels[y * p->width + x] = picture_pixel(seed, x, y);
}

bool picture_is(const struct picture *p, uint32_t pixel)
{
	for (int i = 0; i < p->width * p->height; i++)
		if ((p->pixels[i] & 0xffffff) != pixel)
			return false;
	return true;
}
