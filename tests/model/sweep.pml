/* SPDX-License-Identifier: MIT */
/*
 * Who sees to it that what free_rcu was given is freed: see_to_sweep of src/callbacks/free.h, ask_for_sweep of src/callbacks/free.c,
 * come_to_rest of src/callbacks/stash.c, and the standard worker's thread, which sleeps (doze), is made, and leaves
 * when it is asked to (WORKER_REST: src/callbacks/thread.c), on a machine with store buffers. One thread gives TIMES
 * pointers and is then idle; another stops the worker once (REST).
 *
 * MEMBARRIER: the giver has no barrier of his own, and the worker's membarrier is one.
 *
 * The worker's state is changed by atomic operations alone, so it is in memory at once. A sweep frees all that it sees:
 * what makes it do so in several steps, the grace periods, is not what this is about.
 *
 * Claim: when nothing moves any more, either all that was given is freed, or there is no thread, since the stop was not
 * over yet when the last pointer was given, and the next who gives has one made (UNSERVED).
 */
#define CPUS 2
#define GIVEN 0		/* words */
#define SWEEP 1
#define AT_REST 0	/* SWEEP_NONE */
#define UNSERVED 1
#define SERVED 2
#define LOCK 2
#define WORDS 3
#include "store-buffers.inc"

#ifndef TIMES
#define TIMES 2
#endif

#define GIVER 0
#define WORKER 1

bit thread, idle, stop;		/* WORKER_THREAD; WORKER_IDLE, asleep; WORKER_STOP with REST */
bit stopped;			/* the stop has been over since the last pointer was given */
byte given, freed;

/* A compare and exchange: all stores before it are in memory. */
inline change(cpu, from, to)
{
	full_barrier(cpu);
	atomic {
		if
		:: memory[SWEEP] == from -> memory[SWEEP] = to
		:: else
		fi
	}
}

/* quiesce_worker_leave_sweep. */
inline leave_sweep(cpu)
{
	if
	:: !thread -> change(cpu, SERVED, UNSERVED)
	:: else
	fi
}

/* ---- The giver ---- */

/* quiesce_queue_call: wake the worker, or make its thread. [H2] */
inline call()
{
	atomic {
		if
		:: thread -> idle = 0
		:: else -> thread = 1; stop = 0; idle = 0
		fi
	}
}

inline ask_for_sweep()
{
	change(GIVER, AT_REST, UNSERVED);
	call();
	if
	:: thread ->
		change(GIVER, UNSERVED, SERVED);
#ifndef MUTANT_V3_LOOKS_ONCE
		leave_sweep(GIVER);
#endif
	:: else
	fi
}

active proctype giver()
{
	byte sweep;

	do
	:: given < TIMES ->
		d_step { given++; stopped = 0 };
		store(GIVER, GIVEN, given, RELEASE);
		/* [V2] */
#if !defined MEMBARRIER && !defined MUTANT_V2_WITHOUT_BARRIER
		full_barrier(GIVER);
#endif
		load(GIVER, SWEEP, sweep);
		if
#ifdef MUTANT_SEE_TO_SWEEP_LOOKS_FOR_NONE
		:: sweep == AT_REST -> ask_for_sweep()
#else
		:: sweep != SERVED -> ask_for_sweep()
#endif
		:: else
		fi
	:: else -> break
	od
}

/* ---- The worker ---- */

/* After a sweep that found nothing. */
inline come_to_rest()
{
#ifdef MUTANT_V1_LOOKS_FIRST
	load(WORKER, GIVEN, seen);
#endif
	store(WORKER, SWEEP, AT_REST, RELEASE);
	/* [V1] */
#ifndef MUTANT_V1_WITHOUT_BARRIER
	full_barrier(WORKER);
#endif
#if defined MEMBARRIER && !defined MUTANT_V1_WITHOUT_MEMBARRIER
	interrupt(GIVER);
#endif
#ifndef MUTANT_V1_LOOKS_FIRST
	load(WORKER, GIVEN, seen);
#endif
	if
	:: seen != freed -> change(WORKER, AT_REST, UNSERVED)
	:: else
	fi
}

/* A round: quiesce_stashes_sweep. */
inline sweep_all()
{
	load(WORKER, GIVEN, seen);
	if
	:: seen == freed -> come_to_rest()
	:: else -> freed = seen
	fi
}

/* leave; and renounce, once it is joined. */
inline leave()
{
	full_barrier(WORKER);
	d_step { thread = 0; stop = 0 };
#ifndef MUTANT_V4_LEAVES_SERVED
	leave_sweep(WORKER);
#endif
	stopped = 1
}

/* [H1] The bit comes before the look. */
inline doze()
{
	full_barrier(WORKER);
#ifdef MUTANT_H1_LOOKS_FIRST
	if
	:: memory[SWEEP] == AT_REST -> idle = 1
	:: else
	fi
#else
	idle = 1;
	if
	:: memory[SWEEP] != AT_REST -> idle = 0
	:: else
	fi
#endif
}

/* The next thread comes after the last. */
active proctype worker()
{
	byte seen;

end:
	do
	:: thread && stop -> leave()
	:: thread && !stop && !idle ->
		load(WORKER, SWEEP, seen);
		if
		:: seen == AT_REST -> doze()
		:: else -> sweep_all()
		fi
	od
}

#ifdef REST
/* quiesce_worker_rest, at any time; a worker without a thread is left alone. */
active proctype stopper()
{
	atomic {
		if
		:: thread -> stop = 1; idle = 0
		:: else
		fi
	}
}
#endif

active proctype watch()
{
	timeout;
	assert(freed == TIMES || (!thread && stopped && memory[SWEEP] == UNSERVED))
}
