/* SPDX-License-Identifier: MIT */
/*
 * All four flavors in one program, in C and in C++ (test-flavors.sh builds it in every way there
 * is). They share nothing: a reader or a callback of one delays no other, and each runs its
 * callbacks in workers of its own.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <quiesce/stats.h>
#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>

#include "../limits.h"
#include "../want.h"

struct functions {
	const char *name;
	void (*register_thread)(void), (*unregister_thread)(void);
	void (*read_lock)(void), (*read_unlock)(void);
	void (*synchronize)(void), (*barrier)(void);
	void (*call)(struct rcu_head *head, void (*func)(struct rcu_head *head));
	struct call_rcu_data *(*own_worker)(void), *(*default_worker)(void);
	struct urcu_gp_poll_state (*start_poll)(void);
	bool (*poll)(struct urcu_gp_poll_state state);
};

/* Inline where they are so: readers of all flavors stand in one object. */
#define READERS(F)						\
	static void F##_lock(void) { urcu_##F##_read_lock(); }	\
	static void F##_unlock(void) { urcu_##F##_read_unlock(); }	\
	static void F##_begin(void) { urcu_##F##_register_thread(); }	\
	static void F##_end(void) { urcu_##F##_unregister_thread(); }

READERS(mb)
READERS(memb)
READERS(bp)
READERS(qsbr)

#define FLAVOR(F) {							\
	#F, F##_begin, F##_end, F##_lock, F##_unlock,			\
	urcu_##F##_synchronize_rcu, urcu_##F##_barrier, urcu_##F##_call_rcu, \
	urcu_##F##_get_thread_call_rcu_data, urcu_##F##_get_default_call_rcu_data, \
	urcu_##F##_start_poll_synchronize_rcu, urcu_##F##_poll_state_synchronize_rcu, \
}

static const struct functions flavors[] = {
	FLAVOR(mb), FLAVOR(memb), FLAVOR(bp), FLAVOR(qsbr),
};

#define COUNT 4

static sem_t entered, leave;

/* ---- A reader of one ---- */

static void *stay_in_section(void *arg)
{
	const struct functions *flavor = (const struct functions *)arg;

	flavor->register_thread();
	flavor->read_lock();
	sem_post(&entered);
	sem_wait(&leave);
	flavor->read_unlock();
	flavor->unregister_thread();
	return NULL;
}

static void reader_delays_only_its_own(int own)
{
	struct urcu_gp_poll_state state;
	pthread_t reader;

	want(pthread_create(&reader, NULL, stay_in_section, (void *)&flavors[own]) == 0);
	sem_wait(&entered);
	state = flavors[own].start_poll();
	for (int other = 0; other < COUNT; other++) {
		if (other == own)
			continue;
		flavors[other].synchronize();
		flavors[other].barrier();
	}
	want(!flavors[own].poll(state));
	sem_post(&leave);
	want(pthread_join(reader, NULL) == 0);
	while (!flavors[own].poll(state))
		sched_yield();
}

/* ---- A callback of one ---- */

struct call {
	struct rcu_head head;
	int flavor;
	bool blocks;
};

static int calls[COUNT];

static void called(struct rcu_head *head)
{
	struct call *call = (struct call *)head;

	for (int i = 0; i < COUNT; i++)
		want((flavors[i].own_worker() != NULL) == (i == call->flavor));
	__atomic_fetch_add(&calls[call->flavor], 1, __ATOMIC_SEQ_CST);
	if (call->blocks) {
		sem_post(&entered);
		sem_wait(&leave);
	}
}

static void queue(struct call *call, int flavor, bool blocks)
{
	call->flavor = flavor;
	call->blocks = blocks;
	flavors[flavor].call(&call->head, called);
}

static void callback_delays_only_its_own(int own)
{
	struct call stuck, other_call[COUNT];
	int before[COUNT];

	memcpy(before, calls, sizeof(calls));
	queue(&stuck, own, true);
	sem_wait(&entered);
	for (int other = 0; other < COUNT; other++) {
		if (other == own)
			continue;
		queue(&other_call[other], other, false);
		flavors[other].barrier();
		want(calls[other] == before[other] + 1);
	}
	sem_post(&leave);
	flavors[own].barrier();
	want(calls[own] == before[own] + 1);
}

static void workers_are_apart(void)
{
	for (int i = 0; i < COUNT; i++)
		for (int j = 0; j < i; j++)
			want(flavors[i].default_worker() != flavors[j].default_worker());
}

/* A thread of several flavors is in a section of those alone whose lock it took. */
static void sections_are_apart(void)
{
	urcu_mb_register_thread();
	urcu_memb_register_thread();
	urcu_mb_read_lock();
	want(urcu_mb_read_ongoing() && !urcu_memb_read_ongoing() && !urcu_bp_read_ongoing());
	urcu_memb_synchronize_rcu();
	urcu_bp_read_lock();
	want(urcu_bp_read_ongoing() && !urcu_memb_read_ongoing());
	urcu_memb_synchronize_rcu();
	urcu_mb_read_unlock();
	want(!urcu_mb_read_ongoing() && urcu_bp_read_ongoing());
	urcu_mb_synchronize_rcu();
	urcu_bp_read_unlock();
	urcu_memb_unregister_thread();
	urcu_mb_unregister_thread();
}

/* Nothing runs. Of reports a static program has one count, and with shared libraries each has its own. */
static void sum_is_of_all(void)
{
	void (*const get[COUNT])(struct urcu_stats *) = {
		urcu_mb_get_stats, urcu_memb_get_stats, urcu_bp_get_stats, urcu_qsbr_get_stats,
	};
	struct urcu_stats sum, one;
	unsigned long grace_periods = 0, run = 0, latency = 0, readers = 0, reports = 0;

	/* A report of the last one's. */
	urcu_qsbr_unregister_thread();
	for (int i = 0; i < COUNT; i++) {
		get[i](&one);
		want(one.grace_periods > 0 && one.run > 0);
		grace_periods += one.grace_periods;
		run += one.run;
		latency += one.latency[0];
		readers += one.readers;
		reports += one.reports;
	}
	want(quiesce_get_stats(&sum) == COUNT);
	want(sum.grace_periods == grace_periods && sum.run == run && sum.latency[0] == latency);
	want(sum.readers == readers && sum.backlog == 0 && sum.queued == run);
	want(sum.reports == 1 && (reports == 1 || reports == COUNT));
}

int main(void)
{
	alarm(60 * patience());
	sem_init(&entered, 0, 0);
	sem_init(&leave, 0, 0);
	workers_are_apart();
	sections_are_apart();
	for (int i = 0; i < COUNT; i++) {
		reader_delays_only_its_own(i);
		callback_delays_only_its_own(i);
	}
	sum_is_of_all();
	return 0;
}
