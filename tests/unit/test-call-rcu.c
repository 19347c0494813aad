/* SPDX-License-Identifier: MIT */
/* Callbacks: when they run, in which order, who waits for them, and what they may do. */
#include "held.h"

/* ---- One callback ---- */

struct watched {
	struct rcu_head head;
	struct held reader;
	sem_t ran;
	unsigned int times;
};

static void watched_init(struct watched *w)
{
	memset(w, 0, sizeof(*w));
	held_init(&w->reader);
	sem_init(&w->ran, 0, 0);
}

static void run_watched(struct rcu_head *head)
{
	struct watched *w = caa_container_of(head, struct watched, head);

	want(get(w->reader.left));
	want(w->times++ == 0);
	sem_post(&w->ran);
}

START_TEST(callback_runs_once_after_the_readers)
{
	unsigned long before = gp_number();
	struct watched w;

	watched_init(&w);
	held_start(&w.reader, held_reader);
	call_rcu(&w.head, run_watched);
	await_gp_since(before);
	for (uint64_t until = now_us() + 20000; now_us() < until; sched_yield())
		want(sem_trywait(&w.ran) != 0);
	held_leave(&w.reader);
	await(&w.ran);
	rcu_barrier();
	want(w.times == 1);
}
END_TEST

START_TEST(own_section_delays_ones_own_callback)
{
	struct watched w;

	watched_init(&w);
	rcu_register_thread();
	rcu_read_lock();
	call_rcu(&w.head, run_watched);
	for (uint64_t until = now_us() + 20000; now_us() < until; sched_yield())
		want(sem_trywait(&w.ran) != 0);
	put(w.reader.left, true);
	rcu_read_unlock();
	rcu_unregister_thread();
	await(&w.ran);
}
END_TEST

/* ---- What happened before; plain accesses, so that ThreadSanitizer sees the order too ---- */

struct letter {
	struct rcu_head head;
	unsigned long question, answer;
};

static void answer(struct rcu_head *head)
{
	struct letter *letter = caa_container_of(head, struct letter, head);

	letter->answer = letter->question + 1;
}

static void *correspond(void *arg)
{
	struct letter *letters = calloc(100, sizeof(*letters));

	(void)arg;
	for (unsigned long round = 0; round < 100; round++) {
		for (unsigned long i = 0; i < 100; i++) {
			letters[i].question = round * i;
			call_rcu(&letters[i].head, answer);
		}
		rcu_barrier();
		for (unsigned long i = 0; i < 100; i++)
			want(letters[i].answer == round * i + 1);
	}
	free(letters);
	return NULL;
}

START_TEST(callback_sees_its_caller_and_barrier_sees_callbacks)
{
	static struct team team;

	team_add(&team, 3, correspond, NULL);
	team_join(&team);
}
END_TEST

/* ---- Order ---- */

#define LINES 4

struct line {
	unsigned long next, last;
	struct call_rcu_data *own;
	int cpu;
	unsigned int count, bursts;
};

struct ordered {
	struct rcu_head head;
	struct line *line;
	unsigned long number;
};

static void run_in_order(struct rcu_head *head)
{
	struct ordered *item = caa_container_of(head, struct ordered, head);

	want(item->line->next == item->number);
	item->line->next++;
	free(item);
}

static void *queue_in_order(void *arg)
{
	struct line *line = arg;

	rcu_register_thread();
	if (line->cpu >= 0)
		pin_to(line->cpu);
	set_thread_call_rcu_data(line->own);
	for (unsigned int burst = 0; burst < line->bursts; burst++) {
		for (unsigned int i = 0; i < line->count; i++) {
			struct ordered *item = malloc(sizeof(*item));

			item->line = line;
			item->number = line->last++;
			call_rcu(&item->head, run_in_order);
		}
		/* Time for the worker to fall asleep; and not too many at once in memory. */
		if (line->bursts > 1)
			usleep(line->count > 1000 ? 80000 : 1000);
	}
	set_thread_call_rcu_data(NULL);
	rcu_unregister_thread();
	return NULL;
}

static void check_order(struct line lines[LINES])
{
	static struct team team;

	for (int i = 0; i < LINES; i++)
		team_add(&team, 1, queue_in_order, &lines[i]);
	team_join(&team);
	rcu_barrier();
	for (int i = 0; i < LINES; i++)
		want(lines[i].next == lines[i].last && lines[i].last);
}

START_TEST(callbacks_of_a_thread_run_in_order_on_the_default_worker)
{
	struct line lines[LINES];

	for (int i = 0; i < LINES; i++)
		lines[i] = (struct line){ .cpu = -1, .count = 20000, .bursts = 1 };
	check_order(lines);
}
END_TEST

