/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is done after grace periods: callbacks and deferred calls, the queues they are in and the
 * threads that run them, given a domain. Here nothing is known of flavors or exported names.
 *
 *	forker.c	who waits for a thread that forks
 *	queue.c		queues, and who walks them
 *	watch.c		what holds a worker up, for who waits for it
 *	state.c		the word by which others know a worker; what stops it for a while
 *	stash.c		pointers that wait to be freed, and who frees them
 *	worker.c	what a worker does
 *	thread.c	its thread: made, stood in for, stopped
 *	enqueue.c	the producer's side
 *	backlog.c	how much waits, and producers who wait for it to be less
 *	workers.c	the program's own workers, and those of CPUs
 *	barrier.c	waiting for callbacks
 *	rounds.c	who runs deferred calls; ring.h says in which form they are kept
 *	defer.c		deferred calls, for the program
 *	free.c		free_rcu
 *	stats.c		what all of them counted
 *
 * Each file calls those above it in this list, and no other.
 *
 * A queue (the public struct call_rcu_data) is one chain of callbacks, in the order in which they
 * were pushed, and has one server: its own worker, or, when that has been given up, the standard
 * queue's, which fosters it. A worker is one thread. So the callbacks of a queue run one at a time,
 * and one whose call_rcu happens before another's runs before it (doc/design/workers.md).
 *
 * A worker's state word is all that others know of it. Whoever wants something sets a bit and wakes
 * it; it answers by a bit and a wake. The life of a callback:
 *
 *	newest		pushed here by its producer, youngest first
 *	taken		one exchange by the server
 *	turned		link by link, oldest first, behind what waits
 *	waiting		for the next grace period
 *	batch		which is over
 *	run		func(head)
 *
 * In a flood the server turns what comes around every few callbacks, while it is in the producer's
 * cache and not out of it: a batch that has grown large is walked once, as it runs.
 *
 * Every step leaves the queue whole in memory, and between any two the server can pause. That is
 * what a fork needs: the child finds each callback in exactly one of these places and goes on from
 * there, after a grace period of its own.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/arch.h>
#include <urcu/backlog.h>
#include <urcu/call-rcu.h>
#include <urcu/compiler.h>
#include <urcu/list.h>
#include <urcu/stats.h>

#include "callbacks/backlog.h"
#include "callbacks/defer.h"
#include "callbacks/forker.h"
#include "callbacks/stash.h"
#include "callbacks/watch.h"
#include "grace/grace.h"
#include "system/system.h"

struct defer_run;
struct defer_visit;
struct workers;

#define CPU_ROOM 64

enum worker_bits {
	WORKER_THREAD	= 1 << 0,	/* a thread serves it */
	WORKER_STARTING	= 1 << 1,	/* somebody is making that thread */
	WORKER_BUSY	= 1 << 2,	/* a callback runs, or callbacks are being moved */
	WORKER_IDLE	= 1 << 3,	/* sleeps: wake it for the first callback */
	WORKER_LINGER	= 1 << 4,	/* sleeps for a while: wake it for a backlog */
	WORKER_URGENT	= 1 << 5,	/* somebody waits: do not linger */
	WORKER_PAUSE	= 1 << 6,	/* fork: do not become busy */
	WORKER_STOP	= 1 << 7,	/* leave as soon as you are not busy; goes as the thread leaves */
	WORKER_LEFT	= 1 << 8,	/* the thread is past all of this and can be joined */
	WORKER_GUEST	= 1 << 9,	/* the thread is a caller of rcu_barrier, standing in */
	WORKER_WAITING	= 1 << 10,	/* its callback waits for a grace period, or for a thread */
	WORKER_ASIDE	= 1 << 11,	/* ...and BUSY was taken away meanwhile */
	WORKER_GONE	= 1 << 12,	/* call_rcu_data_free: it must get no other thread */
	WORKER_FRESH	= 1 << 13,	/* nothing was ever queued: the first call_rcu sees to the exit */
	WORKER_REST	= 1 << 14,	/* with STOP: have no other thread for what is left; goes with it */
	WORKER_WATCHED	= 1 << 15,	/* say so, by breaths, between two callbacks, and take this away */
};

/*
 * Of who does not wait for a worker, but looks at it as he comes by. Written atomically by any, one after the other,
 * or not quite: then a look is lost. And the last report, from whom ever.
 */
