# SPDX-License-Identifier: GPL-2.0
# Read by every make of a kernel build through the variable MAKEFILES: the target
# list-objects prints which objects the configuration builds, by asking kbuild itself.
# WANTED are the directories of interest: what is not on the way to them, in them,
# or a neighbour (whose Makefile may name files of theirs) is not visited.
visit = $(MAKE) $(build)=$1 need-builtin=1 need-modorder=1 list-directory

# The first makes only start others, see sub_make_done in the kernel's Makefile.
ifeq ($(sub_make_done)$(filter --no-print-directory,$(MAKEFLAGS)),1--no-print-directory)
.PHONY: list-objects list-directory
list-objects:
	+@$(call visit,.)

list-directory:
	@printf '%s\n' $(filter %.o,$(real-obj-y) $(real-obj-m) $(lib-y))
	+@$(foreach d,$(subdir-ym:./%=%),$(if $(strip $(foreach w,$(WANTED),\
		$(filter $(patsubst %/,%,$(dir $d))/%,./$w/ $w/)$(filter $w/%,$d/))),\
		$(call visit,$d) &&)) :
endif
