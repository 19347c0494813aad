/* SPDX-License-Identifier: MIT */
/*
 * A server that forks its workers, as web servers do: the parent reads the configuration and looks after them; each
 * child has threads, which read it, and loads it anew by itself. A child that dies is replaced by another one, forked
 * from a parent in which RCU is at work. urcu_atfork_enable makes every fork() tell the library, those in other
 * libraries too, so that children may use all of RCU. To save by a fork is step 6 of doc/tutorial.md.
 *
 * cc prefork.c -lurcu -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <urcu.h>
#include <urcu/uatomic.h>

enum { CHILDREN = 3, THREADS = 2, REQUESTS = 200, RELOADS = 20, DEATHS = 2, DIES = 3 };

struct configuration {
	int workers, connections;	/* always ten connections a worker */
	struct rcu_head rcu;
};

static struct configuration *configuration;	/* RCU-protected; changed by one thread in each process */

static struct configuration *new_configuration(int workers)
{
	struct configuration *new = malloc(sizeof(*new));

	if (!new)
		abort();
	new->workers = workers;
	new->connections = 10 * workers;
	return new;
}

static void free_configuration(struct rcu_head *head)
{
	struct configuration *old = caa_container_of(head, struct configuration, rcu);

	CMM_STORE_SHARED(old->workers, -1);
	free(old);
}

static void reload(int workers)
{
	struct configuration *old = configuration;

	rcu_set_pointer(&configuration, new_configuration(workers));
	call_rcu(&old->rcu, free_configuration);
}

static void *answer(void *arg)
{
	int *wrong = arg;

	rcu_register_thread();
	for (int i = 0; i < REQUESTS; i++) {
		struct configuration *seen;

		rcu_read_lock();
		seen = rcu_dereference(configuration);
		sched_yield();		/* meanwhile it is loaded again */
		*wrong += seen->connections != 10 * seen->workers;
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

/* A child's life. Threads of the parent are not there; callbacks that it had queued run here as well. */
static int serve(void)
{
	pthread_t thread[THREADS];
	int wrong[THREADS] = { 0 }, sum = 0;

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, answer, &wrong[i]))
			return EXIT_FAILURE;
	for (int i = 1; i <= RELOADS; i++)
		reload(i);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum += wrong[i];
	}
	rcu_barrier();
	return sum ? EXIT_FAILURE : EXIT_SUCCESS;
}

static pid_t start(int dies)
{
	pid_t pid;

	fflush(NULL);			/* or else the child writes it again */
	pid = fork();			/* urcu_atfork_enable has seen to the hooks */
	if (pid == 0)
		exit(dies ? DIES : serve());
	return pid;
}

int main(void)
{
	int deaths = 0, good = 0, status;

	if (urcu_atfork_enable() != 0)	/* early, once */
		return EXIT_FAILURE;
	configuration = new_configuration(1);
	for (int i = 0; i < CHILDREN; i++)
		if (start(i < DEATHS) < 0)
			return EXIT_FAILURE;
	while (wait(&status) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == DIES) {
			deaths++;
			reload(deaths + 1);	/* a callback is queued, or runs, at the next fork */
			if (start(0) < 0)
				return EXIT_FAILURE;
		} else {
			good += status == 0;
		}
	}
	rcu_barrier();
	free(configuration);
	printf("%d children served, %d died and were replaced\n", good, deaths);
	return good == CHILDREN && deaths == DEATHS ? EXIT_SUCCESS : EXIT_FAILURE;
}
