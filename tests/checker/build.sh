#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh SOURCES OUT: the library below SOURCES for the checker, and the checker itself, into OUT. Each
# scenario is then linked by scenario.sh.
set -eu
sources=$1 out=$2
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"

instrumented() { # OBJECT SOURCE FLAG...
	object=$1 source=$2
	shift 2
	clang -std=gnu11 -O1 -g -fno-pie -c -fsanitize=thread -femulated-tls -mllvm -tsan-distinguish-volatile \
		-Wno-builtin-macro-redefined -D_GNU_SOURCE -include "$here/machine.h" \
		-I"$sources/include" -I"$sources/src" "$@" -o "$object" "$source"
}

if [ "${3:-}" != library ]; then
	for file in "$here"/*.c; do
		object=$out/checker-$(basename "$file" .c).o
		[ "$object" -nt "$file" ] && [ "$object" -nt "$here/checker.h" ] ||
			clang -std=gnu11 -O2 -g -fno-pie -Wall -Wextra -D_GNU_SOURCE -I"$here" -c -o "$object" "$file"
	done
fi
mkdir -p "$out/objects"
for file in "$sources"/src/*/*.c; do
	object=$out/objects/$(echo "${file#"$sources"/src/}" | tr / -).o
	# A weakened copy: what has not changed is not compiled again.
	[ "$object" -nt "$file" ] && [ -z "${CHECKER_ALL:-}" ] || instrumented "$object" "$file"
done
