// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "igt.h"
#include "vk.h"

const char *vk_name(VkResult result)
{
	static char text[24];

	switch (result) {
	case VK_SUCCESS: return "ok";
	case VK_ERROR_INVALID_EXTERNAL_HANDLE: return "VK_ERROR_INVALID_EXTERNAL_HANDLE";
	case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
	case VK_ERROR_OUT_OF_HOST_MEMORY: return "VK_ERROR_OUT_OF_HOST_MEMORY";
	case VK_ERROR_MEMORY_MAP_FAILED: return "VK_ERROR_MEMORY_MAP_FAILED";
	default:
		break;
	}
	snprintf(text, sizeof(text), "VK-%d", result);
	return text;
}

void vk_check(VkResult result, const char *what)
{
	igt_assert_f(!result, "%s: %s\n", what, vk_name(result));
}

static VkPhysicalDevice find(VkInstance instance, const char *name)
{
	VkPhysicalDevice all[8];
	uint32_t count = ARRAY_SIZE(all);

	vk_check(vkEnumeratePhysicalDevices(instance, &count, all), "vkEnumeratePhysicalDevices");
	for (uint32_t i = 0; i < count; i++) {
		VkPhysicalDeviceProperties properties;

		vkGetPhysicalDeviceProperties(all[i], &properties);
		if (strstr(properties.deviceName, name))
			return all[i];
	}
	igt_assert_f(false, "there is no %s\n", name);
}

struct vk vk_open(const char *name, const char * const *extensions, uint32_t extension_count)
{
	const VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.apiVersion = VK_API_VERSION_1_1,
	};
	const VkInstanceCreateInfo create = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
	};
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	const VkDeviceCreateInfo create_device = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = extension_count,
		.ppEnabledExtensionNames = extensions,
	};
	VkInstance instance;
	struct vk vk;

	vk_check(vkCreateInstance(&create, NULL, &instance), "vkCreateInstance");
	vk.physical = find(instance, name);
	vk_check(vkCreateDevice(vk.physical, &create_device, NULL, &vk.device), "vkCreateDevice");
	return vk;
}
