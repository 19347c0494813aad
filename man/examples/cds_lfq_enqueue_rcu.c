/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/rculfqueue.h>
#include <stdlib.h>

struct job {
	int number;
	struct cds_lfq_node_rcu node;
	struct rcu_head head;
};

static void free_job(struct rcu_head *head)
{
	free(caa_container_of(head, struct job, head));
}

int main(void)
{
	struct cds_lfq_queue_rcu queue;
	struct cds_lfq_node_rcu *node;
	int order = 0;

	rcu_register_thread();
	cds_lfq_init_rcu(&queue, call_rcu);
	for (int i = 1; i <= 3; i++) {
		struct job *job = malloc(sizeof(*job));

		if (!job)
			return EXIT_FAILURE;
		job->number = i;
		cds_lfq_node_init_rcu(&job->node);
		rcu_read_lock();
		cds_lfq_enqueue_rcu(&queue, &job->node);
		rcu_read_unlock();
	}
	for (;;) {
		struct job *job;

		rcu_read_lock();
		node = cds_lfq_dequeue_rcu(&queue);
		rcu_read_unlock();
		if (!node)
			break;
		job = caa_container_of(node, struct job, node);
		order = order * 10 + job->number;
		call_rcu(&job->head, free_job);		/* others may still look at it */
	}
	if (cds_lfq_destroy_rcu(&queue))
		return EXIT_FAILURE;
	rcu_barrier();
	rcu_unregister_thread();
	return order == 123 ? EXIT_SUCCESS : EXIT_FAILURE;
}
