/* SPDX-License-Identifier: MIT */

/* <urcu/list.h>, <urcu/rculist.h>, <urcu/hlist.h> and <urcu/rcuhlist.h>. */

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>

#include <urcu/rcuhlist.h>
#include <urcu/rculist.h>

#include "../suite.h"

struct item {
	int key, check;
	struct cds_list_head list;
	struct cds_hlist_node hlist;
};

static struct item item[5];
static struct cds_list_head head;
static struct cds_hlist_head hhead;

static void setup(void)
{
	int i;

	for (i = 0; i < 5; i++)
		item[i].key = i;
	CDS_INIT_LIST_HEAD(&head);
	CDS_INIT_HLIST_HEAD(&hhead);
}

/* The list holds count items with these keys, forwards and backwards. */
static void assert_list(struct cds_list_head *list, int count, ...)
{
	struct cds_list_head *pos = list;
	va_list keys;

	va_start(keys, count);
	while (count--) {
		ck_assert_ptr_eq(pos->next->prev, pos);
		pos = pos->next;
		ck_assert_ptr_ne(pos, list);
		ck_assert_int_eq(cds_list_entry(pos, struct item, list)->key, va_arg(keys, int));
	}
	va_end(keys);
	ck_assert_ptr_eq(pos->next, list);
	ck_assert_ptr_eq(list->prev, pos);
}

static void assert_hlist(int count, ...)
{
	struct cds_hlist_node *pos = hhead.next, *prev = (struct cds_hlist_node *) &hhead;
	va_list keys;

	va_start(keys, count);
	for (; count--; prev = pos, pos = pos->next) {
		ck_assert_ptr_nonnull(pos);
		ck_assert_ptr_eq(pos->prev, prev);
		ck_assert_int_eq(cds_hlist_entry(pos, struct item, hlist)->key, va_arg(keys, int));
	}
	va_end(keys);
	ck_assert_ptr_null(pos);
}

START_TEST(test_list_layout)
{
	ck_assert_uint_eq(sizeof(struct cds_list_head), 2 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_list_head, next), 0);
	ck_assert_uint_eq(offsetof(struct cds_list_head, prev), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_hlist_head), sizeof(void *));
	ck_assert_uint_eq(sizeof(struct cds_hlist_node), 2 * sizeof(void *));
	ck_assert_uint_eq(offsetof(struct cds_hlist_node, next), 0);
	ck_assert_uint_eq(offsetof(struct cds_hlist_node, prev), sizeof(void *));
}
END_TEST

START_TEST(test_list_add_del)
{
	CDS_LIST_HEAD(local);
	struct cds_list_head *p = &head;

	ck_assert(cds_list_empty(&local) && cds_list_empty(&head));
	cds_list_add(&item[1].list, &head);
	assert_list(&head, 1, 1);
	cds_list_add(&item[0].list, &head);
	cds_list_add_tail(&item[3].list, &head);
	cds_list_add_tail(&item[2].list, &item[3].list);
	assert_list(&head, 4, 0, 1, 2, 3);
	ck_assert(!cds_list_empty(&head));
	ck_assert_ptr_eq(cds_list_first_entry(&head, struct item, list), &item[0]);
	cds_list_del(&item[1].list);
	assert_list(&head, 3, 0, 2, 3);
	ck_assert_ptr_eq(item[1].list.next, &item[2].list);
	ck_assert_ptr_eq(item[1].list.prev, &item[0].list);
	cds_list_del_init(&item[0].list);
	ck_assert(cds_list_empty(&item[0].list));
	cds_list_del(&item[0].list);
	assert_list(&head, 2, 2, 3);
	__cds_list_del(&head, &head);
	assert_list(&head, 0);
	CDS_INIT_LIST_HEAD(p++);
	ck_assert_ptr_eq(p, &head + 1);
}
END_TEST

START_TEST(test_list_move_replace_splice)
{
	struct cds_list_head other = CDS_LIST_HEAD_INIT(other);

	cds_list_add_tail(&item[0].list, &head);
	cds_list_add_tail(&item[1].list, &head);
	cds_list_move(&item[1].list, &head);
	assert_list(&head, 2, 1, 0);
	cds_list_move(&item[0].list, &other);
	assert_list(&other, 1, 0);
	cds_list_replace(&item[1].list, &item[2].list);
	assert_list(&head, 1, 2);
	ck_assert_ptr_eq(item[1].list.next, &head);
	cds_list_replace_init(&item[2].list, &item[3].list);
	assert_list(&head, 1, 3);
	ck_assert(cds_list_empty(&item[2].list));
	cds_list_add_tail(&item[4].list, &other);
	cds_list_splice(&other, &head);
	assert_list(&head, 3, 0, 4, 3);
	CDS_INIT_LIST_HEAD(&other);
	cds_list_splice(&other, &head);
	assert_list(&head, 3, 0, 4, 3);
	cds_list_splice(&head, &other);
	assert_list(&other, 3, 0, 4, 3);
	cds_list_replace_init(&other, &head);	/* a whole list changes its head */
	assert_list(&head, 3, 0, 4, 3);
	assert_list(&other, 0);
	cds_list_replace(&other, &head);
	assert_list(&head, 0);
}
END_TEST