START_TEST(callbacks_of_a_thread_run_in_order_through_floods)
{
	struct line lines[LINES];

	for (int i = 0; i < LINES; i++)
		lines[i] = (struct line){ .cpu = -1, .count = 60000, .bursts = 5 };
	check_order(lines);
}
END_TEST

START_TEST(callbacks_of_a_thread_run_in_order_on_its_own_worker)
{
	struct call_rcu_data *own[LINES];
	struct line lines[LINES];

	for (int i = 0; i < LINES; i++) {
		own[i] = i % 2 ? own[i - 1] : create_call_rcu_data(i ? URCU_CALL_RCU_RT : 0, -1);
		lines[i] = (struct line){ .own = own[i], .cpu = -1, .count = 100, .bursts = 100 };
	}
	check_order(lines);
	call_rcu_data_free(own[0]);
	call_rcu_data_free(own[2]);
}
END_TEST

START_TEST(callbacks_of_a_pinned_thread_run_in_order_on_its_cpus_worker)
{
	struct line lines[LINES];

	want(create_all_cpu_call_rcu_data(0) == 0);
	for (int i = 0; i < LINES; i++)
		lines[i] = (struct line){ .cpu = usable_cpu((unsigned int)i), .count = 500,
					  .bursts = 20 };
	check_order(lines);
	free_all_cpu_call_rcu_data();
}
END_TEST

/* ---- A flood ---- */

#define FLOODING 20000

struct flood {
	struct watched w;
	struct tally tally;
	pthread_barrier_t full;
	unsigned int servers, pouring;
	unsigned long plain;	/* written by callbacks, as if there were no other */
};

static struct flood flood;

static void run_in_flood(struct rcu_head *head)
{
	static __thread bool counted;

	if (!counted)
		raise_by(flood.servers, 1);
	counted = true;
	flood.plain++;
	want(get(flood.w.reader.left));
	job_run(head);
}

/* On its own processor. */
static void *pour(void *arg)
{
	(void)arg;
	pin_to(usable_cpu(raise_by(flood.pouring, 1)));
	raise_by(flood.tally.queued, FLOODING);
	for (int i = 0; i < FLOODING; i++) {
		struct job *job = malloc(sizeof(*job));

		job->tally = &flood.tally;
		job->queued = true;
		call_rcu(&job->head, run_in_flood);
	}
	pthread_barrier_wait(&flood.full);
	return NULL;
}

/* While a reader holds the first grace period up, from more than one CPU. */
START_TEST(one_thread_serves_a_flood)
{
	unsigned long before = gp_number();
	static struct team team;
	unsigned int threads;

	watched_init(&flood.w);
	pthread_barrier_init(&flood.full, NULL, LINES + 1);
	held_start(&flood.w.reader, held_reader);
	threads = thread_count();	/* a sanitizer has its own by now */
	call_rcu(&flood.w.head, run_watched);
	await_gp_since(before);
	team_add(&team, LINES, pour, NULL);
	pthread_barrier_wait(&flood.full);
	held_leave(&flood.w.reader);
	rcu_barrier();
	all_ran_once(&flood.tally);
	want(get(flood.servers) == 1 && flood.plain == LINES * FLOODING);
	team_join(&team);
	await_that(thread_count() == threads);	/* a worker instead of the reader */
}
END_TEST

/* ---- Barriers ---- */

START_TEST(barrier_with_nothing_queued_returns)
{
	unsigned int threads = thread_count();

	for (int i = 0; i < 1000; i++)
		rcu_barrier();
	want(thread_count() == threads);
}
END_TEST

static void *queue_and_wait(void *arg)
{
	struct tally tally = { 0, 0 };

	if (arg)
		set_thread_call_rcu_data(create_call_rcu_data(0, -1));
	for (unsigned int round = 0; round < 200; round++) {
		queue_jobs(&tally, round % 7 + 1);
		rcu_barrier();
		all_ran_once(&tally);
	}
	if (arg) {
		struct call_rcu_data *own = get_thread_call_rcu_data();

		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(own);
	}
	return NULL;
}

START_TEST(barriers_of_many_threads_each_wait_for_their_own)
{
	static struct team team;

	team_add(&team, 3, queue_and_wait, NULL);
	team_add(&team, 3, queue_and_wait, &team);
	team_join(&team);
}
END_TEST

START_TEST(barrier_waits_for_all_workers)
{
	struct call_rcu_data *workers[5] = { NULL };
	struct tally tally = { 0, 0 };

	for (int i = 1; i < 5; i++)
		workers[i] = create_call_rcu_data(i % 2 ? URCU_CALL_RCU_RT : 0, -1);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 5; i++) {
			set_thread_call_rcu_data(workers[i]);
			queue_jobs(&tally, 3);
		}
		set_thread_call_rcu_data(NULL);
		rcu_barrier();
		all_ran_once(&tally);
	}
	for (int i = 1; i < 5; i++)
		call_rcu_data_free(workers[i]);
}
END_TEST

