/* SPDX-License-Identifier: MIT */
/*
 * free_rcu and fork: what is given is freed once in the parent, and once in each child that uses RCU, whoever gave
 * it and whoever was freeing it.
 */
#include "fork-harness.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define ITEMS	20000
#define MANY	3000

/* Of this process: a child has its own copy. */
static struct item {
	int given, freed;
} items[ITEMS];
static int next;

static void note(void *ptr)
{
	struct item *item = ptr;

	MUST(item >= items && item < items + ITEMS);
	MUST(get(&item->given) && __atomic_add_fetch(&item->freed, 1, __ATOMIC_ACQ_REL) == 1);
}

static void give(int count)
{
	while (count--) {
		struct item *item = &items[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)];

		MUST(item < items + ITEMS);
		put(&item->given, 1);
		urcu_free_rcu(item);
	}
}

static int count_left(void)
{
	int left = 0;

	for (int i = 0; i < ITEMS; i++)
		left += get(&items[i].given) && !get(&items[i].freed);
	return left;
}

/* In a child at least its own are; of a dead thread's one may have been on its way. */
static void all_freed_but(int most)
{
	await_that(count_left() <= most);
}

static void barrier_in_child(void *arg)
{
	STAGE("rcu_barrier in the child");
	give(300);
	rcu_barrier();
	MUST(count_left() <= (arg ? *(int *)arg : 0));
}

/* Whatever makes the child's worker run frees what the parent gave. */
static void idle_in_child(void *arg)
{
	STAGE("the child's worker");
	give(1);
	all_freed_but(arg ? *(int *)arg : 0);
}

static void callback_in_child(void *arg)
{
	static struct counted counted;

	STAGE("the child's callback");
	call_rcu(&counted.head, count);
	all_freed_but(arg ? *(int *)arg : 0);
}

static void (*const in_child[])(void *arg) = { barrier_in_child, idle_in_child, callback_in_child };
static const int amounts[] = { 1, 255, 256, 257, MANY };

#define WAYS 3
#define AMOUNTS 5

static void *give_in_thread(void *arg)
{
	give(*(const int *)arg);
	return NULL;
}

/* A reader keeps all of it from being freed before the forks: the children do not wait for him. */
START_TEST(what_is_given_is_freed_in_parent_and_children)
{
	struct reader_thread reader;

	MUST(urcu_free_rcu_with(note) == 0);
	hold(&reader);
	give(amounts[_i % AMOUNTS]);
	join(start_thread(give_in_thread, (void *)&amounts[_i % AMOUNTS]));
	for (int i = 0; i < WAYS; i++)
		run_child(in_child[i], NULL);
	MUST(count_left() == 2 * amounts[_i % AMOUNTS]);
	release(&reader);
	all_freed_but(0);
	run_child(barrier_in_child, NULL);
}
END_TEST

static void fork_again(void *arg)
{
	give(100);
	run_child(barrier_in_child, arg);
	run_child(idle_in_child, arg);
	give(100);
	rcu_barrier();
	MUST(count_left() == 0);
}

START_TEST(grandchildren_have_it_too)
{
	struct reader_thread reader;

	MUST(urcu_free_rcu_with(note) == 0);
	hold(&reader);
	give(1000);
	run_child(fork_again, NULL);
	release(&reader);
	rcu_barrier();
	MUST(count_left() == 0);
}
END_TEST

/* The library is not told of this child. It finds out when it is given the 16th pointer, at the latest. */
static void give_and_wait(void *arg)
{
	STAGE("a child of _Fork");
	give(16);
	(void)arg;
	all_freed_but(0);
}

START_TEST(a_child_of_which_nobody_tells_frees_what_it_gives)
{
	struct reader_thread reader;
	pid_t pid;

	MUST(urcu_free_rcu_with(note) == 0);
	hold(&reader);
	give(100);
	if (_i) {
		release(&reader);
		rcu_barrier();
	}
	pid = _Fork();
	if (pid == 0)
		alarm(child_limit());
	expect_clean(go_on_as_child(pid, give_and_wait, NULL));
	if (!_i)
		release(&reader);
	all_freed_but(0);
}
END_TEST

/* ---- Forks among threads that give ---- */

#define GIVERS 3

static int stop;

