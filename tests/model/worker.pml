/* SPDX-License-Identifier: MIT */
/*
 * A worker's state word, src/worker.c, src/thread.c, src/barrier.c and src/fork.c: one queue of one
 * shard with one worker, a producer of CALLBACKS callbacks, and a thread that forks FORKS times; at
 * each fork the search goes on in the parent and in the child, which has the forking thread alone.
 *
 *	(nothing)	every callback runs; a lingering ends by its deadline
 *	BARRIER		the producer calls rcu_barrier; no lingering ends by a deadline, so the barrier
 *			has to end it
 *	EXIT		the same, then the worker is stopped and joined (src/exit.c)
 *	STOP		the worker is stopped at any time (call_rcu_data_free): callbacks may be left
 *
 * Claim: callbacks are neither lost nor run twice, in parent and child; nobody sleeps for ever (the
 * process watch: when nothing moves any more, all is done); rcu_barrier returns when what was queued
 * before has run; at a fork no callback is under way.
 *
 * All operations on the word, newest, takes and progress that matter are sequentially consistent in
 * the code, and so is memory here. Left out: helpers, fostered queues, guests, callbacks that wait
 * for grace periods (WAITING, ASIDE), threads that cannot be made; a grace period is a step.
 */
#ifndef CALLBACKS
#define CALLBACKS 2
#endif
#ifndef FORKS
#define FORKS 2
#endif

#define THREAD 1
#define STARTING 2
#define BUSY 4
#define IDLE 8
#define LINGER 16
#define URGENT 32
#define PAUSE 64
#define STOPPING 128		/* WORKER_STOP */
#define LEFT 256

short state;			/* of the worker */
byte newest, taken, batch;	/* of the shard: how many callbacks */
byte takes, done, progress;
bit made;			/* a thread that has not begun yet */
bit child;			/* the rest of the search is in the child */

/* Of the model alone. */
byte pushed, ran;
byte moving;			/* callbacks on their way from taken to batch */
bit running;			/* a callback runs */
bit producer_done, forker_done;

/* Futexes: what each process sleeps on. */
#define ON_STATE 1
#define ON_PROGRESS 2
#define SLEEPERS 3
#define WORKER 0
#define PRODUCER 1
#define FORKER 2
byte bed[SLEEPERS];

inline wake(where)
{
	d_step {
		if :: bed[0] == where -> bed[0] = 0 :: else fi;
		if :: bed[1] == where -> bed[1] = 0 :: else fi;
		if :: bed[2] == where -> bed[2] = 0 :: else fi
	}
}

inline wait(sleeper, where, futex, expected)
{
	d_step { if :: futex == expected -> bed[sleeper] = where :: else fi };
	bed[sleeper] == 0
}

#define HAS_WORK (batch || taken || newest)

/* ---- The worker ---- */

/* come: whether it became busy. */
inline become_busy()
{
	do
	:: seen = state;
		if
		:: seen & STOPPING -> come = 0; break
#ifndef MUTANT_BECOME_BUSY_IGNORES_PAUSE
		:: !(seen & STOPPING) && (seen & PAUSE) -> wait(WORKER, ON_STATE, state, seen)
		:: !(seen & (STOPPING | PAUSE)) ->
#else
		:: !(seen & STOPPING) ->
#endif
			atomic {
				if
				:: state == seen -> state = state | BUSY; come = 1
				:: else -> come = 0
				fi
			};
			if :: come -> break :: else fi
		fi
	od;
	seen = 0
}

inline become_free()
{
	atomic { seen = state; state = state & ~BUSY };
#ifndef MUTANT_BECOME_FREE_WAKES_NOBODY
	if :: seen & PAUSE -> wake(ON_STATE) :: else fi;
#endif
	seen = 0
}

inline take_breath()
{
	if
	:: state & (PAUSE | STOPPING) -> become_free(); become_busy()
	:: else
	fi
}

