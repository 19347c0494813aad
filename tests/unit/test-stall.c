/* SPDX-License-Identifier: MIT */
/*
 * Stalls that are made on purpose, of each kind and many times: each is reported, with the thread that holds the
 * others up and the reason; and nothing else is.
 */
#include "heard.h"

#ifdef TEST_QSBR
#define REASON		"is online and has announced no quiescent state"
#else
#define REASON		"is in a section, 1 deep"
#endif

/* ---- Grace periods ---- */

static void *free_cpus_once(void *arg)
{
	want(create_all_cpu_call_rcu_data(0) == 0);
	free_all_cpu_call_rcu_data();
	return arg;
}

static void *queue_one(void *arg)
{
	queue_jobs(arg, 1);
	return NULL;
}

static void *give_one(void *arg)
{
	urcu_free_rcu(malloc(1));
	return arg;
}

static void *poll_once(void *arg)
{
	start_poll_synchronize_rcu();
	return arg;
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void *defer_once(void *arg)
{
	want(rcu_defer_register_thread() == 0);
	defer_rcu(do_nothing, NULL);
	await_that(get(reports) > 0);
	rcu_defer_unregister_thread();
	return arg;
}

static const struct {
	void *(*call)(void *arg);
	const char *name;
} callers[] = {
	{ sync_once, "synchronize_rcu" },
	{ free_cpus_once, "free_all_cpu_call_rcu_data" },
	{ queue_one, "call_rcu" },
	{ give_one, "free_rcu" },
	{ poll_once, "start_poll_synchronize_rcu" },
	{ defer_once, "defer_rcu" },
};

START_TEST(stall_goes_by_the_name_of_what_was_called)
{
	static struct tally tally;
	struct held reader;
	pthread_t caller;
	char text[128];

	listen_with(LIMIT_MS);
	held_init(&reader);
	held_start(&reader, reader_by_name);
	put(reports, 0);
	caller = start(callers[_i].call, &tally);
	await_reports(1);
	snprintf(text, sizeof(text), "urcu_" FLAVOR "_%s: a grace period has waited for ", callers[_i].name);
	has(text);
	held_leave(&reader);
	pthread_join(caller, NULL);
	rcu_barrier();
}
END_TEST

static void *queue_three_and_sync(void *arg)
{
	queue_jobs(arg, 3);
	return sync_once(arg);
}

START_TEST(reader_that_holds_up_a_grace_period_is_named)
{
	struct tally tally = { 0, 0 };

	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls(); i++) {
		struct held reader;
		pthread_t writer;

		held_init(&reader);
		held_start(&reader, reader_by_name);
		put(reports, 0);
		writer = start(i % 2 ? sync_once : queue_three_and_sync, &tally);
		await_reports(1);
		names_thread(culprit, reader.thread);
		/* Of three callbacks and a writer, whoever was first leads. */
		has(i % 2 ? "urcu_" FLAVOR "_synchronize_rcu: a grace period has waited for " :
			    ": a grace period has waited for ");
		has("for reader 1 of 1: ");
		has(REASON);
		/* The first report may have come before the third. */
		await_that(said(i % 2 ? "; 0 callbacks and 0 bytes" : "; 3 callbacks and 0 bytes"));
		held_leave(&reader);
		pthread_join(writer, NULL);
		rcu_barrier();
	}
}
END_TEST

/* It sleeps in sem_wait. Where there is no /proc nothing but that is missing. */
START_TEST(it_is_told_what_the_reader_does)
{
	struct held reader;
	pthread_t writer;

	listen_with(LIMIT_MS);
	held_init(&reader);
	held_start(&reader, reader_by_name);
	await_that(sleeps(culprit));
	writer = start(sync_once, NULL);
	await_reports(1);
	has("\"" NAME "\", asleep");
	/* Of a process that is emulated the kernel tells the number that the host has for the call. */
	if (!emulators_threads && access("/proc/self/syscall", R_OK) == 0)
		has("in futex, system call");
	held_leave(&reader);
	pthread_join(writer, NULL);
}
END_TEST

