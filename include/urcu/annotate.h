/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Order that ThreadSanitizer cannot see, because a fence or sys_membarrier provides it: what a
 * thread does before urcu_annotate_release(addr) happens before what another does after a later
 * urcu_annotate_acquire(addr). No code in other builds, and no order that the machine would know.
 * Usable from anywhere.
 */

#include <stdio.h>
#include <stdlib.h>

#include <urcu/compiler.h>

#ifdef CMM_SANITIZE_THREAD
_URCU_EXTERN_C_BEGIN
extern void __tsan_acquire(void *addr);
extern void __tsan_release(void *addr);
_URCU_EXTERN_C_END
#define urcu_annotate_acquire(addr)	__tsan_acquire(_urcu_cast(void *, addr))
#define urcu_annotate_release(addr)	__tsan_release(_urcu_cast(void *, addr))
#else
#define urcu_annotate_acquire(addr)	((void) (addr))
#define urcu_annotate_release(addr)	((void) (addr))
#endif

/*
 * The same under liburcu's names, which also know groups: a fence (mb) and the accesses (mem) that it
 * orders. The sanitizer needs to be told of the accesses alone.
 *
 * cmm_annotate_define(name): definition of a group. group is its address.
 */
typedef int cmm_annotate_t;

#define cmm_annotate_define(name)	cmm_annotate_t name = 0
#define cmm_annotate_mem_acquire(mem)	urcu_annotate_acquire(mem)
#define cmm_annotate_mem_release(mem)	urcu_annotate_release(mem)
#define cmm_annotate_group_mb_acquire(group)	((void) (group))
#define cmm_annotate_group_mb_release(group)	((void) (group))
#define cmm_annotate_group_mem_acquire(group, mem)			\
	((void) (group), urcu_annotate_acquire(mem))
#define cmm_annotate_group_mem_release(group, mem)			\
	((void) (group), urcu_annotate_release(mem))
