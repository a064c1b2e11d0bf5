/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef MESA_VK_H
#define MESA_VK_H

#include <vulkan/vulkan.h>

struct vk {
	VkPhysicalDevice physical;
	VkDevice device;
};

/* The first device whose name has @name in it, with one queue of its first family */
struct vk vk_open(const char *name, const char * const *extensions, uint32_t count);

const char *vk_name(VkResult result);
/* The case is broken if it failed. */
void vk_check(VkResult result, const char *what);

#endif
