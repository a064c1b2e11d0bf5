# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced after lib.sh by what builds objects of the series, for all architectures
# that have a tests/configs/compile-ARCH.config. Lines at the head of such a file are:
#   "# base: TARGET" of the kernel's make, or tinyconfig; "# fragments: FILE..." put over it
#   "# ARCH: ...", "# CROSS_COMPILE: ..." of the kernel's make, "# package: ..." the compiler's

# The architectures, the one that can build most first: x86-64, arm64, arm.
compile_archs() {
	find "$TOP/tests/configs" -name 'compile-*.config' | sed 's|.*/compile-\(.*\)\.config|\1|' | LC_ALL=C sort -r
}

# The series as the git repository $repo, and $tree to build it in; sets $pristine, $touched.
# The tree is of its own, so that others can build and boot meanwhile.
prepare_series() {
	lock "tree-${KSRC:+ksrc-}stock"
	pristine=$("$TOP/scripts/tree" stock)
	exec {LOCK_FD}>&-
	lock "tree-${KSRC:+ksrc-}series"
	tree=${pristine/\/src\//\/series\/}
	tree=${tree/\/ksrc\//\/series\/}
	scratch
	repo=$SCRATCH/repo
	"$TOP/scripts/series-repo" "$pristine" "$repo"
	# shellcheck disable=SC2034 # for the caller
	touched=$(git -C "$repo" diff --name-only --diff-filter=d base series)
	mkdir -p "$OUT/log"
}

# put_series COMMIT: the tree becomes what it is with the patches up to that one.
put_series() {
	rm -rf "$SCRATCH/files"
	mkdir "$SCRATCH/files"
	git -C "$repo" archive "$1" | tar -x -C "$SCRATCH/files"
	"$TOP/scripts/tree-put" "$pristine" "$SCRATCH/files" "$tree" >&2
}

kmake() {
	nice make -s -C "$tree" O="$build" -j"$JOBS" CC="ccache ${CROSS_COMPILE}gcc" KBUILD_BUILD_TIMESTAMP=@0 \
		KBUILD_BUILD_USER=u KBUILD_BUILD_HOST=h "$@" </dev/null
}

# configure ARCH BUILD: from here on kmake builds that in $tree/BUILD.
configure() {
	arch=$1 build=$tree/$2
	local log=$OUT/log/$2.config.log file=$TOP/tests/configs/compile-$arch.config package
	ARCH=$(sed -n 's/^# ARCH: //p' "$file")
	CROSS_COMPILE=$(sed -n 's/^# CROSS_COMPILE: //p' "$file")
	BASE=$(sed -n 's/^# base: //p' "$file")
	export ARCH CROSS_COMPILE BASE
	package=$(sed -n 's/^# package: //p' "$file")
	[ -z "$package" ] || "$TOP/scripts/setup" "$package"
	nice "$TOP/scripts/config" "$tree" "$build" "compile-$arch" >"$log" 2>&1 ||
		die "$(tail -n 1 "$log"); correct tests/configs/compile*.config"
	# What only the series brings is set as soon as the patch is there that does.
	cat "$TOP"/tests/configs/ours*.config >>"$build/.config"
	{ kmake olddefconfig && kmake prepare; } >>"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2; die "cannot prepare a build for $arch; the whole log is $log"; }
}

# enabled_objects: what the configuration builds of C files in, below and around the
# directories on stdin. A line has the path of the object and, if it is another, as kbuild has it (a/../b/c.o).
enabled_objects() {
	MAKEFILES=$TOP/scripts/objects.mk kmake WANTED="$(sort -u | tr '\n' ' ')" list-objects | sed 's|^\./||' | awk '
		{ path = $0; while (sub(/[^\/]+\/\.\.\//, "", path)); print path, $0 }' | LC_ALL=C sort -u |
		while read -r path as; do [ ! -e "$tree/${path%.o}.c" ] || echo "$path $as"; done
}

# build_objects LOG [MAKE-ARGUMENT...]: builds what enabled_objects printed and stdin has;
# messages go to LOG; prints the paths of the objects that could not be built.
build_objects() {
	local log=$1 lines some n chunk=250
	shift
	mapfile -t lines
	: >"$log"
	for ((n = 0; n < ${#lines[@]}; n += chunk)); do
		[ ${#lines[@]} -le $chunk ] || say "    $arch: $n of ${#lines[@]} objects"
		some=("${lines[@]:n:chunk}")
		kmake -k "$@" "${some[@]#* }" >>"$log" 2>&1 || :
	done
	for n in "${lines[@]}"; do
		if [ ! -e "$build/${n#* }" ] || grep -qF ": ${n#* }] Error" "$log"; then echo "${n% *}"; fi
	done
}

# Which files on stdin are C of the kernel's (tools have makefiles of their own), as their
# objects: that of the file which includes it, if one does.
as_objects() {
	local c dir by
	sed -n '/^tools\//d; /\.c$/p' | while read -r c; do
		dir=$pristine/$(dirname "$c")
		by=$(grep -lE "^#include \"(.*/)?${c##*/}\"" "$dir"/*.c "$dir"/../*.c 2>/dev/null | head -n 1) || :
		[ -z "$by" ] || c=$(realpath --relative-to="$pristine" "$by")
		echo "${c%.c}.o"
	done | LC_ALL=C sort -u
}
