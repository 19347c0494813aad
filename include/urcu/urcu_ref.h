/* SPDX-License-Identifier: MIT */
#include <urcu/ref.h>
