/* SPDX-License-Identifier: MIT */
/*
 * Subscribers that are told of every event, while others come and go. Readers walk the list under
 * RCU and wait for nobody. One thread changes it; several would take a mutex. Those who leave are
 * gathered on a plain list of that thread's own, so that one grace period serves them all.
 *
 * cc rculist.c -lurcu -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/list.h>
#include <urcu/rculist.h>
#include <urcu/uatomic.h>

enum { READERS = 2, WALKS = 200, SUBSCRIBERS = 10, ALIVE = 1, DEAD = -1 };

/*
 * Two nodes, for two lists: readers may still walk over node after cds_list_del_rcu, so it must not
 * be inserted anywhere before a grace period is over.
 */
struct subscriber {
	struct cds_list_head node;
	struct cds_list_head leaving;
	int number, state;
};

static CDS_LIST_HEAD(subscribers);
static int readers = READERS;	/* atomic: still at work */

static struct subscriber *new_subscriber(int number)
{
	struct subscriber *subscriber = malloc(sizeof(*subscriber));

	if (!subscriber)
		abort();
	subscriber->number = number;
	subscriber->state = ALIVE;
	return subscriber;
}

/* Those who stay are met every time, in order, and nobody who was freed is. */
static void *walk(void *arg)
{
	int *wrong = arg;

	rcu_register_thread();
	for (int i = 0; i < WALKS; i++) {
		struct subscriber *subscriber;
		int next = 0;

		rcu_read_lock();
		cds_list_for_each_entry_rcu(subscriber, &subscribers, node) {
			sched_yield();	/* meanwhile others change the list */
			*wrong += subscriber->state != ALIVE;
			next += subscriber->number == next;
		}
		rcu_read_unlock();
		*wrong += next != SUBSCRIBERS;
	}
	rcu_unregister_thread();
	uatomic_dec(&readers);
	return NULL;
}

/* A guest comes and goes; the others are each replaced in one step: a reader meets old or new. */
static void change_all(struct cds_list_head *gone)
{
	struct subscriber *old, *next, *guest = new_subscriber(-1);

	cds_list_add_rcu(&guest->node, &subscribers);
	cds_list_for_each_entry_safe(old, next, &subscribers, node) {
		if (old == guest)
			cds_list_del_rcu(&old->node);
		else
			cds_list_replace_rcu(&old->node, &new_subscriber(old->number)->node);
		cds_list_add_tail(&old->leaving, gone);
	}
}

static int free_all(struct cds_list_head *gone)
{
	struct subscriber *subscriber, *next;
	int freed = 0;

	cds_list_for_each_entry_safe(subscriber, next, gone, leaving) {
		CMM_STORE_SHARED(subscriber->state, DEAD);
		free(subscriber);
		freed++;
	}
	return freed;
}

int main(void)
{
	struct subscriber *subscriber, *next;
	pthread_t thread[READERS];
	int wrong[READERS] = { 0 }, sum = 0, rounds = 0, freed = 0;
	CDS_LIST_HEAD(gone);

	for (int i = 0; i < SUBSCRIBERS; i++)
		cds_list_add_tail_rcu(&new_subscriber(i)->node, &subscribers);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, walk, &wrong[i]))
			return EXIT_FAILURE;
	for (; uatomic_load(&readers); rounds++) {
		CDS_INIT_LIST_HEAD(&gone);
		change_all(&gone);
		synchronize_rcu();	/* not inside a section, where it would wait for itself */
		freed += free_all(&gone);
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		sum += wrong[i];
	}
	printf("%d subscribers left while %d readers walked, %d things were wrong\n", freed, READERS,
	       sum);
	/* Nobody walks any more: no grace period is needed. */
	cds_list_for_each_entry_safe(subscriber, next, &subscribers, node)
		free(subscriber);
	return !sum && freed == rounds * (SUBSCRIBERS + 1) ? EXIT_SUCCESS : EXIT_FAILURE;
}