static void *reader_that_spins(void *arg)
{
	struct held *held = arg;

	be_culprit();
	rcu_register_thread();
	rcu_read_lock();
	sem_post(&held->in);
	while (sem_trywait(&held->leave) != 0)
		continue;
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(reader_that_spins_is_named)
{
	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls(); i++) {
		struct held reader;
		pthread_t writer;

		held_init(&reader);
		held_start(&reader, reader_that_spins);
		put(reports, 0);
		writer = start(sync_once, NULL);
		await_reports(1);
		names_thread(culprit, reader.thread);
		has("\"" NAME "\", running");
		has(REASON);
		held_leave(&reader);
		pthread_join(writer, NULL);
	}
}
END_TEST

/* Of the reader's own program nobody asked to look into /proc. */
START_TEST(environment_sets_the_limit)
{
	static const char *const limit[] = { "0.05", "0", "nonsense" };
	struct held reader;
	pthread_t writer;

	setenv("URCU_STALL_TIMEOUT", limit[_i], 1);
	hear_from_now_on();
	held_init(&reader);
	held_start(&reader, reader_by_name);
	writer = start(sync_once, NULL);
	if (_i == 0)
		await_reports(1);
	else
		usleep(4 * 1000 * LIMIT_MS);
	want((_i == 0) == (get(reports) > 0));
	held_leave(&reader);
	pthread_join(writer, NULL);
}
END_TEST

START_TEST(reports_come_at_doubling_intervals)
{
	struct held reader;
	pthread_t writer;
	uint64_t began;

	listen_with(LIMIT_MS);
	held_enter(&reader);
	began = now_us();
	writer = start(sync_once, NULL);
	await_reports(4);
	/* 1, 2, 4 and 8 limits after the beginning: so many at least. */
	want(now_us() - began >= 8 * 1000 * LIMIT_MS);
	held_leave(&reader);
	pthread_join(writer, NULL);
	put(reports, 0);
	for (int i = 0; i < 100; i++)
		synchronize_rcu();
	want(get(reports) == 0);
}
END_TEST

START_TEST(each_of_several_readers_is_named)
{
	struct held reader[3];
	struct urcu_stats before, after;
	pthread_t writer;

	urcu_get_stats(&before);
	listen_with(LIMIT_MS);
	for (int i = 0; i < 3; i++)
		held_enter(&reader[i]);
	writer = start(sync_once, NULL);
	await_reports(3);
	has("for reader 3 of 3: ");
	urcu_get_stats(&after);
	want(after.stalls >= before.stalls + 3 && after.reports >= before.reports + 3);
	for (int i = 0; i < 3; i++)
		held_leave(&reader[i]);
	pthread_join(writer, NULL);
}
END_TEST

/* ---- Callbacks ---- */

static void *barrier_once(void *arg)
{
	rcu_barrier();
	return arg;
}

static void *stop_once(void *arg)
{
	want(urcu_stop_default_worker() == 0);
	return arg;
}

static void names_callback(const char *function, unsigned long worker)
{
	char text[96];

	snprintf(text, sizeof(text), "urcu_" FLAVOR "_%s: a callback of worker %lu has not returned for ", function,
		 worker);
	has(text);
	has_place((void *)(uintptr_t)stay);
}

/* worker: NULL: the standard one, whose number is 0. The made one's is 1. */
static void hold_up(void *(*waiter)(void *), const char *function, struct call_rcu_data *worker)
{
	struct rcu_head head;
	pthread_t waiting;

	put(culprit, 0);
	set_thread_call_rcu_data(worker);
	call_rcu(&head, stay);
	await_that(get(culprit));
	put(reports, 0);
	waiting = start(waiter, NULL);
	await_reports(1);
	names_callback(function, worker != NULL);
	has(waiter == barrier_once ? "; rcu_barrier waits for it" : waiter == drain_once ? "; urcu_drain waits for it" :
	    waiter == stop_once ? "; urcu_stop_default_worker waits for it" :
	    "; call_rcu_before_fork waits for it: does it wait for a lock");
	names_thread(culprit, get_call_rcu_thread(get_call_rcu_data()));
	sem_post(&release);
	pthread_join(waiting, NULL);
}

START_TEST(callback_that_holds_others_up_is_named)
{
	static void *(*const waiters[])(void *) = { barrier_once, drain_once, fork_once, stop_once };
	struct call_rcu_data *made = create_call_rcu_data(0, -1);

	sem_init(&release, 0, 0);
	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls(); i++)
		hold_up(waiters[_i], waiters[_i] == fork_once ? "call_rcu_before_fork" : "call_rcu",
			i % 2 && waiters[_i] != stop_once ? made : NULL);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(made);
}
END_TEST

