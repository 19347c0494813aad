/* SPDX-License-Identifier: MIT */
/*
 * Step 2: readers are in a section in place of holding a lock. They no longer keep the writer out, so it changes no
 * route that they may see: it makes a new one, puts that in the place of the old, and waits until nobody can hold
 * the old one any more. Only then it is freed.
 *
 * cc 2-section.c $(pkg-config --cflags --libs liburcu-memb) -pthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculist.h>

enum { NETWORKS = 16, READERS = 2, LOOKUPS = 2000, CHANGES = 500 };

struct route {
	struct cds_list_head node;
	int network, hop, cost;		/* a whole route costs twice the number of its hop */
};

static CDS_LIST_HEAD(routes);
static pthread_barrier_t start;

static struct route *new_route(int network, int hop)
{
	struct route *route = malloc(sizeof(*route));

	if (!route)
		abort();
	route->network = network;
	route->hop = hop;
	route->cost = 2 * hop;
	return route;
}

/* In a section, or by the one writer. */
static struct route *find(int network)
{
	struct route *route;

	cds_list_for_each_entry_rcu(route, &routes, node)
		if (route->network == network)
			return route;
	return NULL;
}

static void *look_up(void *arg)
{
	int *wrong = arg;

	pthread_barrier_wait(&start);
	rcu_register_thread();		/* grace periods wait for our sections from here on */
	for (int i = 0; i < LOOKUPS; i++) {
		struct route *route;

		rcu_read_lock();
		route = find(i % NETWORKS);
		sched_yield();		/* meanwhile it is replaced */
		*wrong += !route || route->cost != 2 * route->hop;
		rcu_read_unlock();	/* route is not used after this */
	}
	rcu_unregister_thread();
	return NULL;
}

static void change(int network, int hop)
{
	struct route *old = find(network), *new = new_route(network, hop);

	cds_list_replace_rcu(&old->node, &new->node);	/* readers meet the old or the new one, whole */
	synchronize_rcu();				/* until all who may have met the old one are gone */
	CMM_STORE_SHARED(old->cost, -1);		/* would be noticed */
	free(old);
}

int main(void)
{
	struct route *route, *next;
	pthread_t reader[READERS];
	int wrong[READERS] = { 0 }, sum = 0;

	for (int i = 0; i < NETWORKS; i++)
		cds_list_add_rcu(&new_route(i, 0)->node, &routes);
	pthread_barrier_init(&start, NULL, READERS + 1);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&reader[i], NULL, look_up, &wrong[i]))
			return EXIT_FAILURE;
	pthread_barrier_wait(&start);	/* all begin together */
	for (int i = 0; i < CHANGES; i++)
		change(i % NETWORKS, i);
	for (int i = 0; i < READERS; i++) {
		pthread_join(reader[i], NULL);
		sum += wrong[i];
	}
	printf("%d lookups, %d changes, %d wrong\n", READERS * LOOKUPS, CHANGES, sum);
	cds_list_for_each_entry_safe(route, next, &routes, node)
		free(route);
	return sum ? EXIT_FAILURE : EXIT_SUCCESS;
}
