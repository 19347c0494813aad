#!/bin/sh
# SPDX-License-Identifier: MIT
# urcu-top: what it prints of a process in a known state, as text, as JSON and in a terminal; in another namespace, with
# its library deleted; what it says where it may not or cannot look; and of processes that lie. TAP.
# Usage: srcdir=... builddir=... test-top.sh
set -u
source=$(cd "${srcdir:?}" && pwd)
build=$(cd "${builddir:?}" && pwd)
# shellcheck source=tests/tools/target.inc
. "$source/tests/tools/target.inc"
chmod 755 "$work"
trap '[ -z "$target" ] || kill -9 $target; tmux -S "$work/tmux" kill-server 2> /dev/null; rm -rf "$work"' EXIT

if [ ! -x "$build/tools/urcu-top" ]; then
	skip "urcu-top" "it was not built: no libelf or ncursesw"
	plan
	exit
fi
cp "$build/tools/urcu-top" "$work/urcu-top"

# top STATUS ARGUMENTS...: its output is in $work/log, and its status as it should be.
top()
{
	expected=$1
	shift
	limited 20 "$work/urcu-top" "$@" > "$work/log" 2>&1
	status=$?
	[ $status = "$expected" ] || echo "status $status" >> "$work/log"
	[ $status = "$expected" ]
}

# says STATUS PATTERN WHAT ARGUMENTS...: and a line is so.
says()
{
	says_status=$1 pattern=$2 what=$3
	shift 3
	top "$says_status" "$@" && grep -qE "$pattern" "$work/log"
	result $? "$what"
}

# What is in $work/log is JSON, line by line, for others.
json()
{
	! command -v python3 > /dev/null || python3 -c '
import json, sys
for line in open(sys.argv[1]):
    json.loads(line)
' "$work/log" >> "$work/log" 2>&1
}

# ---- A process in a known state ----

known_state() # what
{
	says 0 '^memb  /.*liburcu-memb' "$1: the flavor" -1 "$target"
	grep -qE 'one waits for readers since [0-9.]+ m?s' "$work/log"
	result $? "$1: the grace period that waits"
	grep -qE 'held up by +thread [0-9]+ \(holder\), 2 sections deep, sleeps' "$work/log"
	result $? "$1: who holds it up"
	grep -qE 'leader +thread [0-9]+ \(writer\)' "$work/log"
	result $? "$1: who leads it"
	grep -qE '^  readers +5 registered, 1 in a section' "$work/log"
	result $? "$1: readers"
	grep -qE '^  callbacks +8 wait ' "$work/log"
	result $? "$1: callbacks"
	! grep -q incomplete "$work/log"
	result $? "$1: all of it"
}

compile memb
result $? "a program"
start "$work/memb"
result $? "...is as it should be"
known_state "as text"
says 0 '^\{"pid":[0-9]+,.*"under_way":true.*"name":"holder".*"waiting":8.*\}$' "as JSON" -1 --json "$target"
if command -v python3 > /dev/null; then
	python3 -c '
import json, sys
seen, = json.loads(sys.stdin.read())["flavors"]
assert seen["flavor"] == "memb" and seen["readers"]["registered"] == 5 and seen["readers"]["awaited"] == 1
assert seen["callbacks"]["waiting"] == 8 and seen["readers"]["held_up_by"][0]["depth"] == 2
assert sum(seen["latency"]) == seen["grace_periods"] and "incomplete" not in seen
' < "$work/log" 2>> "$work/log"
	result $? "JSON that others read"
else
	skip "JSON that others read" "no python3"
fi
top 0 --json -n 3 -d 0.05 "$target" && json && [ "$(grep -c '"grace_periods_per_second":0.0' "$work/log")" = 2 ]
result $? "a stream of JSON"
! grep -q '^State:.[tT]' "/proc/$target/status" && grep -q '^TracerPid:.0$' "/proc/$target/status"
result $? "the process was not stopped"

# ---- In a terminal ----

screen() # PATTERN WHAT: it comes to be seen
{
	tries=300
	until tmux -S "$work/tmux" capture-pane -p > "$work/log" 2>&1 && grep -qE "$1" "$work/log"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || break
		sleep 0.1
	done
	[ $tries -gt 0 ]
	result $? "$2"
}

if command -v tmux > /dev/null; then
	cat > "$work/session" <<TXT
