#!/bin/sh
# SPDX-License-Identifier: MIT
# Every library exports what symbols.tsv lists for it: names, kinds, sizes of data; nothing else but
# what ours.tsv adds; nothing missing but what left-out.tsv names. TAP.
# Usage: test-symbols.sh [DIRECTORY], by default $LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
libraries=${1:-$LIBRARIES}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
failed=0

result() {
	n=$((n + 1))
	if [ -s "$2" ]; then
		failed=1
		echo "not ok $n - $1"
		sed 's/^/# /' "$2"
	else
		echo "ok $n - $1"
	fi
}

for library in liburcu-mb liburcu-memb liburcu-bp liburcu-qsbr liburcu-common liburcu-cds; do
	# name, kind, size; a function's size is its own affair
	readelf --dyn-syms -W "$libraries/$library.so" | awk '
		$7 != "UND" && $5 == "GLOBAL" && $4 ~ /FUNC|OBJECT|TLS/ {
			sub(/@.*/, "", $8)
			kind = $4 == "FUNC" ? "function" : $4 == "TLS" ? "tls" : "data"
			print $8 "\t" kind "\t" (kind == "function" ? "" : $3)
		}' | LC_ALL=C sort > "$work/has"
	awk -F '\t' -v l=$library '$1 == l { print $2 "\t" $3 "\t" $4 }' "$here/symbols.tsv" |
		LC_ALL=C sort > "$work/listed"
	awk -F '\t' -v l=$library '$1 == l { print $2 "\t" $3 "\t" $4 }' "$here/ours.tsv" |
		LC_ALL=C sort > "$work/ours"
	awk -F '\t' -v l=$library '$1 == l { print $2 "\t" }' "$here/left-out.tsv" > "$work/left-out"
	LC_ALL=C comm -23 "$work/listed" "$work/has" |
		{ grep -v -F -f "$work/left-out" || [ $? = 1 ]; } > "$work/missing"
	LC_ALL=C sort "$work/listed" "$work/ours" | LC_ALL=C comm -13 - "$work/has" > "$work/extra"
	result "$library exports all that is listed, as listed" "$work/missing"
	result "$library exports nothing else" "$work/extra"
done
echo "1..$n"
exit $failed
