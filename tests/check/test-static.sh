#!/bin/sh
# SPDX-License-Identifier: MIT
# What tools find that look at sources: sparse by __rcu, clang by its -Wthread-safety, coccinelle by the
# semantic patches of tools/cocci. Each finds what the sources say, and nothing in the examples. TAP.
set -u
: "${srcdir:?}"
here=$srcdir/tests/check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

# Lines that complaints are about, against those that the source marks by a word.
as_marked() { # tool, word
	sed -n 's/^[^ ]*static\.c:\([0-9]*\):[0-9]*: warning: .*/\1/p' "$work/log" | sort -un > "$work/found"
	grep -n "/\* $2 \*/" "$here/static.c" | cut -d : -f 1 | sort -n > "$work/wanted"
	[ -s "$work/wanted" ] && diff "$work/wanted" "$work/found" >> "$work/log"
	result $? "$1 complains where it is to"
}

run_sparse() {
	limited 60 sparse -I"$srcdir/include" -D_GNU_SOURCE -gcc-base-dir "$(gcc -print-file-name=)" "$@"
}

if command -v sparse > /dev/null && command -v gcc > /dev/null; then
	run_sparse "$here/static.c" > "$work/log" 2>&1
	as_marked sparse SPARSE
	for example in rculist rculfhash ref; do
		run_sparse "$srcdir/examples/$example.c" > "$work/log" 2>&1 && [ ! -s "$work/log" ]
		result $? "sparse finds nothing in $example"
	done
else
	skip "sparse complains where it is to" "no sparse"
fi

run_clang() {
	limited 60 clang -std=gnu11 -D_GNU_SOURCE -fsyntax-only -DURCU_CHECK -Wthread-safety -I"$srcdir/include" "$@"
}

if command -v clang > /dev/null; then
	run_clang "$here/static.c" > "$work/log" 2>&1
	as_marked "clang -Wthread-safety" CLANG
	run_clang -Werror "$srcdir"/examples/rcu*.c "$srcdir/examples/ref.c" "$srcdir/examples/snapshot-store.c" \
		> "$work/log" 2>&1
	result $? "clang -Wthread-safety finds nothing in the examples"
else
	skip "clang -Wthread-safety complains where it is to" "no clang"
fi

# Each file by itself.
run_patch() { # patch, directory
	limited 120 spatch --very-quiet -D report --sp-file "$1" --dir "$2" > "$work/log" 2> "$work/errors"
}

if command -v spatch > /dev/null; then
	for patch in "$srcdir"/tools/cocci/*.cocci; do
		name=$(basename "$patch" .cocci)
		run_patch "$patch" "$here/bugs"
		sed 's|.*/\([^/:]*\):.*|\1|' "$work/log" | sort -u > "$work/found"
		(cd "$here/bugs" && grep -lx "/\* STATIC: $name \*/" ./*.c | sed 's|^\./||' | sort) > "$work/wanted"
		[ -s "$work/wanted" ] && diff "$work/wanted" "$work/found" >> "$work/log"
		result $? "$name finds the programs that say so"
		run_patch "$patch" "$srcdir/examples" && [ ! -s "$work/log" ]
		result $? "$name finds nothing in the examples"
	done
else
	skip "semantic patches" "no spatch"
fi
plan
