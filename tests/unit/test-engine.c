/* SPDX-License-Identifier: MIT */
/* Inside the library: registry, both forms of the engine, the number's wrap, sleeping, sharing. */
#include "inside.h"

#include "system/system.h"

/* ---- The registry, with readers that are no threads ---- */

#define FAKES 200

struct fakes {
	struct registry registry;
	struct reader reader[FAKES];
	bool registered[FAKES];
	unsigned long ctr;
	unsigned int random;
};

static bool is_older(const struct fakes *fakes, unsigned int i)
{
	unsigned long ctr = fakes->reader[i].ctr;

	return fakes->registered[i] && (ctr & URCU_GP_NEST_MASK) &&
	       (ctr & ~URCU_GP_NEST_MASK) != (fakes->ctr & ~URCU_GP_NEST_MASK);
}

static unsigned long count_older(const struct fakes *fakes)
{
	unsigned long older = 0;

	for (unsigned int i = 0; i < FAKES; i++)
		older += is_older(fakes, i);
	return older;
}

static bool is_awaited(const struct fakes *fakes, unsigned int i)
{
	return fakes->reader[i].slot == REGISTRY_BEYOND ||
	       (fakes->reader[i].slot && fakes->reader[i].slot <= fakes->registry.awaited);
}

static void check_registry(const struct fakes *fakes)
{
	const struct registry *registry = &fakes->registry;
	unsigned long in_array = 0;

	want(registry->awaited <= registry->count && registry->count <= registry->capacity);
	for (unsigned long i = 0; i < registry->count; i++)
		want(registry->readers[i]->slot == i + 1);
	for (unsigned int i = 0; i < FAKES; i++) {
		want(fakes->registered[i] == (fakes->reader[i].slot != 0));
		in_array += fakes->registered[i] && fakes->reader[i].slot != REGISTRY_BEYOND;
		if (fakes->registered[i] && fakes->reader[i].slot != REGISTRY_BEYOND)
			want(registry->readers[fakes->reader[i].slot - 1] == &fakes->reader[i]);
	}
	want(in_array == registry->count);
}

/* Enter a young section or leave one; older ones are entered before the grace period begins. */
static void step_of_reader(struct fakes *fakes, unsigned int i)
{
	struct reader *reader = &fakes->reader[i];

	if (fakes->registered[i])
		reader->ctr = reader->ctr & URCU_GP_NEST_MASK ? 0 : fakes->ctr;
}

static void step_of_registration(struct fakes *fakes, unsigned int i)
{
	unsigned long awaited = fakes->registry.awaited;
	bool was_awaited = is_awaited(fakes, i) && fakes->reader[i].slot != REGISTRY_BEYOND;

	if (fakes->registered[i]) {
		want(!quiesce_registry_add(&fakes->registry, &fakes->reader[i]));
		want(quiesce_registry_remove(&fakes->registry, &fakes->reader[i]));
		want(fakes->registry.awaited == awaited - was_awaited);
		fakes->reader[i].ctr = 0;
	} else {
		want(!quiesce_registry_remove(&fakes->registry, &fakes->reader[i]));
		want(quiesce_registry_add(&fakes->registry, &fakes->reader[i]));
		want(fakes->registry.awaited == awaited);
	}
	fakes->registered[i] = !fakes->registered[i];
}

/* A grace period on the fakes, with readers who come, go, enter and leave between the looks. */
static void fake_grace_period(struct fakes *fakes)
{
	fakes->ctr += URCU_GP_STEP;
	want(quiesce_registry_scan(&fakes->registry, fakes->ctr) == count_older(fakes));
	for (int look = 0; look < 8; look++) {
		for (int step = 0; step < 40; step++) {
			unsigned int i = pick(&fakes->random, FAKES);

			if (pick(&fakes->random, 3))
				step_of_reader(fakes, i);
			else
				step_of_registration(fakes, i);
			check_registry(fakes);
		}
		for (unsigned int i = 0; i < FAKES; i++)
			want(!is_older(fakes, i) || is_awaited(fakes, i));
		want(quiesce_registry_rescan(&fakes->registry, fakes->ctr) == count_older(fakes));
		check_registry(fakes);
	}
}

