/* SPDX-License-Identifier: MIT */
/*
 * What programs do, each once, to its end, whatever fails: a call that may fail says so by the value
 * that its header promises, and is made again; all else has to come out as if nothing had failed.
 */
#include <urcu/urcu-poll.h>
#include <urcu/rculfhash.h>

#include "fault.h"
#include "inject.h"

/* Calls that fail: a few more times than the plan has it, and then no more. */
#define TRIES 8

static bool has_failed(void)
{
	return __atomic_load_n(&fault->failed, __ATOMIC_RELAXED) > 0;
}

/* What a failure of the planned kind comes out as; nothing else may fail. */
static bool is_promised(int error)
{
	return has_failed() && error == fault->error &&
	       (fault->kind == FAULT_MEMORY || fault->kind == FAULT_MAP ||
		fault->kind == FAULT_PROTECT || fault->kind == FAULT_THREAD ||
		fault->kind == FAULT_ATFORK);
}

/* ---- Readers ---- */

#define READERS 80	/* more than need no memory: bp has 16 slots, then 60; the registry 32 */

static sem_t inside, leave;
static int leaving;

static void *stay_in_section(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	sem_post(&inside);
	await(&leave);
	__atomic_fetch_add(&leaving, 1, __ATOMIC_RELAXED);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

static void wait_for_all(void *arg)
{
	(void)arg;
	synchronize_rcu();
	MUST(get(&leaving) == READERS);
}

static void readers(void)
{
	pthread_t thread[READERS];
	unsigned long number;
	struct task writer;

	sem_init(&inside, 0, 0);
	sem_init(&leave, 0, 0);
	for (int i = 0; i < READERS; i++)
		thread[i] = start_thread(stay_in_section, NULL);
	for (int i = 0; i < READERS; i++)
		await(&inside);
	number = gp_number();
	start_task(&writer, wait_for_all, NULL);
	await_grace_period_after(number);
	for (int i = 0; i < READERS; i++)
		sem_post(&leave);
	for (int i = 0; i < READERS; i++)
		join(thread[i]);
	join(writer.thread);
	synchronize_rcu();
}

/* ---- Callbacks ---- */

#define FLOOD 6000

static struct counted flood[3][FLOOD];

static void *produce(void *arg)
{
	rcu_register_thread();
	queue_all(arg, FLOOD);
	rcu_barrier();
	rcu_unregister_thread();
	return NULL;
}

static void callbacks(void)
{
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		thread[i] = start_thread(produce, flood[i]);
	for (int i = 0; i < 3; i++)
		join(thread[i]);
	for (int i = 0; i < 3; i++)
		finish(flood[i], FLOOD);
}

static struct call_rcu_data *make_worker(unsigned long flags)
{
	struct call_rcu_data *worker;

	for (int i = 0; i < TRIES; i++) {
		errno = 0;
		worker = create_call_rcu_data(flags, 0);
		if (worker)
			return worker;
		MUST(is_promised(errno));
	}
	return NULL;
}

/* The thread's own, NULL if there is none; freed with callbacks left. */
static void thread_workers(void)
{
	rcu_register_thread();
	for (unsigned long flags = 0; flags <= URCU_CALL_RCU_RT; flags++) {
		struct call_rcu_data *worker = make_worker(flags);

		queue_all(flood[flags], 500);
		set_thread_call_rcu_data(worker);
		queue_all(flood[flags] + 500, 500);
		rcu_barrier();
		queue_all(flood[flags] + 1000, 500);
		set_thread_call_rcu_data(NULL);
		call_rcu_data_free(worker);
	}
	rcu_barrier();
	for (unsigned long flags = 0; flags <= URCU_CALL_RCU_RT; flags++)
		must_have_run_once(flood[flags], 1500);
	rcu_unregister_thread();
}

static void cpu_workers(void)
{
	int result = -1;

	rcu_register_thread();
	for (int i = 0; i < TRIES && result; i++) {
		errno = 0;
		result = create_all_cpu_call_rcu_data(0);
		MUST(result == 0 || (result == -errno && is_promised(errno)));
	}
	MUST(result || get_cpu_call_rcu_data(0));
	queue_all(flood[0], 500);
	rcu_barrier();
	queue_all(flood[0] + 500, 500);
	free_all_cpu_call_rcu_data();
	must_have_no_cpu_workers();
	finish(flood[0], 1000);
	rcu_unregister_thread();
}

/* ---- Deferred calls and polls ---- */

#define DEFERRED 5000	/* more than a queue holds */

static int deferred[DEFERRED];

static void run_deferred(void *p)
{
	__atomic_fetch_add((int *)p, 1, __ATOMIC_RELAXED);
}

static void deferred_calls(void)
{
	int result = -1;

	rcu_register_thread();
	for (int i = 0; i < TRIES && result; i++) {
		result = rcu_defer_register_thread();
		MUST(result == 0 || is_promised(-result));
	}
	for (int i = 0; i < DEFERRED && !result; i++)
		defer_rcu(run_deferred, &deferred[i]);
	rcu_defer_barrier();
	if (!result)
		rcu_defer_unregister_thread();
	for (int i = 0; i < DEFERRED; i++)
		MUST(get(&deferred[i]) == !result);
	rcu_defer_exit();
	rcu_unregister_thread();
}

/* When all is freed, the room that is there without memory is enough for what is given in the section. */
static int freed[3][DEFERRED];

static void *give_pointers(void *arg)
{
	int *words = arg;

	rcu_register_thread();
	rcu_barrier();
	rcu_read_lock();
	for (int i = 0; i < 200; i++)
		urcu_free_rcu(&words[i]);
	rcu_read_unlock();
	for (int i = 200; i < DEFERRED; i++)
		urcu_free_rcu(&words[i]);
	rcu_unregister_thread();
	return NULL;
}

static void free_pointers(void)
{
	pthread_t thread;

	MUST(urcu_free_rcu_with(run_deferred) == 0);
	for (int i = 0; i < 2; i++) {
		thread = start_thread(give_pointers, freed[i]);
		join(thread);
	}
	give_pointers(freed[2]);
	rcu_barrier();
	for (int i = 0; i < 3 * DEFERRED; i++)
		MUST(get(&freed[0][i]) == 1);
}

/* Without any thread to be had it makes no progress by itself, but by anybody's synchronize_rcu. */
static void polls(void)
{
	for (int i = 0; i < 3; i++) {
		struct urcu_gp_poll_state state = start_poll_synchronize_rcu();

		while (!poll_state_synchronize_rcu(state)) {
			relax();
			if (fault->kind == FAULT_THREAD)
				synchronize_rcu();
		}
	}
}

/* ---- Forks ---- */

static void everything_runs(void *arg)
{
	finish(arg, 1000);
	queue_and_finish(NULL);
	synchronize_rcu();
}

static void forks(void)
{
	int result = -1;

	rcu_register_thread();
	queue_all(flood[0], 1000);
	run_child(everything_runs, flood[0]);
	finish(flood[0], 1000);
	for (int i = 0; i < TRIES && result; i++) {
		result = urcu_atfork_enable();
		MUST(result == 0 || is_promised(result));
	}
	queue_all(flood[1], 1000);
	if (result == 0)
		run_plain_child(everything_runs, flood[1]);
	finish(flood[1], 1000);
	rcu_unregister_thread();
}

/* ---- The end, with all sorts of things queued ---- */

#define MARKED(i) fault->marks[i]
#include "../fork/marks.h"

/* Registered before the first call_rcu: it runs when the callbacks have. */
static void exit_with_callbacks(void)
{
	int result = atexit(free_workers);

	MUST(result == 0);
	rcu_register_thread();
	queue_marks(0, 200);
	own_worker = make_worker(0);
	set_thread_call_rcu_data(own_worker);
	queue_marks(200, 400);
	set_thread_call_rcu_data(NULL);
	result = create_all_cpu_call_rcu_data(0);
	MUST(result == 0 || is_promised(-result));
	queue_marks(400, MARKS);
	rcu_unregister_thread();
}

static void stay(struct rcu_head *head)
{
	put(&leaving, 1);
	while (head)
		pause();
}

static void exit_with_a_stuck_callback(void)
{
	static struct rcu_head head;

	call_rcu(&head, stay);
	await_value(&leaving, 1);
}

/* ---- Hash tables ---- */

#define NODES 3000

struct number {
	struct cds_lfht_node node;
	struct rcu_head head;
	unsigned long value;
};

static struct number numbers[NODES];

static unsigned long hash_of(unsigned long value)
{
	return value * 0x9e3779b97f4a7c15UL;
}

static int matches(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct number, node)->value == *(const unsigned long *)key;
}

