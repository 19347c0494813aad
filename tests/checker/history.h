/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What operations on a table of up to 31 entries gave back, each with the moments of its begin and end; and whether
 * that is what they would give back one after the other, in some order that keeps what happens before what. By trying
 * all orders: for ten operations or so.
 */

#include <assert.h>

#include "checker/marks.h"

#define OPERATIONS_MAX	16
#define NONE		(-1)

enum operation_kind {
	ADD, ADD_UNIQUE, ADD_REPLACE, REPLACE, DELETE, LOOKUP
};

struct operation {
	enum operation_kind kind;
	int key, entry;		/* entry: that is put in, or taken out */
	int old;		/* REPLACE: which it takes the place of */
	int result;		/* an entry or NONE; DELETE, REPLACE: whether it was there */
	struct checker_mark begin, end;
};

struct history {
	struct operation operations[OPERATIONS_MAX];
	int count;		/* by the threads together, atomically */
	int keys[32];		/* of each entry */
};

static inline bool holds(unsigned int table, int entry)
{
	return entry >= 0 && table >> entry & 1;
}

static inline bool holds_key(const struct history *history, unsigned int table, int key)
{
	for (int entry = 0; entry < 32; entry++)
		if (holds(table, entry) && history->keys[entry] == key)
			return true;
	return false;
}

/* What the table is after an operation; false if it would not have given that back. */
static inline bool does(const struct history *history, const struct operation *operation, unsigned int *table)
{
	unsigned int before = *table, put = 1U << operation->entry;
	bool found = holds(before, operation->result) && history->keys[operation->result] == operation->key;
	bool is_none = operation->result == NONE && !holds_key(history, before, operation->key);

	switch (operation->kind) {
	case ADD:
		*table = before | put;
		return true;
	case ADD_UNIQUE:
		if (operation->result != operation->entry)
			return found;
		*table = before | put;
		return !holds_key(history, before, operation->key);
	case ADD_REPLACE:
		*table = (found ? before & ~(1U << operation->result) : before) | put;
		return found || is_none;
	case REPLACE:
		if (operation->result)
			*table = (before & ~(1U << operation->old)) | put;
		return holds(before, operation->old) == operation->result;
	case DELETE:
		*table = before & ~put;
		return holds(before, operation->entry) == operation->result;
	default:
		return found || is_none;
	}
}

/* Which of those that are left may be the next: none that is left has ended before it. */
static inline bool may_be_next(const struct history *history, unsigned int left, int next)
{
	for (int i = 0; i < history->count; i++)
		if (left >> i & 1 && i != next &&
		    checker_before(&history->operations[i].end, &history->operations[next].begin))
			return false;
	return true;
}

static inline bool in_some_order(const struct history *history, unsigned int left, unsigned int table)
{
	if (!left)
		return true;
	for (int i = 0; i < history->count; i++) {
		unsigned int after = table;

		if (left >> i & 1 && may_be_next(history, left, i) &&
		    does(history, &history->operations[i], &after) &&
		    in_some_order(history, left & ~(1U << i), after))
			return true;
	}
	return false;
}

static inline bool is_linearizable(const struct history *history)
{
	return !checker_mark || in_some_order(history, (1U << history->count) - 1, 0);
}
