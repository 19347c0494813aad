/* SPDX-License-Identifier: MIT */
/* free_rcu: each pointer is given back once, after a grace period, whatever becomes of who gave it. */

#include "free-items.h"

/* ---- Not before a grace period ---- */

static const unsigned long amounts[] = { 1, ARRAY - 1, ARRAY, ARRAY + 1, 20 * ARRAY };

#define AMOUNTS ((int)(sizeof(amounts) / sizeof(amounts[0])))

static void nothing_comes_back_for(unsigned int us)
{
	for (uint64_t until = now_us() + us; now_us() < until; sched_yield())
		want(get(given_back) == 0);
}

START_TEST(nothing_is_freed_that_a_reader_may_hold)
{
	unsigned long before = gp_number();
	struct held held;

	held_enter(&held);
	give_items(amounts[_i]);
	await_gp_since(before);
	nothing_comes_back_for(2000);
	give_items(amounts[_i]);
	nothing_comes_back_for(2000);
	held_leave(&held);
	all_come_back();
}
END_TEST

START_TEST(nothing_is_freed_that_the_giver_may_hold_in_its_section)
{
	unsigned long before = gp_number();

	rcu_register_thread();
	rcu_read_lock();
	give_items(amounts[_i]);
	await_gp_since(before);
	nothing_comes_back_for(2000);
	rcu_read_unlock();
	rcu_unregister_thread();
	all_come_back();
}
END_TEST

/*
 * The first array is marked for a grace period that waits for the second reader. When that is under way the third
 * enters, and what is given then is for the next.
 */
START_TEST(what_is_given_in_a_grace_period_waits_for_the_next)
{
	unsigned long before = gp_number();
	struct held first, second, third;

	held_enter(&first);
	give_items(ARRAY + 2);
	await_gp_since(before);
	held_enter(&second);
	before = gp_number();
	held_leave(&first);
	await_gp_since(before);
	held_enter(&third);
	give_items(ARRAY - 1);
	held_leave(&second);
	await_that(get(given_back) >= ARRAY);
	for (uint64_t until = now_us() + 30000; now_us() < until; sched_yield())
		for (unsigned long i = ARRAY + 2; i < 2 * ARRAY + 1; i++)
			want(get(items[i].state) == LIVE);
	held_leave(&third);
	all_come_back();
}
END_TEST

/* ---- Always in the end ---- */

START_TEST(an_idle_thread_has_nothing_left)
{
	for (int i = 0; i < 5; i++) {
		give_items(amounts[_i]);
		all_come_back();
	}
}
END_TEST

static void *give_and_end(void *arg)
{
	if (arg)
		rcu_register_thread();
	give_items(100);
	if (arg)
		rcu_unregister_thread();
	return NULL;
}

START_TEST(threads_that_end_leave_nothing)
{
	static struct team team;

	for (int i = 0; i < 10; i++) {
		team_add(&team, 10, give_and_end, _i ? &team : NULL);
		team_join(&team);
	}
	all_come_back();
}
END_TEST

static pthread_key_t key;

static void give_in_destructor(void *round)
{
	give_items(100);
	if ((uintptr_t)round < 3)
		pthread_setspecific(key, (void *)((uintptr_t)round + 1));
}

static void *give_at_the_end(void *arg)
{
	pthread_setspecific(key, (void *)1);
	return give_and_end(arg);
}

START_TEST(destructors_of_threads_may_give)
{
	static struct team team;

	want(pthread_key_create(&key, give_in_destructor) == 0);
	team_add(&team, 20, give_at_the_end, _i ? &team : NULL);
	team_join(&team);
	all_come_back();
}
END_TEST

/* ---- Without a call ---- */

#if defined(TEST_BP)
#define WINDOW	(URCU_TLS(urcu_bp_reader) ? URCU_TLS(urcu_bp_reader)->window : NULL)
#elif defined(TEST_QSBR)
#define WINDOW	URCU_TLS(urcu_qsbr_reader).window
#elif defined(RCU_MB)
#define WINDOW	URCU_TLS(urcu_mb_reader).window
#else
#define WINDOW	URCU_TLS(urcu_memb_reader).window
#endif

START_TEST(a_worker_at_rest_hears_of_each_pointer)
{
	give_items(1);
	all_come_back();
	want(WINDOW || SLOW_BUILD);
	for (int i = 0; i < 2 * URCU_FREE_CALL && WINDOW; i++) {
		await_that(get(*WINDOW->served) == 0);
		give_items(1);
		all_come_back();
	}
}
END_TEST

/* After the library's destructor: its key is older. */
static void look_at_window(void *arg)
{
	(void)arg;
	want(!WINDOW);
}

static void *give_and_look(void *arg)
{
	pthread_setspecific(key, &key);
	return give_and_end(arg);
}

