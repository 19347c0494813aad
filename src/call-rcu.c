/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include <urcu/compiler.h>
#include <urcu/flavor.h>

#include "call-rcu.h"
#include "cpu.h"
#include "delay.h"
#include "report.h"
#include "wait.h"

/* Shards of a queue that the program makes: for one CPU, or for the threads of one purpose. */
#define SHARDS_BOUND	2
#define SHARDS_FREE	8

static struct call_rcu_data **cpu_table(const struct flavor *flavor)
{
	return __atomic_load_n(&flavor->workers.per_cpu, __ATOMIC_ACQUIRE);
}

struct call_rcu_data *quiesce_cpu_worker(struct flavor *flavor, int cpu)
{
	struct call_rcu_data **table = cpu_table(flavor);

	quiesce_delay();
	if (!table || cpu < 0 || (unsigned int)cpu >= quiesce_cpu_count())
		return NULL;
	return __atomic_load_n(&table[cpu], __ATOMIC_ACQUIRE);
}

struct call_rcu_data *quiesce_default_worker(struct flavor *flavor)
{
	return &flavor->workers.standard;
}

struct call_rcu_data *quiesce_chosen_worker(struct flavor *flavor)
{
	struct call_rcu_data *queue = flavor->thread()->worker;

	if (!queue && cpu_table(flavor))
		queue = quiesce_cpu_worker(flavor, quiesce_cpu_current());
	return queue ? queue : &flavor->workers.standard;
}

/* A bp thread registers, so that exit does not free under it what it uses. */
void quiesce_set_thread_worker(struct flavor *flavor, struct call_rcu_data *queue)
{
	if (flavor->attend)
		flavor->attend();
	flavor->thread()->worker = queue;
}

/* A CPU's worker may be taken away and freed, after a grace period, while we queue on it. */
static void enqueue_on_cpu(struct flavor *flavor, struct rcu_head *head)
{
	flavor->api->read_lock();
	quiesce_enqueue(quiesce_chosen_worker(flavor), head);
	flavor->api->read_unlock();
}

void quiesce_call_rcu(struct flavor *flavor, struct rcu_head *head,
		void (*func)(struct rcu_head *head))
{
	struct call_rcu_data *own = flavor->thread()->worker;

	head->func = func;
	if (caa_unlikely(own != NULL))
		quiesce_enqueue(own, head);
	else if (caa_unlikely(cpu_table(flavor) != NULL))
		enqueue_on_cpu(flavor, head);
	else
		quiesce_enqueue(&flavor->workers.standard, head);
}

static struct call_rcu_data *allocate(struct flavor *flavor, unsigned long flags, int cpu)
{
	unsigned int shards = cpu >= 0 ? SHARDS_BOUND : SHARDS_FREE;
	struct {
		struct call_rcu_data queue;
		struct worker worker;
		struct shard shards[];
	} *whole;
	size_t size = sizeof(*whole) + shards * sizeof(whole->shards[0]);

	if (posix_memalign((void **)&whole, _Alignof(struct shard), size) != 0)
		return NULL;
	__builtin_memset(whole, 0, size);
	whole->queue.flavor = flavor;
	whole->queue.flags = flags;
	whole->queue.cpu = cpu;
	whole->queue.shard_count = shards;
	whole->queue.shards = whole->shards;
	whole->queue.worker_count = 1;
	whole->queue.workers = &whole->worker;
	return &whole->queue;
}

/* At the list's end, where the highest id belongs. */
static void link_queue(struct worker_state *all, struct call_rcu_data *queue)
{
	struct call_rcu_data **link = &all->list;

	pthread_mutex_lock(&all->lock);
	queue->id = all->last_id + 1;
	__atomic_store_n(&all->last_id, queue->id, __ATOMIC_RELAXED);
	if (all->pausing)
		quiesce_worker_pause(&queue->workers[0]);
	while (*link)
		link = &(*link)->next;
	*link = queue;
	pthread_mutex_unlock(&all->lock);
}

static void unlink_queue(struct worker_state *all, struct call_rcu_data *queue)
{
	pthread_mutex_lock(&all->lock);
	queue = quiesce_queue_retire(queue);
	pthread_mutex_unlock(&all->lock);
	free(queue);
}

struct call_rcu_data *quiesce_create_worker(struct flavor *flavor, unsigned long flags, int cpu)
{
	struct call_rcu_data *queue;
	int error;

	if (flags & ~(unsigned long)URCU_CALL_RCU_RT) {
		errno = EINVAL;
		return NULL;
	}
	queue = allocate(flavor, flags, cpu);
	if (!queue) {
		errno = ENOMEM;
		return NULL;
	}
	link_queue(&flavor->workers, queue);
	quiesce_delay();
	error = quiesce_worker_start(queue, &queue->workers[0]);
	if (!error)
		return queue;
	unlink_queue(&flavor->workers, queue);
	errno = error == ECANCELED ? EAGAIN : error;
	return NULL;
}

