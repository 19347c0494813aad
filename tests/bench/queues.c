/* SPDX-License-Identifier: MIT */
/*
 * Queues and stacks: one thread that fills and empties them, then a producer and a consumer, then
 * four producers. And defer_rcu, with one producer and with several (QUEUES_ONE_DEFERS: with one).
 */
#include "bench.h"

#include <urcu/lfstack.h>
#include <urcu/rculfqueue.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfstack.h>

#define NODES 100000UL

static struct bench_group group;

struct item {
	union {
		struct cds_wfcq_node wfcq;
		struct cds_wfs_node wfs;
		struct cds_lfs_node lfs;
		struct cds_lfq_node_rcu lfq;
	};
} __attribute__((aligned(64)));

static struct item *items;

static struct cds_wfcq_head wfcq_head;
static struct cds_wfcq_tail wfcq_tail;
static struct cds_wfs_stack wfs;
static struct cds_lfs_stack lfs;
static struct cds_lfq_queue_rcu lfq;

/* ---- Each: put one in, take one out (false: there was none) ---- */

static void wfcq_put(struct item *item)
{
	cds_wfcq_node_init(&item->wfcq);
	cds_wfcq_enqueue(&wfcq_head, &wfcq_tail, &item->wfcq);
}

static bool wfcq_take(void)
{
	return __cds_wfcq_dequeue_blocking(&wfcq_head, &wfcq_tail) != NULL;
}

static void wfs_put(struct item *item)
{
	cds_wfs_node_init(&item->wfs);
	cds_wfs_push(&wfs, &item->wfs);
}

static bool wfs_take(void)
{
	return __cds_wfs_pop_blocking(&wfs) != NULL;
}

static void lfs_put(struct item *item)
{
	cds_lfs_node_init(&item->lfs);
	cds_lfs_push(&lfs, &item->lfs);
}

static bool lfs_take(void)
{
	return __cds_lfs_pop(&lfs) != NULL;
}

static void lfq_put(struct item *item)
{
	cds_lfq_node_init_rcu(&item->lfq);
	rcu_read_lock();
	cds_lfq_enqueue_rcu(&lfq, &item->lfq);
	rcu_read_unlock();
}

static bool lfq_take(void)
{
	struct cds_lfq_node_rcu *node;

	rcu_read_lock();
	node = cds_lfq_dequeue_rcu(&lfq);
	rcu_read_unlock();
	return node != NULL;
}

static const struct kind {
	const char *name;
	void (*put)(struct item *item);
	bool (*take)(void);
} kinds[] = {
	{ "wfcqueue", wfcq_put, wfcq_take },
	{ "wfstack", wfs_put, wfs_take },
	{ "lfstack", lfs_put, lfs_take },
	{ "rculfqueue", lfq_put, lfq_take },
};

/* ---- One thread; one at each end ---- */

static const struct kind *kind;

static void put_and_take(void)
{
	for (unsigned long i = 0; i < NODES; i++) {
		kind->put(&items[i]);
		if (!kind->take())
			abort();
	}
	synchronize_rcu();
}

static void take_all(struct bench_group *group, unsigned long number)
{
	(void)number;
	while (group->done[0] < NODES)
		group->done[0] += kind->take();
}

static void pass_on(void)
{
	bench_start_group(&group, 1, take_all);
	for (unsigned long i = 0; i < NODES; i++)
		kind->put(&items[i]);
	bench_stop_group(&group);
	synchronize_rcu();
}

/* Several producers, a share each, and the caller takes all. */
#define PRODUCERS 4

static void put_share(struct bench_group *group, unsigned long number)
{
	(void)group;
	for (unsigned long i = number; i < NODES; i += PRODUCERS)
		kind->put(&items[i]);
}

static void gather(void)
{
	unsigned long taken = 0;

	bench_start_group(&group, PRODUCERS, put_share);
	while (taken < NODES)
		taken += kind->take();
	bench_stop_group(&group);
	synchronize_rcu();
}

static void queues(void)
{
	cds_wfcq_init(&wfcq_head, &wfcq_tail);
	cds_wfs_init(&wfs);
	cds_lfs_init(&lfs);
	cds_lfq_init_rcu(&lfq, call_rcu);
	if (posix_memalign((void **)&items, 64, NODES * sizeof(*items)) != 0)
		abort();
	memset(items, 0, NODES * sizeof(*items));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		kind = &kinds[i];
		BENCH_COST(kind->name, "100,000 times put and take, one thread", put_and_take());
		BENCH_COST(kind->name, "100,000 times put and take, two threads", pass_on());
		BENCH_COST(kind->name, "100,000 times put and take, 4 producers", gather());
	}
}

/* ---- defer_rcu ---- */

static void defer_on(struct bench_group *group, unsigned long number)
{
	rcu_defer_register_thread();
	while (!bench_stopped(group)) {
		for (int i = 0; i < 1000; i++)
			defer_rcu(free, malloc(32));
		group->done[number] += 1000;
		bench_quiescent();
	}
	rcu_defer_unregister_thread();
}

static void defers(unsigned long producers)
{
	double time = -bench_now(), calls;

	bench_start_group(&group, producers, defer_on);
	bench_sleep(bench_length * 5);
	calls = (double)bench_stop_group(&group);
	time += bench_now();
	bench_print("malloc + defer_rcu(free)", bench_of(producers, "producer"),
		    calls / time * 1e3, "M/s");
}

int main(int argc, char **argv)
{
	bench_start(argc, argv);
	bench_register();
	defers(1);
#ifndef QUEUES_ONE_DEFERS
	defers(2);
	defers(8);
#endif
	queues();
	rcu_unregister_thread();
	return 0;
}
