/* SPDX-License-Identifier: MIT */
/* Which executions are looked at, and what is said of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "checker.h"
#include "sim.h"

#define CHOICES		20000
#define ADDRESSES	8192		/* a power of two */

/* Made from the list of scenarios. */
extern const struct {
	const char *name;
	void (*main)(void), (**fini)(void), (**fini_end)(void);
} ck_scenarios[];
extern char __start_ck_data[], __stop_ck_data[], __start_ck_bss[], __stop_ck_bss[];
/* The sections are there even if a scenario has nothing in them. */
char ck_some_data __attribute__((section("ck_data"))) = 1;
char ck_some_bss __attribute__((section("ck_bss")));

enum way {
	BY_SEARCH, BY_CHANCE, BY_PRIORITY, BY_RECORD
};

static struct { uint8_t kind, count, chosen; } choices[CHOICES];
static int choice_count, given;		/* given: so many are as they stand */
static enum way way;
static uint64_t number;			/* of the generator */
static unsigned int priorities[THREADS], changes[3], change_count, picks, picks_before = 100;
static unsigned int moments, moments_before = 100, next_moment;
static int limit[CHOICE_KINDS];		/* of each kind: how many choices may not be the first one */
static bool all_shared;
static struct {
	uintptr_t address;
	int thread;		/* who alone has used it; negative: it is shared */
	unsigned long since;	/* the execution that showed it, for which and before which it is not */
} addresses[ADDRESSES];
static unsigned int address_count, learned;
static unsigned long current;	/* execution; one that is run again keeps its number */
static char fault[800];
static unsigned long executions, cuts;
static char *saved_data, *saved_bss;
static void (*scenario)(void);
void (**ck_scenario_fini)(void), (**ck_scenario_fini_end)(void);

bool ck_tracing, ck_malloc_fails;
static bool brief;

/* ---- Choices ---- */

static unsigned int chance(unsigned int below)
{
	number ^= number << 13;
	number ^= number >> 7;
	number ^= number << 17;
	return (unsigned int)(number >> 11) % below;
}

static int record(enum choice_kind kind, int count, int chosen)
{
	if (choice_count == CHOICES)
		ck_cut();
	choices[choice_count].kind = (uint8_t)kind;
	choices[choice_count].count = (uint8_t)count;
	choices[choice_count++].chosen = (uint8_t)chosen;
	return chosen;
}

int ck_choose(enum choice_kind kind, int count)
{
	if (count < 2)
		return 0;
	if (choice_count < given) {
		int chosen = choices[choice_count].chosen;

		if (chosen >= count)
			ck_fail("the record is of another program: choice %d", choice_count);
		choices[choice_count].kind = (uint8_t)kind;
		choices[choice_count++].count = (uint8_t)count;
		return chosen;
	}
	if (way == BY_SEARCH || way == BY_RECORD)
		return record(kind, count, 0);
	if (kind == CHOOSE_FAIL)
		return record(kind, count, !chance(4));
	if (kind == CHOOSE_SWITCH)
		return record(kind, count, chance(4) ? 0 : (int)chance((unsigned int)count));
	return record(kind, count, (int)chance((unsigned int)count));
}

/* PCT: the thread of the highest priority, which it loses at a few places that are chosen beforehand. */
int ck_choose_thread(enum choice_kind kind, const int *options, int count)
{
	int best = 0;

	if (count > 1)
		picks++;
	if (way != BY_PRIORITY || count < 2 || choice_count < given)
		return ck_choose(kind, count);
	for (unsigned int i = 0; i < change_count; i++)
		if (changes[i] == picks)
			priorities[options[0]] = i;
	for (int i = 1; i < count; i++)
		if (priorities[options[i]] > priorities[options[best]])
			best = i;
	return record(kind, count, best);
}

/* By seed each moment is as likely as any other; by search one after the other is tried, the last ones first. */
bool ck_choose_moment(void)
{
	bool now = ++moments == next_moment;

	if (choice_count < given || way == BY_SEARCH || way == BY_RECORD)
		return ck_choose(CHOOSE_MOMENT, 2);
	if (now)
		next_moment = moments + 1 + chance(moments_before + 1);
	return record(CHOOSE_MOMENT, 2, now);
}

static void seed(uint64_t from)
{
	number = from * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (int i = 0; i < 4; i++)
		chance(2);
	way = from % 2 ? BY_PRIORITY : BY_CHANCE;
	change_count = 1 + chance(3);
	for (int i = 0; i < THREADS; i++)
		priorities[i] = 10 + chance(1000);
	for (unsigned int i = 0; i < change_count; i++)
		changes[i] = 1 + chance(picks_before + 1);
	next_moment = 1 + chance(moments_before + moments_before / 4 + 1);
}

/* ---- Shared locations ---- */

