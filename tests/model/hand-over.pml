/* SPDX-License-Identifier: MIT */
/*
 * A shard that is passed to a helper and handed back, src/worker.c (call_for_help, share, hand_back),
 * src/thread.c (quiesce_worker_claim, quiesce_worker_make, quiesce_worker_renounce) and src/queue.c:
 * one shard, its queue's first worker, a helper, and PRODUCERS that push PUSHES callbacks each. The
 * first worker calls CALLS times for help, at any time at which something is pushed; a helper leaves
 * at any time at which it has no work; FAILURES times at most no thread can be made for it.
 *
 *	(nothing)	nobody calls rcu_barrier: what is pushed is run all the same
 *	STOP		both workers are stopped at any time, as at exit; what they left is pressed for
 *	FORKS		a thread forks so often; each time the search goes on in the parent and in the
 *			child, which has that thread alone, and presses for what is left
 *
 * Claim: a shard has one server at a time: what one has in its list no other puts into its own.
 * Each callback runs once, in parent and child. Nothing is left that nobody will serve (the process
 * watch: when nothing moves any more, all has run).
 *
 * All operations on the words, newest and server that matter are sequentially consistent in the code,
 * and so is memory here. A grace period is a step. Left out: what worker.pml has (rcu_barrier's
 * numbers, lingering), guests, fostered queues, callbacks that end their thread.
 */
#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef PUSHES
#define PUSHES 2
#endif
#ifndef FAILURES
#define FAILURES 1
#endif
#ifndef CALLS
#define CALLS 1
#endif
#ifndef FORKS
#define FORKS 0
#endif

#define THREAD 1
#define STARTING 2
#define BUSY 4
#define IDLE 8
#define PAUSE 16
#define STOPPING 32		/* WORKER_STOP */

#define FIRST 0
#define HELPER 1

byte state[2];			/* of each worker; the futex of all who wait for a bit */
byte newest, taken, batch;	/* of the shard: how many callbacks */
bit server;
bool workers_lock;
bool made[2];			/* a thread that has not begun yet */
bool child;			/* the rest of the search is in the child */

/* Of the model alone. */
byte bed[3];			/* what each sleeps on: a worker's word, from 1 */
#define OTHER 2			/* the one who stops, or forks */
byte pushed, ran, calls, refused, unfinished;
bool ripe[2];			/* the shard is in this worker's list */

inline wake(w)
{
	d_step {
		if :: bed[0] == w + 1 -> bed[0] = 0 :: else fi;
		if :: bed[1] == w + 1 -> bed[1] = 0 :: else fi;
		if :: bed[2] == w + 1 -> bed[2] = 0 :: else fi
	}
}

/* Sleep while state[w] is seen. */
inline wait(who, w)
{
	d_step { if :: state[w] == seen -> bed[who] = w + 1 :: else fi };
	bed[who] == 0
}

inline lock(mutex)
{
	atomic { !mutex; mutex = true }
}

#define HAS_WORK(w) (server == w && (batch || taken || newest))

/* quiesce_worker_ask. */
inline ask(w)
{
	d_step { word = state[w]; state[w] = state[w] & ~IDLE };
	if :: word & IDLE -> wake(w) :: else fi;
	word = 0
}

/* ---- Threads ---- */

/* claim_thread: word is 1 if it did. */
inline claim(w)
{
	atomic {
		if
		:: state[w] & (THREAD | STARTING | STOPPING) -> word = 0
		:: else -> word = 1; state[w] = state[w] | THREAD | STARTING
		fi
	}
}

/* quiesce_worker_make: word is 1 if there is a thread; else the worker is still claimed. */
inline make(w)
{
	atomic {
		if
		:: w == HELPER && refused < FAILURES -> refused++; word = 0
		:: word = 1; made[w] = true; state[w] = state[w] & ~STARTING; wake(w)
		fi
	}
}

/* quiesce_worker_renounce. */
inline renounce(w)
{
	state[w] = state[w] & ~(THREAD | STARTING);
	wake(w)
}

/* quiesce_worker_start. */
inline start(w)
{
	claim(w);
	if
	:: word -> make(w); if :: !word -> renounce(w) :: else fi
	:: else
	fi;
	word = 0
}

/* ---- From hand to hand ---- */

inline share()
{
	lock(workers_lock);
	if :: server == FIRST -> server = HELPER :: else fi;
	workers_lock = false
}

