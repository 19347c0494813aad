/* SPDX-License-Identifier: MIT */
#ifndef _URCU_DEBUG_H
#define _URCU_DEBUG_H

#include <urcu/assert.h>

/* The older name of urcu_assert_debug(). */
#define urcu_assert(_cond)	urcu_assert_debug(_cond)

#endif /* _URCU_DEBUG_H */
