/* SPDX-License-Identifier: MIT */
/*
 * How a leader sleeps on gp.futex until a reader wakes it: sleep_until_woken in src/grace/lead.c [S2],
 * urcu_common_read_unlock, urcu_qsbr_wake_leader [R4] and quiesce_domain_remove. Two readers hold a
 * section each when the leader comes, and have SECTIONS in all; it waits for GRACE_PERIODS.
 *
 * FLAVOR is one of
 *	MEMB	no fence between the unlock's store and its look at gp.futex (mb does the same); the
 *		leader issues a membarrier
 *	MB	the same where the kernel has no membarrier: the leader's sleep has a deadline
 *	QSBR	a fence in the readers, and a word of each, waiting, that says whether to look
 *
 * Claim: the leader does not sleep for ever. A lost wake-up is an invalid end state: the readers
 * are through, and nothing is left in any buffer.
 *
 * Between looks the leader spins or sleeps: either is chosen, at any time. What the grace period
 * protects is grace-period.pml's concern: the number is raised, but no object is there.
 */
#define MEMB 1
#define MB 2
#define QSBR 3
#ifndef FLAVOR
#define FLAVOR MEMB
#endif
#ifndef GRACE_PERIODS
#define GRACE_PERIODS 2
#endif
#ifndef SECTIONS
#define SECTIONS 2
#endif

#define READERS 2
#define CPUS (READERS + 1)
#define LEADER READERS

/* Words of memory. */
#define GP 0			/* gp.ctr: the number alone, from 1 */
#define FUTEX 1			/* gp.futex: ASLEEP for -1 */
#define CTR(r) (2 + (r))	/* reader.ctr: the number, or 0 */
#define WAITING(r) (4 + (r))	/* of urcu_qsbr_reader */
#define LOCK 6			/* registry.lock */
#define WORDS 7
#define ASLEEP 1

#define DEPTH 3
#include "store-buffers.inc"

bit registered[READERS] = 1, awaited[READERS];
bit sleeping;			/* in the kernel, on gp.futex */

/* ---- Readers ---- */

/* A system call that looks at its sleepers: the kernel makes it a full barrier. */
inline futex_wake()
{
	full_barrier(r);
	sleeping = 0
}

/* urcu_common_wake_leader. */
inline wake_leader()
{
#ifndef MUTANT_WAKE_LEADER_LEAVES_FUTEX
	store(r, FUTEX, 0, RELAXED);
#endif
	futex_wake()
}

/* R4, but for the look at waiting. */
inline look_at_futex()
{
	load(r, FUTEX, seen);
	if
	:: seen == ASLEEP -> seen = 0; wake_leader()
	:: else
	fi
}

/* urcu_qsbr_wake_leader. */
inline qsbr_wake_leader()
{
	load(r, WAITING(r), seen);
	if
	:: seen ->
		seen = 0;
		store(r, WAITING(r), 0, RELAXED);
#ifndef MUTANT_R5_WITHOUT_BARRIER
		full_barrier(r);
#endif
		look_at_futex()
	:: else
	fi
}

inline announce_barrier()
{
#ifndef MUTANT_R4_WITHOUT_BARRIER
	full_barrier(r);
#endif
	skip
}

inline enter()
{
	load(r, GP, number);
	store(r, CTR(r), number, RELEASE);
#if FLAVOR != MEMB
	announce_barrier()
#endif
}

#if FLAVOR == QSBR
/* _urcu_qsbr_quiescent_state. */
inline next_section()
{
	load(r, GP, seen);
	if
	:: seen == number -> seen = 0
	:: else -> seen = 0; enter(); qsbr_wake_leader()
	fi
}

/* _urcu_qsbr_thread_offline. */
inline leave()
{
	store(r, CTR(r), 0, RELEASE);
	announce_barrier();
	qsbr_wake_leader()
}
#else
inline leave()
{
	store(r, CTR(r), 0, RELEASE);
	look_at_futex()
}

