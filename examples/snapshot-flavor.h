/* SPDX-License-Identifier: MIT */
/*
 * The RCU flavor this program is built for. The rest of the program uses the names without a
 * prefix, so that this header is the only place which knows.
 *
 *	memb	(nothing)		-lurcu-memb, or -lurcu
 *	mb	-DRCU_MB		-lurcu-mb
 *	bp	-DSNAPSHOT_BP		-lurcu-bp
 *	qsbr	-DSNAPSHOT_QSBR		-lurcu-qsbr
 */
#ifndef SNAPSHOT_FLAVOR_H
#define SNAPSHOT_FLAVOR_H

#if defined(SNAPSHOT_BP)
#include <urcu-bp.h>
#define SNAPSHOT_FLAVOR "bp"
#elif defined(SNAPSHOT_QSBR)
#include <urcu-qsbr.h>
#define SNAPSHOT_FLAVOR "qsbr"
#elif defined(RCU_MB)
#include <urcu.h>
#define SNAPSHOT_FLAVOR "mb"
#else
#include <urcu.h>
#define SNAPSHOT_FLAVOR "memb"
#endif

#endif
