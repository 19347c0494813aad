/* SPDX-License-Identifier: MIT */
/*
 * Every part of the library at once, for ThreadSanitizer: readers of lists and of a pointer, an
 * updater that retires what they read by each way there is, and a producer and a consumer of queues
 * and stacks. What is handed on, or retired, is read and written plainly, so that an order that is
 * missing is a data race. Bounded by counts, not by time. Built once a flavor, as the unit tests.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu/cds.h>

#include "run-parts.h"

#define UPDATES		30000
#define HANDED_ON	20000
#define QUEUES		200

struct item {
	int key, inverse;		/* plain: inverse is ~key until the item is retired */
	struct cds_list_head list;
	struct cds_hlist_node hlist;
	struct rcu_head rcu;
};

/* A node for each kind of queue or stack; count says how many still hold the parcel. */
struct parcel {
	int key, inverse;
	struct cds_wfcq_node wfcq;
	struct cds_wfs_node wfs;
	struct cds_lfs_node lfs;
	struct cds_lfq_node_rcu lfq;
	struct rcu_head rcu;
};

static CDS_LIST_HEAD(list);
static CDS_HLIST_HEAD(hlist);
static struct item *published;

static struct cds_wfcq_head wfcq_head;
static struct cds_wfcq_tail wfcq_tail;
static struct cds_wfs_stack wfs;
static struct cds_lfs_stack lfs;
static struct cds_lfq_queue_rcu lfq;

static int updates_done;	/* atomic */
static int wrong;		/* atomic: what readers and consumers found broken */

static void check(int key, int inverse)
{
	if (inverse != ~key)
		uatomic_inc(&wrong);
}

static void retire(void *p)
{
	struct item *item = p;

	item->inverse = item->key;
	free(item);
}

static void retire_item(struct rcu_head *head)
{
	retire(caa_container_of(head, struct item, rcu));
}

static void free_parcel(struct rcu_head *head)
{
	struct parcel *parcel = caa_container_of(head, struct parcel, rcu);

	parcel->inverse = parcel->key;
	free(parcel);
}

static void read_once(void)
{
	struct cds_list_head *pos;
	struct cds_hlist_node *hpos;
	struct item *item;

	rcu_read_lock();
	item = rcu_dereference(published);
	if (item)
		check(item->key, item->inverse);
	cds_list_for_each_entry_rcu(item, &list, list)
		check(item->key, item->inverse);
	cds_list_for_each_rcu(pos, &list)
		check(cds_list_entry(pos, struct item, list)->key,
		      cds_list_entry(pos, struct item, list)->inverse);
	cds_hlist_for_each_entry_rcu(item, hpos, &hlist, hlist)
		check(item->key, item->inverse);
	cds_hlist_for_each_entry_rcu_2(item, &hlist, hlist)
		check(item->key, item->inverse);
	rcu_read_unlock();
	rcu_quiescent_state();
}

static void *reader(void *unused)
{
	rcu_register_thread();
	while (!uatomic_load(&updates_done, CMM_RELAXED))
		read_once();
	rcu_unregister_thread();
	return unused;
}

static void retire_somehow(struct item *item, int turn)
{
	if (turn % 16 == 15) {
		synchronize_rcu();
		retire(item);
	} else if (turn % 2) {
		defer_rcu(retire, item);
	} else {
		call_rcu(&item->rcu, retire_item);
	}
}

static void *updater(void *unused)
{
	struct item *last[8] = { NULL }, *item;
	int i;

	rcu_register_thread();
	if (rcu_defer_register_thread())
		abort();
	for (i = 0; i < UPDATES; i++) {
		struct item **slot = &last[i % 8];

		item = malloc(sizeof(*item));
		if (!item)
			abort();
		item->key = i;
		item->inverse = ~i;
		cds_hlist_add_head_rcu(&item->hlist, &hlist);
		if (*slot && i % 3 == 0) {
			cds_list_replace_rcu(&(*slot)->list, &item->list);
		} else {
			cds_list_add_rcu(&item->list, &list);
			if (*slot)
				cds_list_del_rcu(&(*slot)->list);
		}
		if (i % 2)
			rcu_assign_pointer(published, item);
		else
			(void) rcu_xchg_pointer(&published, item);
		if (*slot) {
			cds_hlist_del_rcu(&(*slot)->hlist);
			retire_somehow(*slot, i);
		}
		*slot = item;
		rcu_quiescent_state();
	}
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
	rcu_unregister_thread();
	uatomic_store(&updates_done, 1, CMM_RELEASE);
	return unused;
}

