// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include <stdlib.h>
#include <sys/mman.h>

#include "igt.h"
#include "amdgpu.h"
#include "case.h"
#include "gl.h"
#include "picture.h"
#include "vk.h"

/*
 * Pointers to memory of other devices, given to the drivers of a GPU, which Mesa's drm-shim
 * and tests/mesa/amdgpu.c stand for: radv (Vulkan) and radeonsi (OpenGL).
 */
#define SHIM "/usr/lib/x86_64-linux-gnu/libamdgpu_noop_drm_shim.so"
#define PART (16 * SZ_4K)	/* from there on, and as much */
#define SEED 1

#ifndef GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD
#define GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD 0x9160
#endif

static void take_radv(void *p)
{
	static const char * const extensions[] = {
		VK_KHR_EXTERNAL_MEMORY_EXTENSION_NAME,
		VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME,
	};
	VkMemoryHostPointerPropertiesEXT properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
	};
	const VkImportMemoryHostPointerInfoEXT info = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
		.pHostPointer = p,
	};
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &info,
		.allocationSize = PART,
	};
	PFN_vkGetMemoryHostPointerPropertiesEXT get_properties;
	struct vk vk = vk_open("RADV", extensions, ARRAY_SIZE(extensions));
	VkDeviceMemory memory;
	VkResult result;

	get_properties = (void *)vkGetDeviceProcAddr(vk.device,
						     "vkGetMemoryHostPointerPropertiesEXT");
	igt_assert(get_properties);
	vk_check(get_properties(vk.device, info.handleType, p, &properties),
		 "vkGetMemoryHostPointerPropertiesEXT");
	igt_assert(properties.memoryTypeBits);
	allocate.memoryTypeIndex = __builtin_ctz(properties.memoryTypeBits);
	result = vkAllocateMemory(vk.device, &allocate, NULL, &memory);
	if (result)
		finish("%s", vk_name(result));
}

static void take_radeonsi(void *p)
{
	GLuint buffer;

	gl_open_desktop("radeonsi");
	glGenBuffers(1, &buffer);
	glBindBuffer(GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD, buffer);
	gl_check("bind");
	glBufferData(GL_EXTERNAL_VIRTUAL_MEMORY_BUFFER_AMD, PART, p, GL_STREAM_DRAW);
	gl_check("data");
}

static void take(const char *driver, void *p)
{
	if (!strcmp(driver, "radv"))
		take_radv(p);
	else
		take_radeonsi(p);
}

/* Ordinary memory is taken as ever. */
static void op_memory(const char *driver, const char *source)
{
	(void)source;
	take(driver, mmap(NULL, PART, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	finish(amdgpu_sees ? "imported" : "ok");
}

/* The GPU sees what is mapped there, and no other part of the buffer. */
static void op_pointer(const char *driver, const char *source)
{
	struct picture p = picture_create(source, 256, 2 * PART / 4 / 256);
	char *all = mmap(NULL, SOURCE_SIZE, PROT_READ | (strstr(source, "-ro") ? 0 : PROT_WRITE),
			 MAP_SHARED, p.b.fd, 0);

	if (all == MAP_FAILED)
		finish("unmappable");
	picture_fill(&p, SEED);
	take(driver, all + PART);
	if (!amdgpu_sees)
		finish("unmapped");
	finish(memcmp(amdgpu_sees, all + PART, PART) || !memcmp(amdgpu_sees, all, PART) ?
	       "wrong" : "ok");
}

static const struct test tests[] = {
	{ "memory", op_memory, "memory" },
	{ "pointer", op_pointer, "[!m]*|mock*" },
};

int main(int argc, char **argv)
{
	static const char * const drivers[] = { "radv", "radeonsi", NULL };
	static const char * const names[] = {
		/* of DRM devices there is none but the one that drm-shim shows */
		"memory", "udmabuf", "heap-system", "vfio-bar", "vfio-bar-ro", "mock", NULL
	};

	/* Mesa's loader looks for devices before this is main(). */
	if (!getenv("AMDGPU_GPU_ID")) {
		char *icd = getenv("VK_DRIVER_FILES"), *lvp = icd ? strstr(icd, "lvp_") : NULL;
		char files[512];

		igt_assert_f(lvp, "VK_DRIVER_FILES does not name lvp_icd\n");
		snprintf(files, sizeof(files), "%.*sradeon_%s", (int)(lvp - icd), icd, lvp + 4);
		setenv("VK_DRIVER_FILES", files, 1);
		setenv("AMDGPU_GPU_ID", "raven", 1);
		setenv("LD_PRELOAD", "/tests/amdgpu.so:" SHIM, 1);
		execv("/proc/self/exe", argv);
		igt_assert_f(false, "exec: %s\n", strerror(errno));
	}
	return cases_run(argc, argv, tests, ARRAY_SIZE(tests), drivers, names);
}
