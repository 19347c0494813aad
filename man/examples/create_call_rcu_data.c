/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

static struct call_rcu_data *ran_on;

static void note(struct rcu_head *head)
{
	(void)head;
	ran_on = get_thread_call_rcu_data();	/* in a callback: who runs it */
}

int main(void)
{
	static struct rcu_head head;
	struct call_rcu_data *worker;

	rcu_register_thread();
	worker = create_call_rcu_data(0, -1);	/* bound to no CPU */
	if (!worker) {
		fprintf(stderr, "no worker: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	set_thread_call_rcu_data(worker);	/* of this thread's call_rcu */
	call_rcu(&head, note);
	rcu_barrier();
	if (ran_on != worker)
		return EXIT_FAILURE;
	set_thread_call_rcu_data(NULL);
	call_rcu_data_free(worker);
	rcu_unregister_thread();
	return get_call_rcu_data() == get_default_call_rcu_data() ? EXIT_SUCCESS : EXIT_FAILURE;
}
