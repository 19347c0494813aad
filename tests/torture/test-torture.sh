#!/bin/sh
# SPDX-License-Identifier: MIT
# The torture test in every flavor, as C and as C++, on the library as it is built and on one that is
# built to hold threads up at random (configure --enable-delays), in a directory of its own. A short
# run takes every second of these combinations, and 2 s for each. TAP.
# TORTURE_MINUTES: all combinations, for so long together. TORTURE_BUILD: the directory.
set -u
: "${srcdir:?}" "${builddir:?}" "${LIBRARIES:?}"
srcdir=$(cd "$srcdir" && pwd)
directory=${TORTURE_BUILD:-$builddir/tests/torture-build}
minutes=${TORTURE_MINUTES:-}
seconds=2
[ -z "$minutes" ] || seconds=$((minutes * 60 / 16 + 1))
sources="torture objects actors disturb"
mkdir -p "$directory"
unset MAKEFLAGS MFLAGS MAKELEVEL TESTS TEST_LOGS

# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

show_log() {
	tail -n 20 "$directory/log" | sed 's/^/# /'
}

delays() (
	cd "$directory" || exit
	[ -f Makefile ] || "$srcdir/configure" -q --disable-urcu-check --disable-static --enable-delays \
		CC="${CC:-gcc}" CFLAGS="-O2 -g" || exit
	make -s -j2 V=0
)

# build FLAVOR LANGUAGE LIBRARIES: a program, $directory/torture.
build() {
	flavor=$1 language=$2 libraries=$3
	case $flavor in
	mb) flag=-DRCU_MB ;;
	bp) flag=-DTEST_BP ;;
	qsbr) flag=-DTEST_QSBR ;;
	*) flag=-DTEST_MEMB ;;
	esac
	case $language in
	C) compiler="${CC:-gcc} -x c -std=gnu11" ;;
	*) compiler="${CXX:-g++} -x c++ -std=gnu++17" ;;
	esac
	# shellcheck disable=SC2046,SC2086 # lists of words
	$compiler -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -pthread $flag \
		-I"$srcdir/include" -o "$directory/torture" \
		$(printf "$srcdir/tests/torture/%s.c " $sources) -x none \
		-L"$libraries" -Wl,-rpath,"$libraries" -lurcu-"$flavor" -lurcu-cds -lurcu-common
}

# run WHAT FLAVOR LANGUAGE LIBRARIES
run() {
	{ build "$2" "$3" "$4" && limited $((seconds + 180)) "$directory/torture" -t "$seconds"; } \
		> "$directory/log" 2>&1
	result $? "$2, $3, $1" || return
	[ -z "$minutes" ] || show_log
}

delays > "$directory/log" 2>&1
result $? "a library with delays" || plan || exit
for flavor in memb mb bp qsbr; do
	run plain $flavor C "$LIBRARIES"
	run delays $flavor C++ "$directory/.libs"
	if [ -n "$minutes" ]; then
		run plain $flavor C++ "$LIBRARIES"
		run delays $flavor C "$directory/.libs"
	fi
done
plan
