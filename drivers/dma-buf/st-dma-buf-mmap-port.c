// SPDX-License-Identifier: GPL-2.0
/*
 * A small exporter before and after it was ported to the core's CPU mappings, and
 * what it gains.  Documentation/gpu/dma-buf-mmap-porting.rst shows it.
 */
#include <kunit/device.h>
#include <kunit/test.h>

#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mmap.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#define PORT_NR_PAGES	8

struct port_buf {
	struct page *pages[PORT_NR_PAGES];
};

/* Before */
static vm_fault_t port_vm_fault(struct vm_fault *vmf)
{
	struct port_buf *buf = vmf->vma->vm_private_data;

	if (vmf->pgoff >= PORT_NR_PAGES)
		return VM_FAULT_SIGBUS;

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(buf->pages[vmf->pgoff]));
}

static const struct vm_operations_struct port_vm_ops = {
	.fault = port_vm_fault,
};

static int port_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &port_vm_ops;
	vma->vm_private_data = dmabuf->priv;
	return 0;
}

/* After */
static int port_get_range(void *priv, pgoff_t pgoff, bool populate,
			  struct dma_buf_range *range)
{
	struct port_buf *buf = priv;

	dma_buf_range_from_pages(buf->pages, PORT_NR_PAGES, range);
	return 0;
}

static const struct dma_buf_mmap_ops port_mmap_ops = {
	.get_range = port_get_range,
};

/* The end: what both share */
static struct sg_table *port_map(struct dma_buf_attachment *attach,
				 enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void port_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		       enum dma_data_direction dir)
{
}

static void port_release(struct dma_buf *dmabuf)
{
	struct port_buf *buf = dmabuf->priv;
	unsigned int i;

	for (i = 0; i < PORT_NR_PAGES; i++)
		__free_page(buf->pages[i]);
	kfree(buf);
}

static const struct dma_buf_ops port_before_ops = {
	.map_dma_buf = port_map,
	.unmap_dma_buf = port_unmap,
	.mmap = port_mmap,
	.release = port_release,
};

static const struct dma_buf_ops port_after_ops = {
	.map_dma_buf = port_map,
	.unmap_dma_buf = port_unmap,
	.release = port_release,
};

struct port_case {
	const char *description;
	bool ported;
	unsigned int flags;
};

static const struct port_case port_params[] = {
	{ "before", false, 0 },
	{ "after", true, 0 },
	{ "after, strict", true, DMA_BUF_MMAP_STRICT },
};

KUNIT_ARRAY_PARAM_DESC(port_cases, port_params, description);

/* Fills in what is the same for all, and exports new pages. */
static struct dma_buf *port_export_pages(struct kunit *test,
					 struct dma_buf_export_info *exp_info)
{
	struct port_buf *buf = kzalloc_obj(*buf);
	struct dma_buf *dmabuf;
	unsigned int i;
	u64 *first;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < PORT_NR_PAGES; i++) {
		buf->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOFAIL);
		first = page_address(buf->pages[i]);
		*first = i + 1;
	}
	exp_info->size = PORT_NR_PAGES * PAGE_SIZE;
	exp_info->priv = buf;
	dmabuf = dma_buf_export(exp_info);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dmabuf);
	return dmabuf;
}

static struct dma_buf *port_export(struct kunit *test,
				   const struct port_case *param, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

	exp_info.ops = param->ported ? &port_after_ops : &port_before_ops;
	if (param->ported)
		exp_info.mmap.ops = &port_mmap_ops;
	exp_info.mmap.flags = param->flags;
	exp_info.flags = flags;
	return port_export_pages(test, &exp_info);
}

static u64 port_read(unsigned long addr)
{
	u64 val = 0;

	return copy_from_user(&val, (void __user *)addr, sizeof(val)) ? 0 : val;
}

/* Which pfn is mapped at @addr, and how, or 0. */
static unsigned long port_pfn_prot(unsigned long addr, pgprot_t *prot)
{
	struct follow_pfnmap_args args = { .address = addr };

	guard(mmap_read_lock)(current->mm);
	args.vma = vma_lookup(current->mm, addr);
	if (!args.vma || follow_pfnmap_start(&args))
		return 0;
	follow_pfnmap_end(&args);
	*prot = args.pgprot;
	return args.pfn;
}

static unsigned long port_pfn(unsigned long addr)
{
	pgprot_t prot;

	return port_pfn_prot(addr, &prot);
}

