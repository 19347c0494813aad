/* SPDX-License-Identifier: MIT */
/* The flavor qsbr under unprefixed names. */
#ifndef URCU_API_MAP
#define URCU_API_MAP
#endif
#include <urcu/urcu-qsbr.h>
