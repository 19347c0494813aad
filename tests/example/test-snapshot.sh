#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: test-snapshot.sh [DIRECTORY [OPTION...]]
# Runs the snapshot programs of a directory, as examples/Makefile.user builds them; the options are
# given to each run. Without a directory it installs the library of $builddir for itself and builds
# them against that. Prints TAP. In the environment:
#	SNAPSHOT_FLAVORS	which of them (mb memb bp qsbr)
#	SNAPSHOT_SECONDS	how long a run lasts (1)
#	EVERY			every flavor serves every file
#	CC			compiles the preloaded fork() that fails (cc)
set -u

here=$(dirname "$0")
flavors=${SNAPSHOT_FLAVORS-"mb memb bp qsbr"}
seconds=${SNAPSHOT_SECONDS-1}

. "$here/install.inc"

if [ $# -ge 1 ]; then
	binaries=$1
	shift
elif [ -n "${builddir:-}" ]; then
	build_own all >/dev/null || exit 2
	binaries=$work/bin
fi
if [ ! -d "${binaries:-}" ]; then
	echo "usage: $0 [DIRECTORY [OPTION...]]" >&2
	exit 2
fi
TMPDIR=$work/tmp
export TMPDIR
mkdir "$TMPDIR"

# run WANTED-STATUS DESCRIPTION COMMAND...: output in $work/out and $work/err
run()
{
	wanted=$1 description=$2
	shift 2
	"$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ "$status" -eq "$wanted" ] || echo "status $status instead of $wanted" >>"$work/err"
	[ "$status" -eq "$wanted" ]
	result $? "$description"
}

# value NAME: a number of the table in $work/out
value()
{
	awk -v name="$1" 'substr($0, 1, length(name) + 1) == name " " {
		print substr($0, length(name) + 1) + 0; exit }' "$work/out"
}

# check DESCRIPTION TEST-ARGUMENT...
check()
{
	description=$1
	shift
	test "$@" 2>>"$work/err"
	result $? "$description"
}

said()
{
	grep -q -e "$2" "$work/err"
	result $? "$1"
}

# stanzas COUNT: a file of them
stanzas()
{
	awk -v count="$1" 'BEGIN {
		for (i = 1; i <= count; i++) {
			printf "Package: package-%d\nVersion: %d.%d\n", i, i % 7, i
			printf "Description: generated\n"
			for (line = 0; line < i % 5; line++)
				printf " line %d of stanza %d\n", line, i
			printf "\n"
		}
	}'
}

table_check()
{
	check "$1: callbacks queued and run are equal" "$(value 'callbacks queued')" -eq \
		"$(value 'callbacks run')"
	check "$1: every update queued a callback" "$(value 'callbacks queued')" -ge \
		"$(value updates)"
	check "$1: there were lookups" "$(value lookups)" -gt 0
	check "$1: there were updates" "$(value updates)" -gt 0
	check "$1: there were snapshots" "$(value snapshots)" -gt 0
	check "$1: there were no failures" "$(value failures)" -eq 0
	awk '/^fork pause, median/ { median = $4 } /^fork pause, maximum/ { max = $4 }
		END { exit !(median > 0 && max >= median) }' "$work/out"
	result $? "$1: the fork pauses are in order"
}

# How files are read is no matter of flavors: without EVERY each serves one besides the small one.
files() # flavor
{
	case $1:${EVERY:-} in
	mb:) echo "$work/small" "$work/odd" ;;
	memb:) echo "$work/small" /var/lib/dpkg/status ;;
	bp:) echo "$work/small" "$work/one" ;;
	qsbr:) echo "$work/small" "$work/odd" ;;
	*) echo "$work/small" "$work/odd" "$work/one" /var/lib/dpkg/status ;;
	esac
}

good_runs()
{
	program=$1 name=$2
	shift 2
	for file in $(files "$name"); do
		if [ ! -s "$file" ]; then
			skip "$name: serves $(basename "$file")" "no such file"
			continue
		fi
		run 0 "$name: serves $(basename "$file")" "$program" -t "$seconds" "$@" "$file"
		table_check "$name, $(basename "$file")"
		check "$name: leaves no directory behind" -z "$(ls -A "$TMPDIR")"
	done
	mkdir -p "$work/kept"
	run 0 "$name: -q, -r and -d are accepted" "$program" -q -t 1 -r 3 -d "$work/kept" "$@" \
		"$work/small"
	check "$name: -q prints nothing" ! -s "$work/out" -a ! -s "$work/err"
	check "$name: -d keeps the snapshot and nothing else" "$(ls "$work/kept")" = snapshot.db
	rm -rf "$work/kept"
}

