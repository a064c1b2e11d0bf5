// SPDX-License-Identifier: GPL-2.0
// GEM, TTM: from an address to the object
static const struct vm_operations_struct a_vm_ops = {
	.fault = a_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static const struct vm_operations_struct ttm_vm_ops = {
	.fault = a_fault,
	.open = ttm_bo_vm_open,
	.close = ttm_bo_vm_close,
};
