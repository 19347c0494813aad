/* SPDX-License-Identifier: MIT */
/*
 * What a block leads to, at one moment. The process goes on meanwhile: what it frees under our hands cannot be read,
 * or has other things in it, and is left out. The block's offsets were looked at by find.c.
 */
#include <stdio.h>
#include <string.h>

#include "top.h"

#define READERS_MAX	4096
#define QUEUES_MAX	1024
#define STASHES_MAX	4096
#define QUEUE_SIZE_MAX	4096

static void note(struct sample *sample, const char *what)
{
	if (!sample->wrong[0])
		snprintf(sample->wrong, sizeof(sample->wrong), "%s", what);
}

static unsigned long half(unsigned long ctr)
{
	return ctr >> 4 * sizeof(ctr);
}

static unsigned long depth_of(unsigned long ctr)
{
	return ctr & ((1UL << 4 * sizeof(ctr)) - 1);
}

/* ---- Grace periods ---- */

/* Since when the leader waits is in milliseconds, as a word that comes around. */
static void sample_age(struct process *process, const struct quiesce_observed *block, struct sample *sample)
{
	unsigned long since, age;

	sample->age = -1;
	if (!top_read_word(process, block->since, &since) || !since)
		return;
	age = (unsigned long)(uint64_t)(top_now() * 1000) - since;
	/* The lowest bit is set, and may be ahead of the clock. */
	sample->age = (long)age > 0 ? (double)age / 1000 : 0;
}

static void sample_grace(struct process *process, const struct quiesce_observed *block, struct sample *sample)
{
	unsigned long sequence, waited = 0, count = block->latencies, self;

	if (count > TOP_LATENCIES)
		count = TOP_LATENCIES;
	if (count < 2 || !top_read(process, (uintptr_t)block->latency, sample->latency, count * sizeof(long)) ||
	    !top_read_word(process, block->sequence, &sequence)) {
		note(sample, "grace periods cannot be read");
		return;
	}
	top_read_word(process, block->merged, &sample->merged);
	sample->grace_periods = sequence / 2;
	sample->under_way = sequence & 1;
	for (unsigned long i = 1; i < count; i++)
		waited += sample->latency[i];
	sample->latency[0] = sample->grace_periods > waited ? sample->grace_periods - waited : 0;
	sample_age(process, block, sample);
	if (sample->age >= 0 && top_read_word(process, block->leader, &self))
		top_thread(process, self, &sample->leader);
}

/* ---- Readers ---- */

static void sample_reader(struct process *process, const struct quiesce_observed *block, uintptr_t reader,
		unsigned long gp_ctr, bool is_awaited, struct sample *sample)
{
	unsigned long ctr, self;
	struct reader_seen *seen;

	if (!top_read(process, reader + block->reader_ctr, &ctr, sizeof(ctr)))
		return;
	sample->looked_at++;
	if (!depth_of(ctr))
		return;
	sample->inside++;
	if (!is_awaited || half(ctr) == half(gp_ctr))
		return;
	sample->awaited_count++;
	if (sample->awaited_shown == TOP_AWAITED)
		return;
	seen = &sample->awaited[sample->awaited_shown++];
	seen->depth = block->announces ? 0 : depth_of(ctr);
	self = 0;
	top_read(process, reader + block->reader_thread, &self, sizeof(self));
	top_thread(process, self, &seen->thread);
}

/* Those that found no room in the array. */
static void sample_beyond(struct process *process, const struct quiesce_observed *block, unsigned long gp_ctr,
		struct sample *sample)
{
	unsigned long head = (unsigned long)block->reader_beyond, node;
	int i;

	top_read_word(process, block->reader_beyond, &node);
	for (i = 0; node && node != head && i < READERS_MAX; i++) {
		sample_reader(process, block, node - block->reader_node, gp_ctr, sample->under_way, sample);
		if (!top_read(process, node, &node, sizeof(node)))
			return;
	}
	if (i == READERS_MAX)
		note(sample, "the list of readers has no end");
}

static void sample_readers(struct process *process, const struct quiesce_observed *block, struct sample *sample)
{
	unsigned long array, count, awaited, gp_ctr;
	static unsigned long readers[READERS_MAX];

	if (!top_read_word(process, block->registered, &sample->registered) ||
	    !top_read_word(process, block->reader_count, &count) ||
	    !top_read_word(process, block->reader_awaited, &awaited) ||
	    !top_read_word(process, block->gp_ctr, &gp_ctr) ||
	    !top_read_word(process, block->readers, &array)) {
		note(sample, "readers cannot be read");
		return;
	}
	if (count > READERS_MAX) {
		note(sample, "only the first 4096 readers are looked at");
		count = READERS_MAX;
	}
	/* It has moved to another place: there is a next time. */
	if (count && !top_read(process, array, readers, count * sizeof(long))) {
		note(sample, "the array of readers cannot be read");
		return;
	}
	for (unsigned long i = 0; i < count; i++)
		sample_reader(process, block, readers[i], gp_ctr, sample->under_way && i < awaited, sample);
	sample_beyond(process, block, gp_ctr, sample);
}

