/* SPDX-License-Identifier: MIT */
#include <urcu/arch.h>
