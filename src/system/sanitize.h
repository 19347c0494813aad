/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For ThreadSanitizer in a program, where the library was built without it and its atomic operations
 * are not seen: what a thread does before quiesce_tell_release(address) comes before what another
 * does after a later quiesce_tell_acquire(address). Each stands next to the operation that orders, and
 * says no more than that does. Without the sanitizer in the process it is one test of a constant;
 * in a library built with it, nothing.
 */

#include <stdbool.h>
#include <stddef.h>

#include <urcu/compiler.h>

extern void __tsan_acquire(void *address) __attribute__((weak, cold));
extern void __tsan_release(void *address) __attribute__((weak, cold));

#ifdef CMM_SANITIZE_THREAD
#define QUIESCE_IS_SEEN	true
#else
#define QUIESCE_IS_SEEN	false
#endif

static inline bool quiesce_is_told(void)
{
	return !QUIESCE_IS_SEEN && caa_unlikely(__tsan_acquire != NULL);
}

static inline void quiesce_tell_acquire(const void *address)
{
	if (quiesce_is_told())
		__tsan_acquire((void *)address);
}

static inline void quiesce_tell_release(const void *address)
{
	if (quiesce_is_told())
		__tsan_release((void *)address);
}
