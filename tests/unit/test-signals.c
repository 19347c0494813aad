/* SPDX-License-Identifier: MIT */
/* Sections in signal handlers, at every instruction of what they interrupt. */
#include "harness.h"

#include <sys/time.h>

static struct place seen_by_handler;
static volatile sig_atomic_t handled;

static void enter_in_handler(int number)
{
	int outside = rcu_read_ongoing();

	(void)number;
	rcu_read_lock();
	want(rcu_read_ongoing());
	visit(&seen_by_handler, 3);
	want(rcu_read_ongoing());
	rcu_read_unlock();
	want(!rcu_read_ongoing() == !outside);
	handled = handled + 1;
}

static void handle(int number)
{
	struct sigaction action = { .sa_handler = enter_in_handler, .sa_flags = SA_RESTART };

	want(sigaction(number, &action, NULL) == 0);
}

static void set_timer(int us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	want(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

struct storm {
	pthread_t target;
	unsigned int ready;
	bool over;
};

/* Threads that are no readers must not be interrupted. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void *storm_on(void *arg)
{
	struct storm *storm = arg;

	block_signals();
	raise_by(storm->ready, 1);
	while (!get(storm->over)) {
		pthread_kill(storm->target, SIGUSR1);
		hold_for(50);
	}
	return NULL;
}

static void *replace_what_handlers_see(void *arg)
{
	struct storm *storm = arg;

	block_signals();
	raise_by(storm->ready, 1);
	while (!get(storm->over))
		replace(&seen_by_handler);
	return NULL;
}

START_TEST(handlers_enter_sections_anywhere)
{
	struct storm storm = { .target = pthread_self() };
	struct place *place = &seen_by_handler;
	static struct team team;

	place_init(place);
	handle(SIGALRM);
	handle(SIGUSR1);
	rcu_register_thread();
	rcu_thread_online();
	team_add(&team, 1, replace_what_handlers_see, &storm);
	team_add(&team, 1, storm_on, &storm);
	await_that(get(storm.ready) == 2);
	set_timer(200);
	for (uint64_t until = now_us() + 400000; now_us() < until || handled < 100;) {
		visit(place, 10);
		rcu_read_lock();
		visit(place, 0);
		want(rcu_read_ongoing());
		rcu_read_unlock();
		want(!rcu_read_ongoing());
	}
	set_timer(0);
	rcu_thread_offline();
	put(storm.over, true);
	team_join(&team);
	rcu_unregister_thread();
}
END_TEST

/* bp may register in the handler; elsewhere the signals wait until the thread has. */
static void *reader_in_storm(void *arg)
{
	struct storm *storm = arg;
	sigset_t all;

#ifndef TEST_BP
	rcu_register_thread();
	rcu_thread_online();
#endif
	sigfillset(&all);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	while (!get(storm->over))
		visit(&seen_by_handler, 3);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	rcu_unregister_thread();
	return NULL;
}

START_TEST(handler_may_be_a_threads_first_use)
{
	struct storm updates = { .over = false };
	pthread_t updater;
	sigset_t all, before;

	place_init(&seen_by_handler);
	handle(SIGUSR1);
	sigfillset(&all);
	updater = start(replace_what_handlers_see, &updates);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < 200; i++) {
		struct storm storm = { .over = false };

		storm.target = start(reader_in_storm, &storm);
		for (int signals = 0; signals < 20; signals++) {
			pthread_kill(storm.target, SIGUSR1);
			hold_for(30);
		}
		put(storm.over, true);
		pthread_join(storm.target, NULL);
	}
	put(updates.over, true);
	pthread_join(updater, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("signals-" FLAVOR);
	TCase *tc = add_case(suite, "signals", 30);

	tcase_add_test(tc, handlers_enter_sections_anywhere);
	tcase_add_test(tc, handler_may_be_a_threads_first_use);
	return run_suite(suite);
}
