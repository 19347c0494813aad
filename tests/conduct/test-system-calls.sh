#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest asks the kernel for nothing that its predecessor did not. For each situation of situations.c
# and each flavor: which kinds of system call (their names) the library makes, seen by strace; whether
# Debian's liburcu makes them there too, if there is one (LIBURCU=PREFIX); whether doc/system-calls.md
# lists them; and whether it does its work in a sandbox that kills at any call not listed there, and
# where calls that it can do without are refused. TAP.
# Usage: test-system-calls.sh [SITUATION...]
# SYSTEM_CALLS=FILE gets the table as seen, and then the document is left alone;
# SYSTEM_CALLS_ROUNDS: how often to look at each situation.
set -u
source=${srcdir:?}
here=$source/tests/conduct
libraries=$(cd "${LIBRARIES:?}" && pwd -P)
document=$source/doc/system-calls.md
liburcu=${LIBURCU:-}
rounds=${SYSTEM_CALLS_ROUNDS:-2}
: "${CC:=cc}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"

flavors="mb memb bp qsbr"
# malloc's own calls are malloc's: it gets all memory at once, and keeps it.
GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.top_pad=67108864
GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.trim_threshold=1073741824
GLIBC_TUNABLES=$GLIBC_TUNABLES:glibc.malloc.mmap_threshold=33554432

# What is allowed though Debian's does not do it. Situations, flavors, calls | why.
allowances() {
	cat <<'TXT'
table-grow,table-destroy mb,memb,bp,qsbr mmap,munmap | malloc does so for such blocks, but for the above
exit-called,exit-queued,exit-all,fork-hooks-exit,dlclose-called,sandbox mb,memb,bp,qsbr futex,exit,madvise,rt_sigprocmask | queued callbacks run, and their worker ends
call-bound,call-all mb,memb,bp,qsbr sched_setaffinity | the CPU is asked for by the program; liburcu does it if the thread is elsewhere
exit-queued,fork-hooks-exit mb,memb,bp,qsbr rseq,set_robust_list | a thread made just before may begin only now
exit-called,exit-queued,exit-all,fork-hooks-exit,dlclose-called memb,bp membarrier | the grace period of those callbacks
register mb,memb,bp,qsbr mmap,munmap | room for more than 512 readers, whatever state malloc is in
get-default,create,create-bound,create-all,first-call,free-rcu-first,polls,table-new,defer mb,memb,bp,qsbr madvise | once, with the first thread: a page that forks empty tells processes apart
free-rcu mb,memb,bp,qsbr rt_sigprocmask | who gives very much to urcu_free_rcu leads a grace period now and then, with signals blocked
table-new,table-grow memb,bp membarrier | a resize is a callback, after a grace period
TXT
}

# What a program cannot do without, or is the C library's: not refused.
essential="execve|exit|exit_group|write|futex|clone|clone3|wait4|mmap|munmap|mremap|mprotect|brk|\
rt_sigprocmask|rt_sigaction|rseq|set_robust_list|set_tid_address|arch_prctl|prlimit64|access|openat|\
pread64|read|close|newfstatat|getrandom"

# ---- The programs ----

define() # flavor
{
	case $1 in
	mb) echo -DRCU_MB ;;
	memb) echo -DRCU_MEMBARRIER ;;
	bp) echo -DTEST_BP ;;
	qsbr) echo -DTEST_QSBR ;;
	esac
}

compile() # output, flags and inputs ...
{
	output=$work/$1
	shift
	# shellcheck disable=SC2086 # CC may have flags
	$CC -std=gnu11 -D_GNU_SOURCE -O2 -w -pthread "$@" -o "$output" >> "$work/log" 2>&1
}

build_side() # side, library directory, flags
{
	for flavor in $flavors; do
		mkdir -p "$work/$1/$flavor"
		what="$3 $(define "$flavor") $here/situations.c -L$2 -Wl,-rpath,$2
			-lurcu-$flavor -lurcu-cds -lurcu-common"
		# shellcheck disable=SC2086 # a list
		compile "$1/$flavor/program" $what &&
			compile "$1/$flavor/plug.so" -DPLUG_IN -shared -fPIC $what || return 1
	done
}

