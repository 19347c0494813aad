/* SPDX-License-Identifier: MIT */
/*
 * Where a fork may come from, beyond what the other fork tests have: after a signal handler, out of
 * thread-specific destructors and exit handlers, from a thread with everything of its own, with
 * callbacks of every kind about. Each by hand and by urcu_atfork_enable alone.
 */
#include <setjmp.h>

#include "fork-harness.h"

static bool by_hand;

/* The test's loop index says which. */
static void choose_hooks(int index)
{
	by_hand = index == 0;
	if (!by_hand)
		MUST(urcu_atfork_enable() == 0);
}

static pid_t do_fork(void)
{
	pid_t pid;

	if (by_hand)
		return hooked_fork();
	pid = fork();
	if (pid == 0)
		alarm(child_limit());
	return pid;
}

/* The child ends by exit, so that its end is tested as well. */
static void fork_child(void (*child)(void *), void *arg)
{
	pid_t pid = do_fork();

	if (pid == 0) {
		child(arg);
		exit(0);
	}
	expect_clean(pid);
}

static void finish_and_use(void *arg)
{
	pid_t pid;

	queue_and_finish(arg);
	use_everything();
	pid = do_fork();
	if (pid == 0) {
		queue_and_finish(arg);
		_exit(0);
	}
	expect_clean(pid);
}

/* ---- After a signal handler ---- */

static volatile sig_atomic_t signalled;
static sigjmp_buf back;
static int value, *pointer = &value;

static void set_flag(int number)
{
	(void)number;
	signalled = 1;
}

static void read_and_set_flag(int number)
{
	rcu_read_lock();
	if (rcu_dereference(pointer) == &value)
		signalled = number;
	rcu_read_unlock();
}

static void jump_out(int number)
{
	siglongjmp(back, number);
}

/* The section that the handler began goes on where it jumps to. */
static void enter_and_jump_out(int number)
{
	rcu_read_lock();
	siglongjmp(back, number);
}

static int may_send;

/* From another thread, at any instruction of this one that comes after may_send. */
static void *send_signal(void *arg)
{
	await_value(&may_send, 1);
	MUST(pthread_kill(*(pthread_t *)arg, SIGUSR1) == 0);
	return NULL;
}

