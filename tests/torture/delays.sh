#!/bin/sh
# SPDX-License-Identifier: MIT
# Every C test against a library that is built to hold threads up at random (configure --enable-delays), seldom but
# for up to 4 ms: what a test takes to be over by then, and is not, fails. TAP, a line for each test and seed.
# Usage: srcdir=... delays.sh DIRECTORY [SEED...]
set -u
source=$(cd "${srcdir:?}" && pwd)
mkdir -p "$1"
work=$(cd "$1" && pwd)
shift
unset MAKEFLAGS MFLAGS MAKELEVEL
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

# A delay is a system call, a chance to be cancelled, and time of the thread's own; and a flood of a million callbacks
# takes minutes with them.
UNFIT='/(caller|fault|fault-[a-z]*|asked|lfht-growth|lfht-memory|fork-storm)-'

built() {
	cd "$work" || return
	[ -f Makefile ] || "$source/configure" -q --disable-urcu-check --enable-delays CFLAGS="-O2 -g" \
		CPPFLAGS="-DDELAYS_SELDOM=200 -DDELAYS_SLEEP_MAX=4000000U" || return
	# shellcheck disable=SC2016 # make's
	printf 'include Makefile\nprint-tests:\n\t@echo $(BUILT_TESTS)\n' > print.mk
	make -s V=0 && make -s -f print.mk print-tests | tr ' ' '\n' | grep -vE "$UNFIT" > list &&
		xargs make -s V=0 -j"$(nproc)" TEST_CFLAGS=-O0 < list
}

# Twice as many at a time as there are CPUs: most of them wait. Each leaves what it printed.
run() { # SEED
	(cd "$work" && URCU_DELAY_SEED=$1 CK_TAP_LOG_FILE_NAME=- builddir=$work xargs -P $((2 * $(nproc))) -I '{}' sh -c \
		'timeout 900 {} > {}.delays 2>&1 || echo "not ok 0 - ended with $?" >> {}.delays' < list)
}

built > "$work/log" 2>&1
result $? "a library with delays, and the tests" || plan || exit
for seed in "${@:-1}"; do
	run "$seed"
	while read -r test; do
		grep -v '^ok' "$work/$test.delays" > "$work/log"
		! grep -q '^not ok' "$work/log"
		result $? "$test, seed $seed"
	done < "$work/list"
done
plan
