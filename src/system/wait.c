/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <urcu/syscall-compat.h>

#include "system/system.h"

/* What a wait that was woken takes at least, so that a clock that stands still ends it in the end. */
#define WAIT_MIN QUIESCE_NS_PER_US

/*
 * The time that __NR_futex takes. Where there is a second call for a time_t of 64 bits this one's has
 * two longs (futex(2)), which are enough for a relative time; and it is there on old kernels too.
 */
#if defined(__NR_futex_time64) && __NR_futex != __NR_futex_time64
struct futex_time {
	long tv_sec, tv_nsec;
};
#define FUTEX_CALL_64 __NR_futex_time64
#else
#define futex_time timespec
#define FUTEX_CALL_64 __NR_futex
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
 * A kernel for 32-bit programs may have either call alone: where there is not the one we make the
 * other (ns: 0, no time). Who wakes makes the same two tries, so no wake-up is lost.
 */
static long call(int32_t *word, int operation, int32_t value, uint64_t ns)
{
	struct futex_time time = { .tv_sec = (long)(ns / QUIESCE_NS_PER_S),
				   .tv_nsec = (long)(ns % QUIESCE_NS_PER_S) };
	struct timespec time64 = { .tv_sec = (time_t)(ns / QUIESCE_NS_PER_S),
				   .tv_nsec = (long)(ns % QUIESCE_NS_PER_S) };
	long done = syscall(__NR_futex, word, operation, value, ns ? &time : NULL, NULL, 0);

	if (done < 0 && errno == ENOSYS && FUTEX_CALL_64 != __NR_futex &&
	    sizeof(time64.tv_sec) == sizeof(int64_t))
		done = syscall(FUTEX_CALL_64, word, operation, value, ns ? &time64 : NULL, NULL, 0);
	return done;
}

/* What a wait that did not end by time has used of the time given, as far as the clock is believed. */
static uint64_t used(uint64_t began, uint64_t given)
{
	uint64_t time = quiesce_now() - began;

	if (time < WAIT_MIN)
		time = WAIT_MIN;
	return time < given ? time : given;
}

/*
 * FUTEX_WAIT takes a relative time, which needs no clock of ours (futex(2)). Returns false if all of
 * it (0: no limit) passed.
 */
static bool futex_wait(int32_t *word, int32_t value, uint64_t ns, int scope)
{
	int saved_errno = errno;
	bool in_time = true;

	if (call(word, FUTEX_WAIT | scope, value, ns) < 0) {
		in_time = errno != ETIMEDOUT;
		/* Refused: the caller looks again and again, and others have to get on meanwhile. */
		if (in_time && errno != EAGAIN && errno != EINTR)
			sched_yield();
	}
	errno = saved_errno;
	return in_time;
}

static bool limited_wait(int32_t *word, int32_t value, uint64_t *left, int scope)
{
	uint64_t given, began;

	if (!left || *left == QUIESCE_FOREVER)
		return futex_wait(word, value, 0, scope);
	if (!*left)
		return false;
	given = !scope || *left < QUIESCE_WAIT_MAX ? *left : QUIESCE_WAIT_MAX;
	began = quiesce_now();
	*left -= futex_wait(word, value, given, scope) ? used(began, given) : given;
	return *left;
}

/* Whether a call that failed may succeed if it is made again. */
static bool passes(int error)
{
	return error == EINTR || error == EAGAIN || error == ENOMEM;
}

/*
 * Of a process's own word the kernel refuses no wake-up, but what answers in its place may
 * (seccomp(2)). A lost one is lost for ever, so it is tried again. Nowhere else does call_rcu yield.
 */
void quiesce_wake(int32_t *word, int count)
{
	int saved_errno = errno;

	while (call(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, 0) < 0) {
		if (!passes(errno)) {
			report_refusal();
			break;
		}
		sched_yield();
	}
	errno = saved_errno;
}

bool quiesce_wait(int32_t *word, int32_t value, uint64_t *left)
{
	return limited_wait(word, value, left, FUTEX_PRIVATE_FLAG);
}

bool quiesce_wait_shared(int32_t *word, int32_t value, uint64_t *left)
{
	return limited_wait(word, value, left, 0);
}

void quiesce_sleep(uint64_t ns)
{
	int32_t nobody_wakes_this = 0;

	while (quiesce_wait(&nobody_wakes_this, 0, &ns))
		continue;
}

/* A clock that leaps takes no more than this from the limit each time. */
#define LATE_MAX	(100 * QUIESCE_NS_PER_MS)

void quiesce_spend(uint64_t *left, uint64_t ns)
{
	uint64_t began = quiesce_now(), time;

	if (ns > *left)
		ns = *left;
	quiesce_sleep(ns);
	time = quiesce_now() - began;
	if (time < ns)
		time = ns;
	else if (time > LATE_MAX && ns < LATE_MAX)
		time = LATE_MAX;
	*left -= time < *left ? time : *left;
}