static void handle(void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void read_until_signalled(void)
{
	while (!signalled) {
		rcu_read_lock();
		MUST(rcu_dereference(pointer) == &value);
		rcu_read_unlock();
		rcu_quiescent_state();
	}
}

/* The callbacks of the batch wait for a reader at every fork. */
static void fork_beside_reader(int hooks, int forks, void (*fork_somehow)(struct batch *batch, bool odd))
{
	struct counted *all = counted_new(20);
	struct batch batch = { all, 20 };
	struct reader_thread reader;

	choose_hooks(hooks);
	rcu_register_thread();
	hold(&reader);
	queue_all(all, 20);
	for (int i = 0; i < forks; i++)
		fork_somehow(&batch, i % 2);
	release(&reader);
	finish(all, 20);
	rcu_unregister_thread();
}

static void fork_after_flag(struct batch *batch, bool at_once)
{
	pthread_t self = pthread_self(), sender;

	signalled = 0;
	handle(at_once ? set_flag : read_and_set_flag);
	put(&may_send, 1);
	sender = start_thread(send_signal, &self);
	read_until_signalled();
	fork_child(finish_and_use, batch);
	join(sender);
}

START_TEST(a_thread_may_fork_when_a_signal_handler_told_it_to)
{
	fork_beside_reader(_i, 10, fork_after_flag);
}
END_TEST

/* As deep as it was in, it has to leave. */
static void leave_and_finish(void *arg)
{
	MUST(rcu_read_ongoing());
	must_be_waited_for();
	finish_and_use(arg);
}

#define LOOPS_FOREVER 1000000000	/* the jump ends it */

static void fork_after_jump(struct batch *batch, bool in_section)
{
	pthread_t self = pthread_self(), sender;

	handle(in_section ? enter_and_jump_out : jump_out);
	put(&may_send, 0);
	sender = start_thread(send_signal, &self);
	if (sigsetjmp(back, 1) == 0) {
		put(&may_send, 1);
		for (volatile int i = 0; i < LOOPS_FOREVER; i++)
			if (i % 1000 == 0)
				sched_yield();
	}
	join(sender);
	fork_child(in_section ? leave_and_finish : finish_and_use, batch);
	if (in_section) {
		MUST(rcu_read_ongoing());
		rcu_read_unlock();
		MUST(!rcu_read_ongoing());
	}
}

START_TEST(or_that_a_signal_handler_jumped_out_of)
{
	fork_beside_reader(_i, 6, fork_after_jump);
}
END_TEST

/* ---- At the end of a thread, and of the process ---- */

static pthread_key_t key;

static void fork_at_thread_end(void *batch)
{
	fork_child(finish_and_use, batch);
}

static void *end_registered_or_not(void *batch)
{
	struct batch *all = batch;

	if (all->number % 2)
		rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	pthread_setspecific(key, batch);
	if (all->number % 2)
		rcu_unregister_thread();
	return NULL;
}

START_TEST(a_thread_may_fork_in_a_destructor_of_its_own)
{
	struct counted *all = counted_new(21);
	struct batch odd = { all, 21 }, even = { all, 20 };
	struct reader_thread reader;

	choose_hooks(_i);
	MUST(pthread_key_create(&key, fork_at_thread_end) == 0);
	hold(&reader);
	queue_all(all, 21);
	join(start_thread(end_registered_or_not, &odd));
	join(start_thread(end_registered_or_not, &even));
	release(&reader);
	finish(all, 21);
}
END_TEST

static struct batch at_exit;

static void fork_at_exit(void)
{
	pid_t pid;

	if (getpid() != test_pid)
		return;
	pid = do_fork();
	if (pid == 0) {
		finish_and_use(&at_exit);
		_exit(0);
	}
	expect_clean(pid);
}

static void exit_with_handler(void *arg)
{
	(void)arg;
	test_pid = getpid();
	MUST(atexit(fork_at_exit) == 0);
}

START_TEST(a_process_may_fork_in_an_exit_handler)
{
	choose_hooks(_i);
	at_exit = (struct batch) { counted_new(10), 10 };
	queue_all(at_exit.all, 10);
	fork_child(exit_with_handler, NULL);
	finish(at_exit.all, 10);
}
END_TEST

/* ---- From a thread with everything of its own ---- */

#define DEFERRED 2000

static int deferred;

static void run_deferred(void *p)
{
	(void)p;
	deferred++;
}

/* The reader holds everything up until the fork is over. */
struct owner {
	struct batch batch;
	struct call_rcu_data *worker;
	struct reader_thread reader;
};

static void finish_as_owner(void *arg)
{
	struct owner *owner = arg;

	STAGE("what was deferred");
	rcu_defer_barrier_thread();
	MUST(deferred == DEFERRED);
	finish_and_use(&owner->batch);
	rcu_defer_unregister_thread();
}

/* Registered or not, in a section or not. */
static void *own_and_fork(void *arg)
{
	struct owner *owner = arg;
	bool registered = owner->batch.number % 2;

	if (registered)
		rcu_register_thread();
	MUST(rcu_defer_register_thread() == 0);
	deferred = 0;
	for (uintptr_t i = 0; i < DEFERRED; i++)
		defer_rcu(run_deferred, (void *)(2 * i + 2));
	set_thread_call_rcu_data(owner->worker);
	queue_all(owner->batch.all, owner->batch.number);
	MUST(deferred == 0);
	fork_child(finish_as_owner, owner);
	MUST(get_thread_call_rcu_data() == owner->worker && deferred == 0);
	release(&owner->reader);
	set_thread_call_rcu_data(NULL);
	rcu_defer_unregister_thread();
	MUST(deferred == DEFERRED);
	if (registered)
		rcu_unregister_thread();
	return NULL;
}

START_TEST(a_thread_with_a_worker_and_a_defer_queue_of_its_own_may_fork)
{
	choose_hooks(_i);
	for (int number = 30; number < 34; number++) {
		struct owner owner = { .batch = { counted_new(number), number } };

		owner.worker = create_call_rcu_data(number & 2 ? URCU_CALL_RCU_RT : 0, -1);
		MUST(owner.worker);
		hold(&owner.reader);
		join(start_thread(own_and_fork, &owner));
		finish(owner.batch.all, number);
		call_rcu_data_free(owner.worker);
	}
}
END_TEST

/* ---- From a callback and from a section, by plain fork as well ---- */

struct forking {
	struct rcu_head head;
	int forked;
};

static void fork_in_callback(struct rcu_head *head)
{
	struct forking *forking = caa_container_of(head, struct forking, head);
	pid_t pid = do_fork();

	if (pid == 0) {
		struct counted fresh = { .runs = 0 };

		synchronize_rcu();
		call_rcu(&fresh.head, count);
		_exit(0);
	}
	begin_waiting();
	expect_clean(pid);
	end_waiting();
	put(&forking->forked, 1);
}

START_TEST(a_callback_may_fork)
{
	struct counted *all = counted_new(200);
	struct forking forking = { .forked = 0 };

	choose_hooks(_i);
	queue_all(all, 100);
	call_rcu(&forking.head, fork_in_callback);
	queue_all(all + 100, 100);
	finish(all, 200);
	MUST(forking.forked);
}
END_TEST

START_TEST(a_thread_may_fork_in_a_section_and_in_a_nested_one)
{
	struct counted *all = counted_new(20);
	struct batch batch = { all, 20 };

	choose_hooks(_i);
	rcu_register_thread();
	rcu_read_lock();
	queue_all(all, 20);
	fork_child(leave_and_finish, &batch);
	rcu_read_lock();
	fork_child(leave_and_finish, &batch);
	MUST(rcu_read_ongoing());
	rcu_read_unlock();
	must_be_waited_for();
	finish(all, 20);
	rcu_unregister_thread();
}
END_TEST

/* ---- While others are in a call ---- */

static int stop;

static void *churn_workers(void *arg)
{
	rcu_register_thread();
	while (!get(&stop)) {
		struct call_rcu_data *worker = create_call_rcu_data(0, -1);

		MUST(worker && create_all_cpu_call_rcu_data(0) == 0);
		rcu_barrier();
		free_all_cpu_call_rcu_data();
		call_rcu_data_free(worker);
	}
	rcu_unregister_thread();
	return arg;
}

static void *churn_defer(void *arg)
{
	while (!get(&stop)) {
		MUST(rcu_defer_register_thread() == 0);
		rcu_defer_barrier();
		rcu_defer_unregister_thread();
	}
	return arg;
}

START_TEST(others_may_be_in_any_call)
{
	struct counted *all = counted_new(120);
	struct batch batch = { all, 0 };
	pthread_t threads[2];

	choose_hooks(_i);
	put(&stop, 0);
	threads[0] = start_thread(churn_workers, NULL);
	threads[1] = start_thread(churn_defer, NULL);
	rcu_register_thread();
	for (int i = 0; i < 40; i++) {
		queue_all(all + 3 * i, 3);
		batch.number = 3 * (i + 1);
		fork_child(queue_and_finish, &batch);
		rcu_quiescent_state();
	}
	put(&stop, 1);
	rcu_thread_offline();
	join(threads[0]);
	join(threads[1]);
	rcu_thread_online();
	finish(all, 120);
	rcu_unregister_thread();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-origins/" FLAVOR);
	TCase *tcase = add_case(suite, "signals");

	tcase_add_loop_test(tcase, a_thread_may_fork_when_a_signal_handler_told_it_to, 0, 2);
	tcase_add_loop_test(tcase, or_that_a_signal_handler_jumped_out_of, 0, 2);
	tcase = add_case(suite, "ends");
	tcase_add_loop_test(tcase, a_thread_may_fork_in_a_destructor_of_its_own, 0, 2);
	tcase_add_loop_test(tcase, a_process_may_fork_in_an_exit_handler, 0, 2);
	tcase = add_case(suite, "threads");
	tcase_add_loop_test(tcase, a_thread_with_a_worker_and_a_defer_queue_of_its_own_may_fork,
			    0, 2);
	tcase_add_loop_test(tcase, a_callback_may_fork, 0, 2);
	tcase_add_loop_test(tcase, a_thread_may_fork_in_a_section_and_in_a_nested_one, 0, 2);
	tcase = add_case(suite, "others");
	tcase_set_tags(tcase, "forks-beside-malloc");	/* tests/sanitize/sanitize.sh */
	tcase_add_loop_test(tcase, others_may_be_in_any_call, 0, 2);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
