/* SPDX-License-Identifier: MIT */
/*
 * Threads that take turns at one operation, so that lines.sh can count, in what valgrind's lackey
 * says of the memory they touch, the cache lines that cores would pass to each other: lines WHAT
 * THREADS. A store to marks[n] opens thread n's turn, a store to marks[128] ends it. The library
 * is told that the machine has as many CPUs as there are threads.
 */
#include <dlfcn.h>
#include <semaphore.h>

#include "bench.h"

#include <urcu/rculfhash.h>
#include <urcu/wfcqueue.h>

#define ROUNDS	12
#define NODES	4096UL

static volatile char marks[256] __attribute__((aligned(256)));
static unsigned long threads;

/* ---- The machine, as the library sees it ---- */

long sysconf(int name)
{
	long (*real)(int name);

	if (threads && (name == _SC_NPROCESSORS_CONF || name == _SC_NPROCESSORS_ONLN))
		return (long)threads;
	*(void **)&real = dlsym(RTLD_NEXT, "sysconf");
	return real(name);
}

/* Before the library's own constructors, which look at the machine. */
static void set_threads(int argc, char **argv)
{
	threads = argc > 2 ? strtoul(argv[2], NULL, 0) : 2;
}

__attribute__((section(".preinit_array"), used))
static void (*const before_all)(int argc, char **argv) = set_threads;

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	memset(set, 0, size);
	for (unsigned long i = 0; i < threads; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

/* ---- Operations ---- */

struct item {
	struct cds_lfht_node node;
	struct cds_wfcq_node queued;
	struct rcu_head head;
} __attribute__((aligned(64)));

static struct item items[64][ROUNDS];
static struct item in_table[NODES];
static struct cds_lfht *table;
static struct cds_wfcq_head queue_head;
static struct cds_wfcq_tail queue_tail;

static unsigned long hash_of(unsigned long key)
{
	key *= 0xff51afd7ed558ccdUL;
	return key ^ key >> 33;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	(void)node;
	(void)key;
	return 1;
}

static void nothing(struct rcu_head *head)
{
	(void)head;
}

static void nothing_of(void *p)
{
	(void)p;
}

static void section(unsigned long number, unsigned long round)
{
	(void)number;
	(void)round;
	rcu_read_lock();
	rcu_read_unlock();
}

static void call(unsigned long number, unsigned long round)
{
	call_rcu(&items[number][round].head, nothing);
}

static void defer(unsigned long number, unsigned long round)
{
	defer_rcu(nothing_of, &items[number][round]);
}

static void synchronize(unsigned long number, unsigned long round)
{
	(void)number;
	(void)round;
	synchronize_rcu();
}

static void enlist(unsigned long number, unsigned long round)
{
	(void)number;
	(void)round;
	rcu_unregister_thread();
	bench_register();
}

static void look_up(unsigned long number, unsigned long round)
{
	struct cds_lfht_iter iter;

	rcu_read_lock();
	cds_lfht_lookup(table, hash_of(number * ROUNDS + round), match, NULL, &iter);
	rcu_read_unlock();
}

static void update(unsigned long number, unsigned long round)
{
	struct item *item = &items[number][round];

	rcu_read_lock();
	cds_lfht_add(table, hash_of(NODES + number * ROUNDS + round), &item->node);
	cds_lfht_del(table, &item->node);
	rcu_read_unlock();
}

static void enqueue(unsigned long number, unsigned long round)
{
	cds_wfcq_enqueue(&queue_head, &queue_tail, &items[number][round].queued);
}

static const struct {
	const char *name;
	void (*run)(unsigned long number, unsigned long round);
} all[] = {
	{ "section", section }, { "call", call }, { "defer", defer }, { "synchronize", synchronize },
	{ "register", enlist }, { "lookup", look_up }, { "update", update }, { "enqueue", enqueue },
};

static void (*run)(unsigned long number, unsigned long round);

/* ---- Turns ---- */

static sem_t turns[64], done;

static void *take_turns(void *arg)
{
	unsigned long number = (unsigned long)arg;

	bench_register();
	rcu_defer_register_thread();
	bench_offline();
	sem_post(&done);
	for (unsigned long round = 0; round < ROUNDS; round++) {
		sem_wait(&turns[number]);
		bench_online();
		marks[number] = 1;
		run(number, round);
		marks[128] = 1;
		bench_offline();
		sem_post(&done);
	}
	return NULL;
}

static void fill(void)
{
	table = cds_lfht_new(NODES, NODES, 0, CDS_LFHT_ACCOUNTING, NULL);
	for (unsigned long i = 0; i < NODES; i++) {
		rcu_read_lock();
		cds_lfht_add(table, hash_of(i), &in_table[i].node);
		rcu_read_unlock();
	}
	cds_wfcq_init(&queue_head, &queue_tail);
	for (int i = 0; i < 64; i++)
		for (int j = 0; j < ROUNDS; j++)
			cds_wfcq_node_init(&items[i][j].queued);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3 || threads < 1 || threads > 64)
		return 2;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(argv[1], all[i].name) == 0)
			run = all[i].run;
	if (!run)
		return 2;
	bench_register();
	fill();
	bench_offline();
	sem_init(&done, 0, 0);
	for (unsigned long i = 0; i < threads; i++) {
		sem_init(&turns[i], 0, 0);
		if (pthread_create(&thread, NULL, take_turns, (void *)i) != 0)
			return 1;
		sem_wait(&done);
	}
	/* Those who call find the worker at work: it waits for this section. */
	bench_online();
	if (run == call)
		rcu_read_lock();
	else
		bench_offline();
	printf("%p %d\n", (void *)marks, ROUNDS);
	fflush(stdout);
	for (int round = 0; round < ROUNDS; round++)
		for (unsigned long i = 0; i < threads; i++) {
			sem_post(&turns[i]);
			sem_wait(&done);
		}
	_exit(0);
}