/* Both map the same pages; only the ported one is found by address and by ptrace(). */
static void port_maps(struct kunit *test)
{
	const struct port_case *param = test->param_value;
	/* Without it, mm never calls vm_ops->access. */
	const bool readable = param->ported &&
			      IS_ENABLED(CONFIG_HAVE_IOREMAP_PROT);
	struct dma_buf *dmabuf, *found;
	unsigned long addr;
	u64 val, offset;
	unsigned int i;
	int len;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	dmabuf = port_export(test, param, O_RDWR);
	addr = vm_mmap(dmabuf->file, 0, (PORT_NR_PAGES - 2) * PAGE_SIZE,
		       PROT_READ | PROT_WRITE, MAP_SHARED, 2 * PAGE_SIZE);
	if (IS_ERR_VALUE(addr)) {
		KUNIT_FAIL(test, "mmap: %ld", (long)addr);
		goto put;
	}

	for (i = 2; i < PORT_NR_PAGES; i++)
		KUNIT_EXPECT_EQ(test, i + 1, port_read(addr + (i - 2) * PAGE_SIZE));

	val = 0;
	len = access_remote_vm(current->mm, addr + PAGE_SIZE, &val, sizeof(val),
			       FOLL_FORCE);
	KUNIT_EXPECT_EQ(test, len, readable ? sizeof(val) : 0);
	KUNIT_EXPECT_EQ(test, val, readable ? 4 : 0);

	found = dma_buf_get_from_address(current->mm, addr, PAGE_SIZE, VM_READ,
					 false, &offset);
	if (param->ported) {
		KUNIT_EXPECT_PTR_EQ(test, found, dmabuf);
		KUNIT_EXPECT_EQ(test, offset, 2 * PAGE_SIZE);
		dma_buf_put(found);
	} else {
		KUNIT_EXPECT_EQ(test, PTR_ERR(found), -ENOENT);
	}
put:
	dma_buf_put(dmabuf);
}

static int port_importer_mmap(struct file *file, struct vm_area_struct *vma)
{
	return dma_buf_mmap(file->private_data, vma, vma->vm_pgoff);
}

static const struct file_operations port_importer_fops = {
	.mmap = port_importer_mmap,
};

/*
 * What is read-only can be written through an importer, whose device writes to it by DMA
 * too, unless the exporter is strict.
 */
static void port_read_only(struct kunit *test)
{
	const struct port_case *param = test->param_value;
	const bool strict = param->flags & DMA_BUF_MMAP_STRICT;
	struct vm_area_struct *vma;
	struct dma_buf *dmabuf;
	struct file *importer;
	unsigned long addr;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	dmabuf = port_export(test, param, O_RDONLY);
	importer = anon_inode_getfile("[port-importer]", &port_importer_fops,
				      dmabuf, O_RDWR);
	if (IS_ERR(importer)) {
		KUNIT_FAIL(test, "importer: %ld", PTR_ERR(importer));
		goto put;
	}

	addr = vm_mmap(importer, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, 0);
	KUNIT_EXPECT_EQ(test, strict ? -EACCES : 0,
			IS_ERR_VALUE(addr) ? (long)addr : 0);

	addr = vm_mmap(importer, 0, PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(addr));
	scoped_guard(mmap_read_lock, current->mm) {
		vma = vma_lookup(current->mm, addr);
		KUNIT_EXPECT_TRUE(test, vma && strict == !(vma->vm_flags & VM_MAYWRITE));
	}

	addr = vm_mmap(importer, 0, PAGE_SIZE, PROT_READ, MAP_PRIVATE, 0);
	KUNIT_EXPECT_EQ(test, -EINVAL, (long)addr);
	fput(importer);
put:
	dma_buf_put(dmabuf);
}

/* A device that sleeps although its memory is mapped; the next access wakes it up. */
struct port_device {
	struct file *file;	/* whose mapping space the buffers share */
	bool asleep;
	unsigned int wakeups;
};

/* A buffer of it; @pages is whose ranges it has */
struct port_device_buf {
	struct port_device *dev;
	struct port_buf *pages;
};

static int port_device_get_range(void *priv, pgoff_t pgoff, bool populate,
				 struct dma_buf_range *range)
{
	struct port_device_buf *buf = priv;

	if (buf->dev->asleep)
		return -EAGAIN;
	return port_get_range(buf->pages, pgoff, populate, range);
}

static void port_device_wait(void *priv, bool intr)
{
	struct port_device_buf *buf = priv;

	if (buf->dev->asleep)
		buf->dev->wakeups++;
	buf->dev->asleep = false;
}

static const struct dma_buf_mmap_ops port_device_ops = {
	.get_range = port_device_get_range,
	.wait = port_device_wait,
};

static const struct file_operations port_device_fops;

