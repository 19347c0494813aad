#!/bin/sh
# SPDX-License-Identifier: MIT
# The four ways of doc/debugging.md, each from the symptom to the line, on the bugs of bugs.c. TAP.
# Usage: srcdir=... builddir=... test-debugging.sh
set -u
source=$(cd "${srcdir:?}" && pwd)
build=$(cd "${builddir:?}" && pwd)
libraries=$(cd "$build/.libs" && pwd -P)
: "${CC:=cc}"
work=$(mktemp -d)
target=
trap '[ -z "$target" ] || kill -9 $target; rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

if ! gdb -nx -batch -ex 'python print("it has")' 2>&1 | grep -qx 'it has' ||
	! readelf -S "$libraries/liburcu-memb.so" 2> /dev/null | grep -q debug_info; then
	skip "bugs" "no gdb with python, or no debug info"
	plan
	exit
fi
$CC -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -I"$source/include" "$source/tests/tools/bugs.c" \
	-o "$work/bugs" -L"$libraries" -Wl,-rpath,"$libraries" -lurcu-memb -pthread > "$work/log" 2>&1
result $? "the bugs"

look() # gdb's arguments
{
	PYTHONDONTWRITEBYTECODE=1 limited 60 gdb -q -nx -batch -iex 'set debuginfod enabled off' -iex 'set width 0' \
		-iex "python import sys; sys.path.insert(0, '$source/tools/gdb'); import rcugdb" "$@" \
		> "$work/log" 2>&1 < /dev/null
}

# until_seen TRIES PATTERN COMMAND...: in its output, which is in $work/log.
until_seen()
{
	tries=$1 pattern=$2
	shift 2
	until { "$@"; } && grep -qE "$pattern" "$work/log"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] && kill -0 "$target" 2> /dev/null || return 1
		sleep 0.1
	done
}

begin() # bug
{
	"$work/bugs" "$1" > "$work/out" 2>&1 &
	target=$!
}

end()
{
	kill -9 "$target"
	wait "$target" 2> /dev/null
	target=
}

# line TEXT: the number of the one line of bugs.c that has it.
line()
{
	grep -nF "$1" "$source/tests/tools/bugs.c" | cut -d: -f1
}

at=$(line 'usleep(50000)')
begin slow
awaited()
{
	look -p "$target" -ex 'info rcu' && grep -q AWAITED "$work/log"
}
until_seen 15 "in report at .*bugs.c:$at" awaited
result $? "slow: the line of the section"
if [ -x "$build/tools/urcu-top" ]; then
	top()
	{
		"$build/tools/urcu-top" -1 "$target" > "$work/log" 2>&1
	}
	slow()
	{
		top && grep -q 'half below' "$work/log"
	}
	until_seen 600 'held up by +thread [0-9]+ \(report\)' slow
	result $? "slow: urcu-top shows the thread"
else
	skip "slow: urcu-top shows the thread" "it was not built"
fi
end

# The line behind: where the lock's call returns to.
at=$(line 'pthread_mutex_lock(&lock);' | head -n 1)
begin hang
until_seen 15 "in look_up at .*bugs.c:($at|$((at + 1)))" \
	look -p "$target" -ex 'info rcu' -ex 'print lock.__data.__owner' &&
	grep -q "led by thread [0-9]* (LWP $(sed -n 's/^\$1 = //p' "$work/log") \"update\")" "$work/log"
result $? "hang: the line that waits for a lock, and that its owner leads the grace period"
end

begin leak
until_seen 15 'runs write_audit, and is in write_audit at .*bugs.c:' look -p "$target" -ex 'rcu callbacks' &&
	[ "$(awk '$4 == "free_session" { print $1 + $2 + $3 }' "$work/log")" -gt 0 ]
result $? "leak: the callback that does not come back, and what waits behind it"
end

look -ex run -ex "generate-core-file $work/core" --args "$work/bugs" crash
if [ -s "$work/core" ]; then
	look "$work/bugs" "$work/core" -ex bt -ex 'info rcu'
	grep -qE 'look .*bugs.c:[0-9]+' "$work/log" && grep -q 'this one, is not registered' "$work/log"
	result $? "crash: a core file of a reader that was not registered"
else
	grep -qi 'ptrace' "$work/log" && skip "crash" "the kernel allows no ptrace" || result 1 "crash: a core file"
fi
plan
