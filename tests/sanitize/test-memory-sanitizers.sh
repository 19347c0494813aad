#!/bin/sh
# SPDX-License-Identifier: MIT
# AddressSanitizer, with its look for leaks, and UndefinedBehaviorSanitizer find nothing, with no
# suppressions, in some of the C tests; ./dev sanitize runs all. TAP.
set -u
: "${srcdir:?}" "${builddir:?}"
directory=$builddir/tests/memory-sanitizers
mkdir -p "$directory"
# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

show_log() {
	grep -E 'SUMMARY|ERROR: |runtime error|error:|:F:|:E:|^    #[0-3]|not ok' "$directory/log" |
		head -n 30 | sed 's/^/# /'
}

flags="-fsanitize=address,undefined -fno-sanitize-recover=all"
echo 'int main(void) { return 0; }' > "$directory/empty.c"
compiler=
for candidate in gcc clang; do
	# shellcheck disable=SC2086 # words
	[ -n "$compiler" ] || ! $candidate $flags -o "$directory/empty" "$directory/empty.c" \
		2> /dev/null || ! "$directory/empty" 2> /dev/null || compiler=$candidate
done
if [ -z "$compiler" ] || ! pkg-config --exists check; then
	echo "1..0 # SKIP no compiler with AddressSanitizer, or no Check"
	exit 0
fi

run_tests() {
	for test; do
		make -s V=0 "tests/bin/$test.t" > log 2>&1 &&
			limited 120 "tests/bin/$test.t" > log 2>&1
		result $? "$test"
	done
}

cd "$directory" || exit 99
# Static alone, as some of the tests want it: each file is compiled once.
[ -f Makefile ] || "$srcdir/configure" -q --disable-shared --disable-urcu-check CC="$compiler" CFLAGS="-O1 -g $flags" > log 2>&1
make -s -j2 V=0 > log 2>&1
result $? "the library builds with $compiler"
CK_VERBOSITY=normal
CK_TAP_LOG_FILE_NAME=$directory/tap
export CK_VERBOSITY CK_TAP_LOG_FILE_NAME
run_tests call-rcu-memb workers-qsbr defer-bp lfht-growth-memb-static lfht-memory-memb-static lfht-watched-memb-static rculfqueue-cds
# Nothing that forks: sanitize.sh says why. tests/fork/leaks.sh has memcheck look at forks.
plan
