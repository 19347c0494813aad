/* SPDX-License-Identifier: MIT */
/*
 * Stalls that no callback and no reader is the cause of, or that nobody waits for: a thread that stays between the fork
 * hooks, a leader that does not go on, a release function, and callbacks that are only queued. Each is reported, with the
 * thread and the reason.
 */
#include "heard.h"

#include <signal.h>

/* ---- A thread between the hooks ---- */

#ifdef TEST_BP
#define HOOKS 2
#else
#define HOOKS 1
#endif

static void enter_hooks(unsigned int kind)
{
#ifdef TEST_BP
	if (kind == 1) {
		urcu_bp_before_fork();
		return;
	}
#endif
	want(kind == 0);
	call_rcu_before_fork();
}

static void leave_hooks(unsigned int kind)
{
#ifdef TEST_BP
	if (kind == 1) {
		urcu_bp_after_fork_parent();
		return;
	}
#endif
	want(kind == 0);
	call_rcu_after_fork_parent();
}

struct forker {
	struct held held;
	unsigned int kind;
};

static void *stay_between_hooks(void *arg)
{
	struct forker *forker = arg;

	be_culprit();
	enter_hooks(forker->kind);
	sem_post(&forker->held.in);
	await(&forker->held.leave);
	leave_hooks(forker->kind);
	return NULL;
}

static void forker_enter(struct forker *forker, unsigned int kind)
{
	forker->kind = kind;
	held_init(&forker->held);
	held_start(&forker->held, stay_between_hooks);
}

static void names_forker(const struct forker *forker)
{
	has(" for another thread's fork: ");
	names_thread(culprit, forker->held.thread);
	has(forker->kind ? " has called urcu_" FLAVOR "_before_fork and neither after_fork_parent nor after_fork_child since" :
			   " has called urcu_" FLAVOR "_call_rcu_before_fork and neither after_fork_parent nor after_fork_child "
			   "since");
}

static void *make_worker(void *arg)
{
	call_rcu_data_free(create_call_rcu_data(0, -1));
	return arg;
}

static void *look_at_stats(void *arg)
{
	struct urcu_stats stats;

	urcu_get_stats(&stats);
	return arg;
}

static struct tally tally;

static void *queue_and_wait(void *arg)
{
	queue_jobs(&tally, 1);
	rcu_barrier();
	return arg;
}

static void *queue_only(void *arg)
{
	queue_jobs(&tally, 3);
	return arg;
}

static const struct {
	void *(*wait)(void *arg);
	const char *report;
} waits[] = {
	{ fork_once, "urcu_" FLAVOR "_call_rcu_before_fork has waited for " },
	{ make_worker, "urcu_" FLAVOR "_create_call_rcu_data has waited for " },
	{ look_at_stats, "urcu_" FLAVOR "_get_stats has waited for " },
	/* The barrier or the worker, whoever has waited for longer. */
	{ queue_and_wait, " has waited for " },
	{ queue_only, "urcu_" FLAVOR "_call_rcu: a worker has waited for " },
};
#define WAITS (sizeof(waits) / sizeof(waits[0]))

START_TEST(thread_between_the_hooks_is_named)
{
	/* Made workers, too, or there is no list to be locked. */
	struct call_rcu_data *made = create_call_rcu_data(0, -1);

	queue_and_wait(NULL);
	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls() / 2; i++) {
		struct forker forker;
		pthread_t waiting;

		forker_enter(&forker, 0);
		put(reports, 0);
		waiting = start(waits[_i].wait, NULL);
		await_reports(1);
		has(waits[_i].report);
		names_forker(&forker);
		held_leave(&forker.held);
		pthread_join(waiting, NULL);
		rcu_barrier();
	}
	call_rcu_data_free(made);
}
END_TEST

