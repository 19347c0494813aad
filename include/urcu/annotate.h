/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Order that ThreadSanitizer cannot see, because a fence or sys_membarrier provides it: what a
 * thread does before urcu_annotate_release(addr) happens before what another does after a later
 * urcu_annotate_acquire(addr). No code in other builds, and no order that the machine would know.
 */

#include <urcu/compiler.h>

#ifdef CMM_SANITIZE_THREAD
_URCU_EXTERN_C_BEGIN
extern void __tsan_acquire(void *addr);
extern void __tsan_release(void *addr);
_URCU_EXTERN_C_END
#define urcu_annotate_acquire(addr)	__tsan_acquire((void *) (addr))
#define urcu_annotate_release(addr)	__tsan_release((void *) (addr))
#else
#define urcu_annotate_acquire(addr)	((void) (addr))
#define urcu_annotate_release(addr)	((void) (addr))
#endif
