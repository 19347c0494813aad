/* SPDX-License-Identifier: MIT */
/* How much waits (urcu_get_backlog), and a limit for it: who waits for it, who does not, and never for long. */
#include "held.h"

#include <sys/wait.h>

#define LONG	100000

static struct urcu_backlog backlog(void)
{
	struct urcu_backlog seen;

	memset(&seen, 0xff, sizeof(seen));
	urcu_get_backlog(&seen);
	want(seen.bytes == 0);
	for (size_t i = 0; i < sizeof(seen.reserved) / sizeof(seen.reserved[0]); i++)
		want(seen.reserved[i] == 0);
	return seen;
}

static void nothing_waits(void)
{
	want(urcu_drain(LONG) == 0);
	want(backlog().callbacks == 0);
}

/* ---- How much ---- */

static void look(void *arg)
{
	*(struct urcu_backlog *)arg = backlog();
}

static struct call_rcu_data *queue_on_made(struct tally *tally, unsigned int count)
{
	struct call_rcu_data *made = create_call_rcu_data(0, -1);

	set_thread_call_rcu_data(made);
	queue_jobs(tally, count);
	set_thread_call_rcu_data(NULL);
	return made;
}

START_TEST(what_waits_is_counted)
{
	unsigned long before = gp_number();
	struct tally tally = { 0, 0 };
	struct call_rcu_data *made;
	struct urcu_backlog seen;
	struct held reader;

	want(backlog().callbacks == 0);
	held_enter(&reader);
	queue_jobs(&tally, 1);
	await_gp_since(before);
	want(backlog().callbacks == 1);
	queue_jobs(&tally, 2999);
	want(backlog().callbacks == 3000);
	made = queue_on_made(&tally, 10);
	want(backlog().callbacks == 3010);
	call_rcu_before_fork();
	want(backlog().callbacks == 3010);
	call_rcu_after_fork_parent();
	rcu_register_thread();
	rcu_read_lock();
	want(backlog().callbacks == 3010);
	rcu_read_unlock();
	rcu_unregister_thread();
	held_leave(&reader);
	nothing_waits();
	all_ran_once(&tally);
	in_callback(look, &seen);
	want(seen.callbacks <= 1 && seen.waits == 0 && seen.overruns == 0);
	call_rcu_data_free(made);
	nothing_waits();
}
END_TEST

struct pair {
	struct tally tally;
	pthread_barrier_t begin;
};

static void *queue_many(void *arg)
{
	struct pair *pair = arg;

	pthread_barrier_wait(&pair->begin);
	queue_jobs(&pair->tally, 20000);
	return NULL;
}

/* Increments that miss each other are few, and forgotten as the worker comes by. */
START_TEST(what_two_queue_is_counted_about)
{
	struct pair pair = { .tally = { 0, 0 } };
	static struct team team;
	struct held reader;
	unsigned long seen;

	pthread_barrier_init(&pair.begin, NULL, 2);
	held_enter(&reader);
	team_add(&team, 2, queue_many, &pair);
	team_join(&team);
	seen = backlog().callbacks;
	if (seen > 40100 || seen < 20000)
		ck_abort_msg("%lu of 40000", seen);
	held_leave(&reader);
	nothing_waits();
	all_ran_once(&pair.tally);
}
END_TEST

/* ---- The limit bounds what waits ---- */

#define LIMIT		500
#define PRODUCERS	3

struct flood {
	struct tally tally;
	unsigned long most;
	bool over;
};

