/* SPDX-License-Identifier: MIT */
#include <urcu/uatomic.h>
#include <pthread.h>
#include <stdlib.h>

static unsigned long hits;		/* atomic */
static int data, ready;			/* ready: atomic */

static void *worker(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		uatomic_inc(&hits);			/* relaxed */
	data = 7;
	uatomic_store(&ready, 1, CMM_RELEASE);		/* after data */
	return NULL;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, worker, NULL))
		return EXIT_FAILURE;
	while (!uatomic_load(&ready, CMM_ACQUIRE))	/* before what follows */
		caa_cpu_relax();
	if (data != 7)
		return EXIT_FAILURE;
	pthread_join(thread, NULL);
	if (uatomic_cmpxchg(&hits, 1000, 0) != 1000)	/* what was there before */
		return EXIT_FAILURE;
	return uatomic_add_return(&hits, 5) == 5 ? EXIT_SUCCESS : EXIT_FAILURE;
}
