/* SPDX-License-Identifier: MIT */
/* What waits in free_rcu: how much it is, a limit for it, and waiting for it with a deadline. */
#include "held.h"

#define LONG	100000

enum { SIZE = 1000, LIMIT = 1 << 20 };

static unsigned int given_back;

/* ---- How much waits ---- */

static void give(unsigned int count)
{
	while (count--)
		urcu_free_rcu(malloc(SIZE));
}

static size_t bytes_that_wait(void)
{
	struct urcu_backlog seen;

	urcu_get_backlog(&seen);
	return seen.bytes;
}

START_TEST(what_waits_is_counted)
{
	unsigned int number = 3000;
	struct held reader;

	want(bytes_that_wait() == 0);
	held_enter(&reader);
	give(number);
	want(bytes_that_wait() >= number * SIZE && bytes_that_wait() < number * (SIZE + 64));
	held_leave(&reader);
	want(urcu_drain(LONG) == 0);
	want(bytes_that_wait() == 0);
}
END_TEST

/* ---- Deadlines ---- */

static void note(void *ptr)
{
	(void)ptr;
	raise_by(given_back, 1);
}

START_TEST(who_waits_with_a_deadline_waits_for_what_was_given)
{
	static char object[2];
	struct held reader;

	want(urcu_free_rcu_with(note) == 0);
	held_enter(&reader);
	urcu_free_rcu(&object[0]);
	want(urcu_barrier_timeout(0) == -ETIMEDOUT && urcu_drain(0) == -ETIMEDOUT);
	want(urcu_barrier_timeout(20) == -ETIMEDOUT && urcu_drain(20) == -ETIMEDOUT);
	want(get(given_back) == 0);
	held_leave(&reader);
	want(urcu_barrier_timeout(LONG) == 0);
	want(get(given_back) == 1);
	urcu_free_rcu(&object[1]);
	want(urcu_drain(LONG) == 0);
	want(get(given_back) == 2);
	want(urcu_barrier_timeout(0) == 0 && urcu_drain(0) == 0);
	want(bytes_that_wait() == 0);
}
END_TEST

static void queue_more(void *ptr)
{
	static struct item { struct rcu_head head; } item;

	if (ptr != &item)
		urcu_free_rcu_head(&item, head);
	raise_by(given_back, 1);
}

START_TEST(drain_waits_for_what_a_release_gives)
{
	static char object;

	want(urcu_free_rcu_with(queue_more) == 0);
	urcu_free_rcu(&object);
	want(urcu_drain(LONG) == 0);
	want(get(given_back) == 2);
}
END_TEST

/* ---- A limit ---- */

static bool over;
static size_t most;

static void *read_on(void *arg)
{
	rcu_register_thread();
	while (!get(over)) {
		rcu_read_lock();
		for (uint64_t until = now_us() + 3000; now_us() < until; sched_yield())
			continue;
		rcu_read_unlock();
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return arg;
}

static void *give_and_look(void *arg)
{
	for (unsigned int i = 0; i < 200; i++) {
		size_t now;

		give(100);
		now = bytes_that_wait();
		if (now > get(most))
			put(most, now);
	}
	return arg;
}

/* Each may give what it has looked at once, and what others do not see of it. */
START_TEST(who_gives_waits_for_the_limit)
{
	pthread_t reader = start(read_on, NULL), givers[2];
	struct urcu_backlog seen;

	urcu_set_backlog_limit(LIMIT, 0);
	for (int i = 0; i < 2; i++)
		givers[i] = start(give_and_look, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(givers[i], NULL);
	put(over, true);
	pthread_join(reader, NULL);
	urcu_get_backlog(&seen);
	want(seen.waits > 0);
	want(seen.overruns || most < LIMIT + 2 * 2 * 256 * (SIZE + 64));
	urcu_set_backlog_limit(0, 0);
	want(urcu_drain(LONG) == 0);
	want(bytes_that_wait() == 0);
}
END_TEST

START_TEST(in_a_section_nobody_waits)
{
	struct urcu_backlog seen;

	urcu_set_backlog_limit(LIMIT, 0);
	rcu_register_thread();
	rcu_read_lock();
	give(3 * LIMIT / SIZE);
	urcu_get_backlog(&seen);
	want(seen.waits == 0 && seen.overruns > 0);
	want(seen.bytes > 2 * LIMIT);
	rcu_read_unlock();
	rcu_unregister_thread();
	want(urcu_drain(LONG) == 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("free-limit/" FLAVOR);
	TCase *tcase = add_case(suite, "all", 60);

	tcase_add_test(tcase, what_waits_is_counted);
	tcase_add_test(tcase, who_waits_with_a_deadline_waits_for_what_was_given);
	tcase_add_test(tcase, drain_waits_for_what_a_release_gives);
	tcase_add_test(tcase, who_gives_waits_for_the_limit);
	tcase_add_test(tcase, in_a_section_nobody_waits);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
