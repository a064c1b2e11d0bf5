// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"

/* How one comes to map a buffer */

static int open_dmabuf(struct target *t, const struct way *w)
{
	int err = t->b.e->export(&t->b, w->access);

	t->fd = t->b.dmabuf;
	t->offset = 0;
	return err;
}

/* The dma-buf, once nothing else leads to the buffer */
static int open_closed(struct target *t, const struct way *w)
{
	int err = open_dmabuf(t, w);

	if (!err && t->b.e->release)
		t->b.e->release(&t->b);
	t->b.own = -1;
	return err;
}

static int open_own(struct target *t, const struct way *w)
{
	(void)w;
	t->fd = t->b.own;
	t->offset = t->b.own_offset;
	return 0;
}

/* Both: there is a dma-buf, but it is mapped by the exporter's own fd */
static int open_own_exported(struct target *t, const struct way *w)
{
	int err = open_dmabuf(t, w);

	return err ? err : open_own(t, w);
}

static int open_import(struct target *t, const struct way *w)
{
	int err = open_dmabuf(t, w);

	return err ? err : import_drm(t, *w->importer ? w->importer : t->b.e->device, t->b.dmabuf);
}

#define IMPORT(n, driver, access) \
	{ n, open_import, access, driver, WAY_IMPORT }

const struct way ways[] = {
	{ "dmabuf", open_dmabuf, O_RDWR, NULL, 0 },
	{ "dmabuf-ro", open_dmabuf, O_RDONLY, NULL, WAY_BRIEF },
	{ "dmabuf-closed", open_closed, O_RDWR, NULL, WAY_BRIEF },
	{ "dmabuf-forked", open_dmabuf, O_RDWR, NULL, WAY_FORKED | WAY_BRIEF },
	{ "own", open_own, 0, NULL, 0 },
	{ "own-exported-ro", open_own_exported, O_RDONLY, NULL, WAY_BRIEF },
	{ "own-forked", open_own, 0, NULL, WAY_FORKED | WAY_BRIEF },
	{ "self", open_import, O_RDWR, "", WAY_BRIEF },
	{ "self-ro", open_import, O_RDONLY, "", WAY_BRIEF },
	IMPORT("import-vgem", "vgem", O_RDWR),
	IMPORT("import-vgem-ro", "vgem", O_RDONLY),
	IMPORT("import-vkms", "vkms", O_RDWR),
	IMPORT("import-vkms-ro", "vkms", O_RDONLY),
	IMPORT("import-bochs", "bochs-drm", O_RDWR),
	IMPORT("import-virtio", "virtio_gpu", O_RDWR),
};

const size_t way_count = ARRAY_SIZE(ways);

bool way_fits(const struct way *w, const struct exporter *e)
{
	bool own = w->open == open_own;
	bool self = w->importer && !*w->importer;

	if (e->flags & EXPORTER_NO_DMABUF)
		return own;
	if (own)
		return !(e->flags & EXPORTER_NO_OWN);
	if (w->open == open_own_exported && e->flags & EXPORTER_NO_OWN)
		return false;
	if (w->access == O_RDONLY && e->flags & EXPORTER_NO_RO)
		return false;
	if (w->importer && e->device && !strcmp(w->importer, e->device))
		return false; /* "self" */
	if (w->importer && !self && e->flags & EXPORTER_NO_PEERS)
		return false;
	return !self || e->flags & EXPORTER_DRM;
}
