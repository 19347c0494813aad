/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Workers: queues of callbacks and the threads that run them.
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
#include <urcu/call-rcu.h>
#include <urcu/list.h>

struct flavor;

/*
 * Of no TLS model, so that it is reached by a call: initial-exec would take of what the C library
 * keeps in reserve for dlopen, which a few plug-ins or namespaces use up, and musl has none.
 */
#define QUIESCE_TLS __thread

#define CPU_ROOM 64

/* So far apart is what different threads write: processors fetch lines of 64 bytes in pairs. */
#define QUIESCE_APART 128

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
};

struct worker {
	/* The bits above; the futex of all who wait for one of them to change. */
	int32_t state;
	/* Below: written by whoever set WORKER_STARTING, or by the worker's thread. */
	pthread_t thread;
	uint64_t round_ended;		/* the next one begins at the earliest a lingering later */
	unsigned int rounds;		/* of a bound worker: since it last looked where it runs */
	bool gathers;			/* it waited for its last callbacks to be more */
	struct call_rcu_data *serving;	/* whose callback it is in */
	struct call_rcu_data *fostered;	/* stopped queues whose callbacks this worker runs */
};

struct call_rcu_data {
	/* Chain of callbacks, youngest first. Pushed to by producers, emptied by the server. */
	struct cds_wfcq_node *newest;
	/* About how many are in it: plain increments that may miss each other. For thresholds only. */
	unsigned long count;
	/* Calls to come before another try to make a thread; atomically, by producers. */
	unsigned int forgo, patience;

	struct worker *server __attribute__((aligned(QUIESCE_APART)));	/* own, or who fosters it */
	struct flavor *flavor;
	unsigned long flags;
	int cpu;			/* to bind to; negative: none */
	struct worker own;

	/* Below: written by the server while it is WORKER_BUSY. Barriers read takes and done. */
	struct cds_wfcq_node *taken __attribute__((aligned(QUIESCE_APART)));	/* youngest first */
	/* Oldest first; last of each: its youngest, known while there is one. */
	struct cds_wfcq_node *turned, *turned_last;
	struct cds_wfcq_node *waiting, *waiting_last;
	struct cds_wfcq_node *batch;
	unsigned long takes;		/* how often newest was emptied */
	unsigned long ripe;		/* takes of which batch is what is left */
	unsigned long done;		/* all that the first so many takes took has run */
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

/* The workers of a flavor. Written under lock unless said otherwise. */
struct worker_state {
	struct call_rcu_data **per_cpu;	/* entry: atomically; NULL: none was ever set */
	bool closing;			/* exit: no new threads, no new callbacks; set atomically */
	bool reported;			/* that a thread could not be made; set atomically */
	bool exit_awaited;		/* the exit handler is registered; set atomically */
	pthread_mutex_t lock __attribute__((aligned(QUIESCE_APART)));
	struct cds_list_head list;	/* all but the two below, by rising id */
	struct call_rcu_data *orphans;	/* stopped with callbacks left; the standard one fosters */
	struct call_rcu_data *cpu_room[CPU_ROOM];	/* per_cpu, on all but large machines */
	unsigned long last_id;		/* read by anybody */
	bool pausing;			/* fork: new workers begin paused */
	struct call_rcu_data standard __attribute__((aligned(QUIESCE_APART)));	/* what get_default_call_rcu_data returns */
	struct call_rcu_data deferred;	/* of defer_rcu; no barrier of callbacks looks at it */
};

#define QUEUE_INIT(f, queue) {						\
	.server = &(queue).own, .flavor = &(f), .cpu = -1,		\
	.own = { .state = WORKER_FRESH },				\
}

#define WORKER_STATE_INIT(f) {						\
	.lock = PTHREAD_MUTEX_INITIALIZER,				\
	.list = CDS_LIST_HEAD_INIT((f).workers.list),			\
	.standard = QUEUE_INIT(f, (f).workers.standard),		\
	.deferred = QUEUE_INIT(f, (f).workers.deferred),		\
}

/* ---- Queues: queue.c ---- */

/* With workers.lock: of the made queues the one after node (the list itself: the first), or NULL. */
static inline struct call_rcu_data *quiesce_queue_behind(const struct worker_state *all,
		const struct cds_list_head *node)
{
	return node->next == &all->list ? NULL :
	       cds_list_entry(node->next, struct call_rcu_data, node);
}

#define quiesce_for_each_made(queue, all)						\
	for ((queue) = quiesce_queue_behind(all, &(all)->list); (queue);		\
	     (queue) = quiesce_queue_behind(all, &(queue)->node))