START_TEST(test_list_iterate)
{
	struct cds_list_head *pos, *p, *const empty = &(struct cds_list_head) { NULL, NULL };
	struct item *e, *f;
	int n = 0, i;

	CDS_INIT_LIST_HEAD(empty);
	cds_list_for_each(pos, empty) n++;
	cds_list_for_each_prev_safe(pos, p, empty) n++;
	cds_list_for_each_entry(e, empty, list) n++;
	cds_list_for_each_entry_safe(e, f, empty, list) n++;
	cds_list_for_each_entry_rcu(e, empty, list) n++;
	ck_assert_int_eq(n, 0);

	for (i = 0; i < 4; i++)
		cds_list_add_tail(&item[i].list, &head);
	cds_list_for_each(pos, &head)
		ck_assert_ptr_eq(pos, &item[n++].list);
	cds_list_for_each_prev(pos, &head)
		ck_assert_ptr_eq(pos, &item[--n].list);
	cds_list_for_each_entry(e, &head, list)
		ck_assert_ptr_eq(e, &item[n++]);
	ck_assert_ptr_eq(&e->list, &head);
	cds_list_for_each_entry_reverse(e, &head, list)
		ck_assert_ptr_eq(e, &item[--n]);
	cds_list_for_each_rcu(pos, &head)
		ck_assert_ptr_eq(pos, &item[n++].list);
	n = 0;
	cds_list_for_each_entry_rcu(e, &head, list)
		ck_assert_ptr_eq(e, &item[n++]);
	ck_assert_int_eq(n, 4);

	cds_list_for_each_safe(pos, p, &head) {
		cds_list_del(pos);
		pos->next = pos->prev = NULL;
	}
	assert_list(&head, 0);
	for (i = 0; i < 4; i++)
		cds_list_add_tail(&item[i].list, &head);
	cds_list_for_each_prev_safe(pos, p, &head) {
		ck_assert_ptr_eq(pos, &item[--n].list);
		cds_list_del(pos);
		pos->next = pos->prev = NULL;
	}
	assert_list(&head, 0);
	for (i = 0; i < 4; i++)
		cds_list_add_tail(&item[i].list, &head);
	e = &item[2];
	cds_list_for_each_entry_safe_from(e, f, &head, list) {
		cds_list_del(&e->list);
		e->list.next = NULL;
	}
	assert_list(&head, 2, 0, 1);
	cds_list_for_each_entry_safe(e, f, &head, list) {
		cds_list_del(&e->list);
		e->list.next = NULL;
	}
	assert_list(&head, 0);
}
END_TEST

START_TEST(test_rculist)
{
	cds_list_add_rcu(&item[1].list, &head);
	cds_list_add_rcu(&item[0].list, &head);
	cds_list_add_tail_rcu(&item[2].list, &head);
	assert_list(&head, 3, 0, 1, 2);
	cds_list_replace_rcu(&item[1].list, &item[3].list);
	assert_list(&head, 3, 0, 3, 2);
	ck_assert_ptr_eq(item[1].list.next, &item[2].list);
	cds_list_del_rcu(&item[3].list);
	assert_list(&head, 2, 0, 2);
	ck_assert_ptr_eq(item[3].list.next, &item[2].list);
	cds_list_del_rcu(&item[2].list);
	cds_list_del_rcu(&item[0].list);
	assert_list(&head, 0);
}
END_TEST

START_TEST(test_hlist)
{
	CDS_HLIST_HEAD(local);
	struct cds_hlist_head local2 = CDS_HLIST_HEAD_INIT(local2);

	ck_assert(!local.next && !local2.next);
	cds_hlist_add_head(&item[0].hlist, &hhead);
	assert_hlist(1, 0);
	cds_hlist_add_head(&item[1].hlist, &hhead);
	cds_hlist_add_head_rcu(&item[2].hlist, &hhead);
	cds_hlist_add_head_rcu(&item[3].hlist, &hhead);
	assert_hlist(4, 3, 2, 1, 0);
	cds_hlist_del(&item[3].hlist);
	assert_hlist(3, 2, 1, 0);
	cds_hlist_del_rcu(&item[1].hlist);
	assert_hlist(2, 2, 0);
	ck_assert_ptr_eq(item[1].hlist.next, &item[0].hlist);
	cds_hlist_del(&item[0].hlist);
	assert_hlist(1, 2);
	cds_hlist_del_rcu(&item[2].hlist);
	assert_hlist(0);
	cds_hlist_add_head_rcu(&item[4].hlist, &hhead);
	assert_hlist(1, 4);
	ck_assert_ptr_null(cds_hlist_entry_safe(item[4].hlist.next, struct item, hlist));
	ck_assert_ptr_eq(cds_hlist_entry_safe(hhead.next, struct item, hlist), &item[4]);
}
END_TEST

