/* SPDX-License-Identifier: MIT */
/*
 * The fork hooks themselves (doc/design/fork.md): nested, interleaved with bp's own, around forks
 * that fail; forks in a row, in depth and by several threads at once. Forks from callbacks and
 * under load are in test-fork-load.c.
 */
#include "fork-harness.h"
#include "refusal.h"

/* ---- Two kinds of hooks, in every order ---- */

struct hooks {
	void (*before)(void), (*parent)(void), (*child)(void);
};

static const struct hooks kinds[] = {
	{ call_rcu_before_fork, call_rcu_after_fork_parent, call_rcu_after_fork_child },
#ifdef TEST_BP
	{ urcu_bp_before_fork, urcu_bp_after_fork_parent, urcu_bp_after_fork_child },
#endif
};

#define KINDS	((int)(sizeof(kinds) / sizeof(kinds[0])))
#define DEEPEST	3

/* Kinds of hooks in the order of their calls, before and after the fork. */
struct order {
	int count, before[DEEPEST], after[DEEPEST];
	char name[2 * DEEPEST + 2];
};

static void name_order(struct order *order)
{
	for (int i = 0; i < order->count; i++) {
		order->name[i] = "cb"[order->before[i]];
		order->name[order->count + 1 + i] = "cb"[order->after[i]];
	}
	order->name[order->count] = '/';
	order->name[2 * order->count + 1] = 0;
}

static bool has_call_rcu_hooks(const struct order *order)
{
	for (int i = 0; i < order->count; i++)
		if (order->before[i] == 0)
			return true;
	return false;
}

/* A reader that the child has made since its first hook is still a reader after the next. */
static void call_with_reader(void (*hook)(void))
{
	struct reader_thread reader;
	struct task task;

	hold(&reader);
	hook();
	start_stuck_task(&task, synchronize, NULL);
	release(&reader);
	join(task.thread);
}

/* From the first of the child's hooks on the registry is in order, from call_rcu's on all is. */
static void be_child_of(const struct order *order, struct batch *batch)
{
	bool workers = false;

	alarm(child_limit());
	for (int i = 0; i < order->count; i++) {
		if (i == 0)
			kinds[order->after[i]].child();
		else
			call_with_reader(kinds[order->after[i]].child);
		workers = workers || order->after[i] == 0;
		STAGE(order->name);
		synchronize_rcu();
		join(start_thread(read_once, NULL));
		if (workers && i < order->count - 1)
			run_child(finish_in_child, batch);
		if (workers)
			finish(batch->all, batch->number);
	}
	if (!workers)
		_exit(0);
	use_everything();
	run_child(use_everything_in_child, NULL);
	exit(0);
}

static void fork_in_order(const struct order *order, struct batch *batch)
{
	pid_t pid;

	for (int i = 0; i < order->count; i++)
		kinds[order->before[i]].before();
	pid = fork();
	if (pid == 0)
		be_child_of(order, batch);
	for (int i = 0; i < order->count; i++)
		kinds[order->after[i]].parent();
	expect_clean(pid);
}

static int power(int base, int exponent)
{
	return exponent ? base * power(base, exponent - 1) : 1;
}

/* The digits of number in base KINDS; returns their sum. */
static int digits(int *digit, int count, int number)
{
	int sum = 0;

	for (int i = 0; i < count; i++, number /= KINDS)
		sum += digit[i] = number % KINDS;
	return sum;
}

static void for_each_order(void (*act)(const struct order *, void *), void *arg)
{
	struct order order;

	for (order.count = 1; order.count <= DEEPEST; order.count++)
		for (int b = 0; b < power(KINDS, order.count); b++)
			for (int a = 0; a < power(KINDS, order.count); a++)
				if (digits(order.before, order.count, b) ==
				    digits(order.after, order.count, a)) {
					name_order(&order);
					act(&order, arg);
				}
}

/* A worker waits behind a reader, so that there is something to hand over each time. */
static void try_order(const struct order *order, void *arg)
{
	struct reader_thread *reader = arg;
	struct counted *all = counted_new(8);
	struct batch batch = { all, 8 };

	STAGE(order->name);
	hold(reader);
	queue_all(all, 8);
	fork_in_order(order, &batch);
	MUST(sum_of_runs(all, 8) == 0);
	if (has_call_rcu_hooks(order))
		run_child(finish_in_child, &batch);
	release(reader);
	finish(all, 8);
	free(all);
}

START_TEST(hooks_nest_three_deep_of_both_kinds_and_in_every_order)
{
	struct reader_thread reader;

	for_each_order(try_order, &reader);
	use_everything();
}
END_TEST

START_TEST(no_callback_begins_before_the_outermost_after_fork_parent)
{
	struct counted *all = counted_new(10);

	use_everything();
	for (int i = 0; i < 3; i++)
		call_rcu_before_fork();
	queue_all(all, 10);
	for (int i = 0; i < 2; i++) {
		call_rcu_after_fork_parent();
		for (int j = 0; j < 200; j++)
			relax();
		MUST(sum_of_runs(all, 10) == 0);
	}
	call_rcu_after_fork_parent();
	finish(all, 10);
}
END_TEST

