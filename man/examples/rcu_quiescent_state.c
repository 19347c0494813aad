/* SPDX-License-Identifier: MIT */
#include <urcu-qsbr.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

static int *shared;
static int stop;			/* atomic */

static void *reader(void *arg)
{
	long *loops = arg;

	rcu_register_thread();		/* online from here on */
	while (!uatomic_load(&stop, CMM_ACQUIRE)) {
		int *seen = rcu_dereference(shared);

		*loops += *seen;
		rcu_quiescent_state();	/* seen is not used any more */
		if (*loops % 1000 == 0) {
			rcu_thread_offline();	/* nobody waits for us meanwhile */
			poll(NULL, 0, 1);
			rcu_thread_online();
		}
	}
	rcu_unregister_thread();
	return NULL;
}

int main(void)
{
	int *old = malloc(sizeof(*old)), *young = malloc(sizeof(*young));
	pthread_t thread;
	long loops = 0;

	if (!old || !young)
		return EXIT_FAILURE;
	*old = *young = 1;
	rcu_set_pointer(&shared, old);
	if (pthread_create(&thread, NULL, reader, &loops))
		return EXIT_FAILURE;
	rcu_set_pointer(&shared, young);
	synchronize_rcu();		/* until the reader has announced a quiescent state */
	free(old);
	uatomic_store(&stop, 1, CMM_RELEASE);
	pthread_join(thread, NULL);
	free(young);
	return EXIT_SUCCESS;
}
