/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Workers: queues of callbacks and the threads that run them.
 *
 * A queue (the public struct call_rcu_data) has shards, so that producers on different CPUs do not
 * meet; a thread always uses the same shard of a queue, so its callbacks stay in order. Each shard
 * has one server at a time: one of its queue's workers, nearly always the first. A flooded default
 * queue calls helpers and passes some shards on to them; they hand them back when they leave.
 *
 * A worker's state word is all that others know of it. Whoever wants something sets a bit and wakes
 * it; it answers by a bit and a wake. The life of a callback:
 *
 *	newest		pushed here by its producer, youngest first
 *	taken		one exchange by the server; then a grace period
 *	batch		turned around, oldest first
 *	run		func(head)
 *
 * Every step leaves the shard whole in memory, and between any two the server can pause. That is
 * what a fork needs: the child finds each callback in exactly one of these places and goes on from
 * there, after a grace period of its own (doc/design/workers.md).
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/arch.h>
#include <urcu/call-rcu.h>

struct flavor;

/*
 * Of no TLS model, so that it is reached by a call: initial-exec would take of what the C library
 * keeps in reserve for dlopen, which a few plug-ins or namespaces use up, and musl has none.
 */
#define QUIESCE_TLS __thread

#define SHARDS_MAX 64
#define CPU_ROOM 64

/* So far apart is what different threads write: processors fetch lines of 64 bytes in pairs. */
#define QUIESCE_APART 128

struct shard {
	/* Chain of callbacks, youngest first. Pushed to by producers, emptied by the server. */
	struct cds_wfcq_node *newest;
	/* About how many are in it: plain increments that may miss each other. For thresholds only. */
	unsigned long count;
	/* Index of the server in queue->workers. Written under workers.lock. */
	unsigned int server;
	int cpu;			/* where the producer of a backlog was; atomically, by it */

	/* Below: written by the server while it is WORKER_BUSY. Barriers read takes and done. */
	struct cds_wfcq_node *taken __attribute__((aligned(64)));	/* youngest first */
	struct cds_wfcq_node *batch;					/* oldest first */
	unsigned long takes;		/* how often newest was emptied */
	unsigned long done;		/* all that the first so many takes took has run */
	struct call_rcu_data *queue;	/* whose it is; known from the first take on */
	struct shard *next_ripe;	/* in the server's list of the round */
} __attribute__((aligned(QUIESCE_APART)));

enum worker_bits {
	WORKER_THREAD	= 1 << 0,	/* a thread serves it */
	WORKER_STARTING	= 1 << 1,	/* somebody is making that thread */
	WORKER_BUSY	= 1 << 2,	/* a callback runs, or callbacks are being moved */
	WORKER_IDLE	= 1 << 3,	/* sleeps: wake it for the first callback */
	WORKER_LINGER	= 1 << 4,	/* sleeps for a while: wake it for a backlog */
	WORKER_URGENT	= 1 << 5,	/* somebody waits: do not linger */
	WORKER_PAUSE	= 1 << 6,	/* fork: do not become busy */
	WORKER_STOP	= 1 << 7,	/* leave as soon as you are not busy */
	WORKER_LEFT	= 1 << 8,	/* the thread is past all of this and can be joined */
	WORKER_GUEST	= 1 << 9,	/* the thread is a caller of rcu_barrier, standing in */
	WORKER_WAITING	= 1 << 10,	/* its callback waits for a grace period, or for a thread */
	WORKER_ASIDE	= 1 << 11,	/* ...and BUSY was taken away meanwhile */
};

struct worker {
	/* The bits above; the futex of all who wait for one of them to change. */
	int32_t state;
	/* Below: written by whoever set WORKER_STARTING, or by the worker's thread. */
	struct call_rcu_data *queue;
	pthread_t thread;
	uint64_t round_ended;		/* the next one begins at the earliest a lingering later */
	bool gathers;			/* it waited for its last callbacks to be more */
	struct shard *ripe;		/* taken, and a grace period has passed or is under way */
	struct call_rcu_data *fostered;	/* stopped queues whose callbacks this worker runs */
} __attribute__((aligned(64)));

struct call_rcu_data {
	struct flavor *flavor;
	unsigned long flags;
	int cpu;			/* to bind to; negative: none */
	unsigned int shard_count;	/* power of two */
	struct shard *shards;
	struct worker *workers;		/* the servers: its own, or those who foster it */
	unsigned int worker_count;
	/* Changes when a batch is done; the futex of barriers. */
	int32_t progress __attribute__((aligned(QUIESCE_APART)));
	/* How many may sleep on it; atomically. In a fork's child those who are gone stay counted. */
	unsigned int barriers;
	/* Below: written under workers.lock. */
	unsigned long id;		/* rising along the list */
	struct call_rcu_data *next;
	struct call_rcu_data *next_fostered;
	unsigned int pins;		/* barriers that look at it */
	bool drained;			/* stopped and empty: to be freed by whoever unpins it last */
};

