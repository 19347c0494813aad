#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: test-examples.sh [DIRECTORY]
# Runs the lessons among the examples of a directory, as examples/Makefile.user builds them, plainly
# and under valgrind. Without a directory it installs the library of $builddir for itself and builds
# them against that. Prints TAP.
set -u

here=$(dirname "$0")
source=$here/../../examples
limit=120

. "$here/install.inc"

# run DESCRIPTION COMMAND...: it succeeds, and says so.
run()
{
	description=$1
	shift
	timeout $limit "$@" >"$work/out" 2>&1 </dev/null
	status=$?
	[ "$status" -eq 0 ] || echo "status $status" >>"$work/out"
	result "$status" "$description"
}

# lesson NAME
lesson()
{
	run "$1" "$binaries/$1"
	[ -s "$work/out" ]
	result $? "$1 says what it did"
	if command -v valgrind >/dev/null; then
		run "$1 under valgrind" valgrind -q --fair-sched=try --leak-check=full \
			--error-exitcode=9 "$binaries/$1"
	else
		skip "$1 under valgrind" "no valgrind"
	fi
}

if [ $# -ge 1 ]; then
	binaries=$1
else
	binaries=$work/bin
	build_own lessons WARNINGS='-Wall -Wextra -Werror' >"$work/out" 2>&1
	result $? "the lessons build through pkg-config, without a warning"
fi
for file in "$source"/*.c; do
	name=$(basename "$file" .c)
	case $name in snapshot*) continue ;; esac
	lesson "$name"
	grep -F "\`$name.c\`" "$source/README.md" >"$work/out"
	result $? "$name is in examples/README.md"
done
for name in free-rcu-mb free-rcu-bp free-rcu-qsbr; do
	run "$name" "$binaries/$name"
done
plan
