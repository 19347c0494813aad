/* SPDX-License-Identifier: MIT */
/* Readers and synchronize_rcu: who is waited for, and who is not. */
#include "held.h"

/* ---- Sections ---- */

START_TEST(sections_nest)
{
	const unsigned int depth = 20000;

	want(!rcu_read_ongoing());
	rcu_register_thread();
	want(!rcu_read_ongoing());
	for (unsigned int i = 0; i < depth; i++) {
		rcu_read_lock();
		want(rcu_read_ongoing());
	}
	for (unsigned int i = 0; i < depth; i++) {
		want(rcu_read_ongoing());
		rcu_read_unlock();
	}
	want(!rcu_read_ongoing());
	synchronize_rcu();
	rcu_unregister_thread();
}
END_TEST

/* Waits to be told at its full depth, and once more at the outermost level. */
static void *nested_reader(void *arg)
{
	struct held *held = arg;

	rcu_register_thread();
	for (unsigned int i = 0; i < held->depth; i++)
		rcu_read_lock();
	sem_post(&held->in);
	await(&held->leave);
	for (unsigned int i = held->depth; i > 1; i--)
		rcu_read_unlock();
	for (unsigned int i = 0; i < 100; i++) {
		rcu_read_lock();
		rcu_read_unlock();
	}
	sem_post(&held->in);
	await(&held->leave);
	put(held->left, true);
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(outermost_unlock_ends_the_section)
{
	struct held held;
	pthread_t writer;

	held_init(&held);
	held.depth = 1U << _i;
	held_start(&held, nested_reader);
	writer = writer_who_waits(&held, 1000);
	sem_post(&held.leave);
	await(&held.in);
	not_returned_for(&held, 1000);
	held_leave(&held);
	pthread_join(writer, NULL);
}
END_TEST

#ifndef TEST_QSBR	/* its own calls: test-online.c */
/* The table's functions are the exported ones, as programs built with URCU_NO_INLINE call them. */
START_TEST(real_calls_and_inline_ones_are_the_same)
{
	const struct rcu_flavor_struct *api = &rcu_flavor;
	struct held held;
	pthread_t writer;

	api->register_thread();
	rcu_read_lock();
	want(api->read_ongoing());
	api->read_lock();
	rcu_read_unlock();
	want(rcu_read_ongoing() && api->read_ongoing());
	held_init(&held);
	writer = writer_who_waits(&held, 1000);
	rcu_read_lock();
	api->read_unlock();
	want(rcu_read_ongoing());
	want(!get(held.returned));
	put(held.left, true);
	api->read_unlock();
	want(!rcu_read_ongoing() && !api->read_ongoing());
	pthread_join(writer, NULL);
	api->update_synchronize_rcu();
	api->unregister_thread();
}
END_TEST
#endif

/* ---- Who is waited for ---- */

/* Spins, sleeps, and sleeps long: the three ways of a leader. */
START_TEST(long_reader_beside_busy_ones_is_waited_for)
{
	static const unsigned int hold_us[] = { 20, 1000, 50000 };
	static struct stress busy;
	struct held held;
	pthread_t writer;

	stress_begin(&busy, 2, 1);
	held_enter(&held);
	writer = start(waiting_writer, &held);
	await_that(get(held.called));
	not_returned_for(&held, hold_us[_i]);
	held_leave(&held);
	pthread_join(writer, NULL);
	stress_end(&busy);
}
END_TEST

START_TEST(every_one_of_many_callers_gets_its_guarantee)
{
	static struct stress s;

	stress_begin(&s, 1 + (unsigned int)_i, PLACES);
	stress_go_on(400);
	stress_end(&s);
}
END_TEST

START_TEST(no_section_hides_behind_stores_held_up)
{
	check_that_no_section_hides(2000);
}
END_TEST

START_TEST(section_entered_after_the_call_is_not_waited_for)
{
	struct held held, younger;
	pthread_t writer;

	held_enter(&held);
	writer = writer_who_waits(&held, 500);
	held_enter(&younger);
	held_leave(&held);
	pthread_join(writer, NULL);
	want(!get(younger.left));
	held_leave(&younger);
}
END_TEST

static void *end_while_awaited(void *arg)
{
	struct held *held = arg;
	unsigned long before;

	rcu_register_thread();
	rcu_read_lock();
	before = gp_number();
	sem_post(&held->in);
	await_gp_since(before);
	for (uint64_t until = now_us() + held->hold_us; now_us() < until;)
		caa_cpu_relax();
	put(held->left, true);
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(awaited_reader_may_leave_for_good)
{
	unsigned int random = 1;

	for (int i = 0; i < 400; i++) {
		struct held held;

		held_init(&held);
		held.hold_us = pick(&random, 150);
		held_start(&held, end_while_awaited);
		synchronize_rcu();
		want(get(held.left));
		pthread_join(held.thread, NULL);
	}
}
END_TEST

static void *writer_for_three(void *arg)
{
	struct held *held = arg;

	synchronize_rcu();
	for (int i = 0; i < 3; i++)
		want(get(held[i].left));
	put(held[0].returned, true);
	return NULL;
}

START_TEST(others_are_awaited_when_one_leaves_for_good)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	const int *order = orders[_i];
	unsigned long before;
	struct held held[3];
	pthread_t writer;

	for (int i = 0; i < 3; i++)
		held_enter(&held[i]);
	before = gp_number();
	writer = start(writer_for_three, held);
	await_gp_since(before);
	for (int i = 0; i < 3; i++) {
		not_returned_for(&held[0], 500);
		held_leave(&held[order[i]]);
	}
	pthread_join(writer, NULL);
}
END_TEST

/* ---- Registering while others wait ---- */

static void *come_and_go(void *arg)
{
	struct place *place = arg;

	for (int i = 0; i < 20; i++) {
		rcu_register_thread();
		visit(place, 10);
		rcu_unregister_thread();
	}
	return NULL;
}

START_TEST(threads_come_and_go_while_others_wait)
{
	static struct team team;
	struct held held;
	struct place place;
	pthread_t writer[4];

	place_init(&place);
	held_enter(&held);
	for (int i = 0; i < 4; i++)
		writer[i] = i ? start(waiting_writer, &held) : writer_who_waits(&held, 0);
	for (int i = 0; i < 10; i++) {
		team_add(&team, 10, come_and_go, &place);
		team_join(&team);
	}
	want(!get(held.returned));
	held_leave(&held);
	for (int i = 0; i < 4; i++)
		pthread_join(writer[i], NULL);
}
END_TEST

START_TEST(section_may_wait_for_threads_that_register)
{
	static struct team team;
	struct held held;
	struct place place;
	pthread_t writer;

	place_init(&place);
	held_init(&held);
	rcu_register_thread();
	rcu_read_lock();
	writer = writer_who_waits(&held, 1000);
	team_add(&team, 50, come_and_go, &place);
	team_join(&team);
	want(!get(held.returned));
	put(held.left, true);
	rcu_read_unlock();
	pthread_join(writer, NULL);
	rcu_unregister_thread();
}
END_TEST

static void *churn(void *arg)
{
	struct stress *s = arg;

	while (!get(s->over))
		come_and_go(&s->place[0]);
	return NULL;
}

START_TEST(threads_come_and_go_among_busy_readers)
{
	static struct stress s;

	stress_begin(&s, 2, 2);
	team_add(&s.team, 3, churn, &s);
	stress_go_on(400);
	stress_end(&s);
}
END_TEST

/* ---- Crowds ---- */

#define CROWD 300

struct crowd {
	struct held held[CROWD];
	unsigned int size;
	sem_t done;
	bool over;
};

/* A section each time it is told to. */
static void *crowd_member(void *arg)
{
	struct crowd *crowd = arg;
	struct held *held = &crowd->held[raise_by(crowd->size, 1) - 1];

	held_init(held);
	rcu_register_thread();
	for (;;) {
		sem_post(&crowd->done);
		await(&held->leave);
		if (get(crowd->over))
			break;
		rcu_read_lock();
		sem_post(&held->in);
		await(&held->leave);
		put(held->left, true);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	sem_post(&crowd->done);
	return NULL;
}

/* For bp, who registers on its own, registering is this too. */
static void crowd_gather(struct crowd *crowd, struct team *team, unsigned int size)
{
	memset(crowd, 0, sizeof(*crowd));
	sem_init(&crowd->done, 0, 0);
	team_add(team, size, crowd_member, crowd);
	for (unsigned int i = 0; i < size; i++)
		await(&crowd->done);
}

static void crowd_check(struct crowd *crowd, unsigned int number)
{
	struct held *held = &crowd->held[number];
	pthread_t writer;

	put(held->left, false);
	put(held->returned, false);
	sem_post(&held->leave);
	await(&held->in);
	writer = writer_who_waits(held, 50);
	sem_post(&held->leave);
	pthread_join(writer, NULL);
	await(&crowd->done);
}

/* One by one, so that each is found wherever the others' departure has put it. */
static void crowd_dismiss(struct crowd *crowd, struct team *team)
{
	put(crowd->over, true);
	for (unsigned int i = 0; i < crowd->size; i++) {
		sem_post(&crowd->held[i * 7 % crowd->size].leave);
		await(&crowd->done);
	}
	team_join(team);
}

START_TEST(everybody_in_a_crowd_is_waited_for)
{
	static struct crowd crowd;
	static struct team team;

	crowd_gather(&crowd, &team, 299);
	synchronize_rcu();
	for (unsigned int i = 0; i < crowd.size; i++)
		crowd_check(&crowd, i);
	crowd_dismiss(&crowd, &team);
}
END_TEST

static void *grow_into(void *arg)
{
	static struct crowd crowd;
	static struct team team;

	(void)arg;
	crowd_gather(&crowd, &team, 299);
	crowd_dismiss(&crowd, &team);
	return NULL;
}

START_TEST(registry_grows_under_a_grace_period)
{
	struct held held;
	pthread_t writer;

	held_enter(&held);
	writer = writer_who_waits(&held, 100);
	grow_into(NULL);
	want(!get(held.returned));
	held_leave(&held);
	pthread_join(writer, NULL);
}
END_TEST

/* The array's first growth takes one page; bp's memory for readers is mapped in larger pieces. */
START_TEST(readers_without_room_are_protected)
{
	static struct crowd crowd;
	static struct team team;

	if (!refuse_pages())
		return;
	crowd_gather(&crowd, &team, 71);
	for (unsigned int i = 0; i < crowd.size; i++)
		crowd_check(&crowd, i);
	crowd_dismiss(&crowd, &team);
	crowd_gather(&crowd, &team, 40);
	for (unsigned int i = 0; i < crowd.size; i++)
		crowd_check(&crowd, i);
	crowd_dismiss(&crowd, &team);
}
END_TEST

/* ---- bp ---- */

#ifdef TEST_BP
#define SLOTS_MAX 16

static struct {
	pthread_mutex_t lock;
	const void *seen[SLOTS_MAX];
	unsigned int count;
} slots = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void *short_thread(void *arg)
{
	unsigned int i;

	visit(arg, 1);
	pthread_mutex_lock(&slots.lock);
	for (i = 0; i < slots.count && slots.seen[i] != urcu_bp_reader; i++)
		continue;
	want(i < SLOTS_MAX);
	slots.seen[i] = urcu_bp_reader;
	slots.count += i == slots.count;
	pthread_mutex_unlock(&slots.lock);
	return NULL;
}

START_TEST(slots_of_ended_threads_are_used_again)
{
	static struct team team;
	struct place place;

	place_init(&place);
	for (int i = 0; i < (SLOW_BUILD ? 200 : 1000); i++) {
		team_add(&team, 10, short_thread, &place);
		if (i % 100 == 0)
			replace(&place);
		team_join(&team);
	}
}
END_TEST

START_TEST(thread_that_never_read_may_synchronize)
{
	want(urcu_bp_reader == NULL);
	want(!rcu_read_ongoing());
	synchronize_rcu();
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("readers-" FLAVOR);
	TCase *tc = add_case(suite, "readers", 30);

	tcase_add_test(tc, sections_nest);
	tcase_add_loop_test(tc, outermost_unlock_ends_the_section, 0, 4);
#ifndef TEST_QSBR
	tcase_add_test(tc, real_calls_and_inline_ones_are_the_same);
#endif
	tcase_add_loop_test(tc, long_reader_beside_busy_ones_is_waited_for, 0, 3);
	tcase_add_loop_test(tc, every_one_of_many_callers_gets_its_guarantee, 0, 3);
	tcase_add_test(tc, no_section_hides_behind_stores_held_up);
	if (ONE_PASS)
		tcase_add_test(tc, section_entered_after_the_call_is_not_waited_for);
	tcase_add_test(tc, awaited_reader_may_leave_for_good);
	tcase_add_loop_test(tc, others_are_awaited_when_one_leaves_for_good, 0, 6);
	tcase_add_test(tc, threads_come_and_go_while_others_wait);
	tcase_add_test(tc, section_may_wait_for_threads_that_register);
	tcase_add_test(tc, threads_come_and_go_among_busy_readers);
	tcase_add_test(tc, everybody_in_a_crowd_is_waited_for);
	tcase_add_test(tc, registry_grows_under_a_grace_period);
	tcase_add_test(tc, readers_without_room_are_protected);
#ifdef TEST_BP
	tcase_add_test(tc, slots_of_ended_threads_are_used_again);
	tcase_add_test(tc, thread_that_never_read_may_synchronize);
#endif
	return run_suite(suite);
}
