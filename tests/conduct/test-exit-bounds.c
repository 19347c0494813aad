/* SPDX-License-Identifier: MIT */
/*
 * No wait at exit is without a limit: not for a lock, a reader, a callback, a thread's end. And who
 * uses RCU after a limit has passed gets what it waits for (doc/design/exit.md).
 */
#include "again.h"

#include <urcu-defer.h>

/* bp has none; its destructor is a static one. */
#ifdef TEST_BP
#undef rcu_exit
#define rcu_exit()	((void)0)
#endif

/* ---- Callbacks ---- */

static void note_run(struct rcu_head *head)
{
	(void)head;
	raise_by_one(&results->ran);
}

/* ---- A lock that main holds when it exits ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t cache;

static void give_back(void *memory)
{
	pthread_mutex_lock(&lock);
	free(memory);
	pthread_mutex_unlock(&lock);
}

/* A callback of a program, or of an allocator, that keeps something for each thread. */
static void keep_cache(struct rcu_head *head)
{
	if (!pthread_getspecific(cache))
		MUST(pthread_setspecific(cache, malloc(100)) == 0);
	raise_by_one(&results->ran);
	free(head);
}

static void queue_caches(int number)
{
	while (number--)
		call_rcu(malloc(sizeof(struct rcu_head)), keep_cache);
}

static int destructor_wants_lock(int kind)
{
	MUST(pthread_key_create(&cache, give_back) == 0);
	choose_worker(kind);
	rcu_register_thread();
	queue_caches(100);
	rcu_unregister_thread();
	rcu_barrier();
	pthread_mutex_lock(&lock);
	return 7;
}

/* The limit is for all workers together. */
static int destructors_want_lock(int number)
{
	MUST(pthread_key_create(&cache, give_back) == 0);
	while (number--) {
		set_thread_call_rcu_data(create_call_rcu_data(0, -1));
		queue_caches(1);
	}
	rcu_barrier();
	pthread_mutex_lock(&lock);
	return 7;
}

static void want_lock(struct rcu_head *head)
{
	results->reached = 1;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	note_run(head);
}

/* What follows goes to one worker, be it that of a CPU. */
static void stay_on_this_cpu(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	MUST(sched_setaffinity(0, sizeof(here), &here) == 0);
}

static int callback_wants_lock(int kind)
{
	static struct rcu_head heads[2];

	pthread_mutex_lock(&lock);
	choose_worker(kind);
	stay_on_this_cpu();
	rcu_register_thread();
	call_rcu(&heads[0], want_lock);
	call_rcu(&heads[1], note_run);
	rcu_unregister_thread();
	while (!get(&results->reached))
		relax();
	return 7;
}

/* rcu_barrier and call_rcu wait for no thread's end, which may want a lock of the caller. */
static void *flood_caches(void *kind)
{
	choose_worker(*(int *)kind);
	rcu_register_thread();
	for (int i = 0; i < 50; i++) {
		queue_caches(1000);
		__atomic_fetch_add(&results->word[0], 1000, __ATOMIC_RELAXED);
		while (get(&results->word[0]) > get(&results->ran) + 20000)
			relax();
	}
	rcu_unregister_thread();
	return NULL;
}

static int barrier_beside_a_flood_with_lock(int kind)
{
	pthread_t threads[2];

	MUST(pthread_key_create(&cache, give_back) == 0);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 2; i++)
			threads[i] = start_thread(flood_caches, &kind);
		pthread_mutex_lock(&lock);
		for (int i = 0; i < 10; i++) {
			queue_caches(100);
			rcu_barrier();
		}
		for (int i = 0; i < 2; i++)
			join(threads[i]);
		rcu_barrier();
		pthread_mutex_unlock(&lock);
	}
	MUST(get(&results->ran) == 5 * (10 * 100 + 2 * 50 * 1000));
	return 7;
}

/* ---- After the limit ---- */

static struct reader_thread reader;
static struct rcu_head first, second;

/* What was too late for the exit, and what comes now. */
static void let_go_and_use_all(void)
{
	release(&reader);
	call_rcu(&second, note_run);
	rcu_barrier();
	MUST(get(&results->ran) == 2);
	use_everything();
	results->reached++;
}

static void (*at_end)(void), (*in_destructor)(void);

static void end(void)
{
	if (results && at_end)
		at_end();
}

static __attribute__((constructor)) void register_end(void)
{
	if (atexit(end) != 0)
		abort();
}

static __attribute__((destructor)) void destroy(void)
{
	if (results && in_destructor)
		in_destructor();
}

static void leave_reader_stuck(int kind)
{
	hold(&reader);
	choose_worker(kind);
	rcu_register_thread();
	call_rcu(&first, note_run);
	rcu_unregister_thread();
}

static int function_after_limit(int kind)
{
	at_end = let_go_and_use_all;
	leave_reader_stuck(kind);
	return 7;
}

static int destructor_after_limit(int kind)
{
	in_destructor = let_go_and_use_all;
	leave_reader_stuck(kind);
	return 7;
}

static int exit_by_hand_after_limit(int kind)
{
	leave_reader_stuck(kind);
	for (int i = 0; i < 3; i++)
		rcu_exit();
	let_go_and_use_all();
	return 7;
}

static void exit_by_hand(void)
{
	rcu_exit();
	let_go_and_use_all();
	rcu_exit();
	use_everything();
}

static int exit_by_hand_at_end(int kind)
{
	at_end = exit_by_hand;
	leave_reader_stuck(kind);
	return 7;
}

