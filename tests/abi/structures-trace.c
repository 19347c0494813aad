/* SPDX-License-Identifier: MIT */
/*
 * Prints what every function of the queues and stacks returns, and what the public structures then
 * hold, over a random sequence of calls. Compiled against two libraries, with and without
 * _LGPL_SOURCE, it must print the same.
 *
 * usage: structures-trace [seed [steps]]
 *
 * Producers that were preempted between their exchange and their link are part of the sequence;
 * calls that would wait for them for ever are left out.
 */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/compiler.h>
#include <urcu/lfstack.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfqueue.h>
#include <urcu/wfstack.h>

enum { NODES = 6 };

static uint32_t seed = 1;

static unsigned int pick(unsigned int range)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % range;
}

/* A free one of NODES nodes, -1 if there is none. */
static int pick_free(const bool *used)
{
	unsigned int start = pick(NODES);

	for (unsigned int i = 0; i < NODES; i++)
		if (!used[(start + i) % NODES])
			return (int) ((start + i) % NODES);
	return -1;
}

/* ---- wfcqueue: two queues of different kind, a gap in the first ---- */

static struct cds_wfcq_node wfcq_node[NODES], *wfcq_gap, *wfcq_late;
static struct cds_wfcq_head wfcq_head[2];
static struct cds_wfcq_tail wfcq_tail[2];
static bool wfcq_used[NODES];

static const char *wfcq_name(const struct cds_wfcq_node *node)
{
	static char name[2][8];
	static int turn;

	if (!node)
		return "none";
	if (node == CDS_WFCQ_WOULDBLOCK)
		return "wait";
	for (int i = 0; i < 2; i++)
		if (node == &wfcq_head[i].node)
			return i ? "head1" : "head0";
	turn = !turn;
	snprintf(name[turn], sizeof(name[turn]), "n%d", (int) (node - wfcq_node));
	return name[turn];
}

static void wfcq_took(const char *how, struct cds_wfcq_node *node, int state)
{
	printf("wfcq %s: %s %d\n", how, wfcq_name(node), state);
	if (node && node != CDS_WFCQ_WOULDBLOCK)
		wfcq_used[node - wfcq_node] = false;
}

static void wfcq_walk(int q)
{
	struct cds_wfcq_node *node;

	for (node = __cds_wfcq_first_nonblocking(&wfcq_head[q], &wfcq_tail[q]);
			node && node != CDS_WFCQ_WOULDBLOCK;
			node = __cds_wfcq_next_nonblocking(&wfcq_head[q], &wfcq_tail[q], node))
		printf(" %s", wfcq_name(node));
	printf(" %s\n", wfcq_name(node));
}

static void wfcq_step(void)
{
	int q = (int) pick(2), i, state = 7;
	struct cds_wfcq_head *head = &wfcq_head[q], *other = &wfcq_head[!q];
	struct cds_wfcq_tail *tail = &wfcq_tail[q], *other_tail = &wfcq_tail[!q];

	switch (pick(wfcq_gap ? 7 : 12)) {
	case 0:
	case 1:
		i = pick_free(wfcq_used);
		if (i < 0)
			break;
		wfcq_used[i] = true;
		cds_wfcq_node_init(&wfcq_node[i]);
		printf("wfcq enqueue %d n%d: %d\n", q, i,
			cds_wfcq_enqueue(head, tail, &wfcq_node[i]));
		break;
	case 2:
		wfcq_took("nb", __cds_wfcq_dequeue_nonblocking(head, tail), 0);
		break;
	case 3:
		wfcq_took("nb state", __cds_wfcq_dequeue_with_state_nonblocking(head, tail,
			&state), state);
		break;
	case 4:
		printf("wfcq splice nb: %d\n",
			__cds_wfcq_splice_nonblocking(other, other_tail, head, tail));
		break;
	case 5:
	case 6:
		if (wfcq_gap) {
			__atomic_store_n(&wfcq_gap->next, wfcq_late, __ATOMIC_RELEASE);
			wfcq_gap = NULL;
			break;
		}
		i = pick_free(wfcq_used);
		if (i < 0)
			break;
		wfcq_used[i] = true;
		wfcq_late = &wfcq_node[i];
		cds_wfcq_node_init(wfcq_late);
		wfcq_gap = __atomic_exchange_n(&tail->p, wfcq_late, __ATOMIC_SEQ_CST);
		printf("wfcq gap behind %s\n", wfcq_name(wfcq_gap));
		break;
	case 7:
		wfcq_took("locked", cds_wfcq_dequeue_blocking(head, tail), 0);
		break;
	case 8:
		wfcq_took("locked state", cds_wfcq_dequeue_with_state_blocking(head, tail,
			&state), 0);
		printf("state %d\n", state);
		break;
	case 9:
		wfcq_took("plain", __cds_wfcq_dequeue_blocking(head, tail), 0);
		wfcq_took("plain state", __cds_wfcq_dequeue_with_state_blocking(head, tail,
			&state), 0);
		printf("state %d\n", state);
		break;
	case 10:
		printf("wfcq splice: %d\n",
			__cds_wfcq_splice_blocking(other, other_tail, head, tail));
		break;
	default:
		printf("wfcq splice locked: %d\n",
			cds_wfcq_splice_blocking(other, other_tail, head, tail));
	}
	for (q = 0; q < 2; q++) {
		printf("wfcq %d: empty %d head %s tail %s:", q,
			cds_wfcq_empty(&wfcq_head[q], &wfcq_tail[q]),
			wfcq_name(wfcq_head[q].node.next), wfcq_name(wfcq_tail[q].p));
		wfcq_walk(q);
	}
}

