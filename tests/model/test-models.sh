#!/bin/sh
# SPDX-License-Identifier: MIT
# Every model holds in all its states, and every mutant of it is found. TAP. doc/design/models.md
# Usage: test-models.sh [WORD]: only the lines below that contain WORD.
set -u
source=${srcdir:-$(dirname "$0")/../..}
source=$(cd "$source" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source=tests/tap.inc
. "$source/tests/tap.inc"
: "${CC:=cc}"
DEPTH=1000000 MEGABYTES=2048
# Of processor time. A verifier is some 10,000 lines: most searches take less than gcc takes to compile one.
if command -v tcc > /dev/null; then quick=tcc; else quick="$CC -O0"; fi
QUICK_SECONDS=20 SECONDS_EACH=120
# To find a mutant any order of search will do. Few states come before most of them in this one; where it takes
# longer, the other order is next.
BACKWARDS="-DREVERSE -DT_REVERSE" BACKWARDS_SECONDS=3

if ! command -v spin >/dev/null; then
	skip "models" "no spin"
	plan
	exit
fi

# search SECONDS COMPILER SLOTS MODEL FLAGS ...: the verifier's report goes to $work/log. 2 to SLOTS is how
# large its table is from the start.
search() {
	seconds=$1 compiler=$2 slots=$3 model=$4 ends=
	shift 4
	# Their own process watch judges how they end.
	case $model in worker|aside) ends=-E ;; esac
	(cd "$work" && rm -f pan* ./*.trail && spin -a "$@" "$source/tests/model/$model.pml" &&
		$compiler -w -DSAFETY -DMEMLIM=$MEGABYTES -o pan pan.c &&
		{ ulimit -t "$seconds"; ./pan $ends -m$DEPTH -w"$slots"; }) > "$work/log" 2>&1
}

# The search went through all states and found nothing. States as they are are found sooner than compressed ones.
holds() {
	search $QUICK_SECONDS "$quick -DNOCOMP" 22 "$@" || search $SECONDS_EACH "$CC -O2 -DCOLLAPSE" 24 "$@"
	grep -q 'errors: 0$' "$work/log" &&
		! grep -qE 'Search not completed|search depth too small|out of memory|error:' "$work/log"
	result $? "$* holds ($(states) states)"
}

states() {
	sed -n 's/^ *\([0-9]*\) states, stored$/\1/p' "$work/log"
}

# An assertion fails or a state is left with nobody able to go on; nothing else counts.
is_found() {
	grep -qE '^pan:1: (assertion violated|invalid end state)' "$work/log"
}

found() {
	{ search $BACKWARDS_SECONDS "$quick -DNOCOMP $BACKWARDS" 18 "$@" 2> /dev/null && is_found; } ||
		{ search $SECONDS_EACH "$quick -DNOCOMP" 20 "$@"; is_found; }
	result $? "$* is found"
}

while read -r verdict arguments; do
	case "$verdict $arguments" in
	"#"*|" ") continue ;;
	*"${1:-}"*) ;;
	*) continue ;;
	esac
	# shellcheck disable=SC2086 # a list of words
	"$verdict" $arguments
done << 'LIST'
# The grace period.
holds grace-period -DFLAVOR=MEMB -DGRACE_PERIODS=3
holds grace-period -DFLAVOR=MB -DGRACE_PERIODS=3
holds grace-period -DFLAVOR=QSBR -DGRACE_PERIODS=3
holds grace-period -DFLAVOR=MEMB -DGRACE_PERIODS=3 -DTSO
holds grace-period -DFLAVOR=MEMB -DOLD_READERS
holds grace-period -DFLAVOR=MB -DTWO_PASSES
holds grace-period -DFLAVOR=MEMB -DTWO_PASSES -DGRACE_PERIODS=3
holds grace-period -DFLAVOR=MEMB -DREADERS=2 -DSECTIONS=1 -DGRACE_PERIODS=1
found grace-period -DFLAVOR=MEMB -DMUTANT_F1_WITHOUT_MEMBARRIER
found grace-period -DFLAVOR=MB -DMUTANT_F1_WITHOUT_BARRIER
found grace-period -DFLAVOR=QSBR -DMUTANT_F1_WITHOUT_BARRIER
found grace-period -DFLAVOR=MB -DTSO -DMUTANT_R2_WITHOUT_BARRIER
found grace-period -DFLAVOR=QSBR -DTSO -DMUTANT_R2_WITHOUT_BARRIER
found grace-period -DFLAVOR=MB -DTSO -DMUTANT_LEAD_PARITY
found grace-period -DFLAVOR=MB -DTSO -DTWO_PASSES -DMUTANT_G_RAISED_ONCE
found grace-period -DFLAVOR=MEMB -DTSO -DMUTANT_READ_LOCK_COPIES_WHEN_NESTED
found grace-period -DFLAVOR=MEMB -DTSO -DMUTANT_F1_AFTER_REGISTRY_ALONE
found grace-period -DFLAVOR=MEMB -DTSO -DMUTANT_A1_WITHOUT_BARRIER
found grace-period -DFLAVOR=MEMB -DMUTANT_REGISTRY_REMOVE_RELAXED
found grace-period -DFLAVOR=MEMB -DTSO -DMUTANT_REGISTRY_REMOVE_LEAVES_AWAITED
found grace-period -DFLAVOR=MEMB -DMUTANT_R3_RELAXED
found grace-period -DFLAVOR=MEMB -DOLD_READERS -DMUTANT_F2_WITHOUT_MEMBARRIER
found grace-period -DFLAVOR=MEMB -DMUTANT_G_BEFORE_F1
# The wake-up of the leader.
holds wake-up -DFLAVOR=MEMB
holds wake-up -DFLAVOR=MB
holds wake-up -DFLAVOR=QSBR
holds wake-up -DFLAVOR=MEMB -DLEAVE_IN_SECTION
holds wake-up -DFLAVOR=QSBR -DLEAVE_IN_SECTION
found wake-up -DFLAVOR=MEMB -DTSO -DMUTANT_S2_WITHOUT_MEMBARRIER
found wake-up -DFLAVOR=MEMB -DTSO -DMUTANT_S2_BARRIER_BEFORE_STORE
found wake-up -DFLAVOR=MEMB -DTSO -DMUTANT_S2_WITHOUT_SECOND_LOOK
found wake-up -DFLAVOR=QSBR -DMUTANT_S2_WITHOUT_BARRIER
found wake-up -DFLAVOR=MB -DTSO -DMUTANT_SLEEP_WITHOUT_DEADLINE
found wake-up -DFLAVOR=QSBR -DTSO -DMUTANT_SLEEP_ASKS_NOBODY
found wake-up -DFLAVOR=QSBR -DTSO -DMUTANT_R4_WITHOUT_BARRIER
found wake-up -DFLAVOR=QSBR -DTSO -DMUTANT_R5_WITHOUT_BARRIER
found wake-up -DFLAVOR=QSBR -DMUTANT_S3_WITHOUT_BARRIER
found wake-up -DFLAVOR=MEMB -DTSO -DMUTANT_WAKE_LEADER_LEAVES_FUTEX
found wake-up -DFLAVOR=MEMB -DTSO -DLEAVE_IN_SECTION -DMUTANT_UNREGISTER_WAKES_NOBODY
# Merged waiters.
holds merged-waiters
found merged-waiters -DMUTANT_T1_JOINS_RUNNING
found merged-waiters -DMUTANT_LEADS_WITHOUT_EXCHANGE
found merged-waiters -DMUTANT_W1_AFTER_LOOK
found merged-waiters -DMUTANT_W2_TELLS_LATE
found merged-waiters -DMUTANT_W2_READS_TURN_LATE
found merged-waiters -DMUTANT_W2_READS_TURN_SECOND
found merged-waiters -DMUTANT_CALL_UP_FORGETS_LATE
found merged-waiters -DMUTANT_CALL_UP_ONE_FORGETS
found merged-waiters -DMUTANT_AWAIT_TURN_TELLS_NOBODY
found merged-waiters -DMUTANT_CALL_UP_LEAVES_TURN
found merged-waiters -DMUTANT_END_TURN_WAKES_NO_NEXT
found merged-waiters -DMUTANT_END_TURN_WAKES_ONE
# The number of grace periods, on machines with store buffers.
holds sequence
holds sequence -DTSO
found sequence -DMUTANT_A1_WITHOUT_BARRIER
found sequence -DMUTANT_CALL_UP_LEAVES_TURN
found sequence -DMUTANT_END_TURN_WAKES_NO_NEXT
found sequence -DMUTANT_TICKET_JOINS_RUNNING
found sequence -DTSO -DMUTANT_T1_WITHOUT_BARRIER
found sequence -DTSO -DMUTANT_W1_RELAXED
found sequence -DMUTANT_W2_READS_TURN_LATE
holds sequence -DTRIES
found sequence -DTRIES -DMUTANT_TRY_DOES_NOT_LOOK
found sequence -DTRIES -DMUTANT_TRY_WAKES_NOBODY
# A deferred call and the callback that comes to rest.
holds defer
holds defer -DMEMBARRIER
holds defer -DCHILD
holds defer -DCHILD -DMEMBARRIER
found defer -DTSO -DMUTANT_D1_WITHOUT_BARRIER
found defer -DTSO -DMEMBARRIER -DMUTANT_D1_WITHOUT_MEMBARRIER
found defer -DTSO -DMUTANT_D2_WITHOUT_BARRIER
found defer -DCHILD -DMUTANT_DEFER_LOOKS_FOR_REST
found defer -DCHILD -DMUTANT_DEFER_RESTART_QUEUED
# Who sweeps what free_rcu was given.
holds sweep
holds sweep -DMEMBARRIER
holds sweep -DREST -DTIMES=3
holds sweep -DREST -DTIMES=3 -DMEMBARRIER
found sweep -DMUTANT_H1_LOOKS_FIRST
found sweep -DREST -DMUTANT_SEE_TO_SWEEP_LOOKS_FOR_NONE
found sweep -DMUTANT_V1_LOOKS_FIRST
found sweep -DTSO -DMUTANT_V1_WITHOUT_BARRIER
found sweep -DTSO -DMEMBARRIER -DMUTANT_V1_WITHOUT_MEMBARRIER
found sweep -DTSO -DMUTANT_V2_WITHOUT_BARRIER
found sweep -DREST -DMUTANT_V3_LOOKS_ONCE
found sweep -DREST -DMUTANT_V4_LEAVES_SERVED
# A queue and its worker.
holds worker -DCALLBACKS=3
holds worker -DRT
holds worker -DRT -DBARRIER
holds worker -DBARRIER
holds worker -DEXIT
holds worker -DEXIT -DBESIDE
holds worker -DREST
holds worker -DSTOP
holds worker -DCALLBACKS=1 -DFORKS=2
holds worker -DBARRIER -DCALLBACKS=1 -DFORKS=1
found worker -DCALLBACKS=3 -DMUTANT_APPEND_IN_FRONT
found worker -DSTOP -DCALLBACKS=3 -DMUTANT_ABSORB_APPENDS_HALF
found worker -DMUTANT_ASK_LEAVES_IDLE
found worker -DBARRIER -DMUTANT_B1_LOOKS_ONCE
found worker -DBARRIER -DMUTANT_B2_EMPTIES_FIRST
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_BECOME_BUSY_IGNORES_PAUSE
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_BECOME_FREE_WAKES_NOBODY
found worker -DEXIT -DMUTANT_CLAIM_REFUSES_STOP
found worker -DEXIT -DMUTANT_CLOSE_LEAVES_OPEN
found worker -DMUTANT_DOZE_LOOKS_FIRST
found worker -DBARRIER -DMUTANT_DOZE_IGNORES_URGENT
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_DO_ROUND_RUNS_WITHOUT_BUSY
found worker -DSTOP -DMUTANT_FREE_WORKER_WAITS_FOR_NOBODY
found worker -DEXIT -DMUTANT_LEAVE_KEEPS_STOP
found worker -DREST -DMUTANT_LEAVE_STARTS_NOBODY
found worker -DEXIT -DBESIDE -DMUTANT_LEAVE_TELLS_NO_BARRIER
found worker -DBARRIER -DMUTANT_PRESS_ASKS_NOBODY
found worker -DMUTANT_PUSH_ON_TWO_CHAINS
found worker -DBARRIER -DMUTANT_QUEUE_AWAIT_ASKS_ONCE
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_RESET_QUEUE_LEAVES_DONE
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_RESET_WORKER_LEAVES_STATE
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_RESUME_LEAVES_PAUSE
found worker -DBARRIER -DCALLBACKS=1 -DFORKS=1 -DMUTANT_RESUME_WAKES_NOBODY
found worker -DRT -DMUTANT_RT_WORKER_SLEEPS_IDLE
found worker -DMUTANT_RUN_QUEUE_RUNS_YOUNGER
found worker -DSTOP -DMUTANT_RUN_RIPE_RUNS_OWN_FIRST
found worker -DEXIT -DBESIDE=2 -DMUTANT_STAND_IN_CLAIMS_NOTHING
found worker -DSTOP -DMUTANT_STOP_WAKES_NOBODY
found worker -DSTOP -DMUTANT_TAKE_ADOPTS_FIRST
found worker -DMUTANT_TURN_AROUND_NOTHING
found worker -DEXIT -DMUTANT_X2_LOOKS_FIRST
# A callback that waits for a grace period during a fork.
holds aside
holds aside -DFOLLOWS -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1
holds aside -DDEFERS=1 -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1
holds aside -DDEFERS=2 -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1
holds aside -DCHILD -DCALLBACKS=1 -DFORKS=1
holds aside -DASKS -DCALLBACKS=1 -DFORKS=1
found aside -DDEFERS=1 -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1 -DMUTANT_BARRIER_STAYS_BUSY
found aside -DFORKS=1 -DMUTANT_BEGIN_WAIT_IGNORES_BUSY
found aside -DFORKS=1 -DMUTANT_BEGIN_WAIT_WAKES_NOBODY
found aside -DFORKS=1 -DMUTANT_END_WAIT_IGNORES_ASIDE
found aside -DFORKS=1 -DMUTANT_END_WAIT_IGNORES_RESUME
found aside -DFORKS=1 -DMUTANT_END_WAIT_IN_ANY_PAUSE
found aside -DFORKS=1 -DMUTANT_END_WAIT_LEAVES_ASIDE
found aside -DFORKS=1 -DMUTANT_END_WAIT_LEAVES_FREE
found aside -DFORKS=1 -DMUTANT_END_WAIT_STORES
found aside -DFOLLOWS -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1 -DMUTANT_FREE_WORKER_BEGINS_WAIT
found aside -DFOLLOWS -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1 -DMUTANT_FREE_WORKER_STAYS_BUSY
found aside -DFORKS=1 -DMUTANT_K1_IGNORES_READERS
found aside -DFORKS=1 -DMUTANT_K1_READERS_FIRST
found aside -DFORKS=1 -DMUTANT_K2_COUNTS_NOBODY
found aside -DFORKS=1 -DMUTANT_K2_LOOKS_AT_NOBODY
found aside -DFORKS=1 -DMUTANT_K2_LOOKS_FIRST
found aside -DFORKS=1 -DMUTANT_PAUSE_WORKERS_COUNTS_NOBODY
found aside -DDEFERS=2 -DWORKERS=2 -DCALLBACKS=1 -DFORKERS=1 -DMUTANT_PAUSE_WORKERS_DEFERRED_LAST
found aside -DCHILD -DCALLBACKS=1 -DFORKS=1 -DMUTANT_RESET_WORKER_LEAVES_STATE
found aside -DCHILD -DCALLBACKS=1 -DFORKS=1 -DMUTANT_RESTART_REGISTRY_LEAVES_READERS
found aside -DFORKS=1 -DMUTANT_RESUME_LEAVES_PAUSE
found aside -DFORKS=1 -DMUTANT_RESUME_WAKES_NOBODY
found aside -DFORKS=1 -DMUTANT_SET_ASIDE_IGNORES_BUSY
found aside -DFORKS=1 -DMUTANT_SET_ASIDE_IGNORES_WAITING
found aside -DASKS -DCALLBACKS=1 -DFORKS=1 -DMUTANT_SET_ASIDE_TRIES_ONCE
found aside -DFORKS=1 -DMUTANT_SET_ASIDE_WAKES_NOBODY
found aside -DFORKS=1 -DMUTANT_STEP_ASIDE_STAYS_BUSY
# The memory of a hash table.
holds table-memory
holds table-memory -DMMAP
found table-memory -DMUTANT_CHUNKS_FILLED_LATER
found table-memory -DMUTANT_FREE_BEFORE_FREEING
found table-memory -DMUTANT_FREE_BEFORE_TAKE
found table-memory -DMUTANT_FREE_WITHOUT_GRACE_PERIOD
found table-memory -DMUTANT_GROW_IN_FREEING
found table-memory -DMUTANT_GROW_TRUSTS_AN_EARLIER_TRY
found table-memory -DMMAP -DMUTANT_GROW_TRUSTS_AN_EARLIER_TRY
found table-memory -DMMAP -DMUTANT_MMAP_KEEPS_BUCKETS
found table-memory -DMMAP -DMUTANT_MMAP_REMEMBERS
found table-memory -DMUTANT_PUBLISH_STORES
found table-memory -DMUTANT_RETIRE_FORGETS_TOP
found table-memory -DMUTANT_RETIRE_WITHOUT_GRACE_PERIOD
# The list of a hash table.
holds table-list -DDUPLICATES
holds table-list -DUNIQUE
holds table-list -DMAKE
holds table-list -DSHRINK
holds table-list -DREGROW
holds table-list -DFOUR
holds table-list -DSHRINK -DLEFT_BEHIND
found table-list -DDUPLICATES -DMUTANT_ADD_AT_IGNORES_REMOVED
found table-list -DUNIQUE -DMUTANT_ADD_UNIQUE_BEHIND_EQUALS
found table-list -DUNIQUE -DMUTANT_ADD_UNIQUE_LOOKS_ONCE
found table-list -DREGROW -DMUTANT_BUCKET_FORGET_ALL
found table-list -DREGROW -DMUTANT_BUCKET_UNLINK_IGNORES_SHAPE
found table-list -DREGROW -DMUTANT_BUCKET_UNLINK_READS_SHAPE_FIRST
found table-list -DDUPLICATES -DMUTANT_DEL_FREES_FIRST
found table-list -DDUPLICATES -DMUTANT_DEL_STORES
found table-list -DDUPLICATES -DMUTANT_DEL_UNLINKS_FIRST
found table-list -DDUPLICATES -DMUTANT_DEL_UNLINKS_NOTHING
found table-list -DDUPLICATES -DMUTANT_FREE_NODE_WITHOUT_GRACE_PERIOD
found table-list -DSHRINK -DMUTANT_FREE_WITHOUT_GRACE_PERIOD
found table-list -DREGROW -DMUTANT_GROW_GOES_ON_UNLINKING
found table-list -DREGROW -DMUTANT_GROW_PROVIDES_LAST
found table-list -DMAKE -DMUTANT_LINK_BUCKET_BEHIND_EQUALS
found table-list -DMAKE -DMUTANT_LINK_BUCKET_READY_FIRST
found table-list -DMAKE -DMUTANT_MAKE_WITHOUT_CLAIM
found table-list -DREGROW -DMUTANT_MAY_START_IF_REMOVED
found table-list -DFOUR -DMUTANT_RETIRE_FORGETS_TOP
found table-list -DSHRINK -DMUTANT_RETIRE_SAYS_DRAINED
found table-list -DSHRINK -DMUTANT_RETIRE_WITHOUT_GRACE_PERIOD
found table-list -DREGROW -DMUTANT_REVIVE_WITHOUT_GRACE_PERIOD
found table-list -DDUPLICATES -DMUTANT_SEARCH_FINDS_REMOVED
found table-list -DDUPLICATES -DMUTANT_UNLINK_NEXT_STORES
found table-list -DREGROW -DMUTANT_UNLINK_NODE_TRIES_ONCE
found table-list -DDUPLICATES -DMUTANT_WALK_PASSES_REMOVED
found table-list -DUNIQUE -DMUTANT_WALK_STAYS_ON_REMOVED
LIST
plan
