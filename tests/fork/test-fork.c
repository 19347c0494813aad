/* SPDX-License-Identifier: MIT */
/*
 * The fork contract (doc/design/fork.md), row by row: what the forking thread was, what the other
 * threads were, and what the workers had left to do. Other threads in the middle of a call are in
 * test-fork-calls.c, nested hooks and failing forks in test-fork-hooks.c, forks from callbacks and
 * under load in test-fork-load.c.
 */
#include "fork-harness.h"

/* ---- The registry: of the child's, only the forking thread is left ---- */

#define IDLE_READERS	40	/* more than the registry holds without allocating */
#define STACK_SIZE	((size_t)256 << 10)

static sem_t idle_ready, idle_leave;

static void *stay_registered(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	rcu_read_unlock();
	sem_post(&idle_ready);
	await(&idle_leave);
	rcu_unregister_thread();
	return arg;
}

struct idlers {
	pthread_t thread[IDLE_READERS];
	char *stacks;
};

static void start_idlers(struct idlers *idlers)
{
	pthread_attr_t attr;

	sem_init(&idle_ready, 0, 0);
	sem_init(&idle_leave, 0, 0);
	idlers->stacks = mmap(NULL, IDLE_READERS * STACK_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(idlers->stacks != MAP_FAILED);
	for (int i = 0; i < IDLE_READERS; i++) {
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, idlers->stacks + (size_t)i * STACK_SIZE, STACK_SIZE);
		MUST(pthread_create(&idlers->thread[i], &attr, stay_registered, NULL) == 0);
		pthread_attr_destroy(&attr);
		await(&idle_ready);
	}
}

static void stop_idlers(struct idlers *idlers)
{
	for (int i = 0; i < IDLE_READERS; i++)
		sem_post(&idle_leave);
	for (int i = 0; i < IDLE_READERS; i++)
		join(idlers->thread[i]);
}

/* Whoever looks at a dead thread's reader, which lies in its stack's mapping, dies of it. */
static void live_without_them(void *arg)
{
	struct idlers *idlers = arg;

	MUST(mprotect(idlers->stacks, IDLE_READERS * STACK_SIZE, PROT_NONE) == 0);
	use_everything();
	run_child(use_everything_in_child, NULL);
	exit(0);
}

START_TEST(dead_threads_are_not_in_the_childs_registry_nor_is_their_memory_touched)
{
	struct idlers idlers;

	start_idlers(&idlers);
	run_child(live_without_them, &idlers);
	use_everything();
	stop_idlers(&idlers);
}
END_TEST

#ifdef TEST_BP
static void *take_slot(void *slot)
{
	rcu_read_lock();
	rcu_read_unlock();
	*(struct urcu_bp_reader **)slot = urcu_bp_reader;
	sem_post(&idle_ready);
	await(&idle_leave);
	return NULL;
}

/* That one, and not the forking thread's. */
static void take_it_again(void *slot)
{
	struct urcu_bp_reader *again;
	pthread_t thread = start_thread(take_slot, &again);

	await(&idle_ready);
	sem_post(&idle_leave);
	join(thread);
	MUST(again == *(struct urcu_bp_reader **)slot);
}

START_TEST(the_slot_of_a_dead_thread_is_used_again_in_the_child)
{
	struct urcu_bp_reader *slot;
	pthread_t thread;

	sem_init(&idle_ready, 0, 0);
	sem_init(&idle_leave, 0, 0);
	rcu_read_lock();
	rcu_read_unlock();
	thread = start_thread(take_slot, &slot);
	await(&idle_ready);
	run_child(take_it_again, &slot);
	sem_post(&idle_leave);
	join(thread);
}
END_TEST
#endif

START_TEST(sections_of_other_threads_are_gone_in_the_child_and_go_on_in_the_parent)
{
	unsigned long number;
	struct reader_thread readers[3];
	struct task task;

	for (int i = 0; i < 3; i++)
		hold(&readers[i]);
	run_child(synchronize_in_child, NULL);
	number = gp_number();
	start_task(&task, synchronize, NULL);
	await_grace_period_after(number);
	run_child(synchronize_in_child, NULL);
	release(&readers[0]);
	release(&readers[1]);
	must_be_stuck(&task);
	release(&readers[2]);
	join(task.thread);
}
END_TEST

/* ---- The forking thread ---- */

static void register_in_child(void *arg)
{
	(void)arg;
	synchronize_rcu();
	rcu_register_thread();
	rcu_read_lock();
	must_be_waited_for();
	rcu_unregister_thread();
	use_everything();
}

START_TEST(a_forker_that_is_not_registered_may_register_in_the_child)
{
	run_child(register_in_child, NULL);
	register_in_child(NULL);
}
END_TEST

static void read_as_registered(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		rcu_read_lock();
		must_be_waited_for();
		run_child(synchronize_in_child, NULL);
	}
	rcu_unregister_thread();
	synchronize_rcu();
	rcu_register_thread();
	rcu_read_lock();
	must_be_waited_for();
}

