/* SPDX-License-Identifier: MIT */
/* The flavor bp under unprefixed names. */
#ifndef URCU_API_MAP
#define URCU_API_MAP
#endif
#include <urcu/urcu-bp.h>