inline next_section()
{
	leave();
	enter()
}
#endif

/* quiesce_domain_remove, by one reader, in a section still (a misuse that the library survives). */
inline unregister()
{
	lock(r);
	registered[r] = 0;
	awaited[r] = 0;
	unlock(r);
#ifndef MUTANT_UNREGISTER_WAKES_NOBODY
	look_at_futex();
#endif
	skip
}

proctype reader(byte r)
{
	byte number = 1, seen, sections = 1;

	do
	:: sections < SECTIONS -> next_section(); sections++
	:: else -> break
	od;
#ifdef LEAVE_IN_SECTION
	if
	:: r == 1 -> unregister()
	:: else -> leave()
	fi
#else
	leave()
#endif
}

/* ---- The leader ---- */

/* in_older_section, for a reader that is awaited. */
inline look_at(x)
{
	load(LEADER, CTR(x), seen);
	awaited[x] = registered[x] && seen && seen != gp;
	seen = 0
}

inline scan()
{
	lock(LEADER);
	look_at(0);
	look_at(1);
	unlock(LEADER)
}

inline rescan()
{
	lock(LEADER);
	if :: awaited[0] -> look_at(0) :: else fi;
	if :: awaited[1] -> look_at(1) :: else fi;
	unlock(LEADER)
}

/* S3, and quiesce_registry_ask with ask_for_wake. */
inline ask()
{
#ifndef MUTANT_S3_WITHOUT_BARRIER
	full_barrier(LEADER);
#endif
	lock(LEADER);
	if :: awaited[0] -> store(LEADER, WAITING(0), 1, RELAXED) :: else fi;
	if :: awaited[1] -> store(LEADER, WAITING(1), 1, RELAXED) :: else fi;
	unlock(LEADER)
}

/* S2. */
inline barrier()
{
#if !defined MUTANT_S2_WITHOUT_BARRIER
	full_barrier(LEADER);
#endif
#if FLAVOR == MEMB && !defined MUTANT_S2_WITHOUT_MEMBARRIER
	interrupt(0);
	interrupt(1);
#endif
	skip
}

/* quiesce_wait_shared: the kernel compares and sleeps in one step. */
inline futex_wait()
{
	full_barrier(LEADER);
	d_step {
		if
		:: memory[FUTEX] == ASLEEP -> sleeping = 1
		:: else
		fi
	};
	if
	:: !sleeping
#if FLAVOR == MB && !defined MUTANT_SLEEP_WITHOUT_DEADLINE
	:: sleeping -> sleeping = 0
#endif
	fi
}

inline sleep_until_woken()
{
#ifdef MUTANT_S2_BARRIER_BEFORE_STORE
	barrier();
#endif
	store(LEADER, FUTEX, ASLEEP, RELAXED);
#if FLAVOR == QSBR && !defined MUTANT_SLEEP_ASKS_NOBODY
	ask();
#endif
#ifndef MUTANT_S2_BARRIER_BEFORE_STORE
	barrier();
#endif
#ifndef MUTANT_S2_WITHOUT_SECOND_LOOK
	rescan();
#endif
	if
	:: awaited[0] || awaited[1] ->
		futex_wait();
		rescan()
	:: else
	fi;
	store(LEADER, FUTEX, 0, RELAXED)
}

proctype leader()
{
	byte gp = 1, seen;

	do
	:: gp <= GRACE_PERIODS ->
		gp++;
		store(LEADER, GP, gp, RELEASE);
		scan();
		do
		:: awaited[0] || awaited[1] ->
			if
			:: sleep_until_woken()
			:: rescan()
			fi
		:: else -> break
		od
	:: else -> break
	od
}

init
{
	atomic {
		memory[GP] = 1;
		memory[CTR(0)] = 1;
		memory[CTR(1)] = 1;
		run reader(0);
		run reader(1);
		run leader()
	}
}
