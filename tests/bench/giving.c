/* SPDX-License-Identifier: MIT */
/*
 * What urcu_free_rcu costs beside the floor, malloc and free alone, and beside other ways to free after a grace period:
 * threads that allocate and give, in one process, each way in turn, so that a machine that drifts drifts for all. A turn
 * ends when all is freed that was given in it. Nobody reads. A figure is the median of the turns; ours, as a part of the
 * floor in the same turn, too.
 */
#include <limits.h>
#include <malloc.h>

#include "bench.h"

#ifdef URCU_HAVE_FREE_RCU
#ifdef GIVING_CK
#include <ck_epoch.h>
#endif

#define TURNS		9
#define PRODUCERS	2
#define ARRAY		4096
#define ARRAY_BY_HAND	256
#define AT_A_TIME	128

struct array {
	void *blocks[ARRAY];
	unsigned long count;
	unsigned long epoch;
};

/* What a producer keeps. */
#define ARRAYS		4

static struct own {
	struct array arrays[ARRAYS];
	unsigned int filling;
} owns[PRODUCERS];

static __thread struct own *own;

static void free_array(struct array *array)
{
	for (unsigned long i = 0; i < array->count; i++)
		free(array->blocks[i]);
	array->count = 0;
}

/* ---- The floor: no grace period. In arrays, and as few at a time as stay in malloc's cache of a thread ---- */

static inline void keep(void *block, unsigned long most)
{
	struct array *kept = &own->arrays[0];

	kept->blocks[kept->count++] = block;
	if (kept->count == most)
		free_array(kept);
}

static void give_array(void *block)
{
	keep(block, ARRAY);
}

static void give_four(void *block)
{
	keep(block, 4);
}

static void empty_kept(void)
{
	free_array(&own->arrays[0]);
}

/* ---- Ours ---- */

static void give_free_rcu(void *block)
{
	urcu_free_rcu(block);
}

static void empty_free_rcu(void)
{
	rcu_barrier();
}

/* ---- Epochs as one writes them by hand ---- */

/*
 * An array that is full is free when two epochs have begun after that: one for readers that began before, one more
 * as the number may have been read late. An epoch begins when all who are in a section have seen the last one. Nobody
 * is: to say so a reader would need a full fence a section, as in ck_epoch.
 */
static unsigned long epoch_now;				/* atomically */

static struct place {
	unsigned long seen;				/* its epoch, times two, and one in a section; atomically */
} places[PRODUCERS] __attribute__((aligned(128)));

