/* SPDX-License-Identifier: MIT */
/*
 * A first program: a setting that a thread reads while main changes it. doc/first-steps.md goes through it.
 *
 * cc first-steps.c $(pkg-config --cflags --libs liburcu-memb) -pthread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>

struct setting {
	int width, height;		/* always a square */
	struct rcu_head rcu;		/* for call_rcu */
};

static struct setting *current;		/* readers follow it, in sections */
static int freed;			/* callbacks alone; read after rcu_barrier */

static struct setting *new_setting(int size)
{
	struct setting *setting = malloc(sizeof(*setting));

	if (!setting)
		abort();
	setting->width = setting->height = size;
	return setting;
}

static void *read_settings(void *arg)
{
	int *squares = arg;

	rcu_register_thread();			/* 1. the library knows of this thread */
	for (int i = 0; i < 1000; i++) {
		struct setting *setting;

		rcu_read_lock();		/* 2. a section begins */
		setting = rcu_dereference(current);
		*squares += setting->width == setting->height;
		rcu_read_unlock();		/* and ends: setting is not used any more */
	}
	rcu_unregister_thread();		/* before the thread ends */
	return NULL;
}

static void free_setting(struct rcu_head *head)
{
	free(caa_container_of(head, struct setting, rcu));
	freed++;
}

int main(void)
{
	pthread_t thread;
	int squares = 0;

	current = new_setting(0);
	if (pthread_create(&thread, NULL, read_settings, &squares))
		return EXIT_FAILURE;
	for (int i = 1; i <= 100; i++) {
		struct setting *old = current, *new = new_setting(i);

		rcu_set_pointer(&current, new);		/* 3. published: readers see old or new, whole */
		call_rcu(&old->rcu, free_setting);	/* 4. freed when nobody can hold it */
	}
	pthread_join(thread, NULL);
	rcu_barrier();				/* 5. at the end: every callback has run */
	free(current);
	printf("1000 reads, %d squares; 100 settings replaced, %d freed\n", squares, freed);
	return squares == 1000 && freed == 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