START_TEST(registry_awaits_exactly_the_older_readers)
{
	static struct fakes fakes = { .registry = REGISTRY_INIT(fakes.registry), .ctr = 1 };

	/* Second time: the array may not grow beyond a page, so some go on the list. */
	if (_i && !refuse_pages())
		return;
	fakes.random = 12345;
	for (int i = 0; i < 100; i++)
		fake_grace_period(&fakes);
	want(fakes.registry.capacity >= (_i ? 1 : 2) * REGISTRY_INLINE);
	want(_i == (fakes.registry.readers == fakes.registry.room));
	for (unsigned int i = 0; i < FAKES; i++)
		if (fakes.registered[i] && pick(&fakes.random, 8))
			step_of_registration(&fakes, i);
	quiesce_registry_trim(&fakes.registry);
	want(fakes.registry.readers == fakes.registry.room);
	check_registry(&fakes);
}
END_TEST

START_TEST(registry_knows_who_is_alone_and_can_start_anew)
{
	static struct fakes fakes = { .registry = REGISTRY_INIT(fakes.registry), .ctr = 1 };
	struct reader *me = &fakes.reader[0], *other = &fakes.reader[1];
	struct registry *registry = &fakes.registry;

	want(quiesce_registry_alone(registry, NULL));
	quiesce_registry_add(registry, me);
	want(quiesce_registry_alone(registry, me) && !quiesce_registry_alone(registry, NULL));
	want(!quiesce_registry_add(registry, me) && quiesce_registry_alone(registry, me));
	quiesce_registry_add(registry, other);
	want(!quiesce_registry_alone(registry, me) && !quiesce_registry_alone(registry, NULL));
	quiesce_registry_remove(registry, me);
	want(quiesce_registry_alone(registry, other) && !quiesce_registry_alone(registry, NULL));
	want(!quiesce_registry_remove(registry, me) && quiesce_registry_alone(registry, other));
	for (int i = 2; i < FAKES; i++)
		quiesce_registry_add(registry, &fakes.reader[i]);
	quiesce_registry_reset(registry, other);
	want(registry->count == 1 && registry->awaited == 0 && other->slot == 1);
	want(quiesce_registry_alone(registry, other));
	quiesce_registry_reset(registry, NULL);
	want(registry->count == 0);
}
END_TEST

/* ---- Both forms of the engine ---- */

/* Grace periods since the word had this value. */
static unsigned long periods_since(unsigned long ctr)
{
	return (gp_number() - ctr) / URCU_GP_STEP / (unsigned long)domain->passes;
}

static void choose_form(int number)
{
	domain->passes = 1 + (number & 1);
	want(gp_number() % URCU_GP_STEP == URCU_GP_COUNT);
}

START_TEST(short_numbers_take_two_passes)
{
	want(domain->passes == (CAA_BITS_PER_LONG >= 64 ? 1 : 2));
}
END_TEST

START_TEST(either_form_protects_readers)
{
	static struct stress s;

	choose_form(_i);
	stress_begin(&s, 3, 3);
	stress_go_on(300);
	stress_end(&s);
}
END_TEST

struct crossing {
	pthread_barrier_t step;
	struct place place;
	bool over, left;
};

