/* SPDX-License-Identifier: MIT */
/* The functions of urcu/wfstack.h, for programs that do not inline them. */
#undef _LGPL_SOURCE	/* the names below are the exported ones */
#include <urcu/wfstack.h>
#include <urcu/static/wfstack.h>

#include "cds/told.h"

void cds_wfs_node_init(struct cds_wfs_node *node)
{
	_cds_wfs_node_init(node);
}

void cds_wfs_init(struct cds_wfs_stack *s)
{
	_cds_wfs_init(s);
}

void cds_wfs_destroy(struct cds_wfs_stack *s)
{
	_cds_wfs_destroy(s);
}

void __cds_wfs_init(struct __cds_wfs_stack *s)
{
	___cds_wfs_init(s);
}

bool cds_wfs_empty(cds_wfs_stack_const_ptr_t u_stack)
{
	return _cds_wfs_empty(u_stack);
}

void cds_wfs_pop_lock(struct cds_wfs_stack *s)
{
	_cds_wfs_pop_lock(s);
}

void cds_wfs_pop_unlock(struct cds_wfs_stack *s)
{
	_cds_wfs_pop_unlock(s);
}

int cds_wfs_push(cds_wfs_stack_ptr_t u_stack, struct cds_wfs_node *node)
{
	quiesce_tell_release(node);
	return _cds_wfs_push(u_stack, node);
}

struct cds_wfs_node *cds_wfs_pop_blocking(struct cds_wfs_stack *s)
{
	return told(_cds_wfs_pop_blocking(s));
}

struct cds_wfs_node *cds_wfs_pop_with_state_blocking(struct cds_wfs_stack *s, int *state)
{
	return told(_cds_wfs_pop_with_state_blocking(s, state));
}

struct cds_wfs_node *__cds_wfs_pop_blocking(cds_wfs_stack_ptr_t u_stack)
{
	return told(___cds_wfs_pop_blocking(u_stack));
}

struct cds_wfs_node *__cds_wfs_pop_with_state_blocking(cds_wfs_stack_ptr_t u_stack, int *state)
{
	return told(___cds_wfs_pop_with_state_blocking(u_stack, state));
}

struct cds_wfs_node *__cds_wfs_pop_nonblocking(cds_wfs_stack_ptr_t u_stack)
{
	return told(___cds_wfs_pop_nonblocking(u_stack));
}

struct cds_wfs_node *__cds_wfs_pop_with_state_nonblocking(cds_wfs_stack_ptr_t u_stack, int *state)
{
	return told(___cds_wfs_pop_with_state_nonblocking(u_stack, state));
}

struct cds_wfs_head *cds_wfs_pop_all_blocking(struct cds_wfs_stack *s)
{
	return told(_cds_wfs_pop_all_blocking(s));
}

struct cds_wfs_head *__cds_wfs_pop_all(cds_wfs_stack_ptr_t u_stack)
{
	return told(___cds_wfs_pop_all(u_stack));
}

struct cds_wfs_node *cds_wfs_first(struct cds_wfs_head *head)
{
	return told(_cds_wfs_first(head));
}

struct cds_wfs_node *cds_wfs_next_blocking(struct cds_wfs_node *node)
{
	return told(_cds_wfs_next_blocking(node));
}

struct cds_wfs_node *cds_wfs_next_nonblocking(struct cds_wfs_node *node)
{
	return told(_cds_wfs_next_nonblocking(node));
}
