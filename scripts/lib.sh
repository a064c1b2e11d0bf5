# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by every script: its arguments, where things are, messages, locks, hashes.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dmabuf-mmap
OUT=$(realpath -m "${OUT:-$TOP/out}")
export CCACHE_DIR=$CACHE/ccache CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-10G}
# ccache sees an .incbin only with the preprocessor's help: without it (CCACHE_DEPEND, and what
# it left there) two kernels whose compressed sizes are equal have one piggy.o.
unset CCACHE_DEPEND
export CCACHE_NAMESPACE=preprocessed
JOBS=${JOBS:-$(($(nproc) + 1))}
: "$OUT" "$JOBS"

# The -s of "make -s image" is for our make, not for the kernel's, whose lines we count.
unset MAKEFLAGS

say() { echo "$*" >&2; }
die() { say "${0##*/}: $*"; exit 1; }
misuse() { say "${0##*/}: $*; try '$SELF --help'"; exit 2; }

# What a script says of itself is the comment at its head.
usage() { awk 'NR > 2 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

# arguments ARGUMENT...: the script's must fit the first line of that comment,
# "Usage: [VARIABLE=...] scripts/NAME [-o] ARGUMENT [THIS | THAT] [MANY...]".
# shellcheck disable=SC2001 # ${//} repeats nothing
arguments() {
	local form option='' least most
	[[ $(sed -n 3p "$0") =~ ^'# Usage: '(.* )?([^ ]+/"${0##*/}")(' '(.*))?$ ]] || return 0
	SELF=${BASH_REMATCH[2]} form=${BASH_REMATCH[4]}
	case ${1:-} in
	-h | --help) usage; exit 0 ;;
	--*) option=$1 ;;
	-?*) option=${1:0:2} ;;
	esac
	[ -z "$option" ] || [[ $form =~ \["$option"[]\ ] ]] || misuse "there is no option $1"
	least=$(sed 's/\[[^]]*\]//g' <<<"$form" | wc -w)
	most=$(sed 's/ | [^] ]*//g' <<<"$form" | wc -w)
	[ $# -ge "$least" ] || misuse "it takes $form"
	[ $# -le "$most" ] || [[ $form == *...* ]] || misuse "it takes ${form:-no arguments}, not '$*'"
}
[ ! -f "$0" ] || arguments "$@"

# The trace must not end up in what scripts capture of a command's errors.
if [ -n "${V:-}" ]; then
	exec {BASH_XTRACEFD}>&2
	set -x
fi

mkdir -p "$CACHE" "$CCACHE_DIR" 2>/dev/null || die "cannot write to $CACHE: set XDG_CACHE_HOME to a directory you own"

# at_exit COMMAND: a shell line for when the script ends, also by a signal.
ends=()
at_exit() {
	ends+=("$1")
	trap run_ends EXIT
	trap 'exit 130' INT TERM HUP
}
run_ends() {
	local end
	for end in "${ends[@]}"; do eval "$end"; done
}

# A scratch directory beside the cache (so that mv is atomic), removed on exit.
scratch() {
	mkdir -p "$CACHE/tmp"
	SCRATCH=$(mktemp -d "$CACHE/tmp/${0##*/}.XXXXXX")
	at_exit "rm -rf --one-file-system '$SCRATCH'"
}

# lock NAME: one writer at a time; released when the script ends. The file has the process
# that holds it, or held it last, for those who wait.
lock() {
	mkdir -p "$CACHE/lock"
	if [ ! -w "$CACHE/lock" ] || { [ -e "$CACHE/lock/$1" ] && [ ! -w "$CACHE/lock/$1" ]; }; then
		die "$CACHE is somebody else's: set XDG_CACHE_HOME to a directory you own"
	fi
	exec {LOCK_FD}<>"$CACHE/lock/$1"
	if ! flock -n "$LOCK_FD"; then
		say "  waiting for another run that holds $CACHE/lock/$1$(holder "$1")"
		flock "$LOCK_FD"
	fi
	# Always as long: nothing needs to be truncated.
	{ printf '%-10d\n' $$ >&"$LOCK_FD"; } 2>/dev/null || :
}
holder() {
	local pid
	if read -r pid <"$CACHE/lock/$1" && [ -r "/proc/$pid/cmdline" ]; then
		echo ": pid $pid, $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-100)"
	fi
} 2>/dev/null

# background COMMAND...: runs it beside the script, in a process group of its own, without
# input, until the script ends; wait_background waits for all, and fails if one failed.
pids=()
background() {
	[ ${#pids[@]} -gt 0 ] || at_exit end_background
	set -m
	"$@" </dev/null &
	set +m
	pids+=($!)
}
wait_background() {
	local pid rc=0
	for pid in "${pids[@]}"; do wait "$pid" || rc=$?; done
	return $rc
}
end_background() {
	local pid
	for pid in $(jobs -pr); do kill -- "-$pid" 2>/dev/null || :; done
	wait
}

# step TEXT COMMAND...: run it, its output to a log; print one line with the time.
# If it fails, say so with $hint, or else with the end of the log.
step() {
	local text=$1 start=$SECONDS log rc=0
	shift
	mkdir -p "$OUT/log"
	log=$OUT/log/$(echo "$text" | tr -cs 'a-zA-Z0-9.\n' -).log
	say "  $text ..."
	"$@" >"$log" 2>&1 || rc=$?
	if [ "$rc" != 0 ]; then
		[ -n "${hint:-}" ] || tail -n 30 "$log" >&2
		die "'$text' failed${hint:+: $hint}; the whole log is $log"
	fi
	say "  $text: $((SECONDS - start)) s"
}

# The files that make up the overlay, relative to TOP, sorted.
overlay_files() {
	(cd "$TOP" && find drivers include mm tools Documentation -type f \
		! -name '*~' ! -name '*.orig' ! -name '*.rej' ! -name '.*' 2>/dev/null | LC_ALL=C sort)
}

# The patches for Linux VERSION in the order of their names, those in patches/VERSION/ for
# that version alone; "*": all that there are. 0000-* gives an older version what the others
# need of a newer one.
patch_files() {
	find "$TOP/patches" \( -path "$TOP/patches/$1/*.patch" -o -path "$TOP/patches/*.patch" -not -path "$TOP/patches/*/*" \) \
		-printf '%f %p\n' | LC_ALL=C sort | cut -d' ' -f2-
}

# Hash of the contents (and names) of what is listed on stdin.
hash_files() { xargs -r -d '\n' sha256sum | sha256sum | cut -c1-16; }

# Hash of everything we add to a kernel tree.
ours_hash() { cd "$TOP" && { overlay_files; patch_files '*' | sed "s|^$TOP/||"; } | hash_files; }

# The Debian mirror that this machine's apt uses.
debian_mirror() {
	local uri
	# shellcheck disable=SC2016 # apt expands these
	uri=$(apt-get indextargets --format '$(REPO_URI) $(LABEL)' 'Created-By: Packages' |
		awk '$2 == "Debian" { print $1; exit }')
	[ -n "$uri" ] || die "apt knows no Debian mirror: add one to /etc/apt/sources.list and run apt-get update"
	echo "$uri"
}

# apt_private DIR LINE...: apt_options are those with which apt has its lists in DIR, and
# knows nothing but the main part of what each LINE, "deb URI SUITE", says.
apt_private() {
	mkdir -p "$1/lists/partial" "$1/archives/partial"
	printf '%s\n' "${@:2}" |
		sed 's|^\([^ ]*\) \(.*\)|\1 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \2 main|' |
		sort -u >"$1/sources.list"
	# shellcheck disable=SC2034 # for who calls it
	apt_options=(-q -o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1" -o "Dir::Etc::sourcelist=$1/sources.list"
		-o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=- -o Acquire::Check-Valid-Until=false
		-o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root
		-o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false)
}

# Major.minor of a kernel tree; dies if this is not one that the patches are for.
kernel_version() {
	local v
	[ -f "$1/Makefile" ] || die "$1 is not a kernel tree (no Makefile)"
	v=$(awk '$1 == "VERSION" { v = $3 } $1 == "PATCHLEVEL" { print v "." $3; exit }' "$1/Makefile")
	grep -q "^linux-source-$v " "$TOP/KERNEL" ||
		die "$1 is Linux ${v:-of unknown version}; supported: $(awk '/^linux-source/ { sub("linux-source-", "", $1); printf "%s.x ", $1 }' "$TOP/KERNEL")"
	echo "$v"
}

# What QEMU runs with: ACCEL, or KVM if it runs a stock kernel. It can be opened where it
# cannot: go by the CPU's flags.
qemu_accel() {
	if [ -z "${ACCEL:-}" ] && grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then
		echo kvm
	else
		echo "${ACCEL:-tcg,thread=multi}"
	fi
}

# kernel_make TREE BUILD TARGET...: always with the same options, or all would be built again.
kernel_make() {
	make -C "$1" O="$2" -j"$JOBS" CC="ccache gcc" KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=u \
		KBUILD_BUILD_HOST=h "${@:3}"
}

# build_kernel KIND TREE BUILD TARGET...: says how many percent of the lines are there that
# the last whole build of this kind printed, or, of a large kernel's first one, how many; and
# the errors if there are any.
build_kernel() {
	local kind=$1 counts=$CACHE/image/lines log=$OUT/log/build-$1.log start=$SECONDS total whole
	shift
	mkdir -p "$counts" "$OUT/log"
	total=2400
	case $kind in deb | deb-*) total=0 ;; esac
	total=$(cat "$counts/$kind" 2>/dev/null || echo $total)
	whole=$([ -e "$2/vmlinux" ] || echo 1)
	say "  build the $kind kernel ($JOBS jobs) ..."
	if ! kernel_make "$@" 2>&1 </dev/null | tee "$log" | awk -v total="$total" -v tty="$([ -t 2 ] && echo 1)" '
		BEGIN { step = tty ? 1 : 10; end = tty ? "\r" : "\n" }
		!total { if (NR % 500 == 0) { printf "    %d steps%s", NR, end; fflush() } next }
		{ percent = int(NR * 100 / total); if (percent > 99) percent = 99 }
		percent >= last + step { last = percent - percent % step; printf "    %d %%%s", last, end; fflush() }' >&2; then
		{ grep -E -A8 'error:|Error [0-9]|undefined reference|\*\*\*' "$log" || tail -n 30 "$log"; } | tail -n 30 >&2
		die "the $kind kernel does not build; the whole log is $log"
	fi
	[ -z "$whole" ] || wc -l <"$log" >"$counts/$kind"
	say "  build the $kind kernel: $((SECONDS - start)) s"
}
