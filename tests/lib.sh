# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by tests, after scripts/lib.sh: counts what passes, shows what does not.

passed=0 failed=0
mkdir -p "$OUT/log"
log=$OUT/log/$(basename "$(dirname "$0")")-test.log

result() { # NAME COMMAND...: it has to succeed
	if "${@:2}" >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL  $1"
		tail -n 30 "$log"
	fi
}

# says FILE LINE: it has that line, an extended regular expression.
says() { grep -xE -- "$2" "$1" || { cat "$1"; return 1; }; }

# The last line; returns 1 if anything failed.
summary() {
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" = 0 ]
}
