/* SPDX-License-Identifier: MIT */
/*
 * A frame that readers look at while the next is drawn. The writer has other things to do than to
 * wait for a grace period: it asks whether one is over, draws over an old frame if so, and takes
 * another one if not.
 *
 * cc polling.c -lurcu -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/uatomic.h>
#include <urcu/urcu-poll.h>

enum { READERS = 2, LOOKS = 500, FRAMES = 3, PIXELS = 64 };

struct frame {
	struct urcu_gp_poll_state retired;	/* the grace period that must be over */
	long pixel[PIXELS];			/* all alike */
};

static struct frame frames[FRAMES];
static struct frame *shown;		/* RCU-protected */
static int readers = READERS;		/* atomic: still at work */

static void draw(struct frame *frame, long colour)
{
	for (int i = 0; i < PIXELS; i++)
		frame->pixel[i] = colour;
}

/* A frame that is drawn over while somebody looks at it has pixels of two colours. */
static void *look(void *arg)
{
	long *wrong = arg;

	rcu_register_thread();
	for (int n = 0; n < LOOKS; n++) {
		struct frame *frame;

		rcu_read_lock();
		frame = rcu_dereference(shown);
		for (int i = 1; i < PIXELS; i++) {
			if (i % 16 == 0)
				sched_yield();		/* meanwhile others are drawn */
			*wrong += CMM_LOAD_SHARED(frame->pixel[i]) !=
				  CMM_LOAD_SHARED(frame->pixel[0]);
		}
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	uatomic_dec(&readers);
	return NULL;
}

/* Look at the oldest first: of all frames its grace period is the likeliest to be over. */
static struct frame *free_frame(long *asked)
{
	for (long oldest = shown - frames + 1;; oldest++) {
		struct frame *frame = &frames[oldest % FRAMES];

		if (frame == shown)
			continue;
		++*asked;
		if (poll_state_synchronize_rcu(frame->retired))
			return frame;
		sched_yield();		/* here a program would do something useful */
	}
}

int main(void)
{
	pthread_t thread[READERS];
	long wrong[READERS] = { 0 }, sum = 0, asked = 0, drawn = 0;

	/* A name stays good: a grace period that is over remains so. */
	for (int i = 0; i < FRAMES; i++)
		frames[i].retired = start_poll_synchronize_rcu();
	shown = &frames[0];
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, look, &wrong[i]))
			return EXIT_FAILURE;
	while (uatomic_load(&readers)) {
		struct frame *frame = free_frame(&asked), *old;

		draw(frame, ++drawn);
		old = rcu_xchg_pointer(&shown, frame);
		/* After it cannot be found any more: sections that begin now do not count. */
		old->retired = start_poll_synchronize_rcu();
	}
	for (int i = 0; i < READERS; i++) {
		pthread_join(thread[i], NULL);
		sum += wrong[i];
	}
	printf("%ld frames drawn in %d places, %ld polls, %ld torn pixels\n", drawn, FRAMES, asked, sum);
	return sum || shown->pixel[0] != drawn ? EXIT_FAILURE : EXIT_SUCCESS;
}
