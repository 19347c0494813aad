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
count=0
failed=0

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

. "$here/install.inc"

# result STATUS DESCRIPTION: one TAP line; what the program said follows a failure.
result()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $count - $2"
	echo "# status $1"
	sed 's/^/# /' "$work/out"
}

# run DESCRIPTION COMMAND...: it succeeds, and says so.
run()
{
	description=$1
	shift
	timeout $limit "$@" >"$work/out" 2>&1 </dev/null
	result $? "$description"
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
		count=$((count + 1))
		echo "ok $count - $1 under valgrind # SKIP no valgrind"
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
echo "1..$count"
[ "$failed" -eq 0 ]
