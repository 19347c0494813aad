/* SPDX-License-Identifier: MIT */
/*
 * Callbacks that leave a mark each, for programs that end with callbacks queued and the test that looks at the
 * marks. Who includes this has defined MARKS, how many there are, and MARKED(i), where the i-th callback counts
 * its runs.
 */
#ifndef QUIESCE_FORK_MARKS_H
#define QUIESCE_FORK_MARKS_H

struct marked {
	struct rcu_head head;
	int *mark;
};

static struct marked marked[MARKS];	/* static: nothing here leaks */

static void mark(struct rcu_head *head)
{
	__atomic_fetch_add(caa_container_of(head, struct marked, head)->mark, 1, __ATOMIC_RELAXED);
}

static void queue_marks(int from, int to)
{
	for (int i = from; i < to; i++) {
		marked[i].mark = &MARKED(i);
		call_rcu(&marked[i].head, mark);
	}
}

/* The one that the program has made beside the CPUs'. */
static struct call_rcu_data *own_worker;

/*
 * Of a program that cleans up, for the library leaves it its own workers: registered before RCU is used, it runs
 * when the callbacks have.
 */
static void free_workers(void)
{
	free_all_cpu_call_rcu_data();
	call_rcu_data_free(own_worker);
}

#endif