struct glances {
	unsigned long seen;		/* breaths, as it was WATCHED */
	unsigned long since;		/* ms of quiesce_now, the lowest bit set; 0: only seen once */
	struct told told;		/* number: breaths */
};

struct worker {
	/* The bits above; the futex of all who wait for one of them to change. */
	int32_t state;
	/* Below: written by whoever set WORKER_STARTING, or by the worker's thread. */
	pthread_t thread;
	int id;				/* the kernel's, of who ran it last; atomically, for reports: the thread may have ended */
	uint64_t round_ended;		/* the next one begins at the earliest a lingering later */
	unsigned int rounds;		/* of a bound worker: since it last looked where it runs */
	bool gathers;			/* it waited for its last callbacks to be more */
	unsigned long wakeups;		/* from its sleeps between rounds; atomically */
	unsigned long breaths;		/* raised where it was WATCHED, and went on; atomically */
	struct glances glances;		/* of who came by and saw it stand still */
	struct call_rcu_data *serving;	/* whose callback it is in; atomically */
	struct call_rcu_data *fostered;	/* stopped queues whose callbacks this worker runs */
};

struct call_rcu_data {
	/* Chain of callbacks, youngest first. Pushed to by producers, emptied by the server. */
	struct cds_wfcq_node *newest;
	/*
	 * How many ever were, and how many when it was last emptied: the difference is about how many are.
	 * By producers, in plain increments that may miss each other unless there is a limit; by the server.
	 */
	unsigned long pushed, seen;
	/* About how many were taken and have not run. By the server, now and then, from carried. */
	unsigned long held;
	/* Calls to come before another try to make a thread; atomically, by producers. */
	unsigned int forgo, patience;

	struct worker *server __attribute__((aligned(QUIESCE_APART)));	/* own, or who fosters it */
	struct workers *workers;
	unsigned long flags;
	int cpu;			/* to bind to; negative: none */
	struct worker own;

	/* Below: written by the server while it is WORKER_BUSY. Barriers read takes and done. */
	struct cds_wfcq_node *taken __attribute__((aligned(QUIESCE_APART)));	/* youngest first */
	/* Oldest first; last of each: its youngest, known while there is one. */
	struct cds_wfcq_node *turned, *turned_last;
	struct cds_wfcq_node *waiting, *waiting_last;
	struct cds_wfcq_node *batch;
	unsigned long carried;		/* how many are in these four, or once were in a head queued twice */
	unsigned long takes;		/* how often newest was emptied */
	unsigned long ripe;		/* takes of which batch is what is left */
	unsigned long done;		/* all that the first so many takes took has run */
	/* For who counts: how many were ever turned; what of them had run, when last told, and in how many batches. */
	unsigned long counted;
	unsigned long ran, batches;	/* atomically */
	unsigned long most;		/* that was ever found to wait; atomically */
	void (*running)(struct rcu_head *head);	/* what runs, or ran last; atomically */
	/* Changes when a batch is done; the futex of barriers. */
	int32_t progress;
	/* How many may sleep on it; atomically. In a fork's child those who are gone stay counted. */
	unsigned int barriers;
	/* Below: written under workers.lock. */
	unsigned long id;		/* rising along the list */
	struct cds_list_head node;	/* in the list of made queues */
	struct call_rcu_data *next_fostered;
	unsigned int pins;		/* barriers that look at it */
	bool drained;			/* stopped and empty: to be freed by whoever unpins it last */
};

/*
 * A thread holds a pin or two while it walks, and two or three if it stands in for a worker from
 * there and a callback forks.
 */
#define OWN_PINS 4

/* A thread's own, for one set of workers. Written by the thread alone. */
struct own_calls {
	struct call_rcu_data *worker;	/* set_thread_call_rcu_data; NULL: none */
	struct worker *current;		/* whose callbacks it runs; NULL: none */
	unsigned int nesting;		/* of current, among those of all flavors: the innermost's is highest */
	const struct call_rcu_data *pins[OWN_PINS];	/* of queues that it walks; NULL: free */
	struct stash *stash;		/* what it has given to free_rcu; NULL: nothing yet, or no memory */
	bool shares;			/* it is about to take stashes.lock, or has it */
	struct defer_queue *defer;	/* rcu_defer_register_thread; NULL: none */
	struct defer_visit *visits;	/* queues that it waits for or runs, the innermost first */
	const struct defer_run *runs;	/* of deferred calls, the innermost first */
};

