/* SPDX-License-Identifier: MIT */
/*
 * A worker runs its callbacks one at a time, and in an order that extends happens-before: what was
 * queued before, by whatever thread, runs before. Programs keep plain counters in callbacks, and free
 * parents after children. Every kind of worker, every way for one thread to come after another.
 */
#include "../unit/harness.h"

#define PRODUCERS	3
#define FLOODERS	2
#define BACKLOG		50000	/* so much the flooders let gather */
#define ITEMS		(SLOW_BUILD ? 500u : 3000u)	/* of each producer */

/* ---- What callbacks find ---- */

/* The plain fields belong to callbacks, which need no lock for them if they run one at a time. */
static struct {
	bool inside;			/* atomic: a callback runs */
	unsigned long overlapped;	/* atomic */
	unsigned long queued, ran;	/* atomic */
	unsigned long plain;		/* how many have run, as they count it themselves */
	unsigned long last, late;	/* the highest number that ran; how many came after a higher one */
	unsigned long next;		/* the number to give: its holder's, in turn */
} ledger;

struct item {
	struct rcu_head head;
	unsigned long number;		/* 0: of a flooder, in no order with others */
	unsigned int follow;		/* so many more are to be queued by the callback */
};

static pthread_mutex_t numbers = PTHREAD_MUTEX_INITIALIZER;

static void queue_next_under_lock(unsigned int follow);

static void run(struct rcu_head *head)
{
	struct item *item = caa_container_of(head, struct item, head);

	if (__atomic_exchange_n(&ledger.inside, true, __ATOMIC_RELAXED))
		raise_by(ledger.overlapped, 1);
	ledger.plain++;
	if (item->number && item->number < ledger.last)
		ledger.late++;
	else if (item->number)
		ledger.last = item->number;
	if (item->follow)
		queue_next_under_lock(item->follow - 1);
	free(item);
	__atomic_store_n(&ledger.inside, false, __ATOMIC_RELAXED);
	raise_by(ledger.ran, 1);
}

static void queue_item(unsigned long number, unsigned int follow)
{
	struct item *item = malloc(sizeof(*item));

	want(item);
	item->number = number;
	item->follow = follow;
	raise_by(ledger.queued, 1);
	call_rcu(&item->head, run);
}

/* The caller comes after whoever took a number before. */
static void queue_next(void)
{
	queue_item(++ledger.next, 0);
}

static void queue_next_under_lock(unsigned int follow)
{
	pthread_mutex_lock(&numbers);
	queue_item(++ledger.next, follow);
	pthread_mutex_unlock(&numbers);
}

/* With nobody queueing any more. A callback may have queued others: a barrier for each generation. */
static void must_have_run_in_order(unsigned int generations)
{
	while (generations--)
		rcu_barrier();
	want(get(ledger.ran) == get(ledger.queued));
	ck_assert_uint_eq(get(ledger.overlapped), 0);
	ck_assert_uint_eq(ledger.plain, ledger.queued);
	ck_assert_uint_eq(ledger.late, 0);
	ck_assert_uint_eq(ledger.last, ledger.next);
}

/* ---- The worker that all of them use ---- */

enum { DEFAULT, MADE, RT, OF_CPUS, WORKERS };

static struct call_rcu_data *worker;

static int cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_CONF);
}

static void choose_worker(int kind)
{
	if (kind == MADE || kind == OF_CPUS)
		want(worker = create_call_rcu_data(0, -1));
	if (kind == RT)
		want(worker = create_call_rcu_data(URCU_CALL_RCU_RT, -1));
	for (int cpu = 0; kind == OF_CPUS && cpu < cpus(); cpu++)
		want(set_cpu_call_rcu_data(cpu, worker) == 0);
	if (kind == OF_CPUS)
		worker = NULL;
}

/* For each thread that queues; those of a CPU's worker are registered, as the headers ask. */
static void begin_queueing(void)
{
	rcu_register_thread();
	set_thread_call_rcu_data(worker);
}

static void end_queueing(void)
{
	set_thread_call_rcu_data(NULL);
	rcu_unregister_thread();
}

