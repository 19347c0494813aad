#!/bin/sh
# SPDX-License-Identifier: MIT
# costs.sh PREFIX [ROUNDS]: tests/bench/costs.c and fork-costs.c on every flavor (fork-flood.c: on memb) of the library
# installed below PREFIX, interleaved with the one below $LIBURCU (its include and lib directories)
# if that is set.
set -eu

here=$(dirname "$0")
prefix=$1
rounds=${2:-200}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build SIDE FLAVOR MACRO LIBRARY-DIRECTORY INCLUDE-DIRECTORY
build() {
	echo "$4" > "$work/$1-$2.path"
	for program in costs fork-costs fork-flood; do
		${CC:-cc} -w -O2 -D_GNU_SOURCE -D_LGPL_SOURCE "$3" -I"$5" \
			-o "$work/$1-$2-$program" "$here/$program.c" -L"$4" -lurcu-"$2" -pthread
	done
}

# measure FLAVOR SIDE TURN PROGRAM: a scenario that hangs is one line that says so
measure() {
	export LD_LIBRARY_PATH
	LD_LIBRARY_PATH=$(cat "$work/$2-$1.path")
	times=$rounds
	case $4 in
	costs) scenarios=all ;;
	fork-costs) scenarios="parked busy backlog reader" ;;
	*) scenarios="call call-wait free free-wait" times=300 ;;
	esac
	for scenario in $scenarios; do
		timeout 120 "$work/$2-$1-$4" "$times" "$scenario" > "$work/lines" ||
			echo "$4 $scenario: hangs or fails" >> "$work/lines"
		sed "s/^/$1	$2	$3	/" "$work/lines"
	done
}

for flavor in mb memb bp qsbr; do
	case $flavor in
	mb) macro=-DRCU_MB ;;
	bp) macro=-DCOSTS_BP ;;
	qsbr) macro=-DCOSTS_QSBR ;;
	*) macro=-DRCU_MEMBARRIER ;;
	esac
	sides=quiesce
	build quiesce $flavor $macro "$prefix/lib" "$prefix/include"
	if [ -n "${LIBURCU:-}" ]; then
		sides="quiesce liburcu"
		library=$(dirname "$(find "$LIBURCU" -name "liburcu-$flavor.so" | head -n 1)")
		headers=$(dirname "$(find "$LIBURCU/include" -name urcu-pointer.h | head -n 1)")
		build liburcu $flavor $macro "$library" "$headers"
	fi
	# In turns, so that a drifting machine drifts for both.
	for turn in 1 2 3; do
		for side in $sides; do
			for program in costs $([ $turn -gt 1 ] || echo fork-costs) \
				       $([ $turn$flavor != 1memb ] || echo fork-flood); do
				measure $flavor $side $turn $program
			done
		done
	done
done | sort -s -t '	' -k1,1 -k4,4 -k2,2 |
	awk -F '\t' 'BEGIN { print "flavor\tside\tturn\twhat\tmedian us\t10%\t90%" } { print }'
