/* SPDX-License-Identifier: MIT */
/*
 * The order of inherited callbacks in a child that was forked through the hooks: those of a worker run
 * in the order in which they were queued, wherever its thread was at the fork, and all of them before
 * what the child queues on the standard worker. In a child that was forked without the hooks some may be missing,
 * and those that are there run in order.
 */
#include "fork-harness.h"

#define FORKS	60
#define CHILDS	50	/* callbacks that the child queues */

enum { DEFAULT, MADE, QUEUES };

/* Plain: of one worker, whose callbacks run one at a time. */
static struct line {
	struct call_rcu_data *worker;
	unsigned long queued, ran;
} lines[QUEUES];

struct numbered {
	struct rcu_head head;
	struct line *line;
	unsigned long number;
};

static bool without_hooks;	/* in a child */

static void run_in_order(struct rcu_head *head)
{
	struct numbered *numbered = caa_container_of(head, struct numbered, head);

	MUST(without_hooks ? numbered->number >= numbered->line->ran :
	     numbered->number == numbered->line->ran);
	numbered->line->ran = numbered->number + 1;
	free(numbered);
}

static void queue_numbered(struct line *line, unsigned long count)
{
	set_thread_call_rcu_data(line->worker);
	for (; count; count--) {
		struct numbered *numbered = malloc(sizeof(*numbered));

		MUST(numbered);
		numbered->line = line;
		numbered->number = line->queued++;
		call_rcu(&numbered->head, run_in_order);
	}
	set_thread_call_rcu_data(NULL);
}

static void must_all_have_run(void)
{
	for (int i = 0; i < QUEUES; i++)
		MUST(lines[i].ran == lines[i].queued);
}

/* ---- The child's own come after ---- */

static void come_after_all(struct rcu_head *head)
{
	must_all_have_run();
	free(head);
}

static void queue_behind(void *arg)
{
	for (int i = 0; i < CHILDS; i++) {
		struct rcu_head *head = malloc(sizeof(*head));

		MUST(head);
		call_rcu(head, come_after_all);
	}
	STAGE("rcu_barrier for what is inherited");
	rcu_barrier();
	must_all_have_run();
	if (arg) {
		STAGE("fork of a grandchild");
		run_child(queue_behind, NULL);
	}
}

/* Those of each queue wait for a grace period, and others have come since. */
START_TEST(what_waits_for_a_grace_period_runs_in_order_in_the_child)
{
	for (int i = 0; i < 10; i++) {
		struct reader_thread reader;
		unsigned long number;

		MUST(lines[MADE].worker = create_call_rcu_data(0, -1));
		hold(&reader);
		number = gp_number();
		for (int j = 0; j < QUEUES; j++)
			queue_numbered(&lines[j], 100);
		await_grace_period_after(number);
		for (int j = 0; j < QUEUES; j++)
			queue_numbered(&lines[j], 100);
		run_child(queue_behind, &lines);
		release(&reader);
		rcu_barrier();
		must_all_have_run();
		call_rcu_data_free(lines[MADE].worker);
	}
}
END_TEST

/* ---- Wherever the workers are ---- */

struct stay {
	struct rcu_head head;
	int inside, *leave;
};

static void stay(struct rcu_head *head)
{
	struct stay *stay = caa_container_of(head, struct stay, head);

	begin_waiting();
	put(&stay->inside, 1);
	await_that(get(stay->leave));
	end_waiting();
}

/* Each worker has this many callbacks to take, to turn around, and to run, from one moment on. */
static void give_all_much_to_do(unsigned long count)
{
	static struct stay stays[QUEUES];
	static int leave;

	put(&leave, 0);
	for (int i = 0; i < QUEUES; i++) {
		stays[i].inside = 0;
		stays[i].leave = &leave;
		set_thread_call_rcu_data(lines[i].worker);
		call_rcu(&stays[i].head, stay);
		set_thread_call_rcu_data(NULL);
		await_that(get(&stays[i].inside));
		queue_numbered(&lines[i], count);
	}
	put(&leave, 1);
}

/* Fork in many places of what they do. */
static void fork_beside_workers(void (*run)(void (*child)(void *), void *arg), void (*child)(void *))
{
	MUST(lines[MADE].worker = create_call_rcu_data(0, -1));
	for (int i = 0; i < FORKS; i++) {
		give_all_much_to_do(10000);
		for (volatile int wait = i * 4000 % 61000; wait; wait--)
			continue;
		run(child, i % 4 ? NULL : &lines);
		rcu_barrier();
		must_all_have_run();
	}
	call_rcu_data_free(lines[MADE].worker);
}

START_TEST(what_workers_have_in_hand_runs_in_order_in_the_child)
{
	fork_beside_workers(run_child, queue_behind);
}
END_TEST

/* ---- Without the hooks nobody pauses ---- */

static int last_ran;

static void run_last(struct rcu_head *head)
{
	free(head);
	put(&last_ran, 1);
}

static void run_what_is_there(void *arg)
{
	struct rcu_head *head = malloc(sizeof(*head));

	(void)arg;
	MUST(head);
	without_hooks = true;
	call_rcu(head, run_last);
	STAGE("rcu_barrier without hooks");
	rcu_barrier();
	MUST(last_ran);
	use_everything();
}

START_TEST(what_workers_have_in_hand_is_whole_in_a_child_without_hooks)
{
	fork_beside_workers(run_plain_child, run_what_is_there);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork-inherited/" FLAVOR);
	TCase *tcase = add_case(suite, "order");

	tcase_add_test(tcase, what_waits_for_a_grace_period_runs_in_order_in_the_child);
	tcase_add_test(tcase, what_workers_have_in_hand_runs_in_order_in_the_child);
	tcase_add_test(tcase, what_workers_have_in_hand_is_whole_in_a_child_without_hooks);
	return run_suite(suite);
}
