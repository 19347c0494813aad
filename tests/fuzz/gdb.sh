#!/bin/sh
# SPDX-License-Identifier: MIT
# gdb's commands for RCU, on a process whose memory is overwritten as inputs say: fuzz-gdb.py, which is told by the
# environment how long. Status 0: nothing was found; 77: it cannot be tried here, and the last line says why.
# Usage: gdb.sh TREE BUILD TOOLS INPUT...: commands in TOOLS, the library and its debug info in BUILD.
set -u
source=$1
build=$2
tools=$3
shift 3
# shellcheck source=tests/tools/target.inc
. "$source/tests/tools/target.inc"

leave() # why
{
	echo "$1"
	exit 77
}

command -v gdb > /dev/null || leave "no gdb"
needs_debug_info
compile memb && start "$work/memb" || { cat "$work/log"; exit 1; }
FUZZ_INPUTS=$*
export FUZZ_INPUTS
seconds=${FUZZ_SECONDS:-0}
PYTHONDONTWRITEBYTECODE=1 limited $((${seconds%.*} + 120)) gdb -q -nx -batch -iex 'set debuginfod enabled off' \
	-iex 'set width 0' -iex 'set auto-load off' -p "$target" \
	-ex "python import sys; sys.path.insert(0, '$tools'); import rcugdb" -x "$source/tests/fuzz/fuzz-gdb.py" \
	> "$work/log" 2>&1 < /dev/null
grep -qi 'ptrace: Operation not permitted' "$work/log" && leave "the kernel allows no ptrace"
grep -qi 'Python scripting is not supported' "$work/log" && leave "a gdb without python"
grep -vE '^\[|libthread_db|^0x|No such file' "$work/log"
grep -qE '^[1-9][0-9]* inputs, 0 finds$' "$work/log"