/* The workers of a flavor. Written under lock unless said otherwise. */
struct worker_state {
	struct call_rcu_data **per_cpu;	/* entry: atomically; NULL: none was ever set, or at exit */
	pthread_mutex_t lock __attribute__((aligned(QUIESCE_APART)));
	struct call_rcu_data *list;	/* all but the standard one, by rising id */
	struct call_rcu_data *orphans;	/* stopped with callbacks left; the standard one fosters */
	struct call_rcu_data *cpu_room[CPU_ROOM];	/* per_cpu, on all but large machines */
	unsigned long last_id;		/* read by anybody */
	bool pausing;			/* fork: new workers begin paused */
	bool closing;			/* exit: no new threads; set atomically */
	bool reported;			/* that a thread could not be made; set atomically */
	struct call_rcu_data standard __attribute__((aligned(QUIESCE_APART)));	/* what get_default_call_rcu_data returns */
	struct worker workers[SHARDS_MAX];
	struct shard shards[SHARDS_MAX];
};

#define WORKER_STATE_INIT(f) {						\
	.lock = PTHREAD_MUTEX_INITIALIZER,				\
	.standard = {							\
		.flavor = &(f), .cpu = -1,				\
		.shard_count = 1, .shards = (f).workers.shards,		\
		.worker_count = 1, .workers = (f).workers.workers,	\
	},								\
}

/* Give the standard queue as many shards as the machine deserves, if it is not in use yet. */
void quiesce_workers_init(struct flavor *flavor);

/* Queue head on queue and see to it that somebody runs it. */
void quiesce_enqueue(struct call_rcu_data *queue, struct rcu_head *head);

/* Only queue it: whoever uses the queue next sees to it. In a fork's child. */
void quiesce_push(struct call_rcu_data *queue, struct rcu_head *head);

/* Whether head is in any queue of flavor. In a fork's child, before anything is used. */
bool quiesce_is_queued(const struct flavor *flavor, const struct rcu_head *head);

/* With as many callbacks in a shard its server does not linger, and works near their producer. */
#define QUIESCE_BACKLOG 1024
/* With as many, and for each backlog more, the producer lets others go first. */
#define QUIESCE_FLOOD (4 * QUIESCE_BACKLOG)

/* For the shard's server. */
static inline bool quiesce_shard_has_work(const struct shard *shard)
{
	return shard->batch || shard->taken || __atomic_load_n(&shard->newest, __ATOMIC_SEQ_CST);
}

static inline int32_t quiesce_worker_state(const struct worker *worker)
{
	return __atomic_load_n(&worker->state, __ATOMIC_ACQUIRE);
}

/* The life of a worker's thread: serve until asked to stop, or, a helper, until there is no work. */
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

/*
 * See to it that a worker has a thread, and that it does not linger. Returns 0, or the error of
 * pthread_create, ECANCELED at exit.
 */
int quiesce_worker_urge(struct call_rcu_data *queue, struct worker *worker);

/*
 * Run what worker serves in the calling thread, one round of it, unless it has a thread. For
 * waiters when none can be made.
 */
void quiesce_worker_stand_in(struct call_rcu_data *queue, struct worker *worker);

/*
 * Stop worker's thread and join it. Returns false if it had not left by the deadline. A worker
 * without a thread of its own has stopped. WORKER_STOP stays set, and prevents another thread.
 */
bool quiesce_worker_stop(struct worker *worker, uint64_t deadline);

/* Make a queue's thread; as quiesce_worker_urge, without the urgency. */
int quiesce_worker_start(struct call_rcu_data *queue, struct worker *worker);

/*
 * The same in steps, for whoever does something before and, if it fails, after: become the one who
 * makes the thread, until it is made or renounced. False: there is one, or must be none.
 */
bool quiesce_worker_claim(struct call_rcu_data *queue, struct worker *worker);
int quiesce_worker_make(struct worker *worker);
void quiesce_worker_renounce(struct worker *worker);

/* Have barriers that sleep for the queue's progress look again. */
void quiesce_queue_wake_barriers(struct call_rcu_data *queue);

/* Whether no callback is in the queue, in whatever state. For those who know it stands still. */
bool quiesce_queue_empty(const struct call_rcu_data *queue);

/* The worker that serves a shard of queue now. */
struct worker *quiesce_queue_server(const struct call_rcu_data *queue, const struct shard *shard);

/*
 * Unlink a drained queue, with workers.lock held. The caller frees what it returns (NULL: somebody
 * still looks at it, and will do so) after unlocking.
 */
struct call_rcu_data *quiesce_queue_retire(struct call_rcu_data *queue);

/*
 * Walk all queues of a flavor: NULL, then what the last call returned; NULL at the end. The queue
 * returned is pinned, and unpinned by the next call, or by unpin where the walk is left early.
 */
struct call_rcu_data *quiesce_queue_next(struct flavor *flavor, struct call_rcu_data *before);
void quiesce_queue_unpin(struct call_rcu_data *queue);

/* How many of queue's pins are the calling thread's: all that are left in a fork's child. */
unsigned int quiesce_queue_own_pins(const struct call_rcu_data *queue);

/* The worker whose callbacks the calling thread runs, of any flavor linked to this copy, or NULL. */
struct worker *quiesce_worker_current(void);

/* Whether the calling thread runs callbacks of this flavor. */
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

/* While the current worker waits in a hook for another thread's fork, it counts as paused. */
void quiesce_worker_step_aside(void);
void quiesce_worker_step_back(void);
