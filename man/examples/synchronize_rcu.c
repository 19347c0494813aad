/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static char *motd;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;

/* Readers see the old text or the new one, and neither is freed under them. */
static int set_motd(const char *text)
{
	char *young = strdup(text), *old;

	if (!young)
		return -1;
	pthread_mutex_lock(&writers);
	old = motd;
	rcu_set_pointer(&motd, young);
	pthread_mutex_unlock(&writers);
	synchronize_rcu();		/* not in a section */
	free(old);
	return 0;
}

int main(void)
{
	int same;

	rcu_register_thread();
	if (set_motd("good morning") || set_motd("good evening"))
		return EXIT_FAILURE;
	rcu_read_lock();
	same = !strcmp(rcu_dereference(motd), "good evening");
	rcu_read_unlock();
	rcu_unregister_thread();
	free(motd);
	return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
