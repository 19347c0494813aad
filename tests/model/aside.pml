/* SPDX-License-Identifier: MIT */
/*
 * A callback that waits for a grace period during a fork, src/callbacks/state.c and src/process/fork.c:
 * WORKERS workers with CALLBACKS callbacks each and FORKERS other threads that fork up to FORKS times
 * each. A thread forks in a section or not; a callback waits for a grace period, forks, or forks in a
 * section.
 *
 *	CHILD		all of it in a fork's child, which finds the words and readers as they may be
 *	FOLLOWS		the first worker's callbacks may wait for the second's to end instead
 *			(call_rcu_data_free; the locks of rcu_defer_barrier are of that kind)
 *	DEFERS=1	the first worker is that of defer_rcu: its calls wait in rcu_barrier until the
 *			second has run all
 *	DEFERS=2	they wait for that in a way that the library does not know; then nobody forks
 *			in a section, nor do callbacks fork (doc/fork.md, the rule)
 *	ASKS		somebody asks the first worker for something (quiesce_worker_ask), and may stop
 *			it then (quiesce_worker_ask_to_stop)
 *
 * Claim: nobody waits for ever (the process watch: when nothing moves any more, all is done): no
 * circle of forking threads, callbacks, grace periods and readers. From a fork's pause to its end
 * the code of no callback runs but the one that forks. A callback is set aside only while somebody
 * in a section forks or waits to; BUSY is given back as often as it was taken, and not before.
 *
 * All operations on the words and on readers that matter are sequentially consistent in the code, and
 * so is memory here. Grace periods come one after the other, as under the odd sequence; each waits for
 * the sections that were open when it began. Left out: that await_pause looks again after 10 s.
 */
#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef CALLBACKS
#define CALLBACKS 2
#endif
#ifndef FORKERS
#define FORKERS 2
#endif
#ifndef FORKS
#define FORKS 2
#endif

#ifndef DEFERS
#define DEFERS 0
#endif

#define BUSY 1
#define PAUSE 2
#define STOPPING 4		/* WORKER_STOP */
#define URGENT 8
#define WAITING 16
#define ASIDE 32

byte state[2];			/* of each worker; the futex of all who wait for a bit */
bool fork_lock, workers_lock;
byte readers;
bool leading;			/* a grace period is under way */
byte awaited;			/* whom it waits for: a bit each */
byte section;			/* who is in a section: a bit each */

/* Of the model alone. */
#define PEOPLE 4		/* workers, then forkers */
#define NOBODY PEOPLE
byte bed[PEOPLE];		/* what each sleeps on: a worker's word, from 1 */
byte hooks;			/* who is in before_fork: a bit each */
bool within[2];			/* a callback runs, or waits */
bool code[2];			/* code of the worker's callback runs */
bool taken[2];			/* BUSY was, and was not given back */
byte forking = NOBODY;		/* who is between pause and resume */
byte unfinished;
bool all_run;			/* the second worker's callbacks */

#if WORKERS > 1
#define for_each_worker(act) act(0); act(1)
#else
#define for_each_worker(act) act(0)
#endif

#define HIS(who) (1 << (who))

inline wake(w)
{
	d_step {
		if :: bed[0] == w + 1 -> bed[0] = 0 :: else fi;
		if :: bed[1] == w + 1 -> bed[1] = 0 :: else fi;
		if :: bed[2] == w + 1 -> bed[2] = 0 :: else fi;
		if :: bed[3] == w + 1 -> bed[3] = 0 :: else fi
	}
}

/* Sleep while state[w] is seen. */
inline wait(w)
{
	d_step { if :: state[w] == seen -> bed[me] = w + 1 :: else fi };
	bed[me] == 0
}

inline lock(mutex)
{
	atomic { !mutex; mutex = true }
}

/* Its code begins, or goes on. */
inline go_on(w)
{
	d_step { assert(forking == NOBODY); assert((state[w] & BUSY) && !taken[w]); code[w] = true }
}