corrupt_runs()
{
	program=$1 name=$2
	shift 2
	for snapshot in 1 2 3; do
		run 1 "$name: notices that snapshot $snapshot is spoilt" "$program" -t 30 \
			--corrupt=$snapshot "$@" "$work/small"
		said "$name: names snapshot $snapshot" "snapshot $snapshot has "
		check "$name: the others before it were right" "$(value snapshots)" -eq \
			$((snapshot - 1))
	done
}

fork_failure_runs()
{
	program=$1 name=$2
	shift 2
	if [ ! -e "$work/fork-fails.so" ]; then
		skip "$name: goes on when fork fails" "no compiler"
		return
	fi
	run 0 "$name: goes on when fork fails" \
		env LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}$work/fork-fails.so" \
		"$program" -t "$seconds" "$@" "$work/small"
	check "$name: counts the forks that fail" "$(value 'failed forks')" -gt 0
	table_check "$name, fork fails"
}

write_failure_runs()
{
	program=$1 name=$2
	shift 2
	# In a subshell that can write 1 block; what it prints goes through a pipe.
	(ulimit -f 1 && "$program" -t 30 "$@" "$work/small" 2>&1; echo "status $?") | cat \
		>"$work/out"
	: >"$work/err"
	grep -q '^status 1$' "$work/out"
	result $? "$name: a snapshot that does not fit is an error"
	grep -q 'write .*snapshot.db.tmp: File too large' "$work/out"
	result $? "$name: says which file did not fit and why"
	check "$name: leaves no directory behind after that" -z "$(ls -A "$TMPDIR")"
}

# The signal comes once the program has said that it is about to start.
signal_run()
{
	program=$1 name=$2
	shift 2
	rm -f "$work/pipe"
	mkfifo "$work/pipe"
	"$program" -t 1000 "$@" "$work/small" >"$work/pipe" 2>"$work/err" &
	pid=$!
	{ IFS= read -r _ && kill -TERM $pid && cat; } <"$work/pipe" >"$work/out"
	wait $pid
	result $? "$name: SIGTERM ends the run early and in order"
	check "$name, SIGTERM: callbacks queued and run are equal" \
		"$(value 'callbacks queued')" -eq "$(value 'callbacks run')"
	check "$name, SIGTERM: there was a snapshot" "$(value snapshots)" -gt 0
	check "$name: leaves no directory behind after SIGTERM" -z "$(ls -A "$TMPDIR")"
}

bad_arguments()
{
	program=$1 name=$2
	for arguments in -x --what "-t 0" "-t x" "-t -1" "-t 5x" "-t" "-r 99999999" "-r many" "-w 0" \
			--corrupt=0 --bp-hooks=never "a b"; do
		# shellcheck disable=SC2086 # they are to be split
		run 2 "$name: refuses $arguments" "$program" $arguments
	done
	run 0 "$name: -h helps" "$program" -h
	check "$name: -h prints to standard output" -s "$work/out"
	run 1 "$name: refuses a missing file" "$program" "$work/missing"
	said "$name: names the missing file" "missing: No such file"
	run 1 "$name: refuses an empty file" "$program" /dev/null
	run 1 "$name: refuses a file with no keys" "$program" "$work/no-keys"
	run 1 "$name: refuses a directory" "$program" "$work"
	run 1 "$name: refuses a missing directory" "$program" -t 30 -d "$work/missing" "$work/small"
	said "$name: names the missing directory" "missing/snapshot.db.tmp: No such file"
}

stanzas 40 >"$work/small"
{
	stanzas 21
	printf 'No-Key: 1\n\n\n \nPackage: package-1\nVersion: twice\n\npackage:lower\nLast: line'
} >"$work/odd"
printf 'Package: alone' >"$work/one"
printf 'Version: 1\n\nVersion: 2\n' >"$work/no-keys"
${CC-cc} -shared -fPIC -o "$work/fork-fails.so" "$here/fork-fails.c" -ldl 2>/dev/null

for flavor in $flavors; do
	program=$binaries/snapshot-$flavor
	if [ ! -x "$program" ]; then
		echo "no $program" >"$work/err"
		: >"$work/out"
		result 1 "$flavor: is built"
		continue
	fi
	bad_arguments "$program" "$flavor"
	good_runs "$program" "$flavor" "$@"
	corrupt_runs "$program" "$flavor" "$@"
	fork_failure_runs "$program" "$flavor" "$@"
	write_failure_runs "$program" "$flavor" "$@"
	signal_run "$program" "$flavor" "$@"
	if [ "$flavor" = bp ]; then
		for order in inside outside; do
			run 0 "bp: with its own hooks $order" "$program" -t "$seconds" "$@" \
				--bp-hooks=$order "$work/small"
			table_check "bp, hooks $order"
		done
	fi
done
plan