static bool is_there(struct cds_lfht *table, unsigned long value)
{
	struct cds_lfht_iter iter;
	bool found;

	rcu_read_lock();
	cds_lfht_lookup(table, hash_of(value), matches, &value, &iter);
	found = cds_lfht_iter_get_node(&iter) == &numbers[value].node;
	rcu_read_unlock();
	return found;
}

static void add_numbers(struct cds_lfht *table)
{
	for (unsigned long i = 0; i < NODES; i++) {
		numbers[i].value = i;
		rcu_read_lock();
		cds_lfht_add(table, hash_of(i), &numbers[i].node);
		rcu_read_unlock();
	}
}

static void delete_numbers(struct cds_lfht *table, unsigned long first, unsigned long stop)
{
	for (unsigned long i = first; i < stop; i++) {
		rcu_read_lock();
		MUST(cds_lfht_del(table, &numbers[i].node) == 0);
		rcu_read_unlock();
	}
}

static struct cds_lfht *make_table(const struct cds_lfht_mm_type *memory, unsigned long most)
{
	struct cds_lfht *table;

	for (int i = 0; i < TRIES; i++) {
		errno = 0;
		table = _cds_lfht_new(1, 16, most, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
				      memory, &rcu_flavor, NULL);
		if (table)
			return table;
		MUST(is_promised(errno));
	}
	return NULL;
}

