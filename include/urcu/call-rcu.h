/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: call_rcu, its workers, its barrier and its fork hooks, for every flavor. The
 * types stand under a guard; the functions are declared by each flavor's header, under its names
 * (urcu/map/urcu-FLAVOR.h).
 */
#ifndef URCU_CALL_RCU_H
#define URCU_CALL_RCU_H

#include <pthread.h>
#include <stdlib.h>

#include <urcu/compiler.h>
#include <urcu/wfcqueue.h>

/*
 * One queued callback, embedded in the object that it will free or change. The library's from
 * call_rcu until func is called, which may free it or queue it again.
 */
struct rcu_head {
	struct cds_wfcq_node next;
	void (*func)(struct rcu_head *head);
};

/* A worker: a queue of callbacks and the thread that runs them. */
struct call_rcu_data;

/* Flag of create_call_rcu_data: run callbacks at once instead of lingering to gather some. */
#define URCU_CALL_RCU_RT	(1U << 0)
/* States that liburcu has published; kept for programs that name them, in use by no function. */
#define URCU_CALL_RCU_RUNNING	(1U << 1)
#define URCU_CALL_RCU_STOP	(1U << 2)
#define URCU_CALL_RCU_STOPPED	(1U << 3)
#define URCU_CALL_RCU_PAUSE	(1U << 4)
#define URCU_CALL_RCU_PAUSED	(1U << 5)

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Run func(head) in a worker's thread, after a grace period. head is intrusive: nothing is
 * allocated and nothing fails. The worker is the calling thread's own (set_thread_call_rcu_data),
 * else its CPU's (set_cpu_call_rcu_data), else the default one. Callbacks that one thread queues on
 * one worker run in that order, one at a time. What the caller did before happens before func.
 *
 * Never blocks and takes no lock; it may wake the worker, or start its thread, and in a flood that the
 * worker is behind with it yields the processor now and then (sched_yield). If no thread can be
 * made (EAGAIN), that is reported once, the callback stays queued and the next call tries again.
 * May be called in a section, from a callback, from a destructor, after a fork. The thread should
 * be registered; it must be if workers come and go (free_all_cpu_call_rcu_data) at the same time.
 * func may use RCU readers, call_rcu and synchronize_rcu, but not rcu_barrier.
 */
extern void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));

/*
 * Wait until every callback queued before the call, by any thread on any worker, has run. Callbacks
 * that those queue in turn are not waited for. Idle, it costs a look at each worker. In a section
 * or in a callback it could never return: it reports that and returns at once. Not
 * async-signal-safe. May be called from several threads at once, and after a fork.
 */
extern void rcu_barrier(void);

/*
 * Make a worker, with its thread. flags: 0 or URCU_CALL_RCU_RT. cpu_affinity: the CPU to bind the
 * thread to, as far as the kernel allows; negative: none. Returns NULL with errno ENOMEM or EAGAIN
 * (no thread). Flags that it does not know are ignored. To be freed by call_rcu_data_free.
 */
extern struct call_rcu_data *create_call_rcu_data(unsigned long flags, int cpu_affinity);

/*
 * Stop a worker's thread after the callback it runs and free it; callbacks not yet run move to the
 * default worker. NULL and the default worker are left alone. Nobody may still use crdp: unset it
 * (set_thread_call_rcu_data, set_cpu_call_rcu_data), and after taking it from a CPU wait for a
 * grace period. Blocks until the worker has stopped; not in a section, nor in one of the worker's
 * own callbacks: there it reports that and does nothing.
 */
extern void call_rcu_data_free(struct call_rcu_data *crdp);

/* The default worker, made at the first use. Never NULL. It lives as long as the library. */
extern struct call_rcu_data *get_default_call_rcu_data(void);

/* The worker that call_rcu would use now: the thread's own, else its CPU's, else the default. */
extern struct call_rcu_data *get_call_rcu_data(void);

/* The thread that runs crdp's callbacks, for pthread_kill or scheduling; not to be joined. */
extern pthread_t get_call_rcu_thread(struct call_rcu_data *crdp);

/* The calling thread's own worker, or NULL. In a callback: the worker that runs it. */
extern struct call_rcu_data *get_thread_call_rcu_data(void);

/* Make crdp the calling thread's own worker; NULL: none. Several threads may share one. */
extern void set_thread_call_rcu_data(struct call_rcu_data *crdp);

/*
 * The worker of a CPU, or NULL: none, or no such CPU. The caller must be in a section, or know
 * otherwise that nobody frees it.
 */
extern struct call_rcu_data *get_cpu_call_rcu_data(int cpu);

/*
 * Make crdp the worker of a CPU; NULL: none. Returns 0, or -EINVAL (no such CPU), -EEXIST (it has
 * one, and crdp is not NULL) or -ENOMEM, and then errno is set to the same.
 */
extern int set_cpu_call_rcu_data(int cpu, struct call_rcu_data *crdp);

/*
 * Make a worker for each CPU that has none, bound to it. flags as for create_call_rcu_data.
 * Returns 0, or a negative value with errno set; workers made until then stay.
 */
extern int create_all_cpu_call_rcu_data(unsigned long flags);

/*
 * Take every CPU's worker away, wait for a grace period, and free them. Not in a section. Callbacks
 * not yet run move to the default worker.
 */
extern void free_all_cpu_call_rcu_data(void);

/*
 * Fork hooks: call before_fork, fork, then after_fork_parent in the parent (also if fork failed)
 * and after_fork_child in the child, all in the forking thread. They nest, and one thread at a time
 * is between them. before_fork waits for callbacks that run at that moment to return (not for
 * their batch, nor for readers); until after_fork_parent no callback begins. In the child the
 * forking thread is the only reader, registered if it was; every callback still queued at the fork
 * is there too and runs once, when RCU is next used or at exit; CPUs and the thread have no worker
 * of their own any more. A callback that was in the middle of synchronize_rcu, when the forking
 * thread was in a section, or of forking itself, or waited in call_rcu_data_free or rcu_defer_barrier
 * for another thread, ends there in the child. May be called in a section and in a callback; not
 * async-signal-safe.
 */
extern void call_rcu_before_fork(void);
extern void call_rcu_after_fork_parent(void);
extern void call_rcu_after_fork_child(void);

/*
 * Let every fork() of the process call the three hooks, by pthread_atfork: once, however often and by
 * however many threads this is called; hooks called by hand as well nest. Returns 0, or the error of
 * pthread_atfork (ENOMEM; the next call tries again). Lasts until the library is closed, when no other
 * thread may be in fork. To be called early, in main or in a constructor. Calls malloc; not
 * async-signal-safe. vfork, posix_spawn and _Fork run no handlers, and need none.
 *
 * Prepare handlers run in reverse order of registration. Ours comes before those that were registered
 * earlier, those of allocators among them (this calls malloc first): what they lock callbacks may use.
 * It comes after those that were registered later: what these lock, no callback may wait for, or fork
 * never returns (that is reported after 10 s). A library with such a lock calls call_rcu_before_fork
 * first in its prepare handler, and the other two hooks last in its other handlers.
 */
extern int urcu_atfork_enable(void);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
