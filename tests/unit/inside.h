/* SPDX-License-Identifier: MIT */
/* For tests that reach into the library: the flavor that they are built for. */
#ifndef TESTS_UNIT_INSIDE_H
#define TESTS_UNIT_INSIDE_H

#include "harness.h"

#include "flavor/flavor.h"

#if defined(TEST_BP)
#define INSIDE quiesce_bp
#elif defined(TEST_QSBR)
#define INSIDE quiesce_qsbr
#elif defined(RCU_MB)
#define INSIDE quiesce_mb
#else
#define INSIDE quiesce_memb
#endif

extern struct flavor INSIDE;
static struct engine *const engine __attribute__((unused)) = &INSIDE.engine;
static struct domain *const domain __attribute__((unused)) = &INSIDE.engine.domain;
static struct workers *const workers __attribute__((unused)) = &INSIDE.engine.workers;

/* The first of the queues that were made and not freed since, or NULL. */
static inline struct call_rcu_data *first_made(void)
{
	struct cds_list_head *list = &workers->list;
	struct call_rcu_data *queue = NULL;

	quiesce_forker_lock(workers, &workers->lock, "a test");
	if (!cds_list_empty(list))
		queue = cds_list_first_entry(list, struct call_rcu_data, node);
	quiesce_unlock(&workers->lock);
	return queue;
}

/* ---- A callback that stays until it is let go, and holds up no grace period ---- */

struct plug {
	struct rcu_head head;
	sem_t in, out;
};

static inline void plug_run(struct rcu_head *head)
{
	struct plug *plug = caa_container_of(head, struct plug, head);

	rcu_thread_offline();
	sem_post(&plug->in);
	await(&plug->out);
	rcu_thread_online();
}

static inline void plug_init(struct plug *plug)
{
	sem_init(&plug->in, 0, 0);
	sem_init(&plug->out, 0, 0);
}

static inline void plug_in(struct plug *plug, struct call_rcu_data *queue)
{
	plug_init(plug);
	set_thread_call_rcu_data(queue);
	call_rcu(&plug->head, plug_run);
	set_thread_call_rcu_data(NULL);
	await(&plug->in);
}

#endif /* TESTS_UNIT_INSIDE_H */
