/* SPDX-License-Identifier: MIT */
/*
 * Does one thing COUNT times inside a function that callgrind is told to watch (instructions.sh):
 * instructions WHAT COUNT. With "empty" it does nothing as often.
 */
#include "bench.h"

#include <urcu/rculfhash.h>

/* So many that the tags in the table's words are of use. */
#define NODES (1UL << 17)

struct item {
	struct cds_lfht_node node;
	unsigned long key;
};

static struct cds_lfht *table;
static struct item items[NODES], other;
static struct rcu_head *heads;
static unsigned long found;

static unsigned long hash_of(unsigned long key)
{
	key *= 0xff51afd7ed558ccdUL;
	return key ^ key >> 33;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct item, node)->key == *(const unsigned long *)key;
}

static void nothing(struct rcu_head *head)
{
	(void)head;
}

static void nothing_of(void *p)
{
	(void)p;
}

static void fill_table(void)
{
	table = cds_lfht_new(NODES, NODES, 0, CDS_LFHT_ACCOUNTING, NULL);
	for (unsigned long i = 0; i < NODES; i++) {
		items[i].key = i;
		rcu_read_lock();
		cds_lfht_add(table, hash_of(i), &items[i].node);
		rcu_read_unlock();
	}
	other.key = NODES;
}

static void look_up(unsigned long key)
{
	struct cds_lfht_iter iter;

	cds_lfht_lookup(table, hash_of(key), match, &key, &iter);
	found += cds_lfht_iter_get_node(&iter) != NULL;
}

static void add_and_delete(unsigned long i)
{
	cds_lfht_add(table, hash_of(NODES + i), &other.node);
	cds_lfht_del(table, &other.node);
}

/* The floor of free_rcu, as in giving.c. */
static void keep(void *block)
{
	static void *blocks[4096];
	static unsigned long kept;

	blocks[kept++] = block;
	if (kept < sizeof(blocks) / sizeof(blocks[0]))
		return;
	for (kept = 0; kept < sizeof(blocks) / sizeof(blocks[0]); kept++)
		free(blocks[kept]);
	kept = 0;
}

#define REPEAT(statement) do {					\
	for (unsigned long i = 0; i < count; i++) {		\
		statement;					\
		__asm__ __volatile__("" ::: "memory");		\
	}							\
} while (0)

/* The functions that are watched have this name alone, so that one option names them all. */
#define WATCHED(name, statement)						\
	__attribute__((noinline)) void watched_##name(unsigned long count);	\
	void watched_##name(unsigned long count)				\
	{									\
		REPEAT(statement);						\
	}

WATCHED(empty, )
WATCHED(section, rcu_read_lock(); rcu_read_unlock())
/* As section, in another. */
WATCHED(nested, rcu_read_lock(); rcu_read_unlock())
WATCHED(synchronize, synchronize_rcu())
WATCHED(call, call_rcu(&heads[i], nothing))
WATCHED(defer, defer_rcu(nothing_of, &heads[i]))
WATCHED(keep, keep(malloc(24)))
#ifdef URCU_HAVE_FREE_RCU
WATCHED(give, urcu_free_rcu(malloc(24)))
#endif
WATCHED(lookup, look_up(i % NODES))
WATCHED(miss, look_up(NODES + i))
WATCHED(update, add_and_delete(i))
WATCHED(barrier, rcu_barrier())
/* As synchronize, beside a worker that sleeps. */
WATCHED(beside, synchronize_rcu())

static const struct {
	const char *name;
	void (*run)(unsigned long count);
} all[] = {
	{ "empty", watched_empty }, { "section", watched_section }, { "call", watched_call },
	{ "synchronize", watched_synchronize }, { "defer", watched_defer },
	{ "lookup", watched_lookup }, { "miss", watched_miss }, { "update", watched_update },
	{ "barrier", watched_barrier }, { "beside", watched_beside },
	{ "nested", watched_nested }, { "keep", watched_keep },
#ifdef URCU_HAVE_FREE_RCU
	{ "give", watched_give },
#endif
};

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;

	bench_register();
	/* It makes a thread, which is a reader: nobody else's business. */
	if (argc > 1 && strcmp(argv[1], "defer") == 0)
		rcu_defer_register_thread();
	heads = calloc(count + 1, sizeof(*heads));
	fill_table();
	if (argc > 1 && strcmp(argv[1], "synchronize") != 0) {
		call_rcu(&heads[count], nothing);
		rcu_barrier();
	}
	if (argc > 1 && strcmp(argv[1], "nested") == 0)
		rcu_read_lock();
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (argc > 2 && strcmp(argv[1], all[i].name) == 0)
			all[i].run(count);
	/* What is queued still names heads, and ends with the process. */
	_exit(0);
}
