/* SPDX-License-Identifier: MIT */
/*
 * Inside the library: what workers, barriers and leaders are asked for, by which bit or wake-up, one
 * at a time. Most of these a busy program would not miss: somebody else wakes who was forgotten.
 */
#include "inside.h"

#include <dlfcn.h>

#include "system/system.h"

static __thread unsigned int yields, joins;

/* In the place of the C library's, for us and for the flavor. */
int sched_yield(void)
{
	yields++;
	return (int)syscall(SYS_sched_yield);
}

static int (*real_join)(pthread_t, void **);

/* A sanitizer's own, which clang links into the program: ours takes its place. */
extern __typeof__(pthread_join) __interceptor_pthread_join __attribute__((weak));

/* Which starts no thread, as get_default_call_rcu_data does. */
static struct call_rcu_data *standard_queue(void)
{
	return &workers->standard;
}

static void *barrier(void *arg)
{
	rcu_barrier();
	put(*(bool *)arg, true);
	return NULL;
}

/* ---- Barriers ---- */

START_TEST(barrier_does_not_wait_for_workers_made_after_its_call)
{
	struct call_rcu_data *first = create_call_rcu_data(0, -1), *second;
	struct plug older, younger;
	bool returned = false;
	pthread_t waiter;

	plug_in(&older, first);
	waiter = start(barrier, &returned);
	/* It knows by now which was the last worker. */
	await_that(get(first->barriers) == 1);
	second = create_call_rcu_data(0, -1);
	plug_in(&younger, second);
	want(!get(returned));
	sem_post(&older.out);
	pthread_join(waiter, NULL);
	sem_post(&younger.out);
	call_rcu_data_free(first);
	call_rcu_data_free(second);
}
END_TEST

/* ---- Workers, asleep and at work ---- */

static void post(struct rcu_head *head)
{
	struct errand *errand = caa_container_of(head, struct errand, head);

	want(!(get(standard_queue()->own.state) & WORKER_URGENT));
	sem_post(&errand->done);
}

/* It is asked to hurry between two callbacks, and forgets it with the next. */
START_TEST(idle_worker_is_woken_by_a_callback_and_need_not_hurry)
{
	struct worker *worker = &standard_queue()->own;
	struct errand errand;

	sem_init(&errand.done, 0, 0);
	for (int i = 0; i < 3; i++) {
		call_rcu(&errand.head, post);
		await(&errand.done);
		await_that(get(worker->state) & WORKER_IDLE);
		want(quiesce_worker_urge(worker) == 0);
		await_that(get(worker->state) & WORKER_IDLE);
	}
}
END_TEST

static void push(struct tally *tally, unsigned int count)
{
	while (count--)
		queue_jobs(tally, 1);
}

