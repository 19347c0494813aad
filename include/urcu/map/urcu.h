/* SPDX-License-Identifier: MIT */
#ifdef RCU_MB
#include <urcu/map/urcu-mb.h>
#else
#include <urcu/map/urcu-memb.h>
#endif
