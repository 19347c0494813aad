/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <urcu/syscall-compat.h>

#include "report.h"
#include "wait.h"

/* A 32-bit system whose time_t has 64 bits has a call of its own for it. */
#ifdef __NR_futex_time64
#define FUTEX_CALL (sizeof(time_t) > sizeof(long) ? __NR_futex_time64 : __NR_futex)
#else
#define FUTEX_CALL __NR_futex
#endif

uint64_t quiesce_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * QUIESCE_NS_PER_S + (uint64_t)now.tv_nsec;
}

static void report_refusal(void)
{
	static bool reported;	/* set atomically */

	if (!__atomic_exchange_n(&reported, true, __ATOMIC_RELAXED))
		quiesce_report("the kernel refuses futex (%s): who waits spins, and who sleeps already "
			       "may sleep for ever", strerror(errno));
}

/*
 * FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time (futex(2)), so that a signal in the
 * middle of a wait does not push its deadline away.
 */
static bool futex_wait(int32_t *word, int32_t value, uint64_t deadline, int scope)
{
	struct timespec until, *timeout = NULL;
	int saved_errno = errno;
	bool in_time = true;

	if (deadline != QUIESCE_FOREVER) {
		until.tv_sec = (time_t)(deadline / QUIESCE_NS_PER_S);
		until.tv_nsec = (long)(deadline % QUIESCE_NS_PER_S);
		timeout = &until;
	}
	if (syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET | scope, value, timeout, NULL,
		    FUTEX_BITSET_MATCH_ANY) < 0) {
		in_time = errno != ETIMEDOUT;
		/* Refused: the caller looks again and again, and others have to get on meanwhile. */
		if (in_time && errno != EAGAIN && errno != EINTR) {
			sched_yield();
			in_time = quiesce_now() < deadline;
		}
	}
	errno = saved_errno;
	return in_time;
}

/* Whether a call that failed may succeed if it is made again. */
static bool passes(int error)
{
	return error == EINTR || error == EAGAIN || error == ENOMEM;
}

/*
 * Of a process's own word the kernel refuses no wake-up, but what answers in its place may
 * (seccomp(2)). A lost one is lost for ever, so it is tried again.
 */
static void futex_wake(int32_t *word, int count, int scope)
{
	int saved_errno = errno;

	while (syscall(FUTEX_CALL, word, FUTEX_WAKE | scope, count, NULL, NULL, 0) < 0) {
		if (!passes(errno)) {
			report_refusal();
			break;
		}
		sched_yield();
	}
	errno = saved_errno;
}

bool quiesce_wait(int32_t *word, int32_t value, uint64_t deadline)
{
	return futex_wait(word, value, deadline, FUTEX_PRIVATE_FLAG);
}

void quiesce_wake(int32_t *word, int count)
{
	futex_wake(word, count, FUTEX_PRIVATE_FLAG);
}

bool quiesce_wait_shared(int32_t *word, int32_t value, uint64_t deadline)
{
	return futex_wait(word, value, deadline, 0);
}

void quiesce_wake_shared(int32_t *word, int count)
{
	futex_wake(word, count, 0);
}

void quiesce_sleep_until(uint64_t deadline)
{
	int32_t nobody_wakes_this = 0;

	while (quiesce_wait(&nobody_wakes_this, 0, deadline))
		if (quiesce_now() >= deadline)
			break;
}