/* ---- wfstack, with a gap ---- */

static struct cds_wfs_node wfs_node[NODES], *wfs_late;
static struct cds_wfs_head *wfs_below;
static struct cds_wfs_stack wfs;
static bool wfs_used[NODES];

static long wfs_name(const void *node)
{
	long offset = (const struct cds_wfs_node *) node - wfs_node;

	return (uintptr_t) node + 1 < 3 ? 100 + (long) (intptr_t) node : offset;
}

static void wfs_took(const char *how, struct cds_wfs_node *node, int state)
{
	printf("wfs %s: %ld %d\n", how, wfs_name(node), state);
	if (node && node != CDS_WFS_WOULDBLOCK)
		wfs_used[node - wfs_node] = false;
}

static void wfs_step(void)
{
	struct cds_wfs_node *node, *next;
	struct cds_wfs_head *all;
	int i, state = 7;

	switch (pick(wfs_late ? 5 : 11)) {
	case 0:
	case 1:
		i = pick_free(wfs_used);
		if (i < 0)
			break;
		wfs_used[i] = true;
		cds_wfs_node_init(&wfs_node[i]);
		printf("wfs push %d: %d\n", i, cds_wfs_push(&wfs, &wfs_node[i]));
		break;
	case 2:
		wfs_took("nb", __cds_wfs_pop_nonblocking(&wfs), 0);
		break;
	case 3:
		node = __cds_wfs_pop_with_state_nonblocking(&wfs, &state);
		wfs_took("nb state", node, state);
		break;
	case 4:
		if (wfs_late) {
			__atomic_store_n(&wfs_late->next, (struct cds_wfs_node *) wfs_below,
				__ATOMIC_RELEASE);
			wfs_late = NULL;
			break;
		}
		i = pick_free(wfs_used);
		if (i < 0)
			break;
		wfs_used[i] = true;
		wfs_late = &wfs_node[i];
		cds_wfs_node_init(wfs_late);
		wfs_below = __atomic_exchange_n(&wfs.head, (struct cds_wfs_head *) wfs_late,
			__ATOMIC_SEQ_CST);
		printf("wfs gap under %d\n", i);
		break;
	case 5:
		wfs_took("plain", __cds_wfs_pop_blocking(&wfs), 0);
		break;
	case 6:
		node = __cds_wfs_pop_with_state_blocking(&wfs, &state);
		wfs_took("plain state", node, state);
		break;
	case 7:
		wfs_took("locked", cds_wfs_pop_blocking(&wfs), 0);
		break;
	case 8:
		node = cds_wfs_pop_with_state_blocking(&wfs, &state);
		wfs_took("locked state", node, state);
		break;
	default:
		all = pick(2) ? __cds_wfs_pop_all(&wfs) : cds_wfs_pop_all_blocking(&wfs);
		printf("wfs all %ld first %ld\n", wfs_name(all), wfs_name(cds_wfs_first(all)));
		cds_wfs_for_each_blocking(all, node)
			printf("wfs next %ld %ld\n", wfs_name(cds_wfs_next_nonblocking(node)),
				wfs_name(cds_wfs_next_blocking(node)));
		cds_wfs_for_each_blocking_safe(all, node, next)
			wfs_took("all", node, 0);
	}
	printf("wfs empty %d head %ld\n", cds_wfs_empty(&wfs), wfs_name(wfs.head));
}

/* ---- lfstack and rculfstack ---- */

static struct cds_lfs_node lfs_node[NODES];
static struct cds_lfs_stack lfs;
static bool lfs_used[NODES];
static struct cds_lfs_node_rcu lfsr_node[NODES];
static struct cds_lfs_stack_rcu lfsr;
static bool lfsr_used[NODES];

static void lfs_took(const char *how, struct cds_lfs_node *node)
{
	printf("lfs %s: %d\n", how, node ? (int) (node - lfs_node) : -1);
	if (node)
		lfs_used[node - lfs_node] = false;
}

