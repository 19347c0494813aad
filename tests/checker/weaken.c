/* SPDX-License-Identifier: MIT */
/*
 * The orders of the code under test: which there are on the way (-l), and another one in place of some (-W), as if the
 * source had it. So weaken.sh tries each without compiling anything.
 */
#include <stdio.h>
#include <stdlib.h>

#include "checker.h"

#define SITES	4096		/* a power of two */
#define WEAKER	256

static struct {
	uintptr_t code;
	int part, order;
	unsigned long count;
} sites[SITES];
static struct {
	uintptr_t code;
	int part, order;
} weaker[WEAKER];
static unsigned int site_count, weaker_count;
bool ck_listing, ck_moves;

static void note(uintptr_t code, int part, int order)
{
	size_t i = code * UINT64_C(0x9e3779b97f4a7c15) >> 52;

	while (sites[i].code && (sites[i].code != code || sites[i].part != part))
		i = (i + 1) % SITES;
	if (!sites[i].code && ++site_count > SITES / 2)
		abort();
	sites[i].code = code;
	sites[i].part = part;
	sites[i].order = order;
	sites[i].count++;
}

int ck_met(uintptr_t code, enum part part, int order)
{
	ck_moves = false;
	if (ck_listing)
		note(code, part, order);
	for (unsigned int i = 0; i < weaker_count; i++)
		if (weaker[i].code == code && weaker[i].part == (int)part) {
			ck_moves = part == PART_STORE;
			return weaker[i].order;
		}
	return order;
}

/* ADDRESS:PART:ORDER. As in the list, the address is within the call, not behind it. */
bool ck_weaken(const char *text)
{
	unsigned long code;
	int part, order;

	if (weaker_count == WEAKER || sscanf(text, "%lx:%d:%d", &code, &part, &order) != 3)
		return false;
	weaker[weaker_count].code = code + 1;
	weaker[weaker_count].part = part;
	weaker[weaker_count++].order = order;
	return true;
}

void ck_list_sites(void)
{
	for (size_t i = 0; i < SITES; i++)
		if (sites[i].code)
			printf("%#lx %d %d %lu\n", (unsigned long)sites[i].code - 1, sites[i].part, sites[i].order,
			       sites[i].count);
}