LC_ALL=C.UTF-8 '$work/urcu-top' -d 0.1 $target
echo "status \$?"
exec sleep 600
TXT
	tmux -S "$work/tmux" -f /dev/null new-session -d -x 100 -y 24 "sh '$work/session'"
	screen '^ urcu-top  memb \(process [0-9]+\)' "in a terminal: the title"
	screen '^memb +0 .* 5 +1 +2' "in a terminal: the flavor's row"
	screen 'held up by +[0-9.]+ m?s +thread [0-9]+ holder, 2 deep' "in a terminal: who holds it up"
	screen 'callbacks wait +\[.*\] 8, at most ' "in a terminal: callbacks"
	tmux -S "$work/tmux" send-keys p
	screen 'HELD' "in a terminal: held"
	tmux -S "$work/tmux" send-keys p + +
	screen 'every 0.4 s' "in a terminal: another delay"
	tmux -S "$work/tmux" resize-window -x 30 -y 6
	screen '^ q ends' "in a terminal: a small one"
	tmux -S "$work/tmux" resize-window -x 2 -y 1
	tmux -S "$work/tmux" resize-window -x 120 -y 40
	screen '^memb +0 .* 5 +1 +2' "in a terminal: hardly any, and a large one"
	tmux -S "$work/tmux" send-keys q
	screen '^status 0' "in a terminal: the end"
	tmux -S "$work/tmux" kill-server
else
	skip "in a terminal" "no tmux"
fi

# ---- A process that ends, and others that are not there ----

"$work/urcu-top" -n 1000000 -d 0.05 "$target" > "$work/log" 2>&1 &
watcher=$!
until grep -q memb "$work/log" || ! kill -0 $watcher 2> /dev/null; do sleep 0.1; done
stop
wait $watcher
[ $? = 3 ] && grep -qE '^urcu-top: process [0-9]+(: there is none, or it)? has ended' "$work/log"
result $? "the process ends"
says 3 'there is none' "no process" -1 99999999
for wrong in "" "-1" "x" "0" "-1 1 2" "1x" "-d 0 1" "-n 0 1" "--what 1"; do
	# shellcheck disable=SC2086 # words
	says 2 'urcu-top --help' "wrong usage: '$wrong'" $wrong
done
says 0 '^usage: urcu-top' "help" --help
says 0 '^urcu-top \(Quiesce\) [0-9]' "version" -V
sleep 600 &
target=$!
says 5 'has no RCU of Quiesce' "a process without RCU" -1 $target
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups true 2> /dev/null; then
	setpriv --reuid=65534 --regid=65534 --clear-groups "$work/urcu-top" -1 $target > "$work/log" 2>&1
	[ $? = 4 ] && grep -q 'may not be read: ' "$work/log"
	result $? "a process of somebody else"
else
	skip "a process of somebody else" "not root"
fi
stop

# ---- Another namespace, and a library that is not at its path any more ----

if [ "$(id -u)" = 0 ] && unshare --pid --fork --mount-proc true 2> /dev/null; then
	: > "$work/out"
	unshare --pid --fork --kill-child --mount-proc "$work/memb" > "$work/out" 2>&1 &
	outer=$!
	until grep -q ready "$work/out" || ! kill -0 $outer 2> /dev/null; do sleep 0.1; done
	target=$(cat /proc/$outer/task/$outer/children)
	target=${target% }
	known_state "in a namespace"
	kill -9 "$target" $outer
	wait $outer 2> /dev/null
	target=
	mkdir "$work/copy" && cp "$libraries"/liburcu-*.so.8 "$work/copy"
	LD_LIBRARY_PATH=$work/copy start "$work/memb"
	rm -rf "$work/copy"
	says 0 'liburcu-memb.so.8 \(deleted\)' "a library that was deleted" -1 "$target"
	stop
else
	skip "in a namespace, and with a library that was deleted" "not root, or no namespaces"
fi

# A container: a root, users and processes of its own.
mkdir -p "$work/jail/proc"
if unshare --user --map-root-user --pid --mount --fork mount -t proc proc "$work/jail/proc" 2> /dev/null; then
	for file in $(LD_LIBRARY_PATH=$libraries ldd "$work/memb" | grep -o '/[^ ]*'); do
		mkdir -p "$work/jail${file%/*}" && cp -L "$file" "$work/jail${file%/*}"
	done
	cp "$work/memb" "$work/jail/program"
	: > "$work/out"
	unshare --user --map-root-user --pid --mount --fork --kill-child \
		sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" /program' "$work/jail" > "$work/out" 2>&1 &
	outer=$!
	until grep -q ready "$work/out" || ! kill -0 $outer 2> /dev/null; do sleep 0.1; done
	target=$(cat /proc/$outer/task/$outer/children)
	target=${target% }
	known_state "in a container"
	kill -9 "$target" $outer
	wait $outer 2> /dev/null
	target=
else
	skip "in a container" "no user namespaces"
fi