static void nap(struct rcu_head *head)
{
	(void)head;
	usleep(20000);
}

/* All of them together take longer than the limit, and no one does. */
START_TEST(many_callbacks_are_no_stall)
{
	static struct rcu_head head[60];

	listen_with(1000 * patience());
	for (unsigned int i = 0; i < 60; i++)
		call_rcu(&head[i], nap);
	rcu_barrier();
	want(get(reports) == 0);
}
END_TEST

static void stay_deferred(void *arg)
{
	(void)arg;
	be_culprit();
	await(&release);
}

START_TEST(deferred_call_is_named)
{
	pthread_t waiting;

	sem_init(&release, 0, 0);
	listen_with(LIMIT_MS);
	want(rcu_defer_register_thread() == 0);
	defer_rcu(stay_deferred, NULL);
	await_that(get(culprit));
	waiting = start(drain_once, NULL);
	await_reports(1);
	has("urcu_" FLAVOR "_defer_rcu: a deferred call of worker 0 has not returned for ");
	has("; urcu_drain waits for it");
	names_thread(culprit, 0);
	sem_post(&release);
	pthread_join(waiting, NULL);
	rcu_defer_unregister_thread();
}
END_TEST

static void *defer_barrier_once(void *arg)
{
	rcu_defer_barrier();
	return arg;
}

static void await_a_report(void)
{
	await_that(get(reports) > 0);
}

static void fill(void)
{
	for (int i = 0; i < 5000; i++)
		defer_rcu(do_nothing, NULL);
}

static void leave(void)
{
}

static const struct way {
	void (*then)(void);		/* by who has deferred the call, when it runs */
	unsigned int barriers;		/* others who call rcu_defer_barrier: who is first may run the call himself */
	const char *waiter;
} ways[] = {
	{ await_a_report, 2, "; urcu_" FLAVOR "_defer_barrier waits for it" },
	{ rcu_defer_barrier_thread, 0, "; urcu_" FLAVOR "_defer_barrier_thread waits for it" },
	{ leave, 0, "; urcu_" FLAVOR "_defer_unregister_thread waits for it" },
	{ fill, 0, "; urcu_" FLAVOR "_defer_rcu waits for it" },
};

static sem_t deferred;

static void *defer_and(void *arg)
{
	const struct way *way = arg;

	want(rcu_defer_register_thread() == 0);
	defer_rcu(stay_deferred, NULL);
	sem_post(&deferred);
	await_that(get(culprit));
	way->then();
	rcu_defer_unregister_thread();
	return NULL;
}

/* A thread with a call that stays, and those who call rcu_defer_barrier. */
static pthread_t start_way(const struct way *way, struct team *team)
{
	pthread_t owner;

	put(culprit, 0);
	put(reports, 0);
	owner = start(defer_and, (void *)(uintptr_t)way);
	await(&deferred);
	team_add(team, way->barriers, defer_barrier_once, NULL);
	return owner;
}

/* The library's worker runs it, or who waits. */
START_TEST(deferred_call_that_holds_others_up_is_named)
{
	static struct team team;
	struct urcu_stats before, after;

	sem_init(&release, 0, 0);
	sem_init(&deferred, 0, 0);
	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls() / 2; i++) {
		pthread_t owner;

		urcu_get_stats(&before);
		owner = start_way(&ways[_i], &team);
		await_reports(1);
		has("urcu_" FLAVOR "_defer_rcu: a deferred call has not returned for ");
		has_place((void *)(uintptr_t)stay_deferred);
		has(ways[_i].waiter);
		names_thread(culprit, 0);
		urcu_get_stats(&after);
		want(after.stalls > before.stalls);
		sem_post(&release);
		team_join(&team);
		pthread_join(owner, NULL);
	}
}
END_TEST

/*
 * The library's worker has a call of its own that stays, so a caller of rcu_defer_barrier runs this one. Three more wait for
 * his turn, and it is reported once for all of them at 1, 2 and 4 limits.
 */
