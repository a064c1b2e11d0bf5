// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of mappings of GEM objects that have drm_gem_mmap_vm_ops: through a
 * file of the device, through drm_gem_prime_mmap() and through the file of a frame
 * buffer device, with real page faults; and of what a purged object of the shmem
 * helpers answers.
 */
#include <kunit/test.h>
#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#define NR_PAGES	4

struct gem_mmap_obj {
	struct drm_gem_object base;
	struct page *pages[NR_PAGES];
	int err;	/* what get_range returns */
	unsigned int gets;	/* how often get_range was called */
};

struct gem_mmap_test {
	struct gem_mmap_obj *obj;
	struct file *file;
	/* how @file maps, if not as that of a DRM device */
	int (*mmap)(struct drm_gem_object *gem, struct vm_area_struct *vma);
};

static int gem_mmap_get_range(void *priv, pgoff_t pgoff, bool populate,
			      struct dma_buf_range *range)
{
	struct gem_mmap_obj *obj = container_of(priv, struct gem_mmap_obj, base);

	obj->gets++;
	if (obj->err)
		return obj->err;

	dma_buf_range_from_pages(obj->pages, NR_PAGES, range);
	return 0;
}

static int gem_mmap_may_map(void *priv)
{
	struct gem_mmap_obj *obj = container_of(priv, struct gem_mmap_obj, base);

	return obj->err == -ENODEV || obj->err == -EACCES ? obj->err : 0;
}

static const struct dma_buf_mmap_ops gem_mmap_ops = {
	.get_range = gem_mmap_get_range,
	.may_map = gem_mmap_may_map,
};

static void gem_mmap_free(struct drm_gem_object *gem)
{
	struct gem_mmap_obj *obj = container_of(gem, struct gem_mmap_obj, base);
	unsigned int i;

	drm_gem_object_release(gem);
	for (i = 0; i < NR_PAGES; i++)
		__free_page(obj->pages[i]);
	kfree(obj);
}

static const struct dma_buf_ops gem_mmap_dmabuf_ops = {
	.map_dma_buf = drm_gem_map_dma_buf,
	.unmap_dma_buf = drm_gem_unmap_dma_buf,
	.mmap = drm_gem_dmabuf_mmap,
	.release = drm_gem_dmabuf_release,
};

/* The device of a test has no file operations, whose owner drm_gem_prime_export() asks for. */
static struct dma_buf *gem_mmap_export(struct drm_gem_object *gem, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = &gem_mmap_dmabuf_ops;
	exp_info.size = gem->size;
	exp_info.flags = flags;
	exp_info.priv = gem;
	exp_info.resv = gem->resv;
	return drm_gem_dmabuf_export(gem->dev, &exp_info);
}

static const struct drm_gem_object_funcs gem_mmap_funcs = {
	.free = gem_mmap_free,
	.export = gem_mmap_export,
	.vm_ops = &drm_gem_mmap_vm_ops,
};

/* Of a driver that maps in faults of its own, of which there are none here */
static const struct vm_operations_struct gem_mmap_own_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static const struct drm_gem_object_funcs gem_mmap_own_funcs = {
	.free = gem_mmap_free,
	.vm_ops = &gem_mmap_own_vm_ops,
};

static int gem_mmap_fop_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct gem_mmap_test *t = file->private_data;
	struct drm_gem_object *gem = &t->obj->base;

	if (t->mmap)
		return t->mmap(gem, vma);

	vma->vm_pgoff += drm_vma_node_start(&gem->vma_node);
	return drm_gem_mmap_obj(gem, gem->size, vma);
}

static const struct file_operations gem_mmap_fops = {
	.mmap = gem_mmap_fop_mmap,
};

static struct gem_mmap_obj *gem_mmap_make(struct kunit *test,
					  struct drm_device *drm)
{
	struct gem_mmap_obj *obj = kzalloc_obj(*obj);
	unsigned int i;
	u64 *first;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	obj->base.funcs = &gem_mmap_funcs;
	obj->base.mmap.ops = &gem_mmap_ops;
	drm_gem_private_object_init(drm, &obj->base, NR_PAGES * PAGE_SIZE);
	for (i = 0; i < NR_PAGES; i++) {
		obj->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOFAIL);
		first = page_address(obj->pages[i]);
		*first = i + 1;
	}
	return obj;
}

