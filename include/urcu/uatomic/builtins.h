/* SPDX-License-Identifier: MIT */
#include <urcu/uatomic.h>
