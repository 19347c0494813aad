#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: table.sh SOURCE WORK BUILD [NAME...]
# Runs each program of bugs/, or those named, under urcu-check, by itself, with ThreadSanitizer and with AddressSanitizer (and its
# look for leaks), the libraries compiled with them as well, and prints a table: who says what. A program that
# does not end within 15 s hangs: half as long again as the library takes to report a stall. On a busy machine it has
# longer, as tests have.
set -eu
srcdir=$1 source=$1 work=$2 build=$3
shift 3
here=$source/tests/check
mkdir -p "$work"
seconds=$(($("$source/tests/patience.sh") * 15 / 4))
# shellcheck source=tests/check/bugs.inc
. "$here/bugs.inc"

compiled() { # directory, flags
	mkdir -p "$work/$1"
	cd "$work/$1"
	[ -f Makefile ] || "$source/configure" -q --disable-urcu-check CFLAGS="-O1 -g $2" > log 2>&1
	make -s V=0 > log 2>&1
	cd "$source"
}

cd "$here/bugs"
[ $# -gt 0 ] || set -- [0-9]*.c
bugs=$(printf '%s\n' "$@" | sed 's/\.c$//')

# build_all DIRECTORY FLAGS LIBRARIES
build_all() {
	rm -rf "$work/$1/bugs"
	mkdir -p "$work/$1/bugs"
	BUG_FLAGS=$2
	prepare_bugs "$here" "$work/$1/bugs"
	for name in $bugs; do
		build_bug "$work/$1/bugs" "$name" -L"$3" -Wl,-rpath,"$3"
	done
}

# What became of it: the cell's text.
outcome() { # pattern of a report, command...
	pattern=$1
	shift
	status=0
	timeout -k 2 "$seconds" "$@" > "$work/log" 2>&1 || status=$?
	if grep -E "$pattern" "$work/log" | grep -qv "thread leak"; then
		echo found
	elif grep -qE "ERROR: LeakSanitizer|ThreadSanitizer: thread leak" "$work/log"; then
		echo a leak
	elif [ $status = 124 ] || [ $status = 137 ]; then
		echo hangs
	elif [ $status -gt 128 ]; then
		echo dies
	else
		echo -
	fi
}

compiled thread -fsanitize=thread
compiled address -fsanitize=address
build_all plain -O1 "$build/.libs"
build_all thread "-O1 -fsanitize=thread" "$work/thread/.libs"
build_all address "-O1 -fsanitize=address" "$work/address/.libs"
echo "| mistake | urcu-check | the library itself | ThreadSanitizer | AddressSanitizer |"
echo "| --- | --- | --- | --- | --- |"
found=0 all=0 thread=0 address=0 library=0
for name in $bugs; do
	bug=$here/bugs/$name.c
	kind=$(bug_says FOUND "$bug")
	kind=${kind%%,*}
	options=$(bug_says OPTIONS "$bug")
	URCU_CHECK_LIBRARY=$build/.libs/liburcu-check.so URCU_CHECK_OPTIONS=$options \
		outcome "SUMMARY: urcu-check: $kind\$" sh "$build/tools/urcu-check" "$work/plain/bugs/$name" > "$work/cell"
	ours=$(cat "$work/cell")
	[ "$ours" != found ] || ours="$kind${options:+ ($options)}"
	plain=$(outcome "^liburcu: " "$work/plain/bugs/$name")
	tsan=$(outcome "WARNING: ThreadSanitizer|ERROR: ThreadSanitizer" "$work/thread/bugs/$name")
	asan=$(outcome "ERROR: AddressSanitizer" "$work/address/bugs/$name")
	echo "| $(bug_says BUG "$bug") | $ours | $plain | $tsan | $asan |"
	all=$((all + 1))
	[ "$ours" = - ] || [ "$ours" = hangs ] || [ "$ours" = dies ] || found=$((found + 1))
	[ "$plain" != found ] || library=$((library + 1))
	[ "$tsan" != found ] || thread=$((thread + 1))
	[ "$asan" != found ] || address=$((address + 1))
done
echo "| found, of $all | $found | $library | $thread | $address |"
