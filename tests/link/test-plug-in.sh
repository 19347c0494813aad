#!/bin/sh
# SPDX-License-Identifier: MIT
# A plug-in with bp in a program without: linked with the shared library, and with bp within itself,
# from an archive of position-independent objects. Opened, used by threads that were never
# registered, closed, over and over: no thread, mapping or key stays. TAP.
# Usage: test-plug-in.sh [SOURCE-TREE BUILD-TREE], or in $srcdir and $builddir.
set -u
source=${1:-${srcdir:?}}
build=$(cd "${2:-${builddir:?}}" && pwd)
libraries=$build/.libs
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

compile() # output, flags and inputs ...
{
	output=$work/$1
	shift
	$CC -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -I"$source/include" "$@" -o "$output" \
		-pthread -ldl > "$work/log" 2>&1
}

use() # what, plug-in
{
	for case in "in-turn 2000" "outlived 300"; do
		# shellcheck disable=SC2086 # a list
		limited 180 "$work/host" "$work/$2" $case > "$work/log" 2>&1
		result $? "$1: $case rounds"
	done
}

compile host "$source/tests/link/plug-in-host.c" || result 1 "building the host"

compile shared.so -shared -fPIC "$source/tests/link/plug-in.c" -Wl,-z,defs \
	-L"$libraries" -Wl,-rpath,"$libraries" -lurcu-bp
result $? "a plug-in with the shared library"
use "with the shared library" shared.so

# The objects that "./configure --with-pic" puts into the archive.
if [ -e "$build/src/.libs/flavor-bp.o" ]; then
	# shellcheck disable=SC2046 # a list
	ar cr "$work/liburcu-bp.a" $(find "$build/src/.libs" -name '*.o' ! -name '*flavor-m*' \
		! -name '*flavor-qsbr*')
	compile within.so -shared -fPIC "$source/tests/link/plug-in.c" -Wl,-z,defs \
		"$work/liburcu-bp.a"
	result $? "a plug-in with bp within itself"
	use "with bp within itself" within.so
else
	skip "a plug-in with bp within itself" "no position-independent objects"
fi
plan
