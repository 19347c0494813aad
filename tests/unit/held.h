/* SPDX-License-Identifier: MIT */
/*
 * A reader that is held in its section until the test lets it go, and the writer that has to wait for it, led step
 * by step. A test with a reader of its own starts it by held_start, and has it post in, and await leave.
 */
#ifndef TESTS_UNIT_HELD_H
#define TESTS_UNIT_HELD_H

#include "harness.h"

struct held {
	sem_t in, leave;
	bool left, called, returned;
	unsigned int depth, hold_us;	/* for the test's own reader */
	bool announces;
	pthread_t thread;
};

static inline void held_init(struct held *held)
{
	memset(held, 0, sizeof(*held));
	sem_init(&held->in, 0, 0);
	sem_init(&held->leave, 0, 0);
}

/* The middle of every such reader: from before its section to after it. */
static inline void held_section(struct held *held)
{
	rcu_read_lock();
	sem_post(&held->in);
	await(&held->leave);
	put(held->left, true);
	rcu_read_unlock();
}

static inline void *held_reader(void *held)
{
	rcu_register_thread();
	held_section(held);
	rcu_unregister_thread();
	return NULL;
}

/* After held_init; returns when the reader says that it is in. */
static inline void held_start(struct held *held, void *(*reader)(void *held))
{
	held->thread = start(reader, held);
	await(&held->in);
}

static inline void held_enter(struct held *held)
{
	held_init(held);
	held_start(held, held_reader);
}

static inline void held_leave(struct held *held)
{
	sem_post(&held->leave);
	pthread_join(held->thread, NULL);
}

static inline void *waiting_writer(void *arg)
{
	struct held *held = arg;

	put(held->called, true);
	synchronize_rcu();
	want(get(held->left));
	put(held->returned, true);
	return NULL;
}

static inline void not_returned_for(struct held *held, unsigned int us)
{
	for (uint64_t until = now_us() + us; now_us() < until; sched_yield())
		want(!get(held->returned));
}

/*
 * The only writer, known to wait for held. The time gives a wrong one the chance to return. (Among
 * several it may be another's grace period that held keeps from ending, and ours does not begin.)
 */
static inline pthread_t writer_who_waits(struct held *held, unsigned int us)
{
	unsigned long before = gp_number();
	pthread_t writer = start(waiting_writer, held);

	await_gp_since(before);
	not_returned_for(held, us);
	return writer;
}

#endif /* TESTS_UNIT_HELD_H */
