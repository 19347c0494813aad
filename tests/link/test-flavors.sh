#!/bin/sh
# SPDX-License-Identifier: MIT
# All flavors in one program: linked with the shared libraries, with ours static, with everything
# static; in C and in C++, readers inlined and called. And what an archive gives to all who link it
# is named as ours. TAP.
# Usage: test-flavors.sh [SOURCE-TREE LIBRARY-DIRECTORY], or in $srcdir and $LIBRARIES.
set -u
source=${1:-${srcdir:?}}
libraries=$(cd "${2:-${LIBRARIES:?}}" && pwd)
: "${CC:=cc}" "${CXX:=c++}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

shared="-L$libraries -Wl,-rpath,$libraries -lurcu-mb -lurcu-memb -lurcu-bp -lurcu-qsbr"
ours=
for name in urcu-mb urcu-memb urcu-bp urcu-qsbr; do ours="$ours $libraries/lib$name.a"; done
turned=
for name in urcu-qsbr urcu-bp urcu-memb urcu-mb; do turned="$turned $libraries/lib$name.a"; done

program() # what, flags, libraries
{
	for language in c c++; do
		case $language in
		c) compiler="$CC -std=gnu11" ;;
		*) compiler="$CXX -std=gnu++17 -x c++" ;;
		esac
		# shellcheck disable=SC2086 # lists
		$compiler -D_GNU_SOURCE -Wall -Wextra -Werror -O2 $2 -I"$source/include" \
			"$source/tests/link/flavors.c" -x none -o "$work/flavors" $3 -pthread \
			> "$work/log" 2>&1 && limited 120 "$work/flavors" > "$work/log" 2>&1
		result $? "$1, $language $2"
	done
}

# A C library that has no archive has no static programs.
can_be_static()
{
	echo 'int main(void) { return 0; }' > "$work/empty.c"
	$CC -static "$work/empty.c" -o "$work/empty" > /dev/null 2>&1
}

program shared "" "$shared"
program shared -DURCU_NO_INLINE "$shared"
if [ -e "$libraries/liburcu-memb.a" ]; then
	program "ours static" "" "$ours"
	program "ours static, in another order" "" "$turned"
	program "ours static" -DURCU_NO_INLINE "$ours"
	if can_be_static; then
		program "all static" -static "$ours"
	fi
	# A hidden name of sys/sdt.h's comes with probes.
	for archive in "$libraries"/liburcu-*.a; do
		nm -g --defined-only "$archive" 2> /dev/null |
			awk 'NF == 3 && $3 !~ /^_*(urcu|cds|rcu|quiesce|compat_futex)_/ && $3 != "_.stapsdt.base" { print $3 }' \
			> "$work/log"
		[ ! -s "$work/log" ] && nm -g --defined-only "$archive" 2> /dev/null | grep -q " T "
		result $? "${archive##*/} gives no names but ours"
	done
fi
plan
