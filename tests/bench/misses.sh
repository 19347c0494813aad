#!/bin/sh
# SPDX-License-Identifier: MIT
# misses.sh PREFIX [NODES]: what an operation on a sized hash table waits for, counted by callgrind's
# simulation and not timed: cache lines and pages that were not there, and branches that were predicted
# wrong. Of the library installed below PREFIX, of the liburcu below $LIBURCU, and of ck_ht ($CK), which
# has an array and no lists. The cache holds 256 KB and the translation buffer 384 pages of 4 KB, so that a
# table of 262,144 nodes is to them what one of some millions is to a processor. A table in Markdown.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=$1
nodes=${2:-262144}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/sides.sh"

for side in $sides; do
	compile "$side" memb lfht inlined dlopen > "$work/$side"
done
if [ -n "$ck_library" ]; then
	cc_program "$work/program-ck" lfht-ck exe ${CK:+-I"$CK/include"} "$ck_library" > "$work/ck_ht"
	sides="$sides ck_ht"
fi

# simulate SIDE KIND OPTION...: a line for each operation: its name, the side, the kind, misses of one
simulate() {
	side=$1 kind=$2
	shift 2
	# shellcheck disable=SC2046 # a list of words
	timeout 600 valgrind --tool=callgrind --callgrind-out-file="$work/out" "$@" \
		$(cat "$work/$side") "$nodes" 1 sized > "$work/said" 2>&1 || cat "$work/said" >&2
	case $kind in wrong) events=Bcm,Bim ;; *) events=DLmr,DLmw ;; esac
	callgrind_annotate --inclusive=yes --threshold=100 --show="$events" "$work/out" |
		sed 's/([^)]*)//g; s/,//g; s/ \. / 0 /g' |
		awk -v side="$side" -v kind="$kind" -v nodes="$nodes" '
			match($3, /:(insert|insert_unique|hit|hit_many|miss|iterate|delete)$/) {
				name = substr($3, RSTART + 1)
				sub("_unique", "", name)
				print name, side, kind, ($1 + $2) / nodes
			}'
}

for side in $sides; do
	simulate "$side" lines --cache-sim=yes --D1=32768,8,64 --LL=262144,16,64
	simulate "$side" pages --cache-sim=yes --D1=256,4,64 --LL=1572864,12,4096
	simulate "$side" wrong --branch-sim=yes
done | awk -v sides="$sides" '
	{ value[$1, $2, $3] = $4 }
	END {
		split("insert hit hit_many miss iterate delete", name, " ")
		count = split(sides, side, " ")
		print "| operation | whose | lines | pages | wrong branches |"
		print "| --- | --- | --- | --- | --- |"
		for (n = 1; n <= 6; n++)
			for (s = 1; s <= count; s++)
				if ((name[n], side[s], "lines") in value)
					printf "| %s | %s | %.2f | %.2f | %.2f |\n", name[n],
						side[s] == "quiesce" ? "ours" : side[s],
						value[name[n], side[s], "lines"],
						value[name[n], side[s], "pages"],
						value[name[n], side[s], "wrong"]
	}'