static void lfs_step(void)
{
	struct cds_lfs_node *node, *next;
	struct cds_lfs_node_rcu *node_rcu;
	struct cds_lfs_head *all;
	int i;

	switch (pick(8)) {
	case 0:
	case 1:
	case 2:
		i = pick_free(lfs_used);
		if (i < 0)
			break;
		lfs_used[i] = true;
		lfs_node[i].next = &lfs_node[NODES - 1];
		cds_lfs_node_init(&lfs_node[i]);
		printf("lfs init %d\n", lfs_node[i].next == &lfs_node[NODES - 1]);
		printf("lfs push %d: %d\n", i, cds_lfs_push(&lfs, &lfs_node[i]));
		break;
	case 3:
		lfs_took("pop", __cds_lfs_pop(&lfs));
		break;
	case 4:
		lfs_took("locked", cds_lfs_pop_blocking(&lfs));
		break;
	case 5:
		all = pick(2) ? __cds_lfs_pop_all(&lfs) : cds_lfs_pop_all_blocking(&lfs);
		printf("lfs all %d\n", all != NULL);
		cds_lfs_for_each(all, node)
			printf("lfs each %d\n", (int) (node - lfs_node));
		cds_lfs_for_each_safe(all, node, next)
			lfs_took("all", node);
		break;
	case 6:
		i = pick_free(lfsr_used);
		if (i < 0)
			break;
		lfsr_used[i] = true;
		cds_lfs_node_init_rcu(&lfsr_node[i]);
		printf("lfsr push %d: %d\n", i, cds_lfs_push_rcu(&lfsr, &lfsr_node[i]));
		break;
	default:
		node_rcu = cds_lfs_pop_rcu(&lfsr);
		printf("lfsr pop %d\n", node_rcu ? (int) (node_rcu - lfsr_node) : -1);
		if (node_rcu)
			lfsr_used[node_rcu - lfsr_node] = false;
	}
	printf("lfs empty %d\n", cds_lfs_empty(&lfs));
}

/* ---- rculfqueue and wfqueue ---- */

static struct cds_lfq_node_rcu lfq_node[NODES];
static struct cds_lfq_queue_rcu lfq;
static bool lfq_used[NODES];
static struct cds_wfq_node wfq_node[NODES];
static struct cds_wfq_queue wfq;
static bool wfq_used[NODES];

static void now(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	printf("lfq dummy reclaimed\n");
	func(head);	/* nobody reads here */
}

static void queues_step(void)
{
	struct cds_lfq_node_rcu *node;
	struct cds_wfq_node *wf_node;
	int i, ret;

	switch (pick(5)) {
	case 0:
		i = pick_free(lfq_used);
		if (i < 0)
			break;
		lfq_used[i] = true;
		cds_lfq_node_init_rcu(&lfq_node[i]);
		cds_lfq_enqueue_rcu(&lfq, &lfq_node[i]);
		break;
	case 1:
		node = cds_lfq_dequeue_rcu(&lfq);
		printf("lfq dequeue %d\n", node ? (int) (node - lfq_node) : -1);
		if (node)
			lfq_used[node - lfq_node] = false;
		break;
	case 2:
		ret = cds_lfq_destroy_rcu(&lfq);
		printf("lfq destroy %d\n", ret);
		if (!ret)
			cds_lfq_init_rcu(&lfq, now);
		break;
	case 3:
		i = pick_free(wfq_used);
		if (i < 0)
			break;
		wfq_used[i] = true;
		cds_wfq_node_init(&wfq_node[i]);
		cds_wfq_enqueue(&wfq, &wfq_node[i]);
		break;
	default:
		wf_node = pick(2) ? cds_wfq_dequeue_blocking(&wfq)
				: __cds_wfq_dequeue_blocking(&wfq);
		printf("wfq dequeue %d\n", wf_node ? (int) (wf_node - wfq_node) : -1);
		if (wf_node)
			wfq_used[wf_node - wfq_node] = false;
	}
	printf("lfq head dummy %d tail dummy %d wfq head dummy %d tail dummy %d\n",
		lfq.head->dummy, lfq.tail->dummy,
		wfq.head == &wfq.dummy, wfq.tail == &wfq.dummy.next);
}

int main(int argc, char **argv)
{
	unsigned long steps = argc > 2 ? strtoul(argv[2], NULL, 0) : 100000;

	if (argc > 1)
		seed = (uint32_t) strtoul(argv[1], NULL, 0) | 1;
	for (int q = 0; q < 2; q++)
		cds_wfcq_init(&wfcq_head[q], &wfcq_tail[q]);
	cds_wfs_init(&wfs);
	cds_lfs_init(&lfs);
	cds_lfs_init_rcu(&lfsr);
	cds_lfq_init_rcu(&lfq, now);
	cds_wfq_init(&wfq);
	while (steps--) {
		wfcq_step();
		wfs_step();
		lfs_step();
		queues_step();
	}
	return 0;
}