/* The limit of what waits, and who waits for it to be less. All of it is written atomically. */
struct backlog_state {
	unsigned long callbacks;	/* urcu_set_backlog_limit; 0: none */
	size_t bytes;
	unsigned int fork_ms;		/* urcu_set_fork_drain */
	void (*handler)(const struct urcu_backlog *backlog, void *arg);
	void *arg;
	bool passed;			/* the limit is, and the handler knows; by producers */
	bool vain;			/* one waited in vain, and nothing has run since; by him and by servers */
	unsigned long waits, overruns;	/* by producers */
	/* Changes when it may be less, or nobody is to wait; the futex of those who do. */
	int32_t turn;
	/* How many may sleep on it. The hooks forget them in the child; without these a wake is for nobody. */
	unsigned int sleepers;
};

/* What those above do for the callbacks. */
struct workers_calls {
	/* The calling thread's own. Where readers attend there is none, and nothing may be written, before. */
	struct own_calls *(*own)(void);
	/* Something is queued for the first time: see to the exit. */
	void (*first)(struct workers *all);
	/*
	 * In a child that was forked without the hooks: make the state this process's own, as far as that
	 * is possible, and return false; true: it was.
	 */
	bool (*claim)(struct workers *all);
	/* Callbacks have run, in the calling thread: one may have left it between the fork hooks. */
	void (*after_batch)(struct workers *all);
	/* The standard worker's errand: whether a grace period is wanted though nothing is queued. */
	bool (*errand)(struct workers *all);
	/* Whether quiesce_free_end will be called as the calling thread ends. */
	bool (*watch_end)(void);
	/* Of urcu/static/free-rcu.h: the calling thread's is open from now on, or (NULL) shut. */
	void (*open)(struct urcu_free_window *window);
};

/* What a queue has counted; read by anybody, atomically. */
struct queue_counts {
	unsigned long ran, batches, most, wakeups;
};

/* The workers of a domain. Written under lock unless said otherwise. */
struct workers {
	struct domain *domain;
	const struct workers_calls *calls;
	struct call_rcu_data **per_cpu;	/* entry: atomically; NULL: none was ever set */
	/* Bits of src/process/exit.c: no new threads, no new callbacks; changed atomically. */
	int32_t closing;
	/* Since when no thread can be made, in ms, and when that is reported again, from then on; 0: never. Atomically. */
	unsigned long refused, refused_due;
	bool limited;			/* backlog has a limit; set atomically */
	int32_t lock __attribute__((aligned(QUIESCE_APART)));	/* quiesce_workers_lock */
	struct cds_list_head list;	/* all but the two below, by rising id */
	struct call_rcu_data *orphans;	/* stopped with callbacks left; the standard one fosters */
	struct call_rcu_data *cpu_room[CPU_ROOM];	/* per_cpu, on all but large machines */
	unsigned long last_id;		/* read by anybody */
	struct queue_counts gone;	/* of the made queues that are no more */
	struct forker forker;
	const void *pausing;		/* fork: quiesce_self() of who has new workers begin paused; set atomically */
	/* What get_default_call_rcu_data returns. */
	struct call_rcu_data standard __attribute__((aligned(QUIESCE_APART)));
	struct call_rcu_data deferred;	/* of defer_rcu; no barrier of callbacks looks at it */
	struct defer_state defer;
	struct stashes stashes;
	struct backlog_state backlog __attribute__((aligned(QUIESCE_APART)));
	/*
	 * In a child that was forked without the hooks, until it has a worker's thread of its own: what
	 * is queued is its parent's. Set by process/, cleared by who makes the thread.
	 */
	bool inherited;
	struct workers *next;		/* in the list of state.c; not written once it is in there */
};

#define QUEUE_INIT(all, queue) {						\
	.server = &(queue).own, .workers = &(all), .cpu = -1,		\
	.own = { .state = WORKER_FRESH },				\
}

/* What all workers begin with; all is their lvalue. */
#define WORKERS_STATE_INIT(all)						\
	.list = CDS_LIST_HEAD_INIT((all).list),				\
	.standard = QUEUE_INIT(all, (all).standard),			\
	.deferred = QUEUE_INIT(all, (all).deferred),			\
	.defer.lock = PTHREAD_MUTEX_INITIALIZER,			\
	.stashes = {							\
		.lock = PTHREAD_MUTEX_INITIALIZER,			\
		.shared.window.pointers = (all).stashes.room[0].pointers,	\
		.shared.first = &(all).stashes.room[0],			\
		.shared.last = &(all).stashes.room[0],			\
		.shared.spare = &(all).stashes.room[1],			\
	}

