/* SPDX-License-Identifier: MIT */
/*
 * Forks from callbacks, in whatever thread runs them, and forks while producers flood the workers
 * (doc/design/fork.md).
 */
#include "fork-harness.h"

/* ---- A callback that forks ---- */

struct forking {
	struct rcu_head head, first;
	struct batch batch;		/* what the child has to run, without this one */
	pthread_barrier_t *meet;	/* others that fork at the same time, or NULL */
	struct call_rcu_data *worker;	/* whose callback it is; NULL: not checked */
	int queued;			/* everything is: first may return */
	int over;			/* the callback is at its end */
	int forked;			/* and the parent's child is well */
};

/* The child's second thread. Its barrier includes the callback that it was started from. */
static void finish_after_callback(void *arg)
{
	struct forking *forking = arg;

	STAGE("rcu_barrier beside the callback that forked");
	rcu_barrier();
	MUST(get(&forking->over));
	must_have_run_once(forking->batch.all, forking->batch.number);
	use_everything();
	run_child(use_everything_in_child, NULL);
	_exit(0);
}

static void go_on_in_child(struct forking *forking)
{
	static struct task task;

	if (forking->worker)
		MUST(get_thread_call_rcu_data() == forking->worker);
	begin_waiting();
	start_stuck_task(&task, finish_after_callback, forking);
	put(&forking->over, 1);
	end_waiting();
}

static void fork_in_callback(struct rcu_head *head)
{
	struct forking *forking = caa_container_of(head, struct forking, head);
	pid_t pid;

	if (forking->meet) {
		begin_waiting();
		pthread_barrier_wait(forking->meet);
		end_waiting();
	}
	pid = hooked_fork();
	if (pid == 0) {
		go_on_in_child(forking);
		return;
	}
	begin_waiting();
	expect_clean(pid);
	end_waiting();
	if (forking->worker)
		MUST(get_thread_call_rcu_data() == forking->worker);
	put(&forking->forked, 1);
}

static struct forking *forking_new(struct call_rcu_data *worker, int before, int after)
{
	struct forking *forking = calloc(1, sizeof(*forking));

	MUST(forking);
	forking->worker = worker;
	forking->batch = (struct batch) { counted_new(before + after), before + after };
	return forking;
}

static void await_queued(struct rcu_head *head)
{
	await_value(&caa_container_of(head, struct forking, first)->queued, 1);
}

/* All in one batch: the worker is held up until the last is queued. */
static void queue_forking(struct forking *forking, int before)
{
	struct batch *batch = &forking->batch;

	call_rcu(&forking->first, await_queued);
	queue_all(batch->all, before);
	call_rcu(&forking->head, fork_in_callback);
	queue_all(batch->all + before, batch->number - before);
	put(&forking->queued, 1);
}

static void finish_forking(struct forking *forking)
{
	finish(forking->batch.all, forking->batch.number);
	MUST(forking->forked);
}

static void fork_in_callback_of(struct call_rcu_data *worker, int before, int after)
{
	struct call_rcu_data *runs = worker ? worker : get_default_call_rcu_data();
	struct forking *forking = forking_new(runs, before, after);

	set_thread_call_rcu_data(worker);
	queue_forking(forking, before);
	set_thread_call_rcu_data(NULL);
	finish_forking(forking);
}

START_TEST(a_callback_may_fork_and_the_child_runs_the_rest_of_its_batch)
{
	struct call_rcu_data *worker = create_call_rcu_data(URCU_CALL_RCU_RT, -1);

	MUST(worker);
	for (int i = 0; i < 3; i++) {
		fork_in_callback_of(NULL, 50, 5000);
		fork_in_callback_of(worker, 50, 5000);
	}
	call_rcu_data_free(worker);
	use_everything();
}
END_TEST

START_TEST(in_the_child_a_barrier_waits_for_the_callback_that_forked)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);

	MUST(worker);
	fork_in_callback_of(NULL, 3, 0);
	fork_in_callback_of(worker, 3, 0);
	call_rcu_data_free(worker);
}
END_TEST

#define TOGETHER 3

/* While one worker forks, the others wait for their turn in the middle of a callback. */
START_TEST(callbacks_of_several_workers_may_fork_at_once)
{
	struct call_rcu_data *workers[TOGETHER];
	struct forking *forking[TOGETHER];
	pthread_barrier_t meet;

	pthread_barrier_init(&meet, NULL, TOGETHER);
	for (int i = 0; i < TOGETHER; i++)
		MUST((workers[i] = create_call_rcu_data(0, -1)));
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < TOGETHER; i++) {
			forking[i] = forking_new(workers[i], 10, 2000);
			forking[i]->meet = &meet;
			set_thread_call_rcu_data(workers[i]);
			queue_forking(forking[i], 10);
		}
		for (int i = 0; i < TOGETHER; i++)
			finish_forking(forking[i]);
	}
	set_thread_call_rcu_data(NULL);
	for (int i = 0; i < TOGETHER; i++)
		call_rcu_data_free(workers[i]);
}
END_TEST

