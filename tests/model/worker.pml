/* SPDX-License-Identifier: MIT */
/*
 * A queue and its server, queue.c, enqueue.c, worker.c, thread.c and barrier.c of src/callbacks, src/process/exit.c and
 * src/process/fork.c: one queue with one worker; two producers, of whom the second begins when the first's
 * call_rcu has returned; and a thread that forks FORKS times. At each fork the search goes on in the
 * parent and in the child, which has the forking thread alone.
 *
 *	(nothing)	every callback runs; a lingering ends by its deadline
 *	RT		the worker is URCU_CALL_RCU_RT: no producer wakes it
 *	BARRIER		the second producer calls rcu_barrier; no sleep ends by a deadline, so the
 *			barrier has to end it
 *	EXIT		the first producer exits, then, as in a destructor, queues another callback and
 *			calls rcu_barrier. The limit passes or does not
 *	EXIT, BESIDE	the first exits, and the second calls rcu_barrier at any time; with BESIDE=2 the
 *			first calls it, too
 *	REST		the first producer calls rcu_exit, whose limit passes or does not, and goes on
 *	STOP		the worker is stopped at any time (call_rcu_data_free), what is left goes to
 *			another, and then the first producer queues one there
 *
 * Claim: callbacks run in the order of their calls, one at a time, each once, in parent and child,
 * and after a grace period that began when they were queued. Nobody sleeps for ever (the process
 * watch: when nothing moves any more, all is done). rcu_barrier returns when what was queued before
 * has run. At a fork no callback is under way. After an exit that ended within its limit callbacks
 * run in rcu_barrier alone.
 *
 * All operations on the word, newest, takes, progress and closing that matter are sequentially
 * consistent in the code, and so is memory here. A chain is a number in base 4, the digits its
 * callbacks; what comes next is the lowest. Left out: callbacks that wait (WAITING, ASIDE: see
 * aside.pml), threads that cannot be made but for exit, several queues; a grace period is a step.
 */
#ifndef CALLBACKS
#define CALLBACKS 2		/* of both producers; at most 3 */
#endif
#ifndef FORKS
#define FORKS 0
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
#define GUEST 512
#define GONE 1024

short state;			/* of the worker */
byte newest, taken;		/* of the queue: youngest first */
byte turned, waiting, batch;	/* oldest first */
byte takes, ripe, all_run, progress;
bit closing;
bit made;			/* a thread that has not begun yet */
bit child;			/* the rest of the search is in the child */

/* Of the model alone. */
byte pushed, ran, safe;		/* the last callback to be pushed; to run; to have its grace period */
bit running;			/* a callback runs */
bit moving;			/* a link is on its way */
bit first_called;		/* the first producer's calls have returned */
bit exited, limit_passed;
#ifdef STOP
bit orphan;			/* the queue is to be fostered */
byte own;			/* of the one who fosters: newest */
#endif
byte unfinished = 2;

/* Futexes: what each process sleeps on. */
#define ON_STATE 1
#define ON_PROGRESS 2
#define SLEEPERS 4
#define WORKER 0
#define FIRST 1
#define SECOND 2
#define FORKER 3
byte bed[SLEEPERS];

inline wake(where)
{
	d_step {
		if :: bed[0] == where -> bed[0] = 0 :: else fi;
		if :: bed[1] == where -> bed[1] = 0 :: else fi;
		if :: bed[2] == where -> bed[2] = 0 :: else fi;
		if :: bed[3] == where -> bed[3] = 0 :: else fi
	}
}

inline wait(sleeper, where, futex, expected)
{
	d_step { if :: futex == expected -> bed[sleeper] = where :: else fi };
	bed[sleeper] == 0
}

#ifdef MUTANT_PUSH_ON_TWO_CHAINS
byte other;
#define NEWEST (newest || other)
#else
#define NEWEST newest
#endif
#define HAS_WORK (batch || waiting || turned || taken || NEWEST)
#define MUST_LEAVE(seen) (((seen) & STOPPING) || (!((seen) & GUEST) && closing))

/* ---- Who serves ---- */

#include "worker-serve.inc"

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

#ifdef MUTANT_CLAIM_REFUSES_STOP
#define NOT_TO_BE_HAD (THREAD | STARTING | GONE | STOPPING)
#else
#define NOT_TO_BE_HAD (THREAD | STARTING | GONE)
#endif
#ifdef MUTANT_LEAVE_KEEPS_STOP
#define CLEARED LEFT
#else
#define CLEARED (LEFT | STOPPING)
#endif

