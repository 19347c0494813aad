/* SPDX-License-Identifier: MIT */
/*
 * The queues and stacks of liburcu-common and liburcu-cds, each under several threads: what goes in
 * comes out once. Threads are readers of memb, for the structures that ask for it.
 */
#define _GNU_SOURCE
#define CDS_WFQ_DEPRECATED
#define CDS_LFS_RCU_DEPRECATED
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <urcu.h>
#include <urcu/futex.h>
#include <urcu/lfstack.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculist.h>
#include <urcu/uatomic.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfqueue.h>
#include <urcu/wfstack.h>
#ifdef WITH_TABLE
#include <urcu/rculfhash.h>
#endif

#include "binary.h"

#define THREADS	2
#define EACH	1500
#define TOTAL	(THREADS * EACH)

struct item {
	union {
		struct cds_wfcq_node wfcq;
		struct cds_wfq_node wfq;
		struct cds_wfs_node wfs;
		struct cds_lfs_node lfs;
		struct cds_lfq_node_rcu lfq;
	};
	struct rcu_head head;
	struct cds_list_head list;
#ifdef WITH_TABLE
	struct cds_lfht_node table;
#endif
	int taken;
};

static struct cds_wfcq_head wfcq_head;
static struct cds_wfcq_tail wfcq_tail;
static struct cds_wfq_queue wfq;
static struct cds_wfs_stack wfs;
static struct cds_lfs_stack lfs;
static struct cds_lfq_queue_rcu lfq;

/* What is put in, and what is taken out: an item, or NULL when there is none. */
struct structure {
	void (*put_in)(struct item *item);
	struct item *(*take_out)(void);
};

static void put_wfcq(struct item *item)
{
	cds_wfcq_node_init(&item->wfcq);
	cds_wfcq_enqueue(&wfcq_head, &wfcq_tail, &item->wfcq);
}

static struct item *take_wfcq(void)
{
	struct cds_wfcq_node *node = cds_wfcq_dequeue_blocking(&wfcq_head, &wfcq_tail);

	return node ? caa_container_of(node, struct item, wfcq) : NULL;
}

static void put_wfq(struct item *item)
{
	cds_wfq_node_init(&item->wfq);
	cds_wfq_enqueue(&wfq, &item->wfq);
}

static struct item *take_wfq(void)
{
	struct cds_wfq_node *node = cds_wfq_dequeue_blocking(&wfq);

	return node ? caa_container_of(node, struct item, wfq) : NULL;
}

static void put_wfs(struct item *item)
{
	cds_wfs_node_init(&item->wfs);
	cds_wfs_push(&wfs, &item->wfs);
}

static struct item *take_wfs(void)
{
	struct cds_wfs_node *node = cds_wfs_pop_blocking(&wfs);

	return node ? caa_container_of(node, struct item, wfs) : NULL;
}

static void put_lfs(struct item *item)
{
	cds_lfs_node_init(&item->lfs);
	cds_lfs_push(&lfs, &item->lfs);
}

static struct item *take_lfs(void)
{
	struct cds_lfs_node *node = cds_lfs_pop_blocking(&lfs);

	return node ? caa_container_of(node, struct item, lfs) : NULL;
}

static void put_lfq(struct item *item)
{
	cds_lfq_node_init_rcu(&item->lfq);
	rcu_read_lock();
	cds_lfq_enqueue_rcu(&lfq, &item->lfq);
	rcu_read_unlock();
}

static struct item *take_lfq(void)
{
	struct cds_lfq_node_rcu *node;

	rcu_read_lock();
	node = cds_lfq_dequeue_rcu(&lfq);
	rcu_read_unlock();
	return node ? caa_container_of(node, struct item, lfq) : NULL;
}

static const struct structure structures[] = {
	{ put_wfcq, take_wfcq },
	{ put_wfq, take_wfq },
	{ put_wfs, take_wfs },
	{ put_lfs, take_lfs },
	{ put_lfq, take_lfq },
};

/* ---- Queues and stacks ---- */

static const struct structure *under_test;
static struct item items[TOTAL];
static unsigned long taken;

static void *produce(void *arg)
{
	struct item *mine = &items[(long)arg * EACH];

	rcu_register_thread();
	for (int i = 0; i < EACH; i++)
		under_test->put_in(&mine[i]);
	rcu_unregister_thread();
	return NULL;
}

