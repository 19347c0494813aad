/* SPDX-License-Identifier: MIT */
/*
 * A process that lies: it has a block as the library's (quiesce/observed.h), and what stands there is wrong in the way
 * that its argument says. Says "ready" and waits to be killed.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <quiesce/observed.h>

/* Under the name of the library's, which is constant. */
struct quiesce_observed observed __asm__("quiesce_observed_memb");

static unsigned long sequence = 7, gp_ctr = 3UL << 32 | 1, since = 1, words[64], many = ~0UL;
static const void *array[8];
static const void *const *readers = array;
static struct reader {
	unsigned long ctr;
	void *next, *prev;
	unsigned long thread;
} reader;
static struct queue {
	unsigned long words[8];
	void *next, *prev;
	int state;
	unsigned long wakeups;
} queue;
static struct stash {
	void *next;
	unsigned long given, freed, bytes;
} stash;
static void *stash_list, *made[2], *beyond[2];

/* One that is right, of a process in which nothing ever happened. */
static void be_honest(struct quiesce_observed *block)
{
	*block = (struct quiesce_observed) {
		.magic = QUIESCE_OBSERVED_MAGIC, .version = QUIESCE_OBSERVED_VERSION, .size = sizeof(*block),
		.flavor = "memb", .sequence = &sequence, .gp_ctr = &gp_ctr, .since = &since,
		.leader = (const void *const *)words, .merged = words, .latency = words, .latencies = 48,
		.readers = &readers, .registered = words, .reader_count = words, .reader_awaited = words,
		.reader_beyond = beyond, .reader_size = sizeof(reader),
		.reader_node = offsetof(struct reader, next), .reader_thread = offsetof(struct reader, thread),
		.queue_standard = &queue, .queue_deferred = &queue, .queue_made = made, .queue_size = sizeof(queue),
		.queue_node = offsetof(struct queue, next), .queue_worker = offsetof(struct queue, state),
		.worker_size = 16, .worker_wakeups = 8, .queue_gone = words, .stash_shared = &stash,
		.stash_list = (const void *const *)&stash_list, .stash_given = offsetof(struct stash, given),
		.stash_freed = offsetof(struct stash, freed), .stash_bytes = offsetof(struct stash, bytes),
		.forks = words, .fork_owner = (const void *const *)words, .reports = words, .stalls = words,
	};
	made[0] = made[1] = made;
	beyond[0] = beyond[1] = beyond;
}

/* Lists that never come back to their heads. */
static void go_in_circles(const char *which)
{
	if (!strcmp(which, "workers"))
		made[0] = &queue.next;
	queue.next = &queue.next;
	if (!strcmp(which, "beyond"))
		beyond[0] = &reader.next;
	reader.next = &reader.next;
	reader.ctr = 2UL << 32 | 5;
	if (!strcmp(which, "stashes"))
		stash_list = &stash;
	stash.next = &stash;
}

/* Addresses of nothing, of the kernel, and of the end of the world. */
static void point_nowhere(struct quiesce_observed *block)
{
	block->sequence = (void *)8;
	block->readers = (void *)~0UL;
	block->queue_standard = (void *)(1UL << 63);
	block->stash_shared = (void *)(~0UL - 7);
	block->forks = (void *)4096;
}

int main(int argc, char **argv)
{
	struct quiesce_observed *block = &observed;
	const char *lie = argc > 1 ? argv[1] : "none";

	be_honest(block);
	if (!strcmp(lie, "magic"))
		block->magic[0] = 'Q';
	else if (!strcmp(lie, "version"))
		block->version = 99;
	else if (!strcmp(lie, "size"))
		block->size = 16;
	else if (!strcmp(lie, "offset"))
		block->reader_ctr = ~0U;
	else if (!strcmp(lie, "place"))
		block->queue_worker = block->queue_size - 4;
	else if (!strcmp(lie, "workers") || !strcmp(lie, "beyond") || !strcmp(lie, "stashes"))
		go_in_circles(lie);
	else if (!strcmp(lie, "many"))
		block->reader_count = block->reader_awaited = block->registered = &many;
	else if (!strcmp(lie, "nowhere"))
		point_nowhere(block);
	else if (!strcmp(lie, "latencies"))
		block->latencies = ~0UL;
	else if (!strcmp(lie, "name"))
		prctl(PR_SET_NAME, "a\033[31m\"b\\\n");
	else if (strcmp(lie, "none") != 0)
		return 2;
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
