#!/bin/sh
# SPDX-License-Identifier: MIT
# At exit, and when a plug-in is closed, callbacks find the C++ objects that they use: in programs linked
# with the shared libraries, with ours static, with everything static, and in plug-ins. TAP.
# Usage: test-exit-objects.sh [SOURCE-TREE LIBRARY-DIRECTORY], or in $srcdir and $LIBRARIES.
set -u
source=${1:-${srcdir:?}}
libraries=$(cd "${2:-${LIBRARIES:?}}" && pwd)
: "${CC:=cc}" "${CXX:=c++}"
include=${INCLUDE:-$source/include}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"
export URCU_EXIT_TIMEOUT=60000

if ! command -v "$CXX" > /dev/null; then
	skip "objects at exit" "no $CXX"
	plan
	exit
fi

# build PROGRAM FLAG... : from exit-objects.cc
build()
{
	program=$1
	shift
	# shellcheck disable=SC2086 # a list
	$CXX -std=gnu++17 -D_GNU_SOURCE -O2 -g $flavor_flag -I"$include" \
		"$source/tests/conduct/exit-objects.cc" -o "$work/$program" "$@" -pthread \
		> "$work/log" 2>&1
}

# Ten times, since a race may be lost in some only.
run()
{
	what=$1
	shift
	status=7
	for round in 1 2 3 4 5 6 7 8 9 10; do
		timeout 60 "$@" > "$work/log" 2>&1
		status=$?
		[ $status = 7 ] || break
	done
	[ $status = 7 ] || echo "round $round: status $status" >> "$work/log"
	[ $status = 7 ]
	result $? "$what"
}

can_be_static()
{
	echo 'int main() { return 0; }' > "$work/empty.cc"
	$CXX -static "$work/empty.cc" -o "$work/empty" > /dev/null 2>&1
}

all_ways()
{
	for how in global local later at-exit waits; do
		run "$flavor, $1: $how" "$work/$2" $how
	done
}

$CC -O2 -g "$source/tests/conduct/exit-objects-host.c" -o "$work/host" -ldl > "$work/log" 2>&1
result $? "the host is built" || { plan; exit 1; }
for flavor in memb mb bp qsbr; do
	case $flavor in
	memb) flavor_flag= ;;
	mb) flavor_flag=-DRCU_MB ;;
	bp) flavor_flag=-DTEST_BP ;;
	qsbr) flavor_flag=-DTEST_QSBR ;;
	esac
	shared="-L$libraries -Wl,-rpath,$libraries -lurcu-$flavor -lurcu-common"
	archives="$libraries/liburcu-$flavor.a $libraries/liburcu-common.a"
	# shellcheck disable=SC2086 # lists
	build objects $shared && all_ways shared objects
	if [ -e "$libraries/liburcu-$flavor.a" ]; then
		# shellcheck disable=SC2086
		build objects-ours $archives && all_ways "ours static" objects-ours
		if can_be_static; then
			# shellcheck disable=SC2086
			build objects-static -static $archives && all_ways "all static" objects-static
		fi
	fi
	# shellcheck disable=SC2086
	build plug-in.so -DPLUG_IN -shared -fPIC $shared
	result $? "$flavor: the plug-in is built" || continue
	for how in global local later at-exit waits; do
		run "$flavor, plug-in, return: $how" "$work/host" "$work/plug-in.so" $how return
	done
	# What a plug-in leaves queued when it is closed has to be waited for by itself.
	for how in later at-exit waits; do
		run "$flavor, plug-in, closed: $how" "$work/host" "$work/plug-in.so" $how close
	done
done
plan
