/* SPDX-License-Identifier: MIT */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <time.h>

#include <urcu/arch.h>
#include <urcu/compiler.h>
#include <urcu/config.h>
#include <urcu/syscall-compat.h>

#define FUTEX_WAIT	0
#define FUTEX_WAKE	1

struct timespec;

_URCU_EXTERN_C_BEGIN

/*
 * compat_futex_noasync, compat_futex_async: FUTEX_WAIT and FUTEX_WAKE for a kernel without futexes. WAIT may return early and with no reason;
 * timeout, uaddr2 and val3 must be null or 0. The first sleeps on a condition variable and must not
 * be called from a signal handler; the second polls and may be. 0, or -1 with errno set.
 */
extern int compat_futex_noasync(int32_t *uaddr, int op, int32_t val,
		const struct timespec *timeout, int32_t *uaddr2, int32_t val3);
extern int compat_futex_async(int32_t *uaddr, int op, int32_t val,
		const struct timespec *timeout, int32_t *uaddr2, int32_t val3);

/* The system call as it is: number of threads woken or 0, or -1 with errno set. */
static inline int futex(int32_t *uaddr, int op, int32_t val,
		const struct timespec *timeout, int32_t *uaddr2, int32_t val3)
{
#ifdef __NR_futex_time64
	if (sizeof(time_t) > sizeof(long))
		return _urcu_cast(int, syscall(__NR_futex_time64, uaddr, op, val, timeout, uaddr2, val3));
#endif
	return _urcu_cast(int, syscall(__NR_futex, uaddr, op, val, timeout, uaddr2, val3));
}

/*
 * The system call, or the fallback above where the kernel has none. All users of one word must use
 * the same of the two. The async one may be called from signal handlers.
 */
static inline int futex_noasync(int32_t *uaddr, int op, int32_t val,
		const struct timespec *timeout, int32_t *uaddr2, int32_t val3)
{
	int ret = futex(uaddr, op, val, timeout, uaddr2, val3);

	if (caa_unlikely(ret < 0 && errno == ENOSYS))
		return compat_futex_noasync(uaddr, op, val, timeout, uaddr2, val3);
	return ret;
}

static inline int futex_async(int32_t *uaddr, int op, int32_t val,
		const struct timespec *timeout, int32_t *uaddr2, int32_t val3)
{
	int ret = futex(uaddr, op, val, timeout, uaddr2, val3);

	if (caa_unlikely(ret < 0 && errno == ENOSYS))
		return compat_futex_async(uaddr, op, val, timeout, uaddr2, val3);
	return ret;
}

_URCU_EXTERN_C_END