/* quiesce_worker_start. failed: at exit. */
inline start()
{
#ifdef MUTANT_START_IGNORES_CLOSING
	atomic {
#else
	if :: closing -> failed = 1 :: else -> atomic {
#endif
		if
		:: state & NOT_TO_BE_HAD -> word = 0
		:: else -> word = 1; state = (state & ~CLEARED) | THREAD | STARTING
		fi
#ifdef MUTANT_START_IGNORES_CLOSING
	};
#else
	} fi;
#endif
	if
	:: word && closing -> word = 0; failed = 1; state = state & ~(STARTING | THREAD); wake(ON_STATE)
	:: word && !closing -> word = 0; made = 1; state = state & ~STARTING; wake(ON_STATE)
	:: else
	fi
}

/* quiesce_worker_stand_in. */
inline stand_in(me)
{
	atomic {
#ifndef MUTANT_STAND_IN_CLAIMS_NOTHING
		if
		:: state & NOT_TO_BE_HAD -> assert(state & (THREAD | STARTING | GONE)); word = 0
		:: else -> word = 1; state = (state & ~CLEARED) | THREAD | GUEST
		fi
#else
		word = 1; state = (state & ~CLEARED) | THREAD | GUEST
#endif
	};
	failed = 0;
	if
	:: word ->
		word = ran;
		do_round(me, 1);
		/* It may have been stopped, once; else it served. */
		if :: ran == word -> fruitless++; assert(fruitless < 3) :: else fi;
		word = 0;
#ifdef MUTANT_LEAVE_KEEPS_STOP
		state = state & ~(THREAD | GUEST);
#else
		state = state & ~(THREAD | GUEST | STOPPING);
#endif
		wake(ON_STATE);
		if :: HAS_WORK -> start(); failed = 0 :: else fi
	:: else
	fi
}

/* [H2] quiesce_enqueue. */
inline enqueue(me, id)
{
	d_step {
#ifdef MUTANT_PUSH_ON_TWO_CHAINS
		if :: me == SECOND -> other = other * 4 + id :: else -> newest = newest * 4 + id fi;
#else
		newest = newest * 4 + id;
#endif
		pushed = id
	};
	word = state;
	if
	:: !(word & THREAD) -> word = 0; start(); failed = 0
#ifndef RT
	:: (word & THREAD) && (word & IDLE) -> ask(0)
#endif
	:: else
	fi;
	word = 0
}

inline target_of(target)
{
	target = takes;
	if
	:: NEWEST -> target = target + 1
#ifdef MUTANT_B1_LOOKS_ONCE
	:: else
#else
	:: else -> target = takes
#endif
	fi
}

/* quiesce_barrier_until, quiesce_queue_await, press, await_change. */
inline barrier(me)
{
	before = pushed;
	target_of(goal);
	do
	:: progressed = progress;
#ifndef MUTANT_QUEUE_AWAIT_ASKS_ONCE
		target_of(again);
		if :: again < goal -> goal = again :: else fi;
#endif
		if
		:: all_run >= goal -> break
		:: else
		fi;
#ifndef MUTANT_PRESS_ASKS_NOBODY
		ask(URGENT);
#endif
		if :: !(state & THREAD) -> start() :: else fi;
#ifdef EXIT
		if :: failed -> stand_in(me) :: else fi;
#endif
		word = state;
		if
#ifdef MUTANT_LEAVE_TELLS_NO_BARRIER
		:: (word & (STARTING | GUEST)) && (word & THREAD) ->
			wait(me, ON_STATE, state, word)
		:: !((word & (STARTING | GUEST)) && (word & THREAD)) && (word & (THREAD | GONE)) ->
			wait(me, ON_PROGRESS, progress, progressed)
#else
		:: (word & (STARTING | GUEST | STOPPING)) && (word & THREAD) ->
			wait(me, ON_STATE, state, word)
		:: !((word & (STARTING | GUEST | STOPPING)) && (word & THREAD)) && (word & (THREAD | GONE)) ->
			wait(me, ON_PROGRESS, progress, progressed)
#endif
		:: else
		fi;
		word = 0
	od;
	assert(ran >= before);
	d_step { progressed = 0; goal = 0; again = 0; before = 0; word = 0 }
}

/* ---- The end ---- */

inline ask_to_stop(more)
{
	state = state | STOPPING | more;
#ifndef MUTANT_STOP_WAKES_NOBODY
	wake(ON_STATE)
#endif
}

/* Wait until none of bits is set, or, at exit, the limit has passed. */
inline await_none(me, bits, limited)
{
	do
	:: word = state;
		if
		:: word & (bits) -> wait(me, ON_STATE, state, word)
		:: limited && (word & (bits)) -> limit_passed = 1; break
		:: else -> break
		fi
	od;
	word = 0
}