START_TEST(a_registered_forker_stays_registered)
{
	rcu_register_thread();
	run_child(read_as_registered, NULL);
	read_as_registered(NULL);
	rcu_unregister_thread();
}
END_TEST

static void go_on_in_section(void *arg)
{
	MUST(rcu_read_ongoing());
	rcu_read_unlock();
	MUST(rcu_read_ongoing());
	must_be_waited_for();
	MUST(!rcu_read_ongoing());
	use_everything();
	if (arg)
		exit(0);
}

START_TEST(a_forkers_section_goes_on_in_the_child_and_is_waited_for)
{
	struct counted *all = counted_new(10);
	struct batch batch = { all, 10 };
	static int in_child = 1;

	rcu_register_thread();
	queue_all(all, 10);
	rcu_read_lock();
	rcu_read_lock();
	run_child(go_on_in_section, &in_child);
	go_on_in_section(NULL);
	finish(all, 10);
	finish_in_child(&batch);
	rcu_unregister_thread();
}
END_TEST

#ifndef TEST_QSBR
static void be_inside_of_an_older_section(void *arg)
{
	struct counted *all = arg;

	MUST(sum_of_runs(all, 10) == 0);
	must_be_waited_for();
	finish(all, 10);
}

/* The worker's grace period waits for the forker itself, at the fork. */
START_TEST(a_forker_whose_section_holds_a_grace_period_up_forks_all_the_same)
{
	struct counted *all = counted_new(10);
	unsigned long number;

	rcu_register_thread();
	rcu_read_lock();
	number = gp_number();
	queue_all(all, 10);
	await_grace_period_after(number);
	run_child(be_inside_of_an_older_section, all);
	MUST(sum_of_runs(all, 10) == 0);
	rcu_read_unlock();
	finish(all, 10);
	rcu_unregister_thread();
}
END_TEST
#endif

/* ---- Workers: running, parked, lingering ---- */

START_TEST(a_parked_worker_resumes_in_the_parent_and_is_made_again_in_the_child)
{
	struct counted *all = counted_new(50);
	struct batch batch = { all, 50 };

	queue_all(all, 1);
	rcu_barrier();
	MUST(all[0].runs == 1);
	queue_all(all + 1, 49);
	run_child(queue_and_finish, &batch);
	finish(all, 50);
	run_child(queue_and_finish, &batch);
	queue_and_finish(&batch);
}
END_TEST

/* After a barrier the next callback finds the worker lingering; each round forks then. */
START_TEST(callbacks_of_a_lingering_worker_run_once_on_both_sides)
{
	struct counted *all = counted_new(20);
	struct batch batch = { all, 0 };
	int i;

	for (i = 0; i < 20; i++) {
		queue_all(all + i, 1);
		batch.number = i + 1;
		run_child(queue_and_finish, &batch);
		if (i % 3 == 0)
			finish(all, i + 1);
	}
	finish(all, 20);
}
END_TEST

START_TEST(a_worker_that_never_ran_is_of_no_concern)
{
	call_rcu_before_fork();
	call_rcu_after_fork_parent();
	run_child(use_everything_in_child, NULL);
	use_everything();
}
END_TEST

/* ---- Workers: in the middle of a batch ---- */

#define BATCH		100000
#define GATE		1000	/* the callback that runs when the fork begins */

struct gate {
	struct rcu_head head;
	sem_t entered;
	int forking;			/* the forker is about to call before_fork */
	int returned;
	pid_t forker;
};

/* Returns once the forker waits for it, in before_fork. */
static void stand_at_gate(struct rcu_head *head)
{
	struct gate *gate = caa_container_of(head, struct gate, head);

	sem_post(&gate->entered);
	await_value(&gate->forking, 1);
	await_asleep(gate->forker);
	put(&gate->returned, 1);
}

static void init_gate(struct gate *gate)
{
	memset(gate, 0, sizeof(*gate));
	sem_init(&gate->entered, 0, 0);
	gate->forker = thread_id();
}

static void finish_batch(void *arg)
{
	struct counted *all = arg;

	MUST(sum_of_runs(all, BATCH) == GATE);
	finish(all, BATCH);
	use_everything();
	must_have_run_once(all, BATCH);
}

static void fork_in_a_batch(void)
{
	struct counted *all = counted_new(BATCH);
	struct gate gate;
	pid_t pid;

	init_gate(&gate);
	queue_all(all, GATE);
	call_rcu(&gate.head, stand_at_gate);
	queue_all(all + GATE, BATCH - GATE);
	await(&gate.entered);
	put(&gate.forking, 1);
	call_rcu_before_fork();
	MUST(get(&gate.returned) && sum_of_runs(all, BATCH) == GATE);
	pid = fork();
	if (pid == 0) {
		alarm(child_limit());
		call_rcu_after_fork_child();
		finish_batch(all);
		_exit(0);
	}
	expect_clean(pid);
	MUST(sum_of_runs(all, BATCH) == GATE);
	call_rcu_after_fork_parent();
	finish(all, BATCH);
	free(all);
}

START_TEST(a_fork_waits_for_the_running_callback_not_for_its_batch)
{
	fork_in_a_batch();
	fork_in_a_batch();
}
END_TEST

