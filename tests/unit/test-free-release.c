/* SPDX-License-Identifier: MIT */
/* free_rcu: the function in the place of free, objects with a head, and free itself. */
#include "free-items.h"

/* ---- Release functions ---- */

START_TEST(a_release_function_may_give)
{
	struct item *first = take_item(), *item = first;

	for (int i = 1; i < 20; i++)
		item = item->next = take_item();
	for (int i = 0; i < 2000; i++) {
		struct item *pair = take_item();

		pair->next = take_item();
		urcu_free_rcu(pair);
	}
	urcu_free_rcu(first);
	all_come_back();
}
END_TEST

static sem_t stuck_in, stuck_out;

static void note_slowly(void *ptr)
{
	if (ptr == &items[0]) {
		sem_post(&stuck_in);
		await(&stuck_out);
	}
	note(ptr);
}

static void *barrier_behind(void *done)
{
	rcu_barrier();
	want(get(given_back) == get(taken));
	put(*(bool *)done, true);
	return NULL;
}

/* Somebody else is in the middle of what a barrier waits for. */
START_TEST(a_barrier_waits_for_who_frees)
{
	bool done = false;
	pthread_t other;

	sem_init(&stuck_in, 0, 0);
	sem_init(&stuck_out, 0, 0);
	give_items(500);
	await(&stuck_in);
	other = start(barrier_behind, &done);
	for (uint64_t until = now_us() + 5000; now_us() < until; sched_yield())
		want(!get(done));
	/* It holds up nobody who gives. */
	give_items(1000);
	sem_post(&stuck_out);
	pthread_join(other, NULL);
}
END_TEST

START_TEST(a_release_function_is_registered_once_and_first)
{
	errno = 4711;
	want(urcu_free_rcu_with(NULL) == EINVAL);
	if (_i) {
		urcu_free_rcu(NULL);
		urcu_free_rcu(malloc(1));
		want(urcu_free_rcu_with(note) == EBUSY);
	} else {
		want(urcu_free_rcu_with(note) == 0);
		want(urcu_free_rcu_with(note) == EBUSY);
		give_items(1);
		want(urcu_free_rcu_with(note_slowly) == EBUSY);
		all_come_back();
	}
	rcu_barrier();
	want(errno == 4711);
}
END_TEST

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

/* Until the reader leaves nothing is freed, however long this thread is held up. */
START_TEST(without_a_release_function_it_is_free)
{
	struct held reader;
	size_t before;

	urcu_free_rcu(malloc(1));
	rcu_barrier();
	held_enter(&reader);
	before = mallinfo2().uordblks;
	for (int i = 0; i < 2000; i++) {
		void *block = malloc(1000);

		want(block);
		errno = i;
		urcu_free_rcu(block);
		want(errno == i);
	}
	want(mallinfo2().uordblks > before + 2000 * 1000);
	held_leave(&reader);
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

static void set_up_slow(void)
{
	want(urcu_free_rcu_with(note_slowly) == 0);
}

int main(void)
{
	Suite *suite = suite_create("free-release-" FLAVOR);
	TCase *tc = add_noted(suite, "noted", set_up_note);

	tcase_add_test(tc, a_release_function_may_give);
	tc = add_noted(suite, "slow", set_up_slow);
	tcase_add_test(tc, a_barrier_waits_for_who_frees);
	tc = add_case(suite, "plain", 30);
	tcase_add_loop_test(tc, a_release_function_is_registered_once_and_first, 0, 2);
	tcase_add_loop_test(tc, an_object_with_a_head_is_freed_from_its_start, 0, 2);
#if defined(__GLIBC__) && !SLOW_BUILD
	tcase_add_test(tc, without_a_release_function_it_is_free);
	tcase_add_test(tc, threads_go_on_with_the_arrays_of_those_that_have_ended);
#endif
	return run_suite(suite);
}
