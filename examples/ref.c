/* SPDX-License-Identifier: MIT */
/*
 * Objects that are kept longer than a section lasts. RCU finds the object and keeps it just long
 * enough to take a reference; the reference keeps it from then on, and may be held while waiting.
 * The last to put one has the object freed, after a grace period: others may just be finding it.
 *
 * cc ref.c -lurcu -lpthread
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu.h>
#include <urcu/compiler.h>
#include <urcu/ref.h>
#include <urcu/uatomic.h>

enum { USERS = 3, USES = 1000, OPEN = 0x09e2, CLOSED = 0xc105ed };

struct session {
	struct urcu_ref ref;
	struct rcu_head rcu;
	int state;		/* CLOSED when the last reference is gone */
};

static struct session *current;		/* RCU-protected; holds a reference of its own */
static int freed;			/* by callbacks, one at a time */
static int users = USERS;		/* atomic: still at work */

static struct session *open_session(void)
{
	struct session *session = malloc(sizeof(*session));

	if (!session)
		abort();
	urcu_ref_init(&session->ref);
	session->state = OPEN;
	return session;
}

static void free_session(struct rcu_head *head)
{
	free(caa_container_of(head, struct session, rcu));
	freed++;
}

static void release_session(struct urcu_ref *ref)
{
	struct session *session = caa_container_of(ref, struct session, ref);

	session->state = CLOSED;
	call_rcu(&session->rcu, free_session);
}

/* A reference to the current session, which the caller has to put. */
static struct session *get_session(void)
{
	struct session *session;
	bool taken;

	do {
		rcu_read_lock();
		session = rcu_dereference(current);
		sched_yield();		/* meanwhile the session may be closed */
		/* False if the last reference is gone: then there is a newer session by now. */
		taken = urcu_ref_get_unless_zero(&session->ref);
		rcu_read_unlock();
	} while (!taken);
	return session;
}

static void *use_sessions(void *arg)
{
	int *wrong = arg;

	rcu_register_thread();
	for (int i = 0; i < USES; i++) {
		struct session *session = get_session(), *same = session;

		sched_yield();		/* outside of the section: this may take long */
		*wrong += session->state != OPEN;
		urcu_ref_get(&same->ref);	/* who holds one can take another */
		urcu_ref_put(&session->ref, release_session);
		*wrong += same->state != OPEN;
		urcu_ref_put(&same->ref, release_session);
	}
	rcu_unregister_thread();
	uatomic_dec(&users);
	return NULL;
}

int main(void)
{
	pthread_t thread[USERS];
	int wrong[USERS] = { 0 }, sum = 0, sessions = 1;

	rcu_register_thread();		/* since it calls call_rcu, in release_session */
	current = open_session();
	for (int i = 0; i < USERS; i++)
		if (pthread_create(&thread[i], NULL, use_sessions, &wrong[i]))
			return EXIT_FAILURE;
	for (; uatomic_load(&users); sessions++) {
		/* The new one first: users must find one that is not yet released. */
		struct session *old = rcu_xchg_pointer(&current, open_session());

		urcu_ref_put(&old->ref, release_session);
		for (int i = 0; i < 2 * USERS; i++)	/* a session lasts a while */
			sched_yield();
	}
	for (int i = 0; i < USERS; i++) {
		pthread_join(thread[i], NULL);
		sum += wrong[i];
	}
	urcu_ref_put(&current->ref, release_session);
	rcu_barrier();
	rcu_unregister_thread();
	printf("%d sessions, %d freed, %d uses of a closed one\n", sessions, freed, sum);
	return freed == sessions && !sum ? EXIT_SUCCESS : EXIT_FAILURE;
}