static void *fork_beside(void *arg)
{
	pthread_barrier_wait(arg);
	run_child(use_everything_in_child, NULL);
	return NULL;
}

START_TEST(a_callback_and_a_thread_may_fork_at_once)
{
	for (int i = 0; i < 10; i++) {
		struct forking *forking = forking_new(get_default_call_rcu_data(), 10, 100);
		pthread_barrier_t meet;
		pthread_t thread;

		pthread_barrier_init(&meet, NULL, 2);
		forking->meet = &meet;
		thread = start_thread(fork_beside, &meet);
		queue_forking(forking, 10);
		finish_forking(forking);
		join(thread);
	}
}
END_TEST

/* ---- A callback that waits for the forking thread's own section ---- */

#ifndef TEST_QSBR	/* there the hooks are a quiescent state */
static sem_t running;
static int in_section, synchronized;

static void synchronize_in_callback(struct rcu_head *head)
{
	(void)head;
	sem_post(&running);
	await_value(&in_section, 1);
	synchronize_rcu();
	put(&synchronized, get(&synchronized) + 1);
}

/* That callback was in the middle; the others behind it have not begun. */
static void be_without_synchronizer(void *arg)
{
	MUST(rcu_read_ongoing());
	rcu_read_unlock();
	finish_in_child(arg);
	MUST(get(&synchronized) == 0);
	use_everything();
}

START_TEST(a_fork_in_a_section_does_not_wait_for_a_callback_that_waits_for_the_section)
{
	struct counted *all = counted_new(100);
	struct batch batch = { all, 100 };
	unsigned long number;
	struct rcu_head head;

	sem_init(&running, 0, 0);
	rcu_register_thread();
	call_rcu(&head, synchronize_in_callback);
	queue_all(all, 100);
	await(&running);
	rcu_read_lock();
	number = gp_number();
	put(&in_section, 1);
	await_grace_period_after(number);
	for (int i = 0; i < 3; i++)
		run_child(be_without_synchronizer, &batch);
	MUST(get(&synchronized) == 0);
	rcu_read_unlock();
	finish(all, 100);
	MUST(get(&synchronized) == 1);
	rcu_unregister_thread();
}
END_TEST
#endif

static void exit_in_callback(struct rcu_head *head)
{
	pid_t pid = hooked_fork();

	(void)head;
	if (pid == 0) {
		STAGE("exit in a callback of the child");
		exit(0);
	}
	expect_clean(pid);
}

START_TEST(the_child_of_a_callback_may_exit_in_it)
{
	struct counted *all = counted_new(100);
	struct rcu_head head;

	queue_all(all, 50);
	call_rcu(&head, exit_in_callback);
	queue_all(all + 50, 50);
	finish(all, 100);
}
END_TEST

/* ---- A callback that forks in rcu_barrier's own thread ---- */

/* From here on no thread can be made, for want of address space, though processes can. */
static void forbid_threads(bool forbid)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, forbid ? (size_t)3 << (8 * sizeof(size_t) - 2) : 1 << 20);
	MUST(pthread_setattr_default_np(&attr) == 0);
	pthread_attr_destroy(&attr);
	reports = NULL;		/* that it cannot make one is reported */
}

static int fork_here;	/* the pid, in the thread that forked */

static void fork_in_stand_in(struct rcu_head *head)
{
	(void)head;
	fork_here = (int)hooked_fork();
}

/* A barrier of the child's that has to be woken, after the one in which it was forked. */
static void be_child_of_stand_in(struct counted *all, int number)
{
	struct counted fresh[10] = { 0 };
	struct reader_thread reader;
	struct task task;

	must_have_run_once(all, number);
	forbid_threads(false);
	MUST(get_thread_call_rcu_data() == NULL);
	for (int i = 0; i < 3; i++) {
		memset(fresh, 0, sizeof(fresh));
		hold(&reader);
		queue_all(fresh, 10);
		start_stuck_task(&task, barrier, NULL);
		STAGE("waking a barrier");
		release(&reader);
		join(task.thread);
		must_have_run_once(fresh, 10);
	}
	use_everything();
	run_child(use_everything_in_child, NULL);
	exit(0);
}

static void await_child_of_stand_in(struct counted *all, int number)
{
	rcu_barrier();
	if (fork_here == 0)
		be_child_of_stand_in(all, number);
	forbid_threads(false);
	must_have_run_once(all, number);
	expect_clean(fork_here);
	use_everything();
}

START_TEST(a_callback_that_rcu_barrier_runs_itself_for_want_of_a_thread_may_fork)
{
	struct counted *all = counted_new(100);
	struct rcu_head head;

	forbid_threads(true);
	queue_all(all, 50);
	call_rcu(&head, fork_in_stand_in);
	queue_all(all + 50, 50);
	await_child_of_stand_in(all, 100);
}
END_TEST

