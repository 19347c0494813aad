/* SPDX-License-Identifier: MIT */
/*
 * Lists, queues and stacks beside a model, an array of numbers. The first byte chooses a kind, of which there are two;
 * each further one is an operation on one of them, or on both. Inlined, or by the library's functions: FUZZ_INLINE.
 */
#ifdef FUZZ_INLINE
#define _LGPL_SOURCE
#endif
#include <errno.h>

#include <urcu.h>
#include <urcu/hlist.h>
#include <urcu/lfstack.h>
#include <urcu/list.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculist.h>
#include <urcu/rcuhlist.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfstack.h>

#include "fuzz.h"

enum { THINGS = 48 };

static struct thing {
	struct cds_list_head list;
	struct cds_hlist_node hlist;
	struct cds_wfcq_node queued;
	struct cds_wfs_node waiting;
	struct cds_lfs_node stacked;
	bool used;
} things[THINGS];

struct lf_thing {
	struct cds_lfq_node_rcu node;
	struct rcu_head head;
	int number;
};

/* From first to last. */
struct model {
	int numbers[THINGS];
	int count;
};
static struct model models[2];

static int number_of(const struct thing *thing)
{
	return (int)(thing - things);
}

static void put(struct model *model, int at, int number)
{
	memmove(model->numbers + at + 1, model->numbers + at, (size_t)(model->count++ - at) * sizeof(int));
	model->numbers[at] = number;
	things[number].used = true;
}

/* Out of the model: its number. */
static int pull(struct model *model, int at)
{
	int number = model->numbers[at];

	memmove(model->numbers + at, model->numbers + at + 1, (size_t)(--model->count - at) * sizeof(int));
	things[number].used = false;
	return number;
}

/* One that is nowhere; -1: none. */
static int unused(void)
{
	for (int i = 0; i < THINGS; i++)
		if (!things[i].used)
			return i;
	return -1;
}

/* All of the second one goes to the first one, at its beginning or end. */
static void splice(int at)
{
	while (models[1].count)
		put(&models[0], at++, pull(&models[1], 0));
}

/* ---- Lists ---- */

static struct cds_list_head lists[2];

static void list_begin(void)
{
	CDS_INIT_LIST_HEAD(&lists[0]);
	CDS_INIT_LIST_HEAD(&lists[1]);
}

static void list_check(int which)
{
	struct model *model = &models[which];
	struct thing *thing, *next;
	struct cds_list_head *at;
	int i = 0;

	must(cds_list_empty(&lists[which]) == !model->count);
	cds_list_for_each_entry(thing, &lists[which], list)
		must(i < model->count && model->numbers[i++] == number_of(thing));
	must(i == model->count);
	cds_list_for_each_entry_reverse(thing, &lists[which], list)
		must(i > 0 && model->numbers[--i] == number_of(thing));
	must(i == 0);
	cds_list_for_each_entry_safe(thing, next, &lists[which], list)
		must(model->numbers[i++] == number_of(thing));
	cds_list_for_each_prev(at, &lists[which])
		must(model->numbers[--i] == number_of(cds_list_entry(at, struct thing, list)));
	cds_list_for_each_entry_rcu(thing, &lists[which], list)
		must(model->numbers[i++] == number_of(thing));
	must(i == model->count);
}

static void list_add(unsigned int what, int which, int number)
{
	struct cds_list_head *link = &things[number].list, *head = &lists[which];
	bool is_last = what & 1;

	switch (what % 4) {
	case 0: cds_list_add(link, head); break;
	case 1: cds_list_add_tail(link, head); break;
	case 2: cds_list_add_rcu(link, head); break;
	default: cds_list_add_tail_rcu(link, head);
	}
	put(&models[which], is_last ? models[which].count : 0, number);
}

static void list_replace(unsigned int what, int which, int at, int number)
{
	struct cds_list_head *old = &things[models[which].numbers[at]].list, *new = &things[number].list;

	switch (what % 3) {
	case 0: cds_list_replace(old, new); break;
	case 1: cds_list_replace_rcu(old, new); break;
	default:
		cds_list_replace_init(old, new);
		must(cds_list_empty(old));
	}
	pull(&models[which], at);
	put(&models[which], at, number);
}