START_TEST(the_same_in_the_batch_of_a_made_worker)
{
	for (unsigned long rt = 0; rt < 2; rt++) {
		struct call_rcu_data *worker = create_call_rcu_data(rt * URCU_CALL_RCU_RT, 0);

		MUST(worker);
		set_thread_call_rcu_data(worker);
		fork_in_a_batch();
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(worker);
	}
}
END_TEST

/* ---- Workers: in a grace period ---- */

START_TEST(callbacks_behind_a_stuck_reader_run_once_on_both_sides)
{
	struct counted *all = counted_new(50);
	struct batch batch = { all, 50 };
	struct reader_thread reader;
	unsigned long number;

	hold(&reader);
	number = gp_number();
	queue_all(all, 25);
	await_grace_period_after(number);
	queue_all(all + 25, 25);
	run_child(finish_in_child, &batch);
	run_child(finish_in_child, &batch);
	MUST(sum_of_runs(all, 50) == 0);
	release(&reader);
	finish(all, 50);
}
END_TEST

/* ---- Workers of threads and of CPUs ---- */

struct assigned {
	struct call_rcu_data *own, *cpu[1024];
	struct batch batch;
};

static void assign(struct assigned *assigned, struct counted *all)
{
	MUST(create_all_cpu_call_rcu_data(0) == 0);
	rcu_register_thread();
	queue_all(all, 20);
	rcu_unregister_thread();
	assigned->own = create_call_rcu_data(0, -1);
	MUST(assigned->own);
	set_thread_call_rcu_data(assigned->own);
	queue_all(all + 20, 20);
	for (int cpu = 0; cpu < cpu_count() && cpu < 1024; cpu++)
		assigned->cpu[cpu] = get_cpu_call_rcu_data(cpu);
	assigned->batch = (struct batch) { all, 40 };
}

static void must_be_assigned(const struct assigned *assigned)
{
	MUST(get_thread_call_rcu_data() == assigned->own);
	MUST(get_call_rcu_data() == assigned->own);
	for (int cpu = 0; cpu < cpu_count() && cpu < 1024; cpu++) {
		MUST(assigned->cpu[cpu]);
		MUST(get_cpu_call_rcu_data(cpu) == assigned->cpu[cpu]);
	}
}

static void be_unassigned(void *arg)
{
	struct assigned *assigned = arg;

	MUST(get_thread_call_rcu_data() == NULL);
	must_have_no_cpu_workers();
	MUST(get_call_rcu_data() == get_default_call_rcu_data());
	queue_and_finish(&assigned->batch);
	run_child(queue_and_finish, &assigned->batch);
	use_everything();
	exit(0);
}

START_TEST(workers_of_thread_and_cpus_are_kept_in_the_parent_and_handed_over_in_the_child)
{
	struct counted *all = counted_new(40);
	struct reader_thread reader;
	struct assigned assigned;

	hold(&reader);
	assign(&assigned, all);
	run_child(be_unassigned, &assigned);
	must_be_assigned(&assigned);
	MUST(sum_of_runs(all, 40) == 0);
	release(&reader);
	run_child(be_unassigned, &assigned);
	must_be_assigned(&assigned);
	finish(all, 40);
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(assigned.own);
	free_all_cpu_call_rcu_data();
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("fork/" FLAVOR);
	TCase *tcase = add_case(suite, "registry");

	tcase_add_test(tcase,
		dead_threads_are_not_in_the_childs_registry_nor_is_their_memory_touched);
#ifdef TEST_BP
	tcase_add_test(tcase, the_slot_of_a_dead_thread_is_used_again_in_the_child);
#endif
	tcase_add_test(tcase,
		sections_of_other_threads_are_gone_in_the_child_and_go_on_in_the_parent);
	tcase_add_test(tcase, a_forker_that_is_not_registered_may_register_in_the_child);
	tcase_add_test(tcase, a_registered_forker_stays_registered);
	tcase_add_test(tcase, a_forkers_section_goes_on_in_the_child_and_is_waited_for);
#ifndef TEST_QSBR
	/* There the hooks are a quiescent state. */
	tcase_add_test(tcase, a_forker_whose_section_holds_a_grace_period_up_forks_all_the_same);
#endif
	tcase = add_case(suite, "workers");
	tcase_add_test(tcase, a_worker_that_never_ran_is_of_no_concern);
	tcase_add_test(tcase, a_parked_worker_resumes_in_the_parent_and_is_made_again_in_the_child);
	tcase_add_test(tcase, callbacks_of_a_lingering_worker_run_once_on_both_sides);
	tcase_add_test(tcase, a_fork_waits_for_the_running_callback_not_for_its_batch);
	tcase_add_test(tcase, the_same_in_the_batch_of_a_made_worker);
	tcase_add_test(tcase, callbacks_behind_a_stuck_reader_run_once_on_both_sides);
	tcase_add_test(tcase,
		workers_of_thread_and_cpus_are_kept_in_the_parent_and_handed_over_in_the_child);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