START_TEST(a_window_is_shut_behind_its_thread)
{
	static struct team team;

	want(pthread_key_create(&key, look_at_window) == 0);
	team_add(&team, 2, give_and_look, NULL);
	team_join(&team);
	all_come_back();
}
END_TEST

START_TEST(threads_whose_end_is_not_seen_share)
{
	static struct team team;
	pthread_key_t other;

	/* bp has another key; a sanitizer cannot do without its own. */
	if (strcmp(FLAVOR, "bp") == 0 || SLOW_BUILD)
		return;
	/* With the library's own deleted, as after exit. */
	for (pthread_key_t own = 0; own < 40; own++)
		if (pthread_setspecific(own, &team) == 0)
			pthread_setspecific(own, NULL), pthread_key_delete(own);
	want(pthread_key_create(&other, NULL) == 0);
	team_add(&team, 20, give_and_end, &team);
	team_join(&team);
	all_come_back();
}
END_TEST

/* ---- Barriers ---- */

static void *give_some(void *arg)
{
	give_items((uintptr_t)arg);
	return NULL;
}

START_TEST(a_barrier_returns_when_all_is_freed)
{
	unsigned int random = 4711;

	for (int i = 0; i < 60; i++) {
		pthread_t other = start(give_some, (void *)(uintptr_t)pick(&random, 400));

		give_items(pick(&random, 400));
		pthread_join(other, NULL);
		rcu_barrier();
		want(get(given_back) == get(taken));
	}
}
END_TEST

static void *barriers(void *arg)
{
	for (int i = 0; i < 3000; i++) {
		struct item *item = take_item();

		urcu_free_rcu(item);
		rcu_barrier();
		want(get(item->state) == DEAD);
	}
	return arg;
}

START_TEST(barriers_of_many_threads_each_keep_their_promise)
{
	static struct team team;

	team_add(&team, 6, barriers, NULL);
	team_join(&team);
}
END_TEST

static void give_in_callback(void *arg)
{
	give_items(*(int *)arg);
}

START_TEST(callbacks_may_give_and_a_barrier_waits_for_it)
{
	int count = 300;

	for (int i = 0; i < 30; i++) {
		in_callback(give_in_callback, &count);
		want(get(given_back) == get(taken));
	}
}
END_TEST

/* ---- A flood beside readers ---- */

#define PRODUCERS	2
#define FLOOD		25000

static struct {
	struct item *current[PRODUCERS];
	unsigned int started;
	bool over;
	struct team readers, producers;
} flood;

