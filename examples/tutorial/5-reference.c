/* SPDX-License-Identifier: MIT */
/*
 * Step 5: routes that are kept for longer than a section. A section is short: as long as it lasts nothing is freed,
 * and what was found is lost when it ends. Who needs a route while it sends something takes a reference. The table
 * holds one, too; who gives back the last one has the route freed after a grace period, for readers may just be
 * finding it.
 *
 * cc 5-reference.c $(pkg-config --cflags --libs liburcu-memb liburcu-cds) -pthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculfhash.h>
#include <urcu/ref.h>

enum { NETWORKS = 1000, READERS = 2, LOOKUPS = 2000, WRITERS = 2, CHANGES = 5000 };

struct route {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	struct urcu_ref ref;
	int network, hop, cost;		/* a whole route costs twice the number of its hop */
};

static struct cds_lfht *routes;
static pthread_barrier_t start;
static int freed;			/* callbacks alone; read after rcu_barrier */

static struct route *new_route(int network, int hop)
{
	struct route *route = malloc(sizeof(*route));

	if (!route)
		abort();
	cds_lfht_node_init(&route->node);
	urcu_ref_init(&route->ref);	/* the table's */
	route->network = network;
	route->hop = hop;
	route->cost = 2 * hop;
	return route;
}

/* Spread over the low bits, which choose the bucket. */
static unsigned long hash(int network)
{
	return network * 0x9e3779b9u;
}

/* Asked of routes with the right hash, for other networks may have that too. */
static int match(struct cds_lfht_node *node, const void *network)
{
	return caa_container_of(node, struct route, node)->network == *(const int *)network;
}

/* In a section. */
static struct route *find(int network)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(routes, hash(network), match, &network, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct route, node) : NULL;
}

/* A reference, to be given back by put. */
static struct route *get(int network)
{
	struct route *route;

	rcu_read_lock();
	do	/* one that has no reference left has been replaced: there is a newer one */
		route = find(network);
	while (route && !urcu_ref_get_unless_zero(&route->ref));
	rcu_read_unlock();
	return route;
}

static void free_route(struct rcu_head *head)
{
	struct route *route = caa_container_of(head, struct route, rcu);

	CMM_STORE_SHARED(route->cost, -1);	/* would be noticed */
	free(route);
	freed++;
}

/* Of the last reference. */
static void release(struct urcu_ref *ref)
{
	call_rcu(&caa_container_of(ref, struct route, ref)->rcu, free_route);
}

static void put(struct route *route)
{
	urcu_ref_put(&route->ref, release);
}

static void *look_up(void *arg)
{
	int *wrong = arg;

	pthread_barrier_wait(&start);
	rcu_register_thread();
	for (int i = 0; i < LOOKUPS; i++) {
		struct route *route = get(i % NETWORKS);

		sched_yield();		/* outside of the section: this may take long, and may wait */
		*wrong += !route || route->cost != 2 * route->hop;
		if (route)
			put(route);
	}
	rcu_unregister_thread();
	return NULL;
}

static void change(int network, int hop)
{
	struct route *new = new_route(network, hop);
	struct cds_lfht_node *old;

	rcu_read_lock();		/* writers of a table are in a section as well */
	old = cds_lfht_add_replace(routes, hash(network), match, &network, &new->node);
	rcu_read_unlock();
	if (old)			/* the table's reference; readers may have others */
		put(caa_container_of(old, struct route, node));
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

static void empty(void)
{
	struct cds_lfht_iter iter;
	struct route *route;

	rcu_read_lock();
	cds_lfht_for_each_entry(routes, &iter, route, node)
		if (cds_lfht_del(routes, &route->node) == 0)
			put(route);
	rcu_read_unlock();
}

int main(void)
{
	const int made = NETWORKS + WRITERS * CHANGES;
	pthread_t reader[READERS], writer[WRITERS];
	int wrong[READERS] = { 0 }, sum = 0;

	rcu_register_thread();
	routes = cds_lfht_new(16, 16, 0, CDS_LFHT_AUTO_RESIZE, NULL);
	if (!routes)
		return EXIT_FAILURE;
	for (int i = 0; i < NETWORKS; i++)
		change(i, 0);
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
	empty();
	if (cds_lfht_destroy(routes, NULL))	/* it must be empty */
		return EXIT_FAILURE;
	rcu_barrier();				/* our callbacks, and the table's own */
	rcu_unregister_thread();
	printf("%d lookups, %d routes made, %d freed, %d wrong\n", READERS * LOOKUPS, made, freed, sum);
	return sum || freed != made ? EXIT_FAILURE : EXIT_SUCCESS;
}