static void *stay_a_while(void *arg)
{
	struct flood *flood = arg;

	rcu_register_thread();
	while (!get(flood->over)) {
		rcu_read_lock();
		for (uint64_t until = now_us() + 2000; now_us() < until; sched_yield())
			continue;
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

static void *queue_a_flood(void *arg)
{
	struct flood *flood = arg;
	unsigned long queued, ran;

	for (int i = 0; i < 20 * LIMIT; i++) {
		queue_jobs(&flood->tally, 1);
		queued = get(flood->tally.queued);
		ran = get(flood->tally.ran);
		/* ran is the younger, and may be ahead. */
		if (queued > ran && queued - ran > get(flood->most))
			put(flood->most, queued - ran);
	}
	return NULL;
}

/* By one of each producer. Here those that have not called yet are counted, and those that run until they have. */
START_TEST(limit_bounds_what_waits)
{
	static struct team reader, producers;
	static struct flood flood;
	unsigned long allowed;

	urcu_set_backlog_limit(0, LIMIT);
	if (_i)
		set_thread_call_rcu_data(create_call_rcu_data(0, -1));
	team_add(&reader, 1, stay_a_while, &flood);
	team_add(&producers, PRODUCERS, queue_a_flood, &flood);
	team_join(&producers);
	put(flood.over, true);
	team_join(&reader);
	allowed = LIMIT + 3 * PRODUCERS + backlog().overruns;
	if (flood.most > allowed)
		ck_abort_msg("%lu waited", flood.most);
	want(backlog().waits > 0);
	nothing_waits();
	all_ran_once(&flood.tally);
}
END_TEST

/* ---- Where nobody waits ---- */

static void queue_beyond_without_a_wait(void *arg)
{
	struct urcu_backlog before = backlog(), after;

	queue_jobs(arg, 100);
	after = backlog();
	want(after.waits == before.waits);
	want(after.overruns >= before.overruns + 80);
}

static void nobody_waits(struct tally *tally)
{
	want(backlog().waits == 0);
	nothing_waits();
	all_ran_once(tally);
}

START_TEST(producer_in_a_section_does_not_wait)
{
	struct tally tally = { 0, 0 };

	urcu_set_backlog_limit(0, 10);
	queue_jobs(&tally, 1);
	rcu_register_thread();
	rcu_read_lock();
	queue_beyond_without_a_wait(&tally);
	rcu_read_unlock();
	rcu_unregister_thread();
	nobody_waits(&tally);
}
END_TEST

START_TEST(callback_does_not_wait)
{
	struct tally tally = { 0, 0 };

	urcu_set_backlog_limit(0, 10);
	in_callback(queue_beyond_without_a_wait, &tally);
	nobody_waits(&tally);
}
END_TEST

static void queue_beside_a_reader(void *arg)
{
	struct held reader;

	held_enter(&reader);
	queue_beyond_without_a_wait(arg);
	held_leave(&reader);
}

START_TEST(deferred_call_does_not_wait)
{
	struct tally tally = { 0, 0 };

	urcu_set_backlog_limit(0, 10);
	queue_jobs(&tally, 1);
	rcu_register_thread();
	want(rcu_defer_register_thread() == 0);
	defer_rcu(queue_beside_a_reader, &tally);
	if (_i)
		rcu_defer_barrier();
	else
		want(urcu_drain(LONG) == 0);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	nobody_waits(&tally);
}
END_TEST

struct forking {
	struct tally tally;
	pthread_barrier_t step;
};

static void *fork_slowly(void *arg)
{
	struct forking *forking = arg;

	call_rcu_before_fork();
	pthread_barrier_wait(&forking->step);
	pthread_barrier_wait(&forking->step);
	call_rcu_after_fork_parent();
	return NULL;
}

/* The thread itself is, or another. */
START_TEST(nobody_waits_between_the_hooks)
{
	struct forking forking = { .tally = { 0, 0 } };
	pthread_t thread;

	pthread_barrier_init(&forking.step, NULL, 2);
	urcu_set_backlog_limit(0, 10);
	queue_jobs(&forking.tally, 1);
	if (_i == 0) {
		call_rcu_before_fork();
	} else {
		thread = start(fork_slowly, &forking);
		pthread_barrier_wait(&forking.step);
	}
	for (int i = 0; i < 100; i++)
		queue_jobs(&forking.tally, 1);
	if (_i == 0) {
		want(backlog().overruns >= 80);
		call_rcu_after_fork_parent();
	} else {
		pthread_barrier_wait(&forking.step);
		pthread_join(thread, NULL);
		want(backlog().overruns >= 80);
	}
	nobody_waits(&forking.tally);
}
END_TEST

START_TEST(real_time_worker_makes_nobody_wait)
{
	struct call_rcu_data *made = create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	struct tally tally = { 0, 0 };
	struct held reader;

	urcu_set_backlog_limit(0, 10);
	held_enter(&reader);
	set_thread_call_rcu_data(made);
	queue_beyond_without_a_wait(&tally);
	held_leave(&reader);
	nobody_waits(&tally);
}
END_TEST

START_TEST(without_threads_nobody_waits)
{
	struct tally tally = { 0, 0 };

	capture_stderr();
	allow_threads(false);
	urcu_set_backlog_limit(0, 10);
	queue_beyond_without_a_wait(&tally);
	want(backlog().waits == 0);
	rcu_barrier();
	all_ran_once(&tally);
	want(backlog().callbacks == 0);
}
END_TEST

#ifdef TEST_QSBR
/* What it holds stays protected: it does not go offline. */
START_TEST(online_thread_does_not_wait)
{
	struct tally tally = { 0, 0 };

	urcu_set_backlog_limit(0, 10);
	queue_jobs(&tally, 1);
	urcu_qsbr_register_thread();
	queue_beyond_without_a_wait(&tally);
	urcu_qsbr_unregister_thread();
	nobody_waits(&tally);
}
END_TEST
#endif

/* ---- Who waits in vain ---- */

struct locking {
	struct rcu_head head;
	pthread_mutex_t *lock;
	unsigned int *ran;
};

static void lock_and_count(struct rcu_head *head)
{
	struct locking *l = caa_container_of(head, struct locking, head);

	pthread_mutex_lock(l->lock);
	++*l->ran;
	pthread_mutex_unlock(l->lock);
}

/* Whoever waits for the first time may still see callbacks be taken. */
START_TEST(producer_may_hold_what_a_callback_wants)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct locking l[200];
	unsigned int ran = 0;

	urcu_set_backlog_limit(0, 20);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 200; i++) {
		l[i].lock = &lock;
		l[i].ran = &ran;
		call_rcu(&l[i].head, lock_and_count);
	}
	want(ran == 0);
	want(backlog().waits >= 1 && backlog().waits <= 2);
	want(backlog().overruns >= 170);
	pthread_mutex_unlock(&lock);
	nothing_waits();
	want(ran == 200);
}
END_TEST

