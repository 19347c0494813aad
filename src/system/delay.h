/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Marked points of the engine and the hash table, between every two steps that another thread might
 * come between. In a build for the torture test (configure --enable-delays) a thread that passes one
 * mostly goes on, sometimes lets others run, and seldom is held up for up to 1 ms; what it does
 * follows from the number in URCU_DELAY_SEED. In all other builds a point is nothing.
 *
 * A delay is disorder on purpose. It orders nothing, and nothing may rely on it: the rule against
 * sleeps of a fixed time is not meant here.
 */
#ifdef QUIESCE_DELAYS
void quiesce_delay(void);
#else
static inline void quiesce_delay(void)
{
}
#endif
