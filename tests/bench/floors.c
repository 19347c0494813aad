/* SPDX-License-Identifier: MIT */
/* What the machine itself charges for the steps that no library can avoid. */
#define BENCH_RWLOCK
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench.h"

static struct bench_group group;
static __thread volatile unsigned long own;
static volatile unsigned long shared = 1;

/* The least a section can be: is this the outermost one, copy a number, clear it. */
static void section(void)
{
	if (!(own & 0xffffffff))
		own = shared;
	own = own - 1;
}

/*
 * The same through calls: in an executable, which has its thread-local word at hand; and in a shared object, which is
 * called through its table and has to call for the address of that word.
 */
__attribute__((noinline)) void begin(void)
{
	if (!(own & 0xffffffff))
		own = shared;
}

__attribute__((noinline)) void end(void)
{
	own = own - 1;
}

static int membarrier(int command)
{
	return (int)syscall(__NR_membarrier, command, 0, 0);
}

static void spin(struct bench_group *group, unsigned long number)
{
	bench_bind((int)number + 1);
	group->done[0] = 1;
	while (!bench_stopped(group))
		continue;
}

static void membarriers(void)
{
	if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0)
		return;
	BENCH_COST("membarrier", "alone", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	bench_start_group(&group, 1, spin);
	bench_await_group(&group);
	BENCH_WAIT("membarrier", "a busy sibling", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	bench_stop_group(&group);
}

/* ---- Two threads that wake each other ---- */

static int ping, pong, echo_cpu;

static void send(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Returns what came. */
static int receive(int *word)
{
	int value;

	while (!(value = __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST)))
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return value;
}

static void echo(struct bench_group *group, unsigned long number)
{
	(void)group;
	(void)number;
	bench_bind(echo_cpu);
	while (receive(&ping) == 1)
		send(&pong, 1);
}

static void round_trips(const char *where, int cpu)
{
	echo_cpu = cpu;
	bench_start_group(&group, 1, echo);
	BENCH_WAIT("futex round trip", where, send(&ping, 1); receive(&pong));
	send(&ping, 2);
	bench_stop_group(&group);
}

/* ---- Processes and memory ---- */

static void fork_once(void)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		exit(1);
}

#define BATCH 1000
static void *batch[BATCH];

static void free_in_batches(void)
{
	for (int i = 0; i < BATCH; i++)
		batch[i] = malloc(32);
	for (int i = 0; i < BATCH; i++)
		free(batch[i]);
}

static void free_on(struct bench_group *group, unsigned long number)
{
	void *mine[4096];

	while (!bench_stopped(group)) {
		for (int i = 0; i < 4096; i++)
			mine[i] = malloc(32);
		for (int i = 0; i < 4096; i++)
			free(mine[i]);
		group->done[number] += 4096;
	}
}

static void free_in_threads(unsigned long threads)
{
	double time = -bench_now(), count;

	bench_start_group(&group, threads, free_on);
	bench_nap(5 * bench_length);
	count = (double)bench_stop_group(&group);
	time += bench_now();
	bench_print("malloc + free, in batches", bench_of(threads, "thread"), count / time * 1e3,
		    "M/s");
}

/*
 * One thread frees what others allocate, handed over in full arrays: what a worker that frees in order for
 * so many producers cannot be faster than, unless it has its allocator to itself for a while.
 */
#define SHELF 64

static struct shelf {
	void *arrays[SHELF][BATCH];
	unsigned long filled, emptied;	/* arrays; each by its side alone, atomically */
} shelves[2];

static unsigned long producers;

static void fill(struct bench_group *group, struct shelf *shelf)
{
	while (!bench_stopped(group)) {
		void **array = shelf->arrays[shelf->filled % SHELF];

		if (shelf->filled - __atomic_load_n(&shelf->emptied, __ATOMIC_ACQUIRE) == SHELF)
			continue;
		for (int i = 0; i < BATCH; i++)
			array[i] = malloc(24);		/* as flood.c */
		__atomic_store_n(&shelf->filled, shelf->filled + 1, __ATOMIC_RELEASE);
	}
}

static bool empty(struct shelf *shelf)
{
	void **array = shelf->arrays[shelf->emptied % SHELF];

	if (__atomic_load_n(&shelf->filled, __ATOMIC_ACQUIRE) == shelf->emptied)
		return false;
	for (int i = 0; i < BATCH; i++)
		free(array[i]);
	__atomic_store_n(&shelf->emptied, shelf->emptied + 1, __ATOMIC_RELEASE);
	return true;
}