static void queue_and_barrier(void *tally)
{
	queue_jobs(tally, 1);
	rcu_barrier();
}

START_TEST(barrier_does_not_linger)
{
	struct tally tally = { 0, 0 };

	check_that_trips_are_quick(queue_and_barrier, &tally, 5000);
}
END_TEST

struct again {
	struct rcu_head head;
	unsigned long times;
	bool stop;
};

static void run_again(struct rcu_head *head)
{
	struct again *again = caa_container_of(head, struct again, head);

	raise_by(again->times, 1);
	if (!get(again->stop))
		call_rcu(head, run_again);
}

START_TEST(barrier_does_not_wait_for_what_callbacks_queue)
{
	struct again again = { .times = 0 };
	unsigned long times;

	call_rcu(&again.head, run_again);
	for (int i = 0; i < 100; i++) {
		times = get(again.times);
		rcu_barrier();
		want(get(again.times) > times);
	}
	put(again.stop, true);
	rcu_barrier();
	times = get(again.times);
	rcu_barrier();
	want(get(again.times) == times);
}
END_TEST

#ifndef TEST_QSBR	/* where it is a quiescent state */
START_TEST(barrier_in_a_section_says_so_and_returns)
{
	int output = capture_stderr();

	rcu_register_thread();
	rcu_read_lock();
	rcu_barrier();
	rcu_read_unlock();
	rcu_unregister_thread();
	want(strstr(captured(output), "urcu_" FLAVOR "_barrier: called in a read-side critical"));
}
END_TEST
#endif

static void call_barrier(void *arg)
{
	(void)arg;
	rcu_barrier();
}

START_TEST(barrier_in_a_callback_says_so_and_returns)
{
	int output = capture_stderr();

	in_callback(call_barrier, NULL);
	want(strstr(captured(output), "urcu_" FLAVOR "_barrier: called in a callback"));
	want(lines_of(captured(output)) == 1);
}
END_TEST

/* ---- What callbacks may do ---- */

static void use_rcu(void *arg)
{
	struct call_rcu_data *worker, *running = get_thread_call_rcu_data();
	struct place place;

	place_init(&place);
	want(running && get_call_rcu_data() == running);
	want(!rcu_read_ongoing());
	visit(&place, 1);
	replace(&place);
	queue_jobs(arg, 10);
	worker = create_call_rcu_data(0, -1);
	want(worker);
	set_thread_call_rcu_data(worker);
	queue_jobs(arg, 10);
	set_thread_call_rcu_data(running);
	call_rcu_data_free(worker);
	want(create_all_cpu_call_rcu_data(0) == 0);
	queue_jobs(arg, 10);
	free_all_cpu_call_rcu_data();
}

START_TEST(callback_may_use_rcu)
{
	struct tally tally = { 0, 0 };

	if (_i)
		set_thread_call_rcu_data(create_call_rcu_data(0, -1));
	for (int i = 0; i < 20; i++)
		in_callback(use_rcu, &tally);
	rcu_barrier();
	rcu_barrier();
	all_ran_once(&tally);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("call-rcu-" FLAVOR);
	TCase *tc = add_case(suite, "call-rcu", 30);

	tcase_add_test(tc, callback_runs_once_after_the_readers);
	tcase_add_test(tc, own_section_delays_ones_own_callback);
	tcase_add_test(tc, callback_sees_its_caller_and_barrier_sees_callbacks);
	tcase_add_test(tc, callbacks_of_a_thread_run_in_order_on_the_default_worker);
	tcase_add_test(tc, callbacks_of_a_thread_run_in_order_through_floods);
	tcase_add_test(tc, callbacks_of_a_thread_run_in_order_on_its_own_worker);
	tcase_add_test(tc, callbacks_of_a_pinned_thread_run_in_order_on_its_cpus_worker);
	tcase_add_test(tc, one_thread_serves_a_flood);
	tcase_add_test(tc, barrier_with_nothing_queued_returns);
	tcase_add_test(tc, barriers_of_many_threads_each_wait_for_their_own);
	tcase_add_test(tc, barrier_waits_for_all_workers);
	tcase_add_test(tc, barrier_does_not_linger);
	tcase_add_test(tc, barrier_does_not_wait_for_what_callbacks_queue);
#ifndef TEST_QSBR
	tcase_add_test(tc, barrier_in_a_section_says_so_and_returns);
#endif
	tcase_add_test(tc, barrier_in_a_callback_says_so_and_returns);
	tcase_add_loop_test(tc, callback_may_use_rcu, 0, 2);
	return run_suite(suite);
}
