/* SPDX-License-Identifier: MIT */
/*
 * Inline bodies of urcu/wfcqueue.h, which holds the contracts.
 *
 * The list is singly linked from the head's own node, which no consumer ever sees, to the node
 * that tail->p names; tail->p naming the head's node is what "empty" means.
 *
 *   producer  [WQ1] exchange tail->p, old last node against new
 *             [WQ2] store the link, old->next = new
 *
 * So a null link in a node that tail->p does not name is a gap: somebody is between WQ1 and WQ2.
 * Nobody but the producer that got `old` from WQ1 stores to old->next, and it does nothing with
 * `old` afterwards: once the link of a node is seen, or the node was swung out of tail->p by WQ4,
 * only consumers know it.
 */
#include <urcu/wfcqueue.h>	/* the types; it may include us, hence outside the guard */

#ifndef _URCU_STATIC_WFCQUEUE_H
#define _URCU_STATIC_WFCQUEUE_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <urcu/compiler.h>
#include <urcu/static/link-wait.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

static inline void _cds_wfcq_node_init(struct cds_wfcq_node *node)
{
	node->next = NULL;
}

static inline void _cds_wfcq_make_empty(struct cds_wfcq_node *head, struct cds_wfcq_tail *tail)
{
	_cds_wfcq_node_init(head);
	tail->p = head;
}

static inline void _cds_wfcq_init(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	_cds_wfcq_make_empty(&head->node, tail);
	(void) pthread_mutex_init(&head->lock, NULL);
}

static inline void _cds_wfcq_destroy(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	(void) tail;
	(void) pthread_mutex_destroy(&head->lock);
}

static inline void ___cds_wfcq_init(struct __cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	_cds_wfcq_make_empty(&head->node, tail);
}

/* Does `node` end the list? True of the head's node if the queue is empty. */
static inline bool _cds_wfcq_is_last(const struct cds_wfcq_node *node,
		const struct cds_wfcq_tail *tail)
{
	/* relaxed: a comparison; nothing is reached through the pointer. */
	return __atomic_load_n(&tail->p, __ATOMIC_RELAXED) == node;
}

/* The link of a node, NULL if there is none yet. */
static inline struct cds_wfcq_node *_cds_wfcq_link(const struct cds_wfcq_node *node)
{
	/* [WQ3] acquire: pairs with [WQ2]; the node behind is complete before we touch it. */
	return __atomic_load_n(&node->next, __ATOMIC_ACQUIRE);
}

/* The link of a node that is not the last: waits out a gap, or returns "would block". */
static inline struct cds_wfcq_node *_cds_wfcq_wait_link(const struct cds_wfcq_node *node,
		bool blocking)
{
	struct cds_wfcq_node *next;
	unsigned int turn = 0;

	while (!(next = _cds_wfcq_link(node))) {
		if (!blocking)
			return CDS_WFCQ_WOULDBLOCK;
		_cds_link_wait(&turn);
	}
	return next;
}

/*
 * A linked head tells "not empty" without a look at the producers' cache line; only the tail tells
 * "empty", for behind an unlinked head there may be a gap.
 */
static inline bool _cds_wfcq_node_empty(const struct cds_wfcq_node *head,
		const struct cds_wfcq_tail *tail)
{
	/* relaxed: as in _cds_wfcq_is_last(). */
	return !__atomic_load_n(&head->next, __ATOMIC_RELAXED) && _cds_wfcq_is_last(head, tail);
}

static inline bool _cds_wfcq_empty(cds_wfcq_head_const_ptr_t head, const struct cds_wfcq_tail *tail)
{
	return _cds_wfcq_node_empty(&head._h->node, tail);
}

static inline void _cds_wfcq_dequeue_lock(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	(void) tail;
	(void) pthread_mutex_lock(&head->lock);
}

static inline void _cds_wfcq_dequeue_unlock(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	(void) tail;
	(void) pthread_mutex_unlock(&head->lock);
}

