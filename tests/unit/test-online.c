/* SPDX-License-Identifier: MIT */
/*
 * What only qsbr has: threads that are online hold up grace periods until they announce a quiescent
 * state or go offline, and whatever waits takes an online caller offline meanwhile.
 */
#include "held.h"

/* This test speaks qsbr itself. */
#undef rcu_register_thread
#define rcu_register_thread	urcu_qsbr_register_thread
#undef rcu_read_ongoing
#define rcu_read_ongoing	urcu_qsbr_read_ongoing

/* ---- A writer who waits for this thread ---- */

/* Known to wait, in the way a leader does after that time. */
static void have_wait(struct held *self, unsigned int us)
{
	held_init(self);
	self->thread = writer_who_waits(self, us);
}

/* ---- What lets a grace period end ---- */

static void synchronize_self(void)
{
	synchronize_rcu();
}

static void queue_and_barrier(void)
{
	struct tally tally = { 0, 0 };

	queue_jobs(&tally, 10);
	rcu_barrier();
	all_ran_once(&tally);
}

static void announce_by_call(void)
{
	rcu_flavor.read_quiescent_state();
}

static void offline_by_call(void)
{
	rcu_flavor.thread_offline();
}

static void online_by_call(void)
{
	rcu_flavor.thread_online();
}

static const struct end {
	void (*end)(void);
	bool online;		/* afterwards */
} ends[] = {
	{ urcu_qsbr_quiescent_state, true }, { urcu_qsbr_thread_offline, false },
	{ urcu_qsbr_thread_online, true }, { urcu_qsbr_unregister_thread, false },
	{ announce_by_call, true }, { offline_by_call, false }, { online_by_call, true },
	{ synchronize_self, true }, { queue_and_barrier, true },
};

#define ENDS	((int)(sizeof(ends) / sizeof(ends[0])))

START_TEST(online_thread_is_waited_for_until_it_announces)
{
	static const unsigned int hold_us[] = { 0, 1000, 20000 };
	const struct end *end = &ends[_i % ENDS];
	struct held self;

	want(!rcu_read_ongoing());
	rcu_register_thread();
	want(rcu_read_ongoing() && rcu_flavor.read_ongoing());
	have_wait(&self, hold_us[_i / ENDS]);
	put(self.left, true);
	end->end();
	pthread_join(self.thread, NULL);
	want(!rcu_read_ongoing() == !end->online);
	want(!rcu_flavor.read_ongoing() == !end->online);
}
END_TEST

static void nothing(struct rcu_head *head)
{
	(void)head;
}

/* A program may hold a pointer across these. */
START_TEST(what_does_not_wait_announces_nothing)
{
	struct urcu_gp_poll_state state;
	struct call_rcu_data *worker;
	static struct rcu_head head;
	struct held self;

	rcu_register_thread();
	have_wait(&self, 1000);
	urcu_qsbr_read_lock();
	urcu_qsbr_read_unlock();
	rcu_flavor.read_lock();
	rcu_flavor.read_unlock();
	call_rcu(&head, nothing);
	state = start_poll_synchronize_rcu();
	worker = create_call_rcu_data(0, -1);
	set_thread_call_rcu_data(worker);
	set_thread_call_rcu_data(NULL);
	get_call_rcu_thread(worker);
	want(!poll_state_synchronize_rcu(state));
	not_returned_for(&self, 20000);
	put(self.left, true);
	urcu_qsbr_quiescent_state();
	pthread_join(self.thread, NULL);
	call_rcu_data_free(worker);
	rcu_barrier();
	await_that(poll_state_synchronize_rcu(state));
	rcu_unregister_thread();
}
END_TEST

START_TEST(deferring_announces_nothing)
{
	struct held self;

	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	have_wait(&self, 1000);
	for (int i = 0; i < 1000; i++)
		defer_rcu(free, NULL);
	not_returned_for(&self, 20000);
	put(self.left, true);
	urcu_qsbr_quiescent_state();
	pthread_join(self.thread, NULL);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}
