#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Clean programs are clean under valgrind and LeakSanitizer, without suppressions; they are cases of
# exit-cases.c, one of test-fork-defer.c and one of test-lfht-fork.c. Prints TAP.
#
#	leaks.sh [SOURCE-TREE LIBRARY-DIRECTORY [FLAVOR ...]]
#
# or with the two in $srcdir and $LIBRARIES, with the compiler in $CC, and libcheck's flags in
# $CHECK_CFLAGS and $CHECK_LIBS or found by pkg-config. FLAVOR: mb, memb, bp, qsbr. Those named have
# all cases; without names each flavor has some of them, and each case some flavor.

source=${1:-${srcdir:?}}
libraries=${2:-${LIBRARIES:?}}
shift $(($# < 2 ? $# : 2))
all=$#
test $# -gt 0 || set -- mb memb bp qsbr

: "${CC:=cc}" "${CK_TIMEOUT_MULTIPLIER:=4}"
export CK_TIMEOUT_MULTIPLIER
: "${CHECK_CFLAGS=$(pkg-config --cflags check)}"
: "${CHECK_LIBS=$(pkg-config --libs check)}"

# Set cases and child_cases for a flavor.
choose() # flavor
{
	cases="clean-freed clean queued queued-registered"
	child_cases="clean-child child-with-hooks"
	test "$all" = 0 || return 0
	case $1 in
	mb) cases="clean-freed queued" child_cases=clean-child ;;
	memb) cases="clean queued-registered" child_cases=child-with-hooks ;;
	bp) cases="clean-freed clean queued-registered" child_cases=clean-child ;;
	qsbr) cases="clean queued" child_cases=child-with-hooks ;;
	esac
}

cases_sources="$source/tests/fork/test-exit.c $source/tests/fork/exit-cases.c"
defer_sources=$source/tests/fork/test-fork-defer.c
tables_sources=$source/tests/fork/test-lfht-fork.c
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

show_log()
{
	echo "# status $status"
	sed 's/^/# /' "$work/log" | head -60
}

build() # flavor, program, sources, more flags
{
	case $1 in
	mb) define=-DRCU_MB ;;
	bp) define=-DTEST_BP ;;
	qsbr) define=-DTEST_QSBR ;;
	*) define= ;;
	esac
	flavor=$1
	program=$2
	sources=$3
	shift 3
	# shellcheck disable=SC2086 -- flags are lists
	$CC -std=gnu11 -D_GNU_SOURCE -g -O1 $define "$@" -I"$source/include" \
		$sources -o "$program" $CHECK_CFLAGS -L"$libraries" -Wl,-rpath,"$libraries" \
		-l"urcu-$flavor" -lurcu-cds -lurcu-common $CHECK_LIBS -pthread
}

# Every case ends by status 7; the tools put 9 in its place if they find anything.
run() # what, command ...
{
	what=$1
	shift
	"$@" > "$work/log" 2>&1
	status=$?
	result $((status != 7)) "$what"
}

under_valgrind() # flavor, case, kinds of leaks, program
{
	run "$1: $(basename "$4") $2 under valgrind" \
		env URCU_EXIT_TIMEOUT=60000 \
		valgrind -q --leak-check=full --show-leak-kinds="$3" --errors-for-leak-kinds="$3" \
		--error-exitcode=9 "$4" "$2"
}

# Locks taken in two orders, given back by others, or kept. helgrind and drd take each atomic load and
# store for a plain one, and do not know what sys_membarrier orders: what they say of data is no
# finding. ThreadSanitizer knows atomics: tests/sanitize.
under_helgrind() # flavor, case, program
{
	env URCU_EXIT_TIMEOUT=60000 valgrind --tool=helgrind -q "$3" "$2" \
		> "$work/locks" 2>&1
	status=$?
	grep -E 'Thread #[0-9]+.*(lock order|unlocked|still holds|call to pthread_)' "$work/locks" \
		> "$work/found"
	run "$1: $2 under helgrind, its locks" sh -c '
		cat "$1"
		test ! -s "$1" && exit "$2"' sh "$work/found" $status
}

# A forked child's own findings end in its status, which the case's parent expects to be 0. The C
# library leaves the child what it had allocated for threads that are not there.
with_valgrind() # flavor
{
	if ! command -v valgrind > /dev/null; then
		skip "$1 under valgrind" "no valgrind"
		return
	fi
	build "$1" "$work/exit" "$cases_sources" || { result 1 "$1: building"; return; }
	for name in $cases; do
		under_valgrind "$1" "$name" all "$work/exit"
	done
	for name in $child_cases; do
		under_valgrind "$1" "$name" definite,indirect "$work/exit"
	done
	under_valgrind "$1" given-blocks definite,indirect,possible "$work/exit"
	under_helgrind "$1" queued "$work/exit"
	build "$1" "$work/defer" "$defer_sources" || { result 1 "$1: building"; return; }
	under_valgrind "$1" clean definite,indirect,reachable "$work/defer"
	build "$1" "$work/tables" "$tables_sources" || { result 1 "$1: building"; return; }
	under_valgrind "$1" tables all "$work/tables"
}

# Whether the tool works here at all: it finds a leak that there is.
can_find_leaks() # flag
{
	echo 'int main(void) { return __builtin_malloc(5) == 0; }' > "$work/leak.c"
	$CC -O0 "$1" "$work/leak.c" -o "$work/leak" 2> "$work/log" || return 1
	"$work/leak" > "$work/log" 2>&1
	grep -q 'detected memory leaks' "$work/log"
}

with_sanitizer() # flavor, flag, cases
{
	if ! can_find_leaks "$2"; then
		skip "$1 with $2" "not available"
		return
	fi
	build "$1" "$work/sanitized" "$cases_sources" "$2" || { result 1 "$1: building with $2"; return; }
	for name in $3; do
		run "$1: $name with $2" env URCU_EXIT_TIMEOUT=60000 \
			LSAN_OPTIONS=exitcode=9 ASAN_OPTIONS=exitcode=9 "$work/sanitized" "$name"
	done
}

# No forked children under the sanitizers: LeakSanitizer waits in pthread_join for the parent's
# threads there, and AddressSanitizer's allocator (gcc 12) for locks that those held at the fork.
for flavor; do
	choose "$flavor"
	with_valgrind "$flavor"
	with_sanitizer "$flavor" -fsanitize=leak "$cases given-blocks"
	with_sanitizer "$flavor" -fsanitize=address "$cases"
done
plan
