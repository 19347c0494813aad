/* SPDX-License-Identifier: MIT */
/*
 * A free list: whoever is done with a buffer pushes it back without waiting; whoever needs one pops
 * it. The stack's own mutex keeps those who pop apart. No RCU is needed.
 *
 * cc wfstack.c -lurcu-common -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/compiler.h>
#include <urcu/wfstack.h>

enum { THREADS = 4, BUFFERS = 8, ROUNDS = 10000 };

struct buffer {
	struct cds_wfs_node node;
	char text[32];
};

static struct cds_wfs_stack idle;

static void give_back(struct buffer *buffer)
{
	cds_wfs_node_init(&buffer->node);
	cds_wfs_push(&idle, &buffer->node);
}

static void *work(void *arg)
{
	char mine[sizeof(((struct buffer *) 0)->text)];

	for (int i = 0; i < ROUNDS; i++) {
		struct cds_wfs_node *node;
		struct buffer *buffer;

		while (!(node = cds_wfs_pop_blocking(&idle)))
			sched_yield();
		buffer = caa_container_of(node, struct buffer, node);
		snprintf(mine, sizeof(mine), "thread %d, round %d", *(int *) arg, i);
		strcpy(buffer->text, mine);
		if (i % 64 == 0)
			sched_yield();
		if (strcmp(buffer->text, mine)) {
			fprintf(stderr, "somebody else wrote into the buffer\n");
			exit(EXIT_FAILURE);
		}
		give_back(buffer);
	}
	return NULL;
}

int main(void)
{
	static struct buffer buffer[BUFFERS];
	struct cds_wfs_node *node;
	pthread_t thread[THREADS];
	int id[THREADS], idle_now = 0;

	cds_wfs_init(&idle);
	for (int i = 0; i < BUFFERS; i++)
		give_back(&buffer[i]);
	for (int i = 0; i < THREADS; i++) {
		id[i] = i;
		if (pthread_create(&thread[i], NULL, work, &id[i]))
			return EXIT_FAILURE;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cds_wfs_for_each_blocking(cds_wfs_pop_all_blocking(&idle), node)
		idle_now++;
	printf("%d rounds with %d buffers, %d are back\n", THREADS * ROUNDS, BUFFERS, idle_now);
	cds_wfs_destroy(&idle);
	return idle_now == BUFFERS ? EXIT_SUCCESS : EXIT_FAILURE;
}