/* From here on the standard worker serves what the queue still holds. */
static void give_to_foster(struct flavor *flavor, struct call_rcu_data *queue)
{
	struct worker_state *all = &flavor->workers;

	pthread_mutex_lock(&all->lock);
	__atomic_store_n(&queue->workers, all->workers, __ATOMIC_RELEASE);
	quiesce_delay();
	queue->next_fostered = all->orphans;
	__atomic_store_n(&all->orphans, queue, __ATOMIC_SEQ_CST);
	quiesce_delay();
	/* A barrier that waits for the old server has to press the new one. */
	quiesce_queue_wake_barriers(queue);
	pthread_mutex_unlock(&all->lock);
	quiesce_delay();
	quiesce_worker_urge(&all->standard, &all->workers[0]);
}

void quiesce_free_worker(struct flavor *flavor, struct call_rcu_data *queue)
{
	struct worker *worker;
	bool suspended;

	if (!queue || queue == &flavor->workers.standard)
		return;
	worker = &queue->workers[0];
	if (quiesce_in_section(flavor) || quiesce_worker_current() == worker) {
		quiesce_report("urcu_%s_call_rcu_data_free: called in %s: it would wait for itself; "
			       "the worker stays", flavor->name, quiesce_in_section(flavor) ?
			       "a read-side critical section" : "a callback of that worker");
		return;
	}
	suspended = quiesce_suspend(flavor);
	quiesce_worker_step_out();
	quiesce_worker_stop(worker, QUIESCE_FOREVER);
	quiesce_worker_end_wait();
	quiesce_delay();
	/* Between the fork hooks somebody else has the list of workers, and may wait for us. */
	if (quiesce_queue_empty(queue))
		unlink_queue(&flavor->workers, queue);
	else
		give_to_foster(flavor, queue);
	quiesce_resume(flavor, suspended);
}

/* The thread may be in the making by somebody else: its name is known when that is over. */
pthread_t quiesce_worker_thread(struct flavor *flavor, struct call_rcu_data *queue)
{
	struct worker *worker = &queue->workers[0];
	int32_t state;

	(void)flavor;
	quiesce_worker_start(queue, worker);
	while ((state = quiesce_worker_state(worker)) & WORKER_STARTING)
		quiesce_wait(&worker->state, state, NULL);
	return worker->thread;
}

/*
 * The table of CPUs, in force from the first need on. It is freed at exit alone, since producers look
 * into it at any time; only large machines need memory for it.
 */
static struct call_rcu_data **make_cpu_table(struct flavor *flavor)
{
	struct call_rcu_data **table = cpu_table(flavor), **made = flavor->workers.cpu_room;

	if (table)
		return table;
	if (quiesce_cpu_count() > CPU_ROOM)
		made = calloc(quiesce_cpu_count(), sizeof(*made));
	if (!made)
		return NULL;
	if (__atomic_compare_exchange_n(&flavor->workers.per_cpu, &table, made, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	if (made != flavor->workers.cpu_room)
		free(made);
	return table;
}

int quiesce_set_cpu_worker(struct flavor *flavor, int cpu, struct call_rcu_data *queue)
{
	struct call_rcu_data **table, *none = NULL;

	if (cpu < 0 || (unsigned int)cpu >= quiesce_cpu_count()) {
		errno = EINVAL;
		return -1;
	}
	table = make_cpu_table(flavor);
	if (!table) {
		errno = ENOMEM;
		return -1;
	}
	if (!queue) {
		__atomic_store_n(&table[cpu], NULL, __ATOMIC_RELEASE);
		return 0;
	}
	if (!__atomic_compare_exchange_n(&table[cpu], &none, queue, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED)) {
		errno = EEXIST;
		return -1;
	}
	return 0;
}

int quiesce_create_cpu_workers(struct flavor *flavor, unsigned long flags)
{
	for (int cpu = 0; cpu < (int)quiesce_cpu_count(); cpu++) {
		struct call_rcu_data *queue;

		if (quiesce_cpu_worker(flavor, cpu))
			continue;
		queue = quiesce_create_worker(flavor, flags, cpu);
		if (!queue)
			return -errno;
		if (quiesce_set_cpu_worker(flavor, cpu, queue) == 0)
			continue;
		/* Somebody else was faster, or there is no memory for the table. */
		int error = errno;

		quiesce_free_worker(flavor, queue);
		if (error != EEXIST) {
			errno = error;
			return -error;
		}
	}
	return 0;
}

/* The program may have made one worker that of several CPUs. */
static bool is_in(const struct call_rcu_data *list, const struct call_rcu_data *queue)
{
	while (list && list != queue)
		list = list->next_fostered;
	return list;
}

/*
 * Collect what is in the table first: one grace period serves them all. The list through
 * next_fostered is free for use, as no thread of ours fosters a queue that has its own.
 */
void quiesce_free_cpu_workers(struct flavor *flavor)
{
	struct call_rcu_data **table = cpu_table(flavor), *taken = NULL, *queue;

	if (!table)
		return;
	for (unsigned int cpu = 0; cpu < quiesce_cpu_count(); cpu++) {
		queue = __atomic_exchange_n(&table[cpu], NULL, __ATOMIC_ACQ_REL);
		if (!queue || is_in(taken, queue))
			continue;
		queue->next_fostered = taken;
		taken = queue;
	}
	if (!taken)
		return;
	quiesce_delay();
	quiesce_synchronize(flavor);
	while ((queue = taken)) {
		taken = queue->next_fostered;
		quiesce_free_worker(flavor, queue);
	}
}
