/* SPDX-License-Identifier: MIT */
/* defer_rcu: what a queue holds runs after a grace period that began later, whoever runs it. */
#include "harness.h"

struct held {
	sem_t in, leave;
	bool left;
	unsigned long ran, queued;
	pthread_t thread;
};

static struct held held;

static void *hold_section(void *arg)
{
	(void)arg;
	rcu_register_thread();
	rcu_read_lock();
	sem_post(&held.in);
	await(&held.leave);
	put(held.left, true);
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

static void hold(void)
{
	sem_init(&held.in, 0, 0);
	sem_init(&held.leave, 0, 0);
	held.thread = start(hold_section, NULL);
	await(&held.in);
}

static void let_go(void)
{
	sem_post(&held.leave);
	pthread_join(held.thread, NULL);
}

static void run_after_held(void *p)
{
	want(get(held.left));
	want((uintptr_t)p == held.ran);
	raise_by(held.ran, 1);
}

static void defer_some(unsigned long count)
{
	for (; count; count--) {
		unsigned long number = held.queued;

		put(held.queued, number + 1);
		defer_rcu(run_after_held, (void *)number);
	}
}

static void not_run_for(unsigned int us)
{
	for (uint64_t until = now_us() + us; now_us() < until; sched_yield())
		want(get(held.ran) == 0);
}

START_TEST(what_is_left_in_a_queue_runs_after_a_grace_period)
{
	unsigned long before = gp_number();

	want(rcu_defer_register_thread() == 0);
	hold();
	defer_some(10);
	await_gp_since(before);
	not_run_for(10000);
	let_go();
	await_that(get(held.ran) == 10);
	defer_some(1);
	await_that(get(held.ran) == 11);
	rcu_defer_unregister_thread();
	want(get(held.ran) == 11);
}
END_TEST

static bool section_over;

static void run_after_section(void *p)
{
	want(get(section_over));
	put(*(bool *)p, true);
}

START_TEST(what_is_deferred_during_a_grace_period_waits_for_the_next)
{
	unsigned long before = gp_number(), during;
	bool ran = false;

	want(rcu_defer_register_thread() == 0);
	hold();
	defer_some(1);
	await_gp_since(before);
	rcu_register_thread();
	rcu_read_lock();
	defer_rcu(run_after_section, &ran);
	during = gp_number();
	let_go();
	await_gp_since(during);
	put(section_over, true);
	rcu_read_unlock();
	rcu_unregister_thread();
	await_that(get(ran));
	want(get(held.ran) == 1);
	rcu_defer_unregister_thread();
}
END_TEST

static struct busy {
	sem_t in, leave, end;
	pthread_t owner;
} busy;

/* In qsbr a deferred call is online. */
static void keep_busy(void *arg)
{
	(void)arg;
	rcu_thread_offline();
	sem_post(&busy.in);
	await(&busy.leave);
	rcu_thread_online();
}

/* The oldest queue, which barriers come to last. */
static void *own_what_keeps_busy(void *arg)
{
	want(rcu_defer_register_thread() == 0);
	defer_rcu(keep_busy, NULL);
	await(&busy.end);
	rcu_defer_unregister_thread();
	return arg;
}

/* So that there are no grace periods but the test's own. */
static void hold_worker(void)
{
	sem_init(&busy.in, 0, 0);
	sem_init(&busy.leave, 0, 0);
	sem_init(&busy.end, 0, 0);
	busy.owner = start(own_what_keeps_busy, NULL);
	await(&busy.in);
}

static void *call_barrier(void *caller)
{
	put(*(pid_t *)caller, gettid());
	rcu_defer_barrier();
	return NULL;
}

/* Another barrier, which finds more, has not made it its own. */
START_TEST(a_barrier_runs_what_was_there_before_its_grace_period)
{
	pid_t callers[2] = { 0, 0 };
	unsigned long before;
	pthread_t first, second;
	bool ran = false;

	hold_worker();
	want(rcu_defer_register_thread() == 0);
	hold();
	before = gp_number();
	defer_some(1);
	first = start(call_barrier, &callers[0]);
	await_gp_since(before);
	rcu_register_thread();
	rcu_read_lock();
	defer_rcu(run_after_section, &ran);
	second = start(call_barrier, &callers[1]);
	await_that(get(callers[1]) && sleeps(callers[1]));
	let_go();
	await_that(get(held.ran) == 1);
	put(section_over, true);
	rcu_read_unlock();
	rcu_unregister_thread();
	sem_post(&busy.leave);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	want(get(ran));
	rcu_defer_unregister_thread();
	sem_post(&busy.end);
	pthread_join(busy.owner, NULL);
}
END_TEST

/* Leaves later than a finish that does not wait would run what it must not. */
static void *leave_later(void *arg)
{
	await_gp_since(*(unsigned long *)arg);
	not_run_for(5000);
	let_go();
	return NULL;
}

static void barrier_of_thread(void)
{
	rcu_defer_barrier_thread();
}

static void barrier_of_all(void)
{
	rcu_defer_barrier();
}

static void unregister(void)
{
	rcu_defer_unregister_thread();
}

START_TEST(barriers_and_unregistering_wait_and_run_all)
{
	void (*const finish[])(void) = { barrier_of_thread, barrier_of_all, unregister };
	unsigned long before = gp_number();
	pthread_t other;

	rcu_register_thread();
	rcu_thread_online();
	want(rcu_defer_register_thread() == 0);
	hold();
	other = start(leave_later, &before);
	defer_some(1000);
	finish[_i]();
	want(get(held.ran) == 1000);
	pthread_join(other, NULL);
	if (finish[_i] != unregister)
		rcu_defer_unregister_thread();
	rcu_unregister_thread();
}
END_TEST

struct owner {
	pid_t id;
	void (*finish)(void);
	sem_t in, leave;
	bool left;
};

static void stay(void *arg)
{
	struct owner *owner = arg;

	rcu_thread_offline();
	sem_post(&owner->in);
	await(&owner->leave);
	rcu_thread_online();
	put(owner->left, true);
}

static void *finish_what_runs(void *arg)
{
	struct owner *owner = arg;

	want(rcu_defer_register_thread() == 0);
	defer_rcu(stay, owner);
	await(&owner->in);
	put(owner->id, gettid());
	owner->finish();
	want(get(owner->left));
	if (owner->finish != unregister)
		rcu_defer_unregister_thread();
	return NULL;
}

/* Nothing is in the queue any more, but the worker is in the middle of its last call. */
START_TEST(they_wait_for_the_call_that_runs)
{
	void (*const finish[])(void) = { barrier_of_thread, barrier_of_all, unregister };
	struct owner owner = { .finish = finish[_i] };
	pthread_t thread;

	sem_init(&owner.in, 0, 0);
	sem_init(&owner.leave, 0, 0);
	thread = start(finish_what_runs, &owner);
	await_that(get(owner.id) && sleeps(owner.id));
	sem_post(&owner.leave);
	pthread_join(thread, NULL);
}
END_TEST

static void *defer_many(void *arg)
{
	unsigned long count = *(unsigned long *)arg;

	want(rcu_defer_register_thread() == 0);
	defer_some(count);
	rcu_defer_unregister_thread();
	return NULL;
}

/* A queue has room for some thousand calls; more have to wait for the reader. */
START_TEST(full_queue_waits_for_readers_and_goes_on)
{
	unsigned long before = gp_number(), count = 20000;
	pthread_t producer;

	hold();
	producer = start(defer_many, &count);
	await_gp_since(before);
	await_that(get(held.queued) >= 1000);
	not_run_for(20000);
	want(get(held.queued) < count);
	let_go();
	pthread_join(producer, NULL);
	want(get(held.ran) == count);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("defer-waits-" FLAVOR);
	TCase *tc = add_case(suite, "defer-waits", 30);

	tcase_add_test(tc, what_is_left_in_a_queue_runs_after_a_grace_period);
	tcase_add_test(tc, what_is_deferred_during_a_grace_period_waits_for_the_next);
	if (ONE_PASS)
		tcase_add_test(tc, a_barrier_runs_what_was_there_before_its_grace_period);
	tcase_add_loop_test(tc, barriers_and_unregistering_wait_and_run_all, 0, 3);
	tcase_add_loop_test(tc, they_wait_for_the_call_that_runs, 0, 3);
	tcase_add_test(tc, full_queue_waits_for_readers_and_goes_on);
	return run_suite(suite);
}
