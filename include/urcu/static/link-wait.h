/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a consumer of wfcqueue, wfqueue and wfstack waits for a producer that has taken its place by
 * an exchange and has not stored the link yet. The gap is one store long, so whoever meets it
 * usually spins for a few cycles.
 *
 * A gap that outlasts the spinning means that the producer was preempted, and then possibly by us:
 * give up the processor. There is nothing to sleep on: a futex needs the producer to look whether
 * somebody sleeps, which would cost each enqueue a full barrier and a load, and producers that were
 * compiled into existing binaries wake nobody.
 *
 * sched_yield() never lets a thread of lower priority run, so a real-time consumer could keep the
 * producer off its processor for ever. When yielding has not helped for a long time, sleep for a
 * moment in between. (By select(), which strict ISO C headers declare too.)
 */

#include <poll.h>	/* programs take it for granted */
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/select.h>
#include <urcu/arch.h>

enum {
	_CDS_LINK_SPINS = 100,
	_CDS_LINK_YIELDS = 1000,
};

static inline void _cds_link_wait_aside(void)
{
	struct timeval moment = { 0, 100 };
	int cancel;

	/* select() is a cancellation point, and the caller may hold a consumers' mutex. */
	(void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	(void) select(0, NULL, NULL, NULL, &moment);
	(void) pthread_setcancelstate(cancel, &cancel);
}

/* One turn of waiting. *turn counts them, from 0. */
static inline void _cds_link_wait(unsigned int *turn)
{
	if (*turn < _CDS_LINK_SPINS)
		caa_cpu_relax();
	else if (*turn < _CDS_LINK_YIELDS)
		(void) sched_yield();
	else
		_cds_link_wait_aside();
	*turn += *turn < _CDS_LINK_YIELDS;
}
