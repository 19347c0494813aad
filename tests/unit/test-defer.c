/* SPDX-License-Identifier: MIT */
/* defer_rcu: what a queue holds runs once, in order, whoever runs it. */
#include "harness.h"

/* ---- What ran, in order ---- */

#define CALLS	120000

struct call {
	void (*fct)(void *p);
	void *p;
};

static struct call seen[CALLS];
static unsigned long calls_seen;

static void note(void (*fct)(void *p), void *p)
{
	unsigned long n = get(calls_seen);

	want(n < CALLS);
	seen[n] = (struct call){ fct, p };
	put(calls_seen, n + 1);
}

static void one(void *p)
{
	note(one, p);
}

static void two(void *p)
{
	note(two, p);
}

/* The queue marks functions by their lowest bit, which a function may have. */
#ifdef __x86_64__
void at_odd_address(void *p);
__attribute__((used)) void noted_at_odd_address(void *p);

void noted_at_odd_address(void *p)
{
	note(at_odd_address, p);
}

__asm__(".text; .balign 16; int3; at_odd_address: jmp noted_at_odd_address");
#else
#define at_odd_address two
#endif

static void (*const functions[])(void *p) = { one, two, at_odd_address };

/* Those that an encoding may use as marks among them. */
static void *const arguments[] = {
	NULL, (void *)1, (void *)2, (void *)3, (void *)~0UL, (void *)~1UL, (void *)~2UL,
	(void *)(~0UL << (sizeof(long) * 8 - 1)), (void *)one, (char *)one + 1,
	(void *)two, (char *)two + 1,
};

#define ARGUMENTS	(sizeof(arguments) / sizeof(arguments[0]))
#define KINDS		(sizeof(functions) / sizeof(functions[0]) * ARGUMENTS)

static struct call call_of_kind(unsigned long kind)
{
	return (struct call){
		functions[kind / ARGUMENTS], arguments[kind % ARGUMENTS],
	};
}

static struct call made[CALLS];
static unsigned long calls_made;

static void make_call(unsigned long kind)
{
	struct call call = call_of_kind(kind);

	made[calls_made++] = call;
	defer_rcu(call.fct, call.p);
}

static void check_calls(void)
{
	want(get(calls_seen) == calls_made);
	want(memcmp(seen, made, calls_made * sizeof(*made)) == 0);
}

