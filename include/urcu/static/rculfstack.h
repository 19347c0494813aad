/* SPDX-License-Identifier: MIT */
/*
 * Inline bodies of urcu/rculfstack.h, which holds the contracts. As lfstack, the head is only ever
 * changed by read-modify-write operations; see urcu/static/lfstack.h for what follows from it.
 */
#include <urcu/rculfstack.h>	/* the types; it may include us, hence outside the guard */

#ifndef _URCU_STATIC_RCULFSTACK_H
#define _URCU_STATIC_RCULFSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <urcu/pointer.h>
#include <urcu/uatomic.h>

static inline void _cds_lfs_node_init_rcu(struct cds_lfs_node_rcu *node)
{
	(void) node;
}

static inline void _cds_lfs_init_rcu(struct cds_lfs_stack_rcu *s)
{
	s->head = NULL;
}

static inline int _cds_lfs_push_rcu(struct cds_lfs_stack_rcu *s, struct cds_lfs_node_rcu *node)
{
	/* relaxed: a first guess, which LR1 verifies. */
	struct cds_lfs_node_rcu *head = __atomic_load_n(&s->head, __ATOMIC_RELAXED);

	do {
		/* relaxed: nobody sees the node before LR1. */
		__atomic_store_n(&node->next, head, __ATOMIC_RELAXED);
		/* [LR1] seq_cst for callers, release for us: pairs with [LR2] and [LR3]. */
	} while (!__atomic_compare_exchange_n(&s->head, &head, node, true,
			__ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return head != NULL;
}

static inline struct cds_lfs_node_rcu *_cds_lfs_pop_rcu(struct cds_lfs_stack_rcu *s)
{
	/* [LR2] acquire: pairs with [LR1]; the top node and its link are complete. */
	struct cds_lfs_node_rcu *below, *head = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);

	do {
		if (!head)
			return NULL;
		/* relaxed: behind LR2. */
		below = __atomic_load_n(&head->next, __ATOMIC_RELAXED);
		/*
		 * The section keeps the node from coming back in between.
		 * [LR3] acquire: pairs with [LR1]; when it fails it is LR2 again.
		 */
	} while (!__atomic_compare_exchange_n(&s->head, &head, below, true,
			__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return head;
}

#endif /* _URCU_STATIC_RCULFSTACK_H */
