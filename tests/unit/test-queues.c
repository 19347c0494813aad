/* SPDX-License-Identifier: MIT */
/*
 * Inside the library: queues, and those who look at them, choose among them, free them and fork
 * beside them, each at the one moment at which it matters.
 */
#include "inside.h"
#include "held.h"

#include <sys/wait.h>

#include "callbacks/callbacks.h"
#include "system/system.h"

static __thread bool section_asks_for_cpu;

/* In the place of the C library's. */
int sched_getcpu(void)
{
	unsigned int cpu = 0;

	section_asks_for_cpu = rcu_read_ongoing();
	syscall(SYS_getcpu, &cpu, NULL, NULL);
	return (int)cpu;
}

/* ---- Who looks at a queue, and who chooses one ---- */

static struct call_rcu_data *look_at_first_made(void)
{
	return quiesce_queue_next(workers, quiesce_queue_next(workers, NULL));
}

START_TEST(queue_is_not_freed_under_who_looks_at_it)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);

	want(look_at_first_made() == queue);
	call_rcu_data_free(queue);
	want(first_made() == queue);
	quiesce_queue_unpin(queue);
	want(!first_made());
}
END_TEST

#ifndef TEST_QSBR	/* whose sections cannot be told */
START_TEST(worker_of_a_cpu_is_chosen_in_a_section)
{
	struct tally tally = { 0, 0 };

	rcu_register_thread();
	want(create_all_cpu_call_rcu_data(0) == 0);
	queue_jobs(&tally, 1);
	want(section_asks_for_cpu);
	rcu_barrier();
	all_ran_once(&tally);
	free_all_cpu_call_rcu_data();
	rcu_unregister_thread();
}
END_TEST
#endif

/* ---- Who waits for a queue that is freed ---- */

static void *barrier(void *arg)
{
	rcu_barrier();
	return arg;
}

static void *free_worker(void *arg)
{
	call_rcu_data_free(arg);
	return NULL;
}

/* A worker in a callback that stays, with more behind it in the same batch. */
static void occupy(struct call_rcu_data *queue, struct plug *plug, struct tally *rest)
{
	struct plug before;

	plug_in(&before, queue);
	set_thread_call_rcu_data(queue);
	plug_init(plug);
	call_rcu(&plug->head, plug_run);
	queue_jobs(rest, 1);
	set_thread_call_rcu_data(NULL);
	sem_post(&before.out);
	await(&plug->in);
}

/* The worker stops while the barrier sleeps, and no other thread can be made. */
START_TEST(barrier_runs_what_a_freed_worker_leaves_if_nobody_else_can)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	struct worker *worker = &queue->own;
	struct tally tally = { 0, 0 };
	pthread_t waiter, freer;
	struct plug plug;

	occupy(queue, &plug, &tally);
	waiter = start(barrier, NULL);
	await_that(get(queue->barriers) == 1);
	put(workers->closing, true);
	freer = start(free_worker, queue);
	await_that(get(worker->state) & WORKER_STOP);
	sem_post(&plug.out);
	pthread_join(waiter, NULL);
	pthread_join(freer, NULL);
	all_ran_once(&tally);
	put(workers->closing, false);
}
END_TEST

/* ---- Who is freed between the standard worker's two looks ---- */

#define TAKEN 1000	/* so many that it looks for a pause while it turns them around */

static pid_t default_thread;
static struct tally left;

static void note_thread(void *arg)
{
	(void)arg;
	default_thread = (pid_t)syscall(SYS_gettid);
}

static void come_after_what_was_left(struct rcu_head *head)
{
	(void)head;
	want(get(left.ran) == 1);
}

static void free_with_work_left(struct call_rcu_data *queue, struct plug *plug)
{
	pthread_t freer = start(free_worker, queue);

	await_that(get(queue->own.state) & WORKER_STOP);
	sem_post(&plug->out);
	pthread_join(freer, NULL);
}

static void pause_worker(struct worker *worker)
{
	quiesce_worker_pause(worker);
	quiesce_worker_await_pause(worker, &engine->fork.readers);
}

/* As a server that stopped leaves its queue; the worker is paused. */
static void leave_taken(struct call_rcu_data *queue, struct tally *tally)
{
	queue_jobs(tally, TAKEN);
	put(queue->takes, queue->takes + 1);
	queue->taken = __atomic_exchange_n(&queue->newest, NULL, __ATOMIC_SEQ_CST);
}

