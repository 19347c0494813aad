/* SPDX-License-Identifier: MIT */
/* What is counted (urcu_get_stats), and the block by which it is seen from outside (quiesce/observed.h). */
#include "held.h"

#include <quiesce/observed.h>
#include <quiesce/report.h>
#include <sys/wait.h>

#if defined(TEST_BP)
#define OBSERVED	quiesce_observed_bp
#elif defined(TEST_QSBR)
#define OBSERVED	quiesce_observed_qsbr
#elif defined(RCU_MB)
#define OBSERVED	quiesce_observed_mb
#else
#define OBSERVED	quiesce_observed_memb
#endif

#define HELD_US		20000
#define CALLERS		5

static struct urcu_stats stats(void)
{
	unsigned long sum = 0;
	struct urcu_stats seen;

	memset(&seen, 0xff, sizeof(seen));
	urcu_get_stats(&seen);
	for (unsigned int i = 0; i < URCU_STATS_LATENCIES; i++)
		sum += seen.latency[i];
	want(sum == seen.grace_periods || sum == seen.grace_periods + 1);
	want(seen.queued == seen.run + seen.backlog);
	for (size_t i = 0; i < sizeof(seen.reserved) / sizeof(seen.reserved[0]); i++)
		want(seen.reserved[i] == 0);
	return seen;
}

/* ---- Grace periods ---- */

static unsigned long waited_for_at_least(const struct urcu_stats *seen, uint64_t us)
{
	unsigned long count = 0;

	for (unsigned int i = 1; i < URCU_STATS_LATENCIES; i++)
		if (UINT64_C(1) << i > 1000 * us)
			count += seen->latency[i];
	return count;
}

START_TEST(grace_periods_are_counted)
{
	struct urcu_stats before = stats(), after;

	for (int i = 0; i < 1000; i++)
		synchronize_rcu();
	after = stats();
	want(after.grace_periods == before.grace_periods + 1000);
	want(after.latency[0] == before.latency[0] + 1000 && after.merged == before.merged);
	want(get(*OBSERVED.sequence) == 2 * after.grace_periods);
}
END_TEST

/* As one who looks from outside: without the lock under which it may be written. */
__attribute__((noinline, no_sanitize_thread))
static unsigned long word_at(const void *base, unsigned int offset)
{
	return *(const volatile unsigned long *)((const char *)base + offset);
}

START_TEST(wait_for_a_reader_is_timed)
{
	struct urcu_stats before = stats(), after;
	struct held reader;
	pthread_t writer;

	held_enter(&reader);
	writer = writer_who_waits(&reader, 0);
	await_that(get(*OBSERVED.since) && get(*OBSERVED.leader));
	want(get(*OBSERVED.leader) == (void *)writer);
	await_that(word_at(OBSERVED.reader_awaited, 0) == 1);
	not_returned_for(&reader, HELD_US);
	held_leave(&reader);
	pthread_join(writer, NULL);
	after = stats();
	want(after.grace_periods == before.grace_periods + 1 && after.latency[0] == before.latency[0]);
	want(waited_for_at_least(&after, HELD_US) == 1);
	want(*OBSERVED.since == 0 && *OBSERVED.leader == NULL);
}
END_TEST

static void *call(void *arg)
{
	raise_by(*(unsigned int *)arg, 1);
	synchronize_rcu();
	raise_by(*(unsigned int *)arg, 1);
	return NULL;
}

/* Of those who come while one grace period is under way one leads the next; the others are merged with him. */
START_TEST(callers_are_counted_as_merged)
{
	struct urcu_stats before = stats(), after;
	static struct team team;
	unsigned int calls = 0;
	struct held reader;
	pthread_t writer;

	held_enter(&reader);
	writer = writer_who_waits(&reader, 0);
	team_add(&team, CALLERS, call, &calls);
	await_that(get(calls) == CALLERS);
	held_leave(&reader);
	pthread_join(writer, NULL);
	team_join(&team);
	after = stats();
	want(after.grace_periods + after.merged == before.grace_periods + before.merged + 1 + CALLERS);
}
END_TEST

static void *call_often(void *arg)
{
	for (int i = 0; i < 2000; i++)
		synchronize_rcu();
	return arg;
}

START_TEST(no_caller_is_forgotten)
{
	struct urcu_stats before = stats(), after;
	static struct team team;

	team_add(&team, CALLERS, call_often, NULL);
	team_join(&team);
	after = stats();
	want(after.grace_periods + after.merged == before.grace_periods + before.merged + 2000 * CALLERS);
}
END_TEST

