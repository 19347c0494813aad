/* SPDX-License-Identifier: MIT */
/* The flavor bp under unprefixed names. */
#undef URCU_API_MAP
#define URCU_API_MAP
#include <urcu/urcu-bp.h>
