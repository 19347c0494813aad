/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the harnesses of this folder share: each has LLVMFuzzerTestOneInput, which reads an input as a list of
 * operations, does them with the library and with a model, and aborts where they differ. libFuzzer and AFL++ call it,
 * or the main of replay.c, with the bytes of files. doc/verification.md has more.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The end of the process, which a fuzzer takes for a find. */
#define must(condition)									\
	do {										\
		if (!(condition)) {							\
			fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, #condition); \
			abort();							\
		}									\
	} while (0)

struct input {
	const uint8_t *at, *end;
};

static inline bool has_more(const struct input *input)
{
	return input->at < input->end;
}

/* The next byte; 0 after the last. */
static inline unsigned int take(struct input *input)
{
	return has_more(input) ? *input->at++ : 0;
}

/* A number below limit. */
static inline unsigned int take_below(struct input *input, unsigned int limit)
{
	return take(input) % limit;
}
