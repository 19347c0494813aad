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

/* Its thread is there from now on, as programs want it that close a sandbox behind themselves. */
struct call_rcu_data *quiesce_default_worker(struct flavor *flavor)
{
	quiesce_worker_start(&flavor->workers.standard.own);
	return &flavor->workers.standard;
}

static struct call_rcu_data *chosen_queue(struct flavor *flavor)
{
	struct call_rcu_data *queue = flavor->thread()->worker;

	if (!queue && cpu_table(flavor))
		queue = quiesce_cpu_worker(flavor, quiesce_cpu_current());
	return queue ? queue : &flavor->workers.standard;
}

struct call_rcu_data *quiesce_chosen_worker(struct flavor *flavor)
{
	struct call_rcu_data *queue = chosen_queue(flavor);

	return queue == &flavor->workers.standard ? quiesce_default_worker(flavor) : queue;
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
	quiesce_enqueue(chosen_queue(flavor), head);
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
	struct call_rcu_data *queue;
	void *memory;

	if (posix_memalign(&memory, _Alignof(struct call_rcu_data), sizeof(*queue)) != 0)
		return NULL;
	queue = memory;
	__builtin_memset(queue, 0, sizeof(*queue));
	queue->server = &queue->own;
	queue->flavor = flavor;
	queue->flags = flags;
	queue->cpu = cpu;
	queue->own.state = WORKER_FRESH;
	return queue;
}

/* At the list's end, where the highest id belongs. */
static void link_queue(struct worker_state *all, struct call_rcu_data *queue)
{
	pthread_mutex_lock(&all->lock);
	queue->id = all->last_id + 1;
	__atomic_store_n(&all->last_id, queue->id, __ATOMIC_RELAXED);
	if (all->pausing)
		quiesce_worker_pause(&queue->own);
	cds_list_add_tail(&queue->node, &all->list);
	pthread_mutex_unlock(&all->lock);
}

static void unlink_queue(struct worker_state *all, struct call_rcu_data *queue)
{
	pthread_mutex_lock(&all->lock);
	queue = quiesce_queue_retire(queue);
	pthread_mutex_unlock(&all->lock);
	free(queue);
}

/* Between the hooks of the calling thread the list of workers stands still, for the child. */
static bool refuse_between_hooks(const struct flavor *flavor, const char *function)
{
	if (!quiesce_holds_workers(flavor))
		return false;
	quiesce_report("urcu_%s_%s: called between the fork hooks, where it would wait for itself: it "
		       "does nothing", flavor->name, function);
	return true;
}

/*
 * Flags that are not known change nothing, as in liburcu. At the end of the process it gets no
 * thread: who waits for its callbacks runs them.
 */
struct call_rcu_data *quiesce_create_worker(struct flavor *flavor, unsigned long flags, int cpu)
{
	struct call_rcu_data *queue;
	int error;

	if (refuse_between_hooks(flavor, "create_call_rcu_data")) {
		errno = EDEADLK;
		return NULL;
	}
	queue = allocate(flavor, flags, cpu);
	if (!queue) {
		errno = ENOMEM;
		return NULL;
	}
	link_queue(&flavor->workers, queue);
	quiesce_delay();
	error = quiesce_worker_start(&queue->own);
	if (!error || error == ECANCELED)
		return queue;
	unlink_queue(&flavor->workers, queue);
	errno = error;
	return NULL;
}

/* From here on the standard worker serves what the queue still holds. */
static void give_to_foster(struct flavor *flavor, struct call_rcu_data *queue)
{
	struct worker_state *all = &flavor->workers;

	pthread_mutex_lock(&all->lock);
	__atomic_store_n(&queue->server, &all->standard.own, __ATOMIC_SEQ_CST);
	quiesce_delay();
	queue->next_fostered = all->orphans;
	__atomic_store_n(&all->orphans, queue, __ATOMIC_SEQ_CST);
	quiesce_delay();
	/* A barrier that waits for the old server has to press the new one. */
	quiesce_queue_wake_barriers(queue);
	pthread_mutex_unlock(&all->lock);
	quiesce_delay();
	quiesce_worker_urge(&all->standard.own);
}

void quiesce_free_worker(struct flavor *flavor, struct call_rcu_data *queue)
{
	int saved_errno = errno;
	bool suspended;

	if (!queue || queue == &flavor->workers.standard ||
	    refuse_between_hooks(flavor, "call_rcu_data_free"))
		return;
	if (quiesce_in_section(flavor) || quiesce_worker_current() == &queue->own) {
		quiesce_report("urcu_%s_call_rcu_data_free: called in %s: it would wait for itself; "
			       "the worker stays", flavor->name, quiesce_in_section(flavor) ?
			       "a read-side critical section" : "a callback of that worker");
		return;
	}
	quiesce_claim_process(flavor);
	suspended = quiesce_suspend(flavor);
	quiesce_worker_step_out();
	quiesce_worker_ask_to_stop(&queue->own, WORKER_GONE);
	quiesce_worker_await_stop(&queue->own, NULL);
	quiesce_worker_end_wait();
	quiesce_delay();
	/* Between the fork hooks somebody else has the list of workers, and may wait for us. */
	if (quiesce_queue_has_work(queue))
		give_to_foster(flavor, queue);
	else
		unlink_queue(&flavor->workers, queue);
	quiesce_resume(flavor, suspended);
	errno = saved_errno;
}

/*
 * The thread may be in the making by somebody else: its name is known when that is over. Without one the
 * name is that of the last, which may be another's by now. A guest is no thread of the worker's.
 */
pthread_t quiesce_worker_thread(struct flavor *flavor, struct call_rcu_data *queue)
{
	struct worker *worker = &queue->own;
	int32_t state;

	(void)flavor;
	quiesce_worker_start(worker);
	while ((state = quiesce_worker_state(worker)) & WORKER_STARTING)
		quiesce_wait(&worker->state, state, NULL);
	return (state & (WORKER_THREAD | WORKER_GUEST)) == WORKER_THREAD ? worker->thread : (pthread_t)0;
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

static int fail(int error)
{
	errno = error;
	return -error;
}

int quiesce_set_cpu_worker(struct flavor *flavor, int cpu, struct call_rcu_data *queue)
{
	struct call_rcu_data **table, *none = NULL;

	if (cpu < 0 || (unsigned int)cpu >= quiesce_cpu_count())
		return fail(EINVAL);
	table = make_cpu_table(flavor);
	if (!table)
		return fail(ENOMEM);
	if (!queue)
		__atomic_store_n(&table[cpu], NULL, __ATOMIC_RELEASE);
	else if (!__atomic_compare_exchange_n(&table[cpu], &none, queue, false, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED))
		return fail(EEXIST);
	return 0;
}

int quiesce_create_cpu_workers(struct flavor *flavor, unsigned long flags)
{
	for (int cpu = 0; cpu < (int)quiesce_cpu_count(); cpu++) {
		struct call_rcu_data *queue;
		int error;

		if (quiesce_cpu_worker(flavor, cpu))
			continue;
		queue = quiesce_create_worker(flavor, flags, cpu);
		if (!queue)
			return -errno;
		error = quiesce_set_cpu_worker(flavor, cpu, queue);
		if (!error)
			continue;
		/* Somebody else was faster, or there is no memory for the table. */
		quiesce_free_worker(flavor, queue);
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
void quiesce_free_cpu_workers(struct flavor *flavor)
{
	struct call_rcu_data **table = cpu_table(flavor), *taken = NULL, *queue;

	if (!table || refuse_between_hooks(flavor, "free_all_cpu_call_rcu_data"))
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