/* The test is the worker. */
START_TEST(lingering_worker_is_called_by_a_backlog_alone)
{
	struct worker *worker = &standard_queue()->own;
	struct tally tally = { 0, 0 };

	put(worker->state, WORKER_THREAD | WORKER_LINGER);
	push(&tally, QUIESCE_BACKLOG - 1);
	want(get(worker->state) == (WORKER_THREAD | WORKER_LINGER));
	push(&tally, 1);
	want(get(worker->state) == (WORKER_THREAD | WORKER_URGENT));
	put(worker->state, 0);
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

#define LIMIT 100

START_TEST(lingering_worker_is_called_by_half_of_a_limit)
{
	struct worker *worker = &standard_queue()->own;
	struct tally tally = { 0, 0 };

	urcu_set_backlog_limit(0, LIMIT);
	put(worker->state, WORKER_THREAD | WORKER_LINGER);
	push(&tally, LIMIT / 2);
	want(get(worker->state) == (WORKER_THREAD | WORKER_LINGER));
	push(&tally, 1);
	want(get(worker->state) == (WORKER_THREAD | WORKER_URGENT));
	put(worker->state, 0);
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

static void *push_one(void *arg)
{
	push(arg, 1);
	return NULL;
}

/* The test takes what there is and does not run it yet. If nobody woke the producer, he would go beyond the limit. */
START_TEST(producer_who_waits_is_called_when_half_is_left)
{
	struct call_rcu_data *queue = standard_queue();
	struct tally tally = { 0, 0 };
	pthread_t producer;
	int32_t turn;

	urcu_set_backlog_limit(0, LIMIT);
	put(queue->own.state, WORKER_THREAD);
	push(&tally, LIMIT);
	producer = start(push_one, &tally);
	await_that(get(workers->backlog.sleepers) == 1);
	turn = get(workers->backlog.turn);
	put(queue->seen, queue->pushed);
	queue->carried = LIMIT / 2 + 1;
	quiesce_queue_tell(queue, false);
	want(get(workers->backlog.turn) == turn);
	queue->carried = LIMIT / 2;
	quiesce_queue_tell(queue, false);
	want(get(workers->backlog.turn) != turn);
	pthread_join(producer, NULL);
	want(get(workers->backlog.overruns) == 0);
	put(queue->own.state, 0);
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

/* If it did, it would do so for long. Nobody wakes it: it looks now and then. */
START_TEST(rt_worker_does_not_linger)
{
	struct call_rcu_data *queue = create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	struct worker *worker = &queue->own;
	struct tally tally = { 0, 0 };

	set_thread_call_rcu_data(queue);
	for (unsigned long i = 1; i <= 3; i++) {
		await_that(get(worker->state) & WORKER_LINGER);
		put(worker->round_ended, quiesce_now() + 1000 * QUIESCE_NS_PER_S);
		queue_jobs(&tally, 1);
		await_that(get(tally.ran) == i);
	}
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(queue);
}
END_TEST

static void stop(struct worker *worker)
{
	quiesce_worker_ask_to_stop(worker, 0);
	want(quiesce_worker_await_stop(worker, NULL));
}

/* The test is the worker, however it sleeps. */
START_TEST(rt_worker_is_called_by_no_producer)
{
	const int32_t asleep = WORKER_THREAD | (_i ? WORKER_IDLE : WORKER_LINGER);
	struct call_rcu_data *queue = create_call_rcu_data(URCU_CALL_RCU_RT, -1);
	struct worker *worker = &queue->own;
	struct tally tally = { 0, 0 };

	stop(worker);
	put(worker->state, asleep);
	set_thread_call_rcu_data(queue);
	push(&tally, 2 * QUIESCE_BACKLOG);
	set_thread_call_rcu_data(NULL);
	want(get(worker->state) == asleep);
	put(worker->state, 0);
	rcu_barrier();
	all_ran_once(&tally);
	call_rcu_data_free(queue);
}
END_TEST

/* Whatever its worker does meanwhile, who does not come to run. */
START_TEST(producer_of_a_flood_does_not_give_way)
{
	struct worker *worker = &standard_queue()->own;
	unsigned int before = yields;
	struct tally tally = { 0, 0 };

	put(worker->state, WORKER_THREAD);
	push(&tally, 100 * QUIESCE_BACKLOG);
	want(yields == before);
	put(worker->state, 0);
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

struct waiting {
	struct rcu_head head;
	pthread_t thread;
	bool returned;
};

static void *synchronize(void *arg)
{
	struct waiting *waiting = arg;

	synchronize_rcu();
	put(waiting->returned, true);
	return NULL;
}

static struct waiting waiting;

static void begin_grace_period(struct rcu_head *head)
{
	unsigned long before = gp_number();

	(void)head;
	waiting.thread = start(synchronize, &waiting);
	await_gp_since(before);
}

static void await_grace_period(struct rcu_head *head)
{
	(void)head;
	await_that(get(waiting.returned));
}

/* A reader sees to it that the grace period has somebody to wait for in every flavor. */
static void *stay_registered(void *arg)
{
	struct plug *plug = arg;

	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	rcu_thread_offline();
	sem_post(&plug->in);
	await(&plug->out);
	rcu_unregister_thread();
	return NULL;
}

START_TEST(grace_period_is_over_between_two_callbacks_of_a_batch)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	struct rcu_head begin, end;
	struct plug reader, plug;
	pthread_t other;

	sem_init(&reader.in, 0, 0);
	sem_init(&reader.out, 0, 0);
	other = start(stay_registered, &reader);
	await(&reader.in);
	plug_in(&plug, queue);
	set_thread_call_rcu_data(queue);
	call_rcu(&begin, begin_grace_period);
	call_rcu(&end, await_grace_period);
	set_thread_call_rcu_data(NULL);
	sem_post(&plug.out);
	rcu_barrier();
	pthread_join(waiting.thread, NULL);
	sem_post(&reader.out);
	pthread_join(other, NULL);
	call_rcu_data_free(queue);
}
END_TEST

/* ---- Workers that end ---- */

static void stay_until_stopped(struct rcu_head *head)
{
	sem_post(&caa_container_of(head, struct plug, head)->in);
	await_that(get(quiesce_worker_current(workers)->state) & WORKER_STOP);
}

static void run_elsewhere(struct rcu_head *head)
{
	want(!(get(quiesce_worker_current(workers)->state) & WORKER_STOP));
	sem_post(&caa_container_of(head, struct plug, head)->in);
}

/* It stops in the middle of a batch, with more that is not taken yet. */
START_TEST(rest_of_a_freed_workers_batch_runs_elsewhere_and_its_queue_is_freed_after_all)
{
	for (int i = 0; i < 20; i++) {
		struct call_rcu_data *queue = create_call_rcu_data(URCU_CALL_RCU_RT, -1);
		struct tally tally = { 0, 0 };
		struct plug first, stay, rest;

		sem_init(&stay.in, 0, 0);
		sem_init(&rest.in, 0, 0);
		plug_in(&first, queue);
		set_thread_call_rcu_data(queue);
		call_rcu(&stay.head, stay_until_stopped);
		call_rcu(&rest.head, run_elsewhere);
		sem_post(&first.out);
		await(&stay.in);
		queue_jobs(&tally, 50);
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(queue);
		rcu_barrier();
		want(sem_trywait(&rest.in) == 0);
		all_ran_once(&tally);
		await_that(!first_made());
	}
}
END_TEST

int pthread_join(pthread_t thread, void **result)
{
	joins++;
	return real_join(thread, result);
}

START_TEST(thread_that_was_stopped_is_joined)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	unsigned int before = joins;

	for (unsigned int i = 1; i <= 3; i++) {
		want(quiesce_worker_start(&queue->own) == 0);
		want(quiesce_worker_start(&queue->own) == 0);
		stop(&queue->own);
		want(joins == before + i);
		stop(&queue->own);
		want(joins == before + i && !(get(queue->own.state) & WORKER_LEFT));
	}
	call_rcu_data_free(queue);
	want(joins == before + 3);
}
END_TEST

/* As after an exit whose limit passed: nobody waited for the thread, which left all the same. */
START_TEST(thread_that_left_unawaited_has_a_successor)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	struct worker *worker = &queue->own;
	struct tally tally = { 0, 0 };
	unsigned int before = joins;

	for (int i = 0; i < 3; i++) {
		quiesce_worker_ask_to_stop(worker, 0);
		await_that(get(worker->state) & WORKER_LEFT);
		set_thread_call_rcu_data(queue);
		queue_jobs(&tally, 1);
		set_thread_call_rcu_data(NULL);
		want((get(worker->state) & (WORKER_THREAD | WORKER_LEFT)) == WORKER_THREAD);
		rcu_barrier();
		all_ran_once(&tally);
	}
	want(joins == before);
	call_rcu_data_free(queue);
	want(joins == before + 1);
}
END_TEST

#ifndef TEST_BP		/* whose leaders wake by themselves */
/* ---- A leader that sleeps until somebody wakes it ---- */

static pid_t leader;

static void *lead(void *arg)
{
	put(leader, gettid());
	synchronize_rcu();
	return arg;
}

/* The last is a misuse in the flavors with sections. */
static void (*const ways_out[])(void) = {
#ifdef TEST_QSBR
	rcu_quiescent_state, rcu_thread_offline, rcu_thread_online,
#else
	rcu_read_unlock,
#endif
	rcu_unregister_thread,
};

#define WAYS_OUT ((int)(sizeof(ways_out) / sizeof(ways_out[0])))

START_TEST(every_way_out_of_a_section_wakes_the_leader)
{
	pthread_t thread;

	capture_stderr();
	rcu_register_thread();
	rcu_thread_online();
	rcu_read_lock();
	thread = start(lead, NULL);
	await_that(get(rcu_gp.futex) == -1 && sleeps(get(leader)) && get(rcu_gp.futex) == -1);
	ways_out[_i]();
	pthread_join(thread, NULL);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("asked-" FLAVOR);
	TCase *tc = add_case(suite, "asked", 20);

	real_join = __interceptor_pthread_join;
	if (!real_join)
		*(void **)&real_join = dlsym(RTLD_NEXT, "pthread_join");
	tcase_add_test(tc, barrier_does_not_wait_for_workers_made_after_its_call);
	tcase_add_test(tc, idle_worker_is_woken_by_a_callback_and_need_not_hurry);
	tcase_add_test(tc, lingering_worker_is_called_by_a_backlog_alone);
	tcase_add_test(tc, lingering_worker_is_called_by_half_of_a_limit);
	tcase_add_test(tc, producer_who_waits_is_called_when_half_is_left);
	tcase_add_test(tc, rt_worker_does_not_linger);
	tcase_add_loop_test(tc, rt_worker_is_called_by_no_producer, 0, 2);
	tcase_add_test(tc, producer_of_a_flood_does_not_give_way);
	if (ONE_ANNOUNCEMENT)
		tcase_add_test(tc, grace_period_is_over_between_two_callbacks_of_a_batch);
	tcase_add_test(tc,
		rest_of_a_freed_workers_batch_runs_elsewhere_and_its_queue_is_freed_after_all);
#ifndef TEST_BP
	if (ONE_ANNOUNCEMENT)
		tcase_add_loop_test(tc, every_way_out_of_a_section_wakes_the_leader, 0, WAYS_OUT);
#endif
	tcase_add_test(tc, thread_that_was_stopped_is_joined);
	tcase_add_test(tc, thread_that_left_unawaited_has_a_successor);
	return run_suite(suite);
}
