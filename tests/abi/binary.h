/* SPDX-License-Identifier: MIT */
/*
 * Programs that are compiled and linked against Debian's liburcu and run on this library
 * (test-binaries.sh). One process runs one load or several of them at once.
 */
#ifndef TESTS_ABI_BINARY_H
#define TESTS_ABI_BINARY_H

#include "../want.h"

/* The loads. They return when done and abort on the first thing that is wrong. */
void load_mb(void);
void load_memb(void);
void load_bp(void);
void load_qsbr(void);
void load_structures(void);

#endif
