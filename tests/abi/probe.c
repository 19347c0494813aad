/* SPDX-License-Identifier: MIT */
/*
 * Prints every size, offset and constant of the public structures, a line each, for comparison of
 * two libraries' headers (test-layout.sh).
 */
#include <stddef.h>
#include <stdio.h>

#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-bp.h>
#include <urcu/urcu-qsbr.h>
#include <urcu/lfstack.h>
#include <urcu/list.h>
#include <urcu/hlist.h>
#include <urcu/rculfhash.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfqueue.h>
#include <urcu/wfstack.h>
#include <urcu/ref.h>
#include <urcu/uatomic.h>

#define SIZE(type)		printf("sizeof " #type " %zu\n", sizeof(type))
#define OFFSET(type, member)	printf("offsetof " #type " " #member " %zu\n", offsetof(type, member))
#define CONSTANT(name)		printf("constant " #name " %ld\n", (long)(name))

static void structures_1(void)
{
	SIZE(struct urcu_gp);
	OFFSET(struct urcu_gp, ctr);
	OFFSET(struct urcu_gp, futex);
	SIZE(struct urcu_reader);
	OFFSET(struct urcu_reader, ctr);
	OFFSET(struct urcu_reader, need_mb);
	OFFSET(struct urcu_reader, node);
	OFFSET(struct urcu_reader, tid);
	SIZE(struct urcu_qsbr_reader);
	OFFSET(struct urcu_qsbr_reader, ctr);
	OFFSET(struct urcu_qsbr_reader, node);
	OFFSET(struct urcu_qsbr_reader, waiting);
	OFFSET(struct urcu_qsbr_reader, tid);
	SIZE(struct urcu_bp_reader);
	OFFSET(struct urcu_bp_reader, ctr);
	OFFSET(struct urcu_bp_reader, node);
	OFFSET(struct urcu_bp_reader, tid);
	OFFSET(struct urcu_bp_reader, alloc);
	SIZE(struct rcu_head);
	OFFSET(struct rcu_head, next);
	OFFSET(struct rcu_head, func);
	SIZE(struct rcu_flavor_struct);
	OFFSET(struct rcu_flavor_struct, read_lock);
	OFFSET(struct rcu_flavor_struct, read_unlock);
	OFFSET(struct rcu_flavor_struct, read_ongoing);
	OFFSET(struct rcu_flavor_struct, read_quiescent_state);
	OFFSET(struct rcu_flavor_struct, update_call_rcu);
	OFFSET(struct rcu_flavor_struct, update_synchronize_rcu);
	OFFSET(struct rcu_flavor_struct, update_defer_rcu);
	OFFSET(struct rcu_flavor_struct, thread_offline);
	OFFSET(struct rcu_flavor_struct, thread_online);
	OFFSET(struct rcu_flavor_struct, register_thread);
	OFFSET(struct rcu_flavor_struct, unregister_thread);
	OFFSET(struct rcu_flavor_struct, barrier);
	OFFSET(struct rcu_flavor_struct, register_rculfhash_atfork);
	OFFSET(struct rcu_flavor_struct, unregister_rculfhash_atfork);
	SIZE(struct urcu_atfork);
	OFFSET(struct urcu_atfork, before_fork);
	OFFSET(struct urcu_atfork, after_fork_parent);
	OFFSET(struct urcu_atfork, after_fork_child);
	OFFSET(struct urcu_atfork, priv);
	SIZE(struct cds_lfht_node);
	OFFSET(struct cds_lfht_node, next);
	OFFSET(struct cds_lfht_node, reverse_hash);
	SIZE(struct cds_lfht_iter);
	OFFSET(struct cds_lfht_iter, node);
	OFFSET(struct cds_lfht_iter, next);
	SIZE(struct cds_lfht_mm_type);
	OFFSET(struct cds_lfht_mm_type, alloc_cds_lfht);
	OFFSET(struct cds_lfht_mm_type, alloc_bucket_table);
	OFFSET(struct cds_lfht_mm_type, free_bucket_table);
	OFFSET(struct cds_lfht_mm_type, bucket_at);
	CONSTANT(CDS_LFHT_AUTO_RESIZE);
	CONSTANT(CDS_LFHT_ACCOUNTING);
	SIZE(struct cds_lfq_queue_rcu);
	OFFSET(struct cds_lfq_queue_rcu, head);
	OFFSET(struct cds_lfq_queue_rcu, tail);
	OFFSET(struct cds_lfq_queue_rcu, queue_call_rcu);
	SIZE(struct cds_lfq_node_rcu);
	OFFSET(struct cds_lfq_node_rcu, next);
	OFFSET(struct cds_lfq_node_rcu, dummy);
	SIZE(struct cds_lfs_stack_rcu);
	OFFSET(struct cds_lfs_stack_rcu, head);
}

