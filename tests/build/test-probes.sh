#!/bin/sh
# SPDX-License-Identifier: MIT
# Each flavor's library has the probes that doc/tracing.md lists, with as many arguments, and no others. A build
# without them has none. TAP.
set -u
: "${srcdir:?}" "${LIBRARIES:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$srcdir/doc/tracing.md" | LC_ALL=C sort > "$work/listed"
[ -s "$work/listed" ]
result $? "probes are listed"
for library in liburcu-mb liburcu-memb liburcu-bp liburcu-qsbr; do
	readelf -n "$LIBRARIES/$library.so" 2> /dev/null | awk '
		$1 == "Provider:" { ours = $2 == "quiesce" }
		ours && $1 == "Name:" { name = $2 }
		ours && $1 == "Arguments:" { print NF == 4 ? name : name " has " NF - 1 " arguments" }' |
		LC_ALL=C sort -u > "$work/has"
	if [ ! -s "$work/has" ]; then
		skip "probes of $library" "it was built without sys/sdt.h"
		continue
	fi
	diff "$work/listed" "$work/has" > "$work/log"
	result $? "probes of $library"
done
plan
