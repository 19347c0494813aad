/* SPDX-License-Identifier: MIT */
/*
 * A log: threads hand lines to one writer without waiting for it or for each other. The writer
 * takes all that there is at once and works through it at leisure. No RCU is needed.
 *
 * cc wfcqueue.c -lurcu-common -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/compiler.h>
#include <urcu/wfcqueue.h>

enum { THREADS = 4, LINES = 1000 };

struct line {
	struct cds_wfcq_node node;
	int thread, number;
};

static struct cds_wfcq_head head;
static struct cds_wfcq_tail tail;

static void *log_lines(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		struct line *line = malloc(sizeof(*line));

		if (!line)
			abort();
		line->thread = *(int *) arg;
		line->number = i;
		cds_wfcq_node_init(&line->node);
		cds_wfcq_enqueue(&head, &tail, &line->node);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[THREADS];
	int id[THREADS], next[THREADS] = { 0 }, written = 0, batches = 0;

	cds_wfcq_init(&head, &tail);
	for (int i = 0; i < THREADS; i++) {
		id[i] = i;
		if (pthread_create(&thread[i], NULL, log_lines, &id[i]))
			return EXIT_FAILURE;
	}
	while (written < THREADS * LINES) {
		struct __cds_wfcq_head batch;
		struct cds_wfcq_tail batch_tail;
		struct cds_wfcq_node *node, *n;

		__cds_wfcq_init(&batch, &batch_tail);
		if (__cds_wfcq_splice_blocking(&batch, &batch_tail, &head, &tail)
				== CDS_WFCQ_RET_SRC_EMPTY) {
			sched_yield();
			continue;
		}
		batches++;
		__cds_wfcq_for_each_blocking_safe(&batch, &batch_tail, node, n) {
			struct line *line = caa_container_of(node, struct line, node);

			if (line->number != next[line->thread]++) {
				fprintf(stderr, "thread %d: line out of order\n", line->thread);
				return EXIT_FAILURE;
			}
			written++;
			free(line);
		}
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	printf("%d lines in order, in %d batches\n", written, batches);
	cds_wfcq_destroy(&head, &tail);
	return EXIT_SUCCESS;
}