/* ---- Queues: queue.c ---- */

/* With workers.lock: of the made queues the one after node (the list itself: the first), or NULL. */
static inline struct call_rcu_data *quiesce_queue_behind(const struct workers *all,
		const struct cds_list_head *node)
{
	return node->next == &all->list ? NULL :
	       cds_list_entry(node->next, struct call_rcu_data, node);
}

#define quiesce_for_each_made(queue, all)						\
	for ((queue) = quiesce_queue_behind(all, &(all)->list); (queue);		\
	     (queue) = quiesce_queue_behind(all, &(queue)->node))

/* With as many callbacks in a queue its server does not linger. */
#define QUIESCE_BACKLOG 1024

/* About how many callbacks are in newest. */
static inline unsigned long quiesce_queue_count(const struct call_rcu_data *queue)
{
	unsigned long seen = __atomic_load_n(&queue->seen, __ATOMIC_ACQUIRE);
	long count = (long)(__atomic_load_n(&queue->pushed, __ATOMIC_RELAXED) - seen);

	return count > 0 ? (unsigned long)count : 0;
}

/*
 * About how many have not run. Acquire: who finds newest emptied finds what was in it held. What was just taken may be
 * counted twice.
 */
static inline unsigned long quiesce_queue_backlog(const struct call_rcu_data *queue)
{
	unsigned long count = 0;

	if (__atomic_load_n(&queue->newest, __ATOMIC_ACQUIRE)) {
		count = quiesce_queue_count(queue);
		count += !count;
	}
	return count + __atomic_load_n(&queue->held, __ATOMIC_SEQ_CST);
}

/* Whether callbacks are queued, in whatever state. For the server, and those who know it stands still. */
static inline bool quiesce_queue_has_work(const struct call_rcu_data *queue)
{
	return queue->batch || queue->waiting || queue->turned || queue->taken ||
	       __atomic_load_n(&queue->newest, __ATOMIC_SEQ_CST);
}

/* The worker that serves queue now. */
static inline struct worker *quiesce_queue_server(const struct call_rcu_data *queue)
{
	return __atomic_load_n(&queue->server, __ATOMIC_SEQ_CST);
}

/* The queue whose own worker it is: not one that it fosters. */
static inline struct call_rcu_data *quiesce_worker_home(const struct worker *worker)
{
	return caa_container_of(worker, struct call_rcu_data, own);
}

/* Have barriers that sleep for the queue's progress look again. */
void quiesce_queue_wake_barriers(struct call_rcu_data *queue);

/* Have producers that wait for the backlog to be less look again; and after what free_rcu was given was swept. */
void quiesce_wake_producers(struct workers *all);
void quiesce_tell_swept(struct workers *all);

/* For the server: say how much it carries, and to producers who wait if that is little, or all there was (done). */
void quiesce_queue_tell(struct call_rcu_data *queue, bool done);

/*
 * For the server, which has turned a chain around that comes back to a head in it: that was queued twice.
 * Have the chain be taken again, as it was pushed, up to there. False: it does not, or no more.
 */
bool quiesce_queue_break_circle(struct call_rcu_data *queue);

/* In a child whose parent's workers did not pause, before there are threads: make chains and list whole. */
void quiesce_queue_mend(struct call_rcu_data *queue);
void quiesce_workers_mend(struct workers *all);

/* With workers.lock held: take a queue that nobody looks at out of the list, and add what it counted to gone. */
void quiesce_queue_unlink(struct call_rcu_data *queue);

/*
 * Unlink a drained queue, with workers.lock held. The caller frees what it returns (NULL: somebody
 * still looks at it, and will do so) after unlocking.
 */
struct call_rcu_data *quiesce_queue_retire(struct call_rcu_data *queue);

/*
 * Walk the queues that hold callbacks: NULL, then what the last call returned; NULL at
 * the end. The queue returned is pinned, and unpinned by the next call, or by unpin where the walk is
 * left early.
 */
struct call_rcu_data *quiesce_queue_next(struct workers *all, struct call_rcu_data *before);
void quiesce_queue_unpin(struct call_rcu_data *queue);