/* Queue head on queue and see to it that somebody runs it. */
void quiesce_enqueue(struct call_rcu_data *queue, struct rcu_head *head);

/* Only queue it: whoever uses the queue next sees to it. In a fork's child. */
void quiesce_push(struct call_rcu_data *queue, struct rcu_head *head);

/*
 * For the server, which has turned a chain around that comes back to a head in it: that was queued twice.
 * Have the chain be taken again, as it was pushed, up to there. False: it does not, or no more.
 */
bool quiesce_queue_break_circle(struct call_rcu_data *queue);

/*
 * See to it that queue has a thread, for a producer: where there are none to be had, not every call
 * pays for a try.
 */
void quiesce_queue_start(struct call_rcu_data *queue);

/* With as many callbacks in a queue its server does not linger. */
#define QUIESCE_BACKLOG 1024

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

/*
 * Unlink a drained queue, with workers.lock held. The caller frees what it returns (NULL: somebody
 * still looks at it, and will do so) after unlocking.
 */
struct call_rcu_data *quiesce_queue_retire(struct call_rcu_data *queue);

/*
 * Walk the queues of a flavor that hold callbacks: NULL, then what the last call returned; NULL at
 * the end. The queue returned is pinned, and unpinned by the next call, or by unpin where the walk is
 * left early.
 */
struct call_rcu_data *quiesce_queue_next(struct flavor *flavor, struct call_rcu_data *before);
void quiesce_queue_unpin(struct call_rcu_data *queue);

/* How many of queue's pins are the calling thread's: all that are left in a fork's child. */
unsigned int quiesce_queue_own_pins(const struct call_rcu_data *queue);

/* ---- What a worker does: worker.c ---- */

static inline int32_t quiesce_worker_state(const struct worker *worker)
{
	return __atomic_load_n(&worker->state, __ATOMIC_ACQUIRE);
}

/* The life of a worker's thread: serve until asked to stop. */
void quiesce_worker_run(struct worker *worker);

/* Serve one round. */
void quiesce_worker_run_once(struct worker *worker);

/*
 * For a thread that ends in the middle of a round: leave all whole, and the worker not busy but with
 * WORKER_STARTING set, to be given another thread.
 */
void quiesce_worker_abandon(struct worker *worker);

/* Set bits in a worker's state and wake it if it sleeps. */
void quiesce_worker_ask(struct worker *worker, int32_t bits);

/* While the current worker waits in a hook for another thread's fork, it counts as paused. */
void quiesce_worker_step_aside(void);
void quiesce_worker_step_back(void);

/* ---- Its thread: thread.c ---- */

/*
 * See to it that a worker has a thread. Returns 0, or the error of pthread_create; ECANCELED at
 * exit. Keeps errno.
 */
int quiesce_worker_start(struct worker *worker);

/* ...and that it does not linger. */
int quiesce_worker_urge(struct worker *worker);

/*
 * Run what worker serves in the calling thread, one round of it, unless it has a thread. For
 * waiters when none can be made.
 */
void quiesce_worker_stand_in(struct call_rcu_data *queue, struct worker *worker);

/*
 * Ask worker's thread to leave. Wait until it runs no callback, nor will by itself while it is asked
 * to stop (halt); until it has left and is joined (stop). At most for as long as is left (NULL: for
 * ever). A worker without a thread has stopped.
 */
void quiesce_worker_ask_to_stop(struct worker *worker, int32_t more_bits);
bool quiesce_worker_await_halt(struct worker *worker, uint64_t *left);
bool quiesce_worker_await_stop(struct worker *worker, uint64_t *left);

/* The worker whose callbacks the calling thread runs, of any flavor linked to this copy, or NULL. */
struct worker *quiesce_worker_current(void);

/* Whether the calling thread runs callbacks of this flavor: deferred calls are none. */
bool quiesce_in_callback(const struct flavor *flavor);

/*
 * Fork: ask for a pause; wait until no callback runs; resume. While *readers is not 0, a callback
 * that waits for a grace period is not waited for: quiesce_worker_set_aside sees to one.
 */
void quiesce_worker_pause(struct worker *worker);
void quiesce_worker_await_pause(struct worker *worker, const unsigned int *readers);
void quiesce_worker_set_aside(struct worker *worker);
void quiesce_worker_resume(struct worker *worker);

/*
 * Around a callback's wait: for a grace period (begin_wait), or for another thread, which may be in a
 * callback of its own (step_out). Not nested. Nothing in a thread that runs none.
 */
void quiesce_worker_begin_wait(void);
void quiesce_worker_step_out(void);
void quiesce_worker_end_wait(void);
