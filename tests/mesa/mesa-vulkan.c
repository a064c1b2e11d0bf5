// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <fcntl.h>
#include <sys/mman.h>

#include "igt.h"
#include "case.h"
#include "picture.h"
#include "vk.h"
#include "dma_buf_mmap/ptdump.h"

/* The same of lavapipe, the software driver of Vulkan */

#define WIDTH 256
#define HEIGHT 128
#define SIZE (WIDTH * HEIGHT * 4)
#define SEED 1

static VkPhysicalDevice physical;
static VkDevice device;
static PFN_vkGetMemoryFdPropertiesKHR fd_properties;

static void open_lavapipe(void)
{
	static const char * const extensions[] = {
		VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
		VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
	};
	struct vk vk = vk_open("llvmpipe", extensions, ARRAY_SIZE(extensions));

	physical = vk.physical;
	device = vk.device;
	fd_properties = (void *)vkGetDeviceProcAddr(device, "vkGetMemoryFdPropertiesKHR");
	igt_assert(fd_properties);
}

/* Which types of memory a dma-buf can be imported as; none if it cannot */
static VkResult types_of(int fd, uint32_t *types)
{
	VkMemoryFdPropertiesKHR got = { .sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR };
	VkResult result;

	igt_assert_fd(fd);
	result = fd_properties(device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, fd, &got);
	*types = result ? 0 : got.memoryTypeBits;
	return result;
}

static VkMemoryPropertyFlags flags_of(uint32_t type)
{
	VkPhysicalDeviceMemoryProperties all;

	vkGetPhysicalDeviceMemoryProperties(physical, &all);
	igt_assert(type < all.memoryTypeCount);
	return all.memoryTypes[type].propertyFlags;
}

/* The type of memory of the driver's own */
static uint32_t host_type(VkBuffer buffer)
{
	VkMemoryRequirements requirements;

	vkGetBufferMemoryRequirements(device, buffer, &requirements);
	igt_assert(requirements.memoryTypeBits);
	return __builtin_ctz(requirements.memoryTypeBits);
}

/* What VkImportMemoryFdInfoKHR makes of it; if that succeeds @fd is the driver's. */
static VkResult import(int fd, VkDeviceSize size, VkDeviceMemory *memory)
{
	uint32_t types;
	VkResult result = types_of(fd, &types);
	const VkImportMemoryFdInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
		.fd = fd,
	};
	const VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &info,
		.allocationSize = size,
		.memoryTypeIndex = result ? 0 : __builtin_ctz(types),
	};

	return vkAllocateMemory(device, &allocate, NULL, memory);
}

/* The case ends if the picture cannot be imported. */
static VkDeviceMemory import_picture(const struct picture *p)
{
	VkDeviceMemory memory;
	int fd = dup(p->b.fd);
	VkResult result = import(fd, SOURCE_SIZE, &memory);

	if (result)
		finish("%s", vk_name(result));
	return memory;
}

static struct picture begin(const char *source)
{
	struct picture p = picture_create(source, WIDTH, HEIGHT);

	picture_fill(&p, SEED);
	open_lavapipe();
	return p;
}

static bool shows(const uint32_t *pixels, uint32_t seed)
{
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			if ((pixels[y * WIDTH + x] & 0xffffff) != picture_pixel(seed, x, y))
				return false;
	return true;
}

static uint32_t *map_all(VkDeviceMemory memory)
{
	void *p;
	VkResult result = vkMapMemory(device, memory, 0, VK_WHOLE_SIZE, 0, &p);

	if (result)
		finish("map=%s", vk_name(result));
	return p;
}

static void op_map(const char *driver, const char *source)
{
	struct picture p = begin(source);

	(void)driver;
	finish(shows(map_all(import_picture(&p)), SEED) ? "ok" : "wrong");
}

/* What is written through the mapping arrives. */
static void op_write(const char *driver, const char *source)
{
	struct picture p = begin(source);
	uint32_t *pixels = map_all(import_picture(&p));

	(void)driver;
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		pixels[i] = 0x123456;
	finish(picture_is(&p, 0x123456) ? "ok" : "lost");
}

static VkBuffer buffer_create(const void *next, VkBufferUsageFlags usage)
{
	const VkBufferCreateInfo create = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = next,
		.size = SIZE,
		.usage = usage,
	};
	VkBuffer buffer;

	vk_check(vkCreateBuffer(device, &create, NULL, &buffer), "vkCreateBuffer");
	return buffer;
}

static VkBuffer imported_buffer(VkDeviceMemory memory)
{
	const VkExternalMemoryBufferCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
	};

	VkBuffer buffer = buffer_create(&external, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);

	vk_check(vkBindBufferMemory(device, buffer, memory, 0), "vkBindBufferMemory");
	return buffer;
}

static VkCommandBuffer commands(void)
{
	const VkCommandPoolCreateInfo create = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
	};
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandBufferCount = 1,
	};
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
	};
	VkCommandBuffer buffer;

	vk_check(vkCreateCommandPool(device, &create, NULL, &allocate.commandPool),
		 "vkCreateCommandPool");
	vk_check(vkAllocateCommandBuffers(device, &allocate, &buffer), "vkAllocateCommandBuffers");
	vk_check(vkBeginCommandBuffer(buffer, &begin), "vkBeginCommandBuffer");
	return buffer;
}