START_TEST(the_same_for_callbacks_of_a_freed_worker)
{
	struct call_rcu_data *worker = create_call_rcu_data(0, -1);
	struct counted *all = counted_new(100);
	struct reader_thread reader;
	unsigned long number;
	struct rcu_head head;
	struct task task;

	MUST(worker);
	hold(&reader);
	number = gp_number();
	set_thread_call_rcu_data(worker);
	queue_all(all, 50);
	call_rcu(&head, fork_in_stand_in);
	queue_all(all + 50, 50);
	set_thread_call_rcu_data(NULL);
	await_grace_period_after(number);
	start_stuck_task(&task, free_worker, worker);
	forbid_threads(true);
	release(&reader);
	join(task.thread);
	await_child_of_stand_in(all, 100);
}
END_TEST

/* ---- Floods ---- */

#define PRODUCERS	3
#define FLOOD		60000	/* callbacks of a producer in one generation */
#define FORKS		15

static struct producer {
	struct counted *all;
	struct forking *forking;	/* one of the flood, or NULL */
	int queued;			/* of all; call_rcu has returned for these */
	pthread_t thread;
} producers[PRODUCERS];

static int stop_flood;

static void queue_flood(struct producer *producer)
{
	for (int i = 0; i < FLOOD; i++) {
		call_rcu(&producer->all[i].head, count);
		put(&producer->queued, i + 1);
		if (i == FLOOD / 2 && producer->forking)
			call_rcu(&producer->forking->head, fork_in_callback);
	}
}

static void *flood(void *arg)
{
	struct producer *producer = arg;

	rcu_register_thread();
	do {
		put(&producer->queued, 0);
		memset(producer->all, 0, FLOOD * sizeof(*producer->all));
		queue_flood(producer);
		finish(producer->all, FLOOD);
	} while (!get(&stop_flood));
	rcu_unregister_thread();
	return NULL;
}

static void start_floods(void)
{
	put(&stop_flood, 0);
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i].all = counted_new(FLOOD);
		producers[i].thread = start_thread(flood, &producers[i]);
	}
}

static void stop_floods(void)
{
	put(&stop_flood, 1);
	for (int i = 0; i < PRODUCERS; i++)
		join(producers[i].thread);
}

/* In the child's copy: what was queued has run once; what was about to be, at most once. */
static void must_have_run_as_queued(const struct producer *producer)
{
	int queued = producer->queued;

	must_have_run_once(producer->all, queued);
	for (int i = queued; i < FLOOD; i++)
		MUST(__atomic_load_n(&producer->all[i].runs, __ATOMIC_RELAXED) <= 1);
}

static void drain_flood(void *arg)
{
	(void)arg;
	STAGE("rcu_barrier after a flood");
	rcu_barrier();
	for (int i = 0; i < PRODUCERS; i++)
		must_have_run_as_queued(&producers[i]);
	rcu_barrier();
}

static void drain_and_use(void *arg)
{
	drain_flood(arg);
	use_everything();
	run_child(drain_flood, NULL);
	exit(0);
}

static void fork_in_flood(void)
{
	start_floods();
	for (int i = 0; i < FORKS; i++)
		run_child(i % 5 ? drain_flood : drain_and_use, NULL);
	stop_floods();
}

START_TEST(forks_in_a_flood_lose_no_callback_and_run_none_twice)
{
	fork_in_flood();
	use_everything();
}
END_TEST

START_TEST(forks_in_a_flood_of_per_cpu_workers_do_neither)
{
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	fork_in_flood();
	free_all_cpu_call_rcu_data();
}
END_TEST

/* Whichever thread runs it: the child's second thread drains what was queued. */
START_TEST(callbacks_in_a_flood_may_fork)
{
	for (int i = 0; i < PRODUCERS; i++)
		producers[i].forking = forking_new(NULL, 0, 0);
	start_floods();
	for (int i = 0; i < 5; i++)
		run_child(drain_flood, NULL);
	stop_floods();
	for (int i = 0; i < PRODUCERS; i++)
		MUST(producers[i].forking->forked);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork-load/" FLAVOR);
	TCase *tcase = add_case(suite, "callbacks");

	tcase_add_test(tcase, a_callback_may_fork_and_the_child_runs_the_rest_of_its_batch);
	tcase_add_test(tcase, in_the_child_a_barrier_waits_for_the_callback_that_forked);
	tcase_add_test(tcase, callbacks_of_several_workers_may_fork_at_once);
	tcase_add_test(tcase, a_callback_and_a_thread_may_fork_at_once);
	tcase_add_test(tcase, the_child_of_a_callback_may_exit_in_it);
#ifndef TEST_QSBR
	tcase_add_test(tcase,
		a_fork_in_a_section_does_not_wait_for_a_callback_that_waits_for_the_section);
#endif
	/* musl bounds the default size of stacks, which forbids threads here. */
#ifdef __GLIBC__
	tcase_add_test(tcase,
		a_callback_that_rcu_barrier_runs_itself_for_want_of_a_thread_may_fork);
	tcase_add_test(tcase, the_same_for_callbacks_of_a_freed_worker);
#endif
	tcase = add_case(suite, "floods");
	tcase_add_test(tcase, forks_in_a_flood_lose_no_callback_and_run_none_twice);
	tcase_add_test(tcase, forks_in_a_flood_of_per_cpu_workers_do_neither);
	tcase_add_test(tcase, callbacks_in_a_flood_may_fork);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