static void *reader_across(void *arg)
{
	struct crossing *crossing = arg;

	rcu_register_thread();
	for (;;) {
		unsigned long before = gp_number();
		const struct object *object;

		rcu_read_lock();
		object = rcu_dereference(crossing->place.current);
		pthread_barrier_wait(&crossing->step);
		if (get(crossing->over))
			break;
		await_gp_since(before);
		want(object->state == LIVE);
		put(crossing->left, true);
		rcu_read_unlock();
		pthread_barrier_wait(&crossing->step);
	}
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

/* Each grace period finds the reader in a section that is one number older. */
START_TEST(number_may_wrap_while_readers_are_in_sections)
{
	static struct crossing crossing;
	pthread_t reader;

	choose_form(_i);
	place_init(&crossing.place);
	pthread_barrier_init(&crossing.step, NULL, 2);
	rcu_gp.ctr = 0UL - 4 * URCU_GP_STEP + URCU_GP_COUNT;
	reader = start(reader_across, &crossing);
	for (int i = 0; i < 300; i++) {
		pthread_barrier_wait(&crossing.step);
		replace(&crossing.place);
		want(get(crossing.left));
		put(crossing.left, false);
		pthread_barrier_wait(&crossing.step);
	}
	put(crossing.over, true);
	pthread_barrier_wait(&crossing.step);
	pthread_join(reader, NULL);
	want(gp_number() > URCU_GP_COUNT && gp_number() < 1000 * URCU_GP_STEP);
}
END_TEST

START_TEST(number_may_wrap_under_load)
{
	static struct stress s;

	choose_form(_i);
	rcu_gp.ctr = 0UL - 100 * URCU_GP_STEP + URCU_GP_COUNT;
	stress_begin(&s, 2, 2);
	await_that(gp_number() < 1UL << (sizeof(long) * 8 - 1));
	stress_go_on(50);
	stress_end(&s);
}
END_TEST

/* ---- Sleeping ---- */

#ifndef TEST_QSBR	/* whose announcements are fenced */
struct silent {
	sem_t in, out;
	unsigned int pauses;
};

/* Leaves its section without a look at gp.futex: what a look that came too early amounts to. */
static void *silent_reader(void *arg)
{
	struct silent *silent = arg;
	unsigned long before;

	rcu_register_thread();
	rcu_read_lock();
	before = gp_number();
	sem_post(&silent->in);
	await_gp_since(before);
	hold_for(silent->pauses);
	(void)urcu_common_close(&domain->calls->self()->ctr);
	await(&silent->out);
	rcu_unregister_thread();
	return NULL;
}

START_TEST(without_membarrier_a_leader_needs_nobody_to_wake_it)
{
	struct silent silent;
	unsigned int random = 7;

	if (domain->has_membarrier)
		*domain->has_membarrier = 0;
	domain->membarrier_granted = false;
	domain->grace.short_spins = _i & 1 ? 0 : UINT_MAX;
	sem_init(&silent.in, 0, 0);
	sem_init(&silent.out, 0, 0);
	for (int i = 0; i < 100; i++) {
		pthread_t reader;

		silent.pauses = pick(&random, 10000);
		reader = start(silent_reader, &silent);
		await(&silent.in);
		synchronize_rcu();
		sem_post(&silent.out);
		pthread_join(reader, NULL);
	}
	want(domain->gp->futex == 0);
}
END_TEST
#endif

START_TEST(however_it_sleeps_readers_are_protected)
{
	static struct stress s;

	domain->grace.short_spins = _i & 1 ? 0 : UINT_MAX;
	if (_i & 2) {
		domain->membarrier_granted = false;
		if (domain->has_membarrier)
			*domain->has_membarrier = 0;
	}
	stress_begin(&s, 2, 2);
	stress_go_on(150);
	stress_end(&s);
}
END_TEST

/* ---- Sharing ---- */

static pid_t callers[17];
static unsigned int called;

static void *synchronize(void *arg)
{
	callers[raise_by(called, 1) - 1] = (pid_t)syscall(SYS_gettid);
	synchronize_rcu();
	return arg;
}

/* A few times in a row: not in a short contention. */
static bool all_callers_sleep(void)
{
	for (unsigned int looks = 0; looks < 8; looks++)
		for (unsigned int i = 0; i < 17; i++)
			if (get(called) < 17 || thread_state(callers[i]) != 'S')
				return false;
	return true;
}

START_TEST(those_who_wait_share_one_grace_period)
{
	static struct team team;
	unsigned long before;

	choose_form(_i);
	rcu_register_thread();
	for (int round = 0; round < 20; round++) {
		called = 0;
		rcu_read_lock();
		before = gp_number();
		team_add(&team, 1, synchronize, NULL);
		await_gp_since(before);
		team_add(&team, 16, synchronize, NULL);
		await_that(all_callers_sleep());
		rcu_read_unlock();
		team_join(&team);
		want(periods_since(before) == 2);
	}
	rcu_unregister_thread();
}
END_TEST

START_TEST(nobody_waits_for_itself_alone)
{
	unsigned long before = gp_number();

	rcu_register_thread();
	for (int i = 0; i < 1000; i++)
		synchronize_rcu();
	want(gp_number() == before);
	rcu_unregister_thread();
}
END_TEST

/* ---- Workers ---- */

static void *barrier(void *arg)
{
	rcu_barrier();
	put(*(bool *)arg, true);
	return NULL;
}

static void make_progress(struct call_rcu_data *queue)
{
	raise_by(queue->progress, 1);
	quiesce_wake(&queue->progress, INT_MAX);
}

static void await_urging(struct call_rcu_data *queue)
{
	while (!(__atomic_fetch_and(&queue->own.state, ~WORKER_URGENT, __ATOMIC_SEQ_CST) &
		 WORKER_URGENT)) {
		make_progress(queue);
		sched_yield();
	}
}

/* The test is the worker: it raises takes, lets a barrier look, and only then empties the queue. */
START_TEST(barrier_that_meets_a_take_half_done_returns)
{
	struct call_rcu_data *queue = &workers->standard;
	struct worker *worker = &queue->own;
	struct tally tally = { 0, 0 };
	struct cds_wfcq_node *taken;
	bool returned = false;
	pthread_t waiter;

	put(worker->state, WORKER_THREAD);
	queue_jobs(&tally, 1);
	put(queue->takes, queue->takes + 1);
	waiter = start(barrier, &returned);
	/* It urges every worker, then looks at the queue and urges again, as often as we poke. */
	await_urging(queue);
	await_urging(queue);
	for (uint64_t until = now_us() + 1000; now_us() < until; sched_yield())
		want(!get(returned));
	taken = __atomic_exchange_n(&queue->newest, NULL, __ATOMIC_SEQ_CST);
	job_run(caa_container_of(taken, struct rcu_head, next));
	put(queue->done, queue->takes);
	make_progress(queue);
	pthread_join(waiter, NULL);
	all_ran_once(&tally);
	put(worker->state, 0);
}
END_TEST

struct stopper {
	struct rcu_head head;
	struct worker *worker;
	sem_t in;
};

static void stay_until_stopped(struct rcu_head *head)
{
	struct stopper *stopper = caa_container_of(head, struct stopper, head);

	sem_post(&stopper->in);
	await_that(get(stopper->worker->state) & WORKER_STOP);
}

static void *free_worker(void *arg)
{
	call_rcu_data_free(arg);
	return NULL;
}

/* The worker stops in the middle of its batch, with more behind it, and barriers upon it. */
START_TEST(callbacks_left_in_a_freed_worker_run_once)
{
	struct tally tally = { 0, 0 };
	static struct team team;

	for (int i = 0; i < 200; i++) {
		struct call_rcu_data *worker = create_call_rcu_data(0, -1);
		struct stopper stopper = { .worker = &worker->own };
		bool returned;

		sem_init(&stopper.in, 0, 0);
		set_thread_call_rcu_data(worker);
		call_rcu(&stopper.head, stay_until_stopped);
		queue_jobs(&tally, 50);
		await(&stopper.in);
		queue_jobs(&tally, 50);
		set_thread_call_rcu_data(NULL);
		team_add(&team, 1, free_worker, worker);
		team_add(&team, (unsigned int)i % 3, barrier, &returned);
		rcu_barrier();
		all_ran_once(&tally);
		team_join(&team);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine-" FLAVOR);
	TCase *tc = add_case(suite, "engine", 20);

	tcase_add_loop_test(tc, registry_awaits_exactly_the_older_readers, 0, 2);
	tcase_add_test(tc, registry_knows_who_is_alone_and_can_start_anew);
	tcase_add_test(tc, short_numbers_take_two_passes);
	tcase_add_loop_test(tc, either_form_protects_readers, 0, 2);
	tcase_add_loop_test(tc, number_may_wrap_while_readers_are_in_sections, 0, 2);
	tcase_add_loop_test(tc, number_may_wrap_under_load, 0, 2);
#ifndef TEST_QSBR
	tcase_add_loop_test(tc, without_membarrier_a_leader_needs_nobody_to_wake_it, 0, 2);
#endif
	tcase_add_loop_test(tc, however_it_sleeps_readers_are_protected, 0, 4);
	tcase_add_loop_test(tc, those_who_wait_share_one_grace_period, 0, 2);
	tcase_add_test(tc, nobody_waits_for_itself_alone);
	tcase_add_test(tc, barrier_that_meets_a_take_half_done_returns);
	tcase_add_test(tc, callbacks_left_in_a_freed_worker_run_once);
	return run_suite(suite);
}
