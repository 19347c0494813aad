/* SPDX-License-Identifier: MIT */
/* The program's own workers: made and freed, chosen by a thread, or those of CPUs. */
#include <errno.h>
#include <stdlib.h>

#include <urcu/compiler.h>
#include <urcu/rculist.h>

#include "callbacks/callbacks.h"
#include "system/system.h"

static struct call_rcu_data **cpu_table(const struct workers *all)
{
	return __atomic_load_n(&all->per_cpu, __ATOMIC_ACQUIRE);
}

struct call_rcu_data *quiesce_workers_get_cpu(struct workers *all, int cpu)
{
	struct call_rcu_data **table = cpu_table(all);

	quiesce_delay();
	if (!table || cpu < 0 || (unsigned int)cpu >= quiesce_cpu_count())
		return NULL;
	return __atomic_load_n(&table[cpu], __ATOMIC_ACQUIRE);
}

/* Its thread is there from now on, as programs want it that close a sandbox behind themselves. */
struct call_rcu_data *quiesce_workers_default(struct workers *all)
{
	quiesce_worker_start(&all->standard.own);
	return &all->standard;
}

static struct call_rcu_data *chosen_queue(struct workers *all)
{
	struct call_rcu_data *queue = all->calls->own()->worker;

	if (!queue && cpu_table(all))
		queue = quiesce_workers_get_cpu(all, quiesce_cpu_current());
	return queue ? queue : &all->standard;
}

struct call_rcu_data *quiesce_workers_chosen(struct workers *all)
{
	struct call_rcu_data *queue = chosen_queue(all);

	return queue == &all->standard ? quiesce_workers_default(all) : queue;
}

/* A bp thread registers, so that exit does not free under it what it uses. */
void quiesce_workers_set_own(struct workers *all, struct call_rcu_data *queue)
{
	if (all->domain->calls->attend)
		all->domain->calls->attend();
	all->calls->own()->worker = queue;
}

/* A CPU's worker may be taken away and freed, after a grace period, while we queue on it. */
static void enqueue_on_cpu(struct workers *all, struct rcu_head *head)
{
	bool offline = quiesce_domain_enter(all->domain);

	quiesce_enqueue(chosen_queue(all), head);
	quiesce_domain_leave(all->domain, offline);
}

/* There is a limit. A CPU's worker may be taken away and freed while we look at it, but not while we wait. */
static __attribute__((noinline)) void keep_to_limit(struct workers *all)
{
	struct call_rcu_data *own = all->calls->own()->worker;
	bool of_cpu = !own && cpu_table(all), offline = of_cpu && quiesce_domain_enter(all->domain), passed, served;
	struct urcu_backlog seen;

	passed = quiesce_backlog_is_passed(all, own ? own : chosen_queue(all), &seen, &served);
	if (of_cpu)
		quiesce_domain_leave(all->domain, offline);
	if (passed)
		quiesce_backlog_pass(all, &seen, served);
}

void quiesce_workers_call(struct workers *all, struct rcu_head *head,
		void (*func)(struct rcu_head *head))
{
	struct call_rcu_data *own;

	if (caa_unlikely(__atomic_load_n(&all->limited, __ATOMIC_RELAXED)))
		keep_to_limit(all);
	own = all->calls->own()->worker;
	head->func = func;
	if (caa_unlikely(own != NULL))
		quiesce_enqueue(own, head);
	else if (caa_unlikely(cpu_table(all) != NULL))
		enqueue_on_cpu(all, head);
	else
		quiesce_enqueue(&all->standard, head);
}

static struct call_rcu_data *allocate(struct workers *all, unsigned long flags, int cpu)
{
	struct call_rcu_data *queue;
	void *memory;

	if (posix_memalign(&memory, _Alignof(struct call_rcu_data), sizeof(*queue)) != 0)
		return NULL;
	queue = memory;
	__builtin_memset(queue, 0, sizeof(*queue));
	queue->server = &queue->own;
	queue->workers = all;
	queue->flags = flags;
	queue->cpu = cpu;
	queue->own.state = WORKER_FRESH;
	return queue;
}

/* At the list's end, where the highest id belongs. A child of a fork without hooks reads it without the lock. */
static void link_queue(struct workers *all, struct call_rcu_data *queue)
{
	quiesce_workers_lock(all, "create_call_rcu_data");
	queue->id = all->last_id + 1;
	__atomic_store_n(&all->last_id, queue->id, __ATOMIC_RELAXED);
	if (all->pausing)
		quiesce_worker_pause(&queue->own);
	cds_list_add_tail_rcu(&queue->node, &all->list);
	quiesce_unlock(&all->lock);
}

static void unlink_queue(struct workers *all, struct call_rcu_data *queue)
{
	quiesce_workers_lock(all, "call_rcu_data_free");
	queue = quiesce_queue_retire(queue);
	quiesce_unlock(&all->lock);
	free(queue);
}

/*
 * Flags that are not known change nothing, as in liburcu. At the end of the process it gets no
 * thread: who waits for its callbacks runs them.
 */
struct call_rcu_data *quiesce_workers_create(struct workers *all, unsigned long flags, int cpu)
{
	struct call_rcu_data *queue;
	int error;

	queue = allocate(all, flags, cpu);
	if (!queue) {
		errno = ENOMEM;
		return NULL;
	}
	link_queue(all, queue);
	quiesce_delay();
	error = quiesce_worker_try_start(&queue->own);
	if (!error || error == ECANCELED)
		return queue;
	unlink_queue(all, queue);
	errno = error;
	return NULL;
}

