#!/bin/sh
# SPDX-License-Identifier: MIT
# The library's own code under a weak memory, in each scenario of scenarios/list, for a fixed number of executions; and
# code that is known to be bad, in which the checker has to find the fault: doc/design/checker.md. With EXPLORE=MINUTES
# (./dev explore) for so long, from other seeds each time, with a table of what was explored in $builddir/explored.md.
# TAP.
set -u
: "${srcdir:?}" "${builddir:?}"
here=$srcdir/tests/checker
work=$builddir/tests/checker-build
mkdir -p "$work"

# shellcheck source=tests/tap.inc
. "$srcdir/tests/tap.inc"

for tool in clang objcopy ld; do
	command -v $tool > /dev/null || {
		echo "1..0 # SKIP no $tool"
		exit 0
	}
done

# What fails is shown, with the steps that lead there.
show_log() {
	grep '^# ' "$work/log" | head -n 300
	grep -v '^# ' "$work/log" | head -n 20 | sed 's/^/# /'
}

# The scenarios: in check not those of the last part.
if [ -n "${EXPLORE:-}" ]; then
	cp "$here/scenarios/list" "$work/list"
else
	sed '/^# By .* alone/,$d' "$here/scenarios/list" > "$work/list"
fi
names=$(sed -n 's/^\([a-z][^[:blank:]]*\).*/\1/p' "$work/list" | tr '\n' ' ')

# made DIRECTORY SOURCES
made() {
	limited 300 make -s -f "$here/checker.mk" OUT="$1" SOURCES="$2" NAMES="$names" > "$work/log" 2>&1
}

# checks CHECKER EXPECTED SCENARIO OPTION...
checks() {
	checker=$1 expected=$2 scenario=$3
	shift 3
	limited 120 "$checker" -w "$work/$scenario.record" "$@" "$scenario" > "$work/log" 2>&1
	case $expected,$? in
	none,0) ;;
	fault,1) ! grep -q 'the checker is wrong' "$work/log" ;;
	*) false ;;
	esac
}

if ! made "$work/made" "$srcdir"; then
	result 1 "the checker and the code under test are compiled"
	plan
	exit 1
fi

in_check() {
	while read -r scenario _ expected _; do
		case $scenario in '' | \#*) continue ;; esac
		case $expected in fault) executions=150 ;; *) executions=100 ;; esac
		checks "$work/made/checker" "$expected" "$scenario" -n $executions -s 1000 < /dev/null
		result $? "$scenario: $expected"
	done < "$work/list"
	# Where calls fail.
	for scenario in call-rcu-memb producers-mb rest-qsbr defer-bp free-rcu-memb lfht-grow fork-makes-memb \
		fork-frees-memb fork-defers-memb exit-calls-memb signal-calls-bp; do
		checks "$work/made/checker" none $scenario -m -n 100 -s 1000
		result $? "$scenario, without memory and threads: none"
	done
}

# bad WHAT SCENARIO FILE SED: a copy of the library with one thing wrong, which that scenario has to find.
bad() {
	rm -rf "$work/tree" "$work/bad"
	mkdir -p "$work/tree"
	cp -a "$srcdir/src" "$srcdir/include" "$work/tree/"
	cp -a "$work/made" "$work/bad"
	sed -i "$4" "$work/tree/$3"
	cmp -s "$srcdir/$3" "$work/tree/$3" && echo "# the text is not in $3 any more"
	made "$work/bad" "$work/tree" && checks "$work/bad/checker" fault "$2" -n 3000 -s 1000
	result $? "found, in a copy: $1"
}

# Each time for longer; what was explored is in the last line of each report.
explore() {
	count=$(grep -c '	none' "$work/list")
	seconds=$((60 * EXPLORE / count + 1))
	seed=$(date +%s)000000
	{ echo "| scenario | explored, in $seconds s of processor time |"; echo "| --- | --- |"; } > "$builddir/explored.md"
	while read -r scenario _ expected _; do
		case $scenario,$expected in *,none) ;; *) continue ;; esac
		timeout $((60 + 100 * seconds)) "$work/made/checker" -w "$work/$scenario.record" -f "$seed" \
			-n 1000000000 -s "$seconds" "$scenario" > "$work/log" 2>&1 < /dev/null
		status=$?
		result $status "$scenario"
		[ $status = 0 ] || echo "# to see it again: $work/made/checker -r $work/$scenario.record $scenario"
		echo "| $scenario | $(tail -n 1 "$work/log" | sed 's/^# //') |" >> "$builddir/explored.md"
	done < "$work/list"
}

if [ -n "${EXPLORE:-}" ]; then
	explore
else
	in_check
	bad "[F1] without the membarrier" grace-period-memb src/grace/lead.c 's/quiesce_order_all_threads();/;/'
	bad "[S1] a relaxed load" grace-period-mb src/grace/registry.c \
		's/unsigned long ctr = __atomic_load_n(&reader->ctr, __ATOMIC_ACQUIRE)/unsigned long ctr = __atomic_load_n(\&reader->ctr, __ATOMIC_RELAXED)/'
	bad "[A1] without the barrier" register-memb src/grace/registry.c 's/cmm_smp_mb();/;/'
	bad "[S2] without the membarrier" hold-memb src/grace/lead.c 's/quiesce_membarrier()/true/'
	bad "a lock that the child finds taken" fork-reads-bp src/grace/registry.c \
		's/pthread_mutex_init(&registry->lock, NULL);/;/'
	bad "queues that are lost in the child" fork-makes-memb src/process/fork.c \
		's/^\t\t\tfoster(all, queue);/\t\t\t;/'
	bad "callbacks that go on after exit" exit-calls-memb src/process/exit.c \
		's/__atomic_fetch_or(&engine->workers.closing, [A-Za-z]*, __ATOMIC_SEQ_CST);/;/'
	bad "a signal in the middle of bp's registration" signal-bp src/flavor/bp.c \
		's/pthread_sigmask(SIG_SETMASK, &all, &before);/sigemptyset(\&before);/'
	bad "workers that take the program's signals" signal-process-memb src/system/signals.c \
		's/pthread_sigmask(SIG_BLOCK, &blocked, before);/pthread_sigmask(SIG_BLOCK, NULL, before);/'
	bad "[F2] without the membarrier" old-reader-memb src/grace/lead.c \
		'/^#if !defined(__x86_64__)/,/^#else/s/order_readers(domain);/;/'
	bad "a wake-up that is forgotten" wake-mb src/callbacks/enqueue.c \
		's/^\t\t\tquiesce_worker_ask(worker, much ? WORKER_URGENT : 0);/\t\t\t(void)worker;/'
	rm -rf "$work/tree" "$work/bad"
fi
plan
