#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: sanitize.sh SOURCES DIRECTORY [thread|address|undefined] [gcc|clang] [TEST ...]
# Builds the library and the C tests with each sanitizer and compiler, or those named, in
# DIRECTORY/sanitize-SANITIZER-COMPILER, and runs them, or those named (tests/bin/readers-mb.t).
# Nothing is suppressed. The last line is "N passed, N failed", of test cases.
set -u
source=$1 out=$2
shift 2
sanitizers="thread address undefined" compilers="gcc clang"
while [ $# -gt 0 ]; do
	case $1 in
	thread|address|undefined) sanitizers=$1 ;;
	gcc|clang) compilers=$1 ;;
	*) break ;;
	esac
	shift
done
# AddressSanitizer's allocator lets go of its locks in the child of a fork since LLVM 18, all but
# the quarantine's.
clang=$(command -v clang-19 || echo clang)
passed=0
failed=0

# What cannot run with the sanitizer, as patterns of make, and the tags of such cases of others.
leave_out() {
	left_out='' CK_EXCLUDE_TAGS=''
	export CK_EXCLUDE_TAGS
	[ "$sanitizer" != undefined ] || return 0
	# They put a malloc of their own in place of the sanitizer's.
	left_out="tests/bin/fault-%"
	if [ "$sanitizer-$compiler" = address-clang ]; then
		# In a fork's child the lock of the allocator's quarantine may be held by a thread that
		# is not there; with gcc 12 any of the allocator's locks.
		left_out="$left_out tests/bin/fork-storm-%"
		CK_EXCLUDE_TAGS="forks-beside-malloc"
		return
	fi
	# In the child of a process with threads, ThreadSanitizer still knows those as alive, and locks as
	# held by them: it takes a new thread for one of the old ("dup thread with used id"), and a new
	# lock for the old one.
	left_out="$left_out tests/bin/fork-% tests/bin/lfht-fork-%"
	CK_EXCLUDE_TAGS=forks
	# Signals are put off until the thread calls something that blocks; readers never do.
	[ "$sanitizer" = address ] || left_out="$left_out tests/bin/signals-%"
}

count() {
	sed -n "s/^# $1: *//p" "$directory/test-suite.log" | tail -n 1
}

# list OF LEFT_OUT: of the C tests, or of those named, by patterns of make.
list() {
	make -s -C "$directory" list-built-tests CHOSEN="$chosen" OF="$1" LEFT_OUT="$left_out $2"
}

# run OPTION TEST...: with an option of the sanitizer.
run() {
	option=$1
	shift
	[ "$*" ] || return 0
	# Several libraries export __urcu_compat_futex_lock, as programs expect; the first is used by all.
	ASAN_OPTIONS=detect_odr_violation=0:$option
	# A test's own process is forked by Check and may have threads all the same (die_after_fork).
	# An exit is to take its time for races, but not a second, which is the library's own limit.
	TSAN_OPTIONS=die_after_fork=0:atexit_sleep_ms=100:$option
	UBSAN_OPTIONS=print_stacktrace=1
	# Nobody measures time here: limits are against hangs, on machines with other work to do.
	: "${CK_TIMEOUT_MULTIPLIER:=4}"
	export ASAN_OPTIONS TSAN_OPTIONS UBSAN_OPTIONS CK_TIMEOUT_MULTIPLIER
	$fixed make -s -k -j"$(nproc)" -C "$directory" V=0 check TESTS="$*" \
		> "$directory/check.log" 2>&1
	grep -E '^(FAIL|ERROR): ' "$directory/check.log"
	ours=$(($(count FAIL) + $(count XPASS) + $(count ERROR)))
	echo "# $sanitizer, $compiler: $(count PASS) passed, $ours failed, $(count SKIP) skipped"
	passed=$((passed + $(count PASS)))
	failed=$((failed + ours))
}

# sanitize SANITIZER COMPILER [TEST ...]
sanitize() {
	sanitizer=$1 compiler=$2
	directory=$out/sanitize-$1-$2
	shift 2
	chosen=${*:-%}
	[ "$compiler" = clang ] && program=$clang || program=gcc
	flags="-O1 -g -fno-omit-frame-pointer -fsanitize=$sanitizer"
	# ThreadSanitizer cannot live with every layout of a process; setarch -R gives the plain one.
	fixed=
	leave_out
	case $sanitizer in
	thread) setarch -R true 2> /dev/null && fixed="setarch -R" ;;
	undefined) flags="$flags -fno-sanitize-recover=all" ;;
	esac
	# As gcc tells the program.
	case $sanitizer-$compiler in
	thread-clang) flags="$flags -D__SANITIZE_THREAD__" ;;
	address-clang) flags="$flags -D__SANITIZE_ADDRESS__" ;;
	esac
	mkdir -p "$directory"
	(
		cd "$directory" || exit
		[ -f Makefile ] || "$source/configure" -q --disable-urcu-check CC="$program" CFLAGS="$flags" || exit
		make -s -j"$(nproc)" V=0
	) || { failed=$((failed + 1)); return; }
	case $sanitizer in
	thread)
		# Programs that exit with threads at work are what these tests are about.
		exits="tests/bin/exit-%"
		run "" "$(list % "$exits")"
		run report_thread_leaks=0 "$(list "$exits" "")"
		;;
	address)
		# In a fork's child LeakSanitizer takes the parent's threads for running ones, and says so
		# where tests want to hear nothing. tests/fork/leaks.sh has it look at such children.
		forks="tests/bin/fork-% tests/bin/lfht-fork-% tests/bin/exit-%"
		run detect_leaks=1 "$(list % "$forks")"
		run detect_leaks=0 "$(list "$forks" "")"
		;;
	undefined) run "" "$(list % "")" ;;
	esac
}

for sanitizer in $sanitizers; do
	for compiler in $compilers; do
		sanitize "$sanitizer" "$compiler" "$@"
	done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
