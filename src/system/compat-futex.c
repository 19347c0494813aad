/* SPDX-License-Identifier: MIT */
/*
 * The futex of systems without one, for urcu/futex.h in programs; nothing in the library uses it.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <urcu/futex.h>

/* Exported by accident of old inline code, and so part of the ABI. */
pthread_mutex_t __urcu_compat_futex_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t __urcu_compat_futex_cond = PTHREAD_COND_INITIALIZER;

/* What the fallback does not offer. */
static int refuse(int op, const struct timespec *timeout, const int32_t *uaddr2, int32_t val3)
{
	if ((op == FUTEX_WAIT || op == FUTEX_WAKE) && !timeout && !uaddr2 && !val3)
		return 0;
	errno = EINVAL;
	return -1;
}

int compat_futex_noasync(int32_t *uaddr, int op, int32_t val, const struct timespec *timeout,
		int32_t *uaddr2, int32_t val3)
{
	if (refuse(op, timeout, uaddr2, val3))
		return -1;
	pthread_mutex_lock(&__urcu_compat_futex_lock);
	if (op == FUTEX_WAKE)
		pthread_cond_broadcast(&__urcu_compat_futex_cond);
	else if (__atomic_load_n(uaddr, __ATOMIC_SEQ_CST) == val)
		pthread_cond_wait(&__urcu_compat_futex_cond, &__urcu_compat_futex_lock);
	pthread_mutex_unlock(&__urcu_compat_futex_lock);
	return 0;
}

/* A signal handler can wake nobody here, so the waiter looks for itself, ever less often. */
int compat_futex_async(int32_t *uaddr, int op, int32_t val, const struct timespec *timeout,
		int32_t *uaddr2, int32_t val3)
{
	struct timespec pause = { .tv_nsec = 10000 };

	if (refuse(op, timeout, uaddr2, val3))
		return -1;
	while (op == FUTEX_WAIT && __atomic_load_n(uaddr, __ATOMIC_SEQ_CST) == val) {
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 10000000)
			pause.tv_nsec *= 2;
	}
	return 0;
}
