/* SPDX-License-Identifier: MIT */
/* The functions of urcu/lfstack.h, for programs that do not inline them. */
#undef _LGPL_SOURCE	/* the names below are the exported ones */
#include <urcu/lfstack.h>
#include <urcu/static/lfstack.h>

#include "cds/told.h"

void cds_lfs_node_init(struct cds_lfs_node *node)
{
	_cds_lfs_node_init(node);
}

void cds_lfs_init(struct cds_lfs_stack *s)
{
	_cds_lfs_init(s);
}

void cds_lfs_destroy(struct cds_lfs_stack *s)
{
	_cds_lfs_destroy(s);
}

void __cds_lfs_init(struct __cds_lfs_stack *s)
{
	___cds_lfs_init(s);
}

bool cds_lfs_empty(cds_lfs_stack_const_ptr_t s)
{
	return _cds_lfs_empty(s);
}

bool cds_lfs_push(cds_lfs_stack_ptr_t s, struct cds_lfs_node *node)
{
	quiesce_tell_release(s._s);
	quiesce_tell_release(node);
	return _cds_lfs_push(s, node);
}

struct cds_lfs_node *__cds_lfs_pop(cds_lfs_stack_ptr_t s)
{
	return told(___cds_lfs_pop(s));
}

struct cds_lfs_node *cds_lfs_pop_blocking(struct cds_lfs_stack *s)
{
	return told(_cds_lfs_pop_blocking(s));
}

struct cds_lfs_head *__cds_lfs_pop_all(cds_lfs_stack_ptr_t s)
{
	struct cds_lfs_head *head = ___cds_lfs_pop_all(s);

	quiesce_tell_acquire(s._s);
	return head;
}

struct cds_lfs_head *cds_lfs_pop_all_blocking(struct cds_lfs_stack *s)
{
	struct cds_lfs_head *head = _cds_lfs_pop_all_blocking(s);

	quiesce_tell_acquire(s);
	return head;
}

void cds_lfs_pop_lock(struct cds_lfs_stack *s)
{
	_cds_lfs_pop_lock(s);
}

void cds_lfs_pop_unlock(struct cds_lfs_stack *s)
{
	_cds_lfs_pop_unlock(s);
}
