/* SPDX-License-Identifier: MIT */
/*
 * Sections for tests that run in every flavor. In qsbr a thread is offline here outside its
 * sections, so that it may join and wait as in any other flavor; one that has gone online keeps so,
 * as in a callback, and announces a quiescent state at the end of each section.
 */
#ifndef TESTS_SECTIONS_H
#define TESTS_SECTIONS_H

#ifdef TEST_QSBR
static __thread volatile int qsbr_nesting;
static __thread volatile bool qsbr_stays_online;

static __attribute__((unused)) void qsbr_register(void)
{
	urcu_qsbr_register_thread();
	urcu_qsbr_thread_offline();
}

/* The depth is raised last and lowered first: a signal handler's section comes in between. */
static __attribute__((unused)) void qsbr_lock(void)
{
	if (qsbr_nesting == 0) {
		qsbr_stays_online = urcu_qsbr_read_ongoing();
		if (!qsbr_stays_online)
			urcu_qsbr_thread_online();
	}
	qsbr_nesting++;
	urcu_qsbr_read_lock();
}

static __attribute__((unused)) void qsbr_unlock(void)
{
	urcu_qsbr_read_unlock();
	if (--qsbr_nesting)
		return;
	if (qsbr_stays_online)
		urcu_qsbr_quiescent_state();
	else
		urcu_qsbr_thread_offline();
}

static __attribute__((unused)) int qsbr_ongoing(void)
{
	return qsbr_nesting;
}

#undef rcu_register_thread
#undef rcu_read_lock
#undef rcu_read_unlock
#undef rcu_read_ongoing
#define rcu_register_thread	qsbr_register
#define rcu_read_lock		qsbr_lock
#define rcu_read_unlock		qsbr_unlock
#define rcu_read_ongoing	qsbr_ongoing
#endif

#endif