inline take()
{
	if
	:: newest && !batch && !taken ->
#ifndef MUTANT_B2_EMPTIES_FIRST
		takes++;
		d_step { taken = newest; newest = 0 }
#else
		d_step { taken = newest; newest = 0 };
		takes++
#endif
	:: else
	fi
}

/* turn_around, run_shard, tell_done. */
inline run_ripe()
{
	d_step { moving = taken; taken = 0 };
	d_step { batch = batch + moving; moving = 0 };
	do
	:: come && batch ->
		d_step { batch--; running = 1 };
		d_step { ran++; running = 0 };
		take_breath()
	:: else -> break
	od;
	if
	:: !batch && !taken ->
		done = takes;
		progress++;
		wake(ON_PROGRESS)
	:: else
	fi
}

inline do_round()
{
	become_busy();
	if
	:: come ->
		state = state & ~URGENT;
		take();
		become_free();
		/* quiesce_synchronize. */
#ifndef MUTANT_DO_ROUND_RUNS_WITHOUT_BUSY
		become_busy();
#endif
		if
		:: come && (batch || taken) ->
			run_ripe();
			if :: come -> become_free() :: else fi
		:: come && !(batch || taken) -> become_free()
		:: else
		fi
	:: else
	fi
}

#if defined BARRIER || defined EXIT
#define OVERSLEPT 0
#else
#define OVERSLEPT (bit_set == LINGER)
#endif
inline doze(which)
{
#ifdef MUTANT_DOZE_LOOKS_FIRST
	called = HAS_WORK;
#endif
	atomic { state = state | which; seen = state; bit_set = which };
#ifndef MUTANT_DOZE_LOOKS_FIRST
	called = (which == IDLE -> HAS_WORK : (seen & URGENT) != 0);
#endif
#ifdef MUTANT_DOZE_IGNORES_URGENT
	called = called && which == IDLE;
#endif
	if
	:: !called && !(seen & STOPPING) ->
		d_step { if :: state == seen -> bed[WORKER] = ON_STATE :: else fi };
		if
		:: bed[WORKER] == 0
		:: bed[WORKER] && OVERSLEPT -> bed[WORKER] = 0
		fi
	:: else
	fi;
	d_step { state = state & ~which; seen = 0; called = 0; bit_set = 0 }
}

/* quiesce_worker_run with await_work and may_linger. */
inline serve_rounds()
{
	do
	:: state & STOPPING -> break
	:: else ->
		if
		:: HAS_WORK ->
			if
			:: !(state & (STOPPING | URGENT)) -> doze(LINGER)
			:: do_round()
			fi
		:: else -> doze(IDLE)
		fi
	od
}

inline serve()
{
	do
	:: made ->
		made = 0;
		serve_rounds();
		state = state ^ (THREAD | LEFT);
		wake(ON_STATE)
	od
}

/* ---- What others do to the word ---- */

inline ask(bits)
{
	atomic {
		word = state;
#ifdef MUTANT_ASK_LEAVES_IDLE
		state = state | bits
#else
		state = (state | bits) & ~(IDLE | LINGER)
#endif
	};
	if :: word & (IDLE | LINGER) -> wake(ON_STATE) :: else fi;
	word = 0
}

inline start()
{
	atomic {
		if
		:: state & (THREAD | STARTING | STOPPING) -> word = 0
		:: else -> word = 1; state = (state & ~LEFT) | THREAD | STARTING
		fi
	};
	if
	:: word ->
		word = 0;
		made = 1;
		state = state & ~STARTING;
		wake(ON_STATE)
	:: else
	fi
}

/* [H2] */
inline enqueue()
{
	d_step { newest++; pushed++ };
	word = state;
	if
	:: !(word & THREAD) -> start()
	:: (word & THREAD) && (word & IDLE) -> ask(0)
	:: else
	fi;
	word = 0
}

