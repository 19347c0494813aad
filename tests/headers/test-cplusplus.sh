#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs of every macro and overload, structures.cc and vocabulary.cc, compiled as C++ (the second
# as C too) by each compiler, linked with the libraries, and run. TAP.
# Usage: test-cplusplus.sh [DIRECTORY], of the libraries; by default $LIBRARIES.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
libraries=$(cd "${1:-$LIBRARIES}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A program may ask for more than -Wall.
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wcast-qual -Wshadow"
n=0
failed=0

# build_and_run PROGRAM COMPILER LANGUAGE STANDARD FLAG...
build_and_run() {
	name=$*
	source=$here/$1.cc compiler=$2 language=$3 standard=$4
	shift 4
	n=$((n + 1))
	if ! command -v "$compiler" > /dev/null; then
		echo "ok $n - $name # SKIP no $compiler"
	elif timeout 120 "$compiler" -x "$language" -std="$standard" -O1 $warnings -Werror "$@" \
			-I"$here/../../include" -o "$work/program" "$source" -x none \
			-L"$libraries" -Wl,-rpath,"$libraries" -lurcu-memb -lurcu-cds -lurcu-common \
			-lpthread > "$work/log" 2>&1 &&
			timeout 60 "$work/program" >> "$work/log" 2>&1; then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		head -n 20 "$work/log" | sed 's/^/# /'
	fi
}

for compiler in g++ clang++; do
	for standard in c++11 c++20; do
		for flag in -U_LGPL_SOURCE -D_LGPL_SOURCE; do
			build_and_run structures $compiler c++ $standard $flag
		done
		build_and_run vocabulary $compiler c++ $standard
	done
done
for compiler in gcc clang; do
	for standard in c99 c17; do
		build_and_run vocabulary $compiler c $standard
	done
done
build_and_run vocabulary g++ c++ c++17 -DURCU_NO_INLINE
build_and_run vocabulary gcc c c11 -DURCU_NO_INLINE
echo "1..$n"
exit $failed
