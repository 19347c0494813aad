#!/bin/sh
# SPDX-License-Identifier: MIT
# The inputs of the fuzzers' corpora, replayed without a fuzzer and without sanitizers; and libraries and tools with a
# mistake each, which the same inputs find. ./dev fuzz looks for more. TAP.
# Usage: srcdir=... builddir=... test-fuzz.sh
set -u
source=$(cd "${srcdir:?}" && pwd)
build=$(cd "${builddir:?}" && pwd)
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
TMPDIR=$work
export TMPDIR
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"
# shellcheck source=tests/fuzz/harnesses.inc
. "$source/tests/fuzz/harnesses.inc"

# compile NAME PROGRAM OBJECTS...: of the tree that $source names.
compile() {
	harness "$1"
	program=$2
	shift 2
	archives="$build/.libs/liburcu-$flavor.a $build/.libs/liburcu-cds.a $build/.libs/liburcu-common.a"
	# shellcheck disable=SC2086 # lists of words
	$CC $flags -O0 -w "$file" "$source/tests/fuzz/replay.c" "$@" $archives $libraries -o "$program" > "$work/log" 2>&1
}

replay() { # PROGRAM
	limited 60 "$1" "$corpus"/* > "$work/log" 2>&1
}

# The last file that it began with, and what was not so.
show_log() {
	tail -n 3 "$work/log" | sed 's/^/# /'
}

# A file is changed by a command of sed's, and the inputs are to end the harness.
bad() { # NAME FILE SED-COMMAND WHAT
	sed -i.was "$3" "$work/tree/$2"
	cmp -s "$work/tree/$2" "$work/tree/$2.was" && echo "$2 has nothing of $3" > "$work/log"
	object=
	case $2 in
	src/lfht/*|src/callbacks/*)
		object=$work/changed.o
		$CC -std=gnu11 -O1 -g -w -D_GNU_SOURCE -I"$source/include" -I"$source/src" \
			-c "$work/tree/$2" -o "$object" ;;
	esac
	# shellcheck disable=SC2086 # none, or a word
	(source=$work/tree && compile "$1" "$work/bad" $object) && harness "$1" &&
		! cmp -s "$work/tree/$2" "$work/tree/$2.was" && ! replay "$work/bad" && grep -q 'is not so$' "$work/log"
	result $? "found: $4"
	mv "$work/tree/$2.was" "$work/tree/$2"
}

if [ ! -e "$build/.libs/liburcu-cds.a" ]; then
	skip "all harnesses" "there are no static libraries"
	plan
	exit
fi
can_top=yes
printf '#include <gelf.h>\n#include <curses.h>\n' | $CC -E - > /dev/null 2>&1 || can_top=
case $(uname -m) in x86_64|aarch64) ;; *) can_top= ;; esac

for name in $all; do
	if [ "$name" = top ] && [ -z "$can_top" ]; then
		skip "$name: its inputs" "no libelf or curses, or not its machine"
		continue
	fi
	# The same as another, where no sanitizer looks on.
	case $name in *-tagged|*-checked|gdb) continue ;; esac
	compile "$name" "$work/$name" && replay "$work/$name"
	result $? "$name: its inputs"
done

# gdb_runs TOOLS
gdb_runs() {
	harness gdb
	"$source/tests/fuzz/gdb.sh" "$source" "$build" "$1" "$corpus"/* > "$work/log" 2>&1
}

gdb_runs "$source/tools/gdb"
can_gdb=$?
if [ $can_gdb = 77 ]; then
	skip "gdb: its inputs" "$(tail -n 1 "$work/log")"
else
	result $can_gdb "gdb: its inputs"
fi

mkdir -p "$work/tree/tests"
cp -R "$source/src" "$source/include" "$source/tools" "$work/tree"
cp -R "$source/tests/fuzz" "$source"/tests/*.h "$work/tree/tests"
bad structures include/urcu/list.h \
	'/^static inline void __cds_list_del/,/^}/s/_cds_list_link(prev, next);/prev->next = next;/' \
	"a list that does not lead back"
bad lfht src/lfht/update.c '/^int cds_lfht_del/,/^}/s/if (word & WORD_REMOVED)/if (0)/' "a node that is deleted twice"
bad callbacks-mb src/callbacks/barrier.c 's/return takes + 1;/return takes;/' "a barrier that returns too early"
if [ $can_gdb != 77 ]; then
	sed -i 's/clean(thread.name)/thread.name/' "$work/tree/tools/gdb/rcugdb/flavors.py"
	! gdb_runs "$work/tree/tools/gdb" && grep -q 'it prints.* is not so$' "$work/log"
	result $? "found: a thread's name that gdb prints as it is"
fi
bad environment src/process/exit.c "s/ || \\*text < '0' || \\*text > '9'//" \
	"a negative limit that is taken for a number"
bad options src/check/report.c 's/return !\*end && \*number <= most;/return true;/' "an option out of its bounds"
bad stall src/system/stall.c '/^static void clean/,/^}/s/\*text = .?.;/continue;/' "a thread's name that reaches the terminal"
if [ -n "$can_top" ]; then
	bad top tools/top/words.c '/^void top_clean/,/^}/s/\*text = .?.;/continue;/' \
		"control characters that reach the terminal"
	bad top tools/top/print.c "s/\*text == '\"' || //" "a quote in a name, which ends a string of JSON"
	bad top tools/top/screen.c 's/ || column >= COLS)/)/' "a bar beside the screen"
fi
plan
