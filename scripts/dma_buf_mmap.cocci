// SPDX-License-Identifier: GPL-2.0
/// Exporters of dma-bufs that are not ported to the CPU mappings of the dma-buf core.
///
/// report: an mmap op in dma_buf_ops; dma_buf_export() without mmap.ops; fault handlers
///	that put page-table entries in by themselves; offsets into a buffer that are
///	computed from where a VMA starts; vm_ops of GEM objects without get_dmabuf.
/// patch: what is mechanical.  Where a file has X_mmap_ops, a dma_buf_mmap_ops, the mmap op
///	goes, with its vm_ops and fault handler if nobody else uses them, and the export
///	names X_mmap_ops; vm_ops of GEM objects get get_dmabuf.
///
/// Usage, in a kernel tree:
///	grep -rlE 'dma_buf_(export|ops)|drm_gem_(dmabuf|prime|vm_open)' --include=*.c \
///		drivers samples sound >files
///	spatch --sp-file dma_buf_mmap.cocci -D report --no-includes --very-quiet $(<files)
///	xargs -n1 spatch --sp-file dma_buf_mmap.cocci -D patch --no-includes \
///		--very-quiet <files
/// A patch is made file by file, as it depends on what else the file has.
///
// Confidence: Moderate
// Comments: VMAs of something else than buffers are reported too, if their file has a
//	buffer; drm_gem_dmabuf_mmap is fine, "ports" tells whether the objects are.
//	Functions that a macro names (UVERBS_HANDLER) are not seen, except by "ports".
// Options: --no-includes

virtual report
virtual patch

// ---- an mmap op

@mmap_op depends on report || patch@
identifier O;
identifier F != drm_gem_dmabuf_mmap;
position p;
@@
 struct dma_buf_ops O = {
 	.mmap@p = F,
 };

@script:python depends on report@
p << mmap_op.p;
O << mmap_op.O;
F << mmap_op.F;
@@
print(f"{p[0].file}:{p[0].line}: exporter {O}: .mmap = {F}")

// ---- an export that says nothing of mappings

@names exists@
identifier I;
expression E;
position p;
@@
(
 I.mmap.ops = E;
|
 I->mmap.ops = E;
)
 ...
 dma_buf_export@p(...)

@names_init exists@
identifier I, J;
expression E;
position p;
@@
(
 struct dma_buf_export_info I = { .mmap = { .ops = E, }, };
|
 struct dma_buf_export_info I = { .mmap.ops = E, };
|
 J(..., &I.mmap, ...)
|
 J(..., &I.mmap)
)
 ...
 dma_buf_export@p(...)

@wrapper@
identifier W, I;
position p;
@@
 W(..., struct dma_buf_export_info *I, ...)
 {
 	<...
 	dma_buf_export@p(I)
 	...>
 }

@wrapper_const@
identifier W, I;
position p;
@@
 W(..., const struct dma_buf_export_info *I, ...)
 {
 	<...
 	dma_buf_export@p(I)
 	...>
 }

// Or else __free(kfree) makes kfree a type, in all functions that follow
@silent depends on report@
attribute name __free;
position p != { names.p, names_init.p, wrapper.p, wrapper_const.p };
@@
 dma_buf_export@p(...)

@script:python depends on report@
p << silent.p;
@@
print(f"{p[0].file}:{p[0].line}: export {p[0].current_element}: sets no mmap.ops")

// ---- fault handlers that do not use the core's inserter

@inserts depends on report@
identifier H, V;
identifier FN =~ "^(vmf_insert_(page|pfn|mixed|folio)(_[a-z]+)?|vm_insert_pages?|(io_)?remap_pfn_range)$";
position p;
@@
 H(..., struct vm_fault *V, ...)
 {
 	<+...
 	FN@p(...)
 	...+>
 }

@script:python depends on report@
p << inserts.p;
H << inserts.H;
FN << inserts.FN;
@@
print(f"{p[0].file}:{p[0].line}: fault handler {H}: {FN}")

