/* SPDX-License-Identifier: MIT */
/* Grace periods that are asked about: when the answer is yes, and that it comes by itself. */
#include "held.h"

typedef struct urcu_gp_poll_state poll_state;

static bool over(poll_state state)
{
	return poll_state_synchronize_rcu(state);
}

static void await_poll(poll_state state)
{
	await_that(over(state));
}

/* ---- Readers ---- */

/* In qsbr it leaves by an announcement, going offline, or unregistering. */
static void *hold_section(void *arg)
{
	struct held *held = arg;

	rcu_register_thread();
	if (held->announces)
		rcu_thread_online();
	held_section(held);
	sem_post(&held->in);
	await(&held->leave);
	rcu_unregister_thread();
	return NULL;
}

static void hold(struct held *held, bool announces)
{
	held_init(held);
	held->announces = announces;
	held_start(held, hold_section);
}

static void leave(struct held *held)
{
	sem_post(&held->leave);
	await(&held->in);
}

static void not_over_for(poll_state state, unsigned int us)
{
	for (uint64_t until = now_us() + us; now_us() < until; sched_yield())
		want(!over(state));
}

START_TEST(poll_waits_for_the_readers_before_it_and_needs_nobody_else)
{
	unsigned long before;
	struct held held;
	poll_state state;

	hold(&held, _i);
	before = gp_number();
	state = start_poll_synchronize_rcu();
	not_over_for(state, 1000);
	await_gp_since(before);
	not_over_for(state, 20000);
	leave(&held);
	await_poll(state);
	want(over(state));
	held_leave(&held);
	want(over(state));
}
END_TEST

/* A grace period under way may have begun too early: the next one is needed. */
START_TEST(poll_that_starts_in_a_grace_period_waits_for_a_younger_reader)
{
	struct held older, younger;
	poll_state first, second;
	unsigned long before;

	hold(&older, false);
	before = gp_number();
	first = start_poll_synchronize_rcu();
	await_gp_since(before);
	hold(&younger, false);
	second = start_poll_synchronize_rcu();
	leave(&older);
	await_poll(first);
	want(!get(younger.left));
	not_over_for(second, 20000);
	leave(&younger);
	await_poll(second);
	held_leave(&older);
	held_leave(&younger);
}
END_TEST

START_TEST(poll_may_start_in_a_section_that_it_waits_for)
{
	poll_state state;

	rcu_register_thread();
	rcu_read_lock();
	state = start_poll_synchronize_rcu();
	not_over_for(state, 20000);
	rcu_read_unlock();
	await_poll(state);
	rcu_unregister_thread();
}
END_TEST

START_TEST(polls_need_no_reader_and_are_over_after_synchronize)
{
	for (int i = 0; i < 1000; i++) {
		poll_state state = start_poll_synchronize_rcu();

		if (i % 2)
			await_poll(state);
		else
			synchronize_rcu();
		want(over(state));
	}
}
END_TEST

START_TEST(many_polls_are_over_in_order)
{
	static poll_state states[20000];
	static struct stress s;
	unsigned int i, done = 0;

	stress_begin(&s, 2, 1);
	for (i = 0; i < 20000; i++) {
		states[i] = start_poll_synchronize_rcu();
		while (done < i && over(states[done]))
			done++;
		want(done == 0 || over(states[done - 1]));
	}
	await_poll(states[i - 1]);
	for (i = 0; i < 20000; i++)
		want(over(states[i]));
	stress_end(&s);
}
END_TEST

/* ---- The guarantee: what was replaced before the poll is dead after it ---- */

static bool finished;

static void *replace_by_polls(void *arg)
{
	struct place *place = arg;

	rcu_register_thread();
	for (unsigned int i = 0; i < 3000 && !get(finished); i++) {
		struct object *old = place->current, *fresh = &place->room[old == place->room];

		fresh->state = LIVE;
		rcu_assign_pointer(place->current, fresh);
		await_poll(start_poll_synchronize_rcu());
		old->state = DEAD;
	}
	rcu_unregister_thread();
	return NULL;
}

struct visited {
	struct place place[4];
};

static void *visit_all(void *arg)
{
	struct visited *visited = arg;
	unsigned int random = 77;

	rcu_register_thread();
	rcu_thread_online();
	while (!get(finished))
		visit(&visited->place[pick(&random, 4)], pick(&random, 100));
	rcu_unregister_thread();
	return NULL;
}

START_TEST(polls_of_several_threads_each_keep_their_guarantee)
{
	static struct visited visited;
	static struct team writers, readers;

	for (int i = 0; i < 4; i++)
		place_init(&visited.place[i]);
	team_add(&readers, 2, visit_all, &visited);
	for (int i = 0; i < 4; i++)
		team_add(&writers, 1, replace_by_polls, &visited.place[i]);
	usleep(500000);
	put(finished, true);
	team_join(&writers);
	team_join(&readers);
}
END_TEST

/* ---- One poll, asked about by many ---- */

static poll_state shared;

static void *ask(void *arg)
{
	struct held *held = arg;

	await_poll(shared);
	want(get(held->left));
	return NULL;
}

START_TEST(poll_may_be_asked_about_by_other_threads)
{
	static struct team team;
	struct held held;

	hold(&held, true);
	shared = start_poll_synchronize_rcu();
	team_add(&team, 8, ask, &held);
	not_over_for(shared, 5000);
	leave(&held);
	team_join(&team);
	held_leave(&held);
}
END_TEST

/* ---- From a callback ---- */

static void start_poll(void *arg)
{
	*(poll_state *)arg = start_poll_synchronize_rcu();
}

START_TEST(callback_may_start_a_poll)
{
	poll_state state;

	for (int i = 0; i < 50; i++) {
		in_callback(start_poll, &state);
		await_poll(state);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("polling-" FLAVOR);
	TCase *tc = add_case(suite, "polling", 30);

	if (ONE_PASS)
		tcase_add_test(tc,
			poll_that_starts_in_a_grace_period_waits_for_a_younger_reader);
	if (ONE_ANNOUNCEMENT) {
		tcase_add_loop_test(tc,
			poll_waits_for_the_readers_before_it_and_needs_nobody_else, 0, 2);
		tcase_add_test(tc, poll_may_be_asked_about_by_other_threads);
	}
	tcase_add_test(tc, poll_may_start_in_a_section_that_it_waits_for);
	tcase_add_test(tc, polls_need_no_reader_and_are_over_after_synchronize);
	tcase_add_test(tc, many_polls_are_over_in_order);
	tcase_add_test(tc, polls_of_several_threads_each_keep_their_guarantee);
	tcase_add_test(tc, callback_may_start_a_poll);
	return run_suite(suite);
}