START_TEST(calls_run_once_and_in_order_whatever_their_words)
{
	unsigned int random = 4711, batch;

	rcu_register_thread();
	rcu_thread_online();
	want(rcu_defer_register_thread() == 0);
	while (calls_made + 6000 < CALLS) {
		for (batch = pick(&random, 6000); batch; batch--)
			make_call(pick(&random, KINDS));
		if (pick(&random, 2))
			rcu_defer_barrier_thread();
		else
			rcu_defer_barrier();
		check_calls();
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}
END_TEST

START_TEST(first_calls_of_a_queue_may_be_any)
{
	for (unsigned long first = 0; first < KINDS; first++)
		for (unsigned long second = 0; second < KINDS; second++) {
			want(rcu_defer_register_thread() == 0);
			make_call(first);
			make_call(second);
			rcu_defer_unregister_thread();
			check_calls();
		}
}
END_TEST

START_TEST(function_that_is_repeated_may_change_and_come_back)
{
	want(rcu_defer_register_thread() == 0);
	for (unsigned long i = 0; i < 50000; i++)
		make_call(i / 5000 % 2 * (KINDS - 1));
	rcu_defer_barrier_thread();
	check_calls();
	rcu_defer_unregister_thread();
}
END_TEST

/* ---- Many queues ---- */

#define PRODUCERS 4

static struct {
	struct team team;
	unsigned int producers;
	unsigned long next[PRODUCERS];		/* that has to run */
	unsigned long queued[PRODUCERS];
	unsigned long count;
	bool over;
} mill;

static void run_number(void *p)
{
	unsigned int producer = (uintptr_t)p / 2 % PRODUCERS;

	want((uintptr_t)p / 2 / PRODUCERS == mill.next[producer]);
	put(mill.next[producer], mill.next[producer] + 1);
}

static void run_odd_number(void *p)
{
	run_number(p);
}

static void produce(unsigned int producer, unsigned long count)
{
	for (; count; count--) {
		unsigned long number = mill.queued[producer];
		uintptr_t word = 2 * (number * PRODUCERS + producer) + (number % 7 == 0);

		defer_rcu(number % 5 ? run_number : run_odd_number, (void *)word);
		put(mill.queued[producer], number + 1);
	}
}

/* As it is, online without an announcement of its own. */
static void *producer(void *arg)
{
	unsigned int mine = raise_by(mill.producers, 1) - 1;

	(void)arg;
	rcu_register_thread();
	rcu_thread_online();
	want(rcu_defer_register_thread() == 0);
	produce(mine, mill.count);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return NULL;
}

static void check_mill(unsigned int producers)
{
	team_join(&mill.team);
	for (unsigned int i = 0; i < producers; i++)
		want(mill.next[i] == mill.queued[i] && mill.next[i] > 0);
}

START_TEST(producers_with_full_queues_do_not_wait_for_each_other)
{
	static struct stress readers;
	unsigned int producers = _i & 1 ? 4 : 2;

	mill.count = SLOW_BUILD ? 30000 : 200000;
	if (_i & 2)
		stress_begin(&readers, 2, 1);
	team_add(&mill.team, producers, producer, NULL);
	check_mill(producers);
	if (_i & 2)
		stress_end(&readers);
}
END_TEST

static void *registering_producer(void *arg)
{
	unsigned int mine = raise_by(mill.producers, 1) - 1, random = mine + 1;

	(void)arg;
	rcu_register_thread();
	rcu_thread_online();
	while (mill.queued[mine] < mill.count) {
		want(rcu_defer_register_thread() == 0);
		produce(mine, pick(&random, 500));
		if (pick(&random, 4) == 0)
			rcu_defer_barrier_thread();
		rcu_defer_unregister_thread();
		want(get(mill.next[mine]) == mill.queued[mine]);
	}
	rcu_unregister_thread();
	return NULL;
}

static void *barriers(void *arg)
{
	unsigned long queued[PRODUCERS];

	(void)arg;
	rcu_register_thread();
	rcu_thread_online();
	while (!get(mill.over)) {
		for (int i = 0; i < PRODUCERS; i++)
			queued[i] = get(mill.queued[i]);
		rcu_defer_barrier();
		for (int i = 0; i < PRODUCERS; i++)
			want(get(mill.next[i]) >= queued[i]);
	}
	rcu_unregister_thread();
	return NULL;
}

/* Second time: producers who register anew again and again. */
START_TEST(barriers_of_several_threads_cover_every_queue)
{
	static struct team callers;

	mill.count = SLOW_BUILD ? 10000 : 50000;
	team_add(&callers, 2, barriers, NULL);
	team_add(&mill.team, PRODUCERS, _i ? registering_producer : producer, NULL);
	check_mill(PRODUCERS);
	put(mill.over, true);
	team_join(&callers);
}
END_TEST

/* ---- Callbacks ---- */

static void use_rcu(void *p)
{
	struct place place;

	place_init(&place);
	visit(&place, 1);
	replace(&place);
	queue_jobs(p, 1);
}

START_TEST(deferred_function_may_read_synchronize_and_call_rcu)
{
	struct tally tally = { 0, 0 };

	rcu_register_thread();
	rcu_thread_online();
	want(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 20; i++) {
		for (int call = 0; call < 10; call++)
			defer_rcu(use_rcu, &tally);
		if (i % 2)
			rcu_defer_barrier_thread();
		else
			rcu_defer_barrier();
	}
	rcu_defer_unregister_thread();
	rcu_barrier();
	want(tally.queued == 200);
	all_ran_once(&tally);
	rcu_unregister_thread();
}
END_TEST

/* ---- Reports ---- */

START_TEST(exit_reports_a_queue_that_was_not_freed)
{
	int output = capture_stderr();

	rcu_defer_exit();
	want(rcu_defer_register_thread() == 0);
	rcu_defer_unregister_thread();
	rcu_defer_exit();
	want(*captured(output) == '\0');
	want(rcu_defer_register_thread() == 0);
	rcu_defer_exit();
	want(strstr(captured(output), "urcu_" FLAVOR "_defer_exit: some thread has not called"));
	rcu_defer_unregister_thread();
	rcu_defer_exit();
	want(lines_of(captured(output)) == 1);
}
END_TEST

START_TEST(without_a_queue_the_call_is_reported_and_made_at_once)
{
	int output = capture_stderr();

	make_call(0);
	check_calls();
	want(strstr(captured(output), "urcu_" FLAVOR "_defer_rcu: the thread has not called"));
	rcu_defer_barrier_thread();
	rcu_defer_unregister_thread();
	want(lines_of(captured(output)) == 3);
	rcu_defer_barrier();
	want(lines_of(captured(output)) == 3);
}
END_TEST

START_TEST(registering_twice_is_reported_and_ignored)
{
	int output = capture_stderr();

	want(rcu_defer_register_thread() == 0);
	make_call(0);
	want(rcu_defer_register_thread() == 0);
	want(strstr(captured(output), "_defer_register_thread: the thread is registered already"));
	rcu_defer_unregister_thread();
	check_calls();
	want(lines_of(captured(output)) == 1);
}
END_TEST

/* ---- In destructors ---- */

static pthread_key_t key;
static struct call_rcu_data *own_worker;	/* NULL: the thread has none */
static bool has_queue;

static void unregister_late(void *arg)
{
	(void)arg;
	want(get_thread_call_rcu_data() == own_worker);
	if (has_queue) {
		make_call(1);
		rcu_defer_unregister_thread();
	}
	rcu_unregister_thread();
}

static void *end_without_unregistering(void *arg)
{
	rcu_register_thread();
	want(!get_thread_call_rcu_data());
	set_thread_call_rcu_data(own_worker);
	if (has_queue) {
		want(rcu_defer_register_thread() == 0);
		make_call(0);
	}
	pthread_setspecific(key, &key);
	return arg;
}

/* With either, or both. The key is behind the library's own, and so is its destructor in each round. */
START_TEST(destructors_of_a_thread_find_its_queue_and_its_worker_and_a_later_thread_does_not)
{
	int output = capture_stderr();

	has_queue = _i & 1;
	if (_i & 2)
		want(own_worker = create_call_rcu_data(0, -1));
	want(pthread_key_create(&key, unregister_late) == 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(start(end_without_unregistering, NULL), NULL);
		check_calls();
		calls_made = calls_seen = 0;
	}
	want(lines_of(captured(output)) == 0);
	if (own_worker)
		call_rcu_data_free(own_worker);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("defer-" FLAVOR);
	TCase *tc = add_case(suite, "defer", 30);

	tcase_add_test(tc, calls_run_once_and_in_order_whatever_their_words);
	tcase_add_test(tc, first_calls_of_a_queue_may_be_any);
	tcase_add_test(tc, function_that_is_repeated_may_change_and_come_back);
	tcase_add_loop_test(tc, producers_with_full_queues_do_not_wait_for_each_other, 0, 4);
	tcase_add_loop_test(tc, barriers_of_several_threads_cover_every_queue, 0, 2);
	tcase_add_test(tc, deferred_function_may_read_synchronize_and_call_rcu);
	tcase_add_test(tc, exit_reports_a_queue_that_was_not_freed);
	tcase_add_test(tc, without_a_queue_the_call_is_reported_and_made_at_once);
	tcase_add_test(tc, registering_twice_is_reported_and_ignored);
	tcase_add_loop_test(tc,
		destructors_of_a_thread_find_its_queue_and_its_worker_and_a_later_thread_does_not, 1, 4);
	return run_suite(suite);
}
