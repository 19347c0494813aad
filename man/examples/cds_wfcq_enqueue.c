/* SPDX-License-Identifier: MIT */
#include <urcu/wfcqueue.h>
#include <pthread.h>
#include <stdlib.h>

struct message {
	int value;
	struct cds_wfcq_node node;
};

static struct __cds_wfcq_head head;	/* one consumer: no mutex is needed */
static struct cds_wfcq_tail tail;

static void *producer(void *arg)
{
	struct message *message = malloc(sizeof(*message));

	if (message) {
		message->value = *(int *)arg;
		cds_wfcq_node_init(&message->node);
		cds_wfcq_enqueue(&head, &tail, &message->node);
	}
	return NULL;
}

int main(void)
{
	int values[4] = { 1, 2, 3, 4 }, sum = 0;
	struct cds_wfcq_node *node;
	pthread_t threads[4];

	__cds_wfcq_init(&head, &tail);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, producer, &values[i]))
			return EXIT_FAILURE;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	while ((node = __cds_wfcq_dequeue_blocking(&head, &tail))) {
		struct message *message = caa_container_of(node, struct message, node);

		sum += message->value;
		free(message);		/* at once: nobody else looks at it */
	}
	return sum == 10 ? EXIT_SUCCESS : EXIT_FAILURE;
}