/* ---- Grace periods ---- */

inline await_grace_period()
{
	atomic { !leading; leading = true; awaited = section };
	awaited == 0;
	leading = false
}

inline leave_section()
{
	d_step { section = section & ~HIS(me); awaited = awaited & ~HIS(me) }
}

/* quiesce_worker_begin_wait. */
inline begin_wait(w)
{
#ifndef MUTANT_BEGIN_WAIT_IGNORES_BUSY
	if
	:: state[w] & BUSY ->
#endif
		d_step { seen = state[w]; state[w] = state[w] | WAITING };
#ifndef MUTANT_BEGIN_WAIT_WAKES_NOBODY
		if :: seen & PAUSE -> wake(w) :: else fi;
#endif
		seen = 0
#ifndef MUTANT_BEGIN_WAIT_IGNORES_BUSY
	:: else
	fi
#endif
}

#ifdef MUTANT_END_WAIT_IGNORES_ASIDE
#define MUST_STAY false
#elif defined MUTANT_END_WAIT_IGNORES_RESUME
#define MUST_STAY (seen & ASIDE)
#elif defined MUTANT_END_WAIT_IN_ANY_PAUSE
#define MUST_STAY (seen & PAUSE)
#else
#define MUST_STAY ((seen & ASIDE) && (seen & PAUSE))
#endif
#ifdef MUTANT_END_WAIT_LEAVES_FREE
#define GIVEN 0
#else
#define GIVEN BUSY
#endif
#ifdef MUTANT_END_WAIT_LEAVES_ASIDE
#define ENDED WAITING
#else
#define ENDED (WAITING | ASIDE)
#endif

/* quiesce_worker_end_wait. */
inline end_wait(w)
{
	seen = state[w];
	do
	:: !(seen & WAITING) -> break
	:: (seen & WAITING) && MUST_STAY -> wait(w); seen = state[w]
	:: (seen & WAITING) && !MUST_STAY ->
#ifdef MUTANT_END_WAIT_STORES
		state[w] = (seen & ~ENDED) | GIVEN;
		taken[w] = false;
		break
#else
		atomic {
			if
			:: state[w] == seen ->
				assert(taken[w] == ((seen & ASIDE) != 0));
				assert(taken[w] == !(seen & BUSY));
				taken[w] = false;
				state[w] = (seen & ~ENDED) | GIVEN;
				break
			:: else -> seen = state[w]
			fi
		}
#endif
	od;
	seen = 0
}

/* ---- The forking thread's side ---- */

#ifdef MUTANT_SET_ASIDE_IGNORES_BUSY
#define ALL (PAUSE | WAITING)
#elif defined MUTANT_SET_ASIDE_IGNORES_WAITING
#define ALL (PAUSE | BUSY)
#else
#define ALL (PAUSE | BUSY | WAITING)
#endif
/* quiesce_worker_set_aside. */
inline set_aside(w)
{
	seen = state[w];
	do
	:: (seen & ALL) == ALL ->
		atomic {
			if
			:: state[w] == seen ->
				assert(!taken[w] && (section & hooks));
				taken[w] = true;
				state[w] = (seen & ~BUSY) | ASIDE;
#ifndef MUTANT_SET_ASIDE_WAKES_NOBODY
				wake(w);
#endif
				break
			:: else ->
#ifdef MUTANT_SET_ASIDE_TRIES_ONCE
				break
#else
				seen = state[w]
#endif
			fi
		}
	:: else -> break
	od;
	seen = 0
}

/* [K1] quiesce_worker_await_pause. */
inline await_pause(w)
{
	do
	:: w == current -> break
	:: w != current ->
#ifdef MUTANT_K1_READERS_FIRST
		others = readers;
#endif
		seen = state[w];
		if
		:: !(seen & BUSY) -> break
		:: else ->
#ifndef MUTANT_K1_READERS_FIRST
			if :: seen & WAITING -> others = readers :: else -> others = 0 fi;
#endif
#ifdef MUTANT_K1_IGNORES_READERS
			others = 0;
#endif
			if
			:: (seen & WAITING) && others -> set_aside(w)
			:: else -> wait(w)
			fi
		fi
	od;
	seen = 0;
	others = 0
}

