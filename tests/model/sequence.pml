/* SPDX-License-Identifier: MIT */
/*
 * Callers of synchronize_rcu share grace periods by one number: quiesce_gp_ticket, take_turn, end_turn,
 * await_turn, call_up and quiesce_gp_wait of src/grace/gp.c, on a machine with store buffers. CALLERS
 * threads store to a word of their own and call once; a reader registers, and then loads the words.
 * With TRIES they may first, or only, lead one that does not wait, quiesce_gp_try.
 *
 * Claims: a caller returns only after a grace period that began when its store could be seen (T1);
 * one that found nobody registered has nobody to wait for: who registers too late to be seen sees its
 * store (F1, A1); one is led at a time; and every call returns (W1, W2; else: invalid end state).
 *
 * Atomic additions and exchanges go to memory, with all stores before them. asleep, turn and
 * registered are changed in no other way, so they are plain variables here; the sequence, a store, is
 * a word of memory. The reader stays in its section until the end, so a leader who sees it
 * waits, for good reason, and is let go. It loads after its
 * registration can be seen, for which [A1] is there.
 */
#define CALLERS 2
#define CPUS 3
#define LOCK 3
#define SEQUENCE 0	/* words: 1 and 2 are the callers' own */
#define WORDS 4
#define DEPTH 3
#include "store-buffers.inc"

bit asleep[2];
byte turn[2];
bit registered, left;
byte held;			/* the words' bits that the reader saw unset */
bit leading;
byte covered;			/* callers whose stores a grace period that is over began after */
byte bed[CPUS];			/* on which turn, plus one, a CPU sleeps; 0: on none */
byte beginning[CPUS];		/* the callers whose stores the leader's grace period began after */

#define words ((memory[1] != 0) | (memory[2] != 0) << 1)

/* All stores of the CPU are in memory: as an atomic operation with release and its own store. */
#define drained(cpu) (buffers[cpu].count == 0)

inline call_up(which, all)
{
	atomic {
		if
		:: !asleep[which]
		:: else ->
#ifdef MUTANT_CALL_UP_LEAVES_TURN
			asleep[which] = asleep[which] && !all;
#else
			drained(_pid) -> asleep[which] = asleep[which] && !all; turn[which]++;
#endif
			if :: bed[1] == which + 1 -> bed[1] = 0 :: else fi;
			if :: bed[2] == which + 1 -> bed[2] = 0 :: else fi
		fi
	}
}

inline lead()
{
	/* [F1] */
	atomic { drained(_pid) -> assert(!leading); leading = 1; beginning[_pid] = words };
	if
	:: registered -> left	/* S1: wait for the section */
	:: !registered
	fi;
	leading = 0;
	covered = covered | beginning[_pid];
	beginning[_pid] = 0
}

inline end_turn(to)
{
	store(_pid, SEQUENCE, to, RELEASE);
#ifndef MUTANT_W1_RELAXED
	full_barrier(_pid);
#endif
	call_up(to / 2 % 2, true);
#ifndef MUTANT_END_TURN_WAKES_NO_NEXT
	call_up((to / 2 + 1) % 2, false)
#endif
}

/* Compare and exchange: in memory at once, after all stores. sequence is 255 if it was in vain. */
inline take_turn()
{
	atomic {
		drained(_pid) ->
		if
		:: memory[SEQUENCE] == sequence -> memory[SEQUENCE] = sequence + 1
		:: else -> sequence = 255
		fi
	}
}

inline try()
{
	load(_pid, SEQUENCE, sequence);
	if
	:: sequence % 2 == 0 -> take_turn()
	:: else -> sequence = 255
	fi;
	if
	:: sequence != 255 ->
		/* [F1] */
		atomic { drained(_pid) -> assert(!leading); leading = 1; beginning[_pid] = words };
		if
		:: registered && !left -> /* in vain */
#ifdef MUTANT_TRY_DOES_NOT_LOOK
			covered = covered | beginning[_pid];
			sequence = sequence + 2
#endif
		:: !registered || left ->
			covered = covered | beginning[_pid];
			sequence = sequence + 2
		fi;
		leading = 0;
		beginning[_pid] = 0;
#ifdef MUTANT_TRY_WAKES_NOBODY
		store(_pid, SEQUENCE, sequence, RELEASE)
#else
		end_turn(sequence)
#endif
	:: else
	fi
}

inline await_turn()
{
#ifndef MUTANT_W2_READS_TURN_LATE
	seen = turn[ticket / 2 % 2];
#endif
	atomic { drained(_pid) -> asleep[ticket / 2 % 2] = 1 };
	load(_pid, SEQUENCE, sequence);
#ifdef MUTANT_W2_READS_TURN_LATE
	seen = turn[ticket / 2 % 2];
#endif
	if
	:: sequence % 2 == 1 && sequence < ticket ->
		d_step {
			if
			:: turn[ticket / 2 % 2] == seen -> bed[_pid] = ticket / 2 % 2 + 1
			:: else
			fi
		};
		bed[_pid] == 0
	:: else
	fi;
	seen = 0
}

/* Process 0 is memory_system, so CPU 0 is nobody's. */
active [CALLERS] proctype caller()
{
	byte ticket, sequence, seen;

#ifdef TRIES
	if
	:: try(); goto gone
	:: try()
	:: skip
	fi;
#endif
	store(_pid, _pid, 1, RELAXED);
	/* [T1] */
#ifndef MUTANT_T1_WITHOUT_BARRIER
	full_barrier(_pid);
#endif
	load(_pid, SEQUENCE, sequence);
#ifdef MUTANT_TICKET_JOINS_RUNNING
	ticket = (sequence + 2) / 2 * 2;
#else
	ticket = (sequence + 3) / 2 * 2;
#endif
	do
	:: load(_pid, SEQUENCE, sequence);
		if
		:: sequence >= ticket -> break
		:: sequence < ticket && sequence % 2 == 1 -> await_turn()
		:: sequence < ticket && sequence % 2 == 0 ->
			take_turn();
			if
			:: sequence != 255 -> lead(); end_turn((sequence + 2))
			:: else
			fi
		fi
	od;
	/* What the caller frees now the reader must not hold. */
	assert(covered & 1 << (_pid - 1));
	assert(left || !(held & 1 << (_pid - 1)));
gone:	skip
}

/* Registers, and is in a section from before it loads until it leaves. */
active proctype reader()
{
#ifdef MUTANT_A1_WITHOUT_BARRIER
	held = 3 & ~words;
	registered = 1;
#else
	registered = 1;
	held = 3 & ~words;
#endif
	left = 1
}
