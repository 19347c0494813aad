/* SPDX-License-Identifier: MIT */
/*
 * Macros and inline functions as programs use them, in C and C++, by names that liburcu has too.
 * test-warnings.sh has compilers look at it with every warning they know: nothing here is to cause one.
 * Never run.
 */
#include HEADER
#include <urcu/rculfhash.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfstack.h>
#include <urcu/lfstack.h>
#include <urcu/list.h>
#include <urcu/hlist.h>
#include <urcu/rculist.h>
#include <urcu/rcuhlist.h>
#include <urcu/ref.h>
#include <urcu/tls-compat.h>
#include <urcu/uatomic.h>
#include <urcu/futex.h>

#ifdef __cplusplus
#define NONE	nullptr
extern "C" {
#else
#define NONE	((void *) 0)
#endif

struct entry {
	struct cds_list_head list;
	struct cds_hlist_node hlist;
	struct cds_lfht_node node;
	struct cds_wfcq_node wfcq;
	struct cds_wfs_node wfs;
	struct cds_lfs_node lfs;
	struct cds_lfq_node_rcu lfq;
	struct rcu_head head;
	struct urcu_ref ref;
	unsigned long key;
};

enum colour { RED, GREEN };

extern int use_lists(struct cds_list_head *head, struct cds_hlist_head *hhead);
extern int use_table(struct cds_lfht *table, cds_lfht_match_fct match, const unsigned long *key);
extern long use_numbers(unsigned char *c, short *s, int *i, unsigned long *u, enum colour *colour);
extern struct entry *use_pointers(struct entry **p, struct entry *e);
extern int use_queues(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail,
		struct __cds_wfcq_head *unlocked, struct cds_lfq_queue_rcu *q);
extern int use_stacks(struct cds_wfs_stack *w, struct cds_lfs_stack *l, struct __cds_wfs_stack *unlocked);
extern void use_callbacks(struct entry *e, int first);
extern void use_barriers(int32_t *word);
extern DECLARE_URCU_TLS(int, use_tls);
DEFINE_URCU_TLS(int, use_tls);

int use_lists(struct cds_list_head *head, struct cds_hlist_head *hhead)
{
	struct entry *e, *next;
	struct cds_list_head *pos, *p;
	struct cds_hlist_node *node, *after;
	int n = 0;

	CDS_INIT_LIST_HEAD(head);
	CDS_INIT_HLIST_HEAD(hhead);
	cds_list_for_each(pos, head)
		n++;
	cds_list_for_each_prev(pos, head)
		n++;
	cds_list_for_each_safe(pos, p, head)
		cds_list_del(pos);
	cds_list_for_each_entry(e, head, list)
		n += e->key != 0;
	cds_list_for_each_entry_safe(e, next, head, list)
		cds_list_del_rcu(&e->list);
	cds_list_for_each_entry_reverse(e, head, list)
		n++;
	cds_list_for_each_entry_rcu(e, head, list)
		n++;
	cds_list_for_each_rcu(pos, head)
		n++;
	cds_hlist_for_each_entry(e, node, hhead, hlist)
		n++;
	cds_hlist_for_each_entry_safe(e, node, after, hhead, hlist)
		cds_hlist_del_rcu(&e->hlist);
	cds_hlist_for_each_entry_rcu(e, node, hhead, hlist)
		n++;
	cds_hlist_for_each_entry_2(e, hhead, hlist)
		n++;
	cds_hlist_for_each_entry_rcu_2(e, hhead, hlist)
		n++;
	if (!cds_list_empty(head))
		n += cds_list_first_entry(head, struct entry, list)->key != 0;
	return n;
}

int use_table(struct cds_lfht *table, cds_lfht_match_fct match, const unsigned long *key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	struct entry *e;
	int n = 0;

	cds_lfht_for_each(table, &iter, node)
		n++;
	cds_lfht_for_each_entry(table, &iter, e, node)
		n += e->key != 0;
	cds_lfht_for_each_duplicate(table, *key, match, key, &iter, node)
		n++;
	cds_lfht_for_each_entry_duplicate(table, *key, match, key, &iter, e, node)
		n++;
	return n;
}

long use_numbers(unsigned char *c, short *s, int *i, unsigned long *u, enum colour *colour)
{
	int old;

	uatomic_set(c, 1);
	uatomic_set(s, 1);
	uatomic_set(i, 1);
	uatomic_set(u, 1);
	uatomic_set(colour, GREEN);
	uatomic_inc(i);
	uatomic_dec(u);
	uatomic_add(s, 3);
	uatomic_sub(i, 3);
	uatomic_and(u, 7);
	uatomic_or(c, 1);
	uatomic_inc(c);
	old = uatomic_cmpxchg(i, 1, 2);
	old += uatomic_xchg(i, 2);
	old += uatomic_add_return(i, 2);
	old += uatomic_sub_return(i, 2);
	old += uatomic_cmpxchg(s, 1, 2);
	CMM_STORE_SHARED(*u, 5UL);
	CMM_STORE_SHARED(*c, 5);
	CMM_ACCESS_ONCE(*i) = 4;
	old += CMM_LOAD_SHARED(*i) + CMM_ACCESS_ONCE(*i);
	old += caa_max(old, *i) + caa_min(old, 3);
	CAA_BUILD_BUG_ON(sizeof(*u) != sizeof(long));
	return caa_likely(old) ? uatomic_read(c) + uatomic_read(s) + uatomic_read(i) : URCU_TLS(use_tls);
}

struct entry *use_pointers(struct entry **p, struct entry *e)
{
	struct entry *found;

	rcu_read_lock();
	found = rcu_dereference(*p);
	rcu_read_unlock();
	rcu_assign_pointer(*p, e);
	rcu_set_pointer(p, e);
	rcu_set_pointer(p, NONE);
	found = rcu_xchg_pointer(p, e);
	found = rcu_cmpxchg_pointer(p, found, e);
	uatomic_set(p, e);
	found = uatomic_xchg(p, found);
	found = uatomic_cmpxchg(p, found, e);
	found = uatomic_read(p);
	return caa_container_of(&found->head, struct entry, head);
}

int use_queues(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail,
		struct __cds_wfcq_head *unlocked, struct cds_lfq_queue_rcu *q)
{
	struct cds_wfcq_node *node, *next;
	struct cds_lfq_node_rcu *lfq;
	int n = 0;

	cds_wfcq_init(head, tail);
	__cds_wfcq_init(unlocked, tail);
	if (!cds_wfcq_empty(head, tail))
		n++;
	__cds_wfcq_for_each_blocking(head, tail, node)
		n++;
	__cds_wfcq_for_each_blocking_safe(head, tail, node, next)
		n++;
	node = cds_wfcq_dequeue_blocking(head, tail);
	if (node) {
		cds_wfcq_node_init(node);
		cds_wfcq_enqueue(head, tail, node);
	}
	lfq = cds_lfq_dequeue_rcu(q);
	if (lfq) {
		cds_lfq_node_init_rcu(lfq);
		cds_lfq_enqueue_rcu(q, lfq);
	}
	return n;
}

int use_stacks(struct cds_wfs_stack *w, struct cds_lfs_stack *l, struct __cds_wfs_stack *unlocked)
{
	struct cds_wfs_head *all;
	struct cds_wfs_node *node, *next;
	struct cds_lfs_node *popped;
	int n = 0;

	cds_wfs_init(w);
	__cds_wfs_init(unlocked);
	cds_lfs_init(l);
	node = cds_wfs_pop_blocking(w);
	if (node) {
		cds_wfs_node_init(node);
		cds_wfs_push(w, node);
	}
	popped = cds_lfs_pop_blocking(l);
	if (popped)
		cds_lfs_push(l, popped);
	all = cds_wfs_pop_all_blocking(w);
	cds_wfs_for_each_blocking(all, node)
		n++;
	cds_wfs_for_each_blocking_safe(all, node, next)
		n++;
	return n + cds_wfs_empty(w) + cds_lfs_empty(l);
}

static void free_entry(struct rcu_head *head)
{
	struct entry *e = caa_container_of(head, struct entry, head);

	e->key = 0;
}

static void release(struct urcu_ref *ref)
{
	struct entry *e = caa_container_of(ref, struct entry, ref);

	e->key = 1;
}

void use_callbacks(struct entry *e, int first)
{
	call_rcu(&e->head, free_entry);
#ifdef URCU_HAVE_FREE_RCU
	urcu_free_rcu_head(e, head);
	urcu_free_rcu(e);
#endif
	synchronize_rcu();
	rcu_barrier();
	if (first)
		urcu_ref_init(&e->ref);
	urcu_ref_get(&e->ref);
	urcu_ref_put(&e->ref, release);
}

void use_barriers(int32_t *word)
{
	cmm_mb();
	cmm_rmb();
	cmm_wmb();
	cmm_smp_mb();
	cmm_smp_rmb();
	cmm_smp_wmb();
	cmm_barrier();
	caa_cpu_relax();
	cmm_smp_mb__before_uatomic_inc();
	cmm_smp_mb__after_uatomic_inc();
	caa_get_cycles();
	futex_async(word, FUTEX_WAKE, 1, NONE, NONE, 0);
}

#ifdef __cplusplus
}
#endif