/* ---- Queues and workers ---- */

static unsigned long word_at(const char *bytes, unsigned int offset)
{
	unsigned long word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

/* What is in newest is counted only while something is. */
static void sample_queue(const struct quiesce_observed *block, const char *queue, struct sample *sample)
{
	const char *worker = queue + block->queue_worker;
	unsigned long pushed = word_at(queue, block->queue_pushed) - word_at(queue, block->queue_seen);
	unsigned long waits = word_at(queue, block->queue_held);
	int state;

	if (word_at(queue, block->queue_newest) && (long)pushed > 0)
		waits += pushed;
	memcpy(&state, worker + block->worker_state, sizeof(state));
	sample->backlog += waits;
	sample->run += word_at(queue, block->queue_ran);
	sample->batches += word_at(queue, block->queue_batches);
	sample->most += word_at(queue, block->queue_most);
	sample->wakeups += word_at(worker, block->worker_wakeups);
	sample->queues++;
	sample->workers += (state & (QUIESCE_WORKER_THREAD | QUIESCE_WORKER_GUEST)) == QUIESCE_WORKER_THREAD;
}

static bool read_queue(struct process *process, const struct quiesce_observed *block, uintptr_t at,
		struct sample *sample, unsigned long *next)
{
	static char queue[QUEUE_SIZE_MAX];

	if (block->queue_size > sizeof(queue) || !top_read(process, at, queue, block->queue_size))
		return false;
	sample_queue(block, queue, sample);
	*next = word_at(queue, block->queue_node);
	return true;
}

static void sample_queues(struct process *process, const struct quiesce_observed *block, struct sample *sample)
{
	unsigned long head = (unsigned long)block->queue_made, node, gone[4], unused;
	int i;

	if (!read_queue(process, block, (uintptr_t)block->queue_standard, sample, &unused) ||
	    !top_read_word(process, block->queue_made, &node)) {
		note(sample, "queues cannot be read");
		return;
	}
	for (i = 0; node != head && i < QUEUES_MAX; i++)
		if (!read_queue(process, block, node - block->queue_node, sample, &node))
			break;
	if (node != head)
		note(sample, i == QUEUES_MAX ? "the list of workers has no end" : "a worker cannot be read");
	if (!top_read(process, (uintptr_t)block->queue_gone, gone, sizeof(gone)))
		return;
	sample->run += gone[0];
	sample->batches += gone[1];
	sample->most += gone[2];
	sample->wakeups += gone[3];
}

/* ---- What waits to be freed ---- */

static bool sample_stash(struct process *process, const struct quiesce_observed *block, uintptr_t stash,
		struct sample *sample)
{
	unsigned long given, freed, bytes;

	/* Freed is read first, so that it is never ahead. */
	if (!top_read(process, stash + block->stash_freed, &freed, sizeof(freed)) ||
	    !top_read(process, stash + block->stash_given, &given, sizeof(given)) ||
	    !top_read(process, stash + block->stash_bytes, &bytes, sizeof(bytes)))
		return false;
	sample->given += given;
	sample->freed += freed;
	if ((long)(given - freed) > 0)
		sample->bytes += (given - freed) * bytes;
	return true;
}

static void sample_stashes(struct process *process, const struct quiesce_observed *block, struct sample *sample)
{
	unsigned long stash;
	int i;

	if (!sample_stash(process, block, (uintptr_t)block->stash_shared, sample) ||
	    !top_read_word(process, block->stash_list, &stash)) {
		note(sample, "what waits to be freed cannot be read");
		return;
	}
	for (i = 0; stash && i < STASHES_MAX; i++)
		if (!sample_stash(process, block, stash, sample) ||
		    !top_read(process, stash + block->stash_next, &stash, sizeof(stash)))
			break;
	if (stash)
		note(sample, i == STASHES_MAX ? "the list of stashes has no end" : "a stash cannot be read");
}

void top_sample(struct process *process, const struct flavor_seen *flavor, struct sample *sample)
{
	const struct quiesce_observed *block = &flavor->block;
	unsigned long owner;

	*sample = (struct sample) { .when = top_now(), .age = -1, .leader.state = '?' };
	process->budget = TOP_READS;
	sample_grace(process, block, sample);
	sample_readers(process, block, sample);
	sample_queues(process, block, sample);
	sample_stashes(process, block, sample);
	top_read_word(process, block->forks, &sample->forks);
	top_read_word(process, block->reports, &sample->reports);
	top_read_word(process, block->stalls, &sample->stalls);
	sample->forking = top_read_word(process, block->fork_owner, &owner) && owner;
	if (!process->budget)
		note(sample, "there is more than is looked at in one round");
}
