/* SPDX-License-Identifier: MIT */
/* For tests that reach into the library: the flavor that they are built for. */
#ifndef TESTS_UNIT_INSIDE_H
#define TESTS_UNIT_INSIDE_H

#include "harness.h"

#include "gp.h"

#if defined(TEST_BP)
extern struct flavor quiesce_bp;
static struct flavor *const flavor = &quiesce_bp;
#elif defined(TEST_QSBR)
extern struct flavor quiesce_qsbr;
static struct flavor *const flavor = &quiesce_qsbr;
#elif defined(RCU_MB)
extern struct flavor quiesce_mb;
static struct flavor *const flavor = &quiesce_mb;
#else
extern struct flavor quiesce_memb;
static struct flavor *const flavor = &quiesce_memb;
#endif

#endif /* TESTS_UNIT_INSIDE_H */