static void structures_2(void)
{
	SIZE(struct cds_lfs_node_rcu);
	OFFSET(struct cds_lfs_node_rcu, next);
	SIZE(struct cds_wfcq_head);
	OFFSET(struct cds_wfcq_head, node);
	OFFSET(struct cds_wfcq_head, lock);
	SIZE(struct __cds_wfcq_head);
	OFFSET(struct __cds_wfcq_head, node);
	SIZE(struct cds_wfcq_tail);
	OFFSET(struct cds_wfcq_tail, p);
	SIZE(struct cds_wfcq_node);
	OFFSET(struct cds_wfcq_node, next);
	SIZE(struct cds_wfq_queue);
	OFFSET(struct cds_wfq_queue, head);
	OFFSET(struct cds_wfq_queue, tail);
	OFFSET(struct cds_wfq_queue, dummy);
	OFFSET(struct cds_wfq_queue, lock);
	SIZE(struct cds_wfq_node);
	OFFSET(struct cds_wfq_node, next);
	SIZE(struct cds_wfs_stack);
	OFFSET(struct cds_wfs_stack, head);
	OFFSET(struct cds_wfs_stack, lock);
	SIZE(struct __cds_wfs_stack);
	OFFSET(struct __cds_wfs_stack, head);
	SIZE(struct cds_wfs_node);
	OFFSET(struct cds_wfs_node, next);
}

static void structures_3(void)
{
	SIZE(struct cds_wfs_head);
	OFFSET(struct cds_wfs_head, node);
	SIZE(struct cds_lfs_stack);
	OFFSET(struct cds_lfs_stack, head);
	OFFSET(struct cds_lfs_stack, lock);
	SIZE(struct __cds_lfs_stack);
	OFFSET(struct __cds_lfs_stack, head);
	SIZE(struct cds_lfs_node);
	OFFSET(struct cds_lfs_node, next);
	SIZE(struct cds_lfs_head);
	OFFSET(struct cds_lfs_head, node);
	SIZE(struct cds_list_head);
	OFFSET(struct cds_list_head, next);
	OFFSET(struct cds_list_head, prev);
	SIZE(struct cds_hlist_head);
	OFFSET(struct cds_hlist_head, next);
	SIZE(struct cds_hlist_node);
	OFFSET(struct cds_hlist_node, next);
	OFFSET(struct cds_hlist_node, prev);
	SIZE(struct urcu_ref);
	OFFSET(struct urcu_ref, refcount);
}

static void constants(void)
{
	CONSTANT(URCU_CALL_RCU_RT);
	CONSTANT(URCU_CALL_RCU_RUNNING);
	CONSTANT(URCU_CALL_RCU_STOP);
	CONSTANT(URCU_CALL_RCU_STOPPED);
	CONSTANT(URCU_CALL_RCU_PAUSE);
	CONSTANT(URCU_CALL_RCU_PAUSED);
	CONSTANT(CDS_WFCQ_RET_WOULDBLOCK);
	CONSTANT(CDS_WFCQ_RET_DEST_EMPTY);
	CONSTANT(CDS_WFCQ_RET_DEST_NON_EMPTY);
	CONSTANT(CDS_WFCQ_RET_SRC_EMPTY);
	CONSTANT(CDS_WFCQ_STATE_LAST);
	CONSTANT(CDS_WFS_STATE_LAST);
	CONSTANT(CDS_WFCQ_WOULDBLOCK);
	CONSTANT(CDS_WFS_WOULDBLOCK);
	CONSTANT(CAA_CACHE_LINE_SIZE);
	CONSTANT(CAA_BITS_PER_LONG);
	SIZE(cds_lfs_stack_ptr_t);
	SIZE(cds_wfcq_head_ptr_t);
	SIZE(cds_wfs_stack_ptr_t);
}

int main(void)
{
	structures_1();
	structures_2();
	structures_3();
	constants();
	return 0;
}
