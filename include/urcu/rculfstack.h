/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The older lock-free stack; deprecated. urcu/lfstack.h does the same and can be popped as a whole.
 *
 * All calls are lock-free. Pop is called inside a read-side critical section, and a node that was
 * popped is pushed again or freed only after a grace period. All may be used in call_rcu callbacks
 * and in signal handlers (pop: where the flavor's read side may be), and after a fork. What a
 * thread did before it pushed a node happens before what another does after it popped it.
 */

#include <stddef.h>
#include <urcu/compiler.h>

_URCU_EXTERN_C_BEGIN

/* A program that means to use it defines this as nothing. */
#ifndef CDS_LFS_RCU_DEPRECATED
#define CDS_LFS_RCU_DEPRECATED \
	__attribute__((__deprecated__("urcu/rculfstack.h is deprecated, use urcu/lfstack.h")))
#endif

/* With _LGPL_SOURCE the calls are inlined. */
#ifdef _LGPL_SOURCE
#define _CDS_LFS_RCU_API static inline CDS_LFS_RCU_DEPRECATED
#else
#define _CDS_LFS_RCU_API extern CDS_LFS_RCU_DEPRECATED
#endif

/* To be embedded in the program's own structure. */
struct cds_lfs_node_rcu {
	struct cds_lfs_node_rcu *next;
};

struct cds_lfs_stack_rcu {
	struct cds_lfs_node_rcu *head;
};

/* Prepare a node. Push needs nothing of it here; it is for symmetry. */
_CDS_LFS_RCU_API void cds_lfs_node_init_rcu(struct cds_lfs_node_rcu *node);

/* Make an empty stack, before anybody else can see it. There is nothing to take down. */
_CDS_LFS_RCU_API void cds_lfs_init_rcu(struct cds_lfs_stack_rcu *s);

/* Put a node on top. Returns 0 if the stack was empty, 1 otherwise. */
_CDS_LFS_RCU_API int cds_lfs_push_rcu(struct cds_lfs_stack_rcu *s, struct cds_lfs_node_rcu *node);

/* Take the top node; NULL if the stack is empty. */
_CDS_LFS_RCU_API struct cds_lfs_node_rcu *cds_lfs_pop_rcu(struct cds_lfs_stack_rcu *s);

_URCU_EXTERN_C_END

#ifdef _LGPL_SOURCE
#include <urcu/static/rculfstack.h>

static inline void cds_lfs_node_init_rcu(struct cds_lfs_node_rcu *node)
{
	_cds_lfs_node_init_rcu(node);
}

static inline void cds_lfs_init_rcu(struct cds_lfs_stack_rcu *s)
{
	_cds_lfs_init_rcu(s);
}

static inline int cds_lfs_push_rcu(struct cds_lfs_stack_rcu *s, struct cds_lfs_node_rcu *node)
{
	return _cds_lfs_push_rcu(s, node);
}

static inline struct cds_lfs_node_rcu *cds_lfs_pop_rcu(struct cds_lfs_stack_rcu *s)
{
	return _cds_lfs_pop_rcu(s);
}
#endif /* _LGPL_SOURCE */