/* A callback that waits for something, longer than the limit. */
static sem_t go_on;

static void block(struct rcu_head *head)
{
	results->reached = 1;
	begin_waiting();
	await(&go_on);
	end_waiting();
	note_run(head);
}

static void let_callback_go(void)
{
	sem_post(&go_on);
	call_rcu(&second, note_run);
	rcu_barrier();
	MUST(get(&results->ran) == 2);
	use_everything();
	results->reached++;
}

static int callback_blocks_until_the_end(int kind)
{
	sem_init(&go_on, 0, 0);
	at_end = let_callback_go;
	choose_worker(kind);
	rcu_register_thread();
	call_rcu(&first, block);
	rcu_unregister_thread();
	while (!get(&results->reached))
		relax();
	return 7;
}

/* rcu_init and rcu_exit in turn, any number of times. */
static int init_and_exit(int kind)
{
	static struct rcu_head heads[100];

	choose_worker(kind);
	rcu_register_thread();
	for (int i = 0; i < 100; i++) {
		rcu_init();
		call_rcu(&heads[i], note_run);
		if (i % 2)
			rcu_exit();
		if (i % 3)
			rcu_exit();
		if (i % 5)
			rcu_barrier();
		if (i % 5)
			MUST(get(&results->ran) == i + 1);
	}
	rcu_unregister_thread();
	use_everything();
	return 7;
}

static const struct again_case cases[] = {
	{ "destructor-wants-lock", destructor_wants_lock },
	{ "destructors-want-lock", destructors_want_lock },
	{ "callback-wants-lock", callback_wants_lock },
	{ "barrier-with-lock", barrier_beside_a_flood_with_lock },
	{ "function-after-limit", function_after_limit },
	{ "destructor-after-limit", destructor_after_limit },
	{ "exit-by-hand-after-limit", exit_by_hand_after_limit },
	{ "exit-by-hand-at-end", exit_by_hand_at_end },
	{ "callback-blocks", callback_blocks_until_the_end },
	{ "init-and-exit", init_and_exit },
	{ NULL, NULL },
};

/* ---- The tests; _i is the kind of worker ---- */

START_TEST(a_destructor_of_a_workers_data_that_wants_a_lock_does_not_hang_it)
{
	run_again("destructor-wants-lock", _i, "50");
	ck_assert_int_eq(results->ran, 100);
	run_again("destructor-wants-lock", _i, NULL);
}
END_TEST

/* A busy machine may slow a program down now and then; nothing speeds one up. */
START_TEST(the_limit_is_for_all_workers_together)
{
	for (int i = 0; i < 3; i++)
		if (run_timed("destructors-want-lock", 20, "400") < 20 * 400 / 2)
			return;
	ck_abort_msg("20 workers took more than half of 20 limits, three times");
}
END_TEST

START_TEST(a_callback_that_wants_a_lock_does_not_hang_it)
{
	run_again("callback-wants-lock", _i, "50");
	ck_assert_int_eq(results->ran, 0);
	run_again("callback-wants-lock", _i, NULL);
}
END_TEST

START_TEST(a_limit_that_is_no_number_counts_as_none)
{
	static const char *const limits[] = { "-1", " -1", "50ms" };

	run_again("callback-wants-lock", 0, limits[_i]);
	ck_assert_int_eq(results->ran, 0);
}
END_TEST

START_TEST(nor_does_such_a_destructor_hang_a_barrier)
{
	run_again("barrier-with-lock", _i, "50");
}
END_TEST

START_TEST(who_uses_all_after_the_limit_gets_it)
{
	static const char *const names[] = {
		"function-after-limit", "destructor-after-limit", "exit-by-hand-after-limit",
		"exit-by-hand-at-end",
	};

	run_again(names[_i / KINDS], _i % KINDS, "50");
	ck_assert_int_ge(results->reached, 1);
	ck_assert_int_eq(results->ran, 2);
}
END_TEST

START_TEST(who_lets_a_callback_go_after_the_limit_sees_it_end)
{
	run_again("callback-blocks", _i, "50");
	ck_assert_int_eq(results->reached, 2);
	ck_assert_int_eq(results->ran, 2);
}
END_TEST

START_TEST(init_and_exit_may_be_called_in_turn)
{
	run_again("init-and-exit", _i, "10000");
	ck_assert_int_eq(results->ran, 100);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("exit-bounds/" FLAVOR);
	TCase *tcase = add_again_case(suite, "locks");

	tcase_add_loop_test(tcase, a_destructor_of_a_workers_data_that_wants_a_lock_does_not_hang_it,
			    0, KINDS);
	tcase_add_test(tcase, the_limit_is_for_all_workers_together);
	tcase_add_loop_test(tcase, a_callback_that_wants_a_lock_does_not_hang_it, 0, KINDS);
	tcase_add_loop_test(tcase, a_limit_that_is_no_number_counts_as_none, 0, 3);
	tcase_add_loop_test(tcase, nor_does_such_a_destructor_hang_a_barrier, 0, KINDS);
	tcase = add_again_case(suite, "after");
	tcase_add_loop_test(tcase, who_uses_all_after_the_limit_gets_it, 0, 4 * KINDS);
	tcase_add_loop_test(tcase, who_lets_a_callback_go_after_the_limit_sees_it_end, 0, KINDS);
	tcase_add_loop_test(tcase, init_and_exit_may_be_called_in_turn, 0, KINDS);
	return suite;
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return run_case(argv[1], atoi(argv[2]));
	return run_suite(suite());
}
