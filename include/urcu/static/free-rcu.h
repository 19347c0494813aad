/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * urcu_free_rcu without a call: three of four pointers are noted by what compilers inline. The window's layout, the
 * two numbers and this rule are ABI: whoever finds no window calls the function. So a library may leave it shut for
 * ever, as it does under ThreadSanitizer and urcu-check.
 */

#include <stdint.h>

#include <urcu/arch.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

/* One call in so many is one; and so many pointers are in an array. */
#define URCU_FREE_CALL		4
#define URCU_FREE_ARRAY		256
/* served while a thread of the library's will look at what is given. */
#define URCU_FREE_SERVED	2

/* Its thread's own. */
struct urcu_free_window {
	unsigned long given;		/* pointers ever; written by the thread, atomically */
	void **pointers;		/* number n goes to n % URCU_FREE_ARRAY; written in calls of the thread */
	const int32_t *served;
};

/*
 * 1: ptr is given. 0: it is not. -1: it is, and call with NULL: nobody may know of it. fence: of flavors that have no
 * membarrier. [V5] The store to given comes before the look at served, as in [V2]; pairs with [V1] in
 * src/callbacks/stash.c: either we see that the worker is at rest, or it sees what we gave.
 */
static inline int urcu_common_give(struct urcu_free_window *window, void *ptr, int fence)
{
	unsigned long given;

	if (caa_unlikely(!window || !ptr))
		return 0;
	given = window->given;
	if (given % URCU_FREE_CALL == 0)
		return 0;
	window->pointers[given % URCU_FREE_ARRAY] = ptr;
	/* Release: who sees it sees the pointer, and what the giver did before. */
	__atomic_store_n(&window->given, given + 1, __ATOMIC_RELEASE);
	if (fence)
		cmm_smp_mb();
	else
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return caa_likely(__atomic_load_n(window->served, __ATOMIC_RELAXED) == URCU_FREE_SERVED) ? 1 : -1;
}

/*
 * The inlined form of function f: window is where its flavor has the calling thread's. Compilers must not see which function
 * is called: clang, which goes by the symbol, would take this one for it and inline it into itself, for ever.
 */
#define _URCU_FREE_RCU(f, window, fence)						\
	extern void _urcu_call_ ## f(void *ptr) __asm__(#f);				\
	static inline void _ ## f(void *ptr)						\
	{										\
		int given = urcu_common_give(window, ptr, fence);			\
		void (*call)(void *ptr) = _urcu_call_ ## f;				\
											\
		if (caa_unlikely(given <= 0)) {						\
			__asm__("" : "+r"(call));					\
			call(given ? NULL : ptr);					\
		}									\
	}

_URCU_EXTERN_C_END