static void list_delete(unsigned int what, int which, int at)
{
	struct cds_list_head *link = &things[models[which].numbers[at]].list;
	int number = models[which].numbers[at];

	switch (what % 4) {
	case 0: cds_list_del(link); break;
	case 1: cds_list_del_rcu(link); break;
	case 2:
		cds_list_del_init(link);
		must(cds_list_empty(link));
		break;
	default:
		cds_list_move(link, &lists[!which]);
	}
	pull(&models[which], at);
	if (what % 4 == 3)
		put(&models[!which], 0, number);
}

static void list_operate(unsigned int what, int which, struct input *input)
{
	int number = unused(), count = models[which].count;

	switch (what % 4) {
	case 0:
		if (number >= 0)
			list_add(what / 4, which, number);
		break;
	case 1:
		if (count)
			list_delete(what / 4, which, (int)take_below(input, (unsigned int)count));
		break;
	case 2:
		if (count && number >= 0)
			list_replace(what / 4, which, (int)take_below(input, (unsigned int)count), number);
		break;
	default:
		cds_list_splice(&lists[1], &lists[0]);
		CDS_INIT_LIST_HEAD(&lists[1]);
		splice(0);
	}
}

/* ---- Lists with a head of one pointer ---- */

static struct cds_hlist_head hlists[2];

static void hlist_begin(void)
{
	CDS_INIT_HLIST_HEAD(&hlists[0]);
	CDS_INIT_HLIST_HEAD(&hlists[1]);
}

static void hlist_check(int which)
{
	struct model *model = &models[which];
	struct cds_hlist_node *at, *next;
	struct thing *thing;
	int i = 0;

	cds_hlist_for_each_entry(thing, at, &hlists[which], hlist)
		must(i < model->count && model->numbers[i++] == number_of(thing));
	must(i == model->count);
	i = 0;
	cds_hlist_for_each_safe(at, next, &hlists[which])
		must(model->numbers[i++] == number_of(cds_hlist_entry(at, struct thing, hlist)));
	must(i == model->count);
	i = 0;
	cds_hlist_for_each_entry_rcu_2(thing, &hlists[which], hlist)
		must(model->numbers[i++] == number_of(thing));
	must(i == model->count);
}

static void hlist_operate(unsigned int what, int which, struct input *input)
{
	int number = unused(), count = models[which].count, at;

	if (what % 2 && count) {
		at = (int)take_below(input, (unsigned int)count);
		number = pull(&models[which], at);
		what & 2 ? cds_hlist_del(&things[number].hlist) : cds_hlist_del_rcu(&things[number].hlist);
	} else if (number >= 0) {
		if (what & 2)
			cds_hlist_add_head(&things[number].hlist, &hlists[which]);
		else
			cds_hlist_add_head_rcu(&things[number].hlist, &hlists[which]);
		put(&models[which], 0, number);
	}
}

/* ---- Wait-free queues ---- */

static struct cds_wfcq_head queues[2];
static struct cds_wfcq_tail tails[2];

static void queue_begin(void)
{
	for (int i = 0; i < 2; i++)
		cds_wfcq_init(&queues[i], &tails[i]);
}

static void queue_end(void)
{
	for (int i = 0; i < 2; i++)
		cds_wfcq_destroy(&queues[i], &tails[i]);
}

static void queue_check(int which)
{
	struct model *model = &models[which];
	struct cds_wfcq_node *node, *next;
	int i = 0;

	must(cds_wfcq_empty(&queues[which], &tails[which]) == !model->count);
	__cds_wfcq_for_each_blocking_safe(&queues[which], &tails[which], node, next)
		must(i < model->count && model->numbers[i++] == number_of(caa_container_of(node, struct thing, queued)));
	must(i == model->count);
}

static void queue_pull(unsigned int what, int which)
{
	struct model *model = &models[which];
	struct cds_wfcq_node *node;
	int state = -1;

	switch (what % 6) {
	case 0: node = cds_wfcq_dequeue_blocking(&queues[which], &tails[which]); break;
	case 1: node = cds_wfcq_dequeue_with_state_blocking(&queues[which], &tails[which], &state); break;
	case 2: node = __cds_wfcq_dequeue_blocking(&queues[which], &tails[which]); break;
	case 3: node = __cds_wfcq_dequeue_with_state_blocking(&queues[which], &tails[which], &state); break;
	case 4: node = __cds_wfcq_dequeue_nonblocking(&queues[which], &tails[which]); break;
	default: node = __cds_wfcq_dequeue_with_state_nonblocking(&queues[which], &tails[which], &state);
	}
	must(!node == !model->count);
	if (node) {
		if (what % 2)
			must(!(state & CDS_WFCQ_STATE_LAST) == (model->count > 1));
		must(pull(model, 0) == number_of(caa_container_of(node, struct thing, queued)));
	}
}