/* bp has hooks of its own, which leave the workers alone. */
START_TEST(hooks_of_either_kind_are_named)
{
	struct forker forker;
	pthread_t waiting;

	listen_with(LIMIT_MS);
	forker_enter(&forker, (unsigned int)_i);
	waiting = start(fork_once, NULL);
	await_reports(1);
	names_forker(&forker);
	held_leave(&forker.held);
	pthread_join(waiting, NULL);
}
END_TEST

/* Five wait, and it is reported once for all of them, and again when all have waited for twice as long. */
START_TEST(those_who_wait_for_a_fork_report_once_between_them)
{
	static struct team team;
	struct forker forker;
	uint64_t began;

	listen_with(4 * LIMIT_MS);
	queue_and_wait(NULL);
	forker_enter(&forker, 0);
	began = now_us();
	team_add(&team, 5, queue_and_wait, NULL);
	await_reports(3);
	/* 1, 2 and 4 limits after the beginning, but for a ms that is counted in the other direction. */
	want(now_us() - began >= 4 * (4 * 1000 * LIMIT_MS) - 10000);
	held_leave(&forker.held);
	team_join(&team);
	put(reports, 0);
	queue_and_wait(NULL);
	want(get(reports) == 0);
}
END_TEST

static void have_a_fork(void)
{
	static struct forker forker;

	/* No worker has anything left to do, and waits as well. */
	queue_and_wait(NULL);
	forker_enter(&forker, 0);
}

START_TEST(exit_that_waits_for_a_fork_is_reported)
{
	exit_is_heard(have_a_fork);
	has("urcu_" FLAVOR "_exit has waited for ");
	has("\"" NAME "\"");
	has(" has called urcu_" FLAVOR "_call_rcu_before_fork");
}
END_TEST

/* ---- Those that nobody waits for ---- */

/* What comes by: more callbacks, or more to be freed. Until there is a report. */
static void queue_slowly(void)
{
	while (!get(reports)) {
		queue_jobs(&tally, 1);
		usleep(1000);
	}
}

static void give_slowly(void)
{
	while (!get(reports)) {
		for (int i = 0; i < 1000; i++)
			urcu_free_rcu(malloc(16));
		usleep(1000);
	}
}

static void (*const come_by[])(void) = { queue_slowly, give_slowly };

START_TEST(callback_that_nobody_waits_for_is_named)
{
	struct call_rcu_data *made = create_call_rcu_data(0, -1);

	sem_init(&release, 0, 0);
	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls(); i++) {
		struct rcu_head head;

		put(culprit, 0);
		set_thread_call_rcu_data(i % 2 && come_by[_i] == queue_slowly ? made : NULL);
		call_rcu(&head, stay);
		await_that(get(culprit));
		put(reports, 0);
		come_by[_i]();
		has("urcu_" FLAVOR "_call_rcu: a callback of worker ");
		has_place((void *)(uintptr_t)stay);
		has("nobody waits for it; ");
		names_thread(culprit, get_call_rcu_thread(get_call_rcu_data()));
		sem_post(&release);
		rcu_barrier();
	}
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(made);
}
END_TEST

static void nap(struct rcu_head *head)
{
	usleep(200);
	free(head);
}

/* Somebody comes by all the time, and no callback takes as long as the limit; all of them together do. */
START_TEST(busy_worker_is_no_stall)
{
	uint64_t began = now_us();

	listen_with(LIMIT_MS * patience());
	while (now_us() - began < 4000 * LIMIT_MS * patience()) {
		for (int i = 0; i < 16; i++)
			call_rcu(calloc(1, sizeof(struct rcu_head)), nap);
		usleep(2000);
	}
	rcu_barrier();
	want(get(reports) == 0);
}
END_TEST

