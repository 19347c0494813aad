/* SPDX-License-Identifier: MIT */
/*
 * Step 3: two writers, who do not wait for grace periods. A mutex keeps them apart; readers know nothing of it. What
 * was replaced is given to call_rcu, which has it freed by a callback after a grace period.
 *
 * cc 3-callback.c $(pkg-config --cflags --libs liburcu-memb) -pthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculist.h>

enum { NETWORKS = 16, READERS = 2, LOOKUPS = 2000, WRITERS = 2, CHANGES = 5000 };

struct route {
	struct cds_list_head node;
	struct rcu_head rcu;		/* for call_rcu */
	int network, hop, cost;		/* a whole route costs twice the number of its hop */
};

static CDS_LIST_HEAD(routes);
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t start;
static int freed;			/* callbacks alone; read after rcu_barrier */

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

/* In a section, or with the writers' mutex. */
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
	rcu_register_thread();
	for (int i = 0; i < LOOKUPS; i++) {
		struct route *route;

		rcu_read_lock();
		route = find(i % NETWORKS);
		sched_yield();		/* meanwhile it is replaced */
		*wrong += !route || route->cost != 2 * route->hop;
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

/* In a thread of the library's, one callback at a time. It takes no lock of ours: writers never wait for it. */
static void free_route(struct rcu_head *head)
{
	struct route *route = caa_container_of(head, struct route, rcu);

	CMM_STORE_SHARED(route->cost, -1);	/* would be noticed */
	free(route);
	freed++;
}

static void change(int network, int hop)
{
	struct route *old, *new = new_route(network, hop);

	pthread_mutex_lock(&writers);
	old = find(network);
	cds_list_replace_rcu(&old->node, &new->node);
	pthread_mutex_unlock(&writers);
	call_rcu(&old->rcu, free_route);	/* returns at once */
}

static void *change_all(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&start);
	rcu_register_thread();
	for (int i = 0; i < CHANGES; i++)
		change(i % NETWORKS, i);
	rcu_unregister_thread();
	return NULL;
}

int main(void)
{
	struct route *route, *next;
	pthread_t reader[READERS], writer[WRITERS];
	int wrong[READERS] = { 0 }, sum = 0;

	for (int i = 0; i < NETWORKS; i++)
		cds_list_add_rcu(&new_route(i, 0)->node, &routes);
	pthread_barrier_init(&start, NULL, READERS + WRITERS);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&reader[i], NULL, look_up, &wrong[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < WRITERS; i++)
		if (pthread_create(&writer[i], NULL, change_all, NULL))
			return EXIT_FAILURE;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writer[i], NULL);
	for (int i = 0; i < READERS; i++) {
		pthread_join(reader[i], NULL);
		sum += wrong[i];
	}
	rcu_barrier();			/* until every callback that was queued has run */
	printf("%d lookups, %d changes, %d freed, %d wrong\n", READERS * LOOKUPS, WRITERS * CHANGES, freed, sum);
	cds_list_for_each_entry_safe(route, next, &routes, node)
		free(route);
	return sum || freed != WRITERS * CHANGES ? EXIT_FAILURE : EXIT_SUCCESS;
}