/* [K2] */
inline await_turn()
{
#ifdef MUTANT_K2_LOOKS_FIRST
	if :: reading -> for_each_worker(set_aside) :: else fi;
#endif
#ifndef MUTANT_K2_COUNTS_NOBODY
	if :: reading -> readers++ :: else fi;
#endif
#if !defined MUTANT_K2_LOOKS_FIRST && !defined MUTANT_K2_LOOKS_AT_NOBODY
	if
	:: reading ->
		lock(workers_lock);
		for_each_worker(set_aside);
		workers_lock = false
	:: else
	fi;
#endif
	lock(fork_lock);
#ifndef MUTANT_K2_COUNTS_NOBODY
	if :: reading -> readers-- :: else fi;
#endif
}

inline become_free(w)
{
	d_step { seen = state[w]; state[w] = state[w] & ~BUSY };
	if :: seen & PAUSE -> wake(w) :: else fi;
	seen = 0
}

/* enter, with quiesce_worker_step_aside and quiesce_worker_step_back. */
inline enter()
{
	atomic { waits = fork_lock; fork_lock = true };
	if
	:: waits ->
		waits = false;
#ifndef MUTANT_STEP_ASIDE_STAYS_BUSY
		if :: current < WORKERS -> code[current] = false; become_free(current) :: else fi;
#endif
		await_turn();
		if
		:: current < WORKERS -> state[current] = state[current] | BUSY; go_on(current)
		:: else
		fi
	:: else
	fi
}

inline pause(w)
{
	if :: w != current -> state[w] = state[w] | PAUSE :: else fi
}

inline pause_workers()
{
#ifndef MUTANT_PAUSE_WORKERS_COUNTS_NOBODY
	if :: reading -> readers++ :: else fi;
#endif
#if DEFERS && !defined MUTANT_PAUSE_WORKERS_DEFERRED_LAST
	pause(0);
	await_pause(0);
#endif
	lock(workers_lock);
	for_each_worker(pause);
	workers_lock = false;
	for_each_worker(await_pause);
#ifndef MUTANT_PAUSE_WORKERS_COUNTS_NOBODY
	if :: reading -> readers-- :: else fi;
#endif
	lock(workers_lock)
}

inline resume(w)
{
#ifndef MUTANT_RESUME_LEAVES_PAUSE
	state[w] = state[w] & ~PAUSE;
#endif
#ifndef MUTANT_RESUME_WAKES_NOBODY
	wake(w)
#endif
}

/* call_rcu_before_fork, fork, and the hooks after it. */
inline fork_once()
{
	d_step { hooks = hooks | HIS(me); reading = (section & HIS(me)) != 0 };
	enter();
	pause_workers();
	d_step {
		assert(current == 0 || (!code[0] && !(state[0] & BUSY)));
		assert(current == 1 || (!code[1] && !(state[1] & BUSY)));
		forking = me
	};
	forking = NOBODY;
	for_each_worker(resume);
	workers_lock = false;
	d_step { fork_lock = false; hooks = hooks & ~HIS(me) };
	reading = 0
}

/* ---- The worker's side ---- */

inline become_busy(w)
{
	do
	:: seen = state[w];
		if
		:: seen & STOPPING -> stopped = true; break
		:: !(seen & STOPPING) && (seen & PAUSE) -> wait(w)
		:: else ->
			atomic {
				if
				:: state[w] == seen -> state[w] = seen | BUSY; break
				:: else
				fi
			}
		fi
	od;
	seen = 0
}

/* quiesce_worker_step_out. */
inline step_out(w)
{
	d_step {
		seen = state[w];
		state[w] = state[w] ^ (WAITING | ASIDE | BUSY);
		taken[w] = true
	};
	if :: seen & PAUSE -> wake(w) :: else fi;
	seen = 0
}

