/* SPDX-License-Identifier: MIT */
#pragma once

/* <urcu/hlist.h> with readers beside the writer, under the rules of <urcu/rculist.h>. */

#include <quiesce/check.h>
#include <urcu/hlist.h>
#include <urcu/pointer.h>

/* Insert newp as the first. */
static inline void cds_hlist_add_head_rcu(struct cds_hlist_node *newp,
		struct cds_hlist_head *head)
{
	_URCU_CHECK_LIST(newp, QUIESCE_CHECK_ADD_HLIST);
	newp->next = head->next;
	newp->prev = _urcu_cast(struct cds_hlist_node *, head);
	if (newp->next)
		newp->next->prev = newp;
	_rcu_set_pointer(&head->next, newp);
}

/* Take elem out; readers that stand on it go on to its successor. Release as in rculist. */
static inline void cds_hlist_del_rcu(struct cds_hlist_node *elem)
{
	_URCU_CHECK_LIST(elem, QUIESCE_CHECK_DEL);
	if (elem->next)
		elem->next->prev = elem->prev;
	_rcu_set_pointer(&_urcu_cast(struct cds_hlist_head *, elem->prev)->next, elem->next);
}

/* Loops as in <urcu/hlist.h>. An element met is safe to use until the section ends. */
#define cds_hlist_for_each_rcu(pos, head)				\
	for (pos = rcu_dereference((head)->next); pos; pos = rcu_dereference((pos)->next))

#define cds_hlist_for_each_entry_rcu(entry, pos, head, member)		\
	for (pos = rcu_dereference((head)->next),			\
			entry = cds_hlist_entry_safe(pos, __typeof__(*(entry)), member); \
		pos;							\
		pos = rcu_dereference((pos)->next),			\
			entry = cds_hlist_entry_safe(pos, __typeof__(*(entry)), member))

#define cds_hlist_for_each_entry_rcu_2(entry, head, member)		\
	for (entry = cds_hlist_entry_safe(rcu_dereference((head)->next), \
			__typeof__(*(entry)), member);			\
		entry;							\
		entry = cds_hlist_entry_safe(rcu_dereference((entry)->member.next), \
			__typeof__(*(entry)), member))
