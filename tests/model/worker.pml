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

/* come: whether it became busy. */
inline become_busy(me)
{
	do
	:: seen = state;
		if
		:: MUST_LEAVE(seen) -> come = 0; break
#ifdef MUTANT_BECOME_BUSY_IGNORES_PAUSE
		:: !MUST_LEAVE(seen) ->
#else
		:: !MUST_LEAVE(seen) && (seen & PAUSE) -> wait(me, ON_STATE, state, seen)
		:: !MUST_LEAVE(seen) && !(seen & PAUSE) ->
#endif
			atomic {
				if
				:: state == seen -> state = state | BUSY; come = 1
				:: else -> come = 0
				fi
			};
			if
			:: come && MUST_LEAVE(seen) -> become_free(); come = 0; break
			:: come && !MUST_LEAVE(seen) -> break
			:: else
			fi
		fi
	od;
	seen = 0
}

inline become_free()
{
	atomic { seen = state; state = state & ~BUSY };
#ifndef MUTANT_BECOME_FREE_WAKES_NOBODY
	if :: seen & (PAUSE | STOPPING) -> wake(ON_STATE) :: else fi;
#endif
	seen = 0
}

inline take_breath(me)
{
	if
	:: state & (PAUSE | STOPPING) -> become_free(); become_busy(me)
	:: else
	fi
}

#define LENGTH(chain) ((chain) == 0 -> 0 : ((chain) < 4 -> 1 : ((chain) < 16 -> 2 : 3)))

inline append()
{
	d_step {
#ifdef MUTANT_APPEND_IN_FRONT
		waiting = turned + (waiting << (2 * LENGTH(turned)));
#else
		waiting = waiting + (turned << (2 * LENGTH(waiting)));
#endif
		turned = 0
	}
}

/* With turn_around: newest is emptied once. */
inline absorb(me)
{
#ifdef MUTANT_ABSORB_APPENDS_HALF
	append();
#endif
	do
	:: come && taken ->
		moving = 1;
		d_step {
#ifdef MUTANT_TURN_AROUND_NOTHING
			turned = taken;
			taken = 0;
#else
			turned = turned * 4 + taken % 4;
			taken = taken / 4;
#endif
			moving = 0
		};
		take_breath(me)
	:: come && !taken ->
		append();
		if
		:: NEWEST && !emptied ->
			emptied = 1;
#ifdef MUTANT_PUSH_ON_TWO_CHAINS
			if
			:: newest -> takes++; d_step { taken = newest; newest = 0 }
			:: other -> takes++; d_step { taken = other; other = 0 }
			fi
#elif defined MUTANT_B2_EMPTIES_FIRST
			d_step { taken = newest; newest = 0 };
			takes++
#else
			takes++;
			d_step { taken = newest; newest = 0 }
#endif
		:: else -> break
		fi
	:: !come -> break
	od;
	emptied = 0
}

inline take(me)
{
	if
	:: !batch ->
		absorb(me);
		if
		:: come -> d_step { batch = waiting; waiting = 0; ripe = takes }
		:: else
		fi
	:: else
	fi
}

inline run_callback(guest)
{
	d_step {
		assert(!running && batch % 4 == ran + 1 && ran + 1 <= safe);
		assert(guest || !exited || limit_passed);
		running = 1;
		batch = batch / 4
	};
	d_step { running = 0; ran++ }
}

/* run_ripe, run_queue and tell_done. */
inline run_batch(me, guest)
{
	do
	:: come && batch ->
		run_callback(guest);
		take_breath(me);
		if
#ifdef MUTANT_RUN_QUEUE_RUNS_YOUNGER
		:: come && newest && !taken && !turned && !waiting && !batch ->
			absorb(me); batch = waiting; waiting = 0
#elif CALLBACKS > 2
		:: come && newest -> absorb(me)
#endif
		:: true
		fi
	:: else -> break
	od;
	if
	:: !batch -> all_run = ripe; progress++; wake(ON_PROGRESS)
	:: else
	fi
}

inline do_round(me, guest)
{
	become_busy(me);
	if
	:: come ->
		state = state & ~URGENT;
		take(me);
		if
		:: come ->
			become_free();
			/* quiesce_gp_wait. */
			safe = pushed;
#ifndef MUTANT_DO_ROUND_RUNS_WITHOUT_BUSY
			become_busy(me);
#endif
			if
			:: come ->
				run_batch(me, guest);
				if :: come -> become_free() :: else fi
			:: else
			fi
		:: else
		fi
	:: else
	fi
}

#if defined BARRIER || defined EXIT
#define OVERSLEPT 0
#else
#define OVERSLEPT (which_bit == LINGER)
#endif
inline doze(which)
{
#ifdef MUTANT_DOZE_LOOKS_FIRST
	called = HAS_WORK;
#endif
	atomic { state = state | which; seen = state; which_bit = which };
#ifndef MUTANT_DOZE_LOOKS_FIRST
	called = (which == IDLE -> HAS_WORK : (seen & URGENT) != 0);
#endif
#ifdef MUTANT_DOZE_IGNORES_URGENT
	called = called && which == IDLE;
#endif
	if
	:: !called && !MUST_LEAVE(seen) ->
		d_step { if :: state == seen -> bed[WORKER] = ON_STATE :: else fi };
		if
		:: bed[WORKER] == 0
		:: bed[WORKER] && OVERSLEPT -> bed[WORKER] = 0
		fi
	:: else
	fi;
	d_step { state = state & ~which; seen = 0; called = 0; which_bit = 0 }
}

/* await_work without work. */
inline doze_long()
{
#if defined RT && !defined MUTANT_RT_WORKER_SLEEPS_IDLE
#ifndef MUTANT_DOZE_RT_LEAVES_URGENT
	state = state & ~URGENT;
#endif
	if :: !HAS_WORK -> doze(LINGER) :: else fi
#else
	doze(IDLE)
#endif
}

/* quiesce_worker_run. */
inline serve_rounds()
{
	do
	:: MUST_LEAVE(state) -> break
	:: else ->
		if
		:: HAS_WORK ->
			if
#ifndef RT
			:: !(state & (STOPPING | URGENT)) -> doze(LINGER)
#endif
			:: do_round(WORKER, 0)
			fi
		:: else -> doze_long()
		fi
	od
}

inline serve()
{
	do
	:: made ->
		made = 0;
		serve_rounds();
#ifdef MUTANT_LEAVE_KEEPS_STOP
		state = (state & ~THREAD) | LEFT;
#else
		state = (state & ~(THREAD | STOPPING)) | LEFT;
#endif
		wake(ON_STATE);
#ifndef MUTANT_LEAVE_TELLS_NO_BARRIER
		progress++;
		wake(ON_PROGRESS);
#endif
#ifndef MUTANT_LEAVE_STARTS_NOBODY
		if :: HAS_WORK -> start(); failed = 0 :: else fi
#else
		skip
#endif
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
		if :: newest -> start(); failed = 0 :: else fi
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
