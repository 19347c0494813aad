/* SPDX-License-Identifier: MIT */
/*
 * A telephone book: a hash table of a fixed number of chains, whose heads take one pointer each.
 * Readers look numbers up under RCU while one writer at a time moves people. Where the table is to
 * grow, or to have several writers, see rculfhash.c.
 *
 * cc rcuhlist.c -lurcu -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/compiler.h>
#include <urcu/hlist.h>
#include <urcu/rcuhlist.h>
#include <urcu/uatomic.h>

enum { CHAINS = 16, PEOPLE = 100, READERS = 2, LOOKUPS = 2000 };

struct person {
	struct cds_hlist_node node;
	struct rcu_head rcu;
	int name, number;
};

static struct cds_hlist_head book[CHAINS];	/* all zero: empty chains */
static int readers = READERS;			/* atomic: still at work */

static struct cds_hlist_head *chain_of(int name)
{
	return &book[name % CHAINS];
}

/* Inside a section; what it returns is good until that ends. */
static struct person *find(int name)
{
	struct person *person;

	cds_hlist_for_each_entry_rcu_2(person, chain_of(name), node)
		if (person->name == name)
			return person;
	return NULL;
}

/* Fill in first, publish then: a reader that finds the person finds all of it. */
static struct person *add(int name, int number)
{
	struct person *person = malloc(sizeof(*person));

	if (!person)
		abort();
	person->name = name;
	person->number = number;
	cds_hlist_add_head_rcu(&person->node, chain_of(name));
	return person;
}

static void free_person(struct rcu_head *head)
{
	struct person *person = caa_container_of(head, struct person, rcu);

	CMM_STORE_SHARED(person->number, -1);	/* for readers that should not be there */
	free(person);
}

static void *look_up(void *arg)
{
	int *wrong = arg;

	rcu_register_thread();
	for (int i = 0; i < LOOKUPS; i++) {
		struct person *person;
		int name = i % PEOPLE;

		rcu_read_lock();
		person = find(name);
		sched_yield();		/* meanwhile others change the book */
		/* A number ends with the name. Odd names never move and are always there. */
		*wrong += person ? person->number % PEOPLE != name : name % 2;
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	uatomic_dec(&readers);
	return NULL;
}

int main(void)
{
	struct person *people[PEOPLE], *person, *next;
	pthread_t thread[READERS];
	int wrong[READERS] = { 0 }, sum = 0, moves = 0, left = 0;

	for (int i = 0; i < PEOPLE; i++)
		people[i] = add(i, i);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, look_up, &wrong[i]))
			return EXIT_FAILURE;
	for (; uatomic_load(&readers); moves++) {
		int name = moves % (PEOPLE / 2) * 2;

		cds_hlist_del_rcu(&people[name]->node);
		call_rcu(&people[name]->rcu, free_person);
		people[name] = add(name, moves % 1000 * PEOPLE + name);
		sched_yield();
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		sum += wrong[i];
	}
	rcu_barrier();
	/* The readers are gone, so the plain functions will do. */
	for (int i = 0; i < CHAINS; i++)
		cds_hlist_for_each_entry_safe_2(person, next, &book[i], node) {
			cds_hlist_del(&person->node);
			free(person);
			left++;
		}
	printf("%d people moved %d times, %d lookups were wrong\n", left, moves, sum);
	return !sum && left == PEOPLE ? EXIT_SUCCESS : EXIT_FAILURE;
}
