/* SPDX-License-Identifier: MIT */
/*
 * The flavor mb: one full barrier a section, nothing asked of the kernel.
 */
#ifndef URCU_URCU_MB_H
#define URCU_URCU_MB_H

#include <urcu/pointer.h>
#include <urcu/static/urcu-mb.h>

#include <urcu/map/urcu-mb.h>
#include <urcu/flavor-api.h>
#include <urcu/call-rcu.h>
#include <urcu/defer.h>
#include <urcu/flavor.h>
#include <urcu/urcu-poll.h>
#include <urcu/map/clear.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifdef URCU_NO_INLINE
extern void urcu_mb_read_lock(void);
extern void urcu_mb_read_unlock(void);
extern int urcu_mb_read_ongoing(void);
#else
#define urcu_mb_read_lock	_urcu_mb_read_lock
#define urcu_mb_read_unlock	_urcu_mb_read_unlock
#define urcu_mb_read_ongoing	_urcu_mb_read_ongoing
#endif

/*
 * The thread's grace periods are no longer waited for. Not in a section: that is reported. A grace
 * period under way goes on without it. To be called before the thread ends.
 */
extern void urcu_mb_unregister_thread(void);

/*
 * init: prepare the library. Runs by itself before main; for constructors that use RCU before
 * that. exit: what runs by itself at exit or dlclose (doc/design/exit.md). Either may be called
 * again and does nothing then.
 */
extern void urcu_mb_init(void);
extern void urcu_mb_exit(void);

/* For programs that are written for qsbr as well; here a thread has no such states. */
static inline void urcu_mb_quiescent_state(void) { }
static inline void urcu_mb_thread_offline(void) { }
static inline void urcu_mb_thread_online(void) { }

#ifdef __cplusplus
}
#endif

#endif

#ifdef URCU_API_MAP
#include <urcu/map/urcu-mb.h>
#endif
