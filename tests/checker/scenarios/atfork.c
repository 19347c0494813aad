/* SPDX-License-Identifier: MIT */
/*
 * A thread installs the hooks with pthread_atfork and forks: through them, once.
 *
 *	THEN		what another thread does beside it: the same (forker), or it forks while they are about to be installed,
 *			perhaps, and does the same in the child (bystander)
 */

#include <urcu/flavor.h>

#include "checker/rcu.h"
#include "checker/child.h"

int children;

static void ignore(void *priv)
{
	(void)priv;
}

static void note_child(void *priv)
{
	(void)priv;
	children++;
}

static struct urcu_atfork noted = { ignore, ignore, note_child, NULL };

static void enable_and_fork(void)
{
	int before = children;
	pid_t pid;

	assert(urcu_atfork_enable() == 0);
	pid = fork();
	if (pid == 0) {
		assert(children == before + 1);
		_exit(0);
	}
	await_child(pid);
}

static void *forker(void *arg)
{
	enable_and_fork();
	return arg;
}

/* Perhaps while another is about to install them. */
static void *bystander(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		enable_and_fork();
		_exit(0);
	}
	await_child(pid);
	return arg;
}

int main(void)
{
	urcu_register_rculfhash_atfork(&noted);
	run(forker, THEN, NULL);
	return 0;
}
