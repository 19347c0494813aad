/* SPDX-License-Identifier: MIT */
/*
 * A thread defers a call while the callback that runs such calls comes to rest: quiesce_defer and
 * come_to_rest of src/defer.c, on a machine with store buffers. MEMBARRIER: the owner has no barrier
 * of its own, and the worker's membarrier is one.
 *
 * Claim: the callback rests with nothing deferred, or somebody has it go around again.
 */
#define CPUS 2
#define HEAD 0		/* words */
#define ROUNDS 1	/* 0: at rest, 1: it goes around */
#define LOCK 2
#define WORDS 3
#include "store-buffers.inc"

#define OWNER 0
#define WORKER 1
byte done;

/* rounds from at rest to going around, by compare and exchange: all stores before it are in memory. */
inline go_around(cpu)
{
	atomic { buffers[cpu].count == 0 -> early[cpu] = NONE; memory[ROUNDS] = 1 }
}

bit begun;

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
	if
	:: rounds == 0 -> go_around(OWNER)
	:: else
	fi;
	done++
}

active proctype worker()
{
	byte head;

	begun;
	store(WORKER, ROUNDS, 0, RELEASE);
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

/* The callback goes around at first; when both are done and all stores have arrived, it still does. */
init
{
	d_step { memory[ROUNDS] = 1; begun = 1 };
	done == 2 && buffers[OWNER].count == 0 && buffers[WORKER].count == 0;
	assert(memory[ROUNDS] == 1)
}
