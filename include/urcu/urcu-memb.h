/* SPDX-License-Identifier: MIT */
/*
 * The flavor memb, the default: readers pay the compiler's order alone, sys_membarrier does the rest; where the
 * kernel refuses it, readers use full barriers as in mb.
 */
#ifndef URCU_URCU_MEMB_H
#define URCU_URCU_MEMB_H

#include <urcu/inline.h>
#include <urcu/pointer.h>
#include <urcu/static/urcu-memb.h>

#include <urcu/map/urcu-memb.h>
#define _URCU_DECLARE
#include <urcu/flavor-api.h>
#include <urcu/call-rcu.h>
#include <urcu/defer.h>
#include <urcu/flavor.h>
#include <urcu/urcu-poll.h>
#include <urcu/map/clear.h>

_URCU_EXTERN_C_BEGIN

_URCU_INLINE_VOID(urcu_memb_read_lock)
_URCU_INLINE_VOID(urcu_memb_read_unlock)
_URCU_INLINE_INT(urcu_memb_read_ongoing)

#define urcu_memb_dereference		rcu_dereference
#define urcu_memb_cmpxchg_pointer	rcu_cmpxchg_pointer
#define urcu_memb_xchg_pointer		rcu_xchg_pointer
#define urcu_memb_set_pointer		rcu_set_pointer

/*
 * Grace periods no longer wait for the thread, nor does one that is under way. Not in a section: that
 * is reported. To be called before the thread ends.
 */
extern void urcu_memb_unregister_thread(void);

/*
 * init: prepare the library. Runs by itself before main; for constructors that use RCU before
 * that. exit: what runs by itself at exit or dlclose (doc/design/exit.md). Either may be called
 * again and does nothing then.
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
