/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Doubly linked circular list. The head is a node of its own, an element holds a node as a member.
 * One thread at a time, or a lock; see <urcu/rculist.h> for readers that run beside a writer.
 */

#include <quiesce/check.h>
#include <urcu/compiler.h>

struct cds_list_head {
	struct cds_list_head *next, *prev;
};

/* An empty list: as an initializer, as a definition, and as a statement. */
#define CDS_LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define CDS_LIST_HEAD(name)		struct cds_list_head name = CDS_LIST_HEAD_INIT(name)
#define CDS_INIT_LIST_HEAD(ptr)		_cds_list_link_self(ptr)

static inline void _cds_list_link(struct cds_list_head *prev, struct cds_list_head *next)
{
	next->prev = prev;
	prev->next = next;
}

static inline void _cds_list_link_self(struct cds_list_head *head)
{
	_cds_list_link(head, head);
}

/* Take out what is between prev and next. */
static inline void __cds_list_del(struct cds_list_head *prev, struct cds_list_head *next)
{
	_cds_list_link(prev, next);
}

/* Insert newp behind head: as the list's first, or behind any element. */
static inline void cds_list_add(struct cds_list_head *newp, struct cds_list_head *head)
{
	_cds_list_link(newp, head->next);
	_cds_list_link(head, newp);
}

/* Insert newp before head: as the list's last, or before any element. */
static inline void cds_list_add_tail(struct cds_list_head *newp, struct cds_list_head *head)
{
	cds_list_add(newp, head->prev);
}

/* Take elem out of its list. Its own links stay as they are. */
static inline void cds_list_del(struct cds_list_head *elem)
{
	_URCU_CHECK_LIST(elem, QUIESCE_CHECK_DEL);
	__cds_list_del(elem->prev, elem->next);
}

/* The same, and make elem an empty list, which may be deleted again. */
static inline void cds_list_del_init(struct cds_list_head *elem)
{
	cds_list_del(elem);
	CDS_INIT_LIST_HEAD(elem);
}

/* Take elem out of its list and insert it behind head. */
static inline void cds_list_move(struct cds_list_head *elem, struct cds_list_head *head)
{
	cds_list_del(elem);
	cds_list_add(elem, head);
}

/* Put _new in the place of old, which must be in a list and keeps its own links. */
static inline void cds_list_replace(const struct cds_list_head *old, struct cds_list_head *_new)
{
	_cds_list_link(_new, old->next);
	_cds_list_link(old->prev, _new);
}

/* The same, and make old an empty list. */
static inline void cds_list_replace_init(struct cds_list_head *old, struct cds_list_head *_new)
{
	cds_list_replace(old, _new);
	CDS_INIT_LIST_HEAD(old);
}

/* Whether the list has no element. */
static inline int cds_list_empty(const struct cds_list_head *head)
{
	return head == __atomic_load_n(&head->next, __ATOMIC_RELAXED);
}

/* Insert the elements of the list add behind head. The head add keeps its links. */
static inline void cds_list_splice(struct cds_list_head *add, struct cds_list_head *head)
{
	if (cds_list_empty(add))
		return;
	_cds_list_link(add->prev, head->next);
	_cds_list_link(head, add->next);
}

/* The element that holds node *ptr as its member; the first element, of a list not empty. */
#define cds_list_entry(ptr, type, member)	caa_container_of(ptr, type, member)
#define cds_list_first_entry(ptr, type, member)	cds_list_entry((ptr)->next, type, member)

/*
 * The loops below are headers of a for statement and evaluate head at each step. pos is the node,
 * or for _entry_ the element, at hand. In the _safe ones the body may take it out: p, of the same
 * type, already has its successor.
 */
#define cds_list_for_each(pos, head)					\
	for (pos = (head)->next; pos != (head); pos = pos->next)

#define cds_list_for_each_prev(pos, head)				\
	for (pos = (head)->prev; pos != (head); pos = pos->prev)

#define cds_list_for_each_safe(pos, p, head)				\
	for (pos = (head)->next, p = pos->next; pos != (head); pos = p, p = pos->next)

#define cds_list_for_each_prev_safe(pos, p, head)			\
	for (pos = (head)->prev, p = pos->prev; pos != (head); pos = p, p = pos->prev)

#define _cds_list_next(pos, member)					\
	cds_list_entry((pos)->member.next, __typeof__(*(pos)), member)

#define cds_list_for_each_entry(pos, head, member)			\
	for (pos = cds_list_first_entry(head, __typeof__(*(pos)), member); \
		&(pos)->member != (head);				\
		pos = _cds_list_next(pos, member))

#define cds_list_for_each_entry_reverse(pos, head, member)		\
	for (pos = cds_list_entry((head)->prev, __typeof__(*(pos)), member); \
		&(pos)->member != (head);				\
		pos = cds_list_entry((pos)->member.prev, __typeof__(*(pos)), member))

#define cds_list_for_each_entry_safe(pos, p, head, member)		\
	for (pos = cds_list_first_entry(head, __typeof__(*(pos)), member), \
			p = _cds_list_next(pos, member);		\
		&(pos)->member != (head);				\
		pos = p, p = _cds_list_next(pos, member))

/* Goes on from pos, included, to the end of the list. */
#define cds_list_for_each_entry_safe_from(pos, p, head, member)		\
	for (p = _cds_list_next(pos, member);				\
		&(pos)->member != (head);				\
		pos = p, p = _cds_list_next(pos, member))
