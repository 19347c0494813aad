#!/bin/sh
# SPDX-License-Identifier: MIT
# instructions.sh PREFIX: how many instructions an operation takes, in user space and the calling
# thread, by callgrind: the same on a busy machine as on a quiet one. Of the library installed below
# PREFIX, and of the one below $LIBURCU if that is set. A count is the difference of two runs, one
# twice as long as the other, without the loop around the operation. Prints
# "what flavor build side instructions", with tabs between.
set -eu

here=$(dirname "$0")
prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/sides.sh"

# count PROGRAM WHAT COUNT: instructions of so many
count() {
	# shellcheck disable=SC2086 # a list of words
	timeout 100 valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--toggle-collect="watched_$2" $1 "$2" "$3" 2>&1 | sed -n 's/.*Collected *: *//p'
}

# each PROGRAM WHAT N: instructions of one, with the loop
each() {
	echo "$(count "$1" "$2" $((2 * $3))) $(count "$1" "$2" "$3") $3" |
		awk 'NF == 3 { print ($1 - $2) / $3 }'
}

# measure PROGRAM WHAT N: print the line
measure() {
	one=$(each "$1" "$2" "$3")
	[ -n "$one" ] || one=nan
	echo "$2 $flavor $build,$inlining $side $one $loop" | awk '{
		if ($5 == "nan") n = "-"; else n = sprintf("%.0f", $5 - $6)
		print $1 "\t" $2 "\t" $3 "\t" $4 "\t" n
	}'
}

for flavor in memb mb qsbr bp; do
	for side in $sides; do
		for inlining in inlined called; do
			for build in exe pie so dlopen; do
				program=$(compile "$side" "$flavor" instructions $inlining $build)
				loop=$(each "$program" empty 1000)
				measure "$program" section 1000
				measure "$program" nested 1000
				if [ $flavor,$inlining,$build = memb,called,dlopen ]; then
					measure "$program" lookup 1024
					measure "$program" miss 1024
					measure "$program" update 1024
				fi
				[ "$build" != pie ] || [ "$side" != quiesce ] || measure "$program" give 81920
				[ $inlining,$build = called,pie ] || continue
				measure "$program" keep 81920
				measure "$program" call 1000
				measure "$program" synchronize 100
				measure "$program" beside 100
				measure "$program" defer 1000
				measure "$program" barrier 100
			done
		done
	done
done