END_TEST

/* ---- Offline ---- */

struct sleeper {
	sem_t ready, wake;
};

static void *sleep_offline(void *arg)
{
	struct sleeper *sleeper = arg;

	rcu_register_thread();
	urcu_qsbr_thread_offline();
	sem_post(&sleeper->ready);
	await(&sleeper->wake);
	want(!rcu_read_ongoing());
	rcu_unregister_thread();
	return NULL;
}

START_TEST(offline_threads_are_not_waited_for)
{
	static struct sleeper sleeper;
	static struct team team;

	sem_init(&sleeper.ready, 0, 0);
	sem_init(&sleeper.wake, 0, 0);
	team_add(&team, 50, sleep_offline, &sleeper);
	for (int i = 0; i < 50; i++)
		await(&sleeper.ready);
	rcu_register_thread();
	for (int i = 0; i < 1000; i++)
		synchronize_rcu();
	for (int i = 0; i < 50; i++)
		sem_post(&sleeper.wake);
	team_join(&team);
	rcu_unregister_thread();
}
END_TEST

/*
 * As check_that_no_section_hides, with sections from going online to going offline: being online
 * must be seen by others before anything is read.
 */
static void *go_on_and_off(void *arg)
{
	struct hiding *hiding = arg;

	rcu_register_thread();
	urcu_qsbr_thread_offline();
	for (unsigned long n = 0; !get(hiding->over); n++) {
		const struct object *object;

		store_to_lines(hiding, n);
		urcu_qsbr_thread_online();
		object = rcu_dereference(hiding->place.current);
		for (unsigned int i = 0; i < 200; i++)
			want(__atomic_load_n(&object->state, __ATOMIC_RELAXED) == LIVE);
		urcu_qsbr_thread_offline();
	}
	rcu_unregister_thread();
	return NULL;
}

START_TEST(online_again_comes_before_what_is_read_then)
{
	static struct hiding hiding;
	pthread_t reader;

	place_init(&hiding.place);
	reader = start(go_on_and_off, &hiding);
	for (uint64_t until = now_us() + 1000000, n = 0; now_us() < until; n++) {
		store_to_lines(&hiding, n);
		replace(&hiding.place);
	}
	put(hiding.over, true);
	pthread_join(reader, NULL);
}
END_TEST

/* ---- Online callers do not wait for each other ---- */

static struct {
	struct tally tally;
	pthread_barrier_t together;
	unsigned long deferred, ran;
} crowd;

static void count_deferred(void *p)
{
	(void)p;
	raise_by(crowd.ran, 1);
}

static void make_and_free_worker(void)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	set_thread_call_rcu_data(worker);
	queue_jobs(&crowd.tally, 10);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
}

static void make_and_free_cpu_workers(void)
{
	want(create_all_cpu_call_rcu_data(0) == 0);
	queue_jobs(&crowd.tally, 10);
	free_all_cpu_call_rcu_data();
}

static void queue_and_wait(void)
{
	queue_jobs(&crowd.tally, 10);
	rcu_barrier();
}

static void synchronize_in_callback(struct rcu_head *head)
{
	synchronize_rcu();
	free(head);
}

/* Between its hooks a thread may wait for a callback, who may wait for us. */
static void use_hooks(void)
{
	struct rcu_head *head = malloc(sizeof(*head));

	call_rcu(head, synchronize_in_callback);
	queue_jobs(&crowd.tally, 10);
	call_rcu_before_fork();
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
	call_rcu_after_fork_parent();
}

static void defer_and_wait(void)
{
	raise_by(crowd.deferred, 1);
	defer_rcu(count_deferred, NULL);
	rcu_defer_barrier_thread();
}

static void defer_and_wait_for_all(void)
{
	raise_by(crowd.deferred, 1);
	defer_rcu(count_deferred, NULL);
	rcu_defer_barrier();
}