static void *consume(void *arg)
{
	(void)arg;
	rcu_register_thread();
	while (uatomic_read(&taken) < TOTAL) {
		struct item *item = under_test->take_out();

		if (item) {
			want(uatomic_xchg(&item->taken, 1) == 0);
			uatomic_inc(&taken);
		} else {
			sched_yield();
		}
	}
	rcu_unregister_thread();
	return NULL;
}

static void go_through(const struct structure *structure)
{
	pthread_t threads[2 * THREADS];

	memset(items, 0, sizeof(items));
	taken = 0;
	under_test = structure;
	for (long i = 0; i < 2 * THREADS; i++)
		want(pthread_create(&threads[i], NULL, i < THREADS ? produce : consume,
				    (void *)(i % THREADS)) == 0);
	for (int i = 0; i < 2 * THREADS; i++)
		want(pthread_join(threads[i], NULL) == 0);
	want(!structure->take_out());
	for (int i = 0; i < TOTAL; i++)
		want(items[i].taken == 1);
}

/* ---- A list ---- */

static CDS_LIST_HEAD(list);

static void dispose(struct rcu_head *head)
{
	memset(caa_container_of(head, struct item, head), 0xff, sizeof(struct item));
}

static void *walk_list(void *arg)
{
	bool more = true;

	rcu_register_thread();
	while (more) {
		struct item *item;

		rcu_read_lock();
		cds_list_for_each_entry_rcu(item, &list, list)
			want(*(volatile int *)&item->taken == 0);
		more = !cds_list_empty(&list);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return arg;
}

static void change_list(void)
{
	pthread_t thread;

	memset(items, 0, sizeof(items));
	for (int i = 0; i < 100; i++)
		cds_list_add_tail_rcu(&items[i].list, &list);
	want(pthread_create(&thread, NULL, walk_list, NULL) == 0);
	for (int i = 100; i < TOTAL; i++) {
		cds_list_add_rcu(&items[i].list, &list);
		cds_list_del_rcu(&items[i - 100].list);
		call_rcu(&items[i - 100].head, dispose);
	}
	for (int i = TOTAL - 100; i < TOTAL; i++) {
		cds_list_del_rcu(&items[i].list);
		call_rcu(&items[i].head, dispose);
	}
	want(pthread_join(thread, NULL) == 0);
	rcu_barrier();
}

/* ---- A hash table ---- */

#ifdef WITH_TABLE
static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct item, table)->taken == *(const int *)key;
}

static void fill_table(void)
{
	struct cds_lfht *table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
					      NULL);
	struct cds_lfht_iter iter;

	want(table);
	rcu_register_thread();
	rcu_read_lock();
	for (int i = 0; i < TOTAL; i++) {
		items[i].taken = i;
		cds_lfht_node_init(&items[i].table);
		cds_lfht_add(table, (unsigned long)i, &items[i].table);
	}
	for (int i = 0; i < TOTAL; i++) {
		cds_lfht_lookup(table, (unsigned long)i, match, &i, &iter);
		want(cds_lfht_iter_get_node(&iter) == &items[i].table);
		want(cds_lfht_del(table, &items[i].table) == 0);
	}
	rcu_read_unlock();
	rcu_unregister_thread();
	want(cds_lfht_destroy(table, NULL) == 0);
}
#else
static void fill_table(void)
{
}
#endif

/* ---- What liburcu-common has beside them ---- */

/* A waiter whose word has changed returns; nobody sleeps, so nobody is woken. */
static void try_futex(void)
{
	int32_t word = 1;

	errno = 0;
	want(compat_futex_noasync(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ||
	     errno == EWOULDBLOCK);
	want(compat_futex_async(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ||
	     errno == EWOULDBLOCK);
	want(compat_futex_noasync(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	want(compat_futex_async(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
	want(futex_noasync(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

void load_structures(void)
{
	size_t number;

	cds_wfcq_init(&wfcq_head, &wfcq_tail);
	cds_wfq_init(&wfq);
	cds_wfs_init(&wfs);
	cds_lfs_init(&lfs);
	cds_lfq_init_rcu(&lfq, call_rcu);
	for (number = 0; number < sizeof(structures) / sizeof(structures[0]); number++)
		go_through(&structures[number]);
	want(cds_lfq_destroy_rcu(&lfq) == 0);
	change_list();
	fill_table();
	try_futex();
}