build() {
	compile host "$here/situations-host.c" -ldl &&
		build_side ours "$libraries" "-I$source/include -DHAVE_POLLS" || return 1
	[ -z "$theirs" ] || build_side theirs "$theirs" "-DNODES=20000 -I$liburcu/include
		-I$(dirname "$(find "$liburcu/include" -name urcu-pointer.h | head -n 1)")"
}

# ---- Looking ----

# run SIDE FLAVOR SITUATION "TRACER" "OPTIONS": the status is the program's.
run() {
	program=$work/$1/$2/program
	plug=
	case $3 in dl*) program=$work/host plug=$work/$1/$2/plug.so ;; esac
	# shellcheck disable=SC2086 # lists
	env GLIBC_TUNABLES="$GLIBC_TUNABLES" timeout 20 $4 "$program" $5 "$3" $plug \
		> "$work/output" 2>&1 < /dev/null
}

# look SIDE FLAVOR SITUATION: add the kinds of call to a list.
look() {
	list=$work/$1/$2/$3
	first=0
	[ "$3" != load ] || first=1
	run "$1" "$2" "$3" "strace -f -qq -o $work/trace" ""
	status=$?
	touch "$list"
	{ cat "$list" && awk -v early=$first -f "$here/calls.awk" "$work/trace"; } |
		LC_ALL=C sort -u > "$list.new"
	mv "$list.new" "$list"
	return $status
}

seen() # situation
{
	for flavor in $flavors; do
		for _ in $(seq "$rounds"); do
			look ours "$flavor" "$1" && continue
			echo "$flavor ended with $?" >> "$work/log"
			cat "$work/output" >> "$work/log"
		done
	done
	[ ! -s "$work/log" ]
}

allowed() # situation, flavor
{
	allowances | awk -v situation="$1" -v flavor="$2" '
		index("," $1 ",", "," situation ",") && index("," $2 ",", "," flavor ",") {
			gsub(",", "\n", $3)
			print $3
		}' | LC_ALL=C sort -u
}

# excess FLAVOR SITUATION: the calls of ours that are neither theirs nor allowed.
excess() {
	allowed "$2" "$1" > "$work/allowed"
	LC_ALL=C comm -23 "$work/ours/$1/$2" "$work/theirs/$1/$2" | LC_ALL=C comm -23 - "$work/allowed"
}

# What theirs does now and then it may do later: more looks, before ours is blamed.
compare() # situation
{
	for flavor in $flavors; do
		look theirs "$flavor" "$1"
		for _ in 1 2 3 4 5 6 7 8; do
			[ -z "$(excess "$flavor" "$1")" ] || look theirs "$flavor" "$1"
		done
		more=$(excess "$flavor" "$1" | tr '\n' ' ')
		[ -z "$more" ] || echo "$flavor, not by liburcu: $more" >> "$work/log"
	done
	[ ! -s "$work/log" ]
}

# ---- The table: a line per situation; calls of every flavor, and those of each beyond ----