/* Have the queue copy what is there at present; the copy is in host memory. */
static const uint32_t *copy(VkBuffer from)
{
	VkBuffer to = buffer_create(NULL, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	const VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = SIZE,
		.memoryTypeIndex = host_type(to),
	};
	const VkBufferCopy region = { .size = SIZE };
	VkCommandBuffer buffer = commands();
	const VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &buffer,
	};
	VkDeviceMemory memory;
	VkQueue queue;

	vk_check(vkAllocateMemory(device, &allocate, NULL, &memory), "vkAllocateMemory");
	vk_check(vkBindBufferMemory(device, to, memory, 0), "vkBindBufferMemory");
	vkCmdCopyBuffer(buffer, from, to, 1, &region);
	vk_check(vkEndCommandBuffer(buffer), "vkEndCommandBuffer");
	vkGetDeviceQueue(device, 0, 0, &queue);
	vk_check(vkQueueSubmit(queue, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit");
	vk_check(vkQueueWaitIdle(queue), "vkQueueWaitIdle");
	return map_all(memory);
}

static void op_copy(const char *driver, const char *source)
{
	struct picture p = begin(source);

	(void)driver;
	finish(shows(copy(imported_buffer(import_picture(&p))), SEED) ? "ok" : "wrong");
}

static bool plain(const uint32_t *pixels)
{
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		if (pixels[i] != pixels[0])
			return false;
	return pixels[0] == 0 || pixels[0] == 0xffffffff;
}

static void op_revoke(const char *driver, const char *source)
{
	struct picture p = begin(source);
	VkBuffer buffer = imported_buffer(import_picture(&p));

	(void)driver;
	if (!shows(copy(buffer), SEED))
		finish("wrong");
	p.b.source->set_away(&p.b, true);
	if (!plain(copy(buffer)))
		finish("away=wrong");
	p.b.source->set_away(&p.b, false);
	picture_fill(&p, SEED + 1);
	finish(shows(copy(buffer), SEED + 1) ? "ok" : "back=wrong");
}

/* What is no dma-buf has no type of memory. */
static void properties(int fd, bool dmabuf)
{
	uint32_t types;
	VkResult result = types_of(fd, &types);

	if (dmabuf)
		finish(result ? vk_name(result) : types ? "ok" : "none");
	finish(result == VK_ERROR_INVALID_EXTERNAL_HANDLE ? "ok" :
	       result ? vk_name(result) : "accepted");
}

static void op_properties(const char *driver, const char *source)
{
	struct picture p = picture_create(source, WIDTH, HEIGHT);

	(void)driver;
	open_lavapipe();
	properties(p.b.fd, true);
}

/* Memory that the CPU does not cache is of a type that says so. */
static void op_caching(const char *driver, const char *source)
{
	struct picture p = begin(source);
	const bool cached = p.b.source->caching == PTDUMP_WB;
	uint32_t types;

	(void)driver;
	vk_check(types_of(p.b.fd, &types), "vkGetMemoryFdPropertiesKHR");
	for (uint32_t type = 0; types >> type; type++)
		if (types & 1 << type &&
		    !(flags_of(type) & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) == cached)
			finish(cached ? "not-cached" : "cached");
	finish("ok");
}

/* What is no dma-buf: a pipe, a memfd, a file */
static int other_fd(const char *source)
{
	int fds[2];

	if (!strcmp(source, "memfd")) {
		fds[0] = memfd_create(source, MFD_CLOEXEC);
		igt_assert_eq(ftruncate(fds[0], SOURCE_SIZE), 0);
	} else {
		igt_assert_eq(pipe(fds), 0);
	}
	return fds[0];
}

static void op_properties_other(const char *driver, const char *source)
{
	int fd = other_fd(source);

	(void)driver;
	open_lavapipe();
	properties(fd, false);
}

/* What the driver does not take is the application's still. */
static void import_fails(int fd, VkDeviceSize size)
{
	VkDeviceMemory memory;

	if (!import(fd, size, &memory))
		finish("accepted");
	finish(fcntl(fd, F_GETFD) < 0 ? "closed" : "ok");
}

static void op_too_large(const char *driver, const char *source)
{
	struct picture p = picture_create(source, WIDTH, HEIGHT);

	(void)driver;
	open_lavapipe();
	import_fails(dup(p.b.fd), SOURCE_SIZE + 4096);
}

static void op_import_other(const char *driver, const char *source)
{
	int fd = other_fd(source);

	(void)driver;
	open_lavapipe();
	import_fails(fd, 4096);
}

#define BUFFERS "[!mp]*|mock*"	/* what is a dma-buf */
#define OTHERS "pipe|memfd"

static const struct test tests[] = {
	{ "properties", op_properties, BUFFERS },
	{ "caching", op_caching, BUFFERS },
	{ "map", op_map, BUFFERS },
	{ "write", op_write, "[!mp]*[!o]|mock*" },	/* not read-only */
	{ "copy", op_copy, BUFFERS },
	{ "revoke", op_revoke, "mock|vfio-bar" },
	{ "too-large", op_too_large, "udmabuf|vfio-bar" },
	{ "properties-other", op_properties_other, OTHERS },
	{ "import-other", op_import_other, "pipe" },
};

int main(int argc, char **argv)
{
	static const char * const drivers[] = { "lavapipe", NULL };
	static const char * const names[] = {
		"vkms", "udmabuf", "heap-system", "vgem", "vgem-ro", "bochs", "qxl-vram",
		"vttm-vram", "vfio-bar", "vfio-bar-ro", "mock", "mock-write-combined", "memfd",
		"pipe", NULL
	};

	/* What QEMU 7.2's TCG makes of the wider ones is wrong. */
	setenv("LP_NATIVE_VECTOR_WIDTH", "128", 0);
	return cases_run(argc, argv, tests, ARRAY_SIZE(tests), drivers, names);
}
