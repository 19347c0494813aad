#!/bin/sh
# SPDX-License-Identifier: MIT
# A minute of libFuzzer for each harness, always from the same seed; ./dev fuzz runs them for longer, and their variants
# too. FUZZ_MINUTES: others than one. TAP.
# Usage: srcdir=... builddir=... test-fuzzers.sh
set -u
source=$(cd "${srcdir:?}" && pwd)
build=$(cd "${builddir:?}" && pwd)
: "${CLANG:=clang}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

printf 'int LLVMFuzzerTestOneInput(void) { return 0; }\n' > "$work/try.c"
if ! $CLANG -fsanitize=fuzzer,address,undefined -w "$work/try.c" -o "$work/try" > "$work/log" 2>&1; then
	skip "all harnesses" "no clang with libFuzzer"
	plan
	exit
fi

fuzz() { # NAME
	FUZZ_SEED=1 "$source/tests/fuzz/fuzz.sh" "$source" "$build" "$work" "${FUZZ_MINUTES:-1}" "$1" > "$work/log" 2>&1 && return
	cat "$work/libfuzzer/$1.log" >> "$work/log"
	# Whole inputs: the directory goes.
	for find in "$work/finds"/*; do
		[ -f "$find" ] && { echo "$find:"; base64 "$find"; } >> "$work/log"
	done
	return 1
}

show_log() {
	tail -n 60 "$work/log" | sed 's/^/# /'
}

for name in lfht structures callbacks-memb environment options stall top gdb; do
	if [ $name = top ] && ! printf '#include <gelf.h>\n#include <curses.h>\n' | $CLANG -E - > /dev/null 2>&1; then
		skip top "no libelf or curses"
		continue
	fi
	fuzz $name
	result $? "$name" && sed -n 's/^ok /# /p' "$work/log"
done
plan