/* The worker waits, which is enough. */
START_TEST(reader_is_named_to_who_only_queues)
{
	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls(); i++) {
		struct held reader;

		held_init(&reader);
		held_start(&reader, reader_by_name);
		put(reports, 0);
		if (i % 2)
			queue_jobs(&tally, 1);
		else
			urcu_free_rcu(malloc(16));
		await_reports(1);
		names_thread(culprit, reader.thread);
		has(i % 2 ? "_call_rcu: a grace period has waited for " : "_free_rcu: a grace period has waited for ");
		held_leave(&reader);
		want(urcu_drain(60000) == 0);
	}
}
END_TEST

/* ---- Others ---- */

static void release_slowly(void *ptr)
{
	be_culprit();
	await(&release);
	free(ptr);
}

START_TEST(release_function_is_named)
{
	sem_init(&release, 0, 0);
	listen_with(LIMIT_MS);
	want(urcu_free_rcu_with(release_slowly) == 0);
	for (unsigned int i = 0; i < stalls() / 2; i++) {
		pthread_t waiting;

		put(culprit, 0);
		urcu_free_rcu(malloc(16));
		await_that(get(culprit));
		put(reports, 0);
		waiting = start(drain_once, NULL);
		await_reports(1);
		has("the release function of free_rcu");
		names_thread(culprit, 0);
		sem_post(&release);
		pthread_join(waiting, NULL);
	}
}
END_TEST

static void stay_in_handler(int signal)
{
	(void)signal;
	while (sem_wait(&release) != 0)
		continue;
}

static void *lead(void *arg)
{
	be_culprit();
	synchronize_rcu();
	return arg;
}

/* It sleeps for the reader as the signal comes. Who waits for it waits in vain after that. */
static void stop_a_leader(void)
{
	struct held reader;
	pthread_t leader, waiting;

	put(culprit, 0);
	sem_init(&release, 0, 0);
	signal(SIGUSR1, stay_in_handler);
	listen_with(20 * LIMIT_MS);
	held_enter(&reader);
	leader = start(lead, NULL);
	await_that(get(culprit) && sleeps(culprit));
	pthread_kill(leader, SIGUSR1);
	held_leave(&reader);
	waiting = start(sync_once, NULL);
	await_reports(1);
	has("urcu_" FLAVOR "_synchronize_rcu: another thread's grace period has not gone on for ");
	names_thread(culprit, leader);
	sem_post(&release);
	pthread_join(leader, NULL);
	pthread_join(waiting, NULL);
}

START_TEST(leader_that_does_not_go_on_is_named)
{
	stop_a_leader();
}
END_TEST

/* The parent's leader has reported a reader: it is not taken for the child's, whose grace period has the same number. */
START_TEST(leader_of_a_child_is_named)
{
	struct held reader;
	pthread_t leader;
	int status;
	pid_t pid;

	listen_with(LIMIT_MS);
	held_enter(&reader);
	leader = start(lead, NULL);
	await_reports(1);
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		call_rcu_after_fork_child();
		stop_a_leader();
		exit(0);
	}
	call_rcu_after_fork_parent();
	want(waitpid(pid, &status, 0) == pid && status == 0);
	held_leave(&reader);
	pthread_join(leader, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stall-hooks");
	TCase *tcase = add_case(suite, "hooks", 60);

	tcase_add_loop_test(tcase, thread_between_the_hooks_is_named, 0, WAITS);
	tcase_add_loop_test(tcase, hooks_of_either_kind_are_named, 0, HOOKS);
	tcase_add_test(tcase, those_who_wait_for_a_fork_report_once_between_them);
	tcase_add_test(tcase, exit_that_waits_for_a_fork_is_reported);

	tcase = add_case(suite, "unawaited", 60);
	tcase_add_loop_test(tcase, callback_that_nobody_waits_for_is_named, 0, 2);
	tcase_add_test(tcase, busy_worker_is_no_stall);
	tcase_add_test(tcase, reader_is_named_to_who_only_queues);
	tcase_add_test(tcase, release_function_is_named);
	tcase_add_test(tcase, leader_that_does_not_go_on_is_named);
	tcase_add_test(tcase, leader_of_a_child_is_named);
	return run_suite(suite);
}
