/* SPDX-License-Identifier: MIT */
#include <urcu/arch.h>
#include <urcu/system.h>
#include <pthread.h>
#include <stdlib.h>

/* Each thread says that it comes, then looks for the other: one of the two sees the other. */
static int comes[2], saw[2];

static void *come(void *arg)
{
	int me = *(int *)arg;

	CMM_STORE_SHARED(comes[me], 1);
	cmm_smp_mb();				/* the store before the load */
	saw[me] = CMM_LOAD_SHARED(comes[!me]);
	return NULL;
}

int main(void)
{
	int numbers[2] = { 0, 1 };
	pthread_t thread;

	if (pthread_create(&thread, NULL, come, &numbers[0]))
		return EXIT_FAILURE;
	come(&numbers[1]);
	pthread_join(thread, NULL);
	return saw[0] || saw[1] ? EXIT_SUCCESS : EXIT_FAILURE;
}
