/* SPDX-License-Identifier: MIT */
/*
 * Workers with a loop of their own, in the flavor qsbr. Sections cost nothing there: rcu_read_lock and its unlock may
 * as well be left out, as here. In return a worker says at one place in its loop that it holds nothing, and goes
 * offline while it waits for work: a worker that sleeps online holds up every grace period.
 *
 * cc qsbr-loop.c -lurcu-qsbr -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu-qsbr.h>
#include <urcu/uatomic.h>

enum { WORKERS = 2, ROUNDS = 50, JOBS = 20, RETIRED = -1 };

struct plan {
	int price;			/* below zero when retired */
	struct rcu_head rcu;
};

static struct plan *plan;		/* RCU-protected */
static sem_t work[WORKERS];		/* jobs that a worker has been given */
static sem_t done;
static int stop;			/* atomic */

static struct plan *new_plan(int price)
{
	struct plan *new = malloc(sizeof(*new));

	if (!new)
		abort();
	new->price = price;
	return new;
}

static void retire(struct rcu_head *head)
{
	struct plan *old = caa_container_of(head, struct plan, rcu);

	CMM_STORE_SHARED(old->price, RETIRED);
	free(old);
}

/* Nobody waits for this thread while it sleeps. What it found before is gone when it is online again. */
static void await_work(sem_t *given)
{
	if (sem_trywait(given) == 0)
		return;
	rcu_thread_offline();
	while (sem_wait(given) != 0)
		continue;
	rcu_thread_online();
}

struct worker {
	pthread_t thread;
	int number, jobs, wrong;
};

static void *run(void *arg)
{
	struct worker *self = arg;

	rcu_register_thread();		/* online from here on */
	for (;;) {
		struct plan *seen;

		await_work(&work[self->number]);
		if (uatomic_load(&stop))
			break;
		seen = rcu_dereference(plan);
		sched_yield();		/* meanwhile it is replaced */
		self->wrong += CMM_LOAD_SHARED(seen->price) < 0;
		self->jobs++;
		sem_post(&done);
		rcu_quiescent_state();	/* here: seen is not used any more, and nothing else is held */
	}
	rcu_unregister_thread();
	return NULL;
}

/* Some jobs for each worker, and meanwhile another plan. They sleep, offline, when these are done. */
static void give_jobs(int round)
{
	struct plan *old = plan;

	for (int i = 0; i < WORKERS * JOBS; i++)
		sem_post(&work[i % WORKERS]);
	rcu_set_pointer(&plan, new_plan(round));
	if (round % 2) {
		synchronize_rcu();	/* an online caller is offline meanwhile; this one is not registered */
		retire(&old->rcu);
	} else {
		call_rcu(&old->rcu, retire);
	}
	for (int i = 0; i < WORKERS * JOBS; i++)
		while (sem_wait(&done) != 0)
			continue;
}

int main(void)
{
	struct worker workers[WORKERS] = { { .jobs = 0 } };
	int jobs = 0, wrong = 0;

	plan = new_plan(0);
	sem_init(&done, 0, 0);
	for (int i = 0; i < WORKERS; i++) {
		sem_init(&work[i], 0, 0);
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, run, &workers[i]))
			return EXIT_FAILURE;
	}
	for (int round = 0; round < ROUNDS; round++)
		give_jobs(round);
	synchronize_rcu();		/* all workers sleep, and it returns all the same */
	uatomic_store(&stop, 1);
	for (int i = 0; i < WORKERS; i++) {
		sem_post(&work[i]);
		pthread_join(workers[i].thread, NULL);
		jobs += workers[i].jobs;
		wrong += workers[i].wrong;
	}
	rcu_barrier();
	free(plan);
	printf("%d jobs by %d workers, %d plans, %d wrong\n", jobs, WORKERS, ROUNDS, wrong);
	return jobs == ROUNDS * WORKERS * JOBS && !wrong ? EXIT_SUCCESS : EXIT_FAILURE;
}
