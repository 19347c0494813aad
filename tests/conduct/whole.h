/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_CONDUCT_WHOLE_H
#define QUIESCE_CONDUCT_WHOLE_H

/* A program that knows when it is taken apart, what its callbacks see of that, and ways to queue some. */
#include "again.h"

#define CALLBACKS 100

/* ---- The program, and what is left of it ---- */

static int whole = 1;
static void (*at_end)(void);		/* of a case: the first thing that breaks the program up */
static void (*in_destructor)(void);	/* the last */

/* Registered before anything used RCU: what runs after it finds destroyed objects. */
static void break_up(void)
{
	if (!results)
		return;
	if (at_end)
		at_end();
	put(&whole, 0);
}

static __attribute__((constructor)) void register_first(void)
{
	if (atexit(break_up) != 0)
		abort();
}

static __attribute__((destructor)) void destroy(void)
{
	if (results && in_destructor)
		in_destructor();
}

/* Takes a moment: one that is cut off, or not waited for, ends late. */
static void look(struct rcu_head *head)
{
	int late = !get(&whole);

	(void)head;
	relax();
	if (late || !get(&whole))
		raise_by_one(&results->late);
	raise_by_one(&results->ran);
}

/* Long enough for a worker that would go on by itself. It orders nothing. */
static void give_callbacks_a_chance(void)
{
	for (int i = 0; i < 20; i++) {
		synchronize_rcu();
		usleep(1000);
	}
}

/* ---- Callbacks ---- */

static struct rcu_head *heads(int number)
{
	static struct rcu_head all[20 * CALLBACKS];
	static int used;
	struct rcu_head *first = all + __atomic_fetch_add(&used, number, __ATOMIC_RELAXED);

	MUST(first + number <= all + sizeof(all) / sizeof(all[0]));
	return first;
}

static void queue(int number)
{
	struct rcu_head *head = heads(number);

	while (number--)
		call_rcu(head++, look);
}

/* ---- What is queued before exit ---- */

static int queued(int kind)
{
	choose_worker(kind);
	rcu_register_thread();
	queue(CALLBACKS);
	rcu_unregister_thread();
	return 7;
}

static void *exit_here(void *kind)
{
	choose_worker(*(int *)kind);
	queue(CALLBACKS);
	exit(7);
}

static int queued_by_other_thread(int kind)
{
	join(start_thread(exit_here, &kind));
	return 1;
}

/* Registered after RCU was used: the program is whole yet. */
static void queue_more(void)
{
	queue(10);
}

static int queued_by_later_function(int kind)
{
	choose_worker(kind);
	queue(CALLBACKS);
	MUST(atexit(queue_more) == 0);
	return 7;
}

/* An object made after RCU was used, whose callbacks have to run before it goes. */
static int object_is_there = 1;

static void look_at_object(struct rcu_head *head)
{
	relax();
	if (!get(&object_is_there))
		raise_by_one(&results->late);
	look(head);
}

static void destroy_object(void)
{
	rcu_barrier();
	put(&object_is_there, 0);
}

static int object_made_later(int kind)
{
	struct rcu_head *head = heads(CALLBACKS);

	choose_worker(kind);
	queue(1);
	MUST(atexit(destroy_object) == 0);
	for (int i = 0; i < CALLBACKS - 1; i++)
		call_rcu(&head[i], look_at_object);
	return 7;
}

#endif