static void try_next_epoch(void)
{
	unsigned long epoch = __atomic_load_n(&epoch_now, __ATOMIC_SEQ_CST);

	for (int i = 0; i < PRODUCERS; i++) {
		unsigned long seen = __atomic_load_n(&places[i].seen, __ATOMIC_ACQUIRE);

		if (seen % 2 && seen / 2 != epoch)
			return;
	}
	__atomic_compare_exchange_n(&epoch_now, &epoch, epoch + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static void give_by_hand(void *block)
{
	struct array *array = &own->arrays[own->filling];

	array->blocks[array->count++] = block;
	if (array->count != ARRAY_BY_HAND)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	array->epoch = __atomic_load_n(&epoch_now, __ATOMIC_RELAXED);
	own->filling = (own->filling + 1) % ARRAYS;
	array = &own->arrays[own->filling];
	do
		try_next_epoch();
	while (array->count && __atomic_load_n(&epoch_now, __ATOMIC_ACQUIRE) - array->epoch < 2);
	free_array(array);
}

static void empty_by_hand(void)
{
	unsigned long last;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	last = __atomic_load_n(&epoch_now, __ATOMIC_RELAXED);
	while (__atomic_load_n(&epoch_now, __ATOMIC_ACQUIRE) - last < 2)
		try_next_epoch();
	for (int i = 0; i < ARRAYS; i++)
		free_array(&own->arrays[i]);
}

/* ---- Concurrency Kit's, as in flood.c ---- */

#ifdef GIVING_CK
static ck_epoch_t epoch;
static ck_epoch_record_t records[PRODUCERS] __attribute__((aligned(128)));
static __thread ck_epoch_record_t *record;

static void release_entry(ck_epoch_entry_t *entry)
{
	free(entry);
}

static void give_ck(void *block)
{
	static __thread unsigned int given;

	ck_epoch_call(record, block, release_entry);
	if (++given % AT_A_TIME == 0)
		ck_epoch_poll(record);
}

static void empty_ck(void)
{
	ck_epoch_barrier(record);
}
#endif

/* ---- Turns ---- */

static size_t size;				/* of a block */

/* In line: who gives a pointer by a call of his own would not be compared with who gives it without. */
static inline __attribute__((always_inline)) unsigned long give_until(double end, void (*give)(void *block))
{
	unsigned long count = 0;

	while (bench_now() < end) {
		for (int i = 0; i < AT_A_TIME; i++) {
			void *block = malloc(size);

			if (!block)
				abort();
			give(block);
		}
		count += AT_A_TIME;
	}
	return count;
}

#define DEFINE_LOOP(give)						\
	static unsigned long loop_ ## give(double end)			\
	{								\
		return give_until(end, give);				\
	}

DEFINE_LOOP(give_array)
DEFINE_LOOP(give_four)
DEFINE_LOOP(give_free_rcu)
DEFINE_LOOP(give_by_hand)
#ifdef GIVING_CK
DEFINE_LOOP(give_ck)
#endif

static const struct way {
	const char *name;
	unsigned long (*loop)(double end);	/* returns how many */
	void (*empty)(void);
} ways[] = {
	{ "free, in arrays", loop_give_array, empty_kept },
	{ "free, four at a time", loop_give_four, empty_kept },
	{ "free_rcu", loop_give_free_rcu, empty_free_rcu },
	{ "epochs by hand", loop_give_by_hand, empty_by_hand },
#ifdef GIVING_CK
	{ "ck_epoch_call", loop_give_ck, empty_ck },
#endif
};

#define OURS 2
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static pthread_barrier_t together;		/* the producers, before each turn */
static double rates[PRODUCERS][WAYS][TURNS];

static double rate_of(size_t way)
{
	double time = -bench_now(), count = (double)ways[way].loop(bench_now() + 3 * bench_length);

	ways[way].empty();
	return count / (time + bench_now()) * 1e3;
}

static void take_turns(struct bench_group *group, unsigned long number)
{
	(void)group;
	own = &owns[number];
#ifdef GIVING_CK
	record = &records[number];
#endif
	bench_offline();
	for (int turn = 0; turn < TURNS; turn++)
		for (size_t way = 0; way < WAYS; way++) {
			pthread_barrier_wait(&together);
			rates[number][way][turn] = rate_of(way);
		}
	bench_online();
}

/* ---- What comes of it ---- */

static int by_size(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;

	return (difference > 0) - (difference < 0);
}

static double median(double *values)
{
	qsort(values, TURNS, sizeof(*values), by_size);
	return values[TURNS / 2];
}

static double rate_of_all(unsigned long producers, size_t way, int turn)
{
	double sum = 0;

	for (unsigned long i = 0; i < producers; i++)
		sum += rates[i][way][turn];
	return sum;
}

static void print_way(unsigned long producers, const char *parameter, size_t way)
{
	double all[TURNS], parts[TURNS];
	char what[80];

	for (int turn = 0; turn < TURNS; turn++) {
		all[turn] = rate_of_all(producers, way, turn);
		parts[turn] = 100 * all[turn] / rate_of_all(producers, 0, turn);
	}
	snprintf(what, sizeof(what), "malloc + %s", ways[way].name);
	bench_print(what, parameter, median(all), "M/s");
	if (way != OURS)
		return;
	snprintf(what, sizeof(what), "part of the floor, %s", ways[way].name);
	bench_print(what, parameter, median(parts), "%");
}

static void measure(unsigned long producers, size_t bytes)
{
	static struct bench_group group;
	char parameter[80];

	size = bytes;
	pthread_barrier_init(&together, NULL, (unsigned int)producers);
	bench_start_group(&group, producers, take_turns);
	bench_stop_group(&group);
	pthread_barrier_destroy(&together);
	snprintf(parameter, sizeof(parameter), "%s, %zu bytes", bench_of(producers, "producer"), bytes);
	for (size_t way = 0; way < WAYS; way++)
		print_way(producers, parameter, way);
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 24, 200 };

	bench_start(argc, argv);
	/* An array of large blocks that is empty would go back to the kernel, and the floor be the kernel's. */
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	bench_register();
#ifdef GIVING_CK
	ck_epoch_init(&epoch);
	for (int i = 0; i < PRODUCERS; i++)
		ck_epoch_register(&epoch, &records[i], NULL);
#endif
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (unsigned long producers = 1; producers <= PRODUCERS; producers++)
			measure(producers, sizes[i]);
	rcu_unregister_thread();
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
