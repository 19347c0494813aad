/* SPDX-License-Identifier: MIT */
/*
 * Tables of C++, doing what lfht.c does: the same items, keys, order and output. PEER says which:
 * CUCKOO (libcuckoo), TBB (concurrent_hash_map) or BOOST (unordered_flat_map, under a lock).
 */
#include <pthread.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "keys.h"

#define CUCKOO	1
#define TBB	2
#define BOOST	3

struct item {
	unsigned long room[2], key, head[2];
};

struct hasher {
	size_t operator()(unsigned long key) const
	{
		key ^= key >> 33;
		key *= 0xff51afd7ed558ccdUL;
		key ^= key >> 33;
		key *= 0xc4ceb9fe1a85ec53UL;
		return key ^ key >> 33;
	}
	/* What TBB asks for. */
	static size_t hash(unsigned long key) { return hasher()(key); }
	static bool equal(unsigned long one, unsigned long other) { return one == other; }
};

/* ---- Each peer: add, get (NULL: not there), remove, for_each ---- */

#if PEER == CUCKOO
#include <libcuckoo/cuckoohash_map.hh>

struct table {
	libcuckoo::cuckoohash_map<unsigned long, item *, hasher> map;

	explicit table(size_t size) : map(size) {}
	void add(unsigned long key, item *value) { map.insert(key, value); }
	item *get(unsigned long key)
	{
		item *value = nullptr;

		map.find(key, value);
		return value;
	}
	bool remove(unsigned long key) { return map.erase(key); }
	template <typename F> void for_each(F f)
	{
		auto locked = map.lock_table();

		for (const auto &entry : locked)
			f(entry.second);
	}
};
#elif PEER == TBB
#include <tbb/concurrent_hash_map.h>

struct table {
	typedef tbb::concurrent_hash_map<unsigned long, item *, hasher> type;
	type map;

	explicit table(size_t size) : map(size) {}
	void add(unsigned long key, item *value) { map.emplace(key, value); }
	item *get(unsigned long key)
	{
		type::const_accessor found;

		return map.find(found, key) ? found->second : nullptr;
	}
	bool remove(unsigned long key) { return map.erase(key); }
	template <typename F> void for_each(F f)
	{
		for (const auto &entry : map)
			f(entry.second);
	}
};
#else
#include <boost/unordered/unordered_flat_map.hpp>

struct table {
	boost::unordered_flat_map<unsigned long, item *, hasher> map;
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

	explicit table(size_t size) : map(size) {}
	void add(unsigned long key, item *value)
	{
		pthread_rwlock_wrlock(&lock);
		map.emplace(key, value);
		pthread_rwlock_unlock(&lock);
	}
	item *get(unsigned long key)
	{
		item *value = nullptr;

		pthread_rwlock_rdlock(&lock);
		auto found = map.find(key);
		if (found != map.end())
			value = found->second;
		pthread_rwlock_unlock(&lock);
		return value;
	}
	bool remove(unsigned long key)
	{
		pthread_rwlock_wrlock(&lock);
		bool was_there = map.erase(key);
		pthread_rwlock_unlock(&lock);
		return was_there;
	}
	template <typename F> void for_each(F f)
	{
		pthread_rwlock_rdlock(&lock);
		for (const auto &entry : map)
			f(entry.second);
		pthread_rwlock_unlock(&lock);
	}
};
#endif

/* ---- What one thread does with operations first to end ---- */

static unsigned long nodes, thread_count, found;
static item *items;
static table *used;
static pthread_barrier_t together;

static void insert(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++) {
		items[i].key = i;
		used->add(i, &items[i]);
	}
}

static void lookup(unsigned long first, unsigned long end, unsigned long more)
{
	unsigned long hits = 0;

	for (unsigned long i = first; i < end; i++) {
		unsigned long key = scattered(i, nodes) + more;
		item *there = used->get(key);

		/* As a program would: a table of items is asked for items. */
		hits += there && there->key == key;
	}
	__atomic_add_fetch(&found, hits, __ATOMIC_RELAXED);
}

static void hit(unsigned long first, unsigned long end) { lookup(first, end, 0); }
static void miss(unsigned long first, unsigned long end) { lookup(first, end, 1UL << 40); }

static void remove_all(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++)
		used->remove(scattered(i, nodes));
}

static void iterate(unsigned long, unsigned long)
{
	unsigned long count = 0;

	used->for_each([&count](item *there) { count += there->key < nodes; });
	__atomic_add_fetch(&found, count, __ATOMIC_RELAXED);
}

/* ---- Threads ---- */

static void (*work)(unsigned long first, unsigned long end);

static void *run(void *arg)
{
	unsigned long number = (unsigned long)arg, share = nodes / thread_count;
	double *time = new double, start;

	pthread_barrier_wait(&together);
	start = now();
	work(number * share, (number + 1) * share);
	*time = (now() - start) / (double)(work == iterate ? nodes : share);
	return time;
}

static void measure(const char *name, void (*todo)(unsigned long first, unsigned long end))
{
	pthread_t threads[64];
	double sum = 0;

	work = todo;
	pthread_barrier_init(&together, nullptr, (unsigned int)thread_count);
	for (unsigned long i = 0; i < thread_count; i++)
		pthread_create(&threads[i], nullptr, run, (void *)i);
	for (unsigned long i = 0; i < thread_count; i++) {
		void *time;

		pthread_join(threads[i], &time);
		sum += *(double *)time;
		delete (double *)time;
	}
	pthread_barrier_destroy(&together);
	printf("%s %lu %lu %.1f\n", name, nodes, thread_count, sum / (double)thread_count);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	nodes = strtoul(argv[1], nullptr, 0);
	thread_count = strtoul(argv[2], nullptr, 0);
	items = (item *)malloc(nodes * sizeof(*items));
	memset(items, 1, nodes * sizeof(*items));
	used = new table(nodes);
	measure("insert-sized", insert);
	measure("hit", hit);
	measure("miss", miss);
	measure("iterate", iterate);
	measure("delete", remove_all);
	if (argc > 3)
		return !found;
	used = new table(8);
	measure("insert-growing", insert);
	measure("hit-grown", hit);
	measure("delete-grown", remove_all);
	return found == 0;
}
