/* SPDX-License-Identifier: MIT */
#include <urcu/flavor.h>
