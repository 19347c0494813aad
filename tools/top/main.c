/* SPDX-License-Identifier: MIT */
/* The command. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <quiesce/version.h>

#include "top.h"

/* Looks from one search for blocks to the next: a library may be loaded later. */
#define SEARCH_EVERY 8

static const char usage[] =
"usage: urcu-top [-1] [--json] [-d SECONDS] [-n COUNT] PID\n"
"\n"
"Shows RCU in a running process that uses Quiesce's liburcu: grace periods, the readers that hold\n"
"them up, callbacks that wait, and workers, for each flavor. It reads the process's memory: the\n"
"process is not stopped, gets no signal and does not notice.\n"
"\n"
"  -1, --once           print what there is, and end\n"
"  -j, --json           print JSON, one line for each look; with -1 a single line\n"
"  -d, --delay SECONDS  time from one look to the next (default 1, at least 0.05)\n"
"  -n, --count COUNT    end after so many looks\n"
"  -h, --help           this text\n"
"  -V, --version        which version this is\n"
"\n"
"In the live table: q ends it, p holds it, + and - change the delay. Where the output is no terminal\n"
"it prints text in place of the table.\n"
"\n"
"Latencies are how long grace periods waited for readers, to the next power of two. In qsbr a reader\n"
"that is online counts as in a section. -1 and JSON show counts since the process began.\n"
"\n"
"It needs the rights to trace the process: those of its user, root, or CAP_SYS_PTRACE; processes in\n"
"containers can be looked at from outside.\n"
"\n"
"Exit status:\n"
"  0  shown          3  there is no such process, or it has ended\n"
"  1  other failure  4  the kernel does not permit to look\n"
"  2  wrong usage    5  the process has no liburcu\n"
"                    6  it has a liburcu that is not Quiesce's\n"
"                    7  Quiesce's, but of a version or word size that urcu-top does not know, or damaged\n"
"\n"
"Example: urcu-top --json -1 $(pidof knotd) | jq '.flavors[].readers.held_up_by'\n";

struct options {
	bool once, json;
	double delay;
	long count;
	pid_t pid;
};

static int misused(const char *why)
{
	fprintf(stderr, "urcu-top: %s\nurcu-top --help tells how it is used.\n", why);
	return TOP_USAGE;
}

/* A number and nothing else, from lowest to highest. */
static bool parse(const char *text, double lowest, double highest, double *number)
{
	char *end;

	errno = 0;
	*number = strtod(text, &end);
	return end != text && !*end && !errno && *number >= lowest && *number <= highest;
}

/* -1: go on; else the status to end with. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "once", no_argument, NULL, '1' }, { "json", no_argument, NULL, 'j' },
		{ "delay", required_argument, NULL, 'd' }, { "count", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	double number;
	int option;

	*options = (struct options) { .delay = 1 };
	while ((option = getopt_long(argc, argv, "1jd:n:hV", longs, NULL)) != -1) {
		switch (option) {
		case '1': options->once = true; break;
		case 'j': options->json = true; break;
		case 'd':
			if (!parse(optarg, 0.05, 3600, &options->delay))
				return misused("a delay is 0.05 to 3600 seconds");
			break;
		case 'n':
			if (!parse(optarg, 1, 1e9, &number))
				return misused("a count is 1 or more");
			options->count = (long)number;
			break;
		case 'h': fputs(usage, stdout); return TOP_SHOWN;
		case 'V':
			printf("urcu-top (Quiesce) %d.%d.%d\n", QUIESCE_VERSION_MAJOR, QUIESCE_VERSION_MINOR,
			       QUIESCE_VERSION_PATCH);
			return TOP_SHOWN;
		default: return misused("there is no such option");
		}
	}
	if (optind + 1 != argc || !parse(argv[optind], 1, INT_MAX, &number) || number != (double)(pid_t)number)
		return misused(optind == argc ? "of which process? A PID is missing" : "a PID is one number");
	options->pid = (pid_t)number;
	return -1;
}

/* A flavor that was there keeps its sample from before. */
static enum status search(struct view *view)
{
	static struct flavor_seen found[TOP_FLAVORS];
	unsigned int count;
	enum status status;

	memset(found, 0, sizeof(found));
	status = top_find(view->process, found, &count);
	if (status != TOP_SHOWN)
		return status;
	if (count != view->count || memcmp(found, view->flavors, sizeof(found)) != 0) {
		memcpy(view->flavors, found, sizeof(found));
		view->count = count;
		view->has_before = false;
	}
	return status;
}

static bool is_whole(const struct view *view)
{
	for (unsigned int i = 0; i < view->count; i++)
		if (view->now[i].wrong[0])
			return false;
	return true;
}

static void sample_all(struct view *view)
{
	for (unsigned int i = 0; i < view->count; i++)
		top_sample(view->process, &view->flavors[i], &view->now[i]);
}

/* What could not be read may have been on its way to another place: once more. */
enum status top_look(struct view *view)
{
	static unsigned int looks;
	enum status status = TOP_SHOWN;

	if (!top_is_alive(view->process))
		return top_fail(view->process, TOP_GONE, "process %d has ended", (int)view->process->pid);
	memcpy(view->before, view->now, sizeof(view->now));
	view->has_before = view->count != 0;
	if (looks++ % SEARCH_EVERY == 0 || !view->count || !is_whole(view))
		status = search(view);
	if (status != TOP_SHOWN)
		return status;
	sample_all(view);
	if (!is_whole(view))
		sample_all(view);
	if (!top_is_alive(view->process))
		return top_fail(view->process, TOP_GONE, "process %d has ended", (int)view->process->pid);
	return TOP_SHOWN;
}

static void wait_for(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

static enum status print_looks(struct view *view, const struct options *options)
{
	enum status status = TOP_SHOWN;
	long count = options->once ? 1 : options->count;

	for (long i = 0; status == TOP_SHOWN && (!count || i < count) && !ferror(stdout); i++) {
		if (i)
			wait_for(options->delay);
		status = top_look(view);
		if (status == TOP_SHOWN && options->json)
			top_print_json(view);
		else if (status == TOP_SHOWN)
			top_print_text(view);
	}
	return status == TOP_SHOWN && ferror(stdout) ? top_fail(view->process, TOP_FAILED, "cannot print") : status;
}

int main(int argc, char **argv)
{
	static struct process process;
	static struct view view = { .process = &process };
	struct options options;
	enum status status;
	int end = read_options(argc, argv, &options);

	if (end >= 0)
		return end;
	setlocale(LC_CTYPE, "");
	status = top_open(&process, options.pid);
	if (status == TOP_SHOWN && (options.once || options.json || options.count || !isatty(STDOUT_FILENO)))
		status = print_looks(&view, &options);
	else if (status == TOP_SHOWN)
		status = top_watch(&view, options.delay);
	if (status != TOP_SHOWN)
		fprintf(stderr, "urcu-top: %s\n", process.wrong);
	top_close(&process);
	return status;
}