inline target_of(target)
{
	target = takes;
	if
	:: newest -> target = target + 1
#ifdef MUTANT_B1_LOOKS_ONCE
	:: else
#else
	:: else -> target = takes
#endif
	fi
}

/* quiesce_barrier_until, await_shard, press, await_change. */
inline barrier(me)
{
	before = pushed;
	target_of(goal);
	do
	:: seen = progress;
#ifndef MUTANT_AWAIT_SHARD_ASKS_ONCE
		target_of(again);
		if :: again < goal -> goal = again :: else fi;
#endif
		if
		:: done >= goal -> break
		:: else
		fi;
#ifndef MUTANT_PRESS_ASKS_NOBODY
		ask(URGENT);
#endif
		if :: !(state & THREAD) -> start() :: else fi;
		word = state;
		if
		:: word & STARTING -> wait(me, ON_STATE, state, word)
		:: !(word & STARTING) && (word & (THREAD | STOPPING)) ->
			wait(me, ON_PROGRESS, progress, seen)
		:: else
		fi;
		word = 0
	od;
	assert(ran >= before);
	d_step { seen = 0; goal = 0; again = 0; before = 0; word = 0 }
}

inline stop(me)
{
	atomic { state = state | STOPPING; word = state };
#ifndef MUTANT_STOP_WAKES_NOBODY
	wake(ON_STATE);
#endif
	do
	:: word & (THREAD | STARTING) -> wait(me, ON_STATE, state, word); word = state
	:: else -> break
	od;
	state = state & ~LEFT;
	assert(!(state & (THREAD | BUSY | IDLE | LINGER)) && !running && !moving);
	word = 0
}

/* ---- The processes ---- */

active proctype worker() provided (!child)
{
	short seen;
	byte bit_set;
	bit come, called;

	serve()
}

active proctype producer() provided (!child)
{
	short word;
	byte seen, goal, again, before, i;

	do
	:: i < CALLBACKS -> enqueue(); i++
	:: else -> break
	od;
#if defined BARRIER || defined EXIT
	barrier(PRODUCER);
#endif
#if defined EXIT || defined STOP
	stop(PRODUCER);
#endif
	producer_done = 1
}

/* pause_workers, restart_workers, resume_workers. */
active proctype forker()
{
	short word;
	byte seen, goal, again, before, forks;

	do
	:: forks < FORKS ->
		state = state | PAUSE;
		do
		:: word = state;
			if
			:: word & BUSY -> wait(FORKER, ON_STATE, state, word)
			:: else -> word = 0; break
			fi
		od;
		assert(!running && !moving && pushed == ran + newest + taken + batch);
		if
		:: skip
		:: d_step {
			child = 1;
			made = 0;
			bed[WORKER] = 0; bed[PRODUCER] = 0;
#ifndef MUTANT_RESET_WORKER_LEAVES_STATE
			state = 0;
#endif
#ifndef MUTANT_RESET_QUEUE_LEAVES_DONE
			if :: !taken && !batch -> done = takes :: else fi;
#endif
			word = 0
		   };
		   break
		fi;
		atomic { word = state; state = state & ~PAUSE };
#ifdef MUTANT_RESUME_LEAVES_PAUSE
		state = state | PAUSE;
#endif
#ifndef MUTANT_RESUME_WAKES_NOBODY
		if :: word & THREAD -> wake(ON_STATE) :: else fi;
#endif
		word = 0;
		forks++
	:: else -> break
	od;
	if
	:: child ->
		barrier(FORKER);
		assert(ran == pushed)
	:: else
	fi;
	forker_done = 1
}

active proctype childs_worker() provided (child)
{
	short seen;
	byte bit_set;
	bit come, called;

	serve()
}

active proctype watch()
{
	timeout;
	assert(forker_done);
	assert(child || producer_done);
#ifndef STOP
	assert(ran == pushed);
#endif
	assert(pushed == ran + newest + taken + batch)
}
