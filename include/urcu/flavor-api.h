/* SPDX-License-Identifier: MIT */
/*
 * What every flavor offers to readers and updaters, declared once. Each urcu/urcu-FLAVOR.h includes
 * this under its own names (urcu/map/urcu-FLAVOR.h), so synchronize_rcu below stands for
 * urcu_mb_synchronize_rcu, urcu_memb_synchronize_rcu and so on. No include guard, for that reason.
 * Included otherwise it declares nothing (_URCU_DECLARE).
 *
 * No function of the library is a cancellation point, whether it blocks or not: a pthread_cancel
 * waits for the program's next one, and callbacks that the calling thread runs put it off. Workers
 * are not cancelled. While cancelability is asynchronous nothing may be called but rcu_read_lock and
 * rcu_read_unlock. A thread that ends by pthread_exit or a cancel leaves its section and unregisters
 * in a cleanup handler (pthread_cleanup_push) or a destructor of thread-specific data; only bp does
 * the latter by itself. One that forgets is reported, and unregistered as it ends. A callback returns:
 * one that ends the thread which runs it (pthread_exit) is reported, and the others run on another.
 *
 * "In a section" below means: between the outermost rcu_read_lock and its rcu_read_unlock.
 */
#include <quiesce/check.h>
#include <urcu/compiler.h>

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * Enter and leave a read-side critical section. What rcu_dereference returned inside stays allocated
 * until the outermost unlock. They nest, never block, never fail, cost no atomic operation in memb
 * and bp and one in mb, and are async-signal-safe, in callbacks too. The thread must be registered
 * (bp registers by itself, at the first lock). In a fork's child the forking thread's section goes on.
 *
 * Compilers inline these and rcu_read_ongoing (urcu/inline.h) unless URCU_NO_INLINE is defined.
 * In a program that is compiled with DEBUG_RCU they check by assert(): lock, that the thread is
 * registered; unlock, that there is a section to leave; in qsbr both, that the thread is online.
 * Without it nothing is checked: after an unlock too many the thread's next section protects nothing. It is
 * set right, with a report, when the thread calls synchronize_rcu, rcu_barrier or another function that waits,
 * or unregisters. Grace periods of other threads do not wait for it; the first to meet one reports it.
 */
_URCU_DECLARE_SECTION(rcu_read_lock)
extern void rcu_read_lock(void) _URCU_SAFETY(acquire_shared_capability(_URCU_SECTION(rcu_read_lock)));
extern void rcu_read_unlock(void) _URCU_SAFETY(release_shared_capability(_URCU_SECTION(rcu_read_lock)));

/* Non-zero in a section; in qsbr, while online. Async-signal-safe. */
extern int rcu_read_ongoing(void);

/*
 * Make the calling thread a reader that grace periods wait for. Not in a section, and once until it
 * unregisters: a second call is reported and ignored. May take the registry's lock and allocate;
 * does not fail (without memory the reader goes on a slower list) and does not wait for readers, so
 * another thread's section may wait for it. Not async-signal-safe; not needed in callbacks, whose thread is
 * registered. bp: optional, as often as one likes, and in handlers, too. After a fork the child's only thread is
 * registered if the forking thread was.
 */
extern void rcu_register_thread(void);

/*
 * Wait until every section that was entered before the call has been left (a grace period). What
 * the caller stored before is seen by every section that begins after; what those sections loaded
 * or stored comes before whatever the caller does next. Blocks, as long as readers take. Callers
 * who arrive while a grace period runs share the next one. In a section mb, memb and bp would wait for
 * themselves: they report that and abort. qsbr knows no sections: the call is a quiescent state of an
 * online caller, who holds no pointer any more when it returns. The thread need not be registered; bp
 * registers it. May be called in a callback, a deferred call, a destructor, between the fork hooks, after
 * a fork with or without them, and after exit. Not async-signal-safe. Keeps errno.
 */
extern void synchronize_rcu(void) _URCU_SAFETY(locks_excluded(_URCU_SECTION(rcu_read_lock)));

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
