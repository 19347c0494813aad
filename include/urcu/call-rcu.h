/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: call_rcu, its workers, its barrier and its fork hooks, for every flavor. The
 * types stand under a guard; the functions are declared by each flavor's header, under its names
 * (urcu/map/urcu-FLAVOR.h).
 *
 * ORDER. A worker runs callbacks one at a time. If call_rcu of A happens before call_rcu of B (in one
 * thread, or by a lock, an atomic object, a join) and both went to the same worker, A has returned
 * before B begins, and what A did is seen by B. Between two workers there is no order.
 *
 * THREAD. Each worker has one thread. It has the scheduling policy, the priority and the affinity of the
 * thread that made it: of whoever called create_call_rcu_data, or for the standard worker
 * get_default_call_rcu_data or the first call_rcu. The library changes them afterwards in one case: it
 * binds workers that were made for a CPU. All signals are blocked but SIGSEGV, SIGBUS, SIGILL, SIGFPE,
 * SIGTRAP and SIGSYS, which stay as they were in that thread. Cancels are off. The thread is registered;
 * in qsbr it is online while it runs callbacks, and announces a quiescent state after each. A callback
 * that calls call_rcu queues on the worker that runs it, unless it chooses another.
 *
 * Where no thread can be made, and after exit has stopped them, callbacks run in callers of rcu_barrier,
 * one at a time and in order as well.
 *
 * TIME. The first callback after a while is run at once, after a grace period. Those that are queued up
 * to 10 ms after a batch are run together, unless 1024 are queued or somebody waits in rcu_barrier. A
 * worker with URCU_CALL_RCU_RT gathers none, but is not woken either: it looks every 10 ms.
 *
 * EXIT. The first call_rcu (or defer_rcu) of a flavor registers a function with atexit. In exit this one
 * waits until what is queued by then has run, as rcu_barrier does, then lets the callback that runs
 * return, begins no other, and stops the threads. All that takes at most 1 s a flavor, whatever holds it up; the
 * environment variable URCU_EXIT_TIMEOUT sets it in milliseconds (0: nothing is waited for, and nothing
 * run; a day at most; what is no number counts as unset; ignored in programs that run with more rights than who
 * started them). What has not run by then never does, and nothing is said of it.
 *
 *	what was registered with atexit, or constructed, before that first call runs or is destroyed
 *	afterwards: callbacks find it whole. What came later is gone before: a callback that uses such an
 *	object is waited for by rcu_barrier in the object's destructor.
 *	afterwards everything can be called, in destructors and in threads that go on: call_rcu queues and
 *	starts no thread; rcu_barrier runs what it waits for in its caller. What is queued and not waited
 *	for does not run.
 *	quick_exit, _exit, abort and signals that kill run nothing.
 *	exit in a section (not qsbr's), in a callback, or in a deferred call that the library's thread runs:
 *	nothing that is queued is run; callbacks that run on other workers are let return.
 *	exit in a signal handler: as elsewhere, unless the interrupted thread was in the library with a lock
 *	held; then the limit passes, and nothing is run.
 *	exit between the fork hooks: nothing is run or waited for.
 *	exit in a fork's child, with the hooks: as in any process; what was inherited runs. Without the hooks:
 *	the same if the child has had a worker's thread of its own (by call_rcu, rcu_barrier, ...), else
 *	nothing.
 *	a fork in exit, when what was queued has run: the child of the thread that called exit is in exit as its
 *	parent is; that of another thread is not, and its own exit is as any.
 *
 * Statically linked programs and plug-ins (dlopen) get the same. dlclose, when it unloads the library, does
 * what exit does.
 *
 * FORK. Between its fork hooks a thread may use sections, synchronize_rcu, call_rcu, polls,
 * get_default_call_rcu_data, those that set and get workers, the functions of urcu/defer.h, and
 * urcu_register_rculfhash_atfork and its companion. But what waits for readers or for deferred calls never
 * returns there if these wait for the fork (in call_rcu_before_fork, rcu_barrier, create_call_rcu_data).
 * rcu_barrier, create_call_rcu_data, create_all_cpu_call_rcu_data, call_rcu_data_free and
 * free_all_cpu_call_rcu_data would wait for themselves: they report that, and what they say below. Those of
 * urcu/backlog.h that would wait return -EDEADLK.
 *
 * All functions keep errno unless they say that they set it. None is async-signal-safe. None is a
 * cancellation point.
 */
#ifndef URCU_CALL_RCU_H
#define URCU_CALL_RCU_H

#include <pthread.h>
#include <stdlib.h>

#include <quiesce/check.h>
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

/*
 * Flag of create_call_rcu_data: producers wake nobody. Once the worker has its thread and its first
 * callback, call_rcu to it makes no system call; the worker looks every 10 ms for what to run.
 */
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
 * else its CPU's (set_cpu_call_rcu_data), else the standard one. Order, thread, time and exit: above.
 * What the caller did before happens before func.
 *
 * A head that is queued again before its func was called: reported, and it runs once, as long as the worker
 * has not taken it yet; but what was queued before it since the worker last took any may be lost. Once the
 * worker has taken it, that goes unnoticed, since nothing in a head tells it from memory that was never
 * set: others are lost, or run too early, or again and again.
 *
 * Does not sleep, unless the program has set a limit (urcu/backlog.h). Does not yield, or touch any thread's CPU or
 * priority. It may wake the worker. The first one to a worker may make its thread, and registers with atexit: a
 * lock of the C library's, and memory. If no thread can be made, that is reported once, the callback stays queued,
 * and later calls try again: one in 2, then in 4, down to one in 256; so does whoever waits in rcu_barrier.
 *
 * May be called in a section, from a callback, from a destructor, between the fork hooks, after a fork
 * with or without them, after exit. The thread should be registered; it must be if workers come and go
 * (free_all_cpu_call_rcu_data) at the same time. In qsbr it may be offline: it is online while it queues on a CPU's
 * worker. func returns (pthread_exit is reported), and may use sections, call_rcu and synchronize_rcu, but not
 * rcu_barrier.
 */
extern void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));

