/* SPDX-License-Identifier: MIT */
/* The steps of an execution: kept while one is run again to be shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checker.h"
#include "sim.h"

#define STEPS		20000
#define SYMBOLS		20000
#define NAMES		8

static struct {
	uintptr_t code;
	int thread;
	char text[180];
} steps[STEPS];
static int step_count;
static struct { uintptr_t address; char name[60]; } symbols[SYMBOLS];
static int symbol_count;

void ck_trace_reset(void)
{
	step_count = 0;
}

void ck_trace(uintptr_t code, const char *format, ...)
{
	va_list arguments;

	if (!ck_tracing || !ck_self || step_count == STEPS)
		return;
	va_start(arguments, format);
	vsnprintf(steps[step_count].text, sizeof(steps[0].text), format, arguments);
	va_end(arguments);
	steps[step_count].code = code;
	steps[step_count++].thread = ck_self->number;
}

const char *ck_order(int order)
{
	static const char *const names[] = { "relaxed", "consume", "acquire", "release", "acq_rel", "seq_cst" };

	return order >= 0 && order < 6 ? names[order] : "?";
}

/* ---- Names ---- */

static void read_symbols(void)
{
	char command[64], line[256];
	FILE *nm;

	snprintf(command, sizeof(command), "nm -n /proc/%d/exe", (int)getpid());
	nm = popen(command, "r");
	while (nm && symbol_count < SYMBOLS && fgets(line, sizeof(line), nm)) {
		char *end, *name = strrchr(line, ' ');
		uintptr_t address = strtoul(line, &end, 16);

		if (!name || end == line)
			continue;
		symbols[symbol_count].address = address;
		snprintf(symbols[symbol_count].name, sizeof(symbols[0].name), "%.*s",
			 (int)strcspn(name + 1, "\n"), name + 1);
		symbol_count++;
	}
	if (nm)
		pclose(nm);
}

/* A static variable, or its control word if it is thread-local. */
static const char *static_name(uintptr_t address, size_t *offset)
{
	int low = 0, high;

	if (!symbol_count)
		read_symbols();
	high = symbol_count;
	if (!high || address < symbols[0].address || address > symbols[high - 1].address + 65536)
		return NULL;
	while (high - low > 1) {
		int middle = (low + high) / 2;

		if (symbols[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	*offset = address - symbols[low].address;
	return symbols[low].name;
}

const char *ck_name(uintptr_t address)
{
	static char names[NAMES][100];
	static int next;
	char *text = names[next++ % NAMES];
	const char *name;
	void *control;
	size_t offset, unused;
	int owner = ck_tls_owner(address, &control, &offset), block;

	if (owner >= 0) {
		name = static_name((uintptr_t)control, &unused);
		if (name && !strncmp(name, "__emutls_v.", 11))
			name += 11;
		snprintf(text, sizeof(names[0]), "thread %d's %s+%zu", owner, name ? name : "variable", offset);
	} else if ((block = ck_block_number(address, &offset)) >= 0) {
		snprintf(text, sizeof(names[0]), "block %d+%zu", block, offset);
	} else if ((name = static_name(address, &offset))) {
		snprintf(text, sizeof(names[0]), offset ? "%s+%zu" : "%s", name, offset);
	} else {
		snprintf(text, sizeof(names[0]), "stack %#lx", (unsigned long)address);
	}
	return text;
}

/* ---- Places in the source ---- */

static FILE *ask_places(void)
{
	size_t size = 64 + 20 * (size_t)step_count, length;
	char *command = malloc(size);
	FILE *answers;

	length = (size_t)snprintf(command, size, "addr2line -s -e /proc/%d/exe", (int)getpid());
	/* The call comes before the address to return to. */
	for (int i = 0; i < step_count && length < 120000; i++)
		length += (size_t)snprintf(command + length, size - length, " %#lx",
					   (unsigned long)(steps[i].code ? steps[i].code - 1 : 0));
	answers = popen(command, "r");
	free(command);
	return answers;
}

void ck_trace_print(void)
{
	FILE *places = ask_places();
	char place[128];

	for (int i = 0; i < step_count; i++) {
		if (!places || !fgets(place, sizeof(place), places))
			place[0] = '\0';
		place[strcspn(place, " \n")] = '\0';
		if (!steps[i].code || place[0] == '?')
			place[0] = '\0';
		printf("# %4d  %*sthread %d %s%s%s\n", i + 1, 4 * steps[i].thread, "", steps[i].thread,
		       steps[i].text, place[0] ? "   " : "", place);
	}
	if (places)
		pclose(places);
}
