// SPDX-License-Identifier: GPL-2.0
/// Exporters of dma-bufs that are not ported to the CPU mappings of the dma-buf core.
///
/// report: an mmap op in dma_buf_ops; dma_buf_export() without mmap.ops; fault handlers
///	that put page-table entries in by themselves; offsets into a buffer that are
///	computed from where a VMA starts; vm_ops of GEM objects without get_dmabuf.
/// patch: what is mechanical.  Where a file has X_mmap_ops, a dma_buf_mmap_ops, each export
///	names it, and the mmap op goes, with its vm_ops and their handlers if nobody else
///	uses them; vm_ops of GEM objects get get_dmabuf.  What is left as it is, or did
///	more than map, is named on stderr.
///
/// Usage, in a kernel tree, which is only read; REPO is the full path to this repository:
///	grep -rlE 'dma_buf_(export|ops)|drm_gem_(dmabuf|prime|vm_open)' --include=*.c \
///		drivers samples sound >/tmp/files
///	xargs -n1 spatch --sp-file REPO/scripts/dma_buf_mmap.cocci -D report --no-includes \
///		--very-quiet </tmp/files
/// For each exporter, write get_range and X_mmap_ops first, see
/// Documentation/gpu/dma-buf-mmap-porting.rst. Then:
///	spatch --sp-file REPO/scripts/dma_buf_mmap.cocci -D patch --no-includes \
///		--very-quiet drivers/foo/bar.c >/tmp/bar.patch
/// and, from the same directory, patch -p0 </tmp/bar.patch.
/// One file at a time: names of one file must not count for another.
///
/// The same with what the kernel has, for a directory:
///	make coccicheck COCCI=REPO/scripts/dma_buf_mmap.cocci MODE=report M=drivers/foo J=1
/// MODE is report or patch; without J=1 it writes to the tree. It looks at all files, so
/// VMAs are reported of those that have no dma-buf, too.
///
// Confidence: Moderate
// Comments: VMAs of something else than buffers are reported too, if their file has a
//	buffer; drm_gem_dmabuf_mmap is fine, "ports" tells whether the objects are.
//	Functions that a macro names (UVERBS_HANDLER) are not seen, except by "ports".
// Options: --no-includes

virtual report
virtual patch

@initialize:python@
@@
import collections
import sys

files = collections.defaultdict(lambda: collections.defaultdict(set))

def here(p):
    """What was found in the file of P"""
    return files[p[0].file]

def say(p, text):
    print(f"{p[0].file}:{p[0].line}: {text}", file=sys.stderr)

def gone(p, function):
    does = here(p)["does", function]
    if does:
        say(p, f"{function} is gone, carry over what it did: " +
            ", ".join(f"{what} in line {line}" for line, what in sorted(does)))

@script:python depends on !report && !patch@
@@
sys.exit("dma_buf_mmap.cocci: -D report or -D patch is missing")

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

@script:python depends on patch@
p << mmap_op.p;
F << mmap_op.F;
@@
here(p)["mmap"].add(F)

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
@silent depends on report || patch@
attribute name __free;
position p != { names.p, names_init.p, wrapper.p, wrapper_const.p };
@@
 dma_buf_export@p(...)

@script:python depends on report@
p << silent.p;
@@
print(f"{p[0].file}:{p[0].line}: export {p[0].current_element}: sets no mmap.ops")

@script:python depends on patch@
p << silent.p;
@@
if not here(p)["mmap"]:
    say(p, f"export {p[0].current_element}: unchanged: no mmap op to go by")

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
identifier M;
position p;
@@
 struct dma_buf_mmap_ops M@p = { ... };

@script:python@
p << mmap_ops.p;
M << mmap_ops.M;
@@
here(p)["mmap_ops"].add(M)

@set_already depends on patch@
identifier I, J;
expression E;
position p;
@@
(
 I.mmap.ops@p = E;
|
 I->mmap.ops@p = E;
|
 struct dma_buf_export_info I = { .mmap.ops@p = E, };
|
 struct dma_buf_export_info I = { .mmap = { .ops@p = E, }, };
|
 J(..., &I.mmap@p, ...);
)

@script:python@
p << set_already.p;
@@
here(p)["set already"].add(int(p[0].line))