static int gem_mmap_init(struct kunit *test)
{
	struct gem_mmap_test *t;
	struct drm_device *drm;
	struct device *dev;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_ASSERT_EQ(test, 0, kunit_attach_mm());

	dev = drm_kunit_helper_alloc_device(test);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	drm = __drm_kunit_helper_alloc_drm_device(test, dev, sizeof(*drm), 0,
						  DRIVER_GEM);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, drm);

	t->obj = gem_mmap_make(test, drm);
	test->priv = t;

	t->file = anon_inode_getfile("[gem-mmap]", &gem_mmap_fops, t, O_RDWR);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->file);
	t->file->f_mapping = drm->anon_inode->i_mapping;
	return 0;
}

static void gem_mmap_exit(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;

	if (!t)
		return;
	if (!IS_ERR_OR_NULL(t->file))
		fput(t->file);
	/* The object must be gone before the device is. */
	flush_delayed_fput();
	drm_gem_object_put(&t->obj->base);
}

static unsigned long gem_mmap_map(struct gem_mmap_test *t, pgoff_t pgoff,
				  unsigned int nr, unsigned long flags)
{
	return vm_mmap(t->file, 0, nr * PAGE_SIZE, PROT_READ | PROT_WRITE, flags,
		       pgoff << PAGE_SHIFT);
}

struct gem_mmap_way {
	const char *description;
	int (*mmap)(struct drm_gem_object *gem, struct vm_area_struct *vma);
	bool foreign;	/* the file is not the device's */
};

static const struct gem_mmap_way gem_mmap_ways[] = {
	{ "DRM fd" },
	{ "PRIME", drm_gem_prime_mmap },
	{ "frame buffer device", drm_gem_prime_mmap_export, true },
};

KUNIT_ARRAY_PARAM_DESC(gem_mmap_ways, gem_mmap_ways, description);