/* What the compiler knows of a next, be it a head's or a node's, does not survive a removal. */
static __attribute__((__noinline__)) int head_next_changes(struct cds_hlist_head *h,
		struct cds_hlist_node *elem)
{
	struct cds_hlist_node *before = h->next;

	cds_hlist_del(elem);
	return h->next != before;
}

static __attribute__((__noinline__)) int node_next_changes(struct cds_hlist_node *node,
		struct cds_hlist_node *elem)
{
	struct cds_hlist_node *before = node->next;

	cds_hlist_del(elem);
	return node->next != before;
}

START_TEST(test_hlist_aliasing)
{
	cds_hlist_add_head(&item[0].hlist, &hhead);
	cds_hlist_add_head(&item[1].hlist, &hhead);
	cds_hlist_add_head(&item[2].hlist, &hhead);
	ck_assert(node_next_changes(&item[2].hlist, &item[1].hlist));
	ck_assert(head_next_changes(&hhead, &item[2].hlist));
	assert_hlist(1, 0);
}
END_TEST

START_TEST(test_hlist_iterate)
{
	struct cds_hlist_node *pos, *p;
	struct item *e, *f;
	int n = 0, i;

	cds_hlist_for_each(pos, &hhead) n++;
	cds_hlist_for_each_entry(e, pos, &hhead, hlist) n++;
	cds_hlist_for_each_entry_safe_2(e, f, &hhead, hlist) n++;
	cds_hlist_for_each_entry_rcu_2(e, &hhead, hlist) n++;
	ck_assert_int_eq(n, 0);

	for (i = 3; i >= 0; i--)
		cds_hlist_add_head(&item[i].hlist, &hhead);
	cds_hlist_for_each(pos, &hhead)
		ck_assert_ptr_eq(pos, &item[n++].hlist);
	cds_hlist_for_each_rcu(pos, &hhead)
		ck_assert_ptr_eq(pos, &item[n++ - 4].hlist);
	cds_hlist_for_each_entry(e, pos, &hhead, hlist)
		ck_assert_ptr_eq(e, &item[n++ - 8]);
	cds_hlist_for_each_entry_2(e, &hhead, hlist)
		ck_assert_ptr_eq(e, &item[n++ - 12]);
	ck_assert_ptr_null(e);
	cds_hlist_for_each_entry_rcu(e, pos, &hhead, hlist)
		ck_assert_ptr_eq(e, &item[n++ - 16]);
	cds_hlist_for_each_entry_rcu_2(e, &hhead, hlist)
		ck_assert_ptr_eq(e, &item[n++ - 20]);
	ck_assert_int_eq(n, 24);

	cds_hlist_for_each_safe(pos, p, &hhead) {
		cds_hlist_del(pos);
		pos->next = pos->prev = pos;
	}
	assert_hlist(0);
	for (i = 3; i >= 0; i--)
		cds_hlist_add_head(&item[i].hlist, &hhead);
	cds_hlist_for_each_entry_safe(e, pos, p, &hhead, hlist) {
		if (e->key % 2)
			continue;
		cds_hlist_del(pos);
		pos->next = pos->prev = pos;
	}
	assert_hlist(2, 1, 3);
	cds_hlist_for_each_entry_safe_2(e, f, &hhead, hlist) {
		cds_hlist_del(&e->hlist);
		e->hlist.next = NULL;
	}
	assert_hlist(0);
}
END_TEST

/* How often the body of a loop runs, by its header. */
#define turns(loop) __extension__ ({					\
	int count = 0;							\
	loop								\
		count++;						\
	count;								\
})

/* The same, if the body leaves at its first turn: once, or never. */
#define first_turn(loop) __extension__ ({				\
	int count = 0;							\
	loop {								\
		count++;						\
		break;							\
	}								\
	count;								\
})

#define assert_turns(loop, n) do {					\
	ck_assert_int_eq(turns(loop), n);				\
	ck_assert_int_eq(first_turn(loop), (n) > 0);			\
} while (0)

