/* SPDX-License-Identifier: MIT */
/*
 * The flavor qsbr: sections cost nothing. A registered thread is online, and in a section from one
 * announced quiescent state to the next, so it must announce them, or go offline while it waits for
 * something. Functions of this library that wait (synchronize_rcu, rcu_barrier, the fork hooks, ...)
 * take an online caller offline meanwhile: for them the call is a quiescent state.
 */
#ifndef URCU_URCU_QSBR_H
#define URCU_URCU_QSBR_H

#include <urcu/inline.h>
#include <urcu/pointer.h>
#include <urcu/static/urcu-qsbr.h>

#include <urcu/map/urcu-qsbr.h>
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

_URCU_INLINE_VOID(urcu_qsbr_read_lock)
_URCU_INLINE_VOID(urcu_qsbr_read_unlock)
_URCU_INLINE_INT(urcu_qsbr_read_ongoing)
_URCU_INLINE_POINTER(urcu_qsbr_free_rcu)

/*
 * quiescent_state: the thread, which is online, holds no pointer that rcu_dereference gave it
 * earlier. A load and a compare if no grace period has begun since the last one; else a full barrier.
 *
 * thread_offline, thread_online: between the two the thread enters no section, and grace periods do
 * not wait for it. Both are quiescent states. They do not nest: a second call changes nothing.
 *
 * All three: registered threads only; not in what the program takes for a section; never block;
 * not async-signal-safe. Inline bodies as the readers'.
 */
extern void urcu_qsbr_quiescent_state(void);
extern void urcu_qsbr_thread_offline(void);
extern void urcu_qsbr_thread_online(void);
_URCU_INLINE_VOID(urcu_qsbr_quiescent_state)
_URCU_INLINE_VOID(urcu_qsbr_thread_offline)
_URCU_INLINE_VOID(urcu_qsbr_thread_online)

#define urcu_qsbr_dereference		rcu_dereference
#define urcu_qsbr_cmpxchg_pointer	rcu_cmpxchg_pointer
#define urcu_qsbr_xchg_pointer		rcu_xchg_pointer
#define urcu_qsbr_set_pointer		rcu_set_pointer

/* As in urcu/urcu-memb.h, and a quiescent state. The thread may be online; register_thread makes it so. */
extern void urcu_qsbr_unregister_thread(void);

/*
 * Run what is queued and stop the threads, as at exit (urcu/call-rcu.h) and within its limit. Then
 * everything may go on. For an online caller it is a quiescent state. Anything else as in urcu/urcu-memb.h.
 */
extern void urcu_qsbr_exit(void);

/* For programs that are written for other flavors as well. */
static inline void urcu_qsbr_init(void) { }

_URCU_EXTERN_C_END

#endif

#ifdef URCU_API_MAP
#include <urcu/map/urcu-qsbr.h>
#endif
