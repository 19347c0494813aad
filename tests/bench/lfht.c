/* SPDX-License-Identifier: MIT */
/*
 * The hash table, timed: compiled against ours and against the installed liburcu from this one
 * source (lfht.sh). Prints "name nodes threads nanoseconds" a line, of one operation each; of
 * several threads, the mean of each one's own. sized is what misses.sh counts, growing the
 * part that it leaves out; walks are traversals of a sized table, and grown is what it takes all threads of the process,
 * the library's too, to grow one.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <urcu.h>
#include <urcu/rculfhash.h>
#ifdef QUIESCE_VERSION
#include <quiesce/lfht.h>
#endif

#include "keys.h"

struct item {
	struct cds_lfht_node node;
	unsigned long key;
	struct rcu_head head;
};

static unsigned long nodes, thread_count;
static struct item *items;
static struct cds_lfht *table;
static pthread_barrier_t together;

static unsigned long hash_of(unsigned long key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdUL;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53UL;
	return key ^ key >> 33;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return caa_container_of(node, struct item, node)->key == *(const unsigned long *)key;
}

/* ---- What one thread does with operations first to end ---- */

static unsigned long found;

static void insert(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		items[i].key = i;
		rcu_read_lock();
		cds_lfht_add(table, hash_of(i), &items[i].node);
		rcu_read_unlock();
	}
}

static void insert_unique(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		items[i].key = i;
		rcu_read_lock();
		cds_lfht_add_unique(table, hash_of(i), match, &i, &items[i].node);
		rcu_read_unlock();
	}
}

static void lookup(unsigned long first, unsigned long end, unsigned long add)
{
	unsigned long hits = 0;

	for (unsigned long i = first; i < end; i++) {
		unsigned long key = scattered(i, nodes) + add;
		struct cds_lfht_iter iter;

		rcu_read_lock();
		cds_lfht_lookup(table, hash_of(key), match, &key, &iter);
		hits += cds_lfht_iter_get_node(&iter) != NULL;
		rcu_read_unlock();
	}
	__atomic_add_fetch(&found, hits, __ATOMIC_RELAXED);
}

static void hit(unsigned long first, unsigned long end)
{
	lookup(first, end, 0);
}

static void miss(unsigned long first, unsigned long end)
{
	lookup(first, end, 1UL << 40);
}

#ifdef QUIESCE_LFHT_LOOKUP_MANY
#define TOGETHER 64UL

static void hit_many(unsigned long first, unsigned long end)
{
	unsigned long hashes[TOGETHER], wanted[TOGETHER], hits = 0;
	struct cds_lfht_iter iters[TOGETHER];
	const void *keys[TOGETHER];

	while (first < end) {
		unsigned long number = end - first < TOGETHER ? end - first : TOGETHER;

		for (unsigned long i = 0; i < number; i++) {
			wanted[i] = scattered(first + i, nodes);
			hashes[i] = hash_of(wanted[i]);
			keys[i] = &wanted[i];
		}
		rcu_read_lock();
		hits += quiesce_lfht_lookup_many(table, number, hashes, match, keys, iters);
		rcu_read_unlock();
		first += number;
	}
	__atomic_add_fetch(&found, hits, __ATOMIC_RELAXED);
}
#endif

static void delete(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		rcu_read_lock();
		cds_lfht_del(table, &items[scattered(i, nodes)].node);
		rcu_read_unlock();
	}
}

static void iterate(unsigned long first, unsigned long end)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;
	unsigned long count = 0;

	(void)first;
	(void)end;
	rcu_read_lock();
	cds_lfht_for_each(table, &iter, node)
		count++;
	rcu_read_unlock();
	__atomic_add_fetch(&found, count, __ATOMIC_RELAXED);
}

/* Nine lookups, then one node deleted; its place in memory is added again when that may be. */
static void mixed(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		if (i % 10) {
			hit(i, i + 1);
		} else {
			struct item *item = &items[scattered(i, nodes)];

			rcu_read_lock();
			if (cds_lfht_del(table, &item->node) == 0) {
				struct item *other = malloc(sizeof(*other));

				other->key = item->key;
				cds_lfht_add(table, hash_of(other->key), &other->node);
			}
			rcu_read_unlock();
		}
	}
}

