/* SPDX-License-Identifier: MIT */
/*
 * A hash table under readers, for ThreadSanitizer: entries are written and read plainly, are taken
 * out, replaced and retired. With NO_SECTION readers are in none, which the sanitizer has to find.
 * Bounded by counts, not by time. Built once a flavor, as the unit tests.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(TEST_BP)
#include <urcu-bp.h>
#elif defined(TEST_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu/rculfhash.h>

#include "run-parts.h"

#define UPDATES	20000
#define KEYS	500

#ifdef NO_SECTION
#define begin()	((void) 0)
#define end()	((void) 0)
#define enter()	((void) 0)
#define leave()	((void) 0)
#define let_go(entry)	((void) (entry))	/* so that nobody crashes before the race is seen */
#else
#define begin()	rcu_register_thread()
#define end()	rcu_unregister_thread()
#define enter()	rcu_read_lock()
#define leave()	(rcu_read_unlock(), rcu_quiescent_state())
#define let_go(entry)	free(entry)
#endif

struct entry {
	int key, inverse;		/* plain: inverse is ~key until the entry is retired */
	struct cds_lfht_node node;
	struct rcu_head rcu;
};

static struct cds_lfht *table;
static int updates_done, wrong;		/* atomic */

static struct entry *entry_of(struct cds_lfht_node *node)
{
	return caa_container_of(node, struct entry, node);
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return entry_of(node)->key == *(const int *) key;
}

static void free_entry(struct rcu_head *head)
{
	struct entry *entry = caa_container_of(head, struct entry, rcu);

	entry->inverse = entry->key;
	let_go(entry);
}

static void retire(struct cds_lfht_node *node)
{
	call_rcu(&entry_of(node)->rcu, free_entry);
}

static void check(const struct entry *entry)
{
	if (entry->inverse != ~entry->key)
		uatomic_inc(&wrong);
}

static void read_once(int key)
{
	struct cds_lfht_iter iter;
	struct entry *entry;

	enter();
	cds_lfht_lookup(table, key, match, &key, &iter);
	if (cds_lfht_iter_get_node(&iter))
		check(entry_of(cds_lfht_iter_get_node(&iter)));
	if (key == 0)
		cds_lfht_for_each_entry(table, &iter, entry, node)
			check(entry);
	leave();
}

static void *reader(void *unused)
{
	int key = 0;

	begin();
	while (!uatomic_load(&updates_done, CMM_RELAXED)) {
		read_once(key);
		key = (key + 1) % KEYS;
	}
	end();
	return unused;
}

static void update(int turn)
{
	struct entry *entry = malloc(sizeof(*entry));
	struct cds_lfht_iter iter;
	struct cds_lfht_node *old;
	int key = turn * 7 % KEYS;

	if (!entry)
		abort();
	entry->key = key;
	entry->inverse = ~key;
	rcu_read_lock();
	if (turn % 3 == 0) {
		cds_lfht_lookup(table, key, match, &key, &iter);
		old = cds_lfht_iter_get_node(&iter);
		if (old && !cds_lfht_del(table, old))
			retire(old);
	}
	old = cds_lfht_add_replace(table, key, match, &key, &entry->node);
	if (old)
		retire(old);
	rcu_read_unlock();
	rcu_quiescent_state();
}

static void empty(void)
{
	struct cds_lfht_iter iter;
	struct entry *entry;

	rcu_read_lock();
	cds_lfht_for_each_entry(table, &iter, entry, node)
		if (!cds_lfht_del(table, &entry->node))
			retire(&entry->node);
	rcu_read_unlock();
}

static void *updater(void *unused)
{
	int turn;

	rcu_register_thread();
	for (turn = 0; turn < UPDATES; turn++)
		update(turn);
	uatomic_store(&updates_done, 1, CMM_RELEASE);
	empty();
	rcu_unregister_thread();
	return unused;
}

int main(void)
{
	static void *(*const parts[])(void *) = { reader, reader, updater };

	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	if (!table)
		abort();
	run_parts(parts, CAA_ARRAY_SIZE(parts));
	rcu_barrier();
	if (cds_lfht_destroy(table, NULL))
		uatomic_inc(&wrong);
	return tell_wrong(uatomic_read(&wrong));
}
