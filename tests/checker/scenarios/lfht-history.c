/* SPDX-License-Identifier: MIT */
/*
 * A hash table, and threads whose operations are texts: FIRST (the main thread, before the others begin), A, B and C; and LAST
 * (the main thread again, when they have ended). What all of them gave back is what some order of theirs gives. A letter for each, and its key:
 *	a add   u add_unique   r add_replace   l look up   d look up and delete   p look up and replace
 *	t all nodes: those that stay are met once, others once at most   g 8 buckets, or GROWN   s 1 bucket   n the table is counted
 * With FREE who takes an entry out frees it after a grace period.
 */
#include "checker/rcu.h"

#include <quiesce/stall.h>
#include <urcu/rculfhash.h>

#include "checker/history.h"

#ifndef GROWN
#define GROWN 8
#endif
#ifndef SIZE
#define SIZE 1
#endif
#ifndef SCHEME
#define SCHEME NULL
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
/* Keys are hashes, or have one in common. */
#ifdef COLLIDE
#define HASH(key) ((void)(key), 1UL)
#else
#define HASH(key) ((unsigned long)(key))
#endif
#ifndef C
#define C ""
#endif
#ifndef LAST
#define LAST "l1l2"
#endif

struct entry {
	int key, number;
	struct cds_lfht_node node;
};

struct cds_lfht *table;
struct history history;
struct entry *entries[16];
int entry_count, first_count;	/* first_count: there before the others begin */
int touched[10];	/* of keys: somebody wants to delete one */

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct entry, node)->key == *(const int *)key;
}

static int number_of(struct cds_lfht_node *node)
{
	return node ? caa_container_of(node, struct entry, node)->number : NONE;
}

static struct entry *make(int key)
{
	struct entry *entry = malloc(sizeof(*entry));

	entry->key = key;
	entry->number = __atomic_fetch_add(&entry_count, 1, relaxed);
	history.keys[entry->number] = key;
	entries[entry->number] = entry;
	cds_lfht_node_init(&entry->node);
	return entry;
}

static struct operation *begin(enum operation_kind kind, int key, int entry)
{
	struct operation *operation = &history.operations[__atomic_fetch_add(&history.count, 1, relaxed)];

	operation->kind = kind;
	operation->key = key;
	operation->entry = entry;
	if (checker_mark)
		checker_mark(&operation->begin);
	return operation;
}

static void end(struct operation *operation, int result)
{
	operation->result = result;
	if (checker_mark)
		checker_mark(&operation->end);
}

static int look_up(int key, struct cds_lfht_iter *iter)
{
	struct operation *operation = begin(LOOKUP, key, 0);
	int found;

	cds_lfht_lookup(table, HASH(key), match, &key, iter);
	found = number_of(cds_lfht_iter_get_node(iter));
	end(operation, found);
	return found;
}

/* The entry that was taken out, or NONE. */
static int take_out(int key)
{
	struct operation *operation;
	struct cds_lfht_iter iter;
	int old = look_up(key, &iter);

	if (old == NONE)
		return NONE;
	SET(touched[key], 1, relaxed);
	operation = begin(DELETE, key, old);
	end(operation, cds_lfht_del(table, cds_lfht_iter_get_node(&iter)) == 0);
	return operation->result ? old : NONE;
}

static int replace(int key)
{
	struct operation *operation;
	struct cds_lfht_iter iter;
	struct entry *entry = make(key);
	int old = look_up(key, &iter);

	if (old == NONE)
		return NONE;
	operation = begin(REPLACE, key, entry->number);
	operation->old = old;
	end(operation, cds_lfht_replace(table, &iter, HASH(key), match, &key, &entry->node) == 0);
	return operation->result ? old : NONE;
}

static bool meets_key(const int *met, int key)
{
	for (int i = 0; i < 16; i++)
		if (met[i] && history.keys[i] == key)
			return true;
	return false;
}

/* Of a key that is replaced, the old one or the new. Who has met none of it has seen that one was to be deleted. */
static void traverse(void)
{
	struct cds_lfht_node *node;
	struct cds_lfht_iter iter;
	int met[16] = { 0 };

	cds_lfht_for_each(table, &iter, node)
		assert(!met[number_of(node)]++);
	for (int i = 0; i < first_count; i++)
		assert(meets_key(met, history.keys[i]) || GET(touched[history.keys[i]], relaxed));
}

static int add(char how, int key)
{
	struct entry *entry = make(key);
	struct operation *operation = begin(how == 'a' ? ADD : how == 'u' ? ADD_UNIQUE : ADD_REPLACE, key,
					    entry->number);
	int result = NONE;

	if (how == 'a')
		cds_lfht_add(table, HASH(key), &entry->node);
	else if (how == 'u')
		result = number_of(cds_lfht_add_unique(table, HASH(key), match, &key, &entry->node));
	else
		result = number_of(cds_lfht_add_replace(table, HASH(key), match, &key, &entry->node));
	end(operation, result);
	return how == 'r' ? result : NONE;
}

static int operate(char how, int key)
{
	struct cds_lfht_iter iter;

	switch (how) {
	case 'l': look_up(key, &iter); return NONE;
	case 'd': return take_out(key);
	case 'p': return replace(key);
	case 't': traverse(); return NONE;
	default: return add(how, key);
	}
}

static void count_nodes(void)
{
	unsigned long nodes;
	long before, after;

	rcu_read_lock();
	cds_lfht_count_nodes(table, &before, &nodes, &after);
	rcu_read_unlock();
	assert(nodes <= sizeof(entries) / sizeof(entries[0]));
}

static void operate_all(const char *text)
{
	int out[8], count = 0;

	for (; *text; text++) {
		if (*text == 'g' || *text == 's') {
			cds_lfht_resize(table, *text == 'g' ? GROWN : 1);
			continue;
		}
		if (*text == 'n') {
			count_nodes();
			continue;
		}
		rcu_read_lock();
		out[count] = operate(*text, *text == 't' ? 0 : text[1] - '0');
		rcu_read_unlock();
		text += *text != 't';
		count += out[count] != NONE;
	}
	(void)out;
#ifdef FREE
	if (count)
		synchronize_rcu();
	while (count--) {
		struct entry *entry = entries[out[count]];

		entries[out[count]] = NULL;
		free(entry);
	}
#endif
}

static void *go(void *text)
{
	rcu_register_thread();
	operate_all(text);
	rcu_unregister_thread();
	return NULL;
}

int main(void)
{
	static char *const texts[3] = { A, B, C };
	pthread_t threads[3];

	rcu_register_thread();
	/* Time passes when nobody can run, as in a large table it seems at times. */
	quiesce_set_stall_timeout(0);
	table = _cds_lfht_new(SIZE, 1, 2 * GROWN, FLAGS, SCHEME, &rcu_flavor, NULL);
	if (!table)
		return 0;
	operate_all(FIRST);
	first_count = entry_count;
	for (int i = 0; i < 3; i++)
		if (*texts[i] && pthread_create(&threads[i], NULL, go, texts[i]) != 0)
			abort();
	for (int i = 0; i < 3; i++)
		if (*texts[i])
			pthread_join(threads[i], NULL);
	operate_all(LAST);
	assert(is_linearizable(&history));
	rcu_unregister_thread();
	return 0;
}