static void hand_over(struct bench_group *group, unsigned long number)
{
	if (number) {
		fill(group, &shelves[number - 1]);
		return;
	}
	while (!bench_stopped(group))
		for (unsigned long i = 0; i < producers; i++)
			group->done[0] += empty(&shelves[i]) ? BATCH : 0;
}

static void free_for_others(unsigned long count)
{
	double time = -bench_now(), freed;

	producers = count;
	bench_start_group(&group, count + 1, hand_over);
	bench_nap(5 * bench_length);
	freed = (double)bench_stop_group(&group);
	time += bench_now();
	for (unsigned long i = 0; i < count; i++)
		while (empty(&shelves[i]))
			continue;
	bench_print("malloc, free in arrays by one other thread", bench_of(count, "producer"),
		    freed / time * 1e3, "M/s");
}

/* ---- Cache lines ---- */

#define LINES 1000

static void read_lines(const char (*lines)[256])
{
	for (int i = 0; i < LINES; i++)
		(void)*(const volatile char *)lines[i];
}

static void cache_lines(void)
{
	char (*lines)[256] = malloc(LINES * sizeof(*lines));

	memset(lines, 1, LINES * sizeof(*lines));
	BENCH_COST("1000 cache lines", "read, each in its own 256 bytes", read_lines(lines));
	free(lines);
}

/*
 * The same for lines that lie like threads' own data: each in a mapping of a stack's size, at the same
 * place in its page, so that all share a few sets of a cache.
 */
static void stack_lines(void)
{
	static const volatile char *lines[LINES];
	const size_t size = (8UL << 20) + 4096;
	char *stacks = mmap(NULL, LINES * size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (stacks == MAP_FAILED)
		return;
	for (int i = 0; i < LINES; i++) {
		stacks[i * size + 1792] = 1;
		lines[i] = &stacks[i * size + 1792];
	}
	BENCH_COST("1000 cache lines", "read, each in its own stack", {
		for (int i = 0; i < LINES; i++)
			(void)*lines[i];
	});
	munmap(stacks, LINES * size);
}

/*
 * And for words of threads that sleep, thread-local as a reader's is: what a scan of readers cannot be faster than, in the
 * order in which they came; and behind a membarrier, which is no longer alone.
 */
static const volatile unsigned long *words[LINES];

static void show_word(struct bench_group *group, unsigned long number)
{
	words[number] = &own;
	bench_idle(group);
}

static void read_words(void)
{
	for (int i = 0; i < LINES; i++)
		(void)*words[i];
}

static void idle_threads(void)
{
	bench_start_group(&group, LINES, show_word);
	bench_await_idle(&group);
	BENCH_WAIT("1000 words of idle threads", "read", read_words());
	BENCH_WAIT("membarrier", "1000 idle threads", membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	BENCH_WAIT("1000 words of idle threads", "a membarrier, and read",
		   membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); read_words());
	bench_stop_group(&group);
}

/* One step along a ring of words that no cache foresees: each waits for the one before. */
static void miss_in(const char *name, unsigned long bytes)
{
	unsigned long count = bytes / sizeof(unsigned long), *ring = malloc(bytes);
	volatile unsigned long at = 0;

	for (unsigned long i = 0; i < count; i++)
		ring[i] = (i * 0x9e3779b97f4a7c15UL + 0x7f4a7c15UL) & (count - 1);
	BENCH_COST("one miss that waits for the last", name, at = ring[at]);
	free(ring);
}

int main(int argc, char **argv)
{
	static unsigned long word;

	bench_start(argc, argv);
	bench_bind(0);
	if (argc > 2) {
		BENCH_COST("read section", "through two calls of a shared object", begin(); end());
		return 0;
	}
	BENCH_COST("read section", "thread-local test, copy, store", section());
	BENCH_COST("read section", "through two calls", begin(); end());
	BENCH_COST("atomic exchange", "own line", __atomic_exchange_n(&word, 1, __ATOMIC_SEQ_CST));
	BENCH_COST("malloc + free", "at once", void *volatile p = malloc(32); free(p));
	BENCH_COST("1000 malloc + free", "in batches, same thread", free_in_batches());
	free_in_threads(1);
	free_in_threads(2);
	free_for_others(1);
	free_for_others(2);
	cache_lines();
	stack_lines();
	miss_in("32 MB", 32UL << 20);
	if (bench_long)
		miss_in("512 MB", 512UL << 20);
	membarriers();
	idle_threads();
	round_trips("one core", 0);
	round_trips("across cores", 1);
	BENCH_WAIT("fork + wait", "bare", fork_once());
	return 0;
}
