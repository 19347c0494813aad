/* SPDX-License-Identifier: MIT */
/*
 * The flavor bp ("bulletproof"): as memb, for code that owns no threads. A thread registers itself
 * at its first section and unregisters itself when it ends.
 *
 * A first section may be in a signal handler at any instruction, and in an allocator: registration
 * allocates nothing. So it sees the thread's end by its key of thread-specific data only where the C
 * library has room for that: in glibc, where the process had made fewer than 32 keys when the library
 * was loaded. Beyond that a thread stays registered after its end, until another comes whose
 * pthread_self() is the same: that one takes its place, and there are no more of them than threads
 * that lived at one time. A thread that ends in a section, without rcu_read_unlock, holds up grace
 * periods until then.
 *
 * One allocation is not ours: if the library was loaded by dlopen, the C library may allocate at a thread's
 * first access to its thread-local variables (where its reserve for them is used up, or the compiler has no
 * TLS descriptors). Such threads have a first section, or call urcu_bp_register_thread, outside of handlers.
 */
#ifndef URCU_URCU_BP_H
#define URCU_URCU_BP_H

#include <urcu/inline.h>
#include <urcu/pointer.h>
#include <urcu/static/urcu-bp.h>

#include <urcu/map/urcu-bp.h>
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

_URCU_INLINE_VOID(urcu_bp_read_lock)
_URCU_INLINE_VOID(urcu_bp_read_unlock)
_URCU_INLINE_INT(urcu_bp_read_ongoing)
_URCU_INLINE_POINTER(urcu_bp_free_rcu)

#define urcu_bp_dereference	rcu_dereference
#define urcu_bp_cmpxchg_pointer	rcu_cmpxchg_pointer
#define urcu_bp_xchg_pointer	rcu_xchg_pointer
#define urcu_bp_set_pointer	rcu_set_pointer

/* As rcu_dereference_sym and so on (urcu/pointer.h). */
extern void *urcu_bp_dereference_sym(void *p);
extern void *urcu_bp_set_pointer_sym(void **p, void *v);
extern void *urcu_bp_xchg_pointer_sym(void **p, void *v);
extern void *urcu_bp_cmpxchg_pointer_sym(void **p, void *old, void *_new);

/*
 * Fork hooks that do the registry alone and leave the workers be, for a program that uses no
 * call_rcu. They nest, and may stand inside or outside of the call_rcu hooks, in any order.
 */
extern void urcu_bp_before_fork(void);
extern void urcu_bp_after_fork_parent(void);
extern void urcu_bp_after_fork_child(void);

/*
 * For programs that are written for other flavors as well; here they do nothing. A thread unregisters as it
 * ends, and exit needs no call.
 */
static inline void urcu_bp_init(void) { }
static inline void urcu_bp_unregister_thread(void) { }
static inline void urcu_bp_quiescent_state(void) { }
static inline void urcu_bp_thread_offline(void) { }
static inline void urcu_bp_thread_online(void) { }

_URCU_EXTERN_C_END

#endif

#ifdef URCU_API_MAP
#include <urcu/map/urcu-bp.h>
#endif