/* [H1] */
inline hand_back()
{
	lock(workers_lock);
	if
	:: server == HELPER ->
#ifdef MUTANT_H1_LOOKS_FIRST
		work = batch || taken || newest;
		server = FIRST;
#else
		work = batch || taken;
		server = FIRST;
		work = work || newest;
#endif
	:: else
	fi;
	workers_lock = false;
#ifndef MUTANT_HAND_BACK_ASKS_NOBODY
	if :: work -> ask(FIRST) :: else fi;
#endif
	work = 0
}

inline call_for_help()
{
#if defined MUTANT_CALL_FOR_HELP_CLAIMS_NOTHING
	/* idle_helper. */
	if
	:: !(state[HELPER] & (THREAD | STARTING)) ->
		share();
		start(HELPER);
		if :: !(state[HELPER] & (THREAD | STARTING)) -> hand_back() :: else fi
	:: else
	fi
#elif defined MUTANT_CALL_FOR_HELP_RENOUNCES_FIRST
	claim(HELPER);
	if
	:: word ->
		share();
		make(HELPER);
		if :: !word -> renounce(HELPER); hand_back() :: else fi
	:: else
	fi;
	word = 0
#else
	claim(HELPER);
	if
	:: word ->
		share();
		make(HELPER);
#ifndef MUTANT_CALL_FOR_HELP_LEAVES_SHARDS
		if :: !word -> hand_back(); renounce(HELPER) :: else fi
#else
		if :: !word -> renounce(HELPER) :: else fi
#endif
	:: else
	fi;
	word = 0
#endif
}

/* ---- The worker's side ---- */

/* stop: whether it must leave instead. */
inline become_busy(me)
{
	do
	:: seen = state[me];
		if
		:: seen & STOPPING -> stop = 1; break
		:: !(seen & STOPPING) && (seen & PAUSE) -> wait(me, me)
		:: else ->
			atomic {
				if
				:: state[me] == seen -> state[me] = seen | BUSY; break
				:: else
				fi
			}
		fi
	od;
	seen = 0
}

inline become_free(me)
{
	d_step { seen = state[me]; state[me] = state[me] & ~BUSY };
	if :: seen & PAUSE -> wake(me) :: else fi;
	seen = 0
}

inline take(me)
{
	if
	:: HAS_WORK(me) ->
		assert(!ripe[FIRST] && !ripe[HELPER]);
		ripe[me] = true;
		if
		:: !batch && !taken -> d_step { taken = newest; newest = 0 }
		:: else
		fi
	:: else
	fi
}

/* take_breath is where a pause or a stop comes. */
inline run_ripe(me)
{
	do
	:: ripe[me] && taken -> d_step { batch = batch + taken; taken = 0 }
	:: ripe[me] && !taken && batch ->
		d_step { batch--; ran++ };
		if
		:: state[me] & (PAUSE | STOPPING) -> become_free(me); become_busy(me);
			if :: stop -> break :: else fi
		:: else
		fi
	:: else -> break
	od;
	ripe[me] = false
}

inline do_round(me)
{
	become_busy(me);
	if
	:: !stop ->
		take(me);
		become_free(me);
		/* quiesce_synchronize. */
		become_busy(me);
		if
		:: !stop -> run_ripe(me); if :: !stop -> become_free(me) :: else fi
		:: else -> ripe[me] = false
		fi
	:: else
	fi
}

/* quiesce_worker_run, with await_work and doze. A helper may leave when it has no work. */
inline serve_rounds(me)
{
	do
	:: state[me] & STOPPING -> break
	:: else ->
		if
		:: HAS_WORK(me) ->
			if
			:: me == FIRST && newest && calls < CALLS -> calls++; call_for_help()
			:: true
			fi;
			do_round(me);
			stop = 0
		:: else ->
			if
			:: me == HELPER -> break
			:: true ->
				d_step { state[me] = state[me] | IDLE; seen = state[me] };
				if
				:: !HAS_WORK(me) && !(seen & STOPPING) ->
					d_step { if :: state[me] == seen -> bed[me] = me + 1 :: else fi };
					if
					:: bed[me] == 0
					:: me == HELPER -> bed[me] = 0
					fi
				:: else
				fi;
				d_step { state[me] = state[me] & ~IDLE; seen = 0 }
			fi
		fi
	od;
#ifndef MUTANT_WORKER_RUN_HANDS_NOTHING_BACK
	if :: me == HELPER -> hand_back() :: else fi;
#endif
	state[me] = state[me] & ~THREAD;
	wake(me)
}