static void queue_splice(unsigned int what)
{
	enum cds_wfcq_ret result, wanted = !models[1].count ? CDS_WFCQ_RET_SRC_EMPTY :
		models[0].count ? CDS_WFCQ_RET_DEST_NON_EMPTY : CDS_WFCQ_RET_DEST_EMPTY;

	switch (what % 3) {
	case 0: result = cds_wfcq_splice_blocking(&queues[0], &tails[0], &queues[1], &tails[1]); break;
	case 1: result = __cds_wfcq_splice_blocking(&queues[0], &tails[0], &queues[1], &tails[1]); break;
	default: result = __cds_wfcq_splice_nonblocking(&queues[0], &tails[0], &queues[1], &tails[1]);
	}
	must(result == wanted);
	splice(models[0].count);
}

static void queue_operate(unsigned int what, int which, struct input *input)
{
	int number = unused();

	(void)input;
	if (what % 4 == 3) {
		queue_splice(what / 4);
	} else if (what % 4 == 2) {
		queue_pull(what / 4, which);
	} else if (number >= 0) {
		cds_wfcq_node_init(&things[number].queued);
		must(cds_wfcq_enqueue(&queues[which], &tails[which], &things[number].queued) == (models[which].count > 0));
		put(&models[which], models[which].count, number);
	}
}

/* ---- Wait-free stacks ---- */

static struct cds_wfs_stack waits[2];

static void wait_begin(void)
{
	cds_wfs_init(&waits[0]);
	cds_wfs_init(&waits[1]);
}

static void wait_end(void)
{
	cds_wfs_destroy(&waits[0]);
	cds_wfs_destroy(&waits[1]);
}

static void wait_check(int which)
{
	must(cds_wfs_empty(&waits[which]) == !models[which].count);
}

static void wait_pop_all(unsigned int what, int which)
{
	struct cds_wfs_head *head = what & 1 ? cds_wfs_pop_all_blocking(&waits[which]) : __cds_wfs_pop_all(&waits[which]);
	struct cds_wfs_node *node, *next;

	must(!head == !models[which].count);
	if (head)
		cds_wfs_for_each_blocking_safe(head, node, next)
			must(models[which].count && pull(&models[which], 0) ==
			     number_of(caa_container_of(node, struct thing, waiting)));
	must(!models[which].count);
}

static void wait_pop(unsigned int what, int which)
{
	struct cds_wfs_node *node;
	int state = -1;

	switch (what % 6) {
	case 0: node = cds_wfs_pop_blocking(&waits[which]); break;
	case 1: node = cds_wfs_pop_with_state_blocking(&waits[which], &state); break;
	case 2: node = __cds_wfs_pop_blocking(&waits[which]); break;
	case 3: node = __cds_wfs_pop_with_state_blocking(&waits[which], &state); break;
	case 4: node = __cds_wfs_pop_nonblocking(&waits[which]); break;
	default: node = __cds_wfs_pop_with_state_nonblocking(&waits[which], &state);
	}
	must(!node == !models[which].count);
	if (node) {
		if (what % 2)
			must(!(state & CDS_WFS_STATE_LAST) == (models[which].count > 1));
		must(pull(&models[which], 0) == number_of(caa_container_of(node, struct thing, waiting)));
	}
}

static void wait_operate(unsigned int what, int which, struct input *input)
{
	int number = unused();

	(void)input;
	if (what % 4 == 3) {
		wait_pop_all(what / 4, which);
	} else if (what % 4 == 2) {
		wait_pop(what / 4, which);
	} else if (number >= 0) {
		cds_wfs_node_init(&things[number].waiting);
		must(cds_wfs_push(&waits[which], &things[number].waiting) == (models[which].count > 0));
		put(&models[which], 0, number);
	}
}

/* ---- Lock-free stacks ---- */

static struct cds_lfs_stack stacks[2];

static void stack_begin(void)
{
	cds_lfs_init(&stacks[0]);
	cds_lfs_init(&stacks[1]);
}

static void stack_end(void)
{
	cds_lfs_destroy(&stacks[0]);
	cds_lfs_destroy(&stacks[1]);
}

static void stack_check(int which)
{
	must(cds_lfs_empty(&stacks[which]) == !models[which].count);
}