/* ---- Callbacks ---- */

static void queue_on_made(struct tally *tally, unsigned int count)
{
	struct call_rcu_data *made = create_call_rcu_data(0, -1);

	set_thread_call_rcu_data(made);
	queue_jobs(tally, count);
	set_thread_call_rcu_data(NULL);
	rcu_barrier();
	call_rcu_data_free(made);
}

/* While the worker waits for a reader it takes nothing: what is being taken may be counted twice. */
static void queue_while_it_waits(struct tally *tally, unsigned int count)
{
	unsigned long before = gp_number();

	queue_jobs(tally, 1);
	await_gp_since(before);
	queue_jobs(tally, count - 1);
}

START_TEST(callbacks_are_counted)
{
	struct tally tally = { 0, 0 };
	struct urcu_stats seen;
	struct held reader;

	seen = stats();
	want(seen.queued == 0 && seen.batches == 0 && seen.workers == 0);
	held_enter(&reader);
	queue_while_it_waits(&tally, 3000);
	seen = stats();
	want(seen.queued == 3000 && seen.run == 0 && seen.workers == 1 && seen.readers >= 1);
	held_leave(&reader);
	rcu_barrier();
	seen = stats();
	want(seen.queued == 3000 && seen.run == 3000 && seen.backlog == 0);
	want(seen.backlog_most > 0 && seen.backlog_most <= 3000 && seen.batches > 0);
	queue_on_made(&tally, 1000);
	seen = stats();
	want(seen.queued == 4000 && seen.run == 4000 && seen.workers == 1);
	all_ran_once(&tally);
}
END_TEST

static void *queue_many(void *arg)
{
	queue_jobs(arg, 20000);
	return NULL;
}

/* What several queue at once is counted by the worker, which misses none. */
START_TEST(no_callback_is_forgotten)
{
	struct tally tally = { 0, 0 };
	static struct team team;
	struct urcu_stats seen;

	team_add(&team, CALLERS, queue_many, &tally);
	team_join(&team);
	rcu_barrier();
	seen = stats();
	want(seen.queued == 20000 * CALLERS && seen.run == seen.queued && seen.batches < seen.run);
	all_ran_once(&tally);
}
END_TEST

static bool is_idle(void)
{
	const char *worker = (const char *)OBSERVED.queue_standard + OBSERVED.queue_worker;

	return __atomic_load_n((const int *)(worker + OBSERVED.worker_state), __ATOMIC_ACQUIRE) & QUIESCE_WORKER_IDLE;
}

START_TEST(worker_that_sleeps_is_seen_to_wake)
{
	struct tally tally = { 0, 0 };

	queue_jobs(&tally, 1);
	for (unsigned int i = 0; i < 5; i++) {
		unsigned long before;

		await_that(is_idle());
		before = stats().wakeups;
		queue_jobs(&tally, 1);
		await_that(stats().wakeups > before);
	}
}
END_TEST

START_TEST(pointers_are_counted)
{
	struct urcu_stats seen;

	for (int i = 0; i < 1000; i++)
		urcu_free_rcu(malloc(16));
	seen = stats();
	want(seen.given == 1000 && seen.freed <= 1000);
	rcu_barrier();
	seen = stats();
	want(seen.given == 1000 && seen.freed == 1000 && seen.queued == 0);
}
END_TEST

START_TEST(readers_are_counted)
{
	unsigned long before = stats().readers;
	struct held reader;

	held_enter(&reader);
	want(stats().readers == before + 1 && *OBSERVED.registered == before + 1);
	held_leave(&reader);
	want(stats().readers == before);
}
END_TEST

static void hear(const char *message)
{
	(void)message;
}

START_TEST(reports_are_counted)
{
	unsigned long before = stats().reports;

	quiesce_set_report_handler(hear);
	call_rcu_after_fork_parent();
	want(stats().reports == before + 1);
}
END_TEST

/* ---- Forks ---- */

static void child_goes_on(const struct urcu_stats *before, struct tally *tally)
{
	struct urcu_stats seen;

	call_rcu_after_fork_child();
	seen = stats();
	if (seen.forks != before->forks + 1 || seen.queued != before->queued || seen.merged != before->merged)
		_exit(1);
	rcu_barrier();
	queue_jobs(tally, 100);
	rcu_barrier();
	seen = stats();
	_exit(seen.run == before->queued + 100 && seen.queued == seen.run ? 0 : 2);
}