/* How many of queue's pins are the calling thread's: all that are left in a fork's child. */
unsigned int quiesce_queue_own_pins(const struct call_rcu_data *queue);

/* ---- A worker's state: state.c ---- */

static inline int32_t quiesce_worker_state(const struct worker *worker)
{
	return __atomic_load_n(&worker->state, __ATOMIC_ACQUIRE);
}

static inline struct workers *quiesce_workers_of(const struct worker *worker)
{
	return quiesce_worker_home(worker)->workers;
}

/* The one whose calls are no callbacks: what they queue goes where any thread's does. */
static inline bool quiesce_worker_is_deferred(const struct worker *worker)
{
	return worker == &quiesce_workers_of(worker)->deferred.own;
}

/* The worker of these whose callbacks the calling thread runs, or NULL. */
static inline struct worker *quiesce_worker_current(const struct workers *all)
{
	return all->calls->own()->current;
}

/* From here on the calling thread runs what worker serves. */
void quiesce_worker_take_place(struct worker *worker);

/* By a constructor, once: these are among those of which the calling thread may run something. */
void quiesce_workers_enlist(struct workers *all);

/* Whether the calling thread runs callbacks of these workers: deferred calls are none. */
bool quiesce_in_callback(const struct workers *all);

/* Set bits in a worker's state and wake it if it sleeps. */
void quiesce_worker_ask(struct worker *worker, int32_t bits);

/* Whether it has to leave, given its state. */
bool quiesce_worker_must_leave(const struct worker *worker, int32_t state);

/* By the worker. become_busy waits for a fork to be over, and returns false if it has to leave instead. */
bool quiesce_worker_become_busy(struct worker *worker);
void quiesce_worker_become_free(struct worker *worker);

/*
 * Ask worker's thread to leave. Wait until none of bits is set, for as long as is left (NULL: for ever): once it is
 * asked to stop and is not BUSY it runs no callback, nor will by itself. function: what the program called, for reports.
 */
void quiesce_worker_ask_to_stop(struct worker *worker, int32_t more_bits);
bool quiesce_worker_await_none(struct worker *worker, int32_t bits, uint64_t *left, const char *function);

/*
 * Fork: ask for a pause; wait until no callback runs; resume. While *readers is not 0, a callback
 * that waits for a grace period is not waited for: quiesce_worker_set_aside sees to one.
 */
void quiesce_worker_pause(struct worker *worker);
void quiesce_worker_await_pause(struct worker *worker, const unsigned int *readers);
void quiesce_worker_set_aside(struct worker *worker);
void quiesce_worker_resume(struct worker *worker);

/*
 * The rest is about the calling thread's current worker of whatever domain: a program may have linked several
 * flavors into one copy, and a callback of one may wait, or fork, in another.
 *
 * Around a callback's wait: for a grace period (begin_wait), or for another thread, which may be in a
 * callback of its own (step_out). Not nested. The worker that they return is for end_wait; NULL: the thread
 * runs none.
 */
struct worker *quiesce_worker_begin_wait(void);
struct worker *quiesce_worker_step_out(void);
void quiesce_worker_end_wait(struct worker *waiting);

/*
 * While the current worker waits in a hook for another thread's fork, it counts as paused. It does not step back
 * (false) while somebody forks through its own flavor; await_resume waits for the end of that.
 */
void quiesce_worker_step_aside(void);
bool quiesce_worker_step_back(void);
void quiesce_worker_await_resume(void);

/*
 * Whether another thread may wait for the calling one, by the library's rules: it is in a section, a callback or
 * a deferred call of any domain of this copy, or some thread forks.
 */
bool quiesce_thread_is_awaited(void);

/*
 * The same for one who is about to fork through the hooks of these: other forks are no obstacle, nor is being
 * online in their domain, as the hooks go offline.
 */
bool quiesce_forker_is_awaited(const struct workers *forking);

/*
 * Wait for a grace period of the workers' domain, from wherever a thread may: a callback that does is
 * known to wait. In a section of that domain it reports and aborts. function is what the program called, for reports.
 */
void quiesce_workers_synchronize(struct workers *all, const char *function);

/* ---- What a worker does: worker.c ---- */

/* The life of a worker's thread: serve until asked to stop. */
void quiesce_worker_run(struct worker *worker);

/* Whether anything is queued, given up or asked for, for which it would be woken: of what anybody may read. */
bool quiesce_worker_is_called(const struct worker *worker);

