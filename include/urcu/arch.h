/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Barriers, the cache line and the cycle counter. The names and cache line sizes of the
 * architectures are interface; the code behind them is the compiler's atomics, but on x86. Usable from
 * anywhere, in signal handlers too.
 */

#include <stdint.h>
#include <time.h>

#include <urcu/compiler.h>
#include <urcu/config.h>
#include <urcu/syscall-compat.h>

#if defined(__x86_64__) || defined(__i386__)
#include <urcu/arch/x86.h>
#elif defined(__aarch64__)
#define URCU_ARCH_AARCH64	1
#elif defined(__arm__)
#define URCU_ARCH_ARM		1
#if __ARM_ARCH >= 7
#define URCU_ARCH_ARMV7		1
#endif
#elif defined(__powerpc__)
#define URCU_ARCH_PPC		1
#define CAA_CACHE_LINE_SIZE	256
#ifdef __powerpc64__
#define URCU_ARCH_PPC64		1
#endif
#elif defined(__s390__)
#define URCU_ARCH_S390		1
#define CAA_CACHE_LINE_SIZE	128
#elif defined(__sparc__)
#define URCU_ARCH_SPARC64	1
#define CAA_CACHE_LINE_SIZE	256
#elif defined(__riscv)
#define URCU_ARCH_RISCV		1
#elif defined(__loongarch__)
#define URCU_ARCH_LOONGARCH	1
#elif defined(__mips__)
#define URCU_ARCH_MIPS		1
#elif defined(__alpha__)
#define URCU_ARCH_ALPHA		1
#define cmm_read_barrier_depends()	cmm_mb()
#elif defined(__hppa__)
#define URCU_ARCH_HPPA		1
#elif defined(__m68k__)
#define URCU_ARCH_M68K		1
#endif

/* Caches are coherent, so the cmm_*mc() family needs nothing of the machine. */
#define CONFIG_HAVE_MEM_COHERENCY	1

/*
 * Bytes to keep apart what different CPUs write. Part of the layout of public structures, hence
 * one number per architecture and not what the CPU at hand has.
 */
#ifndef CAA_CACHE_LINE_SIZE
#define CAA_CACHE_LINE_SIZE	64
#endif

/*
 * cmm_mb(), cmm_rmb(), cmm_wmb(): full, read and write barrier against CPUs and devices.
 * cmm_smp_mb(), cmm_smp_rmb(), cmm_smp_wmb(): the same against CPUs and ordinary memory.
 * Each is a compiler barrier too. (__sync_synchronize() is a sequentially consistent fence.)
 */
#ifndef cmm_mb
#define cmm_mb()		__sync_synchronize()
#define cmm_rmb()		cmm_mb()
#define cmm_wmb()		cmm_mb()
#define cmm_smp_mb()		cmm_mb()
#define cmm_smp_rmb()		cmm_mb()
#define cmm_smp_wmb()		cmm_mb()
/* What makes a full barrier just before or after an atomic read-modify-write. */
#define _cmm_smp_mb_at_rmw()	cmm_mb()
#endif

/* Between a load of a pointer and a load through it. */
#ifndef cmm_read_barrier_depends
#define cmm_read_barrier_depends()	((void) 0)
#endif
#define cmm_smp_read_barrier_depends()	cmm_read_barrier_depends()

/* Full, read and write barrier against other CPUs' view of memory: flushes what is not coherent. */
#define cmm_mc()		cmm_barrier()
#define cmm_rmc()		cmm_barrier()
#define cmm_wmc()		cmm_barrier()
#define cmm_smp_mc()		cmm_barrier()
#define cmm_smp_rmc()		cmm_barrier()
#define cmm_smp_wmc()		cmm_barrier()

/* Full barrier that a function's old documentation promises and the function itself not needs. */
#define cmm_emit_legacy_smp_mb()	cmm_smp_mb()

/* Tell the CPU that this is a busy-wait loop. A compiler barrier. */
#ifndef caa_cpu_relax
#define caa_cpu_relax()		cmm_barrier()
#endif

/*
 * caa_get_cycles(): a counter that grows at a fixed rate, CPU cycles or nanoseconds, for rough
 * timing. Present if HAS_CAA_GET_CYCLES is defined.
 */
typedef uint64_t caa_cycles_t;

#ifdef HAS_CAA_GET_CYCLES
static inline caa_cycles_t caa_get_cycles(void)
{
	return _caa_read_cycles();
}
#elif defined(CLOCK_MONOTONIC)
#define HAS_CAA_GET_CYCLES	1
static inline caa_cycles_t caa_get_cycles(void)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return _urcu_cast(caa_cycles_t, ts.tv_sec) * 1000000000U + _urcu_cast(caa_cycles_t, ts.tv_nsec);
}
#endif