/* ---- By hand and through pthread_atfork ---- */

static void fork_again_by_atfork_alone(struct batch *batch)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(child_limit());
		finish_in_child(batch);
		use_everything();
		_exit(0);
	}
	expect_clean(pid);
}

static void be_child_of_both(struct batch *batch)
{
	alarm(child_limit());
	STAGE("after pthread_atfork's hooks, before the outer one");
	fork_again_by_atfork_alone(batch);
	finish_in_child(batch);
	use_everything();
	fork_again_by_atfork_alone(batch);
	call_rcu_after_fork_child();
	use_everything();
	run_child(use_everything_in_child, NULL);
	fork_again_by_atfork_alone(batch);
	exit(0);
}

START_TEST(hooks_nest_by_hand_and_through_pthread_atfork)
{
	struct counted *all = counted_new(20);
	struct batch batch = { all, 20 };
	struct reader_thread reader;
	pid_t pid;

	for (int i = KINDS; i--;)
		MUST(pthread_atfork(kinds[i].before, kinds[i].parent, kinds[i].child) == 0);
	hold(&reader);
	queue_all(all, 20);
	fork_again_by_atfork_alone(&batch);
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0)
		be_child_of_both(&batch);
	call_rcu_after_fork_parent();
	expect_clean(pid);
	release(&reader);
	finish(all, 20);
	use_everything();
}
END_TEST

/* ---- A fork that fails ---- */

/* Where the kernel has no seccomp the hooks still run as if fork had failed. */
static void fail_to_fork(bool refused)
{
	call_rcu_before_fork();
	if (refused)
		MUST(fork() == -1);
	else
		errno = EAGAIN;
	call_rcu_after_fork_parent();
	MUST(errno == EAGAIN);
}

START_TEST(a_fork_that_fails_leaves_everything_as_it_was)
{
	struct counted *all = counted_new(60);
	struct call_rcu_data *own = create_call_rcu_data(0, -1);
	struct reader_thread reader;
	struct task tasks[2];
	bool refused;

	MUST(own && create_all_cpu_call_rcu_data(0) == 0);
	rcu_register_thread();
	hold(&reader);
	queue_all(all, 20);
	set_thread_call_rcu_data(own);
	queue_all(all + 20, 20);
	start_stuck_task(&tasks[0], synchronize, NULL);
	start_stuck_task(&tasks[1], barrier, NULL);
	refused = refuse_clone(false, EAGAIN);
	for (int i = 0; i < 20; i++)
		fail_to_fork(refused);
	MUST(get_thread_call_rcu_data() == own && get_cpu_call_rcu_data(0));
	must_be_stuck(&tasks[0]);
	must_be_stuck(&tasks[1]);
	MUST(sum_of_runs(all, 60) == 0);
	release(&reader);
	join(tasks[0].thread);
	join(tasks[1].thread);
	must_have_run_once(all, 40);
	queue_all(all + 40, 20);
	finish(all, 60);
	rcu_read_lock();
	must_be_waited_for();
	rcu_unregister_thread();
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(own);
	use_everything();
}
END_TEST

/* ---- Many forks, deep forks, forks side by side ---- */

#define FORKS 200

static void finish_and_fork(void *arg)
{
	struct batch *batch = arg;

	finish_in_child(batch);
	if (batch->number % 30 == 0)
		run_child(use_everything_in_child, NULL);
}

START_TEST(two_hundred_forks_in_a_row_run_each_callback_once_in_each_process)
{
	struct counted *all = counted_new(3 * FORKS);
	struct batch batch = { all, 0 };

	for (int i = 0; i < FORKS; i++) {
		queue_all(all + 3 * i, 3);
		batch.number = 3 * (i + 1);
		run_child(finish_and_fork, &batch);
	}
	finish(all, 3 * FORKS);
}
END_TEST

struct level {
	struct counted *all;
	int depth;
};

#define PER_LEVEL 20

/* Each level queues on a worker of its own, too, and leaves it to the next to run it. */
static void descend(void *arg)
{
	const struct level *above = arg;
	struct level here = { above->all, above->depth + 1 };
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	struct counted *own = here.all + PER_LEVEL * above->depth;
	struct reader_thread reader;

	MUST(worker);
	MUST(get_thread_call_rcu_data() == NULL);
	hold(&reader);
	queue_all(own, PER_LEVEL / 2);
	set_thread_call_rcu_data(worker);
	queue_all(own + PER_LEVEL / 2, PER_LEVEL / 2);
	if (here.depth < 4)
		for (int i = 0; i < 2; i++)
			run_child(descend, &here);
	MUST(get_thread_call_rcu_data() == worker);
	release(&reader);
	finish(here.all, PER_LEVEL * here.depth);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	if (above->depth)
		exit(0);
}

