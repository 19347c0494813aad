/* SPDX-License-Identifier: MIT */
#pragma once

/* Who waits for what is done later sleeps until he is told: that nobody does it is a deadlock, which the checker sees. */

#include "checker/scenario.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int told;

static inline void tell(void)
{
	pthread_mutex_lock(&lock);
	told++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static inline void await(int count)
{
	pthread_mutex_lock(&lock);
	while (told < count)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}