/* Put the chain first..last at the end. Returns whether there was anything before it. */
static inline bool _cds_wfcq_append(struct cds_wfcq_node *head, struct cds_wfcq_tail *tail,
		struct cds_wfcq_node *first, struct cds_wfcq_node *last)
{
	/*
	 * [WQ1] seq_cst, of which the list needs: release, pairs with [WQ1] in the next producer,
	 * so that its link store comes after last->next was made NULL; and acquire, for the same
	 * from the other side, and pairs with [WQ4] and [WQ5], which have made the head's link NULL
	 * before we store it. seq_cst is the promise to callers who decide on a wake-up next.
	 */
	struct cds_wfcq_node *old = __atomic_exchange_n(&tail->p, last, __ATOMIC_SEQ_CST);

	/* [WQ2] release: pairs with [WQ3]; whoever follows the link finds the nodes. */
	__atomic_store_n(&old->next, first, __ATOMIC_RELEASE);
	return old != head;
}

static inline bool _cds_wfcq_enqueue(cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail,
		struct cds_wfcq_node *node)
{
	return _cds_wfcq_append(&head._h->node, tail, node, node);
}

static inline struct cds_wfcq_node *_cds_wfcq_first(struct cds_wfcq_node *head,
		struct cds_wfcq_tail *tail, bool blocking)
{
	if (_cds_wfcq_node_empty(head, tail))
		return NULL;
	return _cds_wfcq_wait_link(head, blocking);
}

static inline struct cds_wfcq_node *___cds_wfcq_first_blocking(cds_wfcq_head_ptr_t head,
		struct cds_wfcq_tail *tail)
{
	return _cds_wfcq_first(&head._h->node, tail, true);
}

static inline struct cds_wfcq_node *___cds_wfcq_first_nonblocking(cds_wfcq_head_ptr_t head,
		struct cds_wfcq_tail *tail)
{
	return _cds_wfcq_first(&head._h->node, tail, false);
}

static inline struct cds_wfcq_node *_cds_wfcq_next(struct cds_wfcq_node *node,
		struct cds_wfcq_tail *tail, bool blocking)
{
	struct cds_wfcq_node *next = _cds_wfcq_link(node);

	if (next)
		return next;
	return _cds_wfcq_is_last(node, tail) ? NULL : _cds_wfcq_wait_link(node, blocking);
}

static inline struct cds_wfcq_node *___cds_wfcq_next_blocking(cds_wfcq_head_ptr_t head,
		struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
	(void) head;
	return _cds_wfcq_next(node, tail, true);
}

static inline struct cds_wfcq_node *___cds_wfcq_next_nonblocking(cds_wfcq_head_ptr_t head,
		struct cds_wfcq_tail *tail, struct cds_wfcq_node *node)
{
	(void) head;
	return _cds_wfcq_next(node, tail, false);
}

/* Make the head's link what it should be now. */
static inline void _cds_wfcq_set_head(struct cds_wfcq_node *head, struct cds_wfcq_node *first)
{
	/*
	 * relaxed: consumers are kept apart by the caller, who orders them too. A producer stores
	 * to this link only when WQ1 gave it the head; for that see WQ4.
	 */
	__atomic_store_n(&head->next, first, __ATOMIC_RELAXED);
}

static inline struct cds_wfcq_node *_cds_wfcq_dequeue(struct cds_wfcq_node *head,
		struct cds_wfcq_tail *tail, int *state, bool blocking)
{
	struct cds_wfcq_node *node, *next, *last;

	if (state)
		*state = 0;
	node = _cds_wfcq_first(head, tail, blocking);
	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return node;

	next = _cds_wfcq_link(node);
	if (!next) {
		/*
		 * The only node, or a gap behind it. Try to swing the tail from it back to the
		 * head, whose link must be NULL first: the producer after us stores it.
		 *
		 * [WQ4] release: pairs with [WQ1]; that producer's link comes after our NULL.
		 */
		_cds_wfcq_set_head(head, NULL);
		last = node;
		if (__atomic_compare_exchange_n(&tail->p, &last, head, false,
				__ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
			if (state)
				*state = CDS_WFCQ_STATE_LAST;
			return node;
		}
		next = _cds_wfcq_wait_link(node, blocking);
		if (next == CDS_WFCQ_WOULDBLOCK) {
			_cds_wfcq_set_head(head, node);
			return next;
		}
	}
	_cds_wfcq_set_head(head, next);
	return node;
}

static inline struct cds_wfcq_node *___cds_wfcq_dequeue_with_state_blocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, int *state)
{
	return _cds_wfcq_dequeue(&head._h->node, tail, state, true);
}

