/* SPDX-License-Identifier: MIT */
#pragma once

/* Facts about how the library was built, for programs that ask. Nothing in these headers does. */

/* Several CPUs may run at once. */
#define CONFIG_RCU_SMP			1

/* The storage class of the library's per-thread variables. */
#define CONFIG_RCU_TLS			__thread

/* The kernel offers futexes and clock_gettime(). */
#define CONFIG_RCU_HAVE_FUTEX		1
#define CONFIG_RCU_HAVE_CLOCK_GETTIME	1

/* Atomic operations are the compiler's. */
#define CONFIG_RCU_USE_ATOMIC_BUILTINS	1
