#!/bin/sh
# SPDX-License-Identifier: MIT
# ./dev fuzz: build each harness, or those named, with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, and
# run it for so many minutes, from the corpus in the tree and what earlier runs have found new. FUZZER=afl: with AFL++
# (and without sanitizers that slow it down). Inputs that end a harness are kept below OUT/finds. FUZZ_SEED: that of
# libFuzzer's choices. The last line is "N passed, N failed". gdb's inputs are made by fuzz-gdb.py, with the library in BUILD.
# Usage: fuzz.sh TREE BUILD OUT MINUTES [NAME...]
set -eu
source=$1
build=$2
out=$3
minutes=$4
shift 4
# shellcheck source=tests/fuzz/harnesses.inc
. "$source/tests/fuzz/harnesses.inc"
# shellcheck disable=SC2086 # a list of words
[ $# != 0 ] || set -- $all
: "${CLANG:=clang}" "${FUZZER:=libfuzzer}" "${CPPFLAGS:=}" "${CK_TIMEOUT_MULTIPLIER:=4}"
export CK_TIMEOUT_MULTIPLIER
work=$out/$FUZZER
mkdir -p "$work" "$out/finds"
TMPDIR=$(mktemp -d /tmp/fuzz-XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
# A find ends the process, and is not hidden by what else a sanitizer would report.
ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# AFL++ has its own.
[ "$FUZZER" = afl ] || export ASAN_OPTIONS UBSAN_OPTIONS

# compiler NAME: with AddressSanitizer, or (harnesses.inc has the reasons) without.
compiler() {
	checked="$CLANG -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all"
	case $FUZZER-$1 in
	afl-*) kind=plain compile="afl-clang-fast -O2 -fno-omit-frame-pointer" with=fuzzer ;;
	*-tagged|*-callbacks-*mb|*-callbacks-bp|*-callbacks-qsbr) kind=unchecked compile="$checked" with=fuzzer,undefined ;;
	*) kind=checked compile="$checked" with=fuzzer,address,undefined ;;
	esac
}

# The library, all flavors, in one archive.
library() {
	directory=$work/$kind
	mkdir -p "$directory"
	for unit in "$source"/src/*/*.c; do
		case $unit in "$source"/src/check/*) continue ;; esac
		object=$directory/$(basename "$(dirname "$unit")")-$(basename "$unit" .c).o
		[ ! -e "$object" ] || [ -n "$(find "$unit" "$source/src" "$source/include" \
			\( -name '*.h' -o -path "$unit" \) -newer "$object")" ] || continue
		# shellcheck disable=SC2086 # lists of words
		$compile -fsanitize="$(echo "$with" | sed 's/fuzzer/fuzzer-no-link/')" -std=gnu11 -g -w -D_GNU_SOURCE \
			$CPPFLAGS -I"$source/include" -I"$source/src" -pthread -c "$unit" -o "$object"
	done
	rm -f "$directory/library.a"
	ar rcs "$directory/library.a" "$directory"/*.o
}

# run NAME: for so long.
run() {
	mkdir -p "$work/corpus/$1"
	seconds=$(awk "BEGIN { print int($minutes * 60) }")
	if [ "$FUZZER" = afl ]; then
		AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1 \
			afl-fuzz -i "$corpus" -o "$work/$1-run" -t 20000 -V "$seconds" -- "$work/$1" > "$work/$1.log" 2>&1 || return
		finds=
		for find in "$work/$1-run"/default/crashes/id* "$work/$1-run"/default/hangs/id*; do
			[ -e "$find" ] || continue
			finds=yes
			cp "$find" "$out/finds/$1-$(basename "$find" | cut -d , -f 1 | tr : -)"
		done
		[ -z "$finds" ]
	else
		"$work/$1" ${FUZZ_SEED:+-seed="$FUZZ_SEED"} -max_total_time="$seconds" -artifact_prefix="$out/finds/$1-" \
			-timeout=$((15 * ${CK_TIMEOUT_MULTIPLIER%.*})) -max_len=4096 \
			-rss_limit_mb=3000 -print_final_stats=1 "$work/corpus/$1" "$corpus" > "$work/$1.log" 2>&1
	fi
}

# The same of gdb, which knows no fuzzer.
run_gdb() {
	mkdir -p "$work/corpus/gdb"
	FUZZ_SECONDS=$(awk "BEGIN { print int($minutes * 60) }") FUZZ_CORPUS=$work/corpus/gdb FUZZ_FINDS=$out/finds \
		"$source/tests/fuzz/gdb.sh" "$source" "$build" "$source/tools/gdb" "$corpus"/* $(find "$work/corpus/gdb" -type f) \
		> "$work/gdb.log" 2>&1
}

inputs() {
	sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1.log"
	sed -n 's/^\([0-9]*\) inputs, .*/\1/p' "$work/$1.log"
	sed -n 's/^execs_done *: *//p' "$work/$1-run/default/fuzzer_stats" 2>/dev/null
}

passed=0 failed=0 built=
for name; do
	harness "$name" || { echo "fuzz: no harness is called $name" >&2; exit 2; }
	runs=run_gdb
	if [ "$name" != gdb ]; then
		runs=run
		compiler "$name"
		case $built in *$kind*) ;; *) library; built="$built $kind" ;; esac
		# shellcheck disable=SC2086 # lists of words
		$compile -fsanitize=$with $flags $CPPFLAGS "$file" "$work/$kind/library.a" $libraries -o "$work/$name"
	fi
	if $runs "$name"; then
		passed=$((passed + 1))
		echo "ok $name: $(inputs "$name") inputs"
	else
		failed=$((failed + 1))
		echo "not ok $name: see $work/$name.log and $out/finds"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