/* Every loop over lists of none, one, and more elements. */
START_TEST(test_iterators)
{
	struct cds_list_head *pos, *p;
	struct cds_hlist_node *hpos, *hp;
	struct item *e, *f;
	int n = _i, i;

	for (i = 0; i < n; i++) {
		cds_list_add_tail_rcu(&item[i].list, &head);
		cds_hlist_add_head_rcu(&item[i].hlist, &hhead);
	}
	assert_turns(cds_list_for_each(pos, &head), n);
	assert_turns(cds_list_for_each_prev(pos, &head), n);
	assert_turns(cds_list_for_each_safe(pos, p, &head), n);
	assert_turns(cds_list_for_each_prev_safe(pos, p, &head), n);
	assert_turns(cds_list_for_each_rcu(pos, &head), n);
	assert_turns(cds_list_for_each_entry(e, &head, list), n);
	assert_turns(cds_list_for_each_entry_reverse(e, &head, list), n);
	assert_turns(cds_list_for_each_entry_safe(e, f, &head, list), n);
	assert_turns(cds_list_for_each_entry_rcu(e, &head, list), n);
	e = cds_list_entry(head.prev, struct item, list);
	ck_assert_int_eq(turns(cds_list_for_each_entry_safe_from(e, f, &head, list)), n > 0);
	ck_assert_ptr_eq(&e->list, &head);

	assert_turns(cds_hlist_for_each(hpos, &hhead), n);
	assert_turns(cds_hlist_for_each_safe(hpos, hp, &hhead), n);
	assert_turns(cds_hlist_for_each_rcu(hpos, &hhead), n);
	assert_turns(cds_hlist_for_each_entry(e, hpos, &hhead, hlist), n);
	assert_turns(cds_hlist_for_each_entry_2(e, &hhead, hlist), n);
	assert_turns(cds_hlist_for_each_entry_safe(e, hpos, hp, &hhead, hlist), n);
	assert_turns(cds_hlist_for_each_entry_safe_2(e, f, &hhead, hlist), n);
	assert_turns(cds_hlist_for_each_entry_rcu(e, hpos, &hhead, hlist), n);
	assert_turns(cds_hlist_for_each_entry_rcu_2(e, &hhead, hlist), n);
}
END_TEST

/*
 * Readers run through both lists while a writer adds, replaces and deletes. Each element is filled
 * before it is published and is never used again, so no grace period is needed: a reader must find
 * it whole. ThreadSanitizer checks the orders.
 */
#define SUPPLY 20000
static struct item supply[SUPPLY];
static int writer_done, broken;	/* not asserted at once: Check's locks would add order */

static void *reader(void *unused)
{
	struct item *e;

	while (!uatomic_load(&writer_done, CMM_ACQUIRE)) {
		int n = 0;

		cds_list_for_each_entry_rcu(e, &head, list) {
			if (e->check != ~e->key || ++n > 3 * SUPPLY)
				goto out;
		}
		cds_hlist_for_each_entry_rcu_2(e, &hhead, hlist) {
			if (e->check != ~e->key || ++n > 3 * SUPPLY)
				goto out;
		}
	}
	return unused;
out:
	uatomic_inc(&broken);
	return unused;
}

static void *writer(void *unused)
{
	int i;

	for (i = 0; i < SUPPLY; i++) {
		struct item *e = &supply[i];

		e->key = i;
		e->check = ~i;
		if (i % 3 == 2)
			cds_list_replace_rcu(&supply[i - 1].list, &e->list);
		else if (i % 3)
			cds_list_add_rcu(&e->list, &head);
		else
			cds_list_add_tail_rcu(&e->list, &head);
		cds_hlist_add_head_rcu(&e->hlist, &hhead);
		if (i >= 90) {
			if (i % 3 != 1)
				cds_list_del_rcu(&supply[i - 90].list);
			cds_hlist_del_rcu(&supply[i - 90].hlist);
		}
	}
	uatomic_store(&writer_done, 1, CMM_RELEASE);
	return unused;
}

START_TEST(test_readers_beside_writer)
{
	pthread_t t[3];
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, i ? reader : writer, NULL), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	ck_assert_int_eq(broken, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = add_timed_case(suite, "list", 60);

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, test_list_layout);
	tcase_add_test(tcase, test_list_add_del);
	tcase_add_test(tcase, test_list_move_replace_splice);
	tcase_add_test(tcase, test_list_iterate);
	tcase_add_test(tcase, test_rculist);
	tcase_add_test(tcase, test_hlist);
	tcase_add_test(tcase, test_hlist_aliasing);
	tcase_add_test(tcase, test_hlist_iterate);
	tcase_add_loop_test(tcase, test_iterators, 0, 4);
	tcase_add_test(tcase, test_readers_beside_writer);
	return run_plain_suite(suite);
}