START_TEST(those_who_wait_for_a_deferred_call_report_once_between_them)
{
	static const struct way way = { await_a_report, 4, NULL };
	static struct team team;
	pthread_t owner;

	sem_init(&release, 0, 0);
	sem_init(&deferred, 0, 0);
	want(rcu_defer_register_thread() == 0);
	defer_rcu(stay_deferred, NULL);
	await_that(get(culprit));
	listen_with(100);
	owner = start_way(&way, &team);
	await_reports(3);
	for (int i = 0; i < 3; i++)
		want(strstr(heard[i], "_defer_barrier waits for it") != NULL);
	names_thread(culprit, 0);
	has(" for 0.1 s");
	has(" for 0.2 s");
	has(" for 0.4 s");
	sem_post(&release);
	sem_post(&release);
	team_join(&team);
	pthread_join(owner, NULL);
	rcu_defer_unregister_thread();
}
END_TEST

static void have_a_stuck_callback(void)
{
	static struct rcu_head head;

	sem_init(&release, 0, 0);
	call_rcu(&head, stay);
	await_that(get(culprit));
}

START_TEST(exit_that_waits_is_reported)
{
	exit_is_heard(have_a_stuck_callback);
	names_callback("call_rcu", 0);
	has("exit waits for it");
}
END_TEST

/* At once, and again when the limit has passed and another call finds it so. */
START_TEST(worker_that_cannot_be_made_is_reported)
{
	struct tally tally = { 0, 0 };
	uint64_t began = now_us();

	listen_with(LIMIT_MS);
	allow_threads(false);
	queue_jobs(&tally, 1);
	want(get(reports) == 1);
	has("urcu_" FLAVOR "_call_rcu: cannot make a thread for worker 0 (Resource temporarily unavailable): "
	    "1 callbacks wait");
	while (get(reports) == 1) {
		usleep(1000);
		queue_jobs(&tally, 10);
	}
	want(now_us() - began >= 1000 * (LIMIT_MS - 1));
	allow_threads(true);
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

/* Who waits with a limit does not run the callbacks himself. He tries again when it is to be reported again. */
START_TEST(wait_for_a_worker_that_cannot_be_made_is_reported)
{
	struct tally tally = { 0, 0 };

	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < stalls() / 2; i++) {
		pthread_t waiting = start(drain_once, NULL);

		pthread_join(waiting, NULL);
		want(urcu_stop_default_worker() == 0);
		allow_threads(false);
		put(reports, 0);
		queue_jobs(&tally, 1);
		/* At once, and when the limit has passed. */
		want(urcu_drain(4 * LIMIT_MS) != 0);
		want(get(reports) >= 2);
		has("cannot make a thread for worker 0");
		allow_threads(true);
		rcu_barrier();
	}
	all_ran_once(&tally);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stall");
	TCase *tcase = add_case(suite, "grace", 60);

	tcase_add_test(tcase, reader_that_holds_up_a_grace_period_is_named);
	tcase_add_loop_test(tcase, stall_goes_by_the_name_of_what_was_called, 0,
			    (int)(sizeof(callers) / sizeof(callers[0])));
	tcase_add_test(tcase, it_is_told_what_the_reader_does);
	tcase_add_test(tcase, reader_that_spins_is_named);
	tcase_add_loop_test(tcase, environment_sets_the_limit, 0, 3);
	tcase_add_test(tcase, reports_come_at_doubling_intervals);
	tcase_add_test(tcase, each_of_several_readers_is_named);

	tcase = add_case(suite, "callbacks", 60);
	tcase_add_loop_test(tcase, callback_that_holds_others_up_is_named, 0, 4);
	tcase_add_test(tcase, many_callbacks_are_no_stall);
	tcase_add_test(tcase, deferred_call_is_named);
	tcase_add_loop_test(tcase, deferred_call_that_holds_others_up_is_named, 0,
			    (int)(sizeof(ways) / sizeof(ways[0])));
	tcase_add_test(tcase, those_who_wait_for_a_deferred_call_report_once_between_them);
	tcase_add_test(tcase, exit_that_waits_is_reported);
	tcase_add_test(tcase, worker_that_cannot_be_made_is_reported);
	tcase_add_test(tcase, wait_for_a_worker_that_cannot_be_made_is_reported);
	return run_suite(suite);
}
