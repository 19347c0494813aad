/* SPDX-License-Identifier: MIT */
/*
 * free_rcu and memory: objects with a head, free itself; how much waits, a limit for it, and waiting for it with a
 * deadline.
 */
#include "held.h"

#define LONG	100000

enum { SIZE = 1000, LIMIT = 1 << 20 };

static unsigned int given_back;

/* ---- Objects with a head ---- */

struct headed {
	struct rcu_head first;
	char room[4000];
	struct rcu_head last;
};

static void *expected[3];

static void note_headed(void *ptr)
{
	for (int i = 0; i < 3; i++)
		if (expected[i] == ptr) {
			expected[i] = NULL;
			raise_by(given_back, 1);
			free(ptr);
			return;
		}
	want(!"a pointer that was given");
}

START_TEST(an_object_with_a_head_is_freed_from_its_start)
{
	struct headed *object[2];

	if (_i)
		want(urcu_free_rcu_with(note_headed) == 0);
	for (int i = 0; i < 2; i++)
		expected[i] = object[i] = malloc(sizeof(*object[i]));
	urcu_free_rcu_head(object[0], first);
	urcu_free_rcu_head(object[1], last);
	rcu_barrier();
	want(get(given_back) == (_i ? 2 : 0));
}
END_TEST

/* ---- free itself ---- */

#if defined(__GLIBC__) && !SLOW_BUILD
#include <malloc.h>

START_TEST(without_a_release_function_it_is_free)
{
	size_t before;

	urcu_free_rcu(malloc(1));
	rcu_barrier();
	before = mallinfo2().uordblks;
	for (int i = 0; i < 2000; i++) {
		void *block = malloc(1000);

		want(block);
		errno = i;
		urcu_free_rcu(block);
		want(errno == i);
	}
	want(mallinfo2().uordblks > before + 100000);
	rcu_barrier();
	want(mallinfo2().uordblks < before + 100000);
}
END_TEST

static void *give_one(void *arg)
{
	urcu_free_rcu(malloc(1));
	return arg;
}

START_TEST(threads_go_on_with_the_arrays_of_those_that_have_ended)
{
	size_t before = 0;

	for (int i = 0; i < 200; i++) {
		pthread_join(start(give_one, NULL), NULL);
		if (i == 20)
			before = mallinfo2().uordblks;
	}
	rcu_barrier();
	want(mallinfo2().uordblks < before + 20 * 2048);
}
END_TEST
#endif

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
	Suite *suite = suite_create("free-memory/" FLAVOR);
	TCase *tcase = add_case(suite, "all", 60);

	tcase_add_loop_test(tcase, an_object_with_a_head_is_freed_from_its_start, 0, 2);
#if defined(__GLIBC__) && !SLOW_BUILD
	tcase_add_test(tcase, without_a_release_function_it_is_free);
	tcase_add_test(tcase, threads_go_on_with_the_arrays_of_those_that_have_ended);
#endif
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
