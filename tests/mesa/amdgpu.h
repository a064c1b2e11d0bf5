/* SPDX-License-Identifier: MIT */
/* Copyright © 2026 dmabuf-mmap authors */
#ifndef MESA_AMDGPU_H
#define MESA_AMDGPU_H

/* amdgpu.so: what the GPU finds where it was given memory of another buffer last, or NULL */
extern const void *amdgpu_sees __attribute__((weak));

#endif
