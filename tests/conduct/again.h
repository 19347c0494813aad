/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_CONDUCT_AGAIN_H
#define QUIESCE_CONDUCT_AGAIN_H

/* Cases that are started again with a number, and workers of every kind for them. */
#include "../fork/started-again.h"

static struct results {
	int ran;		/* callbacks */
	int late;		/* of these, those that ran when the program was not whole any more */
	int reached;		/* how far the case came */
	int word[4];		/* each case's own */
} *results;

struct again_case {
	const char *name;
	int (*run)(int argument);
};

/* Those of the test; a name of NULL at the end. */
static const struct again_case cases[];

static UNUSED_OK void raise_by_one(int *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_ACQ_REL);
}

/* ---- In the test ---- */

static UNUSED_OK void start_results(void)
{
	results = share_results(sizeof(*results));
}

/* limit: as set_limit's. */
static UNUSED_OK void run_again(const char *name, int argument, const char *limit)
{
	char text[16];

	memset(results, 0, sizeof(*results));
	set_limit(limit);
	snprintf(text, sizeof(text), "%d", argument);
	start_again(name, text);
}

static UNUSED_OK long run_timed(const char *name, int argument, const char *limit)
{
	struct timespec begin;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	run_again(name, argument, limit);
	return ms_since(&begin);
}

static UNUSED_OK TCase *add_again_case(Suite *suite, const char *name)
{
	return add_results_case(suite, name, start_results);
}

/* ---- In the program that is started again ---- */

/* Which worker the calling thread queues on. */
enum { DEFAULT, MADE, RT, OF_CPUS, KINDS };

static UNUSED_OK void choose_worker(int kind)
{
	struct call_rcu_data *worker;

	if (kind == OF_CPUS)
		MUST(create_all_cpu_call_rcu_data(0) == 0);
	if (kind != MADE && kind != RT)
		return;
	worker = create_call_rcu_data(kind == RT ? URCU_CALL_RCU_RT : 0, -1);
	MUST(worker);
	set_thread_call_rcu_data(worker);
}

static UNUSED_OK int run_case(const char *name, int argument)
{
	results = take_results(sizeof(*results));
	for (const struct again_case *c = cases; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c->run(argument);
	return 126;
}

#endif
