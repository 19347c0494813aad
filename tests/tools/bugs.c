/* SPDX-License-Identifier: MIT */
/*
 * The four bugs of doc/debugging.md, each as small as it gets. Usage: bugs hang|leak|crash|slow.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <urcu.h>

struct session {
	const char *user;
	char data[1000];
	struct rcu_head head;
};

static struct session *current;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int audit[2];			/* a pipe that nobody empties */

static struct session *new_session(void)
{
	struct session *session = malloc(sizeof(*session));

	if (!session)
		abort();
	session->user = "somebody";
	return session;
}

/* A freed session is not to be used any more: let everybody see that. */
static void free_session(struct rcu_head *head)
{
	struct session *session = caa_container_of(head, struct session, head);

	memset(session, 0x5a, sizeof(*session));
	free(session);
}

static void replace(void)
{
	struct session *old = rcu_xchg_pointer(&current, new_session());

	if (old)
		call_rcu(&old->head, free_session);
}

/* ---- hang: a reader waits for a lock, whose holder waits for readers ---- */

static void *look_up(void *arg)
{
	prctl(PR_SET_NAME, "look_up");
	rcu_register_thread();
	for (;;) {
		rcu_read_lock();
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		rcu_read_unlock();
	}
	return arg;
}

static void *update(void *arg)
{
	prctl(PR_SET_NAME, "update");
	for (;;) {
		pthread_mutex_lock(&lock);
		usleep(1000);
		synchronize_rcu();
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

/* ---- leak: a callback that does not come back ---- */

static void write_audit(struct rcu_head *head)
{
	static char entry[4096];

	if (write(audit[1], entry, sizeof(entry)) > 0)
		free_session(head);
}

static void *serve(void *arg)
{
	prctl(PR_SET_NAME, "serve");
	for (int i = 0;; i++) {
		struct session *session = new_session();

		call_rcu(&session->head, i % 100 ? free_session : write_audit);
		usleep(50);
	}
	return arg;
}

/* ---- crash: a reader that never registered ---- */

static void *look(void *arg)
{
	prctl(PR_SET_NAME, "look");
	for (;;) {
		const struct session *session;

		rcu_read_lock();
		session = rcu_dereference(current);
		usleep(20000);
		printf("%zu\n", strlen(session->user));
		rcu_read_unlock();
	}
	return arg;
}

static void *change(void *arg)
{
	prctl(PR_SET_NAME, "change");
	for (;;) {
		replace();
		usleep(1000);
	}
	return arg;
}

/* ---- slow: a reader that sleeps in its section ---- */

static void *report(void *arg)
{
	prctl(PR_SET_NAME, "report");
	rcu_register_thread();
	for (;;) {
		rcu_read_lock();
		usleep(50000);
		rcu_read_unlock();
	}
	return arg;
}

static void *publish(void *arg)
{
	prctl(PR_SET_NAME, "publish");
	for (;;) {
		synchronize_rcu();
		usleep(1000);
	}
	return arg;
}

static void run(void *(*first)(void *), void *(*second)(void *))
{
	pthread_t threads[2];

	if (pthread_create(&threads[0], NULL, first, NULL) != 0 ||
	    (second && pthread_create(&threads[1], NULL, second, NULL) != 0))
		abort();
	pthread_join(threads[0], NULL);
}

int main(int argc, char **argv)
{
	const char *bug = argc > 1 ? argv[1] : "";

	replace();
	if (pipe(audit) != 0)
		return 1;
	if (!strcmp(bug, "hang"))
		run(look_up, update);
	else if (!strcmp(bug, "leak"))
		run(serve, NULL);
	else if (!strcmp(bug, "crash"))
		run(look, change);
	else if (!strcmp(bug, "slow"))
		run(report, publish);
	fputs("usage: bugs hang|leak|crash|slow\n", stderr);
	return 2;
}