/*
 * A step on what one thread alone uses is none that another could come before. That is learned: a search
 * in which a location turned out to be shared begins again.
 */
bool ck_is_shared(uintptr_t address)
{
	size_t i = (address >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 51;

	if (all_shared)
		return true;
	while (addresses[i].address && addresses[i].address != address)
		i = (i + 1) % ADDRESSES;
	if (!addresses[i].address) {
		if (++address_count > ADDRESSES / 2)
			all_shared = true;
		addresses[i].address = address;
		addresses[i].thread = ck_self->number;
	}
	if (addresses[i].thread != ck_self->number && addresses[i].thread >= 0) {
		addresses[i].thread = -1;
		addresses[i].since = current;
		learned++;
	}
	return addresses[i].thread < 0 && addresses[i].since < current;
}

/* ---- One execution ---- */

void ck_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fault, sizeof(fault), format, arguments);
	va_end(arguments);
	if (!ck_self) {
		printf("# before the first execution: %s\n", fault);
		exit(2);
	}
	ck_finish();
}

void ck_cut(void)
{
	cuts++;
	ck_finish();
}

static void execute(void)
{
	memcpy(__start_ck_data, saved_data, (size_t)(__stop_ck_data - __start_ck_data));
	memcpy(__start_ck_bss, saved_bss, (size_t)(__stop_ck_bss - __start_ck_bss));
	ck_memory_reset();
	ck_races_reset();
	ck_pthread_reset();
	ck_process_reset();
	ck_trace_reset();
	choice_count = 0;
	picks = moments = 0;
	fault[0] = '\0';
	ck_run(scenario);
	executions++;
	picks_before = picks;
	moments_before = moments;
}

static void save(void)
{
	saved_data = malloc((size_t)(__stop_ck_data - __start_ck_data) + 1);
	saved_bss = malloc((size_t)(__stop_ck_bss - __start_ck_bss) + 1);
	memcpy(saved_data, __start_ck_data, (size_t)(__stop_ck_data - __start_ck_data));
	memcpy(saved_bss, __start_ck_bss, (size_t)(__stop_ck_bss - __start_ck_bss));
}

/* ---- Records ---- */

static void write_record(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fprintf(file, "shared %d\n", all_shared);
	for (int i = 0; !all_shared && i < ADDRESSES; i++)
		if (addresses[i].address && addresses[i].thread < 0 && addresses[i].since < current)
			fprintf(file, "%#lx\n", (unsigned long)addresses[i].address);
	fprintf(file, "choices\n");
	for (int i = 0; i < choice_count; i++)
		fprintf(file, "%d\n", choices[i].chosen);
	fclose(file);
}

