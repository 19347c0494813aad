/* SPDX-License-Identifier: MIT */
/* The functions of urcu/rculfstack.h, for programs that do not inline them. */
#undef _LGPL_SOURCE	/* the names below are the exported ones */
#include <urcu/rculfstack.h>
#include <urcu/static/rculfstack.h>

#include "cds/told.h"

void cds_lfs_node_init_rcu(struct cds_lfs_node_rcu *node)
{
	_cds_lfs_node_init_rcu(node);
}

void cds_lfs_init_rcu(struct cds_lfs_stack_rcu *s)
{
	_cds_lfs_init_rcu(s);
}

int cds_lfs_push_rcu(struct cds_lfs_stack_rcu *s, struct cds_lfs_node_rcu *node)
{
	quiesce_tell_release(node);
	return _cds_lfs_push_rcu(s, node);
}

struct cds_lfs_node_rcu *cds_lfs_pop_rcu(struct cds_lfs_stack_rcu *s)
{
	return told(_cds_lfs_pop_rcu(s));
}
