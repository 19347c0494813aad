/* SPDX-License-Identifier: MIT */
/* The default flavor under unprefixed names: memb, or mb where RCU_MB is defined. */
#pragma once

#if !defined(RCU_MB) && !defined(RCU_MEMBARRIER)
#define RCU_MEMBARRIER
#endif

#undef URCU_API_MAP
#define URCU_API_MAP

#ifdef RCU_MB
#include <urcu/urcu-mb.h>
#else
#include <urcu/urcu-memb.h>
#endif
