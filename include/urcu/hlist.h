/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Doubly linked list with a head of one pointer, for hash chains. Ends in a null pointer. One
 * thread at a time, or a lock; see <urcu/rcuhlist.h> for readers that run beside a writer.
 */

#include <urcu/compiler.h>

/*
 * The first node's prev is the head, looked at as a node: only its next may be used. So a next is
 * set through struct cds_hlist_head, which may_alias, whichever of the two it belongs to.
 */
struct cds_hlist_head {
	struct cds_hlist_node *next;
} __attribute__((__may_alias__));

struct cds_hlist_node {
	struct cds_hlist_node *next, *prev;
};

/* An empty list: as an initializer, as a definition, and as a call. */
#define CDS_HLIST_HEAD_INIT(name)	{ _URCU_NULL }
#define CDS_HLIST_HEAD(name)		struct cds_hlist_head name = CDS_HLIST_HEAD_INIT(name)

static inline void CDS_INIT_HLIST_HEAD(struct cds_hlist_head *ptr)
{
	ptr->next = _URCU_NULL;
}

/* Insert newp as the first. */
static inline void cds_hlist_add_head(struct cds_hlist_node *newp, struct cds_hlist_head *head)
{
	newp->next = head->next;
	newp->prev = _urcu_cast(struct cds_hlist_node *, head);
	if (newp->next)
		newp->next->prev = newp;
	head->next = newp;
}

/* Take elem out of its list. Its own links stay as they are. */
static inline void cds_hlist_del(struct cds_hlist_node *elem)
{
	if (elem->next)
		elem->next->prev = elem->prev;
	_urcu_cast(struct cds_hlist_head *, elem->prev)->next = elem->next;
}

/* The element that holds node *ptr as its member; the second gives null for null. */
#define cds_hlist_entry(ptr, type, member)	caa_container_of(ptr, type, member)
#define cds_hlist_entry_safe(ptr, type, member)	caa_container_of_check_null(ptr, type, member)

/*
 * The loops below are headers of a for statement. pos is the node and entry the element at hand;
 * entry is null after the last. In the _safe ones the body may take it out: p, a node, or e, an
 * element, already has its successor.
 */
#define cds_hlist_for_each(pos, head)					\
	for (pos = (head)->next; pos; pos = pos->next)

#define cds_hlist_for_each_safe(pos, p, head)				\
	for (pos = (head)->next; pos && (p = pos->next, 1); pos = p)

#define cds_hlist_for_each_entry(entry, pos, head, member)		\
	for (pos = (head)->next,					\
			entry = cds_hlist_entry_safe(pos, __typeof__(*(entry)), member); \
		pos;							\
		pos = pos->next,					\
			entry = cds_hlist_entry_safe(pos, __typeof__(*(entry)), member))

#define cds_hlist_for_each_entry_safe(entry, pos, p, head, member)	\
	for (pos = (head)->next,					\
			entry = cds_hlist_entry_safe(pos, __typeof__(*(entry)), member); \
		pos && (p = pos->next, 1);				\
		pos = p,						\
			entry = cds_hlist_entry_safe(pos, __typeof__(*(entry)), member))

#define cds_hlist_for_each_entry_2(entry, head, member)			\
	for (entry = cds_hlist_entry_safe((head)->next, __typeof__(*(entry)), member); \
		entry;							\
		entry = cds_hlist_entry_safe((entry)->member.next, __typeof__(*(entry)), member))

#define cds_hlist_for_each_entry_safe_2(entry, e, head, member)		\
	for (entry = cds_hlist_entry_safe((head)->next, __typeof__(*(entry)), member); \
		entry && (e = cds_hlist_entry_safe((entry)->member.next, \
				__typeof__(*(entry)), member), 1);	\
		entry = e)