static void *flood_reader(void *arg)
{
	rcu_register_thread();
	rcu_thread_online();
	for (unsigned int i = 0; !get(flood.over); i++) {
		struct item *item;

		rcu_read_lock();
		item = rcu_dereference(flood.current[i % PRODUCERS]);
		if (item) {
			want(get(item->state) == LIVE);
			hold_for(i % 100);
			if (i % 64 == 0)
				sched_yield();
			want(get(item->state) == LIVE);
		}
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return arg;
}

static void *flood_producer(void *arg)
{
	struct item **mine = &flood.current[raise_by(flood.started, 1) - 1];

	for (int i = 0; i < FLOOD; i++) {
		struct item *item = take_item(), *old = *mine;

		rcu_assign_pointer(*mine, item);
		urcu_free_rcu(old);
	}
	urcu_free_rcu(rcu_xchg_pointer(mine, NULL));
	return arg;
}

START_TEST(a_flood_frees_nothing_too_early_or_twice)
{
	team_add(&flood.readers, 2, flood_reader, NULL);
	team_add(&flood.producers, PRODUCERS, flood_producer, NULL);
	team_join(&flood.producers);
	put(flood.over, true);
	team_join(&flood.readers);
	all_come_back();
}
END_TEST

/* So busy a thread frees by itself: not all is left to the worker, who is held up here. */
static bool freed_by_giver;
static pthread_t giver;

static void note_where(void *ptr)
{
	if (pthread_equal(pthread_self(), giver))
		put(freed_by_giver, true);
	note(ptr);
}

START_TEST(who_gives_much_frees_by_itself)
{
	giver = pthread_self();
	for (int i = 0; i < 100 && !get(freed_by_giver); i++) {
		give_items(ARRAY);
		synchronize_rcu();
	}
	want(get(freed_by_giver));
	all_come_back();
}
END_TEST

/* ---- No thread to be had ---- */

START_TEST(without_threads_a_barrier_frees)
{
	capture_stderr();
	allow_threads(false);
	for (int i = 0; i < 10; i++) {
		give_items(1000);
		rcu_barrier();
		want(get(given_back) == get(taken));
	}
}
END_TEST

START_TEST(without_threads_a_giver_frees_what_others_waited_for)
{
	capture_stderr();
	allow_threads(false);
	for (int i = 0; i < 20; i++) {
		give_items(ARRAY);
		synchronize_rcu();
	}
	want(get(given_back) >= 15 * ARRAY);
	allow_threads(true);
	/* One in up to 256 tries again. */
	give_items(2 * 256);
	all_come_back();
}
END_TEST

/* ---- Grace periods that givers lead themselves ---- */

#define GIVEN_MUCH	(20 * 1024UL)

START_TEST(who_gives_much_waits_for_nobody)
{
	capture_stderr();
	allow_threads(false);
	give_items(GIVEN_MUCH);
	want(get(given_back) >= GIVEN_MUCH / 2);
	allow_threads(true);
	give_items(2 * 256);
	all_come_back();
}
END_TEST

static unsigned long counted;

static void count_only(void *ptr)
{
	raise_by(*(unsigned long *)ptr, 1);
}

static void *give_much(void *arg)
{
	await_that(get(flood.started));
	while (!get(flood.over))
		for (int i = 0; i < 1024; i++)
			urcu_free_rcu(&counted);
	return arg;
}

/* One that is in vain, as the reader is in a section, is no reason for who waits to sleep on. No worker wakes him. */
START_TEST(who_gives_much_keeps_nobody_waiting)
{
	capture_stderr();
	team_add(&flood.readers, 1, flood_reader, NULL);
	team_add(&flood.producers, 1, give_much, NULL);
	allow_threads(false);
	put(flood.started, 1);
	for (int i = 0; i < 3000; i++)
		synchronize_rcu();
	put(flood.over, true);
	team_join(&flood.producers);
	team_join(&flood.readers);
	rcu_barrier();
}
END_TEST

#ifndef TEST_BP		/* which has no rcu_exit */
START_TEST(rcu_exit_frees_and_all_goes_on)
{
	for (int i = 0; i < 5; i++) {
		give_items(700);
		rcu_exit();
		want(get(given_back) == get(taken));
	}
	give_items(700);
	all_come_back();
}
END_TEST

static bool over;

static void give_again(void *ptr)
{
	if (!get(over))
		urcu_free_rcu(ptr);
}

/* There is always something that waits. */
START_TEST(rcu_exit_does_not_wait_for_what_is_given_meanwhile)
{
	setenv("URCU_EXIT_TIMEOUT", "86400000", 1);
	want(urcu_free_rcu_with(give_again) == 0);
	give_items(100);
	for (int i = 0; i < 5; i++) {
		rcu_exit();
		rcu_barrier();
	}
	put(over, true);
	rcu_barrier();
}
END_TEST
#endif

static void set_up_where(void)
{
	want(urcu_free_rcu_with(note_where) == 0);
}

static void set_up_count(void)
{
	want(urcu_free_rcu_with(count_only) == 0);
}

int main(void)
{
	Suite *suite = suite_create("free-" FLAVOR);
	TCase *tc = add_noted(suite, "noted", set_up_note);

	if (ONE_PASS)
		tcase_add_test(tc, what_is_given_in_a_grace_period_waits_for_the_next);
	if (ONE_ANNOUNCEMENT) {
		tcase_add_loop_test(tc, nothing_is_freed_that_a_reader_may_hold, 0, AMOUNTS);
		tcase_add_loop_test(tc, nothing_is_freed_that_the_giver_may_hold_in_its_section, 0, AMOUNTS);
	}
	tcase_add_loop_test(tc, an_idle_thread_has_nothing_left, 0, AMOUNTS);
	tcase_add_loop_test(tc, threads_that_end_leave_nothing, 0, 2);
	tcase_add_loop_test(tc, destructors_of_threads_may_give, 0, 2);
	tcase_add_test(tc, a_worker_at_rest_hears_of_each_pointer);
	tcase_add_test(tc, a_window_is_shut_behind_its_thread);
	tcase_add_test(tc, threads_whose_end_is_not_seen_share);
	tcase_add_test(tc, a_barrier_returns_when_all_is_freed);
	tcase_add_test(tc, barriers_of_many_threads_each_keep_their_promise);
	tcase_add_test(tc, callbacks_may_give_and_a_barrier_waits_for_it);
	tcase_add_test(tc, a_flood_frees_nothing_too_early_or_twice);
	tcase_add_test(tc, without_threads_a_barrier_frees);
	tcase_add_test(tc, without_threads_a_giver_frees_what_others_waited_for);
	tcase_add_test(tc, who_gives_much_waits_for_nobody);
#ifndef TEST_BP
	tcase_add_test(tc, rcu_exit_frees_and_all_goes_on);
#endif
	tc = add_noted(suite, "where", set_up_where);
	tcase_add_test(tc, who_gives_much_frees_by_itself);
	tc = add_noted(suite, "count", set_up_count);
	tcase_add_test(tc, who_gives_much_keeps_nobody_waiting);
	tc = add_case(suite, "plain", 30);
#ifndef TEST_BP
	tcase_add_test(tc, rcu_exit_does_not_wait_for_what_is_given_meanwhile);
#endif
	return run_suite(suite);
}