static inline struct cds_wfcq_node *___cds_wfcq_dequeue_blocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail)
{
	return _cds_wfcq_dequeue(&head._h->node, tail, NULL, true);
}

static inline struct cds_wfcq_node *___cds_wfcq_dequeue_with_state_nonblocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail, int *state)
{
	return _cds_wfcq_dequeue(&head._h->node, tail, state, false);
}

static inline struct cds_wfcq_node *___cds_wfcq_dequeue_nonblocking(
		cds_wfcq_head_ptr_t head, struct cds_wfcq_tail *tail)
{
	return _cds_wfcq_dequeue(&head._h->node, tail, NULL, false);
}

static inline struct cds_wfcq_node *_cds_wfcq_dequeue_with_state_blocking(
		struct cds_wfcq_head *head, struct cds_wfcq_tail *tail, int *state)
{
	struct cds_wfcq_node *node;

	_cds_wfcq_dequeue_lock(head, tail);
	node = _cds_wfcq_dequeue(&head->node, tail, state, true);
	_cds_wfcq_dequeue_unlock(head, tail);
	return node;
}

static inline struct cds_wfcq_node *_cds_wfcq_dequeue_blocking(
		struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	return _cds_wfcq_dequeue_with_state_blocking(head, tail, NULL);
}

/*
 * The head's link is the token among those who splice out of one queue at the same time: one gets
 * it, the others find NULL until WQ5 has made the queue empty.
 */
static inline enum cds_wfcq_ret _cds_wfcq_splice(
		struct cds_wfcq_node *dest_head, struct cds_wfcq_tail *dest_tail,
		struct cds_wfcq_node *src_head, struct cds_wfcq_tail *src_tail, bool blocking)
{
	struct cds_wfcq_node *first, *last;
	unsigned int turn = 0;

	for (;;) {
		if (_cds_wfcq_node_empty(src_head, src_tail))
			return CDS_WFCQ_RET_SRC_EMPTY;
		/* relaxed: WQ5 acquires what the link leads to, and releases the NULL. */
		first = __atomic_exchange_n(&src_head->next, NULL, __ATOMIC_RELAXED);
		if (first)
			break;
		if (!blocking)
			return CDS_WFCQ_RET_WOULDBLOCK;
		_cds_link_wait(&turn);
	}
	/*
	 * [WQ5] release: pairs with [WQ1]; the next producer's link to the head comes after our
	 * NULL. acquire: pairs with [WQ1] in all producers so far; what they did happens before
	 * the append hands their nodes on.
	 */
	last = __atomic_exchange_n(&src_tail->p, src_head, __ATOMIC_ACQ_REL);
	return _cds_wfcq_append(dest_head, dest_tail, first, last)
			? CDS_WFCQ_RET_DEST_NON_EMPTY : CDS_WFCQ_RET_DEST_EMPTY;
}

static inline enum cds_wfcq_ret ___cds_wfcq_splice_blocking(
		cds_wfcq_head_ptr_t dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		cds_wfcq_head_ptr_t src_q_head, struct cds_wfcq_tail *src_q_tail)
{
	return _cds_wfcq_splice(&dest_q_head._h->node, dest_q_tail,
			&src_q_head._h->node, src_q_tail, true);
}

static inline enum cds_wfcq_ret ___cds_wfcq_splice_nonblocking(
		cds_wfcq_head_ptr_t dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		cds_wfcq_head_ptr_t src_q_head, struct cds_wfcq_tail *src_q_tail)
{
	return _cds_wfcq_splice(&dest_q_head._h->node, dest_q_tail,
			&src_q_head._h->node, src_q_tail, false);
}

static inline enum cds_wfcq_ret _cds_wfcq_splice_blocking(
		struct cds_wfcq_head *dest_q_head, struct cds_wfcq_tail *dest_q_tail,
		struct cds_wfcq_head *src_q_head, struct cds_wfcq_tail *src_q_tail)
{
	enum cds_wfcq_ret ret;

	_cds_wfcq_dequeue_lock(src_q_head, src_q_tail);
	ret = _cds_wfcq_splice(&dest_q_head->node, dest_q_tail,
			&src_q_head->node, src_q_tail, true);
	_cds_wfcq_dequeue_unlock(src_q_head, src_q_tail);
	return ret;
}

#endif /* _URCU_STATIC_WFCQUEUE_H */
