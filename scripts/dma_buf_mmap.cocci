// SPDX-License-Identifier: GPL-2.0
/// Exporters of dma-bufs that are not ported to the CPU mappings of the dma-buf core.
///
/// report: an mmap op in dma_buf_ops; dma_buf_export() without mmap.ops; fault handlers
///	that put page-table entries in by themselves; what maps in mmap(), with the
///	DMA_BUF_MMAP_* for that; calls that may want DMA_BUF_MMAP_MOVES; offsets into a
///	buffer that are computed from where a VMA starts, or thrown away; uses of a VMA
///	after drm_gem_mmap(); vm_ops of GEM and TTM objects without get_dmabuf; names
///	that are gone.
/// patch: what is mechanical.  Where a file has X_mmap_ops, a dma_buf_mmap_ops, each export
///	names it, with the flags if the mmap op mapped all, and no longer the mmap op.
///	That goes, with its vm_ops and their handlers, if nobody else uses them and if they
///	did no more than map; vm_ops of GEM and TTM objects get get_dmabuf.  What is left
///	as it is, or did more, is named on stderr.  Nothing is put under #if: for a driver
///	that is built for other kernels too, keep the old code and do that by hand.
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
/// One file at a time: names of one file must not count for another.  A function with #if
/// and #else in its body may not be seen: run unifdef first.
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

def stays(p, function):
    """Whether FUNCTION did more than map, which is said"""
    does = here(p)["does", function]
    if does:
        say(p, f"{function} stays until what it did is carried over: " +
            ", ".join(f"{what} in line {line}" for line, what in sorted(does)))
    return bool(does)

def pages(name):
    """Whether what NAME maps in mmap() are ordinary pages"""
    return name.startswith(("vm_insert_page", "vm_map_pages", "remap_vmalloc_range"))

def flags(names):
    """What exporters say whose mmap() mapped with NAMES"""
    return " | ".join(["DMA_BUF_MMAP_EAGER"] * bool(names) +
                      ["DMA_BUF_MMAP_PAGES"] * (bool(names) and all(map(pages, names))))

def mapped_with(it, function):
    """What FUNCTION, and what it gives its VMA to, map with"""
    return it["maps", function].union(*(it["maps", f] for f in it["calls", function]))

@script:python depends on !report && !patch@
@@
sys.exit("dma_buf_mmap.cocci: -D report or -D patch is missing")

// ---- an mmap op

@mmap_op depends on report || patch@
identifier O, T;
identifier in =~ "ops";
identifier F != drm_gem_dmabuf_mmap;
position p;
@@
(
 struct dma_buf_ops O = {
 	.mmap@p = F,
 };
|
 struct T O = {
 	.in = {
 		.mmap@p = F,
 	},
 };
)

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
|
 I.shared_mmap = E;
|
 I->shared_mmap = E;
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
|
 drm_gem_mmap_export(E, &I)
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
identifier FN =~ "^(vmf_insert_(page|pfn|mixed|folio)(_[a-z]+)?|vm_insert_(pages?|pfn|mixed)|(io_)?remap_pfn_range)$";
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

// ---- what maps in mmap()

@maps depends on report || patch@
identifier H, V;
identifier FN =~ "^(vm_insert_pages?|vm_map_pages(_zero)?|remap_vmalloc_range(_partial)?|(io_)?remap_pfn_range|dma_mmap_[a-z]+|snd_dma_buffer_mmap)$";
position p;
@@
 H(..., struct vm_area_struct *V, ...)
 {
 	<+...
 	FN@p(...)
 	...+>
 }

@script:python@
p << maps.p;
H << maps.H;
FN << maps.FN;
@@
here(p)["maps", H].add(FN)

@script:python depends on report@
p << maps.p;
H << maps.H;
FN << maps.FN;
@@
print(f"{p[0].file}:{p[0].line}: {H}: {FN}, for an exporter {flags({FN})}")

@mixed depends on report@
expression V;
position p;
@@
(
 vm_flags_set@p(V, <+... VM_MIXEDMAP ...+>)
|
 vm_flags_mod@p(V, <+... VM_MIXEDMAP ...+>, ...)
|
 V->vm_flags@p |= <+... VM_MIXEDMAP ...+>
)

@script:python depends on report@
p << mixed.p;
@@
print(f"{p[0].file}:{p[0].line}: VM_MIXEDMAP: ordinary pages, for an exporter DMA_BUF_MMAP_PAGES")

