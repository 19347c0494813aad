/* SPDX-License-Identifier: MIT */
/*
 * Jobs on a stack, the newest first: anybody pushes, anybody pops, nobody takes a lock. Those who
 * pop do it inside a section, and a job that was popped is freed by call_rcu, for
 * another thread may just be looking at it.
 *
 * cc lfstack.c -lurcu -lurcu-cds -lpthread
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/compiler.h>
#include <urcu/lfstack.h>

enum { THREADS = 4, JOBS = 1000 };

struct job {
	struct cds_lfs_node node;
	struct rcu_head rcu;
	long number;
};

static struct cds_lfs_stack jobs;

static void free_job(struct rcu_head *head)
{
	free(caa_container_of(head, struct job, rcu));
}

static void *work(void *arg)
{
	long *sum = arg;

	rcu_register_thread();
	for (int i = 1; i <= JOBS; i++) {
		struct job *job = malloc(sizeof(*job));
		struct cds_lfs_node *node;

		if (!job)
			abort();
		job->number = i;
		cds_lfs_node_init(&job->node);
		cds_lfs_push(&jobs, &job->node);

		rcu_read_lock();
		node = __cds_lfs_pop(&jobs);
		rcu_read_unlock();
		if (!node)
			continue;
		job = caa_container_of(node, struct job, node);
		*sum += job->number;
		call_rcu(&job->rcu, free_job);
	}
	rcu_unregister_thread();
	return NULL;
}

int main(void)
{
	pthread_t thread[THREADS];
	long sum[THREADS] = { 0 }, total = 0, expected = (long) THREADS * JOBS * (JOBS + 1) / 2;

	cds_lfs_init(&jobs);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, work, &sum[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		total += sum[i];
	}
	rcu_barrier();
	printf("the jobs of %d threads sum up to %ld, expected %ld\n", THREADS, total, expected);
	if (!cds_lfs_empty(&jobs) || total != expected)
		return EXIT_FAILURE;
	cds_lfs_destroy(&jobs);
	return EXIT_SUCCESS;
}