/*
 * Wait until every callback whose call_rcu happens before this call, on any worker, has run; what they did is seen
 * by the caller. Callbacks that those queue in turn are not waited for, nor are deferred calls. What was given to
 * urcu_free_rcu before, or by those callbacks, is freed when it returns (urcu/free-rcu.h); it may be in this
 * thread. Idle, it costs a look at each worker. Where there can be no thread, or after exit, the callbacks run in
 * the calling thread.
 *
 * In a section (in qsbr an online caller goes offline meanwhile), in a callback of the same flavor, and
 * between the calling thread's fork hooks it could never return: it reports that and returns at once. In a
 * deferred call, in a destructor and after a fork it waits as anywhere. Any number of threads at once.
 */
extern void rcu_barrier(void) _URCU_SAFETY(locks_excluded(_URCU_SECTION(rcu_read_lock)));

/*
 * Make a worker, with its thread. flags: 0 or URCU_CALL_RCU_RT; others are ignored. cpu_affinity: the CPU
 * to bind the thread to; negative: none. It binds itself when its first callbacks are due, so that a CPU
 * without work is left alone, and again when it finds itself elsewhere, which it looks for every 256
 * batches: the kernel frees a thread whose CPU goes away. If the kernel refuses, it runs unbound.
 *
 * Returns NULL with errno ENOMEM, the error of pthread_create (EAGAIN), or between the calling thread's
 * fork hooks, with a report, EDEADLK. After exit: a worker without a thread, whose callbacks run in
 * rcu_barrier. To be freed by call_rcu_data_free. May be called in a section and in a callback.
 */
extern struct call_rcu_data *create_call_rcu_data(unsigned long flags, int cpu_affinity);

/*
 * Stop a worker's thread after the callback it runs, and free it. Callbacks not yet run move to the
 * standard worker, which runs them in their order, and before whatever is queued on it afterwards. NULL and
 * the standard worker are left alone. Nobody may still use crdp: unset it (set_thread_call_rcu_data,
 * set_cpu_call_rcu_data), and after taking it from a CPU wait for a grace period.
 *
 * Blocks until the thread has ended, its destructors of thread-specific data included. May be called in
 * another worker's callback. In a section (not qsbr's), in one of the worker's own callbacks, and between
 * the calling thread's fork hooks: it reports that and the worker stays.
 */
extern void call_rcu_data_free(struct call_rcu_data *crdp);

/*
 * The standard worker (liburcu: default). Never NULL; it lives as long as the library. Its thread is
 * there when this returns, or being made by another thread: so a program calls this before it closes a
 * sandbox. If it cannot be made, that is reported once. Starts none after exit. May be called in a section
 * and in a callback.
 */
extern struct call_rcu_data *get_default_call_rcu_data(void);

/*
 * The worker that call_rcu would use now: the thread's own, else its CPU's, else the standard one (as
 * get_default_call_rcu_data). If it may be a CPU's: as get_cpu_call_rcu_data.
 */
extern struct call_rcu_data *get_call_rcu_data(void);

