#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh PREFIX OUT [short|long [ROUNDS]]: all benchmarks here, of the library installed below
# PREFIX and beside it of the liburcu below $LIBURCU, of Concurrency Kit (below $CK, or installed),
# of DPDK's rte_rcu_qsbr (below $DPDK, or installed; grace periods alone) and of pthread_rwlock where they can do the job. Everything is compiled first; then each program
# runs once a round on one side after the other, so that a drifting machine drifts for all.
# BENCH_ONLY names the programs to run (floors readers ...), else it is all. BENCH_UNDER is what each is started
# by, "chrt -r 20" where others keep the CPUs busy: readers and grace then have no more than two threads run. BENCH_TABLES
# is how many nodes hash tables have, "10000 1000000". Leaves below OUT: raw.tsv (each round), results.tsv and results.json (see summary.awk), table.md,
# targets.md (see targets.awk), growth.md, *.svg, and times, how long each run took.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=$1
out=$2
length=${3:-short}
case $length in
short) rounds=5 flavors_called="memb qsbr" tables="10000 1000000" seconds=0.4 fork_rounds=20 ;;
long) rounds=5 flavors_called="memb mb qsbr bp" tables="1000 1000000 10000000" seconds=10
	fork_rounds=30 ;;
*) echo "bench.sh: short or long?" >&2; exit 2 ;;
esac
rounds=${4:-$rounds}
tables=${BENCH_TABLES:-$tables}
few=${BENCH_UNDER:+ few}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/sides.sh"
mkdir -p "$out"

# ---- The plan: a line for each program on a side, in the order of a round, with tabs between:
# program, flavor, build, side, arguments, command

plan() { # SIDE FLAVOR PROGRAM INLINING BUILD NAME-OF-BUILD ARGUMENTS
	case " ${BENCH_ONLY:-${3%-ck}} " in
	*" ${3%-ck} "*) ;;
	*) return 0 ;;
	esac
	command=$(compile "$1" "$2" "$3" "$4" "$5") || {
		echo "bench.sh: $1 has no $3 $2 $4 $5" >&2
		return 0
	}
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$3" "$2" "$6" "$1" "$7" "$command"
}

on_both() { # the same without SIDE
	for side in $sides; do
		plan "$side" "$@"
	done
}

beside() { # PROGRAM ARGUMENTS: on the others
	[ -z "$ck_library" ] || plan ck - "$1" - pie - "$2"
	plan rwlock - "$1" - pie - "$2"
}

make_plan() {
	plan machine - floors - pie - "$length"
	plan machine - floors - dlopen - "$length shared"
	for flavor in memb mb qsbr bp; do
		on_both $flavor readers default pie "default" "$length$few"
		for inlining in inlined called; do
			for build in exe pie so dlopen; do
				on_both $flavor readers $inlining $build "$inlining, $build" \
					"$length one"
			done
		done
		on_both $flavor grace inlined pie - "$length$few"
		on_both $flavor queues inlined pie - "$length"
		on_both $flavor costs inlined pie - "$fork_rounds"
	done
	beside readers "$length$few"
	beside grace "$length$few"
	[ -z "$dpdk_library" ] || plan dpdk - grace - pie - "short$few"
	beside callrcu "$length"
	beside flood "short 0.4"
	# All sizes of one flavor, as they have the workers in common.
	on_both memb callrcu inlined pie - "$length"
	on_both memb flood inlined pie - "$length $seconds"
	plan quiesce memb budget inlined pie - "$length $seconds"
	plan quiesce memb giving inlined pie inlined short
	plan quiesce memb giving called pie called short
	plan quiesce qsbr giving inlined pie inlined short
	for flavor in $flavors_called; do
		[ "$flavor" != memb ] || continue
		on_both "$flavor" callrcu inlined pie - short
		on_both "$flavor" flood inlined pie - "short 0.4"
	done
	for nodes in $tables; do
		on_both memb lfht inlined pie - "$nodes 1"
		[ -z "$ck_library" ] || plan ck - lfht-ck - pie - "$nodes"
	done
}

# ---- The run

# What the older programs print, in the form of the others.
in_fields() {
	case $1 in
	costs) awk -F '\t' -v OFS='\t' '{ print $1, "median of the run", $2, "us" }' ;;
	lfht*) awk -v OFS='\t' '{ print $1, $2 " nodes, threads: " $3, $4, "ns" }' ;;
	*) cat ;;
	esac
}

# Of a run that takes longer than the limit only what it has printed counts, and it is told of:
# liburcu's tables sometimes stop growing, and are then hundreds of times as slow.
limit_of() { # PROGRAM ARGUMENTS
	case $1,$2 in
	lfht*,10000000*) echo 80 ;;
	flood,long* | budget,long*) echo 200 ;;
	flood,* | budget,* | giving,*) echo 20 ;;
	*,long*) echo 40 ;;
	grace,*) echo 15 ;;
	*) echo 6 ;;
	esac
}

one_round() { # NUMBER
	while IFS='	' read -r program flavor build side arguments command; do
		began=$(date +%s%N)
		# shellcheck disable=SC2086 # lists of words
		timeout "$(limit_of "$program" "$arguments")" ${BENCH_UNDER:-} $command $arguments \
			< /dev/null > "$work/output" 2>> "$out/errors" ||
			echo "bench.sh: $program $flavor $side did not end well" >&2
		echo "$program $flavor $side $((($(date +%s%N) - began) / 1000000)) ms" \
			>> "$out/times"
		in_fields "$program" < "$work/output" |
			sed "s/^/${program%-ck}	$flavor	$build	$side	$1	/"
	done < "$work/plan"
}

echo "bench.sh: compiling" >&2
make_plan > "$work/plan"
: > "$out/raw.tsv"
: > "$out/errors"
: > "$out/times"
for round in $(seq "$rounds"); do
	echo "bench.sh: round $round of $rounds" >&2
	round_began=$(date +%s)
	one_round "$round" >> "$out/raw.tsv"
	left=$((($(date +%s) - round_began) * (rounds - round)))
	echo "bench.sh: some $(((left + 59) / 60)) minutes left" >&2
done

awk -f "$here/summary.awk" "$out/raw.tsv" > "$out/results.tsv"
{
	echo "Rounds: $rounds ($length). Machine: $(nproc) CPUs," \
		"$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)," \
		"Linux $(uname -r)," \
		"load when it ended: $(cut -d ' ' -f 1 /proc/loadavg)."
	awk -f "$here/table.awk" "$out/results.tsv"
} > "$out/table.md"
awk -f "$here/targets.awk" "$here/targets.tsv" FS='\t' "$out/results.tsv" > "$out/targets.md"
awk -f "$here/growth.awk" "$out/results.tsv" > "$out/growth.md"
awk -f "$here/json.awk" "$out/results.tsv" > "$out/results.json"
cat "$out/table.md" "$out/growth.md" "$out/targets.md"
"$here/plots.sh" "$out"