@moves depends on report || patch@
identifier FN =~ "^dma_buf_(invalidate_mappings|move_notify)$";
position p;
@@
 FN@p(...)

@script:python depends on report@
p << moves.p;
FN << moves.FN;
@@
print(f"{p[0].file}:{p[0].line}: {FN}: DMA_BUF_MMAP_MOVES, and DMA_BUF_MMAP_FENCED if kernel fences of the buffer are of moves")

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

@no_offset depends on report@
struct vm_area_struct *V;
position p;
@@
 V->vm_pgoff@p = 0

@script:python depends on report@
p << no_offset.p;
@@
print(f"{p[0].file}:{p[0].line}: the offset is thrown away, no zap finds the mapping")

// ---- GEM: a mapping that may be the exporter's

@after depends on report exists@
expression E;
identifier V, m;
position p;
@@
 drm_gem_mmap@p(E, V)
 ...
 V->m

@script:python depends on report@
p << after.p;
@@
print(f"{p[0].file}:{p[0].line}: the VMA is used after drm_gem_mmap(), which forwards no imports then: see drm_gem_mmap_forward()")

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
symbol drm_gem_vm_close, ttm_bo_vm_close;
position p != gem_vm_has.p;
@@
 struct vm_operations_struct V@p = {
 	.close = \(drm_gem_vm_close\|ttm_bo_vm_close\),
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
 	.close = \(drm_gem_vm_close\|ttm_bo_vm_close\),
+	.get_dmabuf = drm_gem_vm_get_dmabuf,
 };

// ---- names that are gone

@old_mprotect depends on report@
symbol dma_buf_mmap_mprotect;
position p;
@@
 dma_buf_mmap_mprotect@p

@script:python depends on report@
p << old_mprotect.p;
@@
print(f"{p[0].file}:{p[0].line}: dma_buf_mmap_mprotect is pfnmap_mprotect")

@depends on patch@
symbol dma_buf_mmap_mprotect;
@@
-dma_buf_mmap_mprotect
+pfnmap_mprotect

@old_never depends on report@
symbol dma_buf_never_mmap_ops;
position p;
@@
 &dma_buf_never_mmap_ops@p

@script:python depends on report@
p << old_never.p;
@@
print(f"{p[0].file}:{p[0].line}: dma_buf_never_mmap_ops is gone: without mmap.ops there is no mmap()")

@depends on patch@
expression I;
symbol dma_buf_never_mmap_ops;
@@
(
-I.mmap.ops = &dma_buf_never_mmap_ops;
|
-I->mmap.ops = &dma_buf_never_mmap_ops;
)

@old_field depends on report@
identifier M;
identifier f =~ "^(release|unfenced|vm_ops)$";
expression E;
position p;
@@
 struct dma_buf_mmap_ops M = {
 	.f@p = E,
 };

@script:python depends on report@
p << old_field.p;
M << old_field.M;
f << old_field.f;
@@
print(f"{p[0].file}:{p[0].line}: {M}: .{f} is gone")

@old_ops depends on report || patch@
identifier M;
@@
 struct dma_buf_mmap_ops M = { ... };

@old_object depends on old_ops && report@
identifier old_ops.M;
expression I;
position p;
@@
(
 I.mmap_ops@p = &M
|
 I->mmap_ops@p = &M
)

@script:python depends on report@
p << old_object.p;
@@
print(f"{p[0].file}:{p[0].line}: mmap_ops is mmap.ops")

@depends on old_ops && patch@
identifier old_ops.M;
expression I;
@@
(
-I.mmap_ops
+I.mmap.ops
 = &M
|
-I->mmap_ops
+I->mmap.ops
 = &M
)

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

@by_gem depends on patch@
position p;
@@
 drm_gem_dmabuf_export@p(...)

@script:python@
p << by_gem.p;
@@
here(p)["gem"].add(int(p[0].line))

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
if it["gem"]:
    why = f"drm_gem_dmabuf_export() in line {min(it['gem'])}: set mmap.ops where the object is made, .mmap is drm_gem_dmabuf_mmap"
elif not it["mmap_ops"]:
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

@script:python depends on port@
p << moves.p;
FN << moves.FN;
@@
say(p, f"{FN}: DMA_BUF_MMAP_MOVES, and DMA_BUF_MMAP_FENCED if kernel fences of the buffer are of moves")

@gives_vma depends on port@
identifier mmap_op.F, V, C;
@@
 F(..., struct vm_area_struct *V, ...)
 {
 	<+...
 	C(..., V, ...)
 	...+>
 }

