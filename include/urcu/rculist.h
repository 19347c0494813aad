/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * <urcu/list.h> with readers beside the writer. Writers exclude each other by a lock; readers run
 * in a read-side critical section, follow next alone, and see each element whole. What a writer
 * takes out may be freed or inserted again after a grace period.
 */

#include <quiesce/check.h>
#include <urcu/list.h>
#include <urcu/pointer.h>

/* Insert newp behind head. */
static inline void cds_list_add_rcu(struct cds_list_head *newp, struct cds_list_head *head)
{
	_URCU_CHECK_LIST(newp, QUIESCE_CHECK_ADD);
	newp->next = head->next;
	newp->prev = head;
	head->next->prev = newp;
	_rcu_set_pointer(&head->next, newp);
}

/* Insert newp before head. */
static inline void cds_list_add_tail_rcu(struct cds_list_head *newp, struct cds_list_head *head)
{
	cds_list_add_rcu(newp, head->prev);
}

/* Put _new in the place of old: a reader sees one of the two. */
static inline void cds_list_replace_rcu(struct cds_list_head *old, struct cds_list_head *_new)
{
	_URCU_CHECK_LIST(_new, QUIESCE_CHECK_ADD);
	_URCU_CHECK_LIST(old, QUIESCE_CHECK_DEL);
	_new->next = old->next;
	_new->prev = old->prev;
	_new->next->prev = _new;
	_rcu_set_pointer(&_new->prev->next, _new);
}

/*
 * Take elem out; readers that stand on it go on to its successor. Release, because to readers the
 * successor is published anew: by this writer, maybe not the one who made it.
 */
static inline void cds_list_del_rcu(struct cds_list_head *elem)
{
	_URCU_CHECK_LIST(elem, QUIESCE_CHECK_DEL);
	elem->next->prev = elem->prev;
	_rcu_set_pointer(&elem->prev->next, elem->next);
}

/* Loops as in <urcu/list.h>. An element met is safe to use until the section ends. */
#define cds_list_for_each_rcu(pos, head)				\
	for (pos = rcu_dereference((head)->next); pos != (head);	\
		pos = rcu_dereference((pos)->next))

#define cds_list_for_each_entry_rcu(pos, head, member)			\
	for (pos = cds_list_entry(rcu_dereference((head)->next), __typeof__(*(pos)), member); \
		&(pos)->member != (head);				\
		pos = cds_list_entry(rcu_dereference((pos)->member.next), \
			__typeof__(*(pos)), member))