row() # situation, title
{
	cat "$work/ours"/*/"$1" | LC_ALL=C sort | uniq -c | awk '$1 == 4 { print $2 }' > "$work/common"
	printf '| %s | %s | %s ' "$1" "$2" "$(tr '\n' ' ' < "$work/common" | sed 's/ $//')"
	for flavor in $flavors; do
		printf '| %s ' "$(LC_ALL=C comm -23 "$work/ours/$flavor/$1" "$work/common" |
			tr '\n' ' ' | sed 's/ $//')"
	done
	echo "|"
}

table() {
	echo "| situation | what happens | every flavor | mb, too | memb, too | bp, too | qsbr, too |"
	echo "| --- | --- | --- | --- | --- | --- | --- |"
	while IFS='	' read -r situation _ title; do
		row "$situation" "$title"
	done < "$work/situations"
}

# documented FLAVOR SITUATION: the calls that the document has.
documented() {
	awk -F ' *[|] *' -v situation="$2" -v flavor="$1" '
		$2 == "situation" {
			for (i = 1; i <= NF; i++)
				if ($i == flavor ", too")
					column = i
		}
		$2 == situation { print $4, $column }' "$document" |
		tr ' ' '\n' | grep . | LC_ALL=C sort -u
}

is_documented() # situation
{
	for flavor in $flavors; do
		documented "$flavor" "$1" > "$work/documented"
		more=$(LC_ALL=C comm -23 "$work/ours/$flavor/$1" "$work/documented" | tr '\n' ' ')
		[ -z "$more" ] || echo "$flavor, not in the table: $more" >> "$work/log"
	done
	[ ! -s "$work/log" ]
}

# ---- Sandboxes ----

# numbers NAME...: of these calls, with a comma in between.
numbers() {
	for call in "$@"; do
		awk -v name="$call" '$1 == name { print $2 }' "$work/numbers"
	done | paste -s -d , -
}

# In a sandbox of what the table has; the program's own marks need write and exit_group, and after a
# stop the kernel itself makes restart_syscall.
kill_at_others() # situation
{
	for flavor in $flavors; do
		documented "$flavor" "$1" > "$work/documented"
		# shellcheck disable=SC2046 # a list
		options="-k $(numbers $(cat "$work/documented") write exit_group restart_syscall)"
		run ours "$flavor" "$1" "" "$options" && continue
		echo "$flavor ended with $?; once more, under strace:" >> "$work/log"
		run ours "$flavor" "$1" "strace -f -qq -o $work/trace" "$options"
		awk -f "$here/calls.awk" "$work/trace" | grep -vxf "$work/documented" >> "$work/log"
	done
	[ ! -s "$work/log" ]
}

refuse() # situation
{
	for flavor in $flavors; do
		for call in $(documented "$flavor" "$1" | grep -vxE "$essential"); do
			for options in "-e 1" "-E 38"; do
				run ours "$flavor" "$1" "" "$options $(numbers "$call")" ||
					echo "$flavor ended with $? ($options $call)" >> "$work/log"
			done
		done
	done
	[ ! -s "$work/log" ]
}

# ---- All ----

if ! strace -o /dev/null true 2>/dev/null; then
	echo "1..0 # SKIP no strace, or it may not trace"
	exit 0
fi
if [ "$(uname -m)" != x86_64 ]; then
	echo "1..0 # SKIP the table is of x86-64"
	exit 0
fi
theirs=
[ -z "$liburcu" ] || theirs=$(dirname "$(find "$liburcu" -name liburcu-memb.so | head -n 1)")
[ -e "$theirs/liburcu-memb.so" ] || theirs=

: > "$work/log"
build
result $? "building" || { plan; exit 1; }
echo '#include <sys/syscall.h>' | $CC -E -dM - |
	awk '$2 ~ /^__NR_/ { print substr($2, 6), $3 }' > "$work/numbers"
{ "$work/ours/mb/program" && "$work/host"; } > "$work/situations"

# try FUNCTION WHAT: of $situation; what it adds to the log is shown.
try() {
	: > "$work/log"
	"$1" "$situation"
	result $? "$situation: $2"
}

while IFS='	' read -r situation kind _; do
	case " ${*:-$situation} " in *" $situation "*) ;; *) continue ;; esac
	try seen "does what it says"
	if [ -n "$theirs" ]; then
		try compare "makes no kind of call that liburcu does not"
	else
		skip "$situation: makes no kind of call that liburcu does not" "no liburcu"
	fi
	[ -z "${SYSTEM_CALLS:-}" ] || continue
	try is_documented "makes the calls in doc/system-calls.md"
	case $kind,$situation in own,*|*,load) continue ;; esac
	try kill_at_others "works where any other call kills"
	try refuse "works where its calls are refused"
done < "$work/situations"
[ -z "${SYSTEM_CALLS:-}" ] || table > "$SYSTEM_CALLS"
plan
