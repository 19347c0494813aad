/* SPDX-License-Identifier: MIT */
/*
 * defer_rcu across a fork: what is queued runs once in the parent and once in the child, whoever
 * queued it.
 */
#include <malloc.h>

#include "fork-harness.h"

#define PRODUCERS	3
#define FULL		2700	/* nearly: every second takes two words of 4096 */

/* ---- Numbered calls, which run in the order of each producer ---- */

struct line {
	unsigned long queued;		/* by the producer */
	unsigned long next;		/* that has to run */
	int in_child, lost;
};

static struct line lines[PRODUCERS];

/*
 * A call that the dead producer was in the middle of running does not run again in the child, where
 * it may not have counted. Aligned, for FULL: a function at an odd address takes a word more.
 */
__attribute__((aligned(2)))
static void run_number(void *p)
{
	struct line *line = &lines[(uintptr_t)p % PRODUCERS];
	unsigned long number = (uintptr_t)p / PRODUCERS, next = line->next;

	if (line->in_child && !line->lost && number == next + 1) {
		line->lost = 1;
		next++;
	}
	MUST(number == next);
	__atomic_store_n(&line->next, number + 1, __ATOMIC_RELEASE);
}

static void defer_numbers(int producer, unsigned long count)
{
	struct line *line = &lines[producer];

	for (; count; count--) {
		unsigned long number = line->queued;

		defer_rcu(run_number, (void *)(number * PRODUCERS + (unsigned long)producer));
		__atomic_store_n(&line->queued, number + 1, __ATOMIC_RELEASE);
	}
}

/* In the child the last one may be lost: no other tells of it. */
static void must_have_run(int producer)
{
	struct line *line = &lines[producer];

	MUST(__atomic_load_n(&line->next, __ATOMIC_ACQUIRE) + (line->in_child || line->lost) >= line->queued);
}

/* ---- The forking thread's own queue ---- */

static void finish_own(void *arg)
{
	STAGE("rcu_defer_barrier_thread");
	rcu_defer_barrier_thread();
	must_have_run(0);
	STAGE("defer_rcu");
	defer_numbers(0, 2 * FULL);
	if (arg) {
		STAGE("fork of a grandchild");
		run_child(finish_own, NULL);
	}
	STAGE("rcu_defer_unregister_thread");
	rcu_defer_unregister_thread();
	must_have_run(0);
	rcu_defer_exit();
	STAGE("rcu_defer_register_thread");
	MUST(rcu_defer_register_thread() == 0);
	defer_numbers(0, 10);
	STAGE("rcu_defer_barrier");
	rcu_defer_barrier();
	must_have_run(0);
	rcu_defer_unregister_thread();
	use_everything();
}

START_TEST(the_forking_threads_queue_goes_on_on_both_sides)
{
	static const unsigned long counts[] = { 0, 1, 100, FULL };

	rcu_register_thread();
	rcu_thread_online();
	MUST(rcu_defer_register_thread() == 0);
	defer_numbers(0, counts[_i]);
	run_child(finish_own, &lines);
	run_child(finish_own, NULL);
	finish_own(NULL);
	rcu_unregister_thread();
}
END_TEST

/* ---- Queues of threads that the child does not have ---- */

static sem_t filled, go_on;

static void *fill_and_wait(void *arg)
{
	MUST(rcu_defer_register_thread() == 0);
	defer_numbers(1, FULL);
	sem_post(&filled);
	await(&go_on);
	defer_numbers(1, FULL);
	rcu_defer_unregister_thread();
	must_have_run(1);
	return arg;
}

static void finish_others_by_barrier(void *arg)
{
	(void)arg;
	STAGE("rcu_defer_barrier");
	rcu_defer_barrier();
	must_have_run(1);
	rcu_defer_barrier();
	rcu_defer_exit();
	use_everything();
}

/* The child has a queue, for something else. */
static void finish_others_by_themselves(void *arg)
{
	(void)arg;
	STAGE("rcu_defer_register_thread");
	MUST(rcu_defer_register_thread() == 0);
	STAGE("deferred calls of dead threads");
	while (__atomic_load_n(&lines[1].next, __ATOMIC_ACQUIRE) < lines[1].queued)
		relax();
	rcu_defer_unregister_thread();
	use_everything();
}

START_TEST(queues_of_other_threads_run_on_both_sides)
{
	struct reader_thread reader;
	pthread_t thread;

	sem_init(&filled, 0, 0);
	sem_init(&go_on, 0, 0);
	hold(&reader);
	thread = start_thread(fill_and_wait, NULL);
	await(&filled);
	MUST(lines[1].next == 0);
	run_child(finish_others_by_barrier, NULL);
	run_child(finish_others_by_themselves, NULL);
	MUST(lines[1].next == 0);
	release(&reader);
	sem_post(&go_on);
	join(thread);
	finish_others_by_barrier(NULL);
}
END_TEST

/* ---- When dead threads' calls run ---- */

#define LEFT 100

static int *ran_here;		/* by process: those of one child are counted after its end */

static void count_in_shared_memory(void *p)
{
	(void)p;
	__atomic_fetch_add(ran_here, 1, __ATOMIC_RELAXED);
}

