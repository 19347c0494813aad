#!/bin/sh
# SPDX-License-Identifier: MIT
# lines.sh PREFIX: how many cache lines cores would pass to each other for an operation, counted and
# not timed (lines.c, lines.awk): of the library installed below PREFIX, and of the one below
# $LIBURCU if that is set. A table in Markdown, for each number of threads "passed (shared of
# touched)".
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/sides.sh"
counts="2 8 64"

# cell SIDE FLAVOR WHAT THREADS
cell() {
	timeout 100 valgrind --tool=lackey --trace-mem=yes --log-file="$work/trace" \
		"$work/$1-$2" "$3" "$4" > "$work/said" 2> "$work/errors" < /dev/null || {
		echo "-"
		return 0
	}
	read -r marks rounds < "$work/said"
	grep '^ [LSM] ' "$work/trace" |
		awk -f "$here/lines.awk" -v marks="$marks" -v threads="$4" -v rounds="$rounds" |
		awk '{ print $3 " (" $2 " of " $1 ")" }'
}

row() { # FLAVOR WHAT NAME
	for side in $sides; do
		printf '| %s | %s | %s' "$3" "$1" "$(echo "$side" | sed 's/quiesce/ours/')"
		for threads in $counts; do
			printf ' | %s' "$(cell "$side" "$1" "$2" "$threads")"
		done
		echo " |"
	done
}

echo "| operation | flavor | whose | 2 threads | 8 threads | 64 threads |"
echo "| --- | --- | --- | --- | --- | --- |"
for flavor in memb mb qsbr bp; do
	for side in $sides; do
		mv "$(compile "$side" $flavor lines inlined exe)" "$work/$side-$flavor"
	done
	[ $flavor = qsbr ] || row $flavor section "lock + unlock"
	row $flavor call "call_rcu, the worker at work"
	row $flavor synchronize "synchronize_rcu, all registered"
	[ $flavor = memb ] || continue
	row $flavor register "unregister + register"
	row $flavor defer "defer_rcu"
	row $flavor lookup "cds_lfht_lookup, 4096 nodes"
	row $flavor update "cds_lfht_add + cds_lfht_del, 4096 nodes"
	row $flavor enqueue "cds_wfcq_enqueue"
done

echo
echo "Neighbours, by their offset in 64 bytes:"
echo
# shellcheck disable=SC2086 # a list of words
${CC:-cc} -w -O2 -D_GNU_SOURCE -I"$here/../../src" -I"$here/../../include" -o "$work/layout" \
	"$here/layout.c"
"$work/layout"