/* ---- Threads ---- */

static void (*work)(unsigned long first, unsigned long end);

static void *run(void *arg)
{
	unsigned long number = (unsigned long)arg, share = nodes / thread_count;
	double *time = malloc(sizeof(*time)), start;

	rcu_register_thread();
	pthread_barrier_wait(&together);
	start = now();
	work(number * share, (number + 1) * share);
	*time = (now() - start) / (double)(work == iterate ? nodes : share);
	rcu_unregister_thread();
	return time;
}

static void measure(const char *name, void (*todo)(unsigned long first, unsigned long end))
{
	pthread_t threads[64];
	double sum = 0;

	work = todo;
	pthread_barrier_init(&together, NULL, (unsigned int)thread_count);
	for (unsigned long i = 0; i < thread_count; i++)
		pthread_create(&threads[i], NULL, run, (void *)i);
	for (unsigned long i = 0; i < thread_count; i++) {
		void *time;

		pthread_join(threads[i], &time);
		sum += *(double *)time;
		free(time);
	}
	pthread_barrier_destroy(&together);
	printf("%s %lu %lu %.1f\n", name, nodes, thread_count, sum / (double)thread_count);
	fflush(stdout);
}

static unsigned long power_of_two(unsigned long size)
{
	unsigned long power = 1;

	while (power < size)
		power *= 2;
	return power;
}

static void sized(bool all)
{
	table = cds_lfht_new(power_of_two(nodes), 1, 0, 0, NULL);
	measure("insert-sized", insert_unique);
	measure("hit", hit);
#ifdef QUIESCE_LFHT_LOOKUP_MANY
	measure("hit-many", hit_many);
#endif
	measure("miss", miss);
	measure("iterate", iterate);
	if (all)
		measure("mixed", mixed);
	/* A tenth of them is gone already, and told to be so. */
	measure("delete", delete);
	synchronize_rcu();
}

static void growing(void)
{
	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	measure("insert-growing", insert);
	measure("hit-grown", hit);
	measure("delete-grown", delete);
	synchronize_rcu();
}

static int by_size(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

/* The first of a process, and the median of those that follow. */
static void walks(void)
{
	double times[101];

	table = cds_lfht_new(power_of_two(nodes), 1, 0, 0, NULL);
	insert(0, nodes);
	measure("iterate", iterate);
	for (int i = 0; i < 101; i++) {
		times[i] = -now();
		iterate(0, nodes);
		times[i] += now();
	}
	qsort(times, 101, sizeof(*times), by_size);
	printf("iterate-again %lu 1 %.1f\n", nodes, times[50] / (double)nodes);
}

/* Until 100 ms later, when what the library does in other threads is over as well. */
static void grown(void)
{
	const struct timespec later = { .tv_nsec = 100000000 };
	double time = -clock_of(CLOCK_PROCESS_CPUTIME_ID);

	table = cds_lfht_new(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	measure("insert-growing", insert);
	nanosleep(&later, NULL);
	time += clock_of(CLOCK_PROCESS_CPUTIME_ID);
	found = nodes;
	printf("insert-growing-of-all-threads %lu %lu %.1f\n", nodes, thread_count, time / (double)nodes);
}

int main(int argc, char **argv)
{
	const char *part = argc > 3 ? argv[3] : "";

	if (argc < 3) {
		fprintf(stderr, "usage: lfht NODES THREADS [sized|growing|walks|grown]\n");
		return 2;
	}
	nodes = strtoul(argv[1], NULL, 0);
	thread_count = strtoul(argv[2], NULL, 0);
	items = malloc(nodes * sizeof(*items));
	memset(items, 1, nodes * sizeof(*items));
	rcu_register_thread();

	if (strcmp(part, "walks") == 0)
		walks();
	if (strcmp(part, "grown") == 0)
		grown();
	if (!*part || strcmp(part, "sized") == 0)
		sized(!*part);
	/* Last, for liburcu's may never end. */
	if (!*part || strcmp(part, "growing") == 0)
		growing();
	fflush(stdout);
	_exit(!found);
}