@gives_page depends on report@
identifier H, V;
expression E;
position p;
@@
 H(struct vm_fault *V)
 {
 	<+...
 	V->page@p = E
 	...+>
 }

@script:python depends on report@
p << gives_page.p;
H << gives_page.H;
@@
print(f"{p[0].file}:{p[0].line}: fault handler {H}: gives a page")

// ---- offsets from the start of a VMA

@length depends on report@
struct vm_area_struct *V;
position p;
@@
 V->vm_end - V->vm_start@p

@offset depends on report@
struct vm_fault *F;
struct vm_area_struct *V;
unsigned long A;
expression E;
identifier addr =~ "^(address|addr)$";
position p != length.p;
@@
(
 linear_page_delta@p(...)
|
 linear_page_index(...) - \(V\|F->vma\)->vm_pgoff@p
|
 F->pgoff - \(V\|F->vma\)->vm_pgoff@p
|
 \(F->address\|(F->address & E)\|ALIGN_DOWN(F->address, E)\|addr\|(addr & E)\|A\) - \(V\|F->vma\)->vm_start@p
)

@script:python depends on report@
p << offset.p;
@@
print(f"{p[0].file}:{p[0].line}: offset from the start of a VMA")

// ---- GEM: from an address to the object

@gem_vm_has@
identifier V, G;
position p;
@@
 struct vm_operations_struct V@p = {
 	.get_dmabuf = G,
 };

@gem_vm@
identifier V;
symbol drm_gem_vm_close;
position p != gem_vm_has.p;
@@
 struct vm_operations_struct V@p = {
 	.close = drm_gem_vm_close,
 };

@script:python depends on report@
p << gem_vm.p;
V << gem_vm.V;
@@
print(f"{p[0].file}:{p[0].line}: vm_ops {V}: no get_dmabuf")

@depends on patch@
identifier gem_vm.V;
position gem_vm.p;
@@
 struct vm_operations_struct V@p = {
 	.close = drm_gem_vm_close,
+	.get_dmabuf = drm_gem_vm_get_dmabuf,
 };

// ---- from the mmap op to the ops of the core

@mmap_ops depends on patch@
identifier M =~ "_mmap_ops$";
@@
 struct dma_buf_mmap_ops M = { ... };

@drop depends on mmap_ops@
identifier O;
identifier F != drm_gem_dmabuf_mmap;
@@
 struct dma_buf_ops O = {
-	.mmap = F,
 };

@set_already depends on drop@
expression I, E;
@@
 I.mmap.ops = E

@depends on drop && !set_already@
identifier drop.O, mmap_ops.M;
expression I;
@@
 I.ops = &O;
+I.mmap.ops = &M;

// The mmap op, its vm_ops and their fault handler, if nobody else uses them

@vm_of_op depends on drop@
identifier drop.F, V;
expression A;
@@
 F(...)
 {
 	<+...
 	A->vm_ops = &V
 	...+>
 }

@used depends on drop@
identifier drop.F;
@@
 F(...)

@drop_op depends on drop && !used@
identifier drop.F;
parameter list P;
@@
-static int F(P) { ... }

@vm_used depends on drop_op@
identifier vm_of_op.V;
@@
 &V

@fault_of_vm depends on drop_op && !vm_used@
identifier vm_of_op.V, H;
@@
 struct vm_operations_struct V = {
 	.fault = H,
 };

@depends on fault_of_vm@
identifier vm_of_op.V;
@@
-static const struct vm_operations_struct V = { ... };

@fault_called depends on fault_of_vm@
identifier fault_of_vm.H;
@@
 H(...)

@fault_named depends on fault_of_vm@
identifier fault_of_vm.H, V;
@@
 struct vm_operations_struct V = {
 	.fault = H,
 };

@depends on fault_of_vm && !fault_called && !fault_named@
typedef vm_fault_t;
identifier fault_of_vm.H;
parameter list P;
@@
-static vm_fault_t H(P) { ... }
