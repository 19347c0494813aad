/* SPDX-License-Identifier: MIT */
/*
 * A flavor as seen from outside: where in the memory of a process its state is, for debuggers and monitors that read
 * it with no help of the process (urcu-top, gdb, a core file). Each flavor's library exports one constant block,
 * quiesce_observed_mb, quiesce_observed_memb, quiesce_observed_bp or quiesce_observed_qsbr, found by its symbol.
 * doc/design/observed.md says how each part is read.
 *
 * Pointers and unsigned longs have the process's own size. Addresses are absolute, as the dynamic linker has left
 * them in the process; in the file they are not set yet. Offsets are in bytes, from the start of a structure.
 */
#ifndef QUIESCE_OBSERVED_H
#define QUIESCE_OBSERVED_H

#include <quiesce/version.h>

#define QUIESCE_OBSERVED_MAGIC		"quiesce"

/*
 * Grows when what stands below changes its meaning: who knows less stops there. What is added comes at the end,
 * and is told by size alone.
 */
#define QUIESCE_OBSERVED_VERSION	1

/* The bits of a worker's state that are of use outside. */
enum {
	QUIESCE_WORKER_THREAD	= 1 << 0,	/* a thread serves it */
	QUIESCE_WORKER_STARTING	= 1 << 1,	/* ...which is being made */
	QUIESCE_WORKER_BUSY	= 1 << 2,	/* a callback runs, or callbacks are being moved */
	QUIESCE_WORKER_IDLE	= 1 << 3,	/* sleeps until something is queued */
	QUIESCE_WORKER_LINGER	= 1 << 4,	/* sleeps for a moment, for callbacks to gather */
	QUIESCE_WORKER_PAUSE	= 1 << 6,	/* a fork waits for it, or has it wait */
	QUIESCE_WORKER_STOP	= 1 << 7,	/* is to end */
	QUIESCE_WORKER_GUEST	= 1 << 9,	/* the thread is a caller of rcu_barrier, standing in */
	QUIESCE_WORKER_WAITING	= 1 << 10	/* its callback waits for a grace period, or for a thread */
};

struct quiesce_observed {
	char magic[8];
	unsigned int version, size;	/* size: of this structure, in bytes */
	char flavor[8];			/* "memb" */

	/* ---- Grace periods ---- */
	const unsigned long *sequence;	/* twice how many are over, plus one while another is under way */
	const unsigned long *gp_ctr;	/* the number of the current one, in the high half; 1 in the low half */
	const int *gp_futex;		/* -1: the leader sleeps */
	const unsigned long *since;	/* 0, or since when the leader waits: ms of CLOCK_MONOTONIC, the lowest bit set */
	const void *const *leader;	/* its pthread_self, while it waits */
	const unsigned long *merged;	/* as in urcu/stats.h */
	const unsigned long *latency;	/* [1 .. latencies): as in urcu/stats.h; [0] is not used */
	unsigned long latencies;
	unsigned long announces;	/* qsbr: a reader's ctr is 0 while offline, else it is online */

	/* ---- Readers ---- */
	const void *const *const *readers;	/* the array's address: pointers to the readers */
	const unsigned long *registered;	/* in the array and beyond */
	const unsigned long *reader_count;	/* in the array */
	const unsigned long *reader_awaited;	/* so many, from the start, the current grace period waits for */
	const void *reader_beyond;	/* head of the list of those beyond the array, through reader_node */
	unsigned int reader_size;
	unsigned int reader_ctr;	/* unsigned long: low half: how deep in sections, high half: the number it began in */
	unsigned int reader_node;	/* two pointers: next, previous */
	unsigned int reader_thread;	/* pthread_t: its pthread_self */

	/* ---- Queues of callbacks ---- */
	const void *queue_standard;	/* the standard worker's queue */
	const void *queue_deferred;	/* that of deferred calls: its callbacks are the library's own */
	const void *queue_made;		/* head of the list of the program's own, through queue_node */
	unsigned int queue_size;
	unsigned int queue_node;	/* two pointers: next, previous */
	unsigned int queue_id;		/* unsigned long; of the standard one 0 */
	unsigned int queue_flags;	/* unsigned long: of create_call_rcu_data */
	unsigned int queue_cpu;		/* int; negative: bound to none */
	/* Chains of struct cds_wfcq_node, linked by its first word, ended by NULL. The first two: youngest first. */
	unsigned int queue_newest, queue_taken;
	unsigned int queue_turned, queue_waiting, queue_batch;
	/* unsigned long: the backlog is pushed - seen if newest is not NULL, and held. */
	unsigned int queue_pushed, queue_seen, queue_held;
	unsigned int queue_ran, queue_batches, queue_most;	/* unsigned long, as in urcu/stats.h */
	unsigned int queue_running;	/* pointer: the function that runs while the worker is busy, or ran last */
	unsigned int queue_server;	/* pointer to the worker that serves it */
	unsigned int queue_worker;	/* its own worker, in place */
	unsigned int head_node, head_func;	/* in struct rcu_head */

	/* ---- Workers ---- */
	unsigned int worker_size;
	unsigned int worker_state;	/* int: bits, QUIESCE_WORKER_... */
	unsigned int worker_thread;	/* pthread_t, while there is a thread that is not being made and no guest */
	unsigned int worker_serving;	/* pointer: the queue whose batch it runs, or NULL */
	unsigned int worker_wakeups;	/* unsigned long, as in urcu/stats.h */
	/* What queues that are no more have counted: four unsigned longs, ran, batches, most, wakeups. */
	const unsigned long *queue_gone;

	/* ---- What waits to be freed ---- */
	const void *stash_shared;	/* one stash, in place */
	const void *const *stash_list;	/* the first of the threads', or NULL; linked by stash_next */
	unsigned int stash_next;
	unsigned int stash_given, stash_freed;	/* unsigned long: pointers */
	unsigned int stash_bytes;	/* size_t: of one of them, about; 0: not known */

	/* ---- The process ---- */
	const unsigned long *forks;	/* as in urcu/stats.h */
	const void *const *fork_owner;	/* the pthread_self of the thread between the fork hooks, or NULL */
	const unsigned long *reports;
	const unsigned long *stalls;
};

#ifdef __cplusplus
extern "C" {
#endif

/* Each by its own library. A program itself has no use for them: it calls urcu_get_stats. */
extern const struct quiesce_observed quiesce_observed_mb, quiesce_observed_memb, quiesce_observed_bp,
	quiesce_observed_qsbr;

#ifdef __cplusplus
}
#endif

#endif /* QUIESCE_OBSERVED_H */