static void port_sleeps(struct kunit *test)
{
	struct port_device dev = {};
	struct port_device_buf bufs[2] = {};
	struct dma_buf *dmabufs[2];
	unsigned long addr[2];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	dev.file = anon_inode_create_getfile("[port]", &port_device_fops, NULL, O_RDWR,
					     NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev.file);
	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		DEFINE_DMA_BUF_EXPORT_INFO(exp_info);

		bufs[i].dev = &dev;
		exp_info.ops = &port_after_ops;
		exp_info.flags = O_RDWR;
		exp_info.mmap.ops = &port_device_ops;
		exp_info.mmap.priv = &bufs[i];
		exp_info.mmap.mapping = dev.file->f_mapping;
		exp_info.mmap.offset = i * PORT_NR_PAGES;
		dmabufs[i] = port_export_pages(test, &exp_info);
		bufs[i].pages = dmabufs[i]->priv;
		addr[i] = vm_mmap(dmabufs[i]->file, 0, PORT_NR_PAGES * PAGE_SIZE,
				  PROT_READ, MAP_SHARED, 0);
		KUNIT_EXPECT_EQ(test, 4, port_read(addr[i] + 3 * PAGE_SIZE));
		KUNIT_EXPECT_NE(test, 0, port_pfn(addr[i] + 3 * PAGE_SIZE));
	}

	/* Nobody else is in a fault: a driver would wait until nobody is. */
	dev.asleep = true;
	unmap_mapping_range(dev.file->f_mapping, 0, 0, true);
	for (i = 0; i < ARRAY_SIZE(bufs); i++)
		KUNIT_EXPECT_EQ(test, 0, port_pfn(addr[i] + 3 * PAGE_SIZE));
	KUNIT_EXPECT_EQ(test, 0, dev.wakeups);
	for (i = 0; i < ARRAY_SIZE(bufs); i++) {
		KUNIT_EXPECT_EQ(test, 4, port_read(addr[i] + 3 * PAGE_SIZE));
		vm_munmap(addr[i], PORT_NR_PAGES * PAGE_SIZE);
		dma_buf_put(dmabufs[i]);
	}
	KUNIT_EXPECT_EQ(test, 1, dev.wakeups);
	/* The mapping space outlives its buffers. */
	flush_delayed_fput();
	fput(dev.file);
}

/* Memory of the DMA API that has no struct page: a pool of the device's own */
struct port_pool {
	struct device *dev;
	unsigned long pfn;
};

static int port_pool_get_range(void *priv, pgoff_t pgoff, bool populate,
			       struct dma_buf_range *range)
{
	struct port_pool *pool = priv;

	range->nr_pages = PORT_NR_PAGES;
	range->pfn = pool->pfn;
	range->dma_dev = pool->dev;
	range->dma_attrs = DMA_ATTR_WRITE_COMBINE;
	range->iomem = !pfn_valid(pool->pfn);
	range->caching_hint = range->iomem;
	return 0;
}

static const struct dma_buf_mmap_ops port_pool_ops = {
	.get_range = port_pool_get_range,
};

static void port_no_struct_page(struct kunit *test)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct port_pool pool = { .pfn = PHYS_PFN(SZ_1G) };
	struct iosys_map map;
	struct dma_buf *dmabuf;
	unsigned long addr;
	pgprot_t prot, real = PAGE_READONLY;

	if (IS_ENABLED(CONFIG_UML) || !IS_ENABLED(CONFIG_64BIT))
		kunit_skip(test, "there are no addresses beyond those of RAM");
	pool.dev = kunit_device_register(test, "port");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, pool.dev);
	while (pfn_valid(pool.pfn))
		pool.pfn *= 2;

	KUNIT_ASSERT_EQ(test, kunit_attach_mm(), 0);
	exp_info.ops = &port_after_ops;
	exp_info.flags = O_RDWR;
	exp_info.mmap.ops = &port_pool_ops;
	exp_info.mmap.priv = &pool;
	dmabuf = port_export_pages(test, &exp_info);
	addr = vm_mmap(dmabuf->file, 0, PORT_NR_PAGES * PAGE_SIZE, PROT_READ, MAP_SHARED, 0);
	KUNIT_EXPECT_FALSE(test, IS_ERR_VALUE(addr));

	/* There is nothing there to be read. */
	addr += 3 * PAGE_SIZE;
	scoped_guard(mmap_read_lock, current->mm)
		KUNIT_EXPECT_EQ(test, 0, fixup_user_fault(current->mm, addr, 0, NULL));
	KUNIT_EXPECT_EQ(test, pool.pfn + 3, port_pfn_prot(addr, &prot));
#ifdef CONFIG_X86
	/* What the DMA API says is cached, but the memory type wins, where there is PAT. */
	KUNIT_EXPECT_EQ(test, 0, pfnmap_setup_cachemode(pool.pfn + 3, PAGE_SIZE, &real));
	KUNIT_EXPECT_EQ(test, pgprot2cachemode(real), pgprot2cachemode(prot));
#endif
	if (IS_ENABLED(CONFIG_DMABUF_MMAP_VMAP)) {
		KUNIT_EXPECT_EQ(test, 0, dma_buf_vmap_unlocked(dmabuf, &map));
		KUNIT_EXPECT_TRUE(test, map.is_iomem);
		dma_buf_vunmap_unlocked(dmabuf, &map);
	}
	vm_munmap(addr - 3 * PAGE_SIZE, PORT_NR_PAGES * PAGE_SIZE);
	dma_buf_put(dmabuf);
	/* The pool is not there any longer than this. */
	flush_delayed_fput();
}

static struct kunit_case port_test_cases[] = {
	KUNIT_CASE_PARAM(port_maps, port_cases_gen_params),
	KUNIT_CASE_PARAM(port_read_only, port_cases_gen_params),
	KUNIT_CASE(port_sleeps),
	KUNIT_CASE(port_no_struct_page),
	{}
};

static struct kunit_suite port_suite = {
	.name = "dma_buf_mmap_port",
	.test_cases = port_test_cases,
};

kunit_test_suite(port_suite);

MODULE_DESCRIPTION("KUnit test of porting an exporter to the core's CPU mappings");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_LICENSE("GPL");