/* It has adopted one queue when another is given up, and then something is queued on its own. */
START_TEST(what_is_given_up_after_the_adoption_runs_before_what_is_queued_then)
{
	struct call_rcu_data *queue = &workers->standard, *first, *second;
	struct worker *worker = &queue->own;
	struct plug first_plug, second_plug;
	static struct rcu_head after;
	static struct tally others;
	unsigned int looks = 0;

	in_callback(note_thread, NULL);
	want(first = create_call_rcu_data(0, -1));
	want(second = create_call_rcu_data(0, -1));
	occupy(first, &first_plug, &others);
	occupy(second, &second_plug, &left);
	pause_worker(worker);
	leave_taken(queue, &others);
	free_with_work_left(first, &first_plug);
	/* It comes to adopt, and gets the lock when it has been asked to pause. */
	quiesce_forker_lock(workers, &workers->lock, "a test");
	quiesce_worker_resume(worker);
	await_that((looks = get(worker->state) & WORKER_BUSY && sleeps(default_thread) ?
			    looks + 1 : 0) == 8);
	quiesce_worker_pause(worker);
	quiesce_unlock(&workers->lock);
	quiesce_worker_await_pause(worker, &engine->fork.readers);
	free_with_work_left(second, &second_plug);
	call_rcu(&after, come_after_what_was_left);
	quiesce_worker_resume(worker);
	rcu_barrier();
	all_ran_once(&left);
	all_ran_once(&others);
}
END_TEST

/* ---- Who waits for a queue that the standard worker fosters, when that is stopped ---- */

static void *stop_default(void *arg)
{
	want(urcu_stop_default_worker() == 0);
	return arg;
}

/* The worker waits for a reader, and leaves then; the barrier has to have another thread made. */
START_TEST(barrier_of_a_fostered_queue_outlives_the_worker)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	struct tally tally = { 0, 0 };
	pthread_t waiter, stopper;
	unsigned long before;
	struct held reader;
	struct plug plug;

	occupy(queue, &plug, &tally);
	held_enter(&reader);
	before = gp_number();
	free_with_work_left(queue, &plug);
	await_gp_since(before);
	waiter = start(barrier, NULL);
	await_that(get(queue->barriers) == 1);
	stopper = start(stop_default, NULL);
	await_that(get(workers->standard.own.state) & WORKER_STOP);
	held_leave(&reader);
	pthread_join(waiter, NULL);
	pthread_join(stopper, NULL);
	all_ran_once(&tally);
}
END_TEST

/* ---- What is queued on a queue that a drain has passed ---- */

static struct plug next;
static pid_t drainer;

static void hand_on(struct rcu_head *head)
{
	plug_run(head);
	set_thread_call_rcu_data(&workers->standard);
	call_rcu(&next.head, plug_run);
}

static void *drain(void *arg)
{
	put(drainer, (pid_t)syscall(SYS_gettid));
	want(urcu_drain(100000) == 0);
	put(*(bool *)arg, true);
	return NULL;
}

/* It has come by the standard queue, and needs the lock to go on to the other. */
START_TEST(drain_comes_back_to_a_queue_that_it_has_passed)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	unsigned int looks = 0;
	bool drained = false;
	struct plug first;
	pthread_t thread;

	plug_init(&first);
	plug_init(&next);
	set_thread_call_rcu_data(queue);
	call_rcu(&first.head, hand_on);
	set_thread_call_rcu_data(NULL);
	await(&first.in);
	quiesce_forker_lock(workers, &workers->lock, "a test");
	thread = start(drain, &drained);
	await_that((looks = get(drainer) && sleeps(drainer) ? looks + 1 : 0) == 8);
	sem_post(&first.out);
	await(&next.in);
	await_that(get(queue->done) == get(queue->takes));
	quiesce_unlock(&workers->lock);
	for (uint64_t until = now_us() + 20000; now_us() < until; sched_yield())
		want(!get(drained));
	sem_post(&next.out);
	pthread_join(thread, NULL);
	call_rcu_data_free(queue);
}
END_TEST

/* ---- What a fork without hooks may have interrupted ---- */

/* Between the steps of append and ripen: what was moved is in both chains, or not known as the end of the one, or as taken. */
START_TEST(what_was_being_moved_is_in_one_chain)
{
	static struct call_rcu_data queue;
	struct cds_wfcq_node nodes[3] = { { &nodes[1] }, { &nodes[2] }, { NULL } };

	queue.waiting = queue.waiting_last = &nodes[0];
	queue.turned = &nodes[1];
	quiesce_queue_mend(&queue);
	want(queue.waiting == &nodes[0] && queue.waiting_last == &nodes[2] && !queue.turned);
	queue.waiting_last = &nodes[0];
	quiesce_queue_mend(&queue);
	want(queue.waiting_last == &nodes[2]);
	queue.batch = queue.waiting;
	queue.takes = 1;
	queue.taken = &nodes[2];
	quiesce_queue_mend(&queue);
	want(queue.batch == &nodes[0] && !queue.waiting && queue.ripe == 0);
	queue.taken = NULL;
	quiesce_queue_mend(&queue);
	want(queue.ripe == 1);
}
END_TEST

