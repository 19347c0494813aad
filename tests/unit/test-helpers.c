/* SPDX-License-Identifier: MIT */
/* Inside the library: shards that go from one worker to another. */
#include "inside.h"

#include "cpu.h"

#if !SLOW_BUILD		/* sanitizers want pthread_create for themselves */
#include <dlfcn.h>

static int (*real_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* The thread that the first worker wants: refused, after a word with the test. */
static struct refusal {
	sem_t asked, answered;
	pid_t first;
	bool over;
} refusal;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*work)(void *), void *arg)
{
	if (quiesce_worker_current() && !get(refusal.over)) {
		refusal.first = (pid_t)syscall(SYS_gettid);
		sem_post(&refusal.asked);
		await(&refusal.answered);
		put(refusal.over, true);
		return EAGAIN;
	}
	return real_create(thread, attr, work, arg);
}

/* So many callbacks everywhere, of one CPU's producers in the first shard, of another's elsewhere. */
static void feign_backlogs(struct call_rcu_data *queue, unsigned long count)
{
	for (unsigned int i = 0; i < queue->shard_count; i++) {
		__atomic_store_n(&queue->shards[i].count, count, __ATOMIC_RELAXED);
		__atomic_store_n(&queue->shards[i].cpu, i ? 1 : 0, __ATOMIC_RELAXED);
	}
}

static unsigned int ran;

static void note_run(struct rcu_head *head)
{
	(void)head;
	raise_by(ran, 1);
}

/*
 * The first worker has passed our shard, gets no thread for the helper, and is about to take the shard
 * back. A producer who comes now must not start the helper, which would serve it as well.
 */
START_TEST(helper_whose_shards_are_taken_back_gets_no_thread_meanwhile)
{
	struct call_rcu_data *queue = get_default_call_rcu_data();
	struct worker *helper = &queue->workers[1];
	struct rcu_head before, after;

	if (queue->worker_count < 2 || quiesce_cpu_usable() < 2)
		return;
	capture_stderr();
	rcu_register_thread();
	feign_backlogs(queue, QUIESCE_BACKLOG);
	call_rcu(&before, note_run);
	await(&refusal.asked);
	feign_backlogs(queue, 0);
	pthread_mutex_lock(&flavor->workers.lock);
	sem_post(&refusal.answered);
	await_that(get(refusal.over) && sleeps(refusal.first));
	rcu_read_lock();
	want(get(queue->shards[1].server) == 1);
	call_rcu(&after, note_run);
	if (!(get(helper->state) & WORKER_STARTING))
		await_that(get(queue->shards[1].taken));
	pthread_mutex_unlock(&flavor->workers.lock);
	await_that(get(queue->shards[1].server) == 0);
	want((get(helper->state) & (WORKER_THREAD | WORKER_STARTING)) != WORKER_THREAD);
	rcu_read_unlock();
	rcu_barrier();
	want(get(ran) == 2);
	rcu_unregister_thread();
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("helpers-" FLAVOR);
	TCase *tc = add_case(suite, "helpers", 20);

#if !SLOW_BUILD
	*(void **)&real_create = dlsym(RTLD_NEXT, "pthread_create");
	sem_init(&refusal.asked, 0, 0);
	sem_init(&refusal.answered, 0, 0);
	tcase_add_test(tc, helper_whose_shards_are_taken_back_gets_no_thread_meanwhile);
#else
	(void)tc;
#endif
	return run_suite(suite);
}
