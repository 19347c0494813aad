/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <quiesce/report.h>
#include <quiesce/stall.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int in_section, heard;		/* atomic */

static void to_log(const char *message)
{
	if (!uatomic_read(&heard))
		printf("%s\n", message);
	uatomic_set(&heard, 1);
}

/* A reader that stays until somebody complains. */
static void *reader(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	uatomic_store(&in_section, 1, CMM_RELEASE);
	while (!uatomic_read(&heard))
		poll(NULL, 0, 1);
	rcu_read_unlock();
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	pthread_t thread;

	quiesce_set_report_handler(to_log);
	quiesce_set_stall_timeout(20);		/* milliseconds; here a program has seconds */
	if (pthread_create(&thread, NULL, reader, NULL))
		return EXIT_FAILURE;
	while (!uatomic_load(&in_section, CMM_ACQUIRE))
		poll(NULL, 0, 1);
	synchronize_rcu();
	pthread_join(thread, NULL);
	return uatomic_read(&heard) ? EXIT_SUCCESS : EXIT_FAILURE;
}