static void stack_pop(unsigned int what, int which)
{
	struct cds_lfs_head *head;
	struct cds_lfs_node *node, *next;

	if (what & 2) {
		head = what & 1 ? cds_lfs_pop_all_blocking(&stacks[which]) : __cds_lfs_pop_all(&stacks[which]);
		must(!head == !models[which].count);
		cds_lfs_for_each_safe(head, node, next)
			must(models[which].count && pull(&models[which], 0) ==
			     number_of(caa_container_of(node, struct thing, stacked)));
		must(!models[which].count);
		return;
	}
	node = what & 1 ? cds_lfs_pop_blocking(&stacks[which]) : __cds_lfs_pop(&stacks[which]);
	must(!node == !models[which].count);
	if (node)
		must(pull(&models[which], 0) == number_of(caa_container_of(node, struct thing, stacked)));
}

static void stack_operate(unsigned int what, int which, struct input *input)
{
	int number = unused();

	(void)input;
	if (what % 4 == 3) {
		stack_pop(what / 4, which);
	} else if (number >= 0) {
		cds_lfs_node_init(&things[number].stacked);
		must(cds_lfs_push(&stacks[which], &things[number].stacked) == (models[which].count > 0));
		put(&models[which], 0, number);
	}
}

/* ---- Lock-free queues ---- */

static struct cds_lfq_queue_rcu lf_queues[2];

static void lf_begin(void)
{
	cds_lfq_init_rcu(&lf_queues[0], call_rcu);
	cds_lfq_init_rcu(&lf_queues[1], call_rcu);
}

static void lf_free(struct rcu_head *head)
{
	free(caa_container_of(head, struct lf_thing, head));
}

static void lf_pull(int which)
{
	struct cds_lfq_node_rcu *node;
	struct lf_thing *thing;

	rcu_read_lock();
	node = cds_lfq_dequeue_rcu(&lf_queues[which]);
	rcu_read_unlock();
	must(!node == !models[which].count);
	if (!node)
		return;
	thing = caa_container_of(node, struct lf_thing, node);
	must(pull(&models[which], 0) == thing->number);
	call_rcu(&thing->head, lf_free);
}

static void lf_end(void)
{
	for (int i = 0; i < 2; i++) {
		if (models[i].count)
			must(cds_lfq_destroy_rcu(&lf_queues[i]) == -EPERM);
		while (models[i].count)
			lf_pull(i);
		lf_pull(i);
		must(!cds_lfq_destroy_rcu(&lf_queues[i]));
	}
	rcu_barrier();
}

static void lf_check(int which)
{
	(void)which;
}

static void lf_operate(unsigned int what, int which, struct input *input)
{
	int number = unused();
	struct lf_thing *thing;

	(void)input;
	if (what % 2) {
		lf_pull(which);
	} else if (number >= 0) {
		thing = malloc(sizeof(*thing));
		must(thing);
		thing->number = number;
		cds_lfq_node_init_rcu(&thing->node);
		rcu_read_lock();
		cds_lfq_enqueue_rcu(&lf_queues[which], &thing->node);
		rcu_read_unlock();
		put(&models[which], models[which].count, number);
	}
}

/* ---- All of them ---- */

static void nothing(void)
{
}

static const struct {
	void (*begin)(void), (*operate)(unsigned int what, int which, struct input *input), (*check)(int which), (*end)(void);
} kinds[] = {
	{ list_begin, list_operate, list_check, nothing },
	{ hlist_begin, hlist_operate, hlist_check, nothing },
	{ queue_begin, queue_operate, queue_check, queue_end },
	{ wait_begin, wait_operate, wait_check, wait_end },
	{ stack_begin, stack_operate, stack_check, stack_end },
	{ lf_begin, lf_operate, lf_check, lf_end },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };
	unsigned int kind = take_below(&input, sizeof(kinds) / sizeof(kinds[0]));
	static bool is_registered;

	if (!is_registered)
		rcu_register_thread();
	is_registered = true;
	memset(models, 0, sizeof(models));
	memset(things, 0, sizeof(things));
	kinds[kind].begin();
	for (int i = 0; i < 1000 && has_more(&input); i++) {
		unsigned int what = take(&input);

		kinds[kind].operate(what >> 1, what & 1, &input);
		kinds[kind].check(0);
		kinds[kind].check(1);
	}
	kinds[kind].end();
	return 0;
}
