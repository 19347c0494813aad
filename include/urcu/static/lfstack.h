/* SPDX-License-Identifier: MIT */
/*
 * Inline bodies of urcu/lfstack.h, which holds the contracts.
 *
 * After initialisation s->head is only ever changed by read-modify-write operations. These carry
 * on each other's release sequences, so whoever reads the head by an acquire load or exchange
 * synchronises with every push so far, not with the latest change alone. That is why a push need
 * not acquire the node below its own, nor a pop hand it on.
 */
#include <urcu/lfstack.h>	/* the types; it may include us, hence outside the guard */

#ifndef _URCU_STATIC_LFSTACK_H
#define _URCU_STATIC_LFSTACK_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <urcu/compiler.h>
#include <urcu/pointer.h>
#include <urcu/uatomic.h>

static inline void _cds_lfs_node_init(struct cds_lfs_node *node)
{
	(void) node;
}

static inline void ___cds_lfs_init(struct __cds_lfs_stack *s)
{
	s->head = NULL;
}

static inline void _cds_lfs_init(struct cds_lfs_stack *s)
{
	s->head = NULL;
	(void) pthread_mutex_init(&s->lock, NULL);
}

static inline void _cds_lfs_destroy(struct cds_lfs_stack *s)
{
	(void) pthread_mutex_destroy(&s->lock);
}

static inline bool _cds_lfs_empty(cds_lfs_stack_const_ptr_t s)
{
	/* relaxed: a comparison; nothing is reached through the pointer. */
	return !__atomic_load_n(&s._s->head, __ATOMIC_RELAXED);
}

static inline void _cds_lfs_pop_lock(struct cds_lfs_stack *s)
{
	(void) pthread_mutex_lock(&s->lock);
}

static inline void _cds_lfs_pop_unlock(struct cds_lfs_stack *s)
{
	(void) pthread_mutex_unlock(&s->lock);
}

static inline bool _cds_lfs_push(cds_lfs_stack_ptr_t s, struct cds_lfs_node *node)
{
	struct cds_lfs_head *head, *pushed = _urcu_cast(struct cds_lfs_head *, node);

	/* relaxed: a first guess, which LS1 verifies. */
	head = __atomic_load_n(&s._s->head, __ATOMIC_RELAXED);
	do {
		/* relaxed: nobody sees the node before LS1. */
		__atomic_store_n(&node->next, _cds_lfs_first(head), __ATOMIC_RELAXED);
		/*
		 * [LS1] seq_cst, of which the stack needs release: pairs with [LS2], [LS3] and
		 * [LS4], who find the node and its link. seq_cst is the promise to callers who
		 * decide on a wake-up next. That the head left and came back meanwhile does no
		 * harm: the node's link names what is below it.
		 */
	} while (!__atomic_compare_exchange_n(&s._s->head, &head, pushed, true,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return head != NULL;
}

static inline struct cds_lfs_node *_cds_lfs_pop(struct cds_lfs_head **top)
{
	struct cds_lfs_head *head, *below;

	/* [LS2] acquire: pairs with [LS1]; the top node and its link are complete. */
	head = __atomic_load_n(top, __ATOMIC_ACQUIRE);
	do {
		if (!head)
			return NULL;
		/* relaxed: behind LS2; atomic, for another pop may have handed the node on. */
		below = _urcu_cast(struct cds_lfs_head *,
				__atomic_load_n(&head->node.next, __ATOMIC_RELAXED));
		/*
		 * That head still names the node means that nothing happened since it was read, as
		 * long as the node cannot have left and come back: see the table in urcu/lfstack.h.
		 *
		 * [LS3] acquire: pairs with [LS1]; when it fails it is LS2 again. When it succeeds
		 * it needs no order, but may not have a weaker one.
		 */
	} while (!__atomic_compare_exchange_n(top, &head, below, true,
			__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return &head->node;
}

static inline struct cds_lfs_node *___cds_lfs_pop(cds_lfs_stack_ptr_t s)
{
	return _cds_lfs_pop(&s._s->head);
}

static inline struct cds_lfs_head *_cds_lfs_pop_all(struct cds_lfs_head **top)
{
	/* [LS4] acquire: pairs with [LS1]; every node of the list is complete. */
	return __atomic_exchange_n(top, NULL, __ATOMIC_ACQUIRE);
}

static inline struct cds_lfs_head *___cds_lfs_pop_all(cds_lfs_stack_ptr_t s)
{
	return _cds_lfs_pop_all(&s._s->head);
}

static inline struct cds_lfs_node *_cds_lfs_pop_blocking(struct cds_lfs_stack *s)
{
	struct cds_lfs_node *node;

	_cds_lfs_pop_lock(s);
	node = _cds_lfs_pop(&s->head);
	_cds_lfs_pop_unlock(s);
	return node;
}

static inline struct cds_lfs_head *_cds_lfs_pop_all_blocking(struct cds_lfs_stack *s)
{
	struct cds_lfs_head *head;

	_cds_lfs_pop_lock(s);
	head = _cds_lfs_pop_all(&s->head);
	_cds_lfs_pop_unlock(s);
	return head;
}

#endif /* _URCU_STATIC_LFSTACK_H */
