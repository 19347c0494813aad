/* SPDX-License-Identifier: MIT */
/* All data structures. */
#include <urcu/list.h>
#include <urcu/hlist.h>
#include <urcu/rculist.h>
#include <urcu/rcuhlist.h>
#include <urcu/rculfhash.h>
#include <urcu/rculfqueue.h>
#include <urcu/rculfstack.h>
#include <urcu/wfqueue.h>
#include <urcu/wfcqueue.h>
#include <urcu/wfstack.h>
#include <urcu/lfstack.h>
