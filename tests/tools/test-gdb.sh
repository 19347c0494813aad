#!/bin/sh
# SPDX-License-Identifier: MIT
# gdb's commands "info rcu" and "rcu ...": loaded with the library, on a live process of each flavor and on a
# core file, on structures that are broken, and where there is no debug info, or no library. TAP.
# Usage: srcdir=... builddir=... test-gdb.sh
set -u
source=$(cd "${srcdir:?}" && pwd)
build=$(cd "${builddir:?}" && pwd)
# shellcheck source=tests/tools/target.inc
. "$source/tests/tools/target.inc"

leave() # why
{
	skip "RCU in gdb" "$1"
	plan
	exit
}

command -v gdb > /dev/null || leave "no gdb"
gdb -nx -batch -ex 'python print("it has")' 2>&1 | grep -qx 'it has' || leave "a gdb without python"
needs_debug_info

# As make install does it, for the libraries where they are.
for la in "$build"/liburcu-*.la; do
	for name in $(sed -n "s/^library_names='\([^ ']*\).*/\1/p" "$la"); do
		mkdir -p "$work/auto-load$libraries"
		sed "s|@gdbdir@|$source/tools/gdb|" "$source/tools/gdb/auto-load.py.in" \
			> "$work/auto-load$libraries/$name-gdb.py"
	done
done

look() # gdb's arguments: into $work/log
{
	PYTHONDONTWRITEBYTECODE=1 limited 60 gdb -q -nx -batch -iex 'set debuginfod enabled off' -iex 'set width 0' \
		-iex "set auto-load scripts-directory $work/auto-load" -iex "add-auto-load-safe-path $work/auto-load" \
		"$@" > "$work/log" 2>&1 < /dev/null
}

# shows PATTERN WHAT: a line of what gdb said.
shows()
{
	grep -qE "$1" "$work/log"
	result $? "$2"
}

all_of_it() # live or core
{
	shows '^memb  .*liburcu-memb' "$1: the flavor"
	shows 'one after [0-9]+ is under way, and waits for 1 reader' "$1: the grace period that waits"
	shows 'led by thread [0-9]+ \(LWP [0-9]+( "writer")?\)$' "$1: who leads it"
	shows 'waited for by .*thread [0-9]+ \(LWP [0-9]+( "follower")?\)' "$1: who waits for it"
	shows 'thread [0-9]+ \(LWP.*\) in a section, 2 deep, from before this grace period: AWAITED' "$1: who holds it up"
	shows 'in hold at .*target.c:[0-9]+' "$1: ...and where"
	shows 'worker +standard: thread [0-9]+ .*waits for a grace period' "$1: the standard worker"
	shows 'worker +made 0x[0-9a-f]+, RT: ' "$1: a made worker"
	shows '5 callbacks: [0-9]+ new, [0-9]+ waits? for a grace period, 0 ready to run' "$1: callbacks of the standard queue"
	[ "$(awk '$4 == "free_item" { print $1 + $2 + $3 }' "$work/log")" = 5 ] &&
		[ "$(awk '$4 == "count_item" { print $1 + $2 + $3 }' "$work/log")" = 3 ]
	result $? "$1: functions that wait, with their numbers"
	[ "$(grep -c '^  (struct item \*) 0x.*number = ' "$work/log")" = 42 ]
	result $? "$1: items of a table, of a list and of a queue, and of broken ones up to there"
	[ "$(grep -c '^10 elements' "$work/log")" = 4 ] && grep -q '^8 buckets in its list' "$work/log"
	result $? "$1: how many they are"
	shows '^broken: 0x1240 cannot be read' "$1: a table that leads nowhere"
	shows '^broken: leads back to 0x[0-9a-f]+ after 10: a circle' "$1: a list that goes in a circle"
	shows '^broken: leads back to 0x[0-9a-f]+ after 2: a circle' "$1: a queue that does"
	shows '^broken: 0x[0-9a-f]+ is no table' "$1: no table"
	shows '^broken: more than 3: not followed' "$1: a limit"
}

set -- -ex 'info rcu' -ex 'rcu callbacks' -ex 'rcu lfht table "struct item"' -ex 'rcu list list struct item' \
	-ex 'rcu wfcqueue &queue_head struct item in_queue' -ex 'rcu lfht broken_table' \
	-ex 'rcu list broken_list struct item in_list' -ex 'rcu wfcqueue broken_head struct item' \
	-ex 'rcu list nowhere' -ex 'rcu lfht &list' -ex 'set rcu-limit 3' -ex 'rcu list list' -ex 'set rcu-limit 100000'

