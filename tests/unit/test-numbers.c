/* SPDX-License-Identifier: MIT */
/* Inside the library: grace periods are counted by numbers that come around. */
#include "inside.h"

/* Before anybody uses them. The signed numbers' edge, then the unsigned ones'. */
static unsigned long edge(int number)
{
	return number ? 0UL : ~0UL / 2 + 1;
}

static void start_before_edge(int number)
{
	domain->grace.sequence = edge(number) - 20;
}

static unsigned long sequence(void)
{
	return __atomic_load_n(&domain->grace.sequence, __ATOMIC_RELAXED);
}

START_TEST(polls_are_over_in_time_across_the_edge)
{
	unsigned long first;

	start_before_edge(_i);
	first = sequence();
	rcu_register_thread();
	for (int i = 0; i < 30; i++) {
		struct urcu_gp_poll_state state;
		unsigned long before = gp_number();

		rcu_read_lock();
		state = start_poll_synchronize_rcu();
		await_gp_since(before);
		for (int look = 0; look < 100; look++)
			want(!poll_state_synchronize_rcu(state));
		rcu_read_unlock();
		await_that(poll_state_synchronize_rcu(state));
	}
	want(sequence() - first >= 60);
	rcu_unregister_thread();
}
END_TEST

/* No poll is pending any more: the worker must not take a number of long ago for one to come. */
START_TEST(old_poll_asks_for_nothing_when_the_numbers_have_come_around)
{
	struct urcu_gp_poll_state state;

	start_before_edge(0);
	state = start_poll_synchronize_rcu();
	await_that(poll_state_synchronize_rcu(state));
	await_that(!quiesce_gp_is_wanted(domain));
	__atomic_store_n(&domain->grace.sequence, state.grace_period_id + ~0UL / 2 + 3,
			 __ATOMIC_RELAXED);
	want(!quiesce_gp_is_wanted(domain));
}
END_TEST

START_TEST(callers_share_grace_periods_across_the_edge)
{
	static struct stress s;

	start_before_edge(_i);
	stress_begin(&s, 2, 4);
	await_that((long)(sequence() - edge(_i)) > 20);
	stress_end(&s);
}
END_TEST

/* ---- The number that readers copy ---- */

struct held_up {
	pthread_barrier_t step;
	struct place place;
	bool replaced;
};

static bool leader_waits(void)
{
	unsigned long awaited;

	pthread_mutex_lock(&domain->registry.lock);
	awaited = domain->registry.awaited;
	pthread_mutex_unlock(&domain->registry.lock);
	return awaited;
}

static void *held_up_reader(void *arg)
{
	struct held_up *held_up = arg;
	const struct object *object;

	rcu_register_thread();
	rcu_read_lock();
	pthread_barrier_wait(&held_up->step);
	pthread_barrier_wait(&held_up->step);
	object = rcu_dereference(held_up->place.current);
	pthread_barrier_wait(&held_up->step);
	await_that(get(held_up->replaced) || leader_waits());
	want(object->state == LIVE);
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

/*
 * A reader fetches the number, and is held up before it stores it, until the number has come around:
 * the next grace period raises it to the very one that the reader shows, in its first pass or in its
 * second. As many grace periods take too long here, so the number is set to what they would make it.
 */
START_TEST(reader_held_up_until_a_short_number_came_around_is_waited_for)
{
	static struct held_up held_up;
	unsigned long pass = (unsigned long)_i + 1;
	pthread_t reader;

	domain->passes = 2;
	place_init(&held_up.place);
	pthread_barrier_init(&held_up.step, NULL, 2);
	reader = start(held_up_reader, &held_up);
	pthread_barrier_wait(&held_up.step);
	__atomic_store_n(&rcu_gp.ctr, gp_number() - pass * URCU_GP_STEP, __ATOMIC_RELEASE);
	pthread_barrier_wait(&held_up.step);
	pthread_barrier_wait(&held_up.step);
	replace(&held_up.place);
	put(held_up.replaced, true);
	pthread_join(reader, NULL);
}
END_TEST

/* More unlocks than locks: no section, in the array or beyond. Its word stays as it is. */
START_TEST(a_reader_below_zero_is_in_no_section)
{
	static struct registry registry = REGISTRY_INIT(registry);
	struct reader in_array = { .ctr = 5 * URCU_GP_STEP - 1 }, beyond = { .ctr = -3UL };
	unsigned long gp_ctr = 7 * URCU_GP_STEP + URCU_GP_COUNT;

	want(quiesce_registry_add(&registry, &in_array));
	cds_list_add(&beyond.node, &registry.beyond);
	beyond.slot = REGISTRY_BEYOND;
	want(quiesce_registry_scan(&registry, gp_ctr) == 2 && !registry.below_zero);
	want(quiesce_registry_rescan(&registry, gp_ctr) == 0 && registry.below_zero);
	want(in_array.ctr == 5 * URCU_GP_STEP - 1 && beyond.ctr == -3UL);
	in_array.ctr = 4 * URCU_GP_STEP + URCU_GP_NEST_MASK / 2;
	want(quiesce_registry_scan(&registry, gp_ctr) == 2);
	want(quiesce_registry_rescan(&registry, gp_ctr) == 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("numbers-" FLAVOR);
	TCase *tc = add_case(suite, "numbers", 20);

	tcase_add_test(tc, a_reader_below_zero_is_in_no_section);
	tcase_add_loop_test(tc, polls_are_over_in_time_across_the_edge, 0, 2);
	tcase_add_test(tc, old_poll_asks_for_nothing_when_the_numbers_have_come_around);
	tcase_add_loop_test(tc, callers_share_grace_periods_across_the_edge, 0, 2);
	tcase_add_loop_test(tc, reader_held_up_until_a_short_number_came_around_is_waited_for, 0, 2);
	return run_suite(suite);
}
