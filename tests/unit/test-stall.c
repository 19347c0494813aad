/* SPDX-License-Identifier: MIT */
/*
 * Stalls that are made on purpose, of each kind and many times: each is reported, with the thread that holds the
 * others up and the reason; and nothing else is.
 */
#include "held.h"

#include <quiesce/report.h>
#include <quiesce/stall.h>

#define LIMIT_MS	50
#define STALLS		12
#define NAME		"the-culprit"

#ifdef TEST_QSBR
#define REASON		"is online and has announced no quiescent state"
#else
#define REASON		"is in a section, 1 deep"
#endif

/* ---- What is heard ---- */

static char heard[512];		/* the last one */
static unsigned int reports;

static void hear(const char *message)
{
	snprintf(heard, sizeof(heard), "%s", message);
	raise_by(reports, 1);
}

static void listen_with(unsigned int limit_ms)
{
	quiesce_set_report_handler(hear);
	quiesce_set_stall_timeout(limit_ms);
}

static void has(const char *text)
{
	if (!strstr(heard, text))
		ck_abort_msg("\"%s\" is not in: %s", text, heard);
}

static void names_thread(pid_t id, pthread_t thread)
{
	char text[64];

	snprintf(text, sizeof(text), "thread %d (%#lx) \"" NAME "\"", (int)id, (unsigned long)thread);
	has(text);
}

/* The last thread that came to it. */
static pid_t culprit;

static void be_culprit(void)
{
	want(pthread_setname_np(pthread_self(), NAME) == 0);
	put(culprit, (pid_t)syscall(SYS_gettid));
}

/* ---- Grace periods ---- */

static void *reader_by_name(void *held)
{
	be_culprit();
	return held_reader(held);
}

static void *sync_once(void *arg)
{
	synchronize_rcu();
	return arg;
}

static void *queue_three_and_sync(void *arg)
{
	queue_jobs(arg, 3);
	return sync_once(arg);
}

START_TEST(reader_that_holds_up_a_grace_period_is_named)
{
	struct tally tally = { 0, 0 };

	listen_with(LIMIT_MS);
	for (unsigned int i = 0; i < STALLS; i++) {
		struct held reader;
		pthread_t writer;

		held_init(&reader);
		held_start(&reader, reader_by_name);
		put(reports, 0);
		writer = start(i % 2 ? sync_once : queue_three_and_sync, &tally);
		await_that(get(reports) > 0);
		names_thread(culprit, reader.thread);
		has("urcu_" FLAVOR "_synchronize_rcu: a grace period has waited for ");
		has("for reader 1 of 1: ");
		has(REASON);
		has(i % 2 ? "; 0 callbacks and 0 bytes" : "; 3 callbacks and 0 bytes");
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
	await_that(get(reports) > 0);
	has("\"" NAME "\", asleep");
	if (access("/proc/self/syscall", R_OK) == 0)
		has("in futex, system call");
	held_leave(&reader);
	pthread_join(writer, NULL);
}
END_TEST

/* Of the reader's own program nobody asked to look into /proc. */
START_TEST(environment_sets_the_limit)
{
	static const char *const limit[] = { "0.05", "0", "nonsense" };
	struct held reader;
	pthread_t writer;

	setenv("URCU_STALL_TIMEOUT", limit[_i], 1);
	quiesce_set_report_handler(hear);
	held_init(&reader);
	held_start(&reader, reader_by_name);
	writer = start(sync_once, NULL);
	if (_i == 0)
		await_that(get(reports) > 0);
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
	await_that(get(reports) == 4);
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
	await_that(get(reports) >= 3);
	has("for reader 3 of 3: ");
	urcu_get_stats(&after);
	want(after.stalls >= before.stalls + 3 && after.reports >= before.reports + 3);
	for (int i = 0; i < 3; i++)
		held_leave(&reader[i]);
	pthread_join(writer, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stall");
	TCase *tcase = add_case(suite, "grace", 60);

	tcase_add_test(tcase, reader_that_holds_up_a_grace_period_is_named);
	tcase_add_test(tcase, it_is_told_what_the_reader_does);
	tcase_add_loop_test(tcase, environment_sets_the_limit, 0, 3);
	tcase_add_test(tcase, reports_come_at_doubling_intervals);
	tcase_add_test(tcase, each_of_several_readers_is_named);
	return run_suite(suite);
}