proctype worker(bit me) provided (!child)
{
	byte seen, word;
	bit stop, work;

end:	do
	:: made[me] -> made[me] = false; serve_rounds(me)
	od
}

/* ---- The others ---- */

/* [H2] quiesce_enqueue and nudge. */
inline enqueue()
{
#ifdef MUTANT_H2_LOOKS_FIRST
	at = server;
	d_step { newest++; pushed++ };
#else
	d_step { newest++; pushed++ };
	at = server;
#endif
	word = state[at];
	if
	:: !(word & THREAD) -> start(at)
	:: (word & THREAD) && (word & IDLE) -> ask(at)
	:: else
	fi;
	word = 0;
	at = 0
}

proctype producer() provided (!child)
{
	byte word, i;
	bit at;

	do
	:: i < PUSHES -> enqueue(); i++
	:: else -> break
	od;
	unfinished--
}

/* rcu_barrier's press of the server. */
inline press()
{
	at = server;
	ask(at);
	if :: !(state[at] & THREAD) -> start(at) :: else fi;
	at = 0
}

#ifdef STOP
inline stop_worker(w)
{
	d_step { state[w] = state[w] | STOPPING; seen = state[w] };
	wake(w);
	do
	:: seen & (THREAD | STARTING) -> wait(OTHER, w); seen = state[w]
	:: else -> break
	od;
	seen = 0
}

/* stop_workers and allow_workers. What was left is pressed for again. */
proctype stopper()
{
	byte seen, word;
	bit at;

	stop_worker(FIRST);
	stop_worker(HELPER);
	assert(!ripe[FIRST] && !ripe[HELPER]);
	state[FIRST] = state[FIRST] & ~STOPPING;
	state[HELPER] = state[HELPER] & ~STOPPING;
	unfinished == 1;
	do
	:: ran == pushed -> break
	:: ran != pushed && !(state[server] & (THREAD | STARTING)) -> press()
	od;
	unfinished--
}
#endif

#if FORKS > 0
inline await_pause(w)
{
	seen = state[w];
	do
	:: seen & BUSY -> wait(OTHER, w); seen = state[w]
	:: else -> break
	od;
	seen = 0
}

inline resume(w)
{
	state[w] = state[w] & ~PAUSE;
	wake(w)
}

/* pause_workers, resume_workers; in the child restart_workers with reset_worker and reset_queue. */
proctype forker()
{
	byte seen, word, i;
	bit at;

	do
	:: i < FORKS && !child ->
		i++;
		lock(workers_lock);
		state[FIRST] = state[FIRST] | PAUSE;
		state[HELPER] = state[HELPER] | PAUSE;
		workers_lock = false;
		await_pause(FIRST);
		await_pause(HELPER);
		lock(workers_lock);
		assert(pushed == ran + newest + taken + batch);
		if
		:: resume(FIRST); resume(HELPER); workers_lock = false
		:: d_step {
			child = true;
			state[FIRST] = 0; state[HELPER] = 0;
#ifndef MUTANT_RESET_QUEUE_LEAVES_SERVER
			server = FIRST;
#endif
			made[FIRST] = false; made[HELPER] = false;
			ripe[FIRST] = false; ripe[HELPER] = false;
			bed[FIRST] = 0; bed[HELPER] = 0;
			workers_lock = false;
			calls = CALLS;
			unfinished = 1
		   };
		   if :: pushed != ran -> press() :: else fi
		fi
	:: else -> break
	od;
	unfinished--
}

proctype childs_worker() provided (child)
{
	byte seen, word;
	bit stop, work;

end:	do
	:: made[FIRST] -> made[FIRST] = false; serve_rounds(FIRST)
	od
}
#endif

active proctype watch()
{
	timeout;
	assert(unfinished == 0);
	assert(ran == pushed && !newest && !taken && !batch)
}

init
{
	atomic {
		unfinished = PRODUCERS;
		run worker(FIRST);
		run worker(HELPER);
		run producer();
		if :: PRODUCERS > 1 -> run producer() :: else fi;
#ifdef STOP
		unfinished++;
		run stopper()
#elif FORKS > 0
		unfinished++;
		run forker();
		run childs_worker()
#endif
	}
}
