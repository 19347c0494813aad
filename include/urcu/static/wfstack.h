/* SPDX-License-Identifier: MIT */
/*
 * Inline bodies of urcu/wfstack.h, which holds the contracts.
 *
 *   producer  [WS1] exchange s->head, old top against node
 *             [WS2] store the link, node->next = old top
 *
 * A null link is a gap: the producer of that node is between WS1 and WS2. Hence the end of the
 * stack must be marked by something that is not null: CDS_WFS_END.
 */
#include <urcu/wfstack.h>	/* the types; it may include us, hence outside the guard */

#ifndef _URCU_STATIC_WFSTACK_H
#define _URCU_STATIC_WFSTACK_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <urcu/compiler.h>
#include <urcu/static/link-wait.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

/* What the lowest node links to, and the head of an empty stack; known to existing binaries. */
#define CDS_WFS_END _urcu_cast(struct cds_wfs_head *, 1UL)

/* A head is the first node under another name. Casts, for either may be CDS_WFS_END. */
static inline struct cds_wfs_head *_cds_wfs_to_head(struct cds_wfs_node *node)
{
	return _urcu_cast(struct cds_wfs_head *, node);
}

static inline struct cds_wfs_node *_cds_wfs_to_node(struct cds_wfs_head *head)
{
	return _urcu_cast(struct cds_wfs_node *, head);
}

static inline void _cds_wfs_node_init(struct cds_wfs_node *node)
{
	node->next = NULL;
}

static inline void ___cds_wfs_init(struct __cds_wfs_stack *s)
{
	s->head = CDS_WFS_END;
}

static inline void _cds_wfs_init(struct cds_wfs_stack *s)
{
	s->head = CDS_WFS_END;
	(void) pthread_mutex_init(&s->lock, NULL);
}

static inline void _cds_wfs_destroy(struct cds_wfs_stack *s)
{
	(void) pthread_mutex_destroy(&s->lock);
}

static inline bool _cds_wfs_empty(cds_wfs_stack_const_ptr_t u_stack)
{
	/* relaxed: a comparison; nothing is reached through the pointer. */
	return __atomic_load_n(&u_stack._s->head, __ATOMIC_RELAXED) == CDS_WFS_END;
}

static inline void _cds_wfs_pop_lock(struct cds_wfs_stack *s)
{
	(void) pthread_mutex_lock(&s->lock);
}

static inline void _cds_wfs_pop_unlock(struct cds_wfs_stack *s)
{
	(void) pthread_mutex_unlock(&s->lock);
}

static inline int _cds_wfs_push(cds_wfs_stack_ptr_t u_stack, struct cds_wfs_node *node)
{
	/*
	 * [WS1] seq_cst, of which the stack needs: release, pairs with [WS4] and [WS6], who find
	 * the node and its null link; and acquire, pairs with [WS1] in the producer of the node
	 * below, whose work WS2 thereby hands on. seq_cst is the promise to callers who decide on
	 * a wake-up next.
	 */
	struct cds_wfs_head *old = __atomic_exchange_n(&u_stack._s->head, _cds_wfs_to_head(node),
			__ATOMIC_SEQ_CST);

	/*
	 * [WS2] release: pairs with [WS3]; whoever follows the link finds the node below, and may
	 * then use this one's memory for something else.
	 */
	__atomic_store_n(&node->next, _cds_wfs_to_node(old), __ATOMIC_RELEASE);
	return old != CDS_WFS_END;
}

/* The link of a node: waits out a gap, or returns "would block". */
static inline struct cds_wfs_node *_cds_wfs_link(const struct cds_wfs_node *node, bool blocking)
{
	struct cds_wfs_node *next;
	unsigned int turn = 0;

	/*
	 * [WS3] acquire: pairs with [WS2]; the node below is complete before we touch it, and the
	 * producer is done with this one.
	 */
	while (!(next = __atomic_load_n(&node->next, __ATOMIC_ACQUIRE))) {
		if (!blocking)
			return CDS_WFS_WOULDBLOCK;
		_cds_link_wait(&turn);
	}
	return next;
}

