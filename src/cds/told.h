/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "system/sanitize.h"

/*
 * What comes out of a queue or stack: a node, behind all that was done before it was put in; or NULL,
 * the end of a stack (1), or WOULDBLOCK (-1).
 */
static inline void *told(void *node)
{
	if ((uintptr_t)node + 1 > 2)
		quiesce_tell_acquire(node);
	return node;
}
