/* SPDX-License-Identifier: MIT */
/*
 * What is put into a queue or stack comes out once, whole, and is the taker's own, whoever puts and takes at the same
 * time. PUT and TAKE say which one and by which functions; THREADS has a letter for each thread: p puts two, t takes
 * twice, w walks. With ORDER a producer's come out in their order, and with SECTION what was taken is freed after a
 * grace period.
 */
#define CDS_WFQ_DEPRECATED
#define CDS_LFS_RCU_DEPRECATED
#include "checker/rcu.h"

#include <quiesce/stall.h>
#include <urcu/lfstack.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfqueue.h>
#include <urcu/wfstack.h>

#define EACH	2

struct entry {
	int producer, number;
	union {
		struct cds_wfcq_node wfcq;
		struct cds_wfq_node wfq;
		struct cds_wfs_node wfs;
		struct cds_lfs_node lfs;
		struct cds_lfq_node_rcu lfq_rcu;
		struct cds_lfs_node_rcu lfs_rcu;
	} node;
	struct entry *kept;
};

#define ENTRY(pointer, which)	caa_container_of(pointer, struct entry, node.which)

struct cds_wfcq_head wfcq;
struct cds_wfcq_tail wfcq_tail;
struct cds_wfq_queue wfq;
struct cds_wfs_stack wfs;
struct cds_lfs_stack lfs;
struct cds_lfq_queue_rcu lfq_rcu;
struct cds_lfs_stack_rcu lfs_rcu;

int seen[3][EACH], next[3], taken;
__thread struct entry *kept;

/* Two that get the same entry are a data race here, and one that was freed. */
static void took(struct entry *entry)
{
	assert(!seen[entry->producer][entry->number]++);
#ifdef ORDER
	assert(entry->number == next[entry->producer]++);
#endif
	__atomic_fetch_add(&taken, 1, relaxed);
#ifdef SECTION
	entry->kept = kept;
	kept = entry;
#else
	free(entry);
#endif
}

static void free_kept(void)
{
	struct entry *entry = kept;

	if (!entry)
		return;
	synchronize_rcu();
	while (entry) {
		kept = entry->kept;
		free(entry);
		entry = kept;
	}
}

/* ---- wfcqueue ---- */

static inline void put_wfcq(struct entry *entry)
{
	cds_wfcq_node_init(&entry->node.wfcq);
	cds_wfcq_enqueue(&wfcq, &wfcq_tail, &entry->node.wfcq);
}

static inline void take_wfcq_locked(void)
{
	struct cds_wfcq_node *node = cds_wfcq_dequeue_blocking(&wfcq, &wfcq_tail);

	if (node)
		took(ENTRY(node, wfcq));
}

static inline void take_wfcq(void)
{
	int state;
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_with_state_blocking(&wfcq, &wfcq_tail, &state);

	if (node)
		took(ENTRY(node, wfcq));
}

static inline void take_wfcq_try(void)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(&wfcq, &wfcq_tail);

	if (node && node != CDS_WFCQ_WOULDBLOCK)
		took(ENTRY(node, wfcq));
}

static void take_spliced(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	struct cds_wfcq_node *node, *after;

	__cds_wfcq_for_each_blocking_safe(head, tail, node, after)
		took(ENTRY(node, wfcq));
}

static inline void take_wfcq_splice(void)
{
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;

	cds_wfcq_init(&head, &tail);
	if (__cds_wfcq_splice_blocking(&head, &tail, &wfcq, &wfcq_tail) != CDS_WFCQ_RET_SRC_EMPTY)
		take_spliced(&head, &tail);
}

static inline void take_wfcq_splice_try(void)
{
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;
	enum cds_wfcq_ret ret;

	cds_wfcq_init(&head, &tail);
	ret = __cds_wfcq_splice_nonblocking(&head, &tail, &wfcq, &wfcq_tail);
	assert(ret != CDS_WFCQ_RET_DEST_NON_EMPTY);
	if (ret == CDS_WFCQ_RET_DEST_EMPTY)
		take_spliced(&head, &tail);
}

/* One takes with the lock, which splices too. */
static inline void take_wfcq_splice_locked(void)
{
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;

	take_wfcq_locked();
	cds_wfcq_init(&head, &tail);
	if (cds_wfcq_splice_blocking(&head, &tail, &wfcq, &wfcq_tail) != CDS_WFCQ_RET_SRC_EMPTY)
		take_spliced(&head, &tail);
}

static void walk(void)
{
	struct cds_wfcq_node *node;
	int last[3] = { -1, -1, -1 };

	__cds_wfcq_for_each_blocking(&wfcq, &wfcq_tail, node) {
		struct entry *entry = ENTRY(node, wfcq);

		assert(entry->number == last[entry->producer] + 1);
		last[entry->producer] = entry->number;
	}
}

/* ---- wfqueue ---- */

static inline void put_wfq(struct entry *entry)
{
	cds_wfq_node_init(&entry->node.wfq);
	cds_wfq_enqueue(&wfq, &entry->node.wfq);
}

static inline void take_wfq_locked(void)
{
	struct cds_wfq_node *node = cds_wfq_dequeue_blocking(&wfq);

	if (node)
		took(ENTRY(node, wfq));
}

