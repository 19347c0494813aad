#!/bin/sh
# SPDX-License-Identifier: MIT
# Who goes through all workers, a barrier and exit, visits each once: four times as many workers take four times as many
# instructions of the calling thread, or a little more; it would be sixteen times if each step began at the first. Counted
# by valgrind's callgrind. TAP.
# Usage: test-walks.sh [SOURCE-TREE LIBRARY-DIRECTORY], or in $srcdir and $LIBRARIES.
set -u
source=${1:-${srcdir:?}}
libraries=$(cd "${2:-${LIBRARIES:?}}" && pwd)
: "${CC:=cc}"
few=50
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

if ! command -v valgrind > /dev/null; then
	skip "walks through all workers" "no valgrind"
	plan
	exit
fi

# count FLAVOR FUNCTION WORKERS: instructions that the function takes.
count() {
	LD_LIBRARY_PATH=$libraries limited 60 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--toggle-collect="$2" "$work/$1" "$3" > "$work/log" 2>&1 &&
		sed -n 's/.*Collected *: *//p' "$work/log"
}

# walks FLAVOR FUNCTION WHAT
walks() {
	less=$(count "$1" "$2" $few) && more=$(count "$1" "$2" $((4 * few))) &&
		echo "$less instructions with $few workers, $more with $((4 * few))" > "$work/log" &&
		[ "$less" -gt $((20 * few)) ] && [ "$more" -lt $((9 * less / 2)) ]
	result $? "$1: $3 visits each worker once"
}

for flavor in memb qsbr; do
	case $flavor in
	qsbr) define=-DTEST_QSBR ;;
	*) define= ;;
	esac
	# shellcheck disable=SC2086 # nothing, or a flag
	$CC -std=gnu11 -D_GNU_SOURCE -O1 -g $define -I"${INCLUDE:-$source/include}" "$source/tests/conduct/walks.c" \
		-o "$work/$flavor" -L"$libraries" -lurcu-$flavor -pthread > "$work/log" 2>&1
	result $? "a program of $flavor" || continue
	walks $flavor urcu_${flavor}_barrier "a barrier"
	walks $flavor quiesce_exit "exit"
done
plan
