/* SPDX-License-Identifier: MIT */
/*
 * Messages from many threads to many threads, first in first out, without a lock on either side.
 * All calls are made inside sections; a message that was taken is freed by call_rcu.
 *
 * cc rculfqueue.c -lurcu -lurcu-cds -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/compiler.h>
#include <urcu/rculfqueue.h>

enum { SENDERS = 2, RECEIVERS = 2, MESSAGES = 2000 };

struct message {
	struct cds_lfq_node_rcu node;
	struct rcu_head rcu;
};

static struct cds_lfq_queue_rcu queue;
static int received;

static void *send_messages(void *arg)
{
	rcu_register_thread();
	for (int i = 0; i < MESSAGES; i++) {
		struct message *message = malloc(sizeof(*message));

		if (!message)
			abort();
		cds_lfq_node_init_rcu(&message->node);
		rcu_read_lock();
		cds_lfq_enqueue_rcu(&queue, &message->node);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return arg;
}

static void free_message(struct rcu_head *head)
{
	free(caa_container_of(head, struct message, rcu));
}

static void *receive_messages(void *arg)
{
	rcu_register_thread();
	while (__atomic_load_n(&received, __ATOMIC_RELAXED) < SENDERS * MESSAGES) {
		struct cds_lfq_node_rcu *node;

		rcu_read_lock();
		node = cds_lfq_dequeue_rcu(&queue);
		rcu_read_unlock();
		if (!node) {	/* empty, or no memory just now: nothing is lost, look again */
			sched_yield();
			continue;
		}
		__atomic_fetch_add(&received, 1, __ATOMIC_RELAXED);
		call_rcu(&caa_container_of(node, struct message, node)->rcu, free_message);
	}
	rcu_unregister_thread();
	return arg;
}

int main(void)
{
	pthread_t thread[SENDERS + RECEIVERS];

	cds_lfq_init_rcu(&queue, call_rcu);
	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		if (pthread_create(&thread[i], NULL,
				i < SENDERS ? send_messages : receive_messages, NULL))
			return EXIT_FAILURE;
	for (int i = 0; i < SENDERS + RECEIVERS; i++)
		pthread_join(thread[i], NULL);
	rcu_barrier();
	printf("%d messages received of %d\n", received, SENDERS * MESSAGES);
	if (cds_lfq_destroy_rcu(&queue)) {
		fprintf(stderr, "the queue is not empty\n");
		return EXIT_FAILURE;
	}
	return received == SENDERS * MESSAGES ? EXIT_SUCCESS : EXIT_FAILURE;
}