/* Grows and shrinks by itself and by resize, to a size of large, and is freed in the middle of it. */
static void use_table(const struct cds_lfht_mm_type *memory, unsigned long most,
		unsigned long large)
{
	struct cds_lfht *table;

	rcu_register_thread();
	table = make_table(memory, most);
	if (table) {
		add_numbers(table);
		rcu_barrier();
		cds_lfht_resize(table, large);
		cds_lfht_resize(table, 1);
		for (unsigned long i = 0; i < NODES; i++)
			MUST(is_there(table, i));
		delete_numbers(table, 0, NODES - 10);
		for (int i = 0; i < 10; i++)
			rcu_barrier();
		for (unsigned long i = 0; i < NODES; i++)
			MUST(is_there(table, i) == (i >= NODES - 10));
		MUST(cds_lfht_destroy(table, NULL) == -EPERM);
		cds_lfht_resize(table, large);
		delete_numbers(table, NODES - 10, NODES);
		cds_lfht_resize(table, 1);
		MUST(cds_lfht_destroy(table, NULL) == 0);
	}
	rcu_barrier();
	rcu_unregister_thread();
}

static void table_in_orders(void)
{
	use_table(&cds_lfht_mm_order, 0, 1UL << 13);
}

static void table_in_chunks(void)
{
	use_table(&cds_lfht_mm_chunk, 1UL << 13, 1UL << 13);
}

static void table_in_a_mapping(void)
{
	use_table(&cds_lfht_mm_mmap, 1UL << 13, 1UL << 13);
}

static void table_in_large_pieces(void)
{
	use_table(NULL, 0, 1UL << 19);
}

/* ---- All of them ---- */

#define SCENARIOS(x)								\
	x(readers) x(callbacks) x(thread_workers) x(cpu_workers) x(deferred_calls) x(polls)	\
	x(free_pointers) x(forks) x(exit_with_callbacks) x(table_in_orders) x(table_in_chunks)			\
	x(table_in_a_mapping) x(table_in_large_pieces)

#define NAME(scenario) #scenario,
const char *const fault_scenarios[] = { SCENARIOS(NAME) NULL };

/* The readers' rule, in the flavors that have two. */
static bool relies_on_membarrier(void)
{
#if defined(TEST_BP)
	return urcu_bp_has_sys_membarrier;
#elif defined(TEST_QSBR) || defined(RCU_MB)
	return false;
#else
	return urcu_memb_has_sys_membarrier;
#endif
}

int run_scenario(const char *name)
{
	shared = &fault->shared;
	STAGE(name);
	MUST(fault->kind != FAULT_OLDER_MEMBARRIER || !relies_on_membarrier());
	alarm(child_limit());
#define RUN(scenario) if (strcmp(name, #scenario) == 0) scenario();
	SCENARIOS(RUN)
	RUN(exit_with_a_stuck_callback)
	return EXIT_SUCCESS;
}