/* ...or is left of what it took: for itself alone. */
bool quiesce_worker_has_work(const struct worker *worker);

/* Serve one round. */
void quiesce_worker_run_once(struct worker *worker);

/*
 * For a thread that ends in the middle of a round: leave all whole, and the worker not busy but with
 * WORKER_STARTING set, to be given another thread.
 */
void quiesce_worker_abandon(struct worker *worker);

/* ---- Its thread: thread.c ---- */

/*
 * See to it that a worker has a thread. Returns 0, or the error of pthread_create, which start reports, once;
 * ECANCELED at exit. Keeps errno.
 */
int quiesce_worker_start(struct worker *worker);
int quiesce_worker_try_start(struct worker *worker);

/* ...and that it does not linger. */
int quiesce_worker_urge(struct worker *worker);

/*
 * Run what worker serves in the calling thread, one round of it, unless it has a thread. For
 * waiters when none can be made.
 */
void quiesce_worker_stand_in(struct worker *worker);

/* Wait until its thread has left and is joined. One without a thread has stopped. */
bool quiesce_worker_await_stop(struct worker *worker, uint64_t *left);

/* Have its thread leave, and wait for that; who needs it next makes another. */
void quiesce_worker_rest(struct worker *worker);

/* ---- What waits to be freed: stash.h ---- */

/* Whether the standard worker has a sweep to make. Sequentially consistent, as all looks of [H1]. */
static inline bool quiesce_sweep_is_wanted(const struct workers *all)
{
	return __atomic_load_n(&all->stashes.sweep, __ATOMIC_SEQ_CST) != SWEEP_NONE;
}

/* Whether worker has to see to it that what waits is freed. */
static inline bool quiesce_worker_has_sweep(const struct worker *worker)
{
	const struct workers *all = quiesce_workers_of(worker);

	return worker == &all->standard.own && quiesce_sweep_is_wanted(all);
}

/* ---- The producer's side: enqueue.c ---- */

/* Queue head on queue and see to it that somebody runs it. */
void quiesce_enqueue(struct call_rcu_data *queue, struct rcu_head *head);

/*
 * Have its worker look for what was pushed, and for so much more of something else. The caller has made it known by
 * a sequentially consistent store.
 */
void quiesce_queue_call(struct call_rcu_data *queue, unsigned long more);

/* Only queue it: whoever uses the queue next sees to it. In a fork's child. */
void quiesce_queue_push(struct call_rcu_data *queue, struct rcu_head *head);

/*
 * See to it that queue has a thread, for a producer: where there are none to be had, not every call
 * pays for a try.
 */
void quiesce_queue_start(struct call_rcu_data *queue);

/* ---- The program's workers: workers.c. urcu/call-rcu.h has the contracts. ---- */

void quiesce_workers_call(struct workers *all, struct rcu_head *head,
		void (*func)(struct rcu_head *head));
struct call_rcu_data *quiesce_workers_create(struct workers *all, unsigned long flags, int cpu);
void quiesce_workers_free(struct workers *all, struct call_rcu_data *queue);
void quiesce_workers_stop_default(struct workers *all);
pthread_t quiesce_workers_thread(struct call_rcu_data *queue);
struct call_rcu_data *quiesce_workers_default(struct workers *all);
struct call_rcu_data *quiesce_workers_chosen(struct workers *all);
void quiesce_workers_set_own(struct workers *all, struct call_rcu_data *queue);
struct call_rcu_data *quiesce_workers_get_cpu(struct workers *all, int cpu);
int quiesce_workers_set_cpu(struct workers *all, int cpu, struct call_rcu_data *queue);
int quiesce_workers_create_cpus(struct workers *all, unsigned long flags);
void quiesce_workers_free_cpus(struct workers *all);

/* ---- Waiting for callbacks: barrier.c ---- */

/*
 * Wait until all that is queued has run, or what is in one queue, for at most as long as is left (NULL:
 * for ever): false if that was too short. function: what the program called, for reports.
 */
bool quiesce_barrier_until(struct workers *all, uint64_t *left, const char *function);
bool quiesce_queue_await(struct call_rcu_data *queue, uint64_t *left, const char *function);

/* Whether all that was queued in it has run, for anybody: a server may be at it. */
bool quiesce_queue_has_run(const struct call_rcu_data *queue);

/* Until nothing is queued, deferred calls neither. Not in one of those. */
bool quiesce_drain_until(struct workers *all, uint64_t *left);
