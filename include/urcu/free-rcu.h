/* SPDX-License-Identifier: MIT */
/*
 * free after a grace period, with nothing embedded in the object and no callback. An extension: liburcu has no
 * such functions, and URCU_HAVE_FREE_RCU tells that they are there. Declared by each flavor's header, under its
 * names (urcu/map/urcu-FLAVOR.h).
 *
 * What a thread gives is noted in arrays of its own (2 KB each), and freed after a grace period: by the thread itself,
 * as it goes on giving, a few at a time, and otherwise by the standard worker's thread. A
 * thread that comes to rest, or ends, leaves nothing behind: what it gave last is freed within two grace periods
 * (three, if it stops in the middle of a flood) and about 20 ms. While nothing waits to be freed, nothing runs.
 *
 * CALLS. Compilers inline urcu_free_rcu (urcu/inline.h) unless URCU_NO_INLINE is defined: three of four pointers are
 * noted without a call, once the thread has made its first. A library may refuse that at any time, and then each is one
 * (urcu/static/free-rcu.h).
 *
 * ORDER. None: pointers may be freed in any order, and at the same time. What the caller did before
 * urcu_free_rcu comes before the grace period, and so does each section that may hold the object before its end.
 *
 * MEMORY. What waits is what was given in about two grace periods, and 8 bytes for each pointer. A thread that has
 * given much keeps up to 32 empty arrays. The one that it is filling stays for the next thread when it ends, until
 * the library is unloaded; and for good if the thread outlives that.
 *
 * EXIT. What waits when the process exits is not freed; it stays where leak checkers find it. rcu_barrier frees
 * it at any time, in destructors too. After an exit in a signal handler that interrupted urcu_free_rcu, what
 * destructors give may go with the process. rcu_exit and dlclose wait, within the limit of urcu/call-rcu.h, until it is
 * freed.
 *
 * FORK. The parent's pointers are given in the child, too, by whomever; the standard worker of the child frees them
 * when it first has anything to do, or rcu_barrier. A child that executes, or ends by _exit, does not touch them.
 * Without the fork hooks the same holds; of a pointer that the parent was freeing at that moment the child makes no
 * use, and one whose urcu_free_rcu had not returned may stay allocated there.
 * A child of clone or of _Fork finds out at the 16th pointer that it gives, at the latest.
 */
#ifndef URCU_FREE_RCU_H
#define URCU_FREE_RCU_H

#include <stddef.h>

#include <urcu/compiler.h>

#define URCU_HAVE_FREE_RCU 1

/*
 * The same for an object that has a struct rcu_head as a member, in its first 4096 bytes: nothing is ever
 * allocated. It is a callback of call_rcu that calls nothing of the program but the function of
 * urcu_free_rcu_with: with its order and its worker, and rcu_barrier waits for it in the same way. ptr: not NULL;
 * evaluated once.
 *
 *	urcu_free_rcu_head(node, head);
 */
#define urcu_free_rcu_head(ptr, member)							\
	urcu_free_rcu_at(&(ptr)->member, offsetof(__typeof__(*(ptr)), member) +		\
			 0 * sizeof(char[offsetof(__typeof__(*(ptr)), member) < 4096 ? 1 : -1]))

#ifdef __cplusplus
/*
 * A deleter for std::unique_ptr and its like:
 *
 *	std::unique_ptr<T, urcu_free_rcu_deleter<urcu_free_rcu> > owner(p);
 *
 * It runs no destructor: readers may still use the object. So T has a trivial one, and comes from malloc; or from
 * new, in a program that has called urcu_free_rcu_with(operator delete).
 */
extern "C++" {
template <void (*Give)(void *)> struct urcu_free_rcu_deleter {
	template <typename T> void operator()(T *ptr) const { Give(ptr); }
};
}
#endif

#endif

#ifdef _URCU_DECLARE
_URCU_EXTERN_C_BEGIN

/*
 * free(ptr) after a grace period. NULL: nothing is done. The object must be out of the readers' reach, as for
 * call_rcu, and is not written to. ptr is what free takes, or the function of urcu_free_rcu_with.
 *
 * Does not fail and waits for no reader. It may free other pointers that are due, up to 1024 in one call; lead a grace
 * period for which nobody has to be waited (one of 1024 calls at most; in memb and bp a membarrier); wake the standard
 * worker; and at the first call of a process or a thread make that worker's thread, allocate, and register
 * with atexit (as call_rcu). Without a thread to be had, what is given waits: the thread's later calls free it, if
 * others wait for grace periods, and so does rcu_barrier.
 *
 * Without memory for another array, threads share those that are there from the start, with room for 8704 pointers
 * that wait at one time. When these are full as well, a call outside of sections (in qsbr: offline) waits for a grace
 * period, as synchronize_rcu, and frees ptr itself. In a section (in qsbr: online) that cannot be, and ptr stays
 * allocated for good, which is reported once. (The room of 8192 of them is of all flavors in this copy of the library.)
 *
 * May be called in a section, from a callback, from destructors of any kind, between the fork hooks, after a fork
 * with or without them, and after exit. The thread need not be registered (bp registers it). Not
 * async-signal-safe. Keeps errno.
 */
extern void urcu_free_rcu(void *ptr);

/*
 * Have release(ptr) called in place of free(ptr), for all pointers, those of urcu_free_rcu_head too. To be called
 * once, before either. Returns 0; EBUSY if it was called before, or a pointer was given; EINVAL if release is NULL.
 *
 * release runs in any thread that calls urcu_free_rcu or rcu_barrier, wherever that may be (in a section, with
 * locks held), and in workers; in several at once. So it waits for nobody, takes no lock that such a thread may
 * hold, and returns. It may call urcu_free_rcu and call_rcu, but not rcu_barrier. Anywhere. Keeps errno.
 */
extern int urcu_free_rcu_with(void (*release)(void *ptr));

/* For urcu_free_rcu_head: free what begins offset bytes before head. offset: less than 4096. */
extern void urcu_free_rcu_at(struct rcu_head *head, size_t offset);

_URCU_EXTERN_C_END

#endif /* _URCU_DECLARE */