static bool read_record(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[100];
	int all, chosen;
	unsigned long address;

	if (!file || fscanf(file, "shared %d\n", &all) != 1)
		return false;
	all_shared = all;
	while (fgets(line, sizeof(line), file) && sscanf(line, "0x%lx", &address) == 1) {
		size_t i = (address >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 51;

		while (addresses[i].address)
			i = (i + 1) % ADDRESSES;
		addresses[i].address = address;
		addresses[i].thread = -1;
	}
	for (given = 0; given < CHOICES && fscanf(file, "%d", &chosen) == 1; given++)
		choices[given].chosen = (uint8_t)chosen;
	fclose(file);
	return true;
}

static int replay(const char *path)
{
	if (!read_record(path)) {
		printf("# no record: %s\n", path);
		return 2;
	}
	way = BY_RECORD;
	ck_tracing = true;
	current = 1;
	execute();
	ck_trace_print();
	printf("# %s\n", fault[0] ? fault : "no fault");
	return fault[0] != '\0';
}

/* ---- Many ---- */

static const char *record_path;
static unsigned long most;		/* executions of each part */
static double seconds;			/* of processor time, for all */

static double used(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The execution that has just been is run again, as it was, to be shown. */
static int report(const char *how)
{
	char first[sizeof(fault)];

	strcpy(first, fault);
	printf("# FAULT by %s, execution %lu: %s\n", how, executions, first);
	fflush(stdout);
	if (record_path)
		write_record(record_path);
	if (brief)
		return 1;
	given = choice_count;
	way = BY_RECORD;
	ck_tracing = true;
	execute();
	ck_trace_print();
	printf("# %s\n", strcmp(first, fault) ? "run again it did not come to this: the checker is wrong" : first);
	return 1;
}

/* The next of the search: the last choice that may be another one is. */
static bool advance(void)
{
	int spent[CHOICE_KINDS] = { 0 }, last = -1;

	for (int i = 0; i < choice_count; i++) {
		int kind = choices[i].kind;

		if (choices[i].chosen + 1 < choices[i].count &&
		    (limit[kind] < 0 || choices[i].chosen || spent[kind] < limit[kind]))
			last = i;
		spent[kind] += choices[i].chosen != 0;
	}
	if (last < 0)
		return false;
	choices[last].chosen++;
	given = last + 1;
	return true;
}

/* 0: all within the limits; 1: a fault; 2: some of it. */
static int search(int switches, int stores)
{
	unsigned long began = executions;

	limit[CHOOSE_THREAD] = limit[CHOOSE_MOMENT] = limit[CHOOSE_SIDE] = -1;
	limit[CHOOSE_SWITCH] = switches;
	limit[CHOOSE_STORE] = stores;
	limit[CHOOSE_FAIL] = ck_malloc_fails ? 2 : 0;
	way = BY_SEARCH;
	given = 0;
	do {
		unsigned int before = learned;

		current++;
		execute();
		if (fault[0])
			return report("search");
		if (executions - began >= most || used() > seconds)
			return 2;
		if (learned != before) {
			choice_count = given = 0;
			continue;
		}
		if (!advance())
			return 0;
	} while (true);
}

static int by_seed(uint64_t from)
{
	char how[60];

	given = 0;
	seed(from);
	current++;
	execute();
	snprintf(how, sizeof(how), "seed %lu", (unsigned long)from);
	return fault[0] ? report(how) : 0;
}

static int explore(uint64_t from)
{
	static const int bounds[][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 }, { 2, 1 }, { 2, 2 }, { 3, 2 } };
	unsigned long searched = 0, i;
	char complete[60] = "nothing";

	for (i = 0; i < sizeof(bounds) / sizeof(bounds[0]) && used() < seconds; i++) {
		int result = search(bounds[i][0], bounds[i][1]);

		if (result == 1)
			return 1;
		if (result)
			break;
		snprintf(complete, sizeof(complete), "%d switches and %d old stores", bounds[i][0], bounds[i][1]);
	}
	searched = executions;
	for (i = 0; i < most && used() < seconds; i++)
		if (by_seed(from + i))
			return 1;
	printf("# %lu executions by search, complete to %s, and %lu by seed; %lu were cut off; %.1f s\n", searched,
	       complete, executions - searched, cuts, used());
	return 0;
}

static void crash(int signal)
{
	(void)signal;
	if (ck_self)
		ck_fail("thread %d crashes: it goes by a wild pointer", ck_self->number);
	_exit(3);
}

/* The stack that is too small may be the reason. */
static void catch_crashes(void)
{
	static char room[65536];
	stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction action = { .sa_handler = crash, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

__attribute__((noreturn)) static void usage(const char *name)
{
	fprintf(stderr, "usage: %s [-n EXECUTIONS] [-s SECONDS] [-f FIRST-SEED] [-1 SEED] [-m] [-c] "
		"[-w RECORD] [-r RECORD] [-b] [-l] [-W ADDRESS:PART:ORDER] SCENARIO\n", name);
	exit(2);
}

/* The table has scenario_grace_period_mb. */
static void find_scenario(const char *name)
{
	char symbol[80];

	snprintf(symbol, sizeof(symbol), "scenario_%s", name);
	for (char *c = symbol; *c; c++)
		if (*c == '-')
			*c = '_';
	for (int i = 0; ck_scenarios[i].name; i++)
		if (!strcmp(ck_scenarios[i].name, symbol)) {
			scenario = ck_scenarios[i].main;
			ck_scenario_fini = ck_scenarios[i].fini;
			ck_scenario_fini_end = ck_scenarios[i].fini_end;
		}
}

int main(int argc, char **argv)
{
	uint64_t from = 1;
	const char *record = NULL;
	int option, status, one = 0;

	most = 1000;
	seconds = 10;
	while ((option = getopt(argc, argv, "n:s:f:1:w:r:mcbW:l")) >= 0)
		switch (option) {
		case 'n': most = strtoul(optarg, NULL, 10); break;
		case 's': seconds = strtod(optarg, NULL); break;
		case 'f': from = strtoul(optarg, NULL, 10); break;
		case '1': from = strtoul(optarg, NULL, 10); one = 1; break;
		case 'w': record_path = optarg; break;
		case 'm': ck_malloc_fails = true; break;
		case 'c': ck_no_dependencies = true; break;
		case 'r': record = optarg; break;
		case 'b': brief = true; break;
		case 'l': ck_listing = true; break;
		case 'W':
			if (!ck_weaken(optarg))
				usage(argv[0]);
			break;
		default:
			usage(argv[0]);
		}
	if (optind != argc - 1)
		usage(argv[0]);
	find_scenario(argv[optind]);
	if (!scenario)
		usage(argv[0]);
	catch_crashes();
	save();
	status = record ? replay(record) : one ? by_seed(from) : explore(from);
	if (ck_listing)
		ck_list_sites();
	/* Without the destructors of the library, whose threads are no more. */
	fflush(stdout);
	_exit(status);
}
