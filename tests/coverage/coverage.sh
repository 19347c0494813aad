#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: coverage.sh SOURCES DIRECTORY
# Builds the library and the C tests with gcov in DIRECTORY, runs these and the examples, and writes
# DIRECTORY/table.md: how many of the lines and branches of each file of src and include were run;
# DIRECTORY/index.html shows which. Fails if a test does.
set -eu
source=$1
mkdir -p "$2"
directory=$(cd "$2" && pwd)
status=0
jobs=$(nproc)

: "${CC:=gcc}"
cd "$directory"
"$CC" -O2 -Wall -Wextra -fPIC -shared -o dump.so "$source/tests/coverage/dump.c"
# Threads count together, and children that a test forked do so in the same files.
# With its builtin, gcc writes counts before each fork, and a thread that is cancelled ends there.
flags="-O0 -g --coverage -fprofile-update=atomic -fno-builtin-fork -include $source/tests/coverage/dump.h"
[ -f Makefile ] || "$source/configure" -q --disable-urcu-check --prefix="$directory/root" CC="$CC" CFLAGS="$flags"
make -s -j"$jobs" V=0
rm -f ./*conftest.gc*
find . -name '*.gcda' -delete

# Preloaded to what is tested alone, not to make. Counting is slow: limits are against hangs, and of
# calls of one kind few are made to fail.
CK_TIMEOUT_MULTIPLIER=${CK_TIMEOUT_MULTIPLIER:-4} FAULT_TEST_TRIED=4 make -s -k -j"$jobs" V=0 check SCRIPT_TESTS= \
	T_LOG_COMPILER="env LD_PRELOAD=$directory/dump.so" > check.log 2>&1 || status=1

make -s install V=0 > install.log 2>&1
make -s -f "$source/examples/Makefile.user" OUT="$directory/examples" CC="$CC" CFLAGS="$flags" \
	PKG_CONFIG_PATH="$directory/root/lib/pkgconfig" LDFLAGS="-Wl,-rpath,$directory/root/lib"
for program in examples/*; do
	case $program in
	*.gc*) continue ;;
	*snapshot-*) set -- -t 2 ;;
	*) set -- ;;
	esac
	LD_PRELOAD=$directory/dump.so timeout 120 "$program" "$@" >> check.log 2>&1 || {
		echo "coverage: $program failed; see $directory/check.log" >&2
		status=1
	}
done

gcovr --gcov-ignore-parse-errors -j "$jobs" --root "$source" --object-directory "$directory" --filter "$source/src/" \
	--filter "$source/include/" --json coverage.json --csv coverage.csv \
	--html-details index.html "$directory" > gcovr.log 2>&1
awk -f "$source/tests/coverage/table.awk" coverage.csv > table.md
exit $status
