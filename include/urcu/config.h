/* SPDX-License-Identifier: MIT */
#pragma once

#include <quiesce/version.h>

/* Facts about how the library was built, for programs that ask. Nothing in these headers does. */

/* Several CPUs may run at once. */
#define CONFIG_RCU_SMP			1

/* Several flavors may be used in one process. */
#define CONFIG_RCU_HAVE_MULTIFLAVOR	1

/* The library's per-thread variables are the compiler's. */
#define CONFIG_RCU_TLS			1

/* On x86: the fences of SSE2 may be used, as cmm_mb() does on 64-bit machines. */
#define CONFIG_RCU_HAVE_FENCE		1

/* cmm_emit_legacy_smp_mb() emits a barrier. */
#define CONFIG_RCU_EMIT_LEGACY_MB	1

/* The kernel offers futexes and clock_gettime(). */
#define CONFIG_RCU_HAVE_FUTEX		1
#define CONFIG_RCU_HAVE_CLOCK_GETTIME	1

/* Atomic operations are the compiler's. */
#define CONFIG_RCU_USE_ATOMIC_BUILTINS	1
