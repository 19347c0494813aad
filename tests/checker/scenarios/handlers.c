/* SPDX-License-Identifier: MIT */
/* Handlers find what the program did before it registered them, and what they are to be given. */
#include "checker/rcu.h"

#include <quiesce/report.h>
#include <urcu/backlog.h>

int ready;

static void note(struct rcu_head *head)
{
	free(caa_container_of(head, struct item, head));
}

static void hear_nothing(const char *message)
{
	(void)message;
}

static void hear(const char *message)
{
	(void)message;
	assert(ready == 1);
}

static void notice(const struct urcu_backlog *backlog, void *arg)
{
	(void)backlog;
	assert(*(int *)arg == 1);
}

static void *registrar(void *arg)
{
	ready = 1;
	quiesce_set_report_handler(hear);
	urcu_set_backlog_handler(notice, &ready);
	return arg;
}

/* The second is beyond the limit; and to wait for deferred calls without a queue of them is reported. */
static void *caller(void *arg)
{
	call_rcu(&make_item(1)->head, note);
	call_rcu(&make_item(1)->head, note);
	rcu_defer_barrier_thread();
	return arg;
}

int main(void)
{
	quiesce_set_report_handler(hear_nothing);
	urcu_set_backlog_limit(0, 1);
	run(registrar, caller, NULL);
	rcu_barrier();
	return 0;
}
