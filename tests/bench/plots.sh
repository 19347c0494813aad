#!/bin/sh
# SPDX-License-Identifier: MIT
# plots.sh OUT: draw OUT/results.tsv (bench.sh) as OUT/*.svg, by gnuplot.
set -eu

out=$1
command -v gnuplot > /dev/null || { echo "plots.sh: no gnuplot, no plots" >&2; exit 0; }

# series PROGRAM WHAT FLAVORS PARAMETERS: the points of each flavor and side, as gnuplot's data
# sets: the first number in the parameter (in us where it is a time; 1 where there is none), the median,
# the middle half. Nanoseconds become microseconds.
series() {
	awk -F '\t' -v program="$1" -v what="$2" -v flavors="$3" -v parameters="$4" '
	$1 == program && $4 == what && $2 ~ flavors && $5 ~ parameters && $3 !~ /,/ && $9 > 0 {
		name = ($2 == "-" ? "" : $2 ", ") ($7 == "quiesce" ? "ours" : $7)
		if (!(name in points)) names[++count] = name
		x = $5 ~ /[0-9]/ ? $5 : 1
		gsub(/^[^0-9]*/, "", x)
		x = x * ($5 ~ /[0-9] ms/ ? 1000 : 1)
		scale = $6 == "ns" ? 1000 : 1
		points[name] = points[name] x " " $9 / scale " " $10 / scale " " $11 / scale "\n"
	}
	END {
		for (i = 1; i <= count; i++)
			printf "%s\"%s\"\n%s", (i > 1 ? "\n\n" : ""), names[i], points[names[i]]
	}' "$out/results.tsv"
}

# draw NAME TITLE X-AXIS Y-AXIS: the series on standard input, on two logarithmic axes
draw() {
	cat > "$out/$1.dat"
	[ -s "$out/$1.dat" ] || return 0
	gnuplot <<-END
		set terminal svg noenhanced size 800,480 background "white"
		set output "$out/$1.svg"
		set title "$2"
		set xlabel "$3"
		set ylabel "$4"
		set logscale xy
		set key outside
		stats "$out/$1.dat" skip 1 nooutput
		plot for [i = 0:STATS_blocks - 1] "$out/$1.dat" index i using 1:2:3:4 \
			with yerrorlines title columnheader(1)
	END
}

# bars NAME TITLE Y-AXIS PROGRAM WHAT PARAMETER BUILD: a figure, flavor by flavor, side by side
bars() {
	awk -F '\t' -v program="$4" -v what="$5" -v parameter="$6" -v build="$7" '
	$1 == program && $4 == what && $5 == parameter && $3 == build && $2 != "-" {
		if (!($2 in seen)) { seen[$2] = 1; flavors[++count] = $2 }
		value[$2, $7] = $9
	}
	$1 == program && $4 == what && $5 == parameter && $2 == "-" { other[$7] = $9 }
	END {
		print "flavor\tours\tliburcu" (length(other) ? "\tothers" : "")
		for (i = 1; i <= count; i++)
			print flavors[i] "\t" value[flavors[i], "quiesce"] "\t" \
				value[flavors[i], "liburcu"]
		for (name in other)
			print name "\t\t\t" other[name]
	}' "$out/results.tsv" > "$out/$1.dat"
	last=$(head -n 1 "$out/$1.dat" | wc -w)
	[ "$(wc -l < "$out/$1.dat")" -gt 1 ] || return 0
	gnuplot <<-END
		set terminal svg noenhanced size 800,480 background "white"
		set output "$out/$1.svg"
		set title "$2"
		set ylabel "$3"
		set style data histogram
		set style fill solid 0.8
		set datafile separator "\t"
		set yrange [0:*]
		set key outside
		plot for [i = 2:$last] "$out/$1.dat" using i:xtic(1) title columnheader
	END
}

bars readers "Lock and unlock, as a compiler does it by default" "ns" \
	readers "lock + unlock" outermost default
series readers "sections of all" 'memb|mb|-' . |
	draw readers-threads "Sections of several threads" "threads" "millions a second, all together"
series grace synchronize_rcu 'memb|mb|-' 'nobody|idle' |
	draw grace-idle "synchronize_rcu beside idle threads" "threads (1: nobody else)" "us"
series grace synchronize_rcu 'memb|mb|qsbr|bp' 'sections of [0-9]' |
	draw grace-reader "synchronize_rcu beside a reader" "length of its sections, us" "us"
series grace "synchronize_rcu of all" 'memb|qsbr' 'reader' |
	draw grace-callers "synchronize_rcu of several threads beside sections of 1 ms" "threads" \
		"thousands a second, all together"
series callrcu "call_rcu, the caller's time" . . |
	draw call "call_rcu, the caller's processor time" "producers" "us"
series callrcu "calls until all have run, each" 'memb|-' . |
	draw backlog "Callbacks, from the first call until all have run, each" "callbacks" "us"
bars flood "malloc and call_rcu(free), two producers" "millions a second" \
	flood "malloc + call_rcu(free)" "2 producers" -
bars flood-memory "Memory at most, two producers" "MB" flood "memory at most" "2 producers" -
for what in hit miss insert-growing; do
	series lfht $what 'memb|-' 'threads: 1' |
		draw table-$what "Hash table of one thread: $what" "nodes" "us"
done
