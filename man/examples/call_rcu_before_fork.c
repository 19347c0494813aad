/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int runs;

static void count(struct rcu_head *head)
{
	(void)head;
	runs++;
}

static pid_t fork_with_rcu(void)
{
	pid_t pid;

	call_rcu_before_fork();
	pid = fork();
	if (pid == 0)
		call_rcu_after_fork_child();
	else
		call_rcu_after_fork_parent();	/* if fork has failed, too */
	return pid;
}

int main(void)
{
	static struct rcu_head head;
	int status;
	pid_t pid;

	rcu_register_thread();
	call_rcu(&head, count);
	pid = fork_with_rcu();
	if (pid < 0)
		return EXIT_FAILURE;
	rcu_barrier();			/* once in the parent, once in the child */
	if (pid == 0)
		_exit(runs == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
	rcu_unregister_thread();
	if (waitpid(pid, &status, 0) != pid || status)
		return EXIT_FAILURE;
	return runs == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
