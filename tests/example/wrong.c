/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong, as doc/first-steps.md lists it: "wrong NAME" does one such thing, so that the library says what
 * the document shows. test-examples.sh compares them. With -DUSE_QSBR for what only that flavor has.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef USE_QSBR
#include <urcu-qsbr.h>
#else
#include <urcu.h>
#endif
#include <quiesce/report.h>
#include <quiesce/stall.h>
#include <urcu/rculfhash.h>

static struct rcu_head head, other;
static int said;		/* atomic: reports of stalls that were heard */

static void nothing(struct rcu_head *node)
{
	(void)node;
}

static void waiting(struct rcu_head *node)
{
	(void)node;
	rcu_barrier();
}

static void ending(struct rcu_head *node)
{
	(void)node;
	pthread_exit(NULL);
}

static void hear(const char *message)
{
	fprintf(stderr, "liburcu: %s\n", message);
	uatomic_store(&said, 1);
}

static void await_report(void)
{
	while (!uatomic_load(&said))
		usleep(1000);
}

static void stuck(struct rcu_head *node)
{
	(void)node;
	await_report();
}

static void *hold_up(void *arg)
{
	pthread_barrier_t *begun = arg;

	rcu_register_thread();
	rcu_read_lock();
	pthread_barrier_wait(begun);
	await_report();
	rcu_read_unlock();
	rcu_unregister_thread();
	return NULL;
}

static void stall(void)
{
	pthread_barrier_t begun;
	pthread_t thread;

	quiesce_set_stall_timeout(50);
	quiesce_set_report_handler(hear);
	pthread_barrier_init(&begun, NULL, 2);
	if (pthread_create(&thread, NULL, hold_up, &begun))
		abort();
	pthread_barrier_wait(&begun);
	synchronize_rcu();
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&begun);
}

static void callback_stuck(void)
{
	quiesce_set_stall_timeout(50);
	quiesce_set_report_handler(hear);
	call_rcu(&head, stuck);
	rcu_barrier();
}

static void synchronize_in_section(void)
{
	rcu_read_lock();
	synchronize_rcu();
}

static void barrier_in_section(void)
{
	rcu_read_lock();
	rcu_barrier();
	rcu_read_unlock();
}

static void barrier_in_callback(void)
{
	call_rcu(&head, waiting);
	rcu_barrier();
}

static void unlock_twice(void)
{
	rcu_read_lock();
	rcu_read_unlock();
	rcu_read_unlock();
	synchronize_rcu();
}

static void unregister_in_section(void)
{
	rcu_read_lock();
	rcu_unregister_thread();
	rcu_register_thread();		/* main unregisters */
}

static void unregister_twice(void)
{
	rcu_unregister_thread();
	rcu_unregister_thread();
	rcu_register_thread();
}

static void *forget(void *arg)
{
	rcu_register_thread();
	return arg;
}

static void end_registered(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, forget, NULL))
		abort();
	pthread_join(thread, NULL);
}

static void call_twice(void)
{
	call_rcu_before_fork();		/* so that no worker takes it in between */
	call_rcu(&head, nothing);
	call_rcu(&head, nothing);
	call_rcu_after_fork_parent();
	rcu_barrier();
}

static void exit_in_callback(void)
{
	call_rcu(&head, ending);
	call_rcu(&other, nothing);
	rcu_barrier();
}

static void defer_unregistered(void)
{
	defer_rcu((void (*)(void *))free, malloc(1));
}

static void barrier_deferred(void *arg)
{
	(void)arg;
	rcu_defer_barrier();
}

static void defer_barrier_in_call(void)
{
	if (rcu_defer_register_thread())
		abort();
	defer_rcu(barrier_deferred, NULL);
	rcu_defer_barrier();
	rcu_defer_unregister_thread();
}

static void hook_alone(void)
{
	call_rcu_after_fork_child();
}

static void node_unaligned(void)
{
	struct cds_lfht *ht = cds_lfht_new(1, 1, 0, 0, NULL);
	static char room[64] __attribute__((aligned(16)));

	rcu_read_lock();
	cds_lfht_add(ht, 1, (struct cds_lfht_node *)(void *)(room + 1));
}

static const struct {
	const char *name;
	void (*run)(void);
} wrongs[] = {
	{ "register-twice", rcu_register_thread },
	{ "unregister-twice", unregister_twice },
	{ "unregister-in-section", unregister_in_section },
	{ "end-registered", end_registered },
	{ "synchronize-in-section", synchronize_in_section },
	{ "barrier-in-section", barrier_in_section },
	{ "barrier-in-callback", barrier_in_callback },
	{ "unlock-twice", unlock_twice },
	{ "call-twice", call_twice },
	{ "exit-in-callback", exit_in_callback },
	{ "defer-unregistered", defer_unregistered },
	{ "defer-barrier-in-call", defer_barrier_in_call },
	{ "hook-alone", hook_alone },
	{ "node-unaligned", node_unaligned },
	{ "stall", stall },
	{ "callback-stuck", callback_stuck },
};

int main(int argc, char **argv)
{
	alarm(60);
	rcu_register_thread();
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
		if (argc < 2)
			puts(wrongs[i].name);
		else if (!strcmp(argv[1], wrongs[i].name))
			wrongs[i].run();
	rcu_unregister_thread();
	return EXIT_SUCCESS;
}