/*
 * The thread that runs crdp's callbacks, for pthread_kill or scheduling; not to be joined. Starts it if it
 * is not there (in a fork's child, after rcu_exit). Returns 0 (null, where pthread_t is a pointer) where there
 * is none and none can be made, which is reported once, and when exit has stopped it: then callers of
 * rcu_barrier run the callbacks. It names the thread as long as there is no exit, rcu_exit, fork or
 * call_rcu_data_free, and no callback calls pthread_exit. May wait for another thread that is making it.
 */
extern pthread_t get_call_rcu_thread(struct call_rcu_data *crdp);

/*
 * The calling thread's own worker, or NULL. In a callback: the worker that runs it, which may be the
 * standard one in place of one that was freed.
 */
extern struct call_rcu_data *get_thread_call_rcu_data(void);

/*
 * Make crdp the calling thread's own worker; NULL: none. Several threads may share one. To be unset before
 * crdp is freed. Anywhere; in a callback it holds for those after it on this thread, too.
 */
extern void set_thread_call_rcu_data(struct call_rcu_data *crdp);

/*
 * The worker of a CPU, or NULL: none, or no such CPU. The caller must be in a section, or know
 * otherwise that nobody frees it.
 */
extern struct call_rcu_data *get_cpu_call_rcu_data(int cpu);

/*
 * Make crdp the worker of a CPU; NULL: none. Returns 0, or -EINVAL (no such CPU), -EEXIST (it has
 * one, and crdp is not NULL) or -ENOMEM, and then errno is set to the same. CPUs are all that the kernel
 * may ever have, whether online or allowed to this process. Anywhere, from any thread.
 */
extern int set_cpu_call_rcu_data(int cpu, struct call_rcu_data *crdp);

/*
 * Make a worker for each CPU that has none, bound to it as create_call_rcu_data says. flags: as there.
 * Returns 0, or a negative errno value with errno set to it, as create_call_rcu_data and
 * set_cpu_call_rcu_data have them; workers made until then stay. Not in a section. Between the calling thread's
 * fork hooks that is EDEADLK, reported, and none is made.
 */
extern int create_all_cpu_call_rcu_data(unsigned long flags);

/*
 * Take every CPU's worker away, wait for a grace period, and free them as call_rcu_data_free does.
 * Callbacks not yet run move to the standard worker. Not in a section (as synchronize_rcu). In a callback
 * of one of them it takes them away and reports that this one is not freed. Between the calling thread's
 * fork hooks it reports that and does nothing.
 */
extern void free_all_cpu_call_rcu_data(void);

/*
 * Fork hooks: call before_fork, fork, then after_fork_parent in the parent (also if fork failed)
 * and after_fork_child in the child, all in the forking thread. They nest, and one thread at a time
 * is between them. before_fork waits for callbacks that run at that moment to return (not for
 * their batch, nor for readers); until after_fork_parent no callback begins. In the child the
 * forking thread is the only reader, registered if it was; every callback still queued at the fork
 * is there too and runs once, on the standard worker, when RCU is next used or at exit; CPUs and the
 * thread have no worker of their own any more, nor may those that the parent made be used. A callback
 * that was in the middle of synchronize_rcu, when the forking thread was in a section, or of forking
 * itself, or waited in call_rcu_data_free or rcu_defer_barrier for another thread, ends there in the child.
 * May be called in a section and in a callback. If a callback has not returned after 10 s (quiesce/stall.h), that is
 * reported. In the child nothing may be called before
 * after_fork_child but rcu_read_lock and rcu_read_unlock. They nest up to as many deep as long has bits.
 *
 * Who forgets the hook after the fork stays between them: no callback runs, and other threads that call
 * before_fork, rcu_barrier, create_call_rcu_data or call_rcu_data_free wait for it. That looks like a slow
 * fork, and is reported where it no longer does: when the thread ends, or returns from the callback that
 * called before_fork, or calls that once more than they nest, or closes the library. The library then does
 * what the hooks would have done. A thread that is not registered (in bp: any) may end unnoticed in a process
 * that had made 32 keys of thread-specific data before the library was loaded (glibc). A hook for after the
 * fork while no thread is between them is reported and does nothing.
 *
 * A child of fork without the hooks may use all of RCU, too, and keeps its workers, which get threads when
 * they are next used: nothing that is called there hangs for the parent's threads. But nothing stood still
 * for it: the callback that ran at that moment is not in it, or half done, and at worst those are lost that
 * a worker was taking out of its queue at that very instruction. None runs twice.
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