/* Callbacks wait as it forks: they run in both, and count in both. */
START_TEST(child_goes_on_from_what_its_parent_had)
{
	struct tally tally = { 0, 0 };
	struct urcu_stats before;
	struct held reader;
	int status;
	pid_t pid;

	queue_jobs(&tally, 500);
	rcu_barrier();
	held_enter(&reader);
	queue_while_it_waits(&tally, 700);
	before = stats();
	want(before.queued == 1200 && before.run == 500);
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0)
		child_goes_on(&before, &tally);
	call_rcu_after_fork_parent();
	want(waitpid(pid, &status, 0) == pid && status == 0);
	held_leave(&reader);
	rcu_barrier();
	want(stats().run == 1200 && stats().forks == before.forks + 1);
}
END_TEST

/* ---- From outside ---- */

static const void *pointer_at(const void *base, unsigned int offset)
{
	return (const void *)word_at(base, offset);
}

static unsigned int length_of(const void *node)
{
	unsigned int length = 0;

	for (; node; node = pointer_at(node, 0))
		length++;
	return length;
}

START_TEST(block_leads_to_readers)
{
	const void *const *readers;
	struct held reader;
	bool found = false;

	want(strcmp(OBSERVED.magic, QUIESCE_OBSERVED_MAGIC) == 0 && strcmp(OBSERVED.flavor, FLAVOR) == 0);
	want(OBSERVED.version == QUIESCE_OBSERVED_VERSION && OBSERVED.size == sizeof(OBSERVED));
	held_enter(&reader);
	readers = *OBSERVED.readers;
	for (unsigned long i = 0; i < *OBSERVED.reader_count; i++)
		if (word_at(readers[i], OBSERVED.reader_thread) == (unsigned long)reader.thread)
			found = (unsigned int)word_at(readers[i], OBSERVED.reader_ctr) == 1;
	want(found);
	want(pointer_at(OBSERVED.reader_beyond, 0) == OBSERVED.reader_beyond);
	held_leave(&reader);
}
END_TEST

/* They are somewhere between being pushed and being taken, and nowhere twice, while the worker stands still. */
START_TEST(block_leads_to_callbacks)
{
	struct tally tally = { 0, 0 };
	const void *queue = OBSERVED.queue_standard;
	const void *worker = (const char *)queue + OBSERVED.queue_worker;
	struct held reader;
	unsigned int waiting;

	held_enter(&reader);
	queue_jobs(&tally, 300);
	call_rcu_before_fork();
	waiting = length_of(pointer_at(queue, OBSERVED.queue_newest)) +
		  length_of(pointer_at(queue, OBSERVED.queue_taken)) +
		  length_of(pointer_at(queue, OBSERVED.queue_turned)) +
		  length_of(pointer_at(queue, OBSERVED.queue_waiting)) +
		  length_of(pointer_at(queue, OBSERVED.queue_batch));
	call_rcu_after_fork_parent();
	want(waiting == 300 && pointer_at(queue, OBSERVED.queue_server) == worker);
	want(*(const int *)((const char *)worker + OBSERVED.worker_state) & QUIESCE_WORKER_THREAD);
	held_leave(&reader);
	rcu_barrier();
	want(word_at(queue, OBSERVED.queue_ran) == 300 && word_at(queue, OBSERVED.queue_batches) > 0);
	want(pointer_at(queue, OBSERVED.queue_running) == (const void *)job_run);
	want(word_at(worker, OBSERVED.worker_thread) == (unsigned long)get_call_rcu_thread(get_default_call_rcu_data()));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stats");
	TCase *tcase = add_case(suite, "grace", 60);

	tcase_add_test(tcase, grace_periods_are_counted);
	tcase_add_test(tcase, wait_for_a_reader_is_timed);
	tcase_add_test(tcase, callers_are_counted_as_merged);
	tcase_add_test(tcase, no_caller_is_forgotten);
	tcase_add_test(tcase, readers_are_counted);

	tcase = add_case(suite, "callbacks", 60);
	tcase_add_test(tcase, callbacks_are_counted);
	tcase_add_test(tcase, no_callback_is_forgotten);
	tcase_add_test(tcase, worker_that_sleeps_is_seen_to_wake);
	tcase_add_test(tcase, pointers_are_counted);
	tcase_add_test(tcase, reports_are_counted);
	tcase_add_test(tcase, child_goes_on_from_what_its_parent_had);

	tcase = add_case(suite, "outside", 60);
	tcase_add_test(tcase, block_leads_to_readers);
	tcase_add_test(tcase, block_leads_to_callbacks);
	return run_suite(suite);
}
