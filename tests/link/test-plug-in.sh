#!/bin/sh
# SPDX-License-Identifier: MIT
# A plug-in with bp in a program without: linked with the shared library, and with bp within itself,
# from an archive of position-independent objects. Opened, used by threads that were never
# registered, closed, over and over: no thread, mapping or key stays. And plug-ins of all flavors, in
# turn, in namespaces of their own, and under musl: none takes of the static TLS that the C library
# keeps in reserve what others need. TAP.
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

# The objects that "./configure --with-pic" puts into the archive: of flavor/ all but mb, memb and qsbr.
if [ -e "$build/src/flavor/.libs/bp.o" ]; then
	(cd "$build/src" && ar cr "$work/liburcu-bp.a" system/.libs/*.o process/.libs/*.o grace/.libs/*.o \
		callbacks/.libs/*.o flavor/.libs/[!mq]*.o)
	compile within.so -shared -fPIC "$source/tests/link/plug-in.c" -Wl,-z,defs \
		"$work/liburcu-bp.a"
	result $? "a plug-in with bp within itself"
	use "with bp within itself" within.so
else
	skip "a plug-in with bp within itself" "no position-independent objects"
fi

host() # what, arguments
{
	what=$1
	shift
	timeout 120 "$work/hosts" "$@" > "$work/log" 2>&1
	result $? "$what"
}

compile hosts "$source/tests/link/plug-ins-host.c" || result 1 "building the host of many"
all=
for flavor in mb memb qsbr bp; do
	define=-DOF_$flavor
	[ $flavor != mb ] || define="$define -DRCU_MB"
	# shellcheck disable=SC2086 # words
	compile $flavor.so -shared -fPIC $define "$source/tests/link/plug-in.c" -Wl,-z,defs \
		-L"$libraries" -Wl,-rpath,"$libraries" -lurcu-$flavor
	result $? "a plug-in with $flavor"
	# So many as go into what glibc 2.36 has in reserve for its own, with a library that takes none of
	# it; bp takes the 8 bytes in each that are left (src/flavor/bp.c).
	host "$flavor in 11 namespaces" namespaces 11 "$work/$flavor.so"
	all="$all $work/$flavor.so"
done
host "two plug-ins in turn, 100 times" turn 100 "$work/memb.so" "$work/qsbr.so"
# shellcheck disable=SC2086 # a list
host "four in turn, 100 times" turn 100 $all
# shellcheck disable=SC2086
host "four at once" open 1 $all

# musl has no such reserve.
if command -v musl-gcc > /dev/null; then
	CC=musl-gcc
	# The kernel's headers, which Debian's musl-gcc does not look for.
	mkdir "$work/kernel"
	for name in linux asm-generic "$(gcc -print-multiarch)/asm"; do
		[ ! -e "/usr/include/$name" ] || ln -s "/usr/include/$name" "$work/kernel/"
	done
	compile musl.so -shared -fPIC -I"$source/src" -isystem "$work/kernel" "$source/tests/link/plug-in.c" \
		"$source"/src/system/*.c "$source"/src/process/*.c "$source"/src/grace/*.c "$source"/src/callbacks/*.c \
		"$source"/src/flavor/[!mq]*.c &&
		compile hosts "$source/tests/link/plug-ins-host.c"
	result $? "a plug-in under musl"
	host "opened under musl" open 1 "$work/musl.so"
else
	skip "a plug-in under musl" "no musl-gcc"
fi
plan