@script:python@
p << mmap_op.p;
F << mmap_op.F;
C << gives_vma.C;
@@
here(p)["calls", F].add(C)

@eager_callee depends on port@
identifier gives_vma.C, maps.FN, V;
@@
 C(..., struct vm_area_struct *V, ...)
 {
 	<+...
 	FN(...)
 	...+>
 }

@eager depends on port@
identifier mmap_op.F, maps.FN, V;
@@
 F(..., struct vm_area_struct *V, ...)
 {
 	<+...
 	FN(...)
 	...+>
 }

@script:python with_flags depends on eager || eager_callee@
p << mmap_op.p;
F << mmap_op.F;
FLAGS;
@@
names = mapped_with(here(p), F)
if any(map(pages, names)) and not all(map(pages, names)):
    say(p, f"{F} maps ordinary pages too: DMA_BUF_MMAP_PAGES for these")
coccinelle.FLAGS = cocci.make_expr(flags(names))

// Has its counterpart in the core, or does nothing
@call depends on port@
identifier C !~ "^(vm_flags_.*|vmf?_insert_.*|vm_map_pages.*|(io_)?remap_pfn_range|remap_vmalloc_range.*|.*to_pfn|.*_to_page|PFN_.*|PHYS_PFN|sg_(next|page)|vma_pages|vma_is_cow_mapping|linear_page_.*|container_of|to_[a-z_]+|(pr|dev|drm)_(dbg|debug|err|info|notice|warn)[a-z_]*|DRM_[A-Z_]+|printk|WARN_ON[A-Z_]*)$";
position p;
@@
 C@p(...)

@script:python@
p << call.p;
C << call.C;
@@
for q in p:
    here(p)["does", q.current_element].add((int(q.line), C + "()"))

@refuses_cow depends on port@
struct vm_area_struct *V;
constant E =~ "^EINVAL$";
position p;
@@
(
 if (vma_is_cow_mapping(V)) return -E@p;
|
 if (!(V->vm_flags & <+... VM_SHARED ...+>)) return -E@p;
|
 if ((V->vm_flags & <+... VM_SHARED ...+>) == 0) return -E@p;
)

@fails depends on port@
constant E =~ "^E[A-Z]";
position p != refuses_cow.p;
@@
 -E@p

@script:python@
p << fails.p;
E << fails.E;
@@
for q in p:
    here(p)["does", q.current_element].add((int(q.line), "-" + E))

// A VMA's are set anew
@writes depends on port@
expression X, E;
identifier f !~ "^(vm_ops|vm_private_data|vm_page_prot|vm_flags|page)$";
assignment operator a;
position p;
@@
(
 X->f@p a E
|
 X->f@p++
|
 ++X->f@p
|
 X->f@p--
|
 --X->f@p
)

@script:python@
p << writes.p;
f << writes.f;
@@
for q in p:
    here(p)["does", q.current_element].add((int(q.line), "->" + f))

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

@depends on with_flags@
identifier port.M;
expression I, with_flags.FLAGS;
@@
 I.mmap.ops = &M;
+I.mmap.flags = FLAGS;

@depends on with_flags@
identifier port.M;
expression I, with_flags.FLAGS;
@@
 I->mmap.ops = &M;
+I->mmap.flags = FLAGS;

@depends on with_flags@
identifier port.M, J;
expression with_flags.FLAGS;
@@
 struct dma_buf_export_info J = {
 	.mmap.ops = &M,
+	.mmap.flags = FLAGS,
 };

@drop depends on port@
identifier mmap_op.O, mmap_op.F;
@@
 struct dma_buf_ops O = {
-	.mmap = F,
 };

// The mmap op, its vm_ops and their handlers, if they did nothing else and nobody else uses
// them

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

@script:python op_only depends on drop && !used@
p << mmap_op.p;
F << mmap_op.F;
G;
@@
if stays(p, F):
    cocci.include_match(False)
else:
    coccinelle.G = cocci.make_ident(F)

@drop_op depends on op_only@
identifier op_only.G;
parameter list P;
@@
-static int G(P) { ... }

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

@script:python dead depends on handler && !handler_used@
p << mmap_op.p;
H << handler.H;
D;
@@
if stays(p, H):
    cocci.include_match(False)
else:
    coccinelle.D = cocci.make_ident(H)

@depends on dead@
identifier dead.D;
type T;
parameter list P;
@@
-static T D(P) { ... }
