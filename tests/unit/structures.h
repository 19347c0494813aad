/* SPDX-License-Identifier: MIT */
/*
 * What the tests of queues and stacks share: crews of threads, and proofs that nothing got lost.
 * Those that need RCU are compiled once per flavor: nothing defined: memb; RCU_MB: mb; TEST_BP: bp;
 * TEST_QSBR: qsbr.
 */
#ifndef TESTS_UNIT_STRUCTURES_H
#define TESTS_UNIT_STRUCTURES_H

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif

#include "../suite.h"

enum {
	PRODUCERS = 3,
	CONSUMERS = 3,
	ITEMS = 50000,			/* of each producer */
	TOTAL = PRODUCERS * ITEMS,
};

/* An assertion cheap enough for a hot loop: Check's own write to a pipe each time. */
#define want(cond)								\
	do {									\
		if (!(cond))							\
			ck_abort_msg("not so: %s", #cond);			\
	} while (0)

#define container(ptr, type, member)						\
	((type *) ((char *) (ptr) - offsetof(type, member)))

/* Threads that start their work together. */
struct crew {
	pthread_barrier_t gate;
	struct member {
		pthread_t thread;
		struct crew *crew;
		void (*work)(void *arg, unsigned int number);
		void *arg;
		unsigned int number;
	} member[16];
	unsigned int size;
};

static inline void *crew_member(void *arg)
{
	struct member *m = (struct member *) arg;

	pthread_barrier_wait(&m->crew->gate);
	m->work(m->arg, m->number);
	return NULL;
}

static inline void crew_add(struct crew *crew, unsigned int count,
		void (*work)(void *arg, unsigned int number), void *arg)
{
	for (unsigned int i = 0; i < count; i++) {
		struct member *m = &crew->member[crew->size++];

		m->crew = crew;
		m->work = work;
		m->arg = arg;
		m->number = i;
	}
}

/* Start those who were added; the caller goes on as one of them. */
static inline void crew_start(struct crew *crew)
{
	pthread_barrier_init(&crew->gate, NULL, crew->size + 1);
	for (unsigned int i = 0; i < crew->size; i++)
		want(!pthread_create(&crew->member[i].thread, NULL, crew_member,
				&crew->member[i]));
	pthread_barrier_wait(&crew->gate);
}

static inline void crew_join(struct crew *crew)
{
	for (unsigned int i = 0; i < crew->size; i++)
		pthread_join(crew->member[i].thread, NULL);
	pthread_barrier_destroy(&crew->gate);
	crew->size = 0;
}

/* Who made an item, and which of the maker's it is. */
struct stamp {
	unsigned int producer;
	unsigned int number;
};

/* For one consumer at a time: each producer's items come in order, each once. */
struct ledger {
	unsigned int next[PRODUCERS];
	unsigned int total;
};

static inline void ledger_enter(struct ledger *ledger, const struct stamp *stamp)
{
	want(stamp->producer < PRODUCERS);
	want(stamp->number == ledger->next[stamp->producer]);
	ledger->next[stamp->producer]++;
	ledger->total++;
}

/* For one of many consumers: what it gets of each producer comes in order. */
static inline void want_in_turn(unsigned int next[PRODUCERS], const struct stamp *stamp)
{
	want(stamp->number >= next[stamp->producer]);
	next[stamp->producer] = stamp->number + 1;
}

/* For many consumers, in any order: each item comes once. */
struct tally {
	unsigned char seen[PRODUCERS][ITEMS];
	unsigned int total;
};

static inline void tally_enter(struct tally *tally, const struct stamp *stamp)
{
	want(stamp->producer < PRODUCERS && stamp->number < ITEMS);
	want(!__atomic_fetch_add(&tally->seen[stamp->producer][stamp->number], 1,
			__ATOMIC_RELAXED));
	__atomic_fetch_add(&tally->total, 1, __ATOMIC_RELAXED);
}

static inline bool tally_full(const struct tally *tally)
{
	return __atomic_load_n(&tally->total, __ATOMIC_RELAXED) == TOTAL;
}

/*
 * Keep a consumer waiting for so long after it said that it is about to, to bring it through the
 * stages of waiting. Nothing depends on how far it gets.
 */
static inline void hold_up(const bool *entered, long ms)
{
	struct timespec begin, now;

	while (!__atomic_load_n(entered, __ATOMIC_ACQUIRE))
		sched_yield();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}

#endif /* TESTS_UNIT_STRUCTURES_H */