/* A mapping shows the pages of its offset, and a zap of the object reaches it. */
static void gem_mmap_pages(struct kunit *test)
{
	const struct gem_mmap_way *way = test->param_value;
	struct gem_mmap_test *t = test->priv;
	struct drm_gem_object *gem = &t->obj->base;
	unsigned long addr, err;
	unsigned int i;
	u64 val;

	t->mmap = way->mmap;
	if (way->foreign)
		t->file->f_mapping = file_inode(t->file)->i_mapping;
	KUNIT_ASSERT_EQ(test, 0, drm_gem_create_mmap_offset(gem));
	addr = gem_mmap_map(t, 1, NR_PAGES - 1, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	for (i = 1; i < NR_PAGES; i++) {
		val = 0;
		KUNIT_EXPECT_EQ(test, 0, copy_from_user(&val, (void __user *)addr +
							(i - 1) * PAGE_SIZE,
							sizeof(val)));
		KUNIT_EXPECT_EQ(test, val, i + 1);
	}

	KUNIT_EXPECT_TRUE(test, gem->mmap.mapped);
	dma_resv_lock(gem->resv, NULL);
	t->obj->err = -ENODEV;
	dma_buf_mmap_zap(&gem->mmap);
	dma_resv_unlock(gem->resv);
	err = copy_from_user(&val, (void __user *)addr, sizeof(val));
	/* Through a dma-buf accesses complete, as in the importer's file, but of what is gone. */
	KUNIT_EXPECT_EQ(test, !err, way->foreign && VM_NOSIGBUS);
	KUNIT_EXPECT_TRUE(test, err || !val);
	vm_munmap(addr, (NR_PAGES - 1) * PAGE_SIZE);
}

struct gem_mmap_rule {
	const char *description;
	bool prime;
	pgoff_t pgoff;
	unsigned int nr;
	unsigned long flags;
	int err;		/* what get_range answers */
	int expected;
};

static const struct gem_mmap_rule gem_mmap_rules[] = {
	{ "whole", false, 0, NR_PAGES, MAP_SHARED, 0, 0 },
	{ "whole, PRIME", true, 0, NR_PAGES, MAP_SHARED, 0, 0 },
	{ "too long", false, 0, NR_PAGES + 1, MAP_SHARED, 0, -EINVAL },
	{ "begins at the end", false, NR_PAGES, 1, MAP_SHARED, 0, -EINVAL },
	{ "begins at the end, PRIME", true, NR_PAGES, 1, MAP_SHARED, 0, -EINVAL },
	{ "ends outside, PRIME", true, NR_PAGES - 1, 2, MAP_SHARED, 0, -EINVAL },
	{ "private", false, 0, 1, MAP_PRIVATE, 0, -EINVAL },
	{ "not populated", false, 0, 1, MAP_SHARED, -ENODATA, 0 },
	{ "moving", false, 0, 1, MAP_SHARED, -EAGAIN, 0 },
	{ "gone", false, 0, 1, MAP_SHARED, -ENODEV, -ENODEV },
	{ "never mappable", false, 0, 1, MAP_SHARED, -EACCES, -EACCES },
};

KUNIT_ARRAY_PARAM_DESC(gem_mmap_rules, gem_mmap_rules, description);

/* mmap() says what a fault could only say by SIGBUS. */
static void gem_mmap_refuses(struct kunit *test)
{
	const struct gem_mmap_rule *rule = test->param_value;
	struct gem_mmap_test *t = test->priv;
	unsigned long addr;

	t->mmap = rule->prime ? drm_gem_prime_mmap : NULL;
	t->obj->err = rule->err;
	KUNIT_ASSERT_EQ(test, 0, drm_gem_create_mmap_offset(&t->obj->base));
	addr = gem_mmap_map(t, rule->pgoff, rule->nr, rule->flags);
	if (rule->expected) {
		KUNIT_EXPECT_EQ(test, (long)addr, (long)rule->expected);
		return;
	}
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	vm_munmap(addr, rule->nr * PAGE_SIZE);
}

/* An object that nobody can answer for is not mapped at all. */
static void gem_mmap_no_ops(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;

	t->obj->base.mmap.ops = NULL;
	KUNIT_ASSERT_EQ(test, 0, drm_gem_create_mmap_offset(&t->obj->base));
	KUNIT_EXPECT_EQ(test, -EINVAL, (long)gem_mmap_map(t, 0, 1, MAP_SHARED));
}

/* A driver that maps in faults of its own is asked for nothing outside of its object. */
static void gem_mmap_own_faults(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;
	unsigned long addr;

	t->mmap = drm_gem_prime_mmap;
	t->obj->base.funcs = &gem_mmap_own_funcs;
	t->obj->base.mmap.ops = NULL;
	addr = gem_mmap_map(t, NR_PAGES - 1, 1, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	vm_munmap(addr, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, -EINVAL, (long)gem_mmap_map(t, NR_PAGES - 1, 2, MAP_SHARED));
	KUNIT_EXPECT_EQ(test, -EINVAL, (long)gem_mmap_map(t, NR_PAGES, 1, MAP_SHARED));
}

/* drm_gem_prime_mmap() gives an object an offset, or a zap would not find it. */
static void gem_mmap_prime_offset(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;
	unsigned long addr;

	t->mmap = drm_gem_prime_mmap;
	addr = gem_mmap_map(t, 0, NR_PAGES, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_NE(test, drm_vma_node_start(&t->obj->base.vma_node), 0);
	vm_munmap(addr, NR_PAGES * PAGE_SIZE);
}

/* Who purges takes the pages for good, whoever asks for them. */
static void gem_mmap_purged(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;
	struct drm_gem_shmem_object *shmem;
	struct dma_buf_range range = {};
	struct dma_buf_mmap *m;

	shmem = drm_gem_shmem_create(t->obj->base.dev, PAGE_SIZE);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, shmem);
	m = &shmem->base.mmap;
	dma_resv_lock(shmem->base.resv, NULL);
	KUNIT_EXPECT_EQ(test, -ENODATA,
			m->ops->get_range(&shmem->base, 0, false, &range));
	/* As drm_gem_shmem_purge_locked() leaves it */
	shmem->madv = -1;
	KUNIT_EXPECT_EQ(test, -ENODEV,
			m->ops->get_range(&shmem->base, 0, false, &range));
	dma_resv_unlock(shmem->base.resv);

	drm_gem_object_put(&shmem->base);
}

/*
 * What was touched through a file of the device alone is zapped when the dma-buf is
 * invalidated; what is exported for a look-up does not become the object's dma-buf.
 */
static void gem_mmap_one_object(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;
	struct drm_gem_object *gem = &t->obj->base;
	struct dma_buf *dmabuf;
	unsigned long addr;
	u64 val, offset;

	KUNIT_ASSERT_EQ(test, 0, drm_gem_create_mmap_offset(gem));
	addr = gem_mmap_map(t, 0, NR_PAGES, MAP_SHARED);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_EXPECT_EQ(test, 0, copy_from_user(&val, (void __user *)addr, sizeof(val)));

	/* For whom it has to stay, none is made. */
	gem->mmap.flags |= DMA_BUF_MMAP_MOVES;
	KUNIT_EXPECT_PTR_EQ(test, ERR_PTR(-ENOENT),
			    dma_buf_get_from_address(current->mm, addr, 8, VM_READ, true,
						     &offset));
	KUNIT_EXPECT_TRUE(test, list_empty(&gem->exports));
	gem->mmap.flags &= ~DMA_BUF_MMAP_MOVES;

	dmabuf = dma_buf_get_from_address(current->mm, addr + PAGE_SIZE + 8, 8,
					  VM_READ, true, &offset);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	KUNIT_EXPECT_EQ(test, offset, PAGE_SIZE + 8);
	KUNIT_EXPECT_PTR_EQ(test, dmabuf->mmap, &gem->mmap);
	KUNIT_EXPECT_NULL(test, gem->dma_buf);
	KUNIT_EXPECT_FALSE(test, dmabuf->file->f_mode & FMODE_WRITE);

	dma_resv_lock(dmabuf->resv, NULL);
	t->obj->err = -ENODEV;
	dma_buf_invalidate_mappings(dmabuf);
	dma_resv_unlock(dmabuf->resv);
	KUNIT_EXPECT_NE(test, 0, copy_from_user(&val, (void __user *)addr, sizeof(val)));

	dma_buf_put(dmabuf);
	vm_munmap(addr, NR_PAGES * PAGE_SIZE);
}

static void gem_mmap_touch_all(struct kunit *test, unsigned long addr)
{
	unsigned int i;
	u64 val = 0;

	for (i = 0; i < NR_PAGES; i++) {
		KUNIT_EXPECT_EQ(test, 0, copy_from_user(&val, (void __user *)addr +
							i * PAGE_SIZE,
							sizeof(val)));
		KUNIT_EXPECT_EQ(test, val, i + 1);
	}
}

/* A zap takes the leaves of its object, and none of the neighbours in the mapping space. */
static void gem_mmap_neighbours(struct kunit *test)
{
	struct gem_mmap_test *t = test->priv;
	struct gem_mmap_obj *obj[2] = { t->obj };
	unsigned int gets[2], i;
	unsigned long addr[2];

	obj[1] = gem_mmap_make(test, t->obj->base.dev);
	for (i = 0; i < 2; i++) {
		/* Whose object the file maps */
		t->obj = obj[i];
		KUNIT_EXPECT_EQ(test, 0, drm_gem_create_mmap_offset(&obj[i]->base));
		addr[i] = gem_mmap_map(t, 0, NR_PAGES, MAP_SHARED);
		KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(addr[i]));
		gem_mmap_touch_all(test, addr[i]);
	}
	t->obj = obj[0];
	KUNIT_EXPECT_EQ(test, drm_vma_node_start(&obj[1]->base.vma_node),
			drm_vma_node_start(&obj[0]->base.vma_node) + NR_PAGES);

	for (i = 0; i < 2; i++) {
		gets[0] = obj[0]->gets;
		gets[1] = obj[1]->gets;
		dma_resv_lock(obj[i]->base.resv, NULL);
		dma_buf_mmap_zap(&obj[i]->base.mmap);
		dma_resv_unlock(obj[i]->base.resv);
		gem_mmap_touch_all(test, addr[!i]);
		KUNIT_EXPECT_EQ(test, gets[!i], obj[!i]->gets);
		gem_mmap_touch_all(test, addr[i]);
		KUNIT_EXPECT_LT(test, gets[i], obj[i]->gets);
	}

	vm_munmap(addr[0], NR_PAGES * PAGE_SIZE);
	vm_munmap(addr[1], NR_PAGES * PAGE_SIZE);
	drm_gem_object_put(&obj[1]->base);
}

static struct kunit_case gem_mmap_cases[] = {
	KUNIT_CASE_PARAM(gem_mmap_pages, gem_mmap_ways_gen_params),
	KUNIT_CASE_PARAM(gem_mmap_refuses, gem_mmap_rules_gen_params),
	KUNIT_CASE(gem_mmap_no_ops),
	KUNIT_CASE(gem_mmap_own_faults),
	KUNIT_CASE(gem_mmap_prime_offset),
	KUNIT_CASE(gem_mmap_purged),
	KUNIT_CASE(gem_mmap_one_object),
	KUNIT_CASE(gem_mmap_neighbours),
	{}
};

static struct kunit_suite gem_mmap_suite = {
	.name = "drm_gem_mmap",
	.init = gem_mmap_init,
	.exit = gem_mmap_exit,
	.test_cases = gem_mmap_cases,
};

kunit_test_suite(gem_mmap_suite);

MODULE_DESCRIPTION("KUnit tests of CPU mappings of GEM objects");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