/* From here on the standard worker serves what the queue still holds. */
static void give_to_foster(struct workers *all, struct call_rcu_data *queue)
{
	quiesce_workers_lock(all, "call_rcu_data_free");
	__atomic_store_n(&queue->server, &all->standard.own, __ATOMIC_SEQ_CST);
	quiesce_delay();
	queue->next_fostered = all->orphans;
	__atomic_store_n(&all->orphans, queue, __ATOMIC_SEQ_CST);
	quiesce_delay();
	/* A barrier that waits for the old server has to press the new one. */
	quiesce_queue_wake_barriers(queue);
	quiesce_unlock(&all->lock);
	quiesce_delay();
	quiesce_worker_urge(&all->standard.own);
}

void quiesce_workers_free(struct workers *all, struct call_rcu_data *queue)
{
	int saved_errno = errno;
	struct worker *waiting;
	bool suspended;

	all->calls->claim(all);
	suspended = quiesce_domain_suspend(all->domain);
	waiting = quiesce_worker_step_out();
	quiesce_worker_ask_to_stop(&queue->own, WORKER_GONE);
	quiesce_worker_await_stop(&queue->own, NULL);
	quiesce_worker_end_wait(waiting);
	quiesce_delay();
	/* Between the fork hooks somebody else has the list of workers, and may wait for us. */
	if (quiesce_queue_has_work(queue))
		give_to_foster(all, queue);
	else
		unlink_queue(all, queue);
	quiesce_domain_resume(all->domain, suspended);
	errno = saved_errno;
}

/* In a fork's child there is no thread yet. */
void quiesce_workers_stop_default(struct workers *all)
{
	bool suspended = quiesce_domain_suspend(all->domain);
	struct worker *waiting;

	all->calls->claim(all);
	waiting = quiesce_worker_step_out();
	quiesce_worker_rest(&all->standard.own);
	quiesce_worker_end_wait(waiting);
	quiesce_domain_resume(all->domain, suspended);
}

/*
 * The thread may be in the making by somebody else: its name is known when that is over. Without one the
 * name is that of the last, which may be another's by now. A guest is no thread of the worker's.
 */
pthread_t quiesce_workers_thread(struct call_rcu_data *queue)
{
	struct worker *worker = &queue->own;
	int32_t state;

	quiesce_worker_start(worker);
	while ((state = quiesce_worker_state(worker)) & WORKER_STARTING)
		quiesce_wait(&worker->state, state, NULL);
	return (state & (WORKER_THREAD | WORKER_GUEST)) == WORKER_THREAD ? worker->thread : (pthread_t)0;
}

/*
 * The table of CPUs, in force from the first need on. It is freed at exit alone, since producers look
 * into it at any time; only large machines need memory for it.
 */
static struct call_rcu_data **make_cpu_table(struct workers *all)
{
	struct call_rcu_data **table = cpu_table(all), **made = all->cpu_room;

	if (table)
		return table;
	if (quiesce_cpu_count() > CPU_ROOM)
		made = calloc(quiesce_cpu_count(), sizeof(*made));
	if (!made)
		return NULL;
	if (__atomic_compare_exchange_n(&all->per_cpu, &table, made, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	if (made != all->cpu_room)
		free(made);
	return table;
}

static int fail(int error)
{
	errno = error;
	return -error;
}

int quiesce_workers_set_cpu(struct workers *all, int cpu, struct call_rcu_data *queue)
{
	struct call_rcu_data **table, *none = NULL;

	if (cpu < 0 || (unsigned int)cpu >= quiesce_cpu_count())
		return fail(EINVAL);
	table = make_cpu_table(all);
	if (!table)
		return fail(ENOMEM);
	if (!queue)
		__atomic_store_n(&table[cpu], NULL, __ATOMIC_RELEASE);
	else if (!__atomic_compare_exchange_n(&table[cpu], &none, queue, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED))
		return fail(EEXIST);
	return 0;
}

int quiesce_workers_create_cpus(struct workers *all, unsigned long flags)
{
	for (int cpu = 0; cpu < (int)quiesce_cpu_count(); cpu++) {
		struct call_rcu_data *queue;
		int error;

		if (quiesce_workers_get_cpu(all, cpu))
			continue;
		queue = quiesce_workers_create(all, flags, cpu);
		if (!queue)
			return -errno;
		error = quiesce_workers_set_cpu(all, cpu, queue);
		if (!error)
			continue;
		/* Somebody else was faster, or there is no memory for the table. */
		quiesce_workers_free(all, queue);
		if (error != -EEXIST)
			return fail(-error);
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
void quiesce_workers_free_cpus(struct workers *all)
{
	struct call_rcu_data **table = cpu_table(all), *taken = NULL, *queue;

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
	quiesce_workers_synchronize(all, "free_all_cpu_call_rcu_data");
	while ((queue = taken)) {
		taken = queue->next_fostered;
		queue->next_fostered = NULL;
		if (quiesce_worker_current(all) == &queue->own)
			quiesce_report("urcu_%s_free_all_cpu_call_rcu_data: called in a callback of worker %lu: it would "
				       "wait for itself; that worker stays", all->domain->name, queue->id);
		else
			quiesce_workers_free(all, queue);
	}
}