/* Between those of adding to the list and of taking out of it: the ways back. */
START_TEST(list_of_workers_is_whole_both_ways)
{
	struct call_rcu_data *first = create_call_rcu_data(0, -1), *second = create_call_rcu_data(0, -1);

	want(first && second);
	workers->list.prev = &first->node;
	second->node.prev = &workers->list;
	quiesce_workers_mend(workers);
	want(workers->list.prev == &second->node && second->node.prev == &first->node);
	want(first->node.prev == &workers->list);
	call_rcu_data_free(first);
	call_rcu_data_free(second);
}
END_TEST

/* ---- Who forks ---- */

static void must_hold_in_child(bool (*holds)(struct call_rcu_data *queue),
		struct call_rcu_data *queue)
{
	pid_t child;
	int status;

	call_rcu_before_fork();
	child = fork();
	if (child == 0) {
		call_rcu_after_fork_child();
		_exit(!holds(queue));
	}
	call_rcu_after_fork_parent();
	want(waitpid(child, &status, 0) == child && status == 0);
}

static void *look_on(void *arg)
{
	struct plug *plug = arg;
	struct call_rcu_data *queue = look_at_first_made();

	sem_post(&plug->in);
	await(&plug->out);
	quiesce_queue_unpin(queue);
	return NULL;
}

static bool one_looks_at(struct call_rcu_data *queue)
{
	return queue->pins == 1;
}

START_TEST(in_the_child_the_forking_thread_alone_looks_at_queues)
{
	struct call_rcu_data *queue = create_call_rcu_data(0, -1);
	struct plug plug;
	pthread_t other;

	plug_init(&plug);
	other = start(look_on, &plug);
	await(&plug.in);
	want(look_at_first_made() == queue);
	must_hold_in_child(one_looks_at, queue);
	quiesce_queue_unpin(queue);
	sem_post(&plug.out);
	pthread_join(other, NULL);
	call_rcu_data_free(queue);
}
END_TEST

static void leave_for_fork(struct rcu_head *head)
{
	sem_post(&caa_container_of(head, struct plug, head)->in);
	await_that(get(quiesce_worker_current(workers)->state) & WORKER_PAUSE);
}

static bool barrier_has_nothing_to_do(struct call_rcu_data *queue)
{
	uint64_t left = 0;

	(void)queue;
	return quiesce_barrier_until(workers, &left, "rcu_barrier");
}

/* The worker runs the last callback of a batch, and says that it is done after the fork. */
START_TEST(in_the_child_what_has_run_is_done)
{
	struct plug plug;

	plug_init(&plug);
	call_rcu(&plug.head, leave_for_fork);
	await(&plug.in);
	must_hold_in_child(barrier_has_nothing_to_do, NULL);
	rcu_barrier();
}
END_TEST

static struct call_rcu_data *late;

static void make_worker_for_fork(struct rcu_head *head)
{
	leave_for_fork(head);
	late = create_call_rcu_data(0, -1);
}

/* By the callback that the fork waits for. */
START_TEST(worker_made_after_the_others_were_paused_is_paused)
{
	struct plug plug;

	plug_init(&plug);
	call_rcu(&plug.head, make_worker_for_fork);
	await(&plug.in);
	call_rcu_before_fork();
	want(late && get(late->own.state) & WORKER_PAUSE);
	call_rcu_after_fork_parent();
	want(!(get(late->own.state) & WORKER_PAUSE));
	call_rcu_data_free(late);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queues-" FLAVOR);
	TCase *tc = add_case(suite, "queues", 20);

	tcase_add_test(tc, queue_is_not_freed_under_who_looks_at_it);
#ifndef TEST_QSBR
	tcase_add_test(tc, worker_of_a_cpu_is_chosen_in_a_section);
#endif
	tcase_add_test(tc, barrier_runs_what_a_freed_worker_leaves_if_nobody_else_can);
	tcase_add_test(tc, what_is_given_up_after_the_adoption_runs_before_what_is_queued_then);
	tcase_add_test(tc, barrier_of_a_fostered_queue_outlives_the_worker);
	tcase_add_test(tc, drain_comes_back_to_a_queue_that_it_has_passed);
	tcase_add_test(tc, what_was_being_moved_is_in_one_chain);
	tcase_add_test(tc, list_of_workers_is_whole_both_ways);
	tcase_add_test(tc, in_the_child_the_forking_thread_alone_looks_at_queues);
	tcase_add_test(tc, in_the_child_what_has_run_is_done);
	tcase_add_test(tc, worker_made_after_the_others_were_paused_is_paused);
	return run_suite(suite);
}
