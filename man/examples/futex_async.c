/* SPDX-License-Identifier: MIT */
#include <urcu/futex.h>
#include <urcu/uatomic.h>
#include <pthread.h>
#include <stdlib.h>

static int32_t awaited = 1;		/* atomic */

static void *waker(void *arg)
{
	(void)arg;
	uatomic_store(&awaited, 0, CMM_RELEASE);
	futex_async(&awaited, FUTEX_WAKE, 1, NULL, NULL, 0);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, waker, NULL))
		return EXIT_FAILURE;
	while (uatomic_load(&awaited, CMM_ACQUIRE))	/* it may return early */
		futex_async(&awaited, FUTEX_WAIT, 1, NULL, NULL, 0);
	pthread_join(thread, NULL);
	return EXIT_SUCCESS;
}
