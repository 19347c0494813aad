/* SPDX-License-Identifier: MIT */
#pragma once

/* What x86 does better than the compiler's own choice. Include <urcu/arch.h>, not this. */

#include <stdint.h>

#include <urcu/compiler.h>
#include <urcu/syscall-compat.h>

#define URCU_ARCH_X86		1
#define CAA_CACHE_LINE_SIZE	128

/*
 * A locked operation is a full barrier, several times cheaper than the mfence that some compilers
 * emit for a fence. Ordinary loads and stores are already ordered among themselves, so read and
 * write barriers cost something only when devices or non-temporal stores are in play.
 */
#ifdef __x86_64__
#define URCU_ARCH_AMD64		1
#define cmm_smp_mb()	__asm__ __volatile__ ("lock; orl $0,(%%rsp)" : : : "memory", "cc")
#define cmm_mb()	__asm__ __volatile__ ("mfence" : : : "memory")
#define cmm_rmb()	__asm__ __volatile__ ("lfence" : : : "memory")
#define cmm_wmb()	__asm__ __volatile__ ("sfence" : : : "memory")
#else	/* a CPU without SSE2 has none of these fences */
#define cmm_smp_mb()	__asm__ __volatile__ ("lock; orl $0,(%%esp)" : : : "memory", "cc")
#define cmm_mb()	cmm_smp_mb()
#define cmm_rmb()	cmm_smp_mb()
#define cmm_wmb()	cmm_smp_mb()
#endif
#define cmm_smp_rmb()		cmm_barrier()
#define cmm_smp_wmb()		cmm_barrier()

/* Atomic read-modify-writes are full barriers by themselves; so are seq_cst stores (an exchange). */
#define _cmm_smp_mb_at_rmw()	cmm_barrier()

#define caa_cpu_relax()		__extension__ ({ __builtin_ia32_pause(); cmm_barrier(); })

#define HAS_CAA_GET_CYCLES	1
#define _caa_read_cycles()	__builtin_ia32_rdtsc()

/* val, an integer lvalue, becomes the counter. */
#define rdtscll(val)		((void) ((val) = __builtin_ia32_rdtsc()))
