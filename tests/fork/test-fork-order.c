/* SPDX-License-Identifier: MIT */
/*
 * Two flavors in one program. Threads and callbacks of both fork at once, each through the hooks of
 * both, in one order: nobody waits for anybody for ever. (In two orders they would, and so they would in
 * flavors that are shared libraries: doc/fork.md.)
 */
#include <urcu/urcu-bp.h>

#include "fork-harness.h"

#define FORKS 40	/* by each */

static void fork_through_both(void (*in_child)(void))
{
	pid_t pid;

	urcu_mb_call_rcu_before_fork();
	urcu_bp_call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		urcu_bp_call_rcu_after_fork_child();
		urcu_mb_call_rcu_after_fork_child();
		in_child();
		_exit(0);
	}
	urcu_bp_call_rcu_after_fork_parent();
	urcu_mb_call_rcu_after_fork_parent();
	expect_clean(pid);
}

/* In a child the callback that forked goes on, and the others are not there. */
static void leave(void)
{
	_exit(0);
}

struct forking {
	struct rcu_head head;
	void (*call_rcu)(struct rcu_head *head, void (*func)(struct rcu_head *head));
	int forks;
};

static void fork_in_callback(struct rcu_head *head)
{
	struct forking *forking = caa_container_of(head, struct forking, head);

	fork_through_both(leave);
	put(&forking->forks, forking->forks + 1);
	if (forking->forks < FORKS)
		forking->call_rcu(head, fork_in_callback);
}

static void use_both(void)
{
	struct counted first = { .runs = 0 }, second = { .runs = 0 };

	STAGE("synchronize_rcu of both");
	urcu_mb_synchronize_rcu();
	urcu_bp_synchronize_rcu();
	urcu_mb_call_rcu(&first.head, count);
	urcu_bp_call_rcu(&second.head, count);
	STAGE("grace periods again");
	urcu_mb_synchronize_rcu();
	urcu_bp_synchronize_rcu();
	_exit(0);
}

static void *fork_in_thread(void *arg)
{
	for (int i = 0; i < FORKS; i++)
		fork_through_both(i % 2 ? use_both : leave);
	return arg;
}

START_TEST(callbacks_and_threads_that_fork_in_one_order_do_not_wait_for_each_other)
{
	static struct forking mb = { .call_rcu = urcu_mb_call_rcu };
	static struct forking bp = { .call_rcu = urcu_bp_call_rcu };
	pthread_t thread = start_thread(fork_in_thread, NULL);

	urcu_mb_call_rcu(&mb.head, fork_in_callback);
	urcu_bp_call_rcu(&bp.head, fork_in_callback);
	join(thread);
	await_value(&mb.forks, FORKS);
	await_value(&bp.forks, FORKS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-order");
	TCase *tcase = add_case(suite, "order");

	tcase_add_test(tcase,
		callbacks_and_threads_that_fork_in_one_order_do_not_wait_for_each_other);
	return run_suite(suite);
}
