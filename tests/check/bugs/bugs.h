/* SPDX-License-Identifier: MIT */
/*
 * What the programs share. Each has one mistake, most in a thread's work, with all else in order. The first
 * lines say what the mistake is (BUG), and by what name urcu-check reports it (FOUND); if need be, of which flavor
 * it is (FLAVOR), and with which options it is found (OPTIONS).
 */
#ifndef BUG_INLINED
#define URCU_CHECK
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef BUG_QSBR
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu/rculfhash.h>
#include <urcu/rculist.h>

struct object {
	int value;
	struct cds_list_head link;
	struct rcu_head head;
	struct cds_lfht_node node;
};

__attribute__((unused))
static struct object *shared;
__attribute__((unused))
static CDS_LIST_HEAD(list);

__attribute__((unused))
static struct object *new_object(void)
{
	return calloc(1, sizeof(struct object));
}

__attribute__((unused))
static void free_object(struct rcu_head *head)
{
	free(caa_container_of(head, struct object, head));
}

__attribute__((unused))
static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct object, node)->value == *(const int *)key;
}

__attribute__((unused))
static struct cds_lfht *new_table(void)
{
	return cds_lfht_new_flavor(1, 1, 0, 0, &rcu_flavor, NULL);
}

/* A read of what the pointer leads to. */
__attribute__((unused))
static void look(const struct object *object)
{
	if (object)
		__atomic_load_n(&object->value, __ATOMIC_RELAXED);
}

/* Steps of threads that wait for each other. */
static int step;

__attribute__((unused))
static void reach(int number)
{
	__atomic_store_n(&step, number, __ATOMIC_RELEASE);
}

__attribute__((unused))
static void await(int number)
{
	while (__atomic_load_n(&step, __ATOMIC_ACQUIRE) < number)
		usleep(1000);
}

__attribute__((unused))
static pthread_t start(void *(*work)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, NULL) != 0)
		abort();
	return thread;
}

__attribute__((unused))
static void run(void *(*work)(void *))
{
	pthread_join(start(work), NULL);
}