#if defined MUTANT_FREE_WORKER_STAYS_BUSY
#define leave_to_wait(w) skip
#elif defined MUTANT_FREE_WORKER_BEGINS_WAIT
#define leave_to_wait(w) begin_wait(w)
#else
#define leave_to_wait(w) step_out(w)
#endif

#ifdef MUTANT_BARRIER_STAYS_BUSY
#define leave_to_barrier(w) skip
#else
#define leave_to_barrier(w) step_out(w)
#endif

/* Any callback. */
inline callback(w)
{
	within[w] = true;
	go_on(w);
	if
#if DEFERS == 1
	:: w == 0 -> code[w] = false; leave_to_barrier(w); all_run; end_wait(w); go_on(w)
	:: w != 0 ->
		code[w] = false; begin_wait(w); await_grace_period(); end_wait(w); go_on(w)
	:: w != 0 -> if :: section = section | HIS(me) :: true fi; fork_once(); leave_section()
#elif DEFERS == 2
	:: w == 0 -> code[w] = false; all_run; code[w] = true
	:: w != 0 -> code[w] = false; begin_wait(w); await_grace_period(); end_wait(w); go_on(w)
#else
	:: code[w] = false; begin_wait(w); await_grace_period(); end_wait(w); go_on(w)
	:: if :: section = section | HIS(me) :: true fi;
		fork_once();
		leave_section()
#ifdef FOLLOWS
	:: w == 0 -> code[w] = false; leave_to_wait(w); !within[1]; end_wait(w); go_on(w)
#endif
#endif
	fi;
	d_step { assert(!(state[w] & (WAITING | ASIDE))); code[w] = false; within[w] = false }
}

/* Rounds of one callback. Its own grace period is nothing here: the worker is not BUSY meanwhile. */
proctype worker(byte me, left)
{
	byte seen, others, current = me;
	bool waits, reading, stopped;

	do
	:: left && !stopped ->
		left--;
		begin_wait(me); end_wait(me);
		become_busy(me);
		if :: !stopped -> callback(me); become_free(me) :: else fi
	:: else -> break
	od;
	if :: me == 1 -> all_run = true :: else fi;
	unfinished--
}

proctype forker(byte me)
{
	byte seen, others, current = NOBODY, forks = FORKS;
	bool waits, reading;

	do
	:: forks ->
		forks--;
		if
#if DEFERS != 2
		:: section = section | HIS(me)
#endif
		:: true
		fi;
		fork_once();
		leave_section()
	:: else -> break
	od;
	unfinished--
}

#ifdef ASKS
proctype asker()
{
	state[0] = state[0] | URGENT;
	if
	:: state[0] = state[0] | STOPPING; wake(0)
	:: true
	fi;
	unfinished--
}
#endif

active proctype watch()
{
	timeout;
	assert(unfinished == 0);
	assert(!readers && !section && !fork_lock && !workers_lock)
}

/* Between the hooks no worker is BUSY; readers that wait for their turn are counted, and gone. */
inline inherit(w)
{
	if
	:: state[w] = PAUSE
	:: state[w] = PAUSE | WAITING | ASIDE
	fi;
#ifndef MUTANT_RESET_WORKER_LEAVES_STATE
	state[w] = 0
#endif
}

init
{
	atomic {
#ifdef CHILD
		inherit(0);
		inherit(1);
		if :: readers = 0 :: readers = 1 fi;
#ifndef MUTANT_RESTART_REGISTRY_LEAVES_READERS
		readers = 0;
#endif
#endif
		unfinished = WORKERS + FORKERS;
		run worker(0, CALLBACKS);
		if :: WORKERS > 1 -> run worker(1, CALLBACKS) :: else fi;
		run forker(WORKERS);
		if :: FORKERS > 1 -> run forker(WORKERS + 1) :: else fi;
#ifdef ASKS
		unfinished++;
		run asker()
#endif
	}
}
