/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * urcu-top: RCU in another process, seen from outside: its memory is read, and nothing of it is asked or stopped.
 *
 *	process.c	a process: its memory and its threads
 *	find.c		the blocks in it, by the symbols of its files
 *	sample.c	what a block leads to, at one moment
 *	words.c		numbers, times and names as people read them
 *	print.c		samples as text and as JSON
 *	screen.c	samples as a live table
 *	main.c		the command
 *
 * Nothing that is read is believed: what leads nowhere, has no end or does not fit ends in a message. Each round of
 * reading has a budget.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <quiesce/observed.h>

/* What the command ends with. */
enum status {
	TOP_SHOWN	= 0,
	TOP_FAILED	= 1,	/* something of our own */
	TOP_USAGE	= 2,
	TOP_GONE	= 3,	/* there is no such process, or it has ended */
	TOP_DENIED	= 4,	/* the kernel lets us not look */
	TOP_NONE	= 5,	/* the process has no RCU of ours, nor liburcu */
	TOP_FOREIGN	= 6,	/* it has a liburcu that is not Quiesce's */
	TOP_UNKNOWN	= 7,	/* it has ours, but of another version or word size, or it is damaged */
};

/* ---- A process: process.c ---- */

#define TOP_READS	20000	/* of memory, in a round */

struct process {
	pid_t pid;
	int directory, memory;		/* /proc/PID, and mem in there: they stay this process's own */
	char command[64];
	unsigned int budget;		/* reads that are left in this round */
	unsigned long tid_offset;	/* of a thread's id, from its pthread_self; 0: not known */
	char wrong[256];		/* why a function has failed */
};

/* Say why, and return status. */
enum status top_fail(struct process *process, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* For what the kernel refuses: errno says why. */
enum status top_refused(struct process *process, const char *what);

enum status top_open(struct process *process, pid_t pid);
void top_close(struct process *process);
bool top_is_alive(const struct process *process);

/* Read from its memory. False: there is nothing, or the budget is used up. */
bool top_read(struct process *process, uintptr_t address, void *buffer, size_t size);
bool top_read_word(struct process *process, const void *address, unsigned long *word);

struct thread_seen {
	pid_t id;			/* as we see it; 0: not known */
	char name[32];
	char state;			/* as in proc(5); '?': not known */
	char channel[48];		/* what it waits for in the kernel; empty: not known */
};

/* Of a pthread_self. */
void top_thread(struct process *process, unsigned long self, struct thread_seen *seen);

/* ---- The blocks in it: find.c ---- */

#define TOP_FLAVORS	16

struct flavor_seen {
	const char *name;		/* constant: by the symbol */
	char file[256];
	uintptr_t address;
	struct quiesce_observed block;
};

/* Find up to TOP_FLAVORS, at least one if it returns TOP_SHOWN. */
enum status top_find(struct process *process, struct flavor_seen *flavors, unsigned int *count);

/* ---- At one moment: sample.c ---- */

#define TOP_LATENCIES	64
#define TOP_AWAITED	8	/* readers that are told of one by one */

struct reader_seen {
	unsigned long depth;		/* of sections; qsbr: not 0: online */
	struct thread_seen thread;
};

struct sample {
	double when;			/* CLOCK_MONOTONIC, seconds */
	unsigned long grace_periods, merged;
	bool under_way;
	double age;			/* of the one under way, since it waits for readers, seconds; negative: not known */
	unsigned long latency[TOP_LATENCIES];
	unsigned long registered, looked_at, inside, awaited_count;
	struct reader_seen awaited[TOP_AWAITED];
	unsigned int awaited_shown;
	struct thread_seen leader;
	unsigned long run, backlog, most, batches, wakeups;
	unsigned long queues, workers;	/* made ones and the standard one; how many have a thread */
	unsigned long given, freed, bytes;
	unsigned long forks, reports, stalls;
	bool forking;			/* a thread is between the fork hooks */
	char wrong[128];		/* what could not be read; empty: all was */
};

void top_sample(struct process *process, const struct flavor_seen *flavor, struct sample *sample);

/* ---- As people read it: words.c ---- */

double top_now(void);

/* All of these write at most size bytes, and end them; they return text. */
char *top_seconds(char *text, size_t size, double seconds);
char *top_number(char *text, size_t size, double number);

/* What comes from a process may have anything in it: let no control character through. */
void top_clean(char *text);

/* Growth from one count to the next, a second; 0 where it went back. */
double top_rate(unsigned long before, unsigned long now, double seconds);

/*
 * Of the grace periods between two samples (before may be NULL: of all): how long at most the given part of them, 0
 * to 1, waited for readers, in seconds, to the next power of two. Negative: there were none.
 */
double top_latency(const struct sample *before, const struct sample *now, double part);

/* "sleeps (futex_wait_queue)" */
char *top_doing(char *text, size_t size, const struct thread_seen *thread);

/* ---- Out: print.c, screen.c ---- */

struct view {
	struct process *process;
	struct flavor_seen flavors[TOP_FLAVORS];
	unsigned int count;
	struct sample now[TOP_FLAVORS], before[TOP_FLAVORS];
	bool has_before;
};

/* Look once more, also for what was loaded or unloaded meanwhile. */
enum status top_look(struct view *view);

void top_print_text(const struct view *view);
void top_print_json(const struct view *view);

/* Until the user has seen enough, or the process ends. */
enum status top_watch(struct view *view, double interval);
