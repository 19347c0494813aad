/* SPDX-License-Identifier: MIT */
/* The flavor qsbr under unprefixed names. */
#undef URCU_API_MAP
#define URCU_API_MAP
#include <urcu/urcu-qsbr.h>