static void *queue_100(void *arg)
{
	queue_jobs(arg, 100);
	return NULL;
}

/* On one queue, or on two, of which neither alone comes to the limit. */
START_TEST(producer_waits_again_once_a_batch_has_run)
{
	struct tally tally = { 0, 0 };
	struct held reader;
	unsigned long waits;

	if (_i)
		queue_on_made(&tally, 0);
	urcu_set_backlog_limit(0, 90);
	held_enter(&reader);
	if (_i)
		set_thread_call_rcu_data(create_call_rcu_data(0, -1));
	queue_jobs(&tally, 60);
	set_thread_call_rcu_data(NULL);
	want(backlog().waits == 0);
	pthread_join(start(queue_100, &tally), NULL);
	waits = backlog().waits;
	want(waits >= 1 && waits <= 2);
	want(get(tally.ran) == 0);
	held_leave(&reader);
	nothing_waits();
	held_enter(&reader);
	pthread_join(start(queue_100, &tally), NULL);
	want(backlog().waits > waits);
	held_leave(&reader);
	nothing_waits();
	all_ran_once(&tally);
}
END_TEST

/* ---- The handler ---- */

static unsigned long told, told_callbacks;
static pthread_t told_in;

static void hear(const struct urcu_backlog *seen, void *arg)
{
	want(arg == &told);
	told++;
	told_callbacks = seen->callbacks;
	told_in = pthread_self();
}

START_TEST(handler_hears_once_in_who_passed_the_limit)
{
	struct tally tally = { 0, 0 };

	urcu_set_backlog_handler(hear, &told);
	urcu_set_backlog_limit(0, 10);
	for (unsigned long i = 1; i <= 3; i++) {
		rcu_register_thread();
		rcu_read_lock();
		queue_jobs(&tally, 50);
		rcu_read_unlock();
		rcu_unregister_thread();
		want(told == i && told_callbacks >= 10 && told_callbacks <= 11);
		want(pthread_equal(told_in, pthread_self()));
		nothing_waits();
	}
	urcu_set_backlog_handler(NULL, NULL);
	call_rcu_before_fork();
	queue_jobs(&tally, 50);
	call_rcu_after_fork_parent();
	want(told == 3);
	urcu_set_backlog_limit(0, 0);
	nobody_waits(&tally);
}
END_TEST

/* ---- After a fork ---- */

static int in_child(struct tally *tally)
{
	unsigned long waits;

	if (backlog().callbacks != 101 || told != 1)
		return 1;
	/* It runs what it has inherited, within its parent's limit. */
	nothing_waits();
	if (tally->ran != 101)
		return 2;
	waits = backlog().waits;
	for (int i = 0; i < 100000 && backlog().waits == waits; i++)
		queue_jobs(tally, 1);
	nothing_waits();
	return backlog().waits > waits && told > 1 ? 0 : 3;
}

START_TEST(child_keeps_limit_and_handler)
{
	unsigned long before = gp_number();
	struct tally tally = { 0, 0 };
	struct held reader;
	int status;
	pid_t child;

	held_enter(&reader);
	queue_jobs(&tally, 1);
	await_gp_since(before);
	urcu_set_backlog_handler(hear, &told);
	urcu_set_backlog_limit(0, 60);
	call_rcu_before_fork();
	queue_jobs(&tally, 100);
	child = fork();
	if (child == 0) {
		call_rcu_after_fork_child();
		_exit(in_child(&tally));
	}
	call_rcu_after_fork_parent();
	want(waitpid(child, &status, 0) == child && status == 0);
	held_leave(&reader);
	nobody_waits(&tally);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backlog");
	TCase *tcase = add_case(suite, "backlog", 60);

	tcase_add_test(tcase, what_waits_is_counted);
	tcase_add_test(tcase, what_two_queue_is_counted_about);

	tcase = add_case(suite, "limit", 60);
	tcase_add_loop_test(tcase, limit_bounds_what_waits, 0, 2);
	tcase_add_test(tcase, producer_may_hold_what_a_callback_wants);
	tcase_add_loop_test(tcase, producer_waits_again_once_a_batch_has_run, 0, 2);
	tcase_add_test(tcase, handler_hears_once_in_who_passed_the_limit);
	tcase_add_test(tcase, child_keeps_limit_and_handler);

	tcase = add_case(suite, "nobody", 60);
	tcase_add_test(tcase, producer_in_a_section_does_not_wait);
	tcase_add_test(tcase, callback_does_not_wait);
	tcase_add_loop_test(tcase, deferred_call_does_not_wait, 0, 2);
	tcase_add_loop_test(tcase, nobody_waits_between_the_hooks, 0, 2);
	tcase_add_test(tcase, real_time_worker_makes_nobody_wait);
	tcase_add_test(tcase, without_threads_nobody_waits);
#ifdef TEST_QSBR
	tcase_add_test(tcase, online_thread_does_not_wait);
#endif
	return run_suite(suite);
}