/* [X2] close_workers. */
inline exit(me)
{
#ifdef MUTANT_X2_LOOKS_FIRST
	await_none(me, BUSY, true);
	closing = 1;
#elif !defined MUTANT_CLOSE_LEAVES_OPEN
	closing = 1;
#endif
	ask_to_stop(0);
	progress++;
	wake(ON_PROGRESS);
#ifndef MUTANT_X2_LOOKS_FIRST
	await_none(me, BUSY, true);
#endif
	exited = 1
}

/* quiesce_exit_rest, with reopen. */
inline rest(me)
{
	exit(me);
	d_step { exited = 0; closing = 0 };
	if :: !(state & THREAD) && HAS_WORK -> start(); failed = 0 :: else fi
}

/* quiesce_workers_free and give_to_foster. */
inline free_worker(me)
{
	ask_to_stop(GONE);
#ifndef MUTANT_FREE_WORKER_WAITS_FOR_NOBODY
	await_none(me, THREAD | STARTING, false);
	assert(!(state & (THREAD | BUSY | IDLE | LINGER)) && !running && !moving);
#endif
	if :: HAS_WORK -> orphan = 1 :: else fi
}

/* ---- The processes ---- */

#define LOCALS								\
	short word, seen;						\
	byte progressed, goal, again, before, fruitless;		\
	bit come, emptied, failed
#define WORKERS_LOCALS							\
	short word, seen;						\
	byte which_bit;							\
	bit come, called, emptied, failed

active proctype worker() provided (!child)
{
	WORKERS_LOCALS;

	serve()
}

active proctype first() provided (!child)
{
	LOCALS;

#if CALLBACKS > 1
	enqueue(FIRST, 1);
#endif
#if CALLBACKS > 2
	enqueue(FIRST, 2);
#endif
	first_called = 1;
#ifdef EXIT
	exit(FIRST);
#if !defined BESIDE || BESIDE > 1
	enqueue(FIRST, CALLBACKS);
	barrier(FIRST);
#endif
#endif
#ifdef REST
	rest(FIRST);
	enqueue(FIRST, CALLBACKS);
#endif
#ifdef STOP
	free_worker(FIRST);
	d_step { own = CALLBACKS; pushed = CALLBACKS };
#endif
	unfinished--
}

active proctype second() provided (!child)
{
	LOCALS;

#if !defined EXIT && !defined REST && !defined STOP
	first_called;
	enqueue(SECOND, CALLBACKS);
#endif
#if defined BARRIER || defined BESIDE
	barrier(SECOND);
#endif
	unfinished--
}

#ifdef STOP
/* take and run_ripe of the standard queue's worker. */
#ifdef MUTANT_TAKE_ADOPTS_FIRST
#define TAKE_OWN skip
#else
#define TAKE_OWN d_step { mine = own; own = 0 }
#endif
inline run_own()
{
	if
	:: mine -> d_step { assert(!running && mine == ran + 1 && mine <= safe); ran++; mine = 0 }
	:: else
	fi
}

active proctype foster()
{
	short seen;
	bit come = 1, emptied, adopted, began;
	byte mine;

end:	do
	/* The first round is for something else. */
	:: own || orphan || !began ->
		began = 1;
		TAKE_OWN;
		if :: orphan -> d_step { orphan = 0; adopted = 1 } :: else fi;
#ifdef MUTANT_TAKE_ADOPTS_FIRST
		d_step { mine = own; own = 0 };
#endif
		safe = pushed;
#ifdef MUTANT_RUN_RIPE_RUNS_OWN_FIRST
		run_own();
#endif
		do
		:: adopted && HAS_WORK -> state = GONE; take(FORKER); run_batch(FORKER, 0)
		:: else -> break
		od;
		adopted = 0;
		run_own()
	od
}
#endif

#if FORKS > 0
/* pause_workers, restart_workers, resume_workers. */
active proctype forker()
{
	LOCALS;
	byte forks;

	do
	:: forks < FORKS ->
		state = state | PAUSE;
		await_none(FORKER, BUSY, false);
		assert(!running && !moving);
		if
		:: skip
		:: d_step {
			child = 1;
			made = 0;
			bed[WORKER] = 0; bed[FIRST] = 0; bed[SECOND] = 0;
#ifndef MUTANT_RESET_WORKER_LEAVES_STATE
			state = 0;
#endif
#ifndef MUTANT_RESET_QUEUE_LEAVES_DONE
			if :: !batch -> all_run = ripe :: else fi;
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
		assert(ran == pushed);
		unfinished = 0
	:: else
	fi
}

active proctype childs_worker() provided (child)
{
	WORKERS_LOCALS;

	serve()
}
#endif

active proctype watch()
{
	timeout;
	assert(!unfinished && !running);
#ifndef BESIDE
	assert(ran == pushed && !HAS_WORK)
#endif
}