static void fill_queue(void)
{
	raise_by(crowd.deferred, 5000);
	for (int i = 0; i < 5000; i++)
		defer_rcu(count_deferred, (void *)1);
}

static void register_queue_again(void)
{
	raise_by(crowd.deferred, 1);
	defer_rcu(count_deferred, NULL);
	rcu_defer_unregister_thread();
	want(rcu_defer_register_thread() == 0);
}

static void (*const acts[])(void) = {
	synchronize_self, queue_and_wait, make_and_free_worker, make_and_free_cpu_workers,
	use_hooks, defer_and_wait, defer_and_wait_for_all, fill_queue, register_queue_again,
};

#define ACTS	((int)(sizeof(acts) / sizeof(acts[0])))
#define ROUNDS	(SLOW_BUILD ? 20 : 100)

/* Which act: a number, or its complement for a thread that is offline; ACTS: any. */
static void *act_online(void *arg)
{
	unsigned int random = (unsigned int)(uintptr_t)&random | 1;
	int act = *(const int *)arg;
	bool online = act >= 0;

	act = online ? act : ~act;
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	if (!online)
		urcu_qsbr_thread_offline();
	pthread_barrier_wait(&crowd.together);
	for (int round = 0; round < ROUNDS; round++) {
		acts[act < ACTS ? act : (int)pick(&random, ACTS)]();
		want(!rcu_read_ongoing() == !online);
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

START_TEST(online_callers_that_wait_do_not_wait_for_each_other)
{
	const int online = _i, offline = ~_i;
	static struct team team;

	pthread_barrier_init(&crowd.together, NULL, 4);
	team_add(&team, 3, act_online, (void *)&online);
	team_add(&team, 1, act_online, (void *)&offline);
	team_join(&team);
	rcu_barrier();
	want(get(crowd.tally.ran) == get(crowd.tally.queued));
	want(get(crowd.ran) == get(crowd.deferred));
}
END_TEST

static bool between_hooks, about_to_fork;

/*
 * Its grace periods wait for who waits for its fork: many, so that some begin when that one waits,
 * if to free a worker, after the worker has stopped.
 */
static void *synchronize_between_hooks(void *arg)
{
	call_rcu_before_fork();
	put(between_hooks, true);
	await_that(get(about_to_fork));
	await_that(thread_count_is(2));
	for (int i = 0; i < 200000; i++)
		synchronize_rcu();
	call_rcu_after_fork_parent();
	return arg;
}

START_TEST(online_thread_that_waits_for_anothers_fork_is_not_waited_for)
{
	struct call_rcu_data *worker = _i ? create_call_rcu_data(0, -1) : NULL;
	pthread_t other = start(synchronize_between_hooks, NULL);

	rcu_register_thread();
	await_that(get(between_hooks));
	put(about_to_fork, true);
	if (_i) {
		call_rcu_data_free(worker);
	} else {
		call_rcu_before_fork();
		want(rcu_read_ongoing());
		call_rcu_after_fork_parent();
	}
	want(rcu_read_ongoing());
	pthread_join(other, NULL);
	rcu_unregister_thread();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("online-" FLAVOR);
	TCase *tc = add_case(suite, "online", 20);

	if (ONE_ANNOUNCEMENT) {
		tcase_add_loop_test(tc, online_thread_is_waited_for_until_it_announces, 0,
				    3 * ENDS);
		tcase_add_test(tc, what_does_not_wait_announces_nothing);
		tcase_add_test(tc, deferring_announces_nothing);
	}
	tcase_add_test(tc, offline_threads_are_not_waited_for);
	tcase_add_test(tc, online_again_comes_before_what_is_read_then);
	tcase_add_loop_test(tc, online_callers_that_wait_do_not_wait_for_each_other, 0, ACTS + 1);
	tcase_add_loop_test(tc, online_thread_that_waits_for_anothers_fork_is_not_waited_for, 0, 2);
	return run_suite(suite);
}
