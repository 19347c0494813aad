#!/bin/sh
# SPDX-License-Identifier: MIT
# scenario.sh SOURCES OUT SCENARIO FLAVOR [FLAG...]: a scenario with the library and the checker, after
# build.sh; FLAVOR is mb, memb, bp, qsbr, or plain. The program is OUT/SCENARIO-FLAVOR.
set -eu
sources=$1 out=$2 scenario=$3 flavor=$4
shift 4
here=$(cd "$(dirname "$0")" && pwd)
case $flavor in
mb) set -- "$@" -DRCU_MB ;;
bp) set -- "$@" -DTEST_BP ;;
qsbr) set -- "$@" -DTEST_QSBR ;;
esac
name=$out/$scenario-$flavor
[ -e "$out/names" ] && [ "$out/names" -nt "$here/names" ] || cp "$here/names" "$out/names"
if [ ! -e "$name.o" ] || [ "$here/scenarios/$scenario.c" -nt "$name.o" ] || [ -n "${CHECKER_ALL:-}" ]; then
	clang -std=gnu11 -O1 -g -fno-pie -c -fsanitize=thread -femulated-tls -mllvm -tsan-distinguish-volatile \
		-Wno-builtin-macro-redefined -Wall -Wextra -D_GNU_SOURCE -include "$here/machine.h" \
		-I"$sources/include" -I"$here/.." "$@" -o "$name.o" "$here/scenarios/$scenario.c"
	objcopy --redefine-sym pthread_create=sim_program_create "$name.o"
fi
library=$out/objects
[ "$flavor" != plain ] || library=
# What is under test in one object: its calls into the C library get other names, and its data sections too.
# shellcheck disable=SC2046 # words
ld -r -d -o "$name.whole.o" "$name.o" $([ -z "$library" ] || echo "$library"/*.o)
objcopy --redefine-syms="$out/names" --rename-section .data=ck_data --rename-section .bss=ck_bss,alloc \
	"$name.whole.o"
clang -no-pie -o "$name" "$name.whole.o" "$out"/checker-*.o -pthread
rm -f "$name.whole.o"