@export depends on patch@
identifier mmap_op.O, J;
expression I;
position p;
@@
(
 I.ops = &O@p;
|
 I->ops = &O@p;
|
 struct dma_buf_export_info J = { .ops = &O@p, };
)

@script:python@
p << export.p;
O << mmap_op.O;
@@
here(p)["exported"].add(O)

@compared depends on patch@
identifier mmap_op.O;
expression E;
position p;
@@
(
 E == &O@p
|
 E != &O@p
)

@elsewhere depends on patch@
identifier mmap_op.O;
position p != { export.p, compared.p };
@@
 &O@p

@script:python@
p << elsewhere.p;
O << mmap_op.O;
@@
here(p)["elsewhere", O].add(int(p[0].line))

@script:python port depends on patch@
p << mmap_op.p;
O << mmap_op.O;
F << mmap_op.F;
M;
@@
it = here(p)
why = None
if not it["mmap_ops"]:
    why = "this file has no dma_buf_mmap_ops: write get_range and X_mmap_ops first"
elif len(it["mmap_ops"]) > 1 or len(it["mmap"]) > 1:
    why = f"which of {', '.join(sorted(it['mmap']))} becomes which of {', '.join(sorted(it['mmap_ops']))}?"
elif it["set already"]:
    why = f"line {min(it['set already'])} sets mmap.ops already"
elif it["elsewhere", O]:
    why = f"&{O} in line {min(it['elsewhere', O])} is more than .ops = &{O}"
elif O not in it["exported"]:
    why = f"no .ops = &{O} in this file"
if why:
    say(p, f"exporter {O}: unchanged: {why}")
    cocci.include_match(False)
else:
    coccinelle.M = cocci.make_ident(min(it["mmap_ops"]))

@call depends on port@
identifier C !~ "^(vm_flags_.*|vmf?_insert_.*|vm_map_pages.*|(io_)?remap_pfn_range|page_to_pfn|vma_pages|linear_page_.*)$";
position p;
@@
 C@p(...)

@script:python@
p << call.p;
C << call.C;
@@
for q in p:
    here(p)["does", q.current_element].add((int(q.line), C + "()"))

@fails depends on port@
constant E =~ "^E[A-Z]";
position p;
@@
 -E@p

@script:python@
p << fails.p;
E << fails.E;
@@
for q in p:
    here(p)["does", q.current_element].add((int(q.line), "-" + E))

@depends on port@
identifier mmap_op.O, port.M;
expression I;
@@
 I.ops = &O;
+I.mmap.ops = &M;

@depends on port@
identifier mmap_op.O, port.M;
expression I;
@@
 I->ops = &O;
+I->mmap.ops = &M;

@depends on port@
identifier mmap_op.O, port.M, J;
@@
 struct dma_buf_export_info J = {
 	.ops = &O,
+	.mmap.ops = &M,
 };

@drop depends on port@
identifier mmap_op.O, mmap_op.F;
@@
 struct dma_buf_ops O = {
-	.mmap = F,
 };

// The mmap op, its vm_ops and their handlers, if nobody else uses them

@vm_of_op depends on drop@
identifier mmap_op.F, V;
expression A;
@@
 F(...)
 {
 	<+...
 	A->vm_ops = &V
 	...+>
 }

@used depends on drop@
identifier mmap_op.F;
@@
 F

@script:python depends on used@
p << mmap_op.p;
F << mmap_op.F;
@@
say(p, f"{F} stays, it has other users")

@drop_op depends on drop && !used@
identifier mmap_op.F;
parameter list P;
@@
-static int F(P) { ... }

@script:python depends on drop_op@
p << mmap_op.p;
F << mmap_op.F;
@@
gone(p, F)

@vm_used depends on drop_op@
identifier vm_of_op.V;
@@
 &V

@handler depends on drop_op && !vm_used@
identifier vm_of_op.V, H, op;
@@
 struct vm_operations_struct V = {
 	.op = H,
 };

@depends on handler@
identifier vm_of_op.V;
@@
-static const struct vm_operations_struct V = { ... };

@handler_used depends on handler@
identifier handler.H;
@@
 H

@drop_handler depends on handler && !handler_used@
identifier handler.H;
type T;
parameter list P;
@@
-static T H(P) { ... }

@script:python depends on drop_handler@
p << mmap_op.p;
H << handler.H;
@@
gone(p, H)
