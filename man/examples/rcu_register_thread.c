/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <pthread.h>
#include <stdlib.h>

static int *shared;

static void *reader(void *arg)
{
	int *seen, *copy = arg;

	rcu_register_thread();
	rcu_read_lock();
	seen = rcu_dereference(shared);
	*copy = *seen;
	rcu_read_unlock();
	rcu_unregister_thread();	/* before the thread ends */
	return NULL;
}

int main(void)
{
	static int value = 42;
	pthread_t thread;
	int copy = 0;

	rcu_set_pointer(&shared, &value);
	if (pthread_create(&thread, NULL, reader, &copy))
		return EXIT_FAILURE;
	pthread_join(thread, NULL);
	return copy == 42 ? EXIT_SUCCESS : EXIT_FAILURE;
}
