/* SPDX-License-Identifier: MIT */
/*
 * What waits: how much it is, a limit for it, and waiting for it with a deadline. None of this is in liburcu:
 * a program that may be built with either asks for URCU_HAVE_BACKLOG. Declared by each flavor's header, under
 * its names (urcu/map/urcu-FLAVOR.h). doc/memory.md says which call is for what.
 *
 * All functions keep errno. None is async-signal-safe, none is a cancellation point.
 */
#ifndef URCU_BACKLOG_H
#define URCU_BACKLOG_H

#include <stddef.h>

#include <urcu/compiler.h>

#define URCU_HAVE_BACKLOG	1

/* How much waits in a flavor. It grows at the end alone, into what is reserved: the size stays. */
struct urcu_backlog {
	/*
	 * Callbacks that are queued and have not begun, on all workers: about, while they are queued or run. Of
	 * what several threads queue at once some may be missed until the worker takes it. Deferred calls
	 * are none.
	 */
	unsigned long callbacks;
	/*
	 * What was given to urcu_free_rcu and has not been freed, about: so many pointers, and for each the size of
	 * some that the same thread gave last (malloc_usable_size, of the allocator that the program has), and 16
	 * bytes (on 32 bits 8) for the pointer and what the allocator has in front of an object. 0 with a
	 * function in free's place (urcu_free_rcu_with), whose sizes nobody knows.
	 */
	size_t bytes;
	/* How often somebody waited for the limit, to queue or to fork, and how often he went beyond it, in all. */
	unsigned long waits, overruns;
	unsigned long reserved[4];	/* 0 */
};

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * rcu_barrier, for timeout_ms milliseconds at most. Returns 0; -ETIMEDOUT if callbacks that were queued, or
 * pointers that were given to urcu_free_rcu, before the call may be left, which will run, or be freed, as if nobody
 * had waited; or -EDEADLK, at once and without a report, where rcu_barrier could never return: in a section (in
 * qsbr an online caller goes offline meanwhile), in a callback of the same flavor, and between the calling thread's
 * fork hooks. 0 milliseconds: a look. Unlike rcu_barrier it runs no callback itself: where no thread can be had,
 * and after exit, it returns -ETIMEDOUT if anything is queued. While another thread is between its fork hooks it
 * may take as long as these.
 */
extern int urcu_barrier_timeout(unsigned int timeout_ms);

/*
 * Wait until nothing is queued, on any worker, and no callback runs: for callbacks that queue callbacks. So, too,
 * for deferred calls, of all threads, and for what was given to urcu_free_rcu. What all of them did is seen by the
 * caller. Returns 0, or as urcu_barrier_timeout: -ETIMEDOUT with the rest left queued, -EDEADLK also in a deferred
 * call. 0 milliseconds: a look. Where other threads go on queueing, or a callback queues itself for ever, it takes
 * all of the time. A clock that a program has put in the place of the system's may stretch it.
 */
extern int urcu_drain(unsigned int timeout_ms);

/*
 * Have the standard worker's thread end, after the callback that it runs and the grace period that it waits for,
 * and be joined. What is queued stays queued. The next call_rcu on that worker makes another thread, as do
 * rcu_barrier, get_default_call_rcu_data and all else that needs it; a barrier that is waiting, too. So call
 * urcu_drain before it, and let no other thread call anything. For programs that do what the kernel allows to a
 * single thread alone (unshare(2), setns(2)), and counts one that was joined for a moment longer;
 * rcu_defer_register_thread makes a thread as well, which stays. The thread's end has no limit: no lock may be held
 * that the callback it runs, or a destructor of its thread-specific data, wants. Returns 0, also if there was no
 * thread, or -EDEADLK in a section (in qsbr an online caller goes offline meanwhile), in a callback of the same
 * flavor, and between the fork hooks.
 */
extern int urcu_stop_default_worker(void);

/*
 * Look how much waits. Anywhere: in a section, in a callback, between the fork hooks. Waits for no more than a lock
 * that another thread has between its own fork hooks.
 */
extern void urcu_get_backlog(struct urcu_backlog *backlog);

/*
 * Keep what waits below so many bytes (of urcu_free_rcu) and so many callbacks; 0: no limit, as it is at
 * first. A child of fork keeps the limits.
 *
 * From half of a limit on workers do not linger. Whoever calls call_rcu while what waits has come to the limit
 * waits until it is less; so does urcu_free_rcu, which looks at each 256th pointer of a thread. He does not wait, and
 * the callback is queued beyond the limit (overruns),
 *
 *	in a section; in qsbr, while online, since what he holds would no longer be protected;
 *	in a callback or a deferred call, whoever runs it;
 *	while any thread is between the fork hooks;
 *	on a worker with URCU_CALL_RCU_RT, on one that has no thread (yet), after exit;
 *	when he has waited for half a second;
 *	when somebody has waited so and no worker has come to the end of a batch since.
 *
 * The first four are of the flavors that this copy of the library has: all that are linked statically, else one.
 * The last two are for what the library cannot know: that the caller holds a lock which a callback wants, or
 * a reader in its section. Such a call takes half a second; it should not be made with a lock like that held.
 *
 * Several threads that queue at once may pass the limit by a callback each, and by what the count misses
 * (struct urcu_backlog); where the program has made workers, by 64 for each of these. Anywhere, at any time;
 * who waits already looks again.
 */
extern void urcu_set_backlog_limit(size_t bytes, unsigned long callbacks);

/*
 * Have handler(backlog, arg) called when the limit is passed: in call_rcu, by the thread that finds it so first,
 * before it waits or queues its callback; and again when it is passed after somebody has found less. NULL: none. It
 * may be called in a section, in a callback and with whatever the caller holds, so it must not wait. A call_rcu that
 * it makes may call it again. Two threads may be in it at once. A child of fork keeps it. To be set before the limit:
 * a thread that queues meanwhile may give the old handler the new argument.
 */
extern void urcu_set_backlog_handler(void (*handler)(const struct urcu_backlog *backlog, void *arg), void *arg);

/*
 * Have call_rcu_before_fork (urcu/call-rcu.h), by hand or through urcu_atfork_enable, wait for what is at the limit or
 * beyond it, for timeout_ms milliseconds at most; 0: never, as it is at first, and without a limit. The child then
 * does not copy what nobody will use. It waits until it is less than the limit, before it pauses any worker, and has
 * workers linger no more; so other threads fork meanwhile, and each for which it is too much waits so. (In qsbr an
 * online caller goes offline, as it does in that hook anyway.) It does not wait, and the fork is made beyond the limit
 * (overruns),
 *
 *	in a section, also of another flavor; in a callback or a deferred call, whoever runs it;
 *	while the caller itself is between hooks: other threads may wait for those. So of the hooks of several
 *		flavors the first one waits. One that is nested in another of its own flavor is of the same fork,
 *		and is not counted;
 *	where no worker has a thread (in a child that has not used RCU yet), and after exit;
 *	when a producer has waited in vain and no worker has come to the end of a batch since, as above;
 *	when timeout_ms milliseconds are over.
 *
 * That of other flavors it sees in this copy of the library alone. A caller that holds a lock which a callback wants
 * breaks the rule of the hooks; he waits for all of the time first. A child of fork keeps it. Anywhere, at any time.
 */
extern void urcu_set_fork_drain(unsigned int timeout_ms);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
