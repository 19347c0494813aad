/* SPDX-License-Identifier: MIT */
/*
 * Step 1: routes on a list, from a network to the next hop, under a lock. Readers hold it while they look, and
 * one writer changes routes where they lie. Readers cost each other time: each takes and leaves the same lock.
 *
 * cc 1-lock.c $(pkg-config --cflags --libs liburcu-memb) -pthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/list.h>

enum { NETWORKS = 16, READERS = 2, LOOKUPS = 2000, CHANGES = 500 };

struct route {
	struct cds_list_head node;
	int network, hop, cost;		/* a whole route costs twice the number of its hop */
};

static CDS_LIST_HEAD(routes);
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
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

static struct route *find(int network)
{
	struct route *route;

	cds_list_for_each_entry(route, &routes, node)
		if (route->network == network)
			return route;
	return NULL;
}

static void *look_up(void *arg)
{
	int *wrong = arg;

	pthread_barrier_wait(&start);
	for (int i = 0; i < LOOKUPS; i++) {
		struct route *route;

		pthread_rwlock_rdlock(&lock);
		route = find(i % NETWORKS);
		sched_yield();			/* the writer waits */
		*wrong += !route || route->cost != 2 * route->hop;
		pthread_rwlock_unlock(&lock);
	}
	return NULL;
}

static void change(int network, int hop)
{
	struct route *route;

	pthread_rwlock_wrlock(&lock);
	route = find(network);
	route->hop = hop;
	sched_yield();			/* now nobody may look */
	route->cost = 2 * hop;
	pthread_rwlock_unlock(&lock);
}

int main(void)
{
	struct route *route, *next;
	pthread_t reader[READERS];
	int wrong[READERS] = { 0 }, sum = 0;

	for (int i = 0; i < NETWORKS; i++)
		cds_list_add(&new_route(i, 0)->node, &routes);
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
