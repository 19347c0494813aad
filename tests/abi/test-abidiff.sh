#!/bin/sh
# SPDX-License-Identifier: MIT
# libabigail's abidiff on our libraries: beside those of Debian's liburcu (LIBURCU=PREFIX) nothing is gone but what
# abidiff.suppr lists with a reason; types of all functions and structures that both headers have are the same; beside
# the last release, as released/*.abi keep it, nothing is gone or changed. TAP.
# Usage: test-abidiff.sh [DIRECTORY], of the libraries, by default $LIBRARIES.
set -u
here=$(cd "$(dirname "$0")" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
include=${INCLUDE:-$here/../../include}
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$here/../tap.inc"

command -v abidiff > /dev/null || {
	echo "1..0 # SKIP no abidiff (package abigail-tools)"
	exit 0
}

# compare WHAT THEIRS OURS: additions are no difference.
compare() {
	limited 60 abidiff --no-added-syms --suppressions "$here/abidiff.suppr" "$2" "$3" > "$work/log" 2>&1
	result $? "$1"
}

# ---- The last release ----

# Dumps are of one machine's types, which are read from debug information. What is not released yet may change: then
# packaging/abi-dump.sh writes them anew.
for name in mb memb bp qsbr common cds; do
	dump=$here/released/liburcu-$name.abi
	if [ "$(uname -m)" != x86_64 ] || ! readelf -SW "$libraries/liburcu-$name.so.8" | grep -q debug_info; then
		skip "liburcu-$name, beside our last release" "not x86-64, or no debug information"
	else
		compare "liburcu-$name, beside our last release" "$dump" "$libraries/liburcu-$name.so.8"
	fi
done

# ---- Debian's liburcu ----

theirs=
flags=
for directory in "${LIBURCU:-/nowhere}"/lib "${LIBURCU:-/nowhere}"/lib/*-linux-gnu*; do
	[ ! -e "$directory/liburcu-memb.so.8" ] || theirs=$directory
done
for directory in "${LIBURCU:-/nowhere}"/include "${LIBURCU:-/nowhere}"/include/*-linux-gnu*; do
	[ ! -d "$directory" ] || flags="$flags -I$directory"
done
if [ -z "$theirs" ] || [ -z "$flags" ]; then
	skip "beside liburcu" "there is none (LIBURCU=PREFIX)"
	plan
	exit
fi

for name in mb memb bp qsbr common cds; do
	compare "liburcu-$name, beside liburcu's" "$theirs/liburcu-$name.so.8" "$libraries/liburcu-$name.so.8"
done

# Debian's libraries come without debug information. So a pointer of each function's and each structure's type is
# declared, once by either's headers, and compared.

names() { # library
	awk -F '\t' -v library="$1" 'FNR > 1 && $1 == library && $3 == "function" { print $2 }' "$here/symbols.tsv"
}

source_of() { # library, included headers ...
	library=$1
	shift
	printf '#include <%s>\n' "$@"
	names "$library" | sed "s/.*/__typeof__(\&&) probe_${library#liburcu-}_&;/"
}

structures_source() {
	grep '^#include' "$here/probe.c"
	sed -n 's/.*SIZE(\(.*\));.*/\1/p' "$here/probe.c" | sort -u |
		awk '{ name = $0; gsub(/[^a-z0-9_]/, "_", name); print $0 " *probe_type_" name ";" }'
}

compile() { # side, flags, part
	# shellcheck disable=SC2086 # flags
	timeout 60 $CC -w -g -O0 -fPIC -D_GNU_SOURCE $2 -c "$work/$3.c" -o "$work/$1-$3.o"
}

# Names that liburcu exports and does not declare are no part of its interface; those it does declare, ours must.
both() { # part
	compile theirs "$flags" "$1" 2> "$work/errors" ||
		sed -n "s/.*error: .\([A-Za-z0-9_]*\). undeclared.*/\1/p" "$work/errors" | sort -u > "$work/undeclared"
	if [ -s "$work/undeclared" ]; then
		sed 's/.*/__typeof__(\&&) /' "$work/undeclared" > "$work/patterns"
		grep -vFf "$work/patterns" "$work/$1.c" > "$work/kept" && mv "$work/kept" "$work/$1.c"
		: > "$work/undeclared"
		compile theirs "$flags" "$1" || return 1
	fi
	compile ours "-I$include" "$1"
}

for flavor in mb memb bp qsbr; do
	source_of liburcu-$flavor urcu/urcu-$flavor.h urcu/futex.h > "$work/$flavor.c"
done
source_of liburcu-common urcu/wfcqueue.h urcu/wfqueue.h urcu/wfstack.h > "$work/common.c"
source_of liburcu-cds urcu/urcu-memb.h urcu/rculfhash.h urcu/lfstack.h urcu/rculfqueue.h urcu/rculfstack.h > "$work/cds.c"
structures_source > "$work/types.c"
: > "$work/log"
for part in mb memb bp qsbr common cds types; do
	both $part >> "$work/log" 2>&1 || echo "$part" >> "$work/failed"
done
count=$(cat "$work"/*.c | grep -c ' probe_\| \*probe_')
[ ! -e "$work/failed" ] && [ "$count" -gt 200 ]
result $? "$count functions and structures are declared in both" || { plan; exit; }
for side in theirs ours; do
	$CC -shared -o "$work/$side.so" "$work/$side"-*.o
done
compare "types of functions, and structures, beside liburcu's" "$work/theirs.so" "$work/ours.so"
plan
