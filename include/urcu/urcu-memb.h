/* SPDX-License-Identifier: MIT */
/*
 * The flavor memb, the default: readers pay the compiler's order alone, sys_membarrier does the rest; where the
 * kernel refuses it as the library is loaded, readers use full barriers as in mb. That is decided once. If the
 * kernel grants it and refuses it later, writers visit all CPUs instead (sched_setaffinity of the calling
 * thread, which gets its own mask back); refused that, too, they report it and abort.
 */
#ifndef URCU_URCU_MEMB_H
#define URCU_URCU_MEMB_H

#include <urcu/inline.h>
#include <urcu/pointer.h>
#include <urcu/static/urcu-memb.h>

#include <urcu/map/urcu-memb.h>
#define _URCU_DECLARE
#include <urcu/flavor-api.h>
#include <urcu/backlog.h>
#include <urcu/call-rcu.h>
#include <urcu/defer.h>
#include <urcu/flavor.h>
#include <urcu/free-rcu.h>
#include <urcu/stats.h>
#include <urcu/urcu-poll.h>
#include <urcu/map/clear.h>

_URCU_EXTERN_C_BEGIN

_URCU_INLINE_VOID(urcu_memb_read_lock)
_URCU_INLINE_VOID(urcu_memb_read_unlock)
_URCU_INLINE_INT(urcu_memb_read_ongoing)
_URCU_INLINE_POINTER(urcu_memb_free_rcu)

#define urcu_memb_dereference		rcu_dereference
#define urcu_memb_cmpxchg_pointer	rcu_cmpxchg_pointer
#define urcu_memb_xchg_pointer		rcu_xchg_pointer
#define urcu_memb_set_pointer		rcu_set_pointer

/*
 * From now on grace periods do not wait for the thread, nor does one that is under way. Not in a section:
 * that is reported, and the section protects no more. A thread that is not registered is reported. To be
 * called before the thread ends; it may be in a destructor of thread-specific data. Not in a callback: the
 * thread is the library's. Does not wait for readers. Not async-signal-safe. Keeps errno.
 */
extern void urcu_memb_unregister_thread(void);

/*
 * init: prepare the library. Runs by itself before main; for constructors that use RCU before that. The
 * first call decides whether readers rely on membarrier; all others, at any time, do nothing.
 *
 * exit: run what is queued and stop the threads, as at exit (urcu/call-rcu.h) and within its limit. Then
 * everything may go on: the next call_rcu makes a thread. At any time, any number of times, from any
 * thread; other threads may use RCU meanwhile. In a section or a callback it runs nothing that is queued;
 * between the fork hooks, and in a fork's child that has not used RCU yet and had no hooks, it waits for
 * nothing.
 */
extern void urcu_memb_init(void);
extern void urcu_memb_exit(void);

/* For programs that are written for qsbr as well; here a thread has no such states. */
static inline void urcu_memb_quiescent_state(void) { }
static inline void urcu_memb_thread_offline(void) { }
static inline void urcu_memb_thread_online(void) { }

_URCU_EXTERN_C_END

#endif

#ifdef URCU_API_MAP
#include <urcu/map/urcu-memb.h>
#endif