/* The last who gives a queue of deferred calls up, its thread or the library's, frees it. */
static void *brief(void *unused)
{
	for (int i = 0; i < QUEUES; i++) {
		rcu_register_thread();
		if (rcu_defer_register_thread())
			abort();
		defer_rcu(free, malloc(1));
		sched_yield();
		rcu_defer_barrier_thread();
		rcu_defer_unregister_thread();
		rcu_unregister_thread();
	}
	return unused;
}

static void *producer(void *unused)
{
	int i;

	rcu_register_thread();
	for (i = 0; i < HANDED_ON; i++) {
		struct parcel *parcel = malloc(sizeof(*parcel));

		if (!parcel)
			abort();
		parcel->key = i;
		parcel->inverse = ~i;
		switch (i % 4) {
		case 0:
			cds_wfcq_node_init(&parcel->wfcq);
			cds_wfcq_enqueue(&wfcq_head, &wfcq_tail, &parcel->wfcq);
			break;
		case 1:
			cds_wfs_node_init(&parcel->wfs);
			cds_wfs_push(&wfs, &parcel->wfs);
			break;
		case 2:
			cds_lfs_node_init(&parcel->lfs);
			cds_lfs_push(&lfs, &parcel->lfs);
			break;
		default:
			cds_lfq_node_init_rcu(&parcel->lfq);
			rcu_read_lock();
			cds_lfq_enqueue_rcu(&lfq, &parcel->lfq);
			rcu_read_unlock();
		}
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return unused;
}

/* A parcel from one of the four, or NULL; what must be freed after a grace period is. */
static int consume_one(int from)
{
	struct cds_wfcq_node *wfcq_node;
	struct cds_wfs_node *wfs_node;
	struct cds_lfs_node *lfs_node;
	struct cds_lfq_node_rcu *lfq_node;
	struct parcel *parcel = NULL;

	rcu_read_lock();
	switch (from) {
	case 0:
		wfcq_node = cds_wfcq_dequeue_blocking(&wfcq_head, &wfcq_tail);
		if (wfcq_node)
			parcel = caa_container_of(wfcq_node, struct parcel, wfcq);
		break;
	case 1:
		wfs_node = cds_wfs_pop_blocking(&wfs);
		if (wfs_node)
			parcel = caa_container_of(wfs_node, struct parcel, wfs);
		break;
	case 2:
		lfs_node = __cds_lfs_pop(&lfs);
		if (lfs_node)
			parcel = caa_container_of(lfs_node, struct parcel, lfs);
		break;
	default:
		lfq_node = cds_lfq_dequeue_rcu(&lfq);
		if (lfq_node)
			parcel = caa_container_of(lfq_node, struct parcel, lfq);
	}
	if (parcel) {
		check(parcel->key, parcel->inverse);
		call_rcu(&parcel->rcu, free_parcel);
	}
	rcu_read_unlock();
	return parcel != NULL;
}

static void *consumer(void *unused)
{
	int left[4] = { HANDED_ON / 4, HANDED_ON / 4, HANDED_ON / 4, HANDED_ON / 4 };
	int i, taken = 0;

	rcu_register_thread();
	for (i = 0; taken < HANDED_ON; i = (i + 1) % 4) {
		if (left[i] && consume_one(i)) {
			left[i]--;
			taken++;
		} else {
			sched_yield();
		}
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	return unused;
}

int main(void)
{
	static void *(*const parts[])(void *) = { reader, reader, updater, brief, producer, consumer };
	struct item *item, *next;

	cds_wfcq_init(&wfcq_head, &wfcq_tail);
	cds_wfs_init(&wfs);
	cds_lfs_init(&lfs);
	cds_lfq_init_rcu(&lfq, call_rcu);
	run_parts(parts, CAA_ARRAY_SIZE(parts));
	rcu_barrier();
	cds_list_for_each_entry_safe(item, next, &list, list)
		retire(item);
	if (cds_lfq_destroy_rcu(&lfq))
		uatomic_inc(&wrong);
	rcu_barrier();
	return tell_wrong(uatomic_read(&wrong));
}