# Several flavors, and one of them twice: in a namespace of the dynamic linker's.
cat > "$work/several.c" <<'TXT'
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>
int main(int argc, char **argv)
{
	urcu_memb_synchronize_rcu();
	urcu_qsbr_register_thread();
	puts(argc > 1 && dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW) ? "ready" : "not so");
	fflush(stdout);
	for (;;)
		pause();
}
TXT
$CC -std=gnu11 -D_GNU_SOURCE -I"$source/include" "$work/several.c" -o "$work/several" -L"$libraries" \
	-Wl,-rpath,"$libraries" -lurcu-memb -lurcu-qsbr -lurcu-common > "$work/log" 2>&1
result $? "a program of several flavors"
printf '#!/bin/sh\nexec "%s" "%s"\n' "$work/several" "$libraries/liburcu-memb.so.8" > "$work/twice" && chmod +x "$work/twice"
start "$work/twice" && top 0 -1 "$target" && [ "$(grep -c '^memb  /' "$work/log")" = 2 ] &&
	[ "$(grep -c '^qsbr  /' "$work/log")" = 1 ] && grep -q '^  readers  *1 registered, 1 online' "$work/log"
result $? "each of several flavors, and one twice"
top 0 -1 --json "$target" && json && [ "$(grep -o '"flavor":' "$work/log" | wc -l)" = 3 ]
result $? "...as JSON"
stop

# ---- Libraries that are not what they seem ----

cat > "$work/main.c" <<'TXT'
#include <stdio.h>
#include <unistd.h>
int main(void)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
TXT
library() # WORD: a liburcu-memb.so.8 that has this in it, in a program
{
	echo "int $1;" > "$work/library.c"
	$CC -shared -fPIC -Wl,-soname,liburcu-memb.so.8 "$work/library.c" -o "$work/liburcu-memb.so.8" &&
		$CC "$work/main.c" -Wl,--no-as-needed "$work/liburcu-memb.so.8" -Wl,-rpath,"$work" -o "$work/main" \
			> "$work/log" 2>&1 && start "$work/main"
}
library something
says 6 "liburcu-memb.so.8 is not Quiesce's" "a liburcu that is another's" -1 "$target"
stop
library quiesce_version
says 7 "Quiesce's, but of a version that cannot be seen" "one of ours without a block" -1 "$target"
stop
cat > "$work/narrow.s" <<'TXT'
.globl _start, quiesce_observed_memb
.data
quiesce_observed_memb: .space 512
.text
ready: .ascii "ready\n"
_start:	movl $4, %eax; movl $1, %ebx; movl $ready, %ecx; movl $6, %edx; int $0x80
again:	movl $29, %eax; int $0x80; jmp again
TXT
if as --32 "$work/narrow.s" -o "$work/narrow.o" 2> /dev/null &&
	ld -m elf_i386 "$work/narrow.o" -o "$work/narrow" 2> /dev/null && start "$work/narrow"; then
	says 7 'has words of 32 bits, and this urcu-top is for 64' "another word size" -1 "$target"
else
	skip "another word size" "no program of 32 bits to be had"
fi
stop 2> /dev/null

# ---- A process that lies ----

$CC -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$source/include" "$source/tests/tools/liar.c" -o "$work/liar" \
	> "$work/log" 2>&1
result $? "a liar"
lies() # LIE STATUS PATTERN WHAT
{
	printf '#!/bin/sh\nexec "%s" %s\n' "$work/liar" "$1" > "$work/lie" && chmod +x "$work/lie"
	start "$work/lie" || result 1 "the liar tells of $1"
	says "$2" "$3" "$4" -1 "$target"
}
lies none 0 'grace periods  3 over' "a liar that tells the truth"
! grep -q incomplete "$work/log"
result $? "...of all"
stop
for lie in "magic 7 no.block" "version 7 version.99" "size 7 damaged" "offset 7 damaged" "place 7 damaged" \
	"workers 0 list.of.workers.has.no.end" "beyond 0 list.of.readers.has.no.end" \
	"stashes 0 list.of.stashes.has.no.end" "many 0 only.the.first.4096.readers" \
	"nowhere 0 incomplete.*cannot.be.read" "latencies 0 3.over"; do
	# shellcheck disable=SC2086 # three words
	set -- $lie
	lies "$1" "$2" "$3" "a lie: $1"
	top "$2" -1 --json "$target" && { [ "$2" != 0 ] || json; }
	result $? "a lie: $1, as JSON"
	stop
done
lies name 0 '^a\?\[31m"b\\' "a name with control characters"
! LC_ALL=C grep -q '[^ -~]' "$work/log"
result $? "...does not reach the terminal"
top 0 -1 -j "$target" && json && grep -qF '"command":"a?[31m\"b\\?"' "$work/log"
result $? "...nor break JSON"
stop
plan