static void *give_and_give(void *arg)
{
	if (arg)
		rcu_register_thread();
	while (!get(&stop) && __atomic_load_n(&next, __ATOMIC_RELAXED) < ITEMS - 8000)
		give(1);
	if (arg)
		rcu_unregister_thread();
	return NULL;
}

/*
 * Each giver may be in the middle of a call, which is not given then, or is; or of freeing, by itself or by the
 * worker: that one is freed as far as that came.
 */
START_TEST(forks_among_givers_lose_nothing)
{
	int most = 2 * GIVERS + 1;
	pthread_t threads[GIVERS];

	MUST(urcu_free_rcu_with(note) == 0);
	for (int i = 0; i < GIVERS; i++)
		threads[i] = start_thread(give_and_give, i ? &most : NULL);
	for (int i = 0; i < 12; i++)
		if (_i)
			run_plain_child(in_child[i % WAYS], &most);
		else
			run_child(in_child[i % WAYS], &most);
	put(&stop, 1);
	for (int i = 0; i < GIVERS; i++)
		join(threads[i]);
	rcu_barrier();
	MUST(count_left() == 0);
}
END_TEST

/* ---- A thread that frees, held up in the middle ---- */

static sem_t inside, leave;
static int held;

static void note_slowly(void *ptr)
{
	if (ptr == &items[0] && getpid() == test_pid) {
		put(&held, 1);
		sem_post(&inside);
		await(&leave);
	}
	note(ptr);
}

static void synchronize_and_give(void *arg)
{
	give(256);
	synchronize_rcu();
	for (int i = 0; i < 1000 && !get(&held); i++) {
		give(256);
		synchronize_rcu();
	}
	(void)arg;
}

static void barrier_while_held(void *arg)
{
	(void)arg;
	give(10);
	rcu_barrier();
}

static void barrier_without_it(void *most)
{
	barrier_in_child(most);
	MUST(!get(&items[0].freed));
}

/* Its thread is not in the child, which frees all but the one that was in its hand, and one that it was giving. */
START_TEST(who_frees_at_the_fork_does_not_in_the_child)
{
	struct task task;
	int most = 2 - _i;

	MUST(urcu_free_rcu_with(note_slowly) == 0);
	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	start_task(&task, _i ? barrier_while_held : synchronize_and_give, NULL);
	await(&inside);
	run_plain_child(barrier_without_it, &most);
	sem_post(&leave);
	join(task.thread);
	rcu_barrier();
	MUST(count_left() == 0);
}
END_TEST

/* ---- A release function that forks ---- */

static pid_t child;

static void end_in_child(void *arg)
{
	give(300);
	(void)arg;
}

static void note_and_fork(void *ptr)
{
	note(ptr);
	if (ptr == &items[100])
		child = start_child(end_in_child, NULL);
}

/*
 * The child's only thread is who freed, perhaps the worker: it goes on, and ends with the last. One may not have been
 * given at the fork.
 */
static void go_on_in_child(void *ptr)
{
	pid_t forked;

	note(ptr);
	if (ptr == &items[100]) {
		forked = hooked_fork();
		if (forked > 0)
			child = forked;
	}
	if (getpid() != test_pid && count_left() <= 1)
		_exit(0);
}

START_TEST(a_release_function_may_fork)
{
	MUST(urcu_free_rcu_with(_i ? go_on_in_child : note_and_fork) == 0);
	give(1000);
	rcu_barrier();
	MUST(count_left() == 0);
	expect_clean(child);
}
END_TEST

/* ---- Children that have no use for it ---- */

static void run_true(void *arg)
{
	(void)arg;
	execlp("true", "true", (char *)NULL);
	_exit(127);
}

static void leave_at_once(void *arg)
{
	(void)arg;
}

static void leave_by_exit(void *arg)
{
	(void)arg;
	exit(0);
}

START_TEST(children_that_execute_or_exit_are_not_held_up)
{
	MUST(urcu_free_rcu_with(note) == 0);
	for (int i = 0; i < 5; i++) {
		give(1000);
		run_child(run_true, NULL);
		run_plain_child(run_true, NULL);
		run_child(leave_at_once, NULL);
		run_plain_child(leave_at_once, NULL);
		run_child(leave_by_exit, NULL);
		run_plain_child(leave_by_exit, NULL);
	}
	rcu_barrier();
	MUST(count_left() == 0);
}
END_TEST