static void *leave_calls(void *arg)
{
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < LEFT; i++)
		defer_rcu(count_in_shared_memory, NULL);
	sem_post(&filled);
	await(&go_on);
	rcu_defer_unregister_thread();
	return arg;
}

static void exit_at_once(void *arg)
{
	STAGE("exit");
	exit(arg != NULL);
}

static void await_dead_threads_calls(void)
{
	STAGE("deferred calls of dead threads");
	await_that(get(ran_here) == LEFT);
}

static void register_alone(void *arg)
{
	(void)arg;
	rcu_defer_unregister_thread();
	MUST(rcu_defer_register_thread() == 0);
	await_dead_threads_calls();
}

/* Registered since before the fork. */
static void defer_one(void *arg)
{
	(void)arg;
	MUST(get(ran_here) == 0);
	defer_rcu(run_number, NULL);
	await_dead_threads_calls();
}

/* Their owner is gone, and nobody calls rcu_defer_barrier. The reader is gone, too. */
START_TEST(calls_of_dead_threads_run_when_the_child_registers_defers_or_exits)
{
	void (*const ways[])(void *) = { exit_at_once, register_alone, defer_one };
	struct reader_thread reader;
	pthread_t thread;

	sem_init(&filled, 0, 0);
	sem_init(&go_on, 0, 0);
	ran_here = mmap(NULL, sizeof(*ran_here), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	MUST(ran_here != MAP_FAILED);
	setenv("URCU_EXIT_TIMEOUT", "20000", 1);
	MUST(rcu_defer_register_thread() == 0);
	hold(&reader);
	thread = start_thread(leave_calls, NULL);
	await(&filled);
	run_child(ways[_i], NULL);
	MUST(get(ran_here) == LEFT);
	put(ran_here, 0);
	release(&reader);
	sem_post(&go_on);
	join(thread);
	MUST(get(ran_here) == LEFT);
	rcu_defer_unregister_thread();
}
END_TEST

/* ---- Forks among producers ---- */

static int stop;

static void *produce(void *arg)
{
	int producer = (int)((struct line *)arg - lines);

	rcu_register_thread();
	rcu_thread_online();
	MUST(rcu_defer_register_thread() == 0);
	while (!get(&stop)) {
		defer_numbers(producer, 3);
		if (lines[producer].queued % 1000 < 3)
			rcu_defer_barrier_thread();
		if (lines[producer].queued % 10000 < 3)
			relax();
		rcu_quiescent_state();
	}
	rcu_defer_unregister_thread();
	must_have_run(producer);
	rcu_unregister_thread();
	return NULL;
}

static void finish_storm(void *arg)
{
	(void)arg;
	for (int i = 0; i < PRODUCERS; i++)
		lines[i].in_child = 1;
	STAGE("rcu_defer_barrier among producers");
	rcu_defer_barrier();
	for (int i = 0; i < PRODUCERS; i++)
		must_have_run(i);
	STAGE("rcu_barrier");
	rcu_barrier();
}

START_TEST(forks_among_producers_lose_nothing)
{
	pthread_t threads[PRODUCERS];

	put(&stop, 0);
	for (int i = 0; i < PRODUCERS; i++)
		threads[i] = start_thread(produce, &lines[i]);
	for (int i = 0; i < 200; i++)
		run_child(finish_storm, NULL);
	put(&stop, 1);
	for (int i = 0; i < PRODUCERS; i++)
		join(threads[i]);
}
END_TEST

/* ---- A call that forks ---- */

static struct {
	sem_t in, leave, second_in, end;
	pid_t forker, child;
	int second_over, third_over;
	bool own;		/* all are in one queue */
} split;

static void hold_worker(void *arg)
{
	(void)arg;
	begin_waiting();
	sem_post(&split.in);
	await(&split.leave);
	end_waiting();
}

/* The oldest queue, which barriers come to last. */
static void *own_what_holds_worker(void *arg)
{
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(hold_worker, NULL);
	await(&split.end);
	rcu_defer_unregister_thread();
	return arg;
}

static void *run_all(void *arg)
{
	rcu_defer_barrier();
	return arg;
}

static void fork_and_return(void *arg)
{
	(void)arg;
	sem_post(&split.leave);
	split.child = hooked_fork();
	if (split.child != 0)
		return;
	split.forker = thread_id();
	start_thread(run_all, NULL);
	await(&split.second_in);
}

/* In the child the forker waits for us. */
static void run_second(void *arg)
{
	(void)arg;
	if (getpid() != test_pid) {
		sem_post(&split.second_in);
		await_asleep(split.forker);
	}
	put(&split.second_over, 1);
}

/* Of several queues the worker may run whichever it likes first, as soon as the fork is over. */
static void run_third(void *arg)
{
	(void)arg;
	MUST(get(&split.second_over) || (!split.own && getpid() == test_pid));
	if (getpid() != test_pid)
		await_asleep(split.forker);
	put(&split.third_over, 1);
}

static void *own_first_two(void *arg)
{
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(fork_and_return, NULL);
	defer_rcu(run_second, NULL);
	sem_post(&filled);
	await(&go_on);
	rcu_defer_unregister_thread();
	return arg;
}

/* In the queue's owner, or in what was the library's worker, which has to register before it defers. */
static void wait_for_those_behind(void *owner)
{
	bool own = pthread_equal(*(pthread_t *)owner, pthread_self());

	STAGE("rcu_defer_barrier in the call that forked");
	rcu_defer_barrier();
	must_have_run(0);
	MUST(lines[0].next == 100);
	MUST(own || rcu_defer_register_thread() == 0);
	defer_numbers(0, 10);
	rcu_defer_barrier();
	MUST(lines[0].next == 110);
	if (!own)
		rcu_defer_unregister_thread();
}

/* When all is queued: the library's worker may come to it before. */
static void fork_one_who_waits(void *owner)
{
	await(&filled);
	run_child(wait_for_those_behind, owner);
	sem_post(&split.end);
}

/* In the parent it would be waited for itself; in the child the call is not awaited any more. */
START_TEST(a_call_that_forks_may_wait_for_others_in_the_child)
{
	pthread_t owner = pthread_self();

	sem_init(&split.end, 0, 0);
	sem_init(&filled, 0, 0);
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	defer_rcu(fork_one_who_waits, &owner);
	defer_numbers(0, 100);
	sem_post(&filled);
	rcu_defer_barrier();
	await(&split.end);
	must_have_run(0);
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
}
END_TEST

/* In the child the locks under which it runs are not its own any more: others may have them. */
START_TEST(behind_a_call_that_forks_the_order_is_kept_on_both_sides)
{
	void (*const finish[])(void) = {
		rcu_defer_barrier_thread, rcu_defer_barrier, rcu_defer_barrier
	};
	bool own = split.own = _i < 2;
	pthread_t owner = pthread_self(), holder;

#ifdef M_PERTURB
	mallopt(M_PERTURB, 0x5a);	/* what is freed does not look as before */
#endif
	sem_init(&split.in, 0, 0);
	sem_init(&split.leave, 0, 0);
	sem_init(&split.second_in, 0, 0);
	sem_init(&filled, 0, 0);
	sem_init(&go_on, 0, 0);
	sem_init(&split.end, 0, 0);
	holder = start_thread(own_what_holds_worker, NULL);
	await(&split.in);
	MUST(rcu_defer_register_thread() == 0);
	if (own) {
		defer_rcu(fork_and_return, NULL);
		defer_rcu(run_second, NULL);
		defer_rcu(run_third, NULL);
	} else {
		/* The younger queue runs first. */
		defer_rcu(run_third, NULL);
		owner = start_thread(own_first_two, NULL);
		await(&filled);
	}
	finish[_i]();
	MUST(get(&split.third_over));
	rcu_defer_unregister_thread();
	if (split.child == 0) {
		use_everything();
		_exit(0);
	}
	if (!own) {
		sem_post(&go_on);
		join(owner);
	}
	sem_post(&split.end);
	join(holder);
	expect_clean(split.child);
}
END_TEST

/* ---- A clean program, for leaks.sh ---- */

static void *defer_and_end(void *arg)
{
	rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	for (int i = 0; i < 10; i++) {
		for (int call = 0; call < 300; call++)
			defer_rcu(free, malloc(10));
		if (i % 2)
			rcu_defer_barrier_thread();
	}
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	return arg;
}

/* What the dead thread had queued is freed in the child. */
static void defer_in_child(void *arg)
{
	rcu_defer_barrier();
	defer_and_end(arg);
	exit(0);
}

static void *defer_before_fork(void *arg)
{
	MUST(rcu_defer_register_thread() == 0);
	for (int call = 0; call < 300; call++)
		defer_rcu(free, malloc(10));
	sem_post(&filled);
	await(&go_on);
	rcu_defer_unregister_thread();
	return arg;
}

static int be_clean(void)
{
	static struct shared own;
	pthread_t thread;

	shared = &own;
	sem_init(&filled, 0, 0);
	sem_init(&go_on, 0, 0);
	thread = start_thread(defer_before_fork, NULL);
	await(&filled);
	run_child(defer_in_child, NULL);
	sem_post(&go_on);
	join(thread);
	start_poll_synchronize_rcu();
	defer_and_end(NULL);
	return 7;
}

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tcase;

	if (argc > 1 && strcmp(argv[1], "clean") == 0)
		return be_clean();
	suite = suite_create("fork-defer/" FLAVOR);
	tcase = add_case(suite, "defer");
	tcase_add_loop_test(tcase, the_forking_threads_queue_goes_on_on_both_sides, 0, 4);
	tcase_add_test(tcase, queues_of_other_threads_run_on_both_sides);
	tcase_add_loop_test(tcase,
		calls_of_dead_threads_run_when_the_child_registers_defers_or_exits, 0, 3);
	tcase_add_test(tcase, forks_among_producers_lose_nothing);
	tcase_add_loop_test(tcase, behind_a_call_that_forks_the_order_is_kept_on_both_sides, 0, 3);
	tcase_add_test(tcase, a_call_that_forks_may_wait_for_others_in_the_child);
	return run_suite(suite);
}
