/* SPDX-License-Identifier: MIT */
/*
 * Messages that are replaced all the time, by two writers, while readers look at them. Nothing is embedded in a
 * message, and no callback is written: urcu_free_rcu frees it when nobody can hold it any more. What waits for that
 * has a limit, so that writers who are faster than readers are slow wait, and memory does not grow. At the end all
 * of it is waited for, but not for ever. None of this is in liburcu: a program that may be built with either asks for
 * URCU_HAVE_FREE_RCU and URCU_HAVE_BACKLOG.
 *
 * cc free-rcu.c -lurcu -lpthread		(-DRCU_MB -lurcu-mb, -DUSE_BP -lurcu-bp, -DUSE_QSBR -lurcu-qsbr)
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(USE_BP)
#include <urcu-bp.h>
#elif defined(USE_QSBR)
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <urcu/uatomic.h>

enum { READERS = 2, READS = 1000, WRITERS = 2, PLACES = 8, SIZE = 1000, LIMIT = 1 << 20 };

static char *messages[PLACES];		/* RCU-protected; all letters of one are alike */
static int readers = READERS;		/* atomic: still at work */
static unsigned long passed;		/* atomic: how often the limit was */

static char *new_message(unsigned long number)
{
	char *new = malloc(SIZE);

	if (!new)
		abort();
	return memset(new, 'a' + (int)(number % 26), SIZE);
}

/* One that was freed too early has letters of another by then, or the allocator's. */
static void *read_messages(void *arg)
{
	long *wrong = arg;

	rcu_register_thread();
	for (int i = 0; i < READS; i++) {
		const char *message;
		char letter;

		rcu_read_lock();
		message = rcu_dereference(messages[i % PLACES]);
		letter = *message;
		sched_yield();			/* meanwhile it is replaced */
		*wrong += *message != letter || memcmp(message, message + 1, SIZE - 1) != 0;
		rcu_read_unlock();
		rcu_quiescent_state();		/* qsbr's readers say so; the others' need not */
	}
	rcu_unregister_thread();
	uatomic_dec(&readers);
	return NULL;
}

/* Not registered, so in no section: here it may wait for the limit. (In qsbr, too: it is not online.) */
static void *write_messages(void *arg)
{
	unsigned long *written = arg;

	while (uatomic_load(&readers)) {
		char *old = rcu_xchg_pointer(&messages[*written % PLACES], new_message(*written));

		urcu_free_rcu(old);		/* never fails */
		++*written;
	}
	return NULL;
}

/* By the writer that comes to the limit first, before it waits: a server would turn new work away. */
static void limit_is_passed(const struct urcu_backlog *backlog, void *arg)
{
	(void)backlog;
	uatomic_inc((unsigned long *)arg);
}

int main(void)
{
	pthread_t reader[READERS], writer[WRITERS];
	unsigned long written[WRITERS] = { 0 };
	long wrong[READERS] = { 0 }, sum = 0;
	struct urcu_backlog backlog;

	urcu_set_backlog_handler(limit_is_passed, &passed);
	urcu_set_backlog_limit(LIMIT, 0);	/* bytes in free_rcu, and callbacks: any number */
	for (int i = 0; i < PLACES; i++)
		messages[i] = new_message(0);
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&reader[i], NULL, read_messages, &wrong[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < WRITERS; i++)
		if (pthread_create(&writer[i], NULL, write_messages, &written[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < READERS; i++) {
		pthread_join(reader[i], NULL);
		sum += wrong[i];
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writer[i], NULL);
	/* rcu_barrier would wait without a limit, as it does for callbacks. */
	if (urcu_drain(60000) != 0)
		return EXIT_FAILURE;
	urcu_get_backlog(&backlog);
	printf("%lu messages replaced, %zu bytes wait, the limit was passed %lu times, %lu writers waited; "
	       "%ld wrong reads\n", written[0] + written[1], backlog.bytes, passed, backlog.waits, sum);
	for (int i = 0; i < PLACES; i++)
		free(messages[i]);
	return sum || backlog.bytes ? EXIT_FAILURE : EXIT_SUCCESS;
}
