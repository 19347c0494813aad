#!/bin/sh
# SPDX-License-Identifier: MIT
# Sizes, offsets and constants of the public structures: as kept in layouts.txt (x86-64), and as an
# installed liburcu has them, whose prefix LIBURCU names. CC may compile for another machine, which RUNNER
# emulates. TAP.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# probe NAME COMPILER-FLAGS...: print what the headers that the flags select have.
probe() {
	name=$1
	shift

	${CC:-cc} -w -D_GNU_SOURCE -D_LGPL_SOURCE "$@" -c -o "$work/$name.o" "$here/probe.c" &&
	${CC:-cc} -Wl,--unresolved-symbols=ignore-all -no-pie -o "$work/$name" "$work/$name.o" &&
	${RUNNER:-} "$work/$name" > "$work/$name.txt"
}

compare() {
	if diff "$2" "$work/ours.txt" > "$work/diff"; then
		echo "ok $1 - $3"
	else
		failed=1
		echo "not ok $1 - $3"
		sed 's/^/# /' "$work/diff"
	fi
}

echo 1..2
probe ours -I"$top/include"
case ${RUNNER:-$(uname -m)} in
x86_64) compare 1 "$here/layouts.txt" "layouts are those of soname 8" ;;
*) echo "ok 1 - layouts # SKIP kept for x86-64 alone" ;;
esac
headers=$(find "${LIBURCU:-/nowhere}/include" -name urcu-pointer.h 2>/dev/null | head -n 1)
if [ -n "$headers" ] && probe peer -I"$(dirname "$headers")"; then
	# 0.15 has two more functions in this table.
	sed 's/rcu_flavor_struct 112/rcu_flavor_struct 128/' "$work/peer.txt" > "$work/peer15.txt"
	compare 2 "$work/peer15.txt" "layouts are those of the liburcu in $LIBURCU"
else
	echo "ok 2 - layouts # SKIP no liburcu-dev (LIBURCU=PREFIX)"
fi
exit $failed
