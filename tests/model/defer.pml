/* SPDX-License-Identifier: MIT */
/*
 * A thread defers a call while the callback that runs such calls comes to rest: quiesce_defer and
 * come_to_rest of src/callbacks, on a machine with store buffers. MEMBARRIER: the owner has no barrier
 * of its own, and the worker's membarrier is one. CHILD: a fork's child, where the callback is queued
 * but there is no thread to serve it until somebody starts one, the owner or, at any time, another.
 *
 * Claim: the callback rests with nothing deferred, or it goes around and a thread serves it.
 */
#define CPUS 2
#define HEAD 0		/* words */
#define ROUNDS 1
#define AT_REST 0
#define UNSERVED 1
#define QUEUED 2
#define LOCK 2
#define WORDS 3
#include "store-buffers.inc"

#define OWNER 0
#define WORKER 1
byte done;

/* rounds from at rest to going around, by compare and exchange: all stores before it are in memory. */
inline go_around(cpu)
{
	atomic { buffers[cpu].count == 0 -> early[cpu] = NONE; memory[ROUNDS] = QUEUED }
}

bit begun;
bit thread;

active proctype owner()
{
	byte rounds;

	begun;
	store(OWNER, HEAD, 1, RELEASE);
	/* [D2] */
#if !defined MEMBARRIER && !defined MUTANT_D2_WITHOUT_BARRIER
	full_barrier(OWNER);
#endif
	load(OWNER, ROUNDS, rounds);
	/* quiesce_ring_start. */
	if
#ifndef MUTANT_DEFER_LOOKS_FOR_REST
	:: rounds < QUEUED -> thread = 1; go_around(OWNER)
#else
	:: rounds == AT_REST -> thread = 1; go_around(OWNER)
#endif
	:: else
	fi;
	done++
}

active proctype worker()
{
	byte head;

	begun;
#ifdef CHILD
	/* Somebody else starts the thread, or the owner. */
	if
	:: thread = 1
	:: skip -> thread
	fi;
#endif
	store(WORKER, ROUNDS, AT_REST, RELEASE);
	/* [D1] */
#ifndef MUTANT_D1_WITHOUT_BARRIER
	full_barrier(WORKER);
#endif
#if defined MEMBARRIER && !defined MUTANT_D1_WITHOUT_MEMBARRIER
	interrupt(OWNER);
#endif
	load(WORKER, HEAD, head);
	if
	:: head == 1 -> go_around(WORKER)
	:: else
	fi;
	done++
}

#if defined CHILD && !defined MUTANT_DEFER_RESTART_QUEUED
#define AT_FIRST UNSERVED
#else
#define AT_FIRST QUEUED
#endif

/* The callback goes around at first; when both are done and all stores have arrived, it still does. */
init
{
	d_step { memory[ROUNDS] = AT_FIRST; begun = 1 };
	done == 2 && buffers[OWNER].count == 0 && buffers[WORKER].count == 0;
	assert(memory[ROUNDS] != AT_REST);
#ifdef CHILD
	assert(thread)
#endif
}
