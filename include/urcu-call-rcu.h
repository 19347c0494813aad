/* SPDX-License-Identifier: MIT */
#include <urcu/call-rcu.h>