# Eight workers' queues in the list, each of whose chains has the same eight callbacks.
cat > "$work/crowd.py" <<'TXT'
import struct
number, memory = 8, gdb.selected_inferior()
workers = gdb.parse_and_eval("quiesce_memb.engine.workers")
fields = {field.name: field.bitpos // 8 for field in workers["standard"].type.fields()}
size = workers["standard"].type.sizeof
queues = int(gdb.parse_and_eval("(long)calloc(%d, %d)" % (2 * number, size)))
nodes = [queues + (number + i) * size for i in range(number)] + [0]

def put(address, value):
    memory.write_memory(address, struct.pack("Q", value))

for i in range(number):
    put(nodes[i], nodes[i + 1])
    for field in ("newest", "taken", "turned", "waiting", "batch"):
        put(queues + i * size + fields[field], nodes[0])
    put(queues + i * size + fields["server"], queues + i * size + fields["own"])
    put(queues + i * size + fields["node"], queues + (i + 1) * size + fields["node"])
list_at = int(workers["list"].address)
put(queues + (number - 1) * size + fields["node"], list_at)
put(list_at, queues + fields["node"])
TXT

for flavor in mb memb bp qsbr; do
	compile $flavor
	result $? "a program with $flavor" || continue
	start "$work/$flavor"
	result $? "...is as it should be" || { stop; continue; }
	if [ $flavor != memb ]; then
		look -p "$target" -ex 'info rcu'
		! grep -qi 'ptrace: Operation not permitted' "$work/log" || { stop; leave "the kernel allows no ptrace"; }
		shows "^$flavor  .*liburcu-$flavor" "$flavor: loaded with the library"
		shows 'AWAITED$' "$flavor: who holds up the grace period"
		stop
		continue
	fi
	look -p "$target" "$@" -ex "generate-core-file $work/core"
	all_of_it "a live process"
	look -p "$target" -ex 'set var quiesce_memb.engine.domain.registry.count = 1UL << 60' \
		-ex 'set var quiesce_memb.engine.domain.registry.room[1] = (void *)77' \
		-ex 'set var quiesce_memb.engine.workers.list.next = (void *)8' \
		-ex 'set var quiesce_memb.engine.workers.standard.newest = &queue_head.node' \
		-ex 'set var queue_head.node.next = &queue_head.node' \
		-ex 'set var quiesce_memb.engine.workers.forker.holder.thread = (void *)77' -ex 'info rcu' -ex 'rcu callbacks'
	shows 'the registry is broken: 1152921504606846976 readers' "overwritten: the registry"
	shows 'a reader: 0x4d cannot be read' "overwritten: a reader"
	shows 'the list of workers: 0x[0-9a-f]+ cannot be read' "overwritten: the list of workers"
	shows 'newest: leads back to 0x[0-9a-f]+ after 1: a circle' "overwritten: a queue of callbacks"
	shows 'limit: none' "overwritten: what comes after it is shown"
	shows 'pthread 0x4d .no such thread. is between the fork hooks' "overwritten: who forks"
	! grep -q Traceback "$work/log"
	result $? "overwritten: all of it is foreseen"
	stop
	start "$work/memb"
	look -p "$target" -ex "python exec(open('$work/crowd.py').read())" -ex 'set rcu-limit 8' -ex 'info rcu' \
		-ex 'rcu callbacks'
	[ "$(grep -c 'more than 128 elements in all' "$work/log")" = 2 ] && ! grep -q Traceback "$work/log"
	result $? "overwritten: many workers with many callbacks each come to an end"
	stop
done

if [ -s "$work/core" ]; then
	look "$work/memb" "$work/core" "$@"
	all_of_it "a core file"
else
	skip "a core file" "gdb wrote none"
fi

# It is loaded for a library whose name is known, wherever that is; without debug info it says so.
mkdir -p "$work/stripped" "$work/auto-load$work" && cp -d "$libraries"/liburcu-*.so* "$work/stripped" &&
	mkdir "$work/debug" && ln -s "$work/auto-load$libraries" "$work/auto-load$work/stripped"
for library in "$work"/stripped/liburcu-*.so.*.*; do
	debug=$work/debug/${library##*/}.debug
	objcopy --only-keep-debug "$library" "$debug" && strip "$library" && objcopy --add-gnu-debuglink="$debug" "$library"
done
LD_LIBRARY_PATH=$work/stripped start "$work/memb" && look -p "$target" -ex 'info rcu' -ex 'rcu callbacks'
shows 'stripped/liburcu-memb.so.* has no debug info.*: info rcu needs it' "without debug info"
# In a file of its own, as Debian's -dbgsym packages have it.
mv "$work/debug" "$work/stripped/.debug"
look -p "$target" -ex 'info rcu' -ex 'rcu callbacks' -ex 'rcu lfht table "struct item"'
shows 'AWAITED$' "debug info in a file of its own: who holds up the grace period"
[ "$(grep -c '^memb ' "$work/log")" = 2 ] && [ "$(grep -c 'AWAITED$' "$work/log")" = 1 ] && grep -q '^10 elements' "$work/log"
result $? "debug info in a file of its own: each once, and a table"
stop

# As Debian's dbgsym packages have it: gdb lists the file with the debug info beside the library.
mkdir -p "$work/separate" && cp -d "$libraries"/liburcu-*.so* "$work/separate" &&
	ln -s "$work/auto-load$libraries" "$work/auto-load$work/separate" &&
	for library in "$work"/separate/liburcu-*.so.*.*; do
		objcopy --only-keep-debug "$library" "$library.debug" && strip "$library" &&
			objcopy --add-gnu-debuglink="$library.debug" "$library"
	done
LD_LIBRARY_PATH=$work/separate start "$work/memb" && look -p "$target" -ex 'info rcu'
shows '^memb  .*separate/liburcu-memb\.so' "debug info in a file of its own" &&
	[ "$(grep -c '^memb  ' "$work/log")" = 1 ]
result $? "...and the flavor shows once"
stop

python="python import sys; sys.path.insert(0, '$source/tools/gdb'); import rcugdb"
look /bin/true -ex "$python" -ex 'info rcu'
shows 'No flavor of Quiesce is in this program' "a program without it"
look "$work/mb" -ex "$python" -ex 'break main' -ex 'info rcu' -ex 'help rcu lfht' -ex 'help info rcu'
shows 'There is no process|No flavor of Quiesce' "a program that does not run"
shows 'Usage: rcu lfht TABLE' "help"
plan
