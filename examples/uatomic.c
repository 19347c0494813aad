/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations and their orders, which a program can name: relaxed for what only counts,
 * release and acquire to hand something over, a full barrier where nothing is named.
 *
 * cc uatomic.c -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/uatomic.h>

enum { THREADS = 4, ROUNDS = 20000, LETTERS = 1000 };

static unsigned long counter, highest, flags;	/* atomic */
static int started;				/* atomic */
static char *owner;				/* atomic: who holds the lock */
static unsigned long guarded;			/* under that lock */

/* The box that two threads hand letters over in: written by who finds it in his state. */
static struct {
	int full;		/* atomic: whose turn it is with text */
	long text;
} box;

static void lock(char *me)
{
	while (uatomic_cmpxchg(&owner, NULL, me, CMM_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	uatomic_store(&owner, NULL, CMM_RELEASE);
}

/* The usual loop: compute the new value from the old, and try again if that has changed. */
static void raise_highest(unsigned long value)
{
	unsigned long old = uatomic_load(&highest), seen;

	for (; old < value; old = seen) {
		seen = uatomic_cmpxchg(&highest, old, value);
		if (seen == old)
			return;
	}
}

static void *count(void *arg)
{
	unsigned long mine = 1UL << (long) arg;
	char me;

	uatomic_or(&flags, mine);
	uatomic_inc(&started);
	while (uatomic_load(&started) < THREADS)	/* all at once */
		sched_yield();
	for (int i = 0; i < ROUNDS; i++) {
		uatomic_inc(&counter);		/* relaxed: nothing else depends on it */
		raise_highest(mine * ROUNDS + (unsigned long) i);
		lock(&me);
		guarded++;
		unlock();
	}
	uatomic_and(&flags, ~mine);
	return NULL;
}

static void *send(void *arg)
{
	for (long i = 1; i <= LETTERS; i++) {
		while (uatomic_load(&box.full, CMM_ACQUIRE))
			sched_yield();
		box.text = i;
		uatomic_store(&box.full, 1, CMM_RELEASE);	/* text first, then the flag */
	}
	return arg;
}

static long receive(void)
{
	long sum = 0;

	for (int i = 0; i < LETTERS; i++) {
		while (!uatomic_load(&box.full, CMM_ACQUIRE))	/* the flag first, then text */
			sched_yield();
		sum += box.text;
		uatomic_store(&box.full, 0, CMM_RELEASE);
	}
	return sum;
}

int main(void)
{
	unsigned long expected = (unsigned long) THREADS * ROUNDS;
	unsigned long last = (1UL << (THREADS - 1)) * ROUNDS + ROUNDS - 1;
	pthread_t thread[THREADS + 1];
	long sum;

	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, count, (void *) i))
			return EXIT_FAILURE;
	if (pthread_create(&thread[THREADS], NULL, send, NULL))
		return EXIT_FAILURE;
	sum = receive();
	for (int i = 0; i <= THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("counted to %lu and, under the lock, to %lu of %lu; letters sum up to %ld\n", counter,
	       guarded, expected, sum);
	return counter == expected && guarded == expected && highest == last && !flags &&
		sum == (long) LETTERS * (LETTERS + 1) / 2 ? EXIT_SUCCESS : EXIT_FAILURE;
}
