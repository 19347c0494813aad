/* SPDX-License-Identifier: MIT */
#include <urcu/list.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
	int number;
	struct cds_list_head node;
};

int main(void)
{
	CDS_LIST_HEAD(jobs);
	struct job *job, *next;
	int sum = 0;

	for (int i = 1; i <= 3; i++) {
		job = malloc(sizeof(*job));
		if (!job)
			return EXIT_FAILURE;
		job->number = i;
		cds_list_add_tail(&job->node, &jobs);
	}
	cds_list_for_each_entry(job, &jobs, node)
		printf("job %d\n", job->number);
	cds_list_for_each_entry_safe(job, next, &jobs, node) {
		sum += job->number;
		cds_list_del(&job->node);
		free(job);
	}
	return sum == 6 && cds_list_empty(&jobs) ? EXIT_SUCCESS : EXIT_FAILURE;
}
