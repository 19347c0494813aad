/* SPDX-License-Identifier: MIT */
/*
 * Queues and stacks order what is done to an object before it is handed on, and after. Here nothing
 * else does, so with ThreadSanitizer an order that is missing is a data race, each time. Hence one
 * object only: a second would make up for what is missing at the first. And no sections, which
 * would order the threads as well; nothing is freed before they are done.
 */
#include "structures.h"

#include <urcu/lfstack.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfqueue.h>
#include <urcu/wfstack.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct {
	unsigned int content;		/* plain */
	struct cds_wfcq_node wfcq;
	struct cds_wfq_node wfq;
	struct cds_wfs_node wfs;
	struct cds_lfs_node lfs;
	struct cds_lfq_node_rcu lfq;
	struct cds_lfs_node_rcu lfrs;
} parcel;

/* ---- wfcqueue, and one spliced into another ---- */

static struct cds_wfcq_head wfcq_head, spliced_head;
static struct cds_wfcq_tail wfcq_tail, spliced_tail;

static void init_wfcq(void)
{
	cds_wfcq_init(&wfcq_head, &wfcq_tail);
	cds_wfcq_init(&spliced_head, &spliced_tail);
}

static void put_wfcq(void)
{
	cds_wfcq_node_init(&parcel.wfcq);
	cds_wfcq_enqueue(&wfcq_head, &wfcq_tail, &parcel.wfcq);
}

static bool take_from(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_blocking(head, tail);

	if (node)
		cds_wfcq_node_init(node);	/* as who enqueues it again does */
	return node;
}

static bool take_wfcq(void)
{
	return take_from(&wfcq_head, &wfcq_tail);
}

static bool splice(void)
{
	return __cds_wfcq_splice_blocking(&spliced_head, &spliced_tail, &wfcq_head, &wfcq_tail) !=
	       CDS_WFCQ_RET_SRC_EMPTY;
}

static bool take_spliced(void)
{
	return take_from(&spliced_head, &spliced_tail);
}

/* ---- wfqueue ---- */

static struct cds_wfq_queue wfq;

static void init_wfq(void)
{
	cds_wfq_init(&wfq);
}

static void put_wfq(void)
{
	cds_wfq_node_init(&parcel.wfq);
	cds_wfq_enqueue(&wfq, &parcel.wfq);
}

static bool take_wfq(void)
{
	struct cds_wfq_node *node = __cds_wfq_dequeue_blocking(&wfq);

	if (node)
		cds_wfq_node_init(node);
	return node;
}

/* ---- wfstack ---- */

static struct cds_wfs_stack wfs;

static void init_wfs(void)
{
	cds_wfs_init(&wfs);
}

static void put_wfs(void)
{
	cds_wfs_node_init(&parcel.wfs);
	cds_wfs_push(&wfs, &parcel.wfs);
}

static bool pop_wfs(void)
{
	struct cds_wfs_node *node = __cds_wfs_pop_blocking(&wfs);

	if (node)
		cds_wfs_node_init(node);
	return node;
}

static bool pop_all_wfs(void)
{
	struct cds_wfs_head *all = __cds_wfs_pop_all(&wfs);

	if (!all)
		return false;
	want(!cds_wfs_next_blocking(cds_wfs_first(all)));
	cds_wfs_node_init(&parcel.wfs);
	return true;
}

/* ---- lfstack ---- */

static struct cds_lfs_stack lfs;

static void init_lfs(void)
{
	cds_lfs_init(&lfs);
}

static void put_lfs(void)
{
	cds_lfs_node_init(&parcel.lfs);
	cds_lfs_push(&lfs, &parcel.lfs);
}

static bool pop_lfs(void)
{
	return __cds_lfs_pop(&lfs);
}

static bool pop_all_lfs(void)
{
	return __cds_lfs_pop_all(&lfs);
}

/* ---- rculfqueue ---- */

static struct cds_lfq_queue_rcu lfq, lfq_apart;
static struct rcu_head *dummy;
static void (*free_dummy)(struct rcu_head *head);

/* The one that the queue was made with: it is free once the threads are done. */
static void keep_dummy(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	dummy = head;
	free_dummy = func;
}

static void init_lfq(void)
{
	cds_lfq_init_rcu(&lfq, keep_dummy);
	lfq_apart = lfq;
}

static void put_lfq(void)
{
	cds_lfq_node_init_rcu(&parcel.lfq);
	cds_lfq_enqueue_rcu(&lfq, &parcel.lfq);
}

/* As by who is stopped between the link and the move of the tail: that of a copy moves. */
static void put_lfq_halfway(void)
{
	cds_lfq_node_init_rcu(&parcel.lfq);
	cds_lfq_enqueue_rcu(&lfq_apart, &parcel.lfq);
}

static bool take_lfq(void)
{
	return cds_lfq_dequeue_rcu(&lfq);
}

static void end_lfq(void)
{
	free_dummy(dummy);
	want(cds_lfq_destroy_rcu(&lfq) == 0);
}

/* ---- rculfstack ---- */

static struct cds_lfs_stack_rcu lfrs;

static void init_lfrs(void)
{
	cds_lfs_init_rcu(&lfrs);
}

static void put_lfrs(void)
{
	cds_lfs_node_init_rcu(&parcel.lfrs);
	cds_lfs_push_rcu(&lfrs, &parcel.lfrs);
}

static bool pop_lfrs(void)
{
	return cds_lfs_pop_rcu(&lfrs);
}

/* ---- All ---- */

static const struct way {
	void (*init)(void), (*put)(void);
	bool (*take)(void), (*pass_on)(void);	/* false: there is nothing yet */
	void (*end)(void);
} ways[] = {
	{ init_wfcq, put_wfcq, take_wfcq, NULL, NULL },
	{ init_wfcq, put_wfcq, take_spliced, splice, NULL },
	{ init_wfq, put_wfq, take_wfq, NULL, NULL },
	{ init_wfs, put_wfs, pop_wfs, NULL, NULL },
	{ init_wfs, put_wfs, pop_all_wfs, NULL, NULL },
	{ init_lfs, put_lfs, pop_lfs, NULL, NULL },
	{ init_lfs, put_lfs, pop_all_lfs, NULL, NULL },
	{ init_lfq, put_lfq, take_lfq, NULL, end_lfq },
	{ init_lfq, put_lfq_halfway, take_lfq, NULL, end_lfq },
	{ init_lfrs, put_lfrs, pop_lfrs, NULL, NULL },
};

static void give(void *way, unsigned int number)
{
	(void) number;
	parcel.content = 4711;
	((const struct way *) way)->put();
}

static void pass_on(void *way, unsigned int number)
{
	(void) number;
	while (!((const struct way *) way)->pass_on())
		sched_yield();
}

static void receive(void *way, unsigned int number)
{
	(void) number;
	while (!((const struct way *) way)->take())
		sched_yield();
	want(parcel.content == 4711);
	parcel.content = 0;
}

START_TEST(what_is_handed_on_is_whole)
{
	struct way way = ways[_i];
	struct crew crew = { .size = 0 };

	way.init();
	crew_add(&crew, 1, give, &way);
	crew_add(&crew, way.pass_on != NULL, pass_on, &way);
	crew_add(&crew, 1, receive, &way);
	crew_start(&crew);
	crew_join(&crew);
	if (way.end)
		way.end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handing-on");
	TCase *tc = tcase_create("one parcel");

	tcase_add_loop_test(tc, what_is_handed_on_is_whole, 0, sizeof(ways) / sizeof(ways[0]));
	suite_add_tcase(suite, tc);
	return run_plain_suite(suite);
}
