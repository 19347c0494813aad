/* SPDX-License-Identifier: MIT */
/*
 * A configuration that is read all the time and replaced now and then. defer_rcu frees the old one
 * after a grace period. Unlike call_rcu it needs no rcu_head in the object, so that anything can be
 * given to it, free() and a plain pointer too; but the thread must have a queue, and when that is
 * full the call waits for a grace period, so it must not be made inside a section.
 *
 * cc defer.c -lurcu -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/uatomic.h>

enum { READERS = 2, READS = 2000 };

struct configuration {
	long version, copy;	/* equal until it is freed */
};

static struct configuration *configuration;	/* RCU-protected */
static long freed;				/* atomic */
static int readers = READERS;			/* atomic: still at work */

static struct configuration *new_configuration(long version)
{
	struct configuration *new = malloc(sizeof(*new));

	if (!new)
		abort();
	new->version = new->copy = version;
	return new;
}

/* Runs in the thread that deferred it, or in the library's. */
static void free_configuration(void *p)
{
	struct configuration *old = p;

	CMM_STORE_SHARED(old->copy, -1);	/* for readers that should not be there */
	free(old);
	uatomic_inc(&freed);
}

/* Configurations are whole, and never older than the one before. */
static void *read_configuration(void *arg)
{
	long *wrong = arg, last = 0;

	rcu_register_thread();
	for (int i = 0; i < READS; i++) {
		struct configuration *now;

		rcu_read_lock();
		now = rcu_dereference(configuration);
		sched_yield();		/* meanwhile it may be replaced */
		*wrong += now->version != now->copy || now->version < last;
		last = now->version;
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	uatomic_dec(&readers);
	return NULL;
}

int main(void)
{
	pthread_t thread[READERS];
	long wrong[READERS] = { 0 }, sum = 0, changes = 0;

	if (rcu_defer_register_thread())
		return EXIT_FAILURE;
	configuration = new_configuration(0);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, read_configuration, &wrong[i]))
			return EXIT_FAILURE;
	for (; uatomic_load(&readers); changes++) {
		defer_rcu(free_configuration,
			  rcu_xchg_pointer(&configuration, new_configuration(changes + 1)));
		sched_yield();
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		sum += wrong[i];
	}
	/* What is still queued runs now; unregistering would do the same. */
	rcu_defer_barrier_thread();
	printf("%ld of %ld old configurations freed, %ld wrong reads\n", uatomic_load(&freed), changes,
	       sum);
	rcu_defer_unregister_thread();
	free(configuration);
	return uatomic_load(&freed) == changes && !sum ? EXIT_SUCCESS : EXIT_FAILURE;
}
