/* SPDX-License-Identifier: MIT */
/*
 * defer_rcu: calls that a thread keeps in a queue of its own, run in batches of one grace period. Declared
 * by each flavor's header, under its names (urcu/map/urcu-FLAVOR.h).
 *
 * Deferred calls are no callbacks: rcu_barrier does not wait for them, and they may call rcu_barrier,
 * synchronize_rcu and call_rcu, or wait for a callback. They run in a thread of the library's that runs
 * nothing else, one for each flavor, or in whoever calls a function below that says so. Calls of one thread
 * run in the order they were made, one at a time; those of different threads may run at the same time.
 *
 * That thread is made at the first rcu_defer_register_thread and stays until exit; its policy, affinity
 * and signals are as those of a worker made there (urcu/call-rcu.h). exit runs what is queued, after the
 * callbacks, in the same function and within the same limit. call_rcu_before_fork waits for the call that it is
 * in for a second at most; what has not run then of that call the child does not have.
 *
 * None of these is async-signal-safe. All but rcu_defer_register_thread keep errno.
 */
#include <pthread.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Run fct(p) after a grace period, in the library's thread or in this one: when the queue is full, the call
 * waits for a grace period and runs what is queued. So it must not be made in a section: if it has to wait there,
 * that is reported, and the process aborts. The thread must have called rcu_defer_register_thread; if not, that is
 * reported, and fct(p) is run at once, after a grace period. The same in a deferred call that this thread runs, if
 * its queue is full: fct(p) then comes before what is queued. May be called in a callback of call_rcu. If the
 * library's thread cannot be made, of the later calls one in 2 tries again, then one in 4, down to one in 256.
 */
extern void defer_rcu(void (*fct)(void *p), void *p);

/*
 * Give the calling thread a queue (32 KB), and make the library's thread: before a sandbox closes. Returns 0
 * or -ENOMEM. A thread that cannot be made is no error: it is reported once, and defer_rcu tries again.
 * Once until the thread unregisters: a second call is reported and returns 0. Anywhere but in a deferred
 * call. In the child of a fork the forking thread still has its queue.
 */
extern int rcu_defer_register_thread(void);

/*
 * Run in this thread what its queue holds, after a grace period, and free it. Not in a section, which is reported
 * and aborts if there is something to run, nor in a deferred call of this queue: reported, and the thread stays
 * registered. To be called before the thread ends; it may be in a destructor of thread-specific data. Without a
 * queue that is reported.
 */
extern void rcu_defer_unregister_thread(void);

/*
 * Wait for a grace period and run in this thread what every thread has queued before. All of it has come to
 * its end when this returns, and what it did is seen; in the child of a fork all but a call that made the
 * fork. Not in a section, which is reported and aborts if there is something to run, nor in a deferred call:
 * reported, and it returns without waiting; in a callback only if no deferred call waits for it.
 */
extern void rcu_defer_barrier(void);

/*
 * The same for what the calling thread has queued. May be called in a deferred call of another queue. Without a queue
 * that is reported.
 */
extern void rcu_defer_barrier_thread(void);

/* Check at the end of a program that no thread has a queue any more; reports it otherwise. Waits for nothing. */
extern void rcu_defer_exit(void);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
