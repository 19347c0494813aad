/* SPDX-License-Identifier: MIT */
/*
 * defer_rcu: callbacks that the queueing thread runs itself, from a queue of its own, in batches of
 * one grace period. Declared by each flavor's header, under its names (urcu/map/urcu-FLAVOR.h).
 */
#include <pthread.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Run fct(p) after a grace period, in this thread or in the defer worker. The thread must have
 * called rcu_defer_register_thread. When its queue is full the call waits for a grace period and
 * runs what is queued, so it must not be made in a section. Not from a callback that defer_rcu
 * runs. Calls of one thread run in the order they were made.
 */
extern void defer_rcu(void (*fct)(void *p), void *p);

/*
 * Give the calling thread a queue. Returns 0, or -ENOMEM, or another negative errno value if the
 * worker's thread cannot be made. Once until it unregisters.
 */
extern int rcu_defer_register_thread(void);

/* Run what the calling thread's queue holds, after a grace period, and free it. */
extern void rcu_defer_unregister_thread(void);

/*
 * Wait for a grace period and run what every thread has queued before. All of it has come to its end
 * when this returns, and what it did is seen; in the child of a fork all but a call that made the
 * fork. Not in a section, nor in a callback that defer_rcu runs.
 */
extern void rcu_defer_barrier(void);

/* The same for what the calling thread has queued. */
extern void rcu_defer_barrier_thread(void);

/* Check at the end of a program that no thread has a queue any more; reports it otherwise. */
extern void rcu_defer_exit(void);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