/* ---- One thread after the other ---- */

static unsigned int turn;
static int pipes[PRODUCERS][2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static pthread_spinlock_t spinlock;
static sem_t token[PRODUCERS];

static void by_lock(unsigned int me)
{
	(void)me;
	queue_next_under_lock(0);
}

static void by_spinlock(unsigned int me)
{
	(void)me;
	pthread_spin_lock(&spinlock);
	queue_next();
	pthread_spin_unlock(&spinlock);
}

static void by_flag(unsigned int me)
{
	await_that(get(turn) == me);
	queue_next();
	put(turn, (me + 1) % PRODUCERS);
}

static void by_condition(unsigned int me)
{
	pthread_mutex_lock(&mutex);
	while (turn != me)
		pthread_cond_wait(&turned, &mutex);
	pthread_mutex_unlock(&mutex);
	queue_next();
	pthread_mutex_lock(&mutex);
	turn = (me + 1) % PRODUCERS;
	pthread_cond_broadcast(&turned);
	pthread_mutex_unlock(&mutex);
}

static void by_semaphore(unsigned int me)
{
	await(&token[me]);
	queue_next();
	sem_post(&token[(me + 1) % PRODUCERS]);
}

static void by_pipe(unsigned int me)
{
	char byte;

	want(read(pipes[me][0], &byte, 1) == 1);
	queue_next();
	want(write(pipes[(me + 1) % PRODUCERS][1], &byte, 1) == 1);
}

static void (*const ways[])(unsigned int me) = {
	by_lock, by_spinlock, by_flag, by_condition, by_semaphore, by_pipe,
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void prepare_ways(void)
{
	pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
	for (int i = 0; i < PRODUCERS; i++) {
		sem_init(&token[i], 0, i == 0);
		want(pipe(pipes[i]) == 0);
	}
	want(write(pipes[0][1], "", 1) == 1);
}

/* ---- Threads ---- */

static unsigned int numbered;
static void (*way)(unsigned int me);
static bool over;

static void *produce(void *arg)
{
	unsigned int me = raise_by(numbered, 1) - 1;

	begin_queueing();
	for (unsigned int i = 0; i < ITEMS; i++)
		way(me);
	end_queueing();
	return arg;
}

/* As much as it can, without more than a backlog in memory. */
static void *flood(void *arg)
{
	begin_queueing();
	while (!get(over)) {
		if (get(ledger.queued) - get(ledger.ran) < BACKLOG)
			for (int i = 0; i < 1000; i++)
				queue_item(0, 0);
		else
			sched_yield();
	}
	end_queueing();
	return arg;
}

/* Grace periods of different lengths. */
static void *read_on(void *arg)
{
	unsigned int random = 4711;

	rcu_register_thread();
	while (!get(over)) {
		rcu_read_lock();
		hold_for(pick(&random, 2000));
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return arg;
}

static void *call_barrier(void *arg)
{
	while (!get(over))
		rcu_barrier();
	return arg;
}

/* As if fork failed. */
static void *call_hooks(void *arg)
{
	while (!get(over)) {
		call_rcu_before_fork();
		hold_for(100);
		call_rcu_after_fork_parent();
	}
	return arg;
}

/* Producers in turn, with company until they are through. */
static void produce_with(unsigned int count, void *(*company)(void *))
{
	static struct team producers, others;

	prepare_ways();
	if (count)
		team_add(&others, count, company, NULL);
	team_add(&producers, PRODUCERS, produce, NULL);
	team_join(&producers);
	put(over, true);
	team_join(&others);
}

/* ---- Tests: which worker, which way ---- */

#define WORKER	((int)((unsigned int)_i % WORKERS))
#define WAY	(ways[(unsigned int)_i / WORKERS])

START_TEST(what_is_queued_before_runs_before)
{
	choose_worker(WORKER);
	way = WAY;
	produce_with(0, NULL);
	must_have_run_in_order(1);
}
END_TEST

START_TEST(what_is_queued_before_runs_before_in_a_flood)
{
	choose_worker(WORKER);
	way = WAY;
	produce_with(FLOODERS, flood);
	must_have_run_in_order(1);
}
END_TEST

START_TEST(what_is_queued_before_runs_before_beside_readers)
{
	choose_worker(WORKER);
	way = by_lock;
	produce_with(1, read_on);
	must_have_run_in_order(1);
}
END_TEST

START_TEST(what_is_queued_before_runs_before_with_barriers_between)
{
	choose_worker(WORKER);
	way = by_lock;
	produce_with(2, call_barrier);
	must_have_run_in_order(1);
}
END_TEST

START_TEST(what_is_queued_before_runs_before_with_fork_hooks_between)
{
	choose_worker(WORKER);
	way = by_lock;
	produce_with(1, call_hooks);
	must_have_run_in_order(1);
}
END_TEST

/* ---- A thread's whole life before another's ---- */

static void *queue_some(void *arg)
{
	begin_queueing();
	for (int i = 0; i < 20; i++)
		queue_next();
	end_queueing();
	return arg;
}

START_TEST(what_a_thread_queued_runs_before_what_follows_its_join)
{
	static struct team flooders;

	choose_worker(WORKER);
	team_add(&flooders, (unsigned int)_i / WORKERS, flood, NULL);
	for (int i = 0; i < (SLOW_BUILD ? 30 : 300); i++) {
		pthread_t thread = start(queue_some, NULL);

		pthread_join(thread, NULL);
		queue_some(NULL);
	}
	put(over, true);
	team_join(&flooders);
	must_have_run_in_order(1);
}
END_TEST

/* A thread that starts after, in turn. */
static void *queue_and_start_another(void *left)
{
	uintptr_t count = (uintptr_t)left;

	queue_some(NULL);
	if (count)
		pthread_join(start(queue_and_start_another, (void *)(count - 1)), NULL);
	return NULL;
}

START_TEST(what_a_thread_queued_runs_before_what_a_thread_it_starts_queues)
{
	choose_worker(WORKER);
	for (int i = 0; i < 10; i++)
		queue_and_start_another((void *)(uintptr_t)20);
	must_have_run_in_order(1);
}
END_TEST

/* ---- A plain flood ---- */

static void *queue_many(void *arg)
{
	begin_queueing();
	for (unsigned int i = 0; i < 100 * ITEMS; i++) {
		queue_item(0, 0);
		if (i % 1000 == 999)
			await_that(get(ledger.queued) - get(ledger.ran) < BACKLOG);
	}
	end_queueing();
	return arg;
}

START_TEST(callbacks_of_several_busy_producers_do_not_overlap)
{
	static struct team producers;

	choose_worker(WORKER);
	team_add(&producers, 2, queue_many, NULL);
	team_join(&producers);
	must_have_run_in_order(1);
}
END_TEST

/* ---- Callbacks that queue ---- */

#define GENERATIONS 4

static void by_lock_with_followers(unsigned int me)
{
	(void)me;
	queue_next_under_lock(GENERATIONS - 1);
}

START_TEST(callbacks_that_queue_come_in_order_with_threads_that_queue)
{
	choose_worker(WORKER);
	/* A worker of CPUs runs what its callbacks queue; so does every other. */
	way = by_lock_with_followers;
	produce_with((unsigned int)_i / WORKERS, flood);
	must_have_run_in_order(GENERATIONS);
}
END_TEST

/* ---- A worker that is freed hands its queue over in order ---- */

START_TEST(what_moves_to_the_default_worker_keeps_its_order)
{
	for (int i = 0; i < 20; i++) {
		struct call_rcu_data *mine;
		static struct team producers;

		want(worker = mine = create_call_rcu_data(i % 2 ? URCU_CALL_RCU_RT : 0, -1));
		numbered = 0;
		way = by_lock;
		team_add(&producers, PRODUCERS, produce, NULL);
		team_join(&producers);
		call_rcu_data_free(mine);
		must_have_run_in_order(1);
	}
}
END_TEST

/* A callback that holds its worker up, but no grace period, until it is told, or until main sleeps. */
struct stay {
	struct rcu_head head;
	bool inside, leave, till_main_sleeps;
};

static void stay(struct rcu_head *head)
{
	struct stay *me = caa_container_of(head, struct stay, head);
	int looks = 0;

	rcu_thread_offline();
	put(me->inside, true);
	await_that(get(me->leave));
	/* In a short contention it would be seen asleep once. */
	if (me->till_main_sleeps)
		await_that((looks = sleeps(getpid()) ? looks + 1 : 0) == 8);
	rcu_thread_online();
}

static void let_stay(struct stay *me, struct call_rcu_data *on, bool till_main_sleeps)
{
	*me = (struct stay) { .till_main_sleeps = till_main_sleeps };
	set_thread_call_rcu_data(on);
	call_rcu(&me->head, stay);
	set_thread_call_rcu_data(NULL);
}

/* Its worker stops with callbacks left, some of its batch and some that came later. */
START_TEST(what_a_freed_worker_leaves_runs_before_what_is_queued_then)
{
	static struct stay on_default, on_mine;

	for (int i = 0; i < 20; i++) {
		let_stay(&on_default, NULL, false);
		want(worker = create_call_rcu_data(i % 2 ? URCU_CALL_RCU_RT : 0, -1));
		let_stay(&on_mine, worker, true);
		queue_some(NULL);
		await_that(get(on_mine.inside) && get(on_default.inside));
		queue_some(NULL);
		put(on_mine.leave, true);
		call_rcu_data_free(worker);
		worker = NULL;
		queue_some(NULL);
		put(on_default.leave, true);
		must_have_run_in_order(1);
	}
}
END_TEST

/* The worker may be anywhere: not there yet, turning its chain around, in the middle of the batch. */
START_TEST(what_a_worker_has_in_hand_when_it_is_freed_keeps_its_order)
{
	static struct stay on_mine;
	unsigned int random = 4711;

	for (int i = 0; i < (SLOW_BUILD ? 5 : 60); i++) {
		want(worker = create_call_rcu_data(0, -1));
		let_stay(&on_mine, worker, false);
		await_that(get(on_mine.inside));
		for (int j = 0; j < 500; j++)
			queue_some(NULL);
		put(on_mine.leave, true);
		hold_for(pick(&random, 20000));
		call_rcu_data_free(worker);
		worker = NULL;
		queue_some(NULL);
		must_have_run_in_order(1);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("order/" FLAVOR);
	TCase *tcase = add_case(suite, "order", 60);

	tcase_add_loop_test(tcase, what_is_queued_before_runs_before, 0, (int)WAYS * WORKERS);
	tcase_add_loop_test(tcase, what_is_queued_before_runs_before_in_a_flood, 0,
			    (int)WAYS * WORKERS);
	tcase_add_loop_test(tcase, what_is_queued_before_runs_before_beside_readers, 0, WORKERS);
	tcase_add_loop_test(tcase, what_is_queued_before_runs_before_with_barriers_between, 0,
			    WORKERS);
	tcase_add_loop_test(tcase, what_is_queued_before_runs_before_with_fork_hooks_between, 0,
			    WORKERS);
	tcase_add_loop_test(tcase, what_a_thread_queued_runs_before_what_follows_its_join, 0,
			    2 * WORKERS);
	tcase_add_loop_test(tcase,
		what_a_thread_queued_runs_before_what_a_thread_it_starts_queues, 0, WORKERS);
	tcase_add_loop_test(tcase, callbacks_of_several_busy_producers_do_not_overlap, 0, WORKERS);
	tcase_add_loop_test(tcase, callbacks_that_queue_come_in_order_with_threads_that_queue, 0,
			    2 * WORKERS);
	tcase_add_test(tcase, what_moves_to_the_default_worker_keeps_its_order);
	tcase_add_test(tcase, what_a_freed_worker_leaves_runs_before_what_is_queued_then);
	tcase_add_test(tcase, what_a_worker_has_in_hand_when_it_is_freed_keeps_its_order);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