/* ...nor do they touch it. The pages that each process writes to are its own, after a fault for each. */
static long faults_of(void (*child)(void *), bool hooks)
{
	struct rusage before, after;

	MUST(getrusage(RUSAGE_CHILDREN, &before) == 0);
	if (hooks)
		run_child(child, NULL);
	else
		run_plain_child(child, NULL);
	MUST(getrusage(RUSAGE_CHILDREN, &after) == 0);
	return after.ru_minflt - before.ru_minflt;
}

static void wait_for_it(void *arg)
{
	(void)arg;
	rcu_barrier();
}

#define OBJECTS 100000

START_TEST(children_that_execute_or_leave_do_not_touch_what_waits)
{
	struct reader_thread reader;
	long all;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	hold(&reader);
	for (int i = 0; i < OBJECTS; i++)
		urcu_free_rcu(malloc(100));
	all = faults_of(wait_for_it, true);
	MUST(all > 2000);
	for (int hooks = 0; hooks < 2; hooks++) {
		MUST(faults_of(leave_at_once, hooks) < all / 4);
		MUST(faults_of(run_true, hooks) < all / 4);
	}
	release(&reader);
	rcu_barrier();
}
END_TEST

/* ---- A worker that a fork has paused ---- */

static void note_and_await(void *ptr)
{
	if (ptr == &items[300] && getpid() == test_pid) {
		sem_post(&inside);
		await(&leave);
	}
	note(ptr);
}

static void fork_idly(void *arg)
{
	run_child(leave_at_once, arg);
}

/* A grace period that begins after the fork would wait for the second reader. */
START_TEST(a_worker_goes_on_with_what_was_due_before_the_fork)
{
	struct reader_thread reader;
	struct task task;

	MUST(urcu_free_rcu_with(note_and_await) == 0);
	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	hold(&reader);
	give(1000);
	release(&reader);
	await(&inside);
	start_stuck_task(&task, fork_idly, NULL);
	hold(&reader);
	sem_post(&leave);
	join(task.thread);
	all_freed_but(0);
	release(&reader);
}
END_TEST

static sem_t paused, resume;

static void block(struct rcu_head *head)
{
	begin_waiting();
	sem_post(&inside);
	await(&leave);
	end_waiting();
	count(head);
}

static void fork_slowly(void *arg)
{
	(void)arg;
	call_rcu_before_fork();
	sem_post(&paused);
	await(&resume);
	call_rcu_after_fork_parent();
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* How long what was queued during a fork waits after it. */
static double delay_after_fork(void)
{
	struct counted first = { .runs = 0 }, second = { .runs = 0 };
	struct task task;
	double since;

	call_rcu(&first.head, block);
	await(&inside);
	start_stuck_task(&task, fork_slowly, NULL);
	sem_post(&leave);
	await(&paused);
	call_rcu(&second.head, count);
	since = now_ms();
	sem_post(&resume);
	await_value(&second.runs, 1);
	since = now_ms() - since;
	join(task.thread);
	return since;
}

/* It lingers for 10 ms else. On a busy machine most take longer, whatever the worker does. */
START_TEST(a_worker_catches_up_before_it_lingers)
{
	bool soon = false;

	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	sem_init(&paused, 0, 0);
	sem_init(&resume, 0, 0);
	for (int i = 0; i < 300 && !soon; i++)
		soon = delay_after_fork() < 7;
	MUST(soon);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-free-" FLAVOR);
	TCase *tcase = add_case(suite, "free");

	tcase_add_loop_test(tcase, what_is_given_is_freed_in_parent_and_children, 0, AMOUNTS);
	tcase_add_test(tcase, grandchildren_have_it_too);
	tcase_add_loop_test(tcase, a_child_of_which_nobody_tells_frees_what_it_gives, 0, 2);
	tcase_add_loop_test(tcase, forks_among_givers_lose_nothing, 0, 2);
	tcase_add_loop_test(tcase, who_frees_at_the_fork_does_not_in_the_child, 0, 2);
	tcase_add_loop_test(tcase, a_release_function_may_fork, 0, 2);
	tcase_add_test(tcase, children_that_execute_or_exit_are_not_held_up);
	tcase_add_test(tcase, children_that_execute_or_leave_do_not_touch_what_waits);
	tcase_add_test(tcase, a_worker_goes_on_with_what_was_due_before_the_fork);
	tcase_add_test(tcase, a_worker_catches_up_before_it_lingers);
	return run_suite(suite);
}
