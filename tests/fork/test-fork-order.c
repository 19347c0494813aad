/* SPDX-License-Identifier: MIT */
/*
 * Two flavors in one program. Threads and callbacks of both fork at once, each through the hooks of
 * both, in one order: nobody waits for anybody for ever. (In two orders they would, and so they would in
 * flavors that are shared libraries: doc/fork.md.)
 */
#include <urcu/urcu-bp.h>

#include "fork-harness.h"

#define FORKS 40	/* by each */

static void go_through_both(void (*in_child)(void))
{
	pid_t pid;

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

static void fork_through_both(void (*in_child)(void))
{
	urcu_mb_call_rcu_before_fork();
	go_through_both(in_child);
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

static void *fork_in_thread(void *forks)
{
	for (int i = 0; i < FORKS; i++) {
		fork_through_both(i % 2 ? use_both : leave);
		put(forks, i + 1);
	}
	return NULL;
}

static int sum_of_forks(const int *const forks[], int number)
{
	int sum = 0;

	for (int i = 0; i < number; i++)
		sum += get(forks[i]);
	return sum;
}

/* Until each has forked so often; a fork of anybody is progress. */
static void await_forks(const int *const forks[], int number)
{
	for (int seen = 0; seen < number * FORKS;) {
		int before = seen;

		await_that((seen = sum_of_forks(forks, number)) != before);
	}
}

START_TEST(callbacks_and_threads_that_fork_in_one_order_do_not_wait_for_each_other)
{
	static struct forking mb = { .call_rcu = urcu_mb_call_rcu };
	static struct forking bp = { .call_rcu = urcu_bp_call_rcu };
	static int forks_of_thread;
	const int *const forks[] = { &mb.forks, &bp.forks, &forks_of_thread };
	pthread_t thread = start_thread(fork_in_thread, &forks_of_thread);

	urcu_mb_call_rcu(&mb.head, fork_in_callback);
	urcu_bp_call_rcu(&bp.head, fork_in_callback);
	await_forks(forks, 3);
	join(thread);
}
END_TEST

/* ---- One at a time: a callback that is told what to do when ---- */

static struct told {
	struct rcu_head head;
	void (*act)(void);
	sem_t inside, go_on;
	pid_t tid;
	int done;
} first, second;

static void do_when_told(struct rcu_head *head)
{
	struct told *told = caa_container_of(head, struct told, head);

	told->tid = thread_id();
	sem_post(&told->inside);
	await(&told->go_on);
	told->act();
	put(&told->done, 1);
}

static void enter_callback(struct told *told, bool of_mb, void (*act)(void))
{
	*told = (struct told) { .act = act };
	sem_init(&told->inside, 0, 0);
	sem_init(&told->go_on, 0, 0);
	(of_mb ? urcu_mb_call_rcu : urcu_bp_call_rcu)(&told->head, do_when_told);
	await(&told->inside);
}

/* The other flavor has run callbacks, too, and is the last that has begun to. */
static void enter_callback_before_the_others(struct told *told, bool of_mb, void (*act)(void))
{
	struct counted counted = { .runs = 0 };

	enter_callback(told, of_mb, act);
	(of_mb ? urcu_bp_call_rcu : urcu_mb_call_rcu)(&counted.head, count);
	await_value(&counted.runs, 1);
}

/* It does what it has to, and waits in it. */
static void go_on_and_wait(struct told *told)
{
	sem_post(&told->go_on);
	await_asleep(told->tid);
	MUST(!get(&told->done));
}

static void fork_and_leave(void)
{
	fork_through_both(leave);
}

/* The callback, of the flavor whose hook comes last, waits for the first one's fork. */
START_TEST(a_callback_that_waits_for_its_turn_to_fork_does_not_hold_up_the_other_flavors_hook)
{
	enter_callback_before_the_others(&first, false, fork_and_leave);
	STAGE("the first hook");
	urcu_mb_call_rcu_before_fork();
	go_on_and_wait(&first);
	STAGE("the second hook");
	go_through_both(leave);
	await_value(&first.done, 1);
}
END_TEST

/* Each flavor's hook has to know that it is called in a section: doc/fork.md, so in sections of both. */
START_TEST(a_callback_that_waits_for_the_other_flavors_grace_period_does_not_hold_up_the_reader)
{
	enter_callback_before_the_others(&first, _i, _i ? urcu_bp_synchronize_rcu : urcu_mb_synchronize_rcu);
	urcu_mb_register_thread();
	urcu_mb_read_lock();
	urcu_bp_read_lock();
	go_on_and_wait(&first);
	STAGE("fork in sections of both");
	fork_through_both(leave);
	MUST(!get(&first.done));
	urcu_bp_read_unlock();
	urcu_mb_read_unlock();
	await_value(&first.done, 1);
	urcu_mb_unregister_thread();
}
END_TEST

/* The grace period is over before the fork is: what follows must not be found half done in the child. */
START_TEST(a_callback_that_waited_in_the_other_flavor_goes_on_after_the_fork)
{
	enter_callback_before_the_others(&first, true, urcu_bp_synchronize_rcu);
	urcu_mb_register_thread();
	urcu_mb_read_lock();
	urcu_bp_read_lock();
	go_on_and_wait(&first);
	urcu_mb_call_rcu_before_fork();
	urcu_bp_read_unlock();
	urcu_bp_synchronize_rcu();
	await_asleep(first.tid);
	MUST(!get(&first.done));
	urcu_mb_call_rcu_after_fork_parent();
	await_value(&first.done, 1);
	urcu_mb_read_unlock();
	urcu_mb_unregister_thread();
}
END_TEST

/* ---- A fork through one flavor each ---- */

static void pass_through_bp(void)
{
	urcu_bp_call_rcu_before_fork();
	urcu_bp_call_rcu_after_fork_parent();
}

static sem_t between, over;

static void pass_through_mb(void *arg)
{
	urcu_mb_call_rcu_before_fork();
	sem_post(&between);
	await(&over);
	if (arg)
		pass_through_bp();
	urcu_mb_call_rcu_after_fork_parent();
}

/*
 * It waits for its turn in the other flavor; meanwhile a thread comes between the hooks of its own, which
 * (_i) comes to the other flavor's, too.
 */
START_TEST(a_callback_that_waited_for_the_other_flavors_fork_does_not_go_on_in_its_own)
{
	struct task task;

	sem_init(&between, 0, 0);
	sem_init(&over, 0, 0);
	enter_callback_before_the_others(&first, true, pass_through_bp);
	urcu_bp_call_rcu_before_fork();
	go_on_and_wait(&first);
	start_task(&task, pass_through_mb, _i ? &task : NULL);
	await(&between);
	urcu_bp_call_rcu_after_fork_parent();
	await_asleep(first.tid);
	MUST(!get(&first.done));
	sem_post(&over);
	join(task.thread);
	await_value(&first.done, 1);
}
END_TEST

/* ---- Barriers ---- */

/* Both wait for each other, but for that. */
START_TEST(a_callback_in_the_other_flavors_barrier_does_not_hold_up_the_fork_of_a_callback_there)
{
	enter_callback(&first, true, fork_and_leave);
	enter_callback(&second, false, urcu_mb_barrier);
	go_on_and_wait(&second);
	sem_post(&first.go_on);
	await_value(&first.done, 1);
	await_value(&second.done, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-order");
	TCase *tcase = add_case(suite, "order");

	tcase_add_test(tcase,
		callbacks_and_threads_that_fork_in_one_order_do_not_wait_for_each_other);
	tcase = add_case(suite, "circles");
	tcase_set_timeout(tcase, 20);	/* none forks more than twice */
	tcase_add_test(tcase,
		a_callback_that_waits_for_its_turn_to_fork_does_not_hold_up_the_other_flavors_hook);
	tcase_add_loop_test(tcase,
		a_callback_that_waits_for_the_other_flavors_grace_period_does_not_hold_up_the_reader, 0, 2);
	tcase_add_test(tcase, a_callback_that_waited_in_the_other_flavor_goes_on_after_the_fork);
	tcase_add_loop_test(tcase,
		a_callback_that_waited_for_the_other_flavors_fork_does_not_go_on_in_its_own, 0, 2);
	tcase_add_test(tcase,
		a_callback_in_the_other_flavors_barrier_does_not_hold_up_the_fork_of_a_callback_there);
	return run_suite(suite);
}
