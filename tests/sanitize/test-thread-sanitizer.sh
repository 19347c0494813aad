#!/bin/sh
# SPDX-License-Identifier: MIT
# ThreadSanitizer finds no data race, with no suppressions. The library is built with it in a
# directory of its own below the build directory, and on it run parts.c in every flavor, examples,
# and unit tests with threads; then parts.c and table.c on the library as it is built otherwise
# (src/system/sanitize.h). A section that is missing is found on either. TAP.
set -u
: "${srcdir:?}" "${builddir:?}" "${LIBRARIES:?}"
directory=$builddir/tests/thread-sanitizer
include=$srcdir/include
mkdir -p "$directory"

# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

show_log() {
	grep -E 'SUMMARY|FATAL|error|:F:|:E:|^    #[0-3]|^  [A-Z]' "$directory/log" |
		head -n 30 | sed 's/^/# /'
}

# attempt NAME COMMAND...
attempt() {
	name=$1
	shift
	limited 300 "$@" > "$directory/log" 2>&1
	result $? "$name"
}

# ThreadSanitizer cannot live with every layout of a process; setarch -R gives the plain one.
if setarch -R true 2> /dev/null; then fixed="setarch -R"; else fixed=; fi
works() {
	echo 'int main(void) { return 0; }' > "$directory/empty.c"
	"$1" -fsanitize=thread -o "$directory/empty" "$directory/empty.c" 2> /dev/null &&
		$fixed "$directory/empty" 2> /dev/null
}
compiler=
for candidate in gcc clang; do
	[ -n "$compiler" ] || ! works $candidate || compiler=$candidate
done
if [ -z "$compiler" ]; then
	echo "1..0 # SKIP no compiler with ThreadSanitizer"
	exit 0
fi

# build SOURCE FLAVOR LIBRARIES FLAG...: a program, $directory/program.
build() {
	source=$1 flavor=$2 libraries=$3
	shift 3
	case $flavor in
	mb) set -- "$@" -DRCU_MB ;;
	bp) set -- "$@" -DTEST_BP ;;
	qsbr) set -- "$@" -DTEST_QSBR ;;
	esac
	"$compiler" -std=gnu11 -O1 -g -fsanitize=thread "$@" -I"$include" -pthread \
		-o "$directory/program" "$srcdir/$source" -L"$libraries" \
		-Wl,-rpath,"$libraries" -lurcu-"$flavor" -lurcu-cds -lurcu-common
}

# program SOURCE FLAVOR LIBRARIES FLAG...
program() {
	{ build "$@" && limited 120 $fixed "$directory/program"; } > "$directory/log" 2>&1
	status=$?
	name="$1, $2"
	shift 3
	result $status "$name $*"
}

instrumented() {
	cd "$directory" || exit 99
	[ -f Makefile ] || attempt "configure with $compiler" "$srcdir/configure" -q --disable-static --disable-urcu-check \
		CC="$compiler" CFLAGS="-O1 -g -fsanitize=thread"
	attempt "make" make -s -j2 V=0
	for flavor in mb memb bp qsbr; do
		program tests/sanitize/parts.c $flavor "$directory/.libs"
		program tests/sanitize/table.c $flavor "$directory/.libs"
	done
	for example in wfcqueue wfstack lfstack rculfqueue; do
		program examples/$example.c memb "$directory/.libs"
	done
	for test in $tests; do
		make -s V=0 "tests/bin/$test.t" > "$directory/log" 2>&1 &&
			limited 120 $fixed "tests/bin/$test.t" > "$directory/log" 2>&1
		result $? "$test"
	done
}

tests=
if pkg-config --exists check; then
	tests="call-rcu-mb call-rcu-memb call-rcu-bp list-plain pointer-ref-plain uatomic-plain
		wfcqueue-cds wfqueue-cds wfstack-cds lfstack-cds rculfqueue-cds rculfstack-cds
		handing-on-cds"
fi
CK_VERBOSITY=normal
CK_TAP_LOG_FILE_NAME=$directory/tap
export CK_VERBOSITY CK_TAP_LOG_FILE_NAME
(instrumented; echo "$number $failed" > "$directory/count")
read -r number failed < "$directory/count"

# A race that there is is told apart from all other ends by the sanitizer's own status.
missing_section() { # flavor, libraries
	{ build tests/sanitize/table.c "$1" "$2" -DNO_SECTION &&
		limited 120 $fixed env TSAN_OPTIONS="halt_on_error=1 exitcode=66" "$directory/program"; } \
		> "$directory/log" 2>&1
	status=$?
	result $((status != 66)) "a section that is missing, $1, is found"
}

for flavor in mb memb bp qsbr; do
	program tests/sanitize/parts.c $flavor "$LIBRARIES" -D_LGPL_SOURCE
	program tests/sanitize/parts.c $flavor "$LIBRARIES" -O0
	program tests/sanitize/table.c $flavor "$LIBRARIES"
	program tests/sanitize/table.c $flavor "$LIBRARIES" -O0
	missing_section $flavor "$LIBRARIES"
done
plan
