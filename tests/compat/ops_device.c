// SPDX-License-Identifier: MIT
/* Copyright © 2026 dmabuf-mmap authors */
#include "compat.h"

/* Devices and virtual machines that are given an address; 1: of memory that was touched */

const struct op device_ops[] = {
	{ "io_uring", OP_BRIEF, op_uring, 0, disk_missing },
	{ "io_uring-fixed", OP_BRIEF, op_uring, 1, disk_missing },
	{ "v4l2-userptr", OP_BRIEF, op_userptr, 0, userptr_missing },
	{ "v4l2-userptr-touched", 0, op_userptr, 1, userptr_missing },
	{ "vfio-type1", OP_IMPORT, op_type1, 0, type1_missing },
	{ "vfio-type1-touched", 0, op_type1, 1, type1_missing },
	{ "iommufd", OP_BRIEF, op_iommufd, 0, iommufd_missing },
	{ "iommufd-touched", 0, op_iommufd, 1, iommufd_missing },
	{ "kvm", OP_IMPORT, op_kvm, 0, kvm_missing },
	{ "kvm-touched", 0, op_kvm, 1, kvm_missing },
	{ }
};