static inline void take_wfq(void)
{
	struct cds_wfq_node *node = __cds_wfq_dequeue_blocking(&wfq);

	if (node)
		took(ENTRY(node, wfq));
}

/* ---- wfstack ---- */

static inline void put_wfs(struct entry *entry)
{
	cds_wfs_node_init(&entry->node.wfs);
	cds_wfs_push(&wfs, &entry->node.wfs);
}

static inline void take_wfs_locked(void)
{
	struct cds_wfs_node *node = cds_wfs_pop_blocking(&wfs);

	if (node)
		took(ENTRY(node, wfs));
}

static inline void take_wfs(void)
{
	int state;
	struct cds_wfs_node *node = __cds_wfs_pop_with_state_blocking(&wfs, &state);

	if (node)
		took(ENTRY(node, wfs));
}

static inline void take_wfs_try(void)
{
	struct cds_wfs_node *node = __cds_wfs_pop_nonblocking(&wfs);

	if (node && node != CDS_WFS_WOULDBLOCK)
		took(ENTRY(node, wfs));
}

static inline void take_wfs_section(void)
{
	rcu_read_lock();
	take_wfs();
	rcu_read_unlock();
}

static inline void take_wfs_all(void)
{
	struct cds_wfs_node *node, *after;
	struct cds_wfs_head *head = __cds_wfs_pop_all(&wfs);

	cds_wfs_for_each_blocking_safe(head, node, after)
		took(ENTRY(node, wfs));
}

/* ---- lfstack ---- */

static inline void put_lfs(struct entry *entry)
{
	cds_lfs_node_init(&entry->node.lfs);
	cds_lfs_push(&lfs, &entry->node.lfs);
}

static inline void take_lfs_locked(void)
{
	struct cds_lfs_node *node = cds_lfs_pop_blocking(&lfs);

	if (node)
		took(ENTRY(node, lfs));
}

static inline void take_lfs(void)
{
	struct cds_lfs_node *node = __cds_lfs_pop(&lfs);

	if (node)
		took(ENTRY(node, lfs));
}

static inline void take_lfs_section(void)
{
	rcu_read_lock();
	take_lfs();
	rcu_read_unlock();
}

static inline void take_lfs_all(void)
{
	struct cds_lfs_node *node, *after;
	struct cds_lfs_head *head = __cds_lfs_pop_all(&lfs);

	cds_lfs_for_each_safe(head, node, after)
		took(ENTRY(node, lfs));
}

/* ---- rculfqueue and rculfstack ---- */

static inline void put_lfq_rcu(struct entry *entry)
{
	cds_lfq_node_init_rcu(&entry->node.lfq_rcu);
	rcu_read_lock();
	cds_lfq_enqueue_rcu(&lfq_rcu, &entry->node.lfq_rcu);
	rcu_read_unlock();
}

static inline void take_lfq_rcu(void)
{
	struct cds_lfq_node_rcu *node;

	rcu_read_lock();
	node = cds_lfq_dequeue_rcu(&lfq_rcu);
	if (node)
		took(ENTRY(node, lfq_rcu));
	rcu_read_unlock();
}

static inline void put_lfs_rcu(struct entry *entry)
{
	cds_lfs_node_init_rcu(&entry->node.lfs_rcu);
	cds_lfs_push_rcu(&lfs_rcu, &entry->node.lfs_rcu);
}

static inline void take_lfs_rcu(void)
{
	struct cds_lfs_node_rcu *node;

	rcu_read_lock();
	node = cds_lfs_pop_rcu(&lfs_rcu);
	if (node)
		took(ENTRY(node, lfs_rcu));
	rcu_read_unlock();
}

/* ---- All ---- */

static void *produce(void *who)
{
	rcu_register_thread();
	for (int i = 0; i < EACH; i++) {
		struct entry *entry = malloc(sizeof(*entry));

		entry->producer = *(int *)who;
		entry->number = i;
		PUT(entry);
	}
	rcu_unregister_thread();
	return NULL;
}

static void *consume(void *arg)
{
	rcu_register_thread();
	TAKE();
	TAKE();
	free_kept();
	rcu_unregister_thread();
	return arg;
}

static void *look(void *arg)
{
	walk();
	return arg;
}

int main(void)
{
	static const char letters[] = THREADS;
	int count = sizeof(letters) - 1, numbers[3] = { 0, 1, 2 }, total = 0;
	pthread_t threads[3];

	/* Time passes while a taker yields in its section. */
	quiesce_set_stall_timeout(0);
	cds_wfcq_init(&wfcq, &wfcq_tail);
	cds_wfq_init(&wfq);
	cds_wfs_init(&wfs);
	cds_lfs_init(&lfs);
	cds_lfq_init_rcu(&lfq_rcu, call_rcu);
	cds_lfs_init_rcu(&lfs_rcu);
	for (int i = 0; i < count; i++) {
		total += letters[i] == 'p' ? EACH : 0;
		if (pthread_create(&threads[i], NULL, letters[i] == 'p' ? produce : letters[i] == 't' ? consume : look,
				   &numbers[i]) != 0)
			abort();
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	rcu_register_thread();
	for (int i = 0; i < total; i++)
		TAKE();
	free_kept();
	rcu_unregister_thread();
	assert(taken == total);
	return 0;
}
