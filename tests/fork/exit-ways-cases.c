/* SPDX-License-Identifier: MIT */
#include "exit-ways-cases.h"
#include "exit-cases.h"
#include "started-again.h"

#include <urcu/rculfhash.h>

static struct results *results;

/* ---- What is left to do ---- */

static void chain(struct rcu_head *head)
{
	if (++results->chained < CHAIN)
		call_rcu(head, chain);
}

/* Each barrier is worth one callback of the chain; the exit is worth one more. */
static void chains(void)
{
	static struct rcu_head head;

	call_rcu(&head, chain);
	for (int i = 1; i < CHAIN; i++)
		rcu_barrier();
}

static void requeue(struct rcu_head *head)
{
	results->requeued++;
	call_rcu(head, requeue);
}

static void requeues(void)
{
	static struct rcu_head head;

	call_rcu(&head, requeue);
	rcu_barrier();
}

static void block(struct rcu_head *head)
{
	put(&results->chained, results->chained + 1);
	while (head)
		pause();
}

static void blocks(void)
{
	static struct rcu_head head;

	call_rcu(&head, block);
	await_that(get(&results->chained));
}

/* When the exit waits for it, if it does; main sleeps then, or in pthread_join. */
static void exit_too(struct rcu_head *head)
{
	await_asleep(getpid());
	exit(head ? 7 : 1);
}

static void exits_too(void)
{
	static struct rcu_head head;

	call_rcu(&head, exit_too);
}

static int between_hooks;

static void *fork_slowly(void *arg)
{
	call_rcu_before_fork();
	put(&between_hooks, 1);
	await_asleep(getpid());
	call_rcu_after_fork_parent();
	for (;;)
		pause();
	return arg;
}

static void count_run(struct rcu_head *head)
{
	results->chained += head != NULL;
}

/* Workers are paused when the exit begins. */
static void others_fork(void)
{
	static struct rcu_head head;

	start_thread(fork_slowly, NULL);
	await_that(get(&between_hooks));
	call_rcu(&head, count_run);
}

/* ---- A table in the middle of a resize ---- */

static int in_resize, for_ever;

static void *table_malloc(void *state, size_t size)
{
	(void)state;
	return malloc(size);
}

static void *table_calloc(void *state, size_t count, size_t size)
{
	(void)state;
	return calloc(count, size);
}

static void *table_realloc(void *state, void *p, size_t size)
{
	(void)state;
	return realloc(p, size);
}

static void *table_aligned_alloc(void *state, size_t alignment, size_t size)
{
	(void)state;
	return aligned_alloc(alignment, size);
}

/* Called by the callback that shrinks the table. */
static void table_free(void *state, void *p)
{
	(void)state;
	free(p);
	put(&in_resize, 1);
	while (get(&for_ever))
		pause();
	await_asleep(getpid());
}

static const struct cds_lfht_alloc table_alloc = {
	.malloc = table_malloc, .calloc = table_calloc, .realloc = table_realloc,
	.aligned_alloc = table_aligned_alloc, .free = table_free,
};

static struct cds_lfht_node nodes[4096];

static void resizes(void)
{
	struct cds_lfht *table = cds_lfht_new_with_flavor_alloc(1, 1, 0, CDS_LFHT_AUTO_RESIZE,
								&rcu_flavor, &table_alloc, NULL);

	MUST(table);
	rcu_register_thread();
	rcu_read_lock();
	for (unsigned long i = 0; i < 4096; i++)
		cds_lfht_add(table, i, &nodes[i]);
	rcu_read_unlock();
	rcu_read_lock();
	for (unsigned long i = 0; i < 4096; i++)
		MUST(cds_lfht_del(table, &nodes[i]) == 0);
	rcu_read_unlock();
	await_that(get(&in_resize));
	rcu_unregister_thread();
}

static void resizes_for_ever(void)
{
	put(&for_ever, 1);
	resizes();
}

static const struct {
	const char *name;
	void (*prepare)(void);
} cases[] = {
	{ "chains", chains }, { "requeues", requeues }, { "blocks", blocks },
	{ "exits-too", exits_too }, { "others-fork", others_fork }, { "resizes", resizes },
	{ "resizes-for-ever", resizes_for_ever },
};

/* ---- How it ends ---- */

static void *exit_here(void *prepare)
{
	void (*act)(void);

	memcpy(&act, prepare, sizeof(act));
	act();
	exit(7);
}

static int leave(const char *way, void (*prepare)(void))
{
	if (strcmp(way, "thread") == 0)
		join(start_thread(exit_here, &prepare));
	prepare();
	if (strcmp(way, "quick") == 0)
		quick_exit(7);
	return 7;
}

int run_exit_way(const char *name, const char *way)
{
	results = take_results(sizeof(*results));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return leave(way, cases[i].prepare);
	return 126;
}
