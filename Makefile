# SPDX-License-Identifier: GPL-2.0
# Thin: each target calls one script. Start with: make help
.DEFAULT_GOAL := help
.PHONY: help run shell check mutants bench regress compat mesa mesa-test demo-scanout demo-clients image kunit lint ports docs apply series bisect compile-test module deb deb-test page-test \
	igt-dropin clean distclean-cache setup

CONFIG ?= perf
SUITES ?= forky
export KERNELS MESAS MESA QUICK V QEMU ACCEL SMP MEM QEMU_ARGS KEEP ARCHS RESUME
# Not all shells replace this in M=~/driver.
home = $(patsubst ~/%,$(HOME)/%,$1)
override KSRC := $(abspath $(call home,$(KSRC)))
override IGT_SRC := $(call home,$(IGT_SRC))
export KSRC IGT_SRC
Q := $(if $(V),,@)
S := $(Q)scripts/
# The script, then the report of it and of what ran before, out/report/index.html
reported = $(Q)scripts/$1; status=$$?; scripts/page; exit $$status

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*##/ { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@sed -n 's/^## /  /p' $(firstword $(MAKEFILE_LIST))

run: setup ## the demonstration, one line per claim; CMD='...' runs a shell line in the guest instead; CONFIG=debug for that kernel
	$(if $(CMD),$(S)run '$(subst ','\'',$(value CMD))',$(call reported,run))

shell: setup ## a shell in the guest with the devices present; CONFIG=debug for that kernel
	$(S)run -i

check: setup ## all checks and tests; ends with "N passed, N failed, N skipped"; CONFIG=kasan for that kernel; IGT_SRC=~/igt-gpu-tools: the drop-in in that tree too
	$(call reported,check)

mutants: setup ## break the kernel in one way after the other: does a test notice? takes over an hour. NAMES='zap-none open' only these of tests/mutants
	$(S)mutants $(NAMES)

bench: setup ## guest instructions of mapping, touching, zapping: stock and patched; QUICK=1 only patched; UPDATE=1: the new baseline
	$(call reported,bench)

regress: setup ## the kernel's own tests and IGT's, stock and patched side by side; GROUP="kunit igt-qxl" for some; RESUME=1: what has no result yet
	$(call reported,regress $(GROUP))

compat: setup ## what user space can do with mappings of each exporter, stock and patched: every difference is a failure or has a reason; QUICK=1 only patched; UPDATE=1: what stock is
	$(call reported,compat)

mesa: setup ## Mesa with mesa-patches/, for the guest's root "desktop": prints its directory; the first time 15 minutes on 2 cores
	$(S)mesa

mesa-test: setup ## what Mesa's software drivers, RADV and radeonsi do with buffers of each exporter, stock and patched kernel: a table, out/mesa-programs.txt; MESA=dir that Mesa too; KERNELS=patched only there
	$(call reported,mesa-test programs)

demo-scanout: setup ## compositors show buffers of each exporter, composed and on planes, revoked, and bad ones, stock and patched kernel: a table, out/mesa-scanout.txt; MESA=dir, KERNELS=patched as above
	$(call reported,mesa-test scanout)

demo-clients: setup ## GStreamer and ffmpeg hand dma-bufs to weston and the display, and map what is shown, stock and patched kernel: a table, out/mesa-clients.txt
	$(call reported,mesa-test clients)

kunit: setup ## only the KUnit suites, on UML
	$(S)kunit uml

lint: setup ## only the static checks of what this repository adds
	$(S)lint

ports: setup ## how the CPU maps what each driver exports, what is unported, what was tested; M=~/driver: of a driver that is in no kernel tree
	$(S)ports $(if $(M),'$(call home,$(M))')

docs: setup ## our pages of the kernel documentation, in out/docs
	$(S)docs

image: setup ## build a kernel, print the path of its image: CONFIG=debug|kasan|perf|stock|regress|regress-stock
	$(S)build $(CONFIG)

apply: ## overlay and patches onto your own 7.3.x or 7.2.x tree: KSRC=~/linux
	$(if $(KSRC),,$(error say which tree: make apply KSRC=~/linux))
	$(S)apply $(KSRC)

series: setup ## the patches as mails for maintainers, in out/series, checked
	$(S)series

bisect: setup ## build after each patch what it touches: a line per patch; PATCHES='0005 0006' only after these
	$(S)bisect $(PATCHES)

compile-test: setup ## W=1 on x86-64, arm64, arm: what only the patched tree is warned of; hours. ONLY='drivers/vfio mm/pfnmap.c' ARCHS='arm'
	$(S)compile-test $(ONLY)

module: setup ## build a driver that is in no kernel tree, and load it in the guest: M=~/driver; CMD='...' is run there then
	$(if $(M),,$(error say where the driver is: make module M=~/driver))
	$(S)module '$(call home,$(M))' $(if $(CMD),'$(subst ','\'',$(value CMD))')

deb: setup ## packages in out/ for a real machine, of the kernel and the tests; CONFIG_FILE=/boot/config-...: that configuration; CONFIG=debug
	$(S)deb

deb-test: setup ## install both in images of Debian, boot them, run the tests: SUITES='forky sid'
	$(Q)tests/deb/run $(SUITES)

page-test: setup ## open the report in Chromium, 1.3 GB the first time: does a browser find anything wrong with it?
	$(Q)tests/page/run

igt-dropin: ## copy our tests into an IGT checkout: IGT_SRC=~/igt-gpu-tools
	$(S)igt-dropin '$(IGT_SRC)'

setup:
	$(S)setup

clean: ## remove out/
	$(Q)rm -rf out

distclean-cache: ## remove what was downloaded and built: ~/.cache/dmabuf-mmap
	$(S)distclean-cache

## out/report/index.html is a page of what run, check, bench, regress, compat, mesa-test and demo-* found.
## KSRC=~/linux builds from your own tree (mutants: never), OUT=... is for results instead of out/, V=1 shows commands.
## QEMU=..., ACCEL=kvm|tcg, SMP=2, MEM=3G, QEMU_ARGS=..., TIMEOUT=600 (seconds): how the guest runs.
## In the guest /src is this checkout and /results is out/run: make run CMD='/src/out/mytest'
## One rule of the conformance test on one source of igt-tests/dma_buf_mmap/sources.c:
##   make run CONFIG=debug CMD='/tests/dma_buf_mmap_conformance --run-subtest offset --dynamic-subtest vgem'
## For virtme-ng see scripts/boot --help; each of the scripts has that.
