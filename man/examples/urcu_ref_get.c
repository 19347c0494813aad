/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <urcu/ref.h>
#include <stdlib.h>

struct session {
	struct urcu_ref ref;
	struct rcu_head head;
};

static struct session *current;
static int freed;

static void free_session(struct rcu_head *head)
{
	free(caa_container_of(head, struct session, head));
	freed++;
}

static void release(struct urcu_ref *ref)
{
	call_rcu(&caa_container_of(ref, struct session, ref)->head, free_session);
}

/* For longer than a section: found under RCU, and kept by a reference. */
static struct session *get(void)
{
	struct session *session;

	rcu_read_lock();
	session = rcu_dereference(current);
	if (session && !urcu_ref_get_unless_zero(&session->ref))
		session = NULL;
	rcu_read_unlock();
	return session;
}

int main(void)
{
	struct session *session = malloc(sizeof(*session)), *mine;

	if (!session)
		return EXIT_FAILURE;
	rcu_register_thread();
	urcu_ref_init(&session->ref);			/* that of current */
	rcu_set_pointer(&current, session);
	mine = get();
	rcu_set_pointer(&current, NULL);
	urcu_ref_put(&session->ref, release);		/* mine is left */
	urcu_ref_put(&mine->ref, release);		/* the last one */
	rcu_barrier();
	rcu_unregister_thread();
	return freed == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
