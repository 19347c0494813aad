/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/time.h>

#include <urcu/arch.h>