START_TEST(children_fork_three_levels_deep_under_the_same_contract)
{
	struct level top = { counted_new(4 * PER_LEVEL), 0 };

	descend(&top);
	use_everything();
}
END_TEST

static void *fork_often(void *arg)
{
	struct counted *all = counted_new(20);
	struct batch batch = { all, 0 };

	rcu_register_thread();
	for (int i = 0; i < 20; i++) {
		queue_all(all + i, 1);
		batch.number = i + 1;
		run_child(finish_in_child, &batch);
	}
	finish(all, 20);
	run_child(use_everything_in_child, NULL);
	rcu_unregister_thread();
	free(all);
	return arg;
}

START_TEST(several_threads_may_fork_at_once)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(fork_often, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	use_everything();
}
END_TEST

/* ---- A thread waits for its turn while another is between the hooks ---- */

static void fork_once(void *arg)
{
	(void)arg;
	run_child(use_everything_in_child, NULL);
}

START_TEST(threads_that_wait_for_their_turn_to_fork_are_forgotten_by_the_child)
{
	struct task tasks[3];
	pid_t pid;

	call_rcu_before_fork();
	for (int i = 0; i < 3; i++)
		start_stuck_task(&tasks[i], fork_once, NULL);
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		call_rcu_after_fork_child();
		join(start_thread(fork_often, NULL));
		use_everything();
		exit(0);
	}
	expect_clean(pid);
	for (int i = 0; i < 3; i++)
		must_be_stuck(&tasks[i]);
	call_rcu_after_fork_parent();
	for (int i = 0; i < 3; i++)
		join(tasks[i].thread);
}
END_TEST

static void *stay_forever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void run_and_exit(void *arg)
{
	struct counted *left = counted_new(10);

	finish_in_child(arg);
	use_everything();
	MUST(create_call_rcu_data(0, -1) && create_all_cpu_call_rcu_data(0) == 0);
	start_thread(stay_forever, NULL);
	run_child(use_everything_in_child, NULL);
	rcu_register_thread();
	queue_all(left, 10);
	rcu_unregister_thread();
	exit(0);
}

START_TEST(a_child_that_uses_everything_leaves_by_exit)
{
	struct counted *all = counted_new(20);
	struct batch batch = { all, 20 };

	queue_all(all, 20);
	for (int i = 0; i < 3; i++)
		run_child(run_and_exit, &batch);
	finish(all, 20);
}
END_TEST

/* ---- A hash table's own, of a liburcu-cds that is not ours ---- */

enum { BEFORE, PARENT, CHILD };

static int calls[3];

static void count_before(void *counts)
{
	((int *)counts)[BEFORE]++;
}

static void count_parent(void *counts)
{
	((int *)counts)[PARENT]++;
}

static void count_child(void *counts)
{
	((int *)counts)[CHILD]++;
}

/* In the child of the fork of that number. */
static void must_be_called(void *number)
{
	MUST(calls[BEFORE] == *(int *)number && calls[PARENT] == *(int *)number - 1);
	MUST(calls[CHILD] == 1);
}

static void must_not_be_called(void *arg)
{
	(void)arg;
	MUST(calls[CHILD] == 0);
}

START_TEST(hooks_of_a_hash_table_are_called_until_its_last_user_is_gone)
{
	struct urcu_atfork hooks = { count_before, count_parent, count_child, calls };

	rcu_flavor.register_rculfhash_atfork(&hooks);
	rcu_flavor.register_rculfhash_atfork(&hooks);
	for (int fork = 1; fork <= 2; fork++) {
		run_child(must_be_called, &fork);
		MUST(calls[BEFORE] == fork && calls[PARENT] == fork && calls[CHILD] == 0);
		rcu_flavor.unregister_rculfhash_atfork(&hooks);
	}
	run_child(must_not_be_called, NULL);
	MUST(calls[BEFORE] == 2 && calls[PARENT] == 2 && calls[CHILD] == 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-hooks/" FLAVOR);
	TCase *tcase = add_case(suite, "nesting");

	tcase_add_test(tcase, hooks_nest_three_deep_of_both_kinds_and_in_every_order);
	tcase_add_test(tcase, no_callback_begins_before_the_outermost_after_fork_parent);
	tcase_add_test(tcase, hooks_nest_by_hand_and_through_pthread_atfork);
	tcase_add_test(tcase, threads_that_wait_for_their_turn_to_fork_are_forgotten_by_the_child);
	tcase_add_test(tcase, hooks_of_a_hash_table_are_called_until_its_last_user_is_gone);
	tcase = add_case(suite, "failure");
	tcase_add_test(tcase, a_fork_that_fails_leaves_everything_as_it_was);
	tcase = add_case(suite, "many");
	tcase_add_test(tcase, two_hundred_forks_in_a_row_run_each_callback_once_in_each_process);
	tcase_add_test(tcase, children_fork_three_levels_deep_under_the_same_contract);
	tcase_add_test(tcase, several_threads_may_fork_at_once);
	tcase_add_test(tcase, a_child_that_uses_everything_leaves_by_exit);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
