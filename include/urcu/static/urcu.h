/* SPDX-License-Identifier: MIT */
#ifdef RCU_MB
#include <urcu/static/urcu-mb.h>
#else
#include <urcu/static/urcu-memb.h>
#endif