static inline struct cds_wfs_node *_cds_wfs_pop(struct cds_wfs_head **top, int *state,
		bool blocking)
{
	struct cds_wfs_head *head, *below;
	struct cds_wfs_node *next;

	if (state)
		*state = 0;
	for (;;) {
		/* [WS4] acquire: pairs with [WS1] and [WS5]; the top node is complete. */
		head = __atomic_load_n(top, __ATOMIC_ACQUIRE);
		if (head == CDS_WFS_END)
			return NULL;
		next = _cds_wfs_link(&head->node, blocking);
		if (next == CDS_WFS_WOULDBLOCK)
			return next;
		below = _cds_wfs_to_head(next);
		/*
		 * That head still names the node means that nothing happened since WS4, as long as
		 * the node cannot have left and come back: see the table in urcu/wfstack.h.
		 *
		 * [WS5] release: pairs with [WS4]; the next to pop finds the node that we make the
		 * top as complete as WS3 showed it to us.
		 */
		if (__atomic_compare_exchange_n(top, &head, below, false,
				__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			break;
		if (!blocking)
			return CDS_WFS_WOULDBLOCK;
	}
	if (state && below == CDS_WFS_END)
		*state = CDS_WFS_STATE_LAST;
	return &head->node;
}

static inline struct cds_wfs_node *___cds_wfs_pop_with_state_blocking(
		cds_wfs_stack_ptr_t u_stack, int *state)
{
	return _cds_wfs_pop(&u_stack._s->head, state, true);
}

static inline struct cds_wfs_node *___cds_wfs_pop_blocking(cds_wfs_stack_ptr_t u_stack)
{
	return _cds_wfs_pop(&u_stack._s->head, NULL, true);
}

static inline struct cds_wfs_node *___cds_wfs_pop_with_state_nonblocking(
		cds_wfs_stack_ptr_t u_stack, int *state)
{
	return _cds_wfs_pop(&u_stack._s->head, state, false);
}

static inline struct cds_wfs_node *___cds_wfs_pop_nonblocking(cds_wfs_stack_ptr_t u_stack)
{
	return _cds_wfs_pop(&u_stack._s->head, NULL, false);
}

static inline struct cds_wfs_head *_cds_wfs_pop_all(struct cds_wfs_head **top)
{
	/* [WS6] acquire: pairs with [WS1]; the first node is complete, those below by WS3. */
	struct cds_wfs_head *head = __atomic_exchange_n(top, CDS_WFS_END, __ATOMIC_ACQUIRE);

	return head == CDS_WFS_END ? NULL : head;
}

static inline struct cds_wfs_head *___cds_wfs_pop_all(cds_wfs_stack_ptr_t u_stack)
{
	return _cds_wfs_pop_all(&u_stack._s->head);
}

static inline struct cds_wfs_node *_cds_wfs_pop_with_state_blocking(
		struct cds_wfs_stack *s, int *state)
{
	struct cds_wfs_node *node;

	_cds_wfs_pop_lock(s);
	node = _cds_wfs_pop(&s->head, state, true);
	_cds_wfs_pop_unlock(s);
	return node;
}

static inline struct cds_wfs_node *_cds_wfs_pop_blocking(struct cds_wfs_stack *s)
{
	return _cds_wfs_pop_with_state_blocking(s, NULL);
}

static inline struct cds_wfs_head *_cds_wfs_pop_all_blocking(struct cds_wfs_stack *s)
{
	struct cds_wfs_head *head;

	_cds_wfs_pop_lock(s);
	head = _cds_wfs_pop_all(&s->head);
	_cds_wfs_pop_unlock(s);
	return head;
}

static inline struct cds_wfs_node *_cds_wfs_first(struct cds_wfs_head *head)
{
	return head == CDS_WFS_END ? NULL : _cds_wfs_to_node(head);
}

static inline struct cds_wfs_node *_cds_wfs_next(const struct cds_wfs_node *node, bool blocking)
{
	struct cds_wfs_node *next = _cds_wfs_link(node, blocking);

	return _cds_wfs_to_head(next) == CDS_WFS_END ? NULL : next;
}

static inline struct cds_wfs_node *_cds_wfs_next_blocking(struct cds_wfs_node *node)
{
	return _cds_wfs_next(node, true);
}

static inline struct cds_wfs_node *_cds_wfs_next_nonblocking(struct cds_wfs_node *node)
{
	return _cds_wfs_next(node, false);
}

#endif /* _URCU_STATIC_WFSTACK_H */
