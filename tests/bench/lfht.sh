#!/bin/sh
# SPDX-License-Identifier: MIT
# lfht.sh PREFIX [ROUNDS [NODES ...]]: the hash table of the library installed below PREFIX, beside
# the liburcu below $LIBURCU, and, if their headers are below $CK and $TABLES or installed, Concurrency
# Kit's ck_ht (one thread), libcuckoo's cuckoohash_map, TBB's concurrent_hash_map, and Boost's
# unordered_flat_map under a pthread_rwlock.
# The sides take turns, ROUNDS times; a line has the median of each (nanoseconds, or bytes where the
# name says so), the spread (the middle half of the rounds), and how many times liburcu's ours is.
# BENCH_PART names the one part to run (sized, growing, walks, grown: lfht.c), on ours and liburcu's; BENCH_THREADS is
# how many threads, "1 2"; BENCH_UNDER is what each program is started by, "chrt -r 20 taskset -c 0".
set -eu

here=$(dirname "$0")
prefix=$1
rounds=${2:-5}
shift; [ $# = 0 ] || shift
[ $# != 0 ] || set -- 1000 100000 1000000 10000000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build SIDE LIBRARY-DIRECTORY INCLUDE-DIRECTORY MEMB-LIBRARY
build() {
	for source in lfht lfht-size; do
		${CC:-cc} -w -O2 -D_GNU_SOURCE -D_LGPL_SOURCE -I"$3" -o "$work/$1-$source" \
			"$here/$source.c" -L"$2" -Wl,-rpath,"$2" "$4" -lurcu-cds -lurcu-common -pthread
	done
}

sides=quiesce
build quiesce "$prefix/lib" "$prefix/include" -lurcu-memb
if [ -n "${LIBURCU:-}" ]; then
	library=$(dirname "$(find "$LIBURCU" -name liburcu-memb.so | head -n 1)")
	headers=$(dirname "$(find "$LIBURCU/include" -name urcu-pointer.h | head -n 1)")
	build liburcu "$library" "$headers" -lurcu-memb
	sides="$sides liburcu"
fi

# Those that have no parts.
other_sides() {
	if ${CC:-cc} -w -O2 ${CK:+-I"$CK/include"} -o "$work/ck_ht-lfht" "$here/lfht-ck.c" \
		$(find "${CK:-/usr}" -name libck.a 2>/dev/null | head -n 1) 2>/dev/null; then
		sides="$sides ck_ht"
	fi
	for peer in CUCKOO TBB BOOST; do
		libraries=$(dirname "$(find "${TABLES:-/usr}" -name libtbb.so 2>/dev/null | head -n 1)")
		side=$(echo $peer | tr '[:upper:]' '[:lower:]')
		if ${CXX:-c++} -w -O2 -std=c++17 -DPEER=$peer ${TABLES:+-I"$TABLES/include"} \
			-o "$work/$side-lfht" "$here/lfht-peers.cc" -L"$libraries" -Wl,-rpath,"$libraries" \
			-Wl,--as-needed -ltbb -pthread 2>/dev/null; then
			sides="$sides $side"
		fi
	done
}
[ -n "${BENCH_PART:-}" ] || other_sides

for nodes; do
	for side in $sides; do
		if [ -z "${BENCH_PART:-}" ] && [ -x "$work/$side-lfht-size" ]; then
			timeout 120 "$work/$side-lfht-size" "$nodes" |
				sed "s/^/$side 1 /" || echo "# $side-size did not end"
		fi
	done
	for threads in ${BENCH_THREADS:-1 2}; do
		for round in $(seq "$rounds"); do
			for side in $sides; do
				[ "$threads" = 1 ] || [ "$side" != ck_ht ] || continue
				# shellcheck disable=SC2086 # a list of words
				timeout 120 ${BENCH_UNDER:-} "$work/$side-lfht" "$nodes" "$threads" ${BENCH_PART:-} |
					sed "s/^/$side $round /" || echo "# $side did not end"
			done
		done
	done
done | awk -v names="$sides" '
	function median(list, count, part,    i, j, t) {
		for (i = 2; i <= count; i++)
			for (j = i; j > 1 && v[list, j - 1] > v[list, j]; j--) {
				t = v[list, j]; v[list, j] = v[list, j - 1]; v[list, j - 1] = t
			}
		return v[list, int((count - 1) * part) + 1]
	}
	NF == 6 {
		what = $3 " " $4 " " $5
		if (!(what in seen)) { seen[what] = 1; order[++whats] = what }
		v[$1, what, ++n[$1, what]] = $6
	}
	NF != 6 { print }
	END {
		sides = split(names, side, " ")
		line = "what nodes threads"
		for (s = 1; s <= sides; s++)
			line = line " | " side[s] " [middle half]"
		print line " | times as fast as liburcu"
		for (i = 1; i <= whats; i++) {
			what = order[i]
			line = what
			for (s = 1; s <= sides; s++) {
				list = side[s] SUBSEP what
				m[s] = 0
				if (!n[list]) { line = line " | -"; continue }
				m[s] = median(list, n[list], 0.5)
				line = line sprintf(" | %.1f [%.1f %.1f]", m[s],
					median(list, n[list], 0.25), median(list, n[list], 0.75))
			}
			print line " | " (m[1] && m[2] && side[2] == "liburcu" ? sprintf("%.2f", m[2] / m[1]) : "-")
		}
	}'
