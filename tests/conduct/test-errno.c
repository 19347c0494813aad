/* SPDX-License-Identifier: MIT */
/*
 * Public functions keep errno, unless they say otherwise: where all goes well, where no thread can be
 * made, and where the kernel refuses what a call would like to have.
 */
#include "../unit/harness.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <urcu-defer.h>

#define KEPT 4711

#define KEEPS(call)								\
	do {									\
		errno = KEPT;							\
		call;								\
		ck_assert_msg(errno == KEPT, "%s: errno %d", #call, errno);	\
	} while (0)

/* ---- A process that gets no more threads ---- */

static bool refused;		/* atomic */
static unsigned int attempts;	/* atomic */

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*work)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	void *found = dlsym(RTLD_NEXT, "pthread_create");

	memcpy(&real, &found, sizeof(real));
	raise_by(attempts, 1);
	if (!get(refused))
		return real(thread, attr, work, arg);
	/* As the C library does: it has tried. */
	errno = ENOMEM;
	return EAGAIN;
}

/* ---- Everything once ---- */

static struct rcu_head heads[16];
static unsigned int ran;

static void run(struct rcu_head *head)
{
	(void)head;
	/* The worker's own. */
	errno = KEPT + 1;
	raise_by(ran, 1);
}

static void do_nothing(void *arg)
{
	errno = KEPT;
	(void)arg;
}

static void use_readers(void)
{
	KEEPS(rcu_register_thread());
	KEEPS(rcu_read_lock());
	KEEPS(rcu_read_unlock());
	KEEPS(rcu_thread_online());
	KEEPS(rcu_quiescent_state());
	KEEPS(rcu_thread_offline());
	KEEPS(synchronize_rcu());
	KEEPS(rcu_init());
	KEEPS((void)rcu_read_ongoing());
	KEEPS(rcu_unregister_thread());
}

static void use_polls(void)
{
	KEEPS((void)poll_state_synchronize_rcu(start_poll_synchronize_rcu()));
}

static void use_workers(void)
{
	struct call_rcu_data *worker;

	KEEPS(call_rcu(&heads[0], run));
	KEEPS(rcu_barrier());
	KEEPS(call_rcu(&heads[0], run));
	KEEPS((void)get_default_call_rcu_data());
	KEEPS((void)get_call_rcu_data());
	KEEPS((void)get_call_rcu_thread(get_default_call_rcu_data()));
	KEEPS(worker = create_call_rcu_data(0, -1));
	want(worker);
	KEEPS(set_thread_call_rcu_data(worker));
	KEEPS(call_rcu(&heads[1], run));
	KEEPS(set_thread_call_rcu_data(NULL));
	KEEPS(call_rcu_data_free(worker));
	KEEPS(worker = create_call_rcu_data(URCU_CALL_RCU_RT, 0));
	KEEPS(call_rcu_data_free(worker));
	KEEPS(want(create_all_cpu_call_rcu_data(0) == 0));
	KEEPS(call_rcu(&heads[2], run));
	KEEPS((void)get_cpu_call_rcu_data(0));
	KEEPS(free_all_cpu_call_rcu_data());
	KEEPS(rcu_barrier());
}

static void use_hooks(void)
{
	KEEPS(call_rcu_before_fork());
	KEEPS(call_rcu_after_fork_parent());
}

static void use_defer(void)
{
	rcu_register_thread();
	KEEPS(want(rcu_defer_register_thread() == 0));
	KEEPS(defer_rcu(do_nothing, NULL));
	KEEPS(rcu_defer_barrier_thread());
	KEEPS(rcu_defer_barrier());
	KEEPS(rcu_defer_unregister_thread());
	rcu_unregister_thread();
}

static void (*const uses[])(void) = { use_readers, use_polls, use_workers, use_hooks, use_defer };

#define USES ((int)(sizeof(uses) / sizeof(uses[0])))

/* The first use, another, and one after the worker has fallen asleep. */
START_TEST(functions_keep_errno)
{
	for (int i = 0; i < 3; i++) {
		uses[_i]();
		usleep(5000);
	}
}
END_TEST

/* A child with hooks, where workers are started again. */
START_TEST(functions_keep_errno_in_a_child)
{
	int status;
	pid_t pid;

	uses[_i]();
	call_rcu_before_fork();
	pid = fork();
	if (pid == 0) {
		KEEPS(call_rcu_after_fork_child());
		uses[_i]();
		_exit(0);
	}
	call_rcu_after_fork_parent();
	want(waitpid(pid, &status, 0) == pid && status == 0);
}
END_TEST

/* ---- A kernel that refuses ---- */

static const int refusable[] = {
	SYS_membarrier, SYS_sched_setaffinity, SYS_sched_getaffinity, SYS_prctl, SYS_madvise,
	SYS_getcpu, SYS_openat,
};

#define REFUSABLE ((int)(sizeof(refusable) / sizeof(refusable[0])))

START_TEST(functions_keep_errno_where_the_kernel_refuses)
{
	refuse(refusable[_i % REFUSABLE], -1, 0, EPERM, SECCOMP_FILTER_FLAG_TSYNC);
	uses[_i / REFUSABLE]();
	uses[_i / REFUSABLE]();
}
END_TEST

/* ---- No thread ---- */

START_TEST(call_rcu_keeps_errno_when_no_thread_can_be_made)
{
	int output = capture_stderr();

	put(refused, true);
	for (int i = 0; i < 10; i++)
		KEEPS(call_rcu(&heads[i], run));
	want(attempts > 0);
	want(lines_of(captured(output)) <= 1);
	KEEPS((void)get_default_call_rcu_data());
	KEEPS(call_rcu_before_fork());
	KEEPS(call_rcu_after_fork_parent());
	put(refused, false);
	KEEPS(rcu_barrier());
	want(get(ran) == 10);
}
END_TEST

/* It is not tried again at each of many calls: that costs each of them what a failed attempt does. */
START_TEST(attempts_to_make_a_thread_are_few)
{
	static struct rcu_head many[10000];

	capture_stderr();
	put(refused, true);
	for (int i = 0; i < 10000; i++)
		KEEPS(call_rcu(&many[i], run));
	ck_assert_uint_le(attempts, 1000);
	put(refused, false);
	rcu_barrier();
	want(get(ran) == 10000);
}
END_TEST

/* These say what they do. */
START_TEST(those_that_fail_set_it)
{
	capture_stderr();
	put(refused, true);
	errno = 0;
	want(create_call_rcu_data(0, -1) == NULL && errno == EAGAIN);
	errno = 0;
	want(create_all_cpu_call_rcu_data(0) < 0 && errno == EAGAIN);
	put(refused, false);
	KEEPS(want(create_all_cpu_call_rcu_data(0) == 0));
	KEEPS(free_all_cpu_call_rcu_data());
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("errno/" FLAVOR);
	TCase *tcase = add_case(suite, "errno", 20);

	tcase_add_loop_test(tcase, functions_keep_errno, 0, USES);
	tcase_add_loop_test(tcase, functions_keep_errno_where_the_kernel_refuses, 0,
			    REFUSABLE * USES);
	tcase_add_test(tcase, call_rcu_keeps_errno_when_no_thread_can_be_made);
	tcase_add_test(tcase, attempts_to_make_a_thread_are_few);
	tcase_add_test(tcase, those_that_fail_set_it);
	tcase = add_case(suite, "forks", 20);
	tcase_set_tags(tcase, "forks");		/* tests/sanitize/sanitize.sh */
	tcase_add_loop_test(tcase, functions_keep_errno_in_a_child, 0, USES);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
