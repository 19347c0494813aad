/* SPDX-License-Identifier: MIT */
/* A kernel, or a sandbox, that refuses sys_membarrier: from the start, or from some moment on. */
#include "harness.h"

#include <linux/membarrier.h>
#include <sys/wait.h>

#ifdef TEST_BP
#define HAS_MEMBARRIER urcu_bp_has_sys_membarrier
#else
#define HAS_MEMBARRIER urcu_memb_has_sys_membarrier
#endif

static const int errors[] = { ENOSYS, EPERM, EINVAL };

static bool granted(void)
{
	return __atomic_load_n(&HAS_MEMBARRIER, __ATOMIC_RELAXED) != 0;
}

/* A reader that leaves and does nothing more: a leader who sleeps has to find out. */
static void *enter_once(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	sem_post(arg);
	hold_for(20000);
	rcu_read_unlock();
	await((sem_t *)arg + 1);
	rcu_unregister_thread();
	return NULL;
}

static void check_lonely_readers(void)
{
	for (int i = 0; i < 100; i++) {
		pthread_t reader;
		sem_t steps[2];

		sem_init(&steps[0], 0, 0);
		sem_init(&steps[1], 0, 0);
		reader = start(enter_once, steps);
		await(&steps[0]);
		synchronize_rcu();
		sem_post(&steps[1]);
		pthread_join(reader, NULL);
	}
}

static void check_that_all_works(void)
{
	struct tally tally = { 0, 0 };
	static struct stress s;

	check_lonely_readers();
	for (int i = 0; i < 20; i++) {
		queue_jobs(&tally, 100);
		rcu_barrier();
		all_ran_once(&tally);
	}
	stress_begin(&s, 2, 2);
	stress_go_on(200);
	stress_end(&s);
	check_that_no_section_hides(500);
}

/* What the program does when it is started again under the filter. */
static int refused_from_the_start(void)
{
	if (granted())
		return 2;
	check_that_all_works();
	return granted() ? 3 : 0;
}

START_TEST(everything_works_if_refused_from_the_start)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		refuse(SYS_membarrier, -1, 0, errors[_i], 0);
		execl("/proc/self/exe", "test-refused", "--refused", NULL);
		_exit(1);
	}
	want(waitpid(child, &status, 0) == child);
	want(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(everything_works_if_only_the_command_is_refused)
{
	if (!granted())
		return;
	refuse(SYS_membarrier, 0, MEMBARRIER_CMD_PRIVATE_EXPEDITED, errors[_i], 0);
	check_that_all_works();
	/* A reader may have been about to enter by the rule in force so far: it stays in force. */
	want(granted());
}
END_TEST

START_TEST(readers_stay_protected_if_refused_while_they_read)
{
	static struct stress s;

	if (!granted())
		return;
	stress_begin(&s, 3, 2);
	stress_go_on(50);
	want(granted());
	refuse(SYS_membarrier, _i & 1 ? 0 : -1, MEMBARRIER_CMD_PRIVATE_EXPEDITED, errors[_i / 2],
	       SECCOMP_FILTER_FLAG_TSYNC);
	stress_go_on(300);
	stress_end(&s);
	check_that_all_works();
}
END_TEST

#ifndef TEST_BP
/* rcu_init may be called at any time: readers are inside, by the rule that was in force before. */
START_TEST(rcu_init_decides_once)
{
	static struct stress s;

	if (!granted())
		return;
	stress_begin(&s, 2, 2);
	refuse(SYS_membarrier, -1, 0, errors[_i], SECCOMP_FILTER_FLAG_TSYNC);
	for (int i = 0; i < 1000; i++) {
		rcu_init();
		want(granted());
	}
	stress_go_on(100);
	stress_end(&s);
}
END_TEST
#endif

/* ---- Refused so late and so thoroughly that readers cannot be protected ---- */

static int output;

static void check_last_words(int number)
{
	(void)number;
	if (!strstr(captured(output), "readers cannot be protected"))
		_exit(EXIT_FAILURE);
}

static void *enter_and_stay(void *arg)
{
	rcu_register_thread();
	rcu_read_lock();
	sem_post(arg);
	pause();
	return NULL;
}

/* It stays; what is said then is looked at as the program aborts. */
static void have_reader(void)
{
	sem_t in;

	output = capture_stderr();
	signal(SIGABRT, check_last_words);
	sem_init(&in, 0, 0);
	start(enter_and_stay, &in);
	await(&in);
}

START_TEST(program_ends_if_readers_cannot_be_protected)
{
	have_reader();
	refuse(SYS_sched_setaffinity, -1, 0, EPERM, 0);
	refuse(SYS_membarrier, -1, 0, EPERM, 0);
	synchronize_rcu();
}
END_TEST

/* The program's own comes before the C library's. */
static int refused_cpu = -1;
static pthread_t mover;
static unsigned long moves;	/* of that thread */

int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *set)
{
	if (refused_cpu >= 0 && CPU_COUNT_S(size, set) == 1 &&
	    CPU_ISSET_S((size_t)refused_cpu, size, set)) {
		errno = EPERM;
		return -1;
	}
	moves += pthread_equal(pthread_self(), mover) != 0;
	return (int)syscall(SYS_sched_setaffinity, thread, size, set);
}

/* Who gives to free_rcu leads grace periods where that is a matter of a system call, and is not moved about for it. */
START_TEST(who_frees_stays_on_his_cpu)
{
	pthread_t reader;
	sem_t steps[2];

	sem_init(&steps[0], 0, 0);
	sem_init(&steps[1], 0, 0);
	reader = start(enter_once, steps);
	await(&steps[0]);
	urcu_free_rcu(malloc(1));
	rcu_barrier();
	refuse(SYS_membarrier, -1, 0, EPERM, SECCOMP_FILTER_FLAG_TSYNC);
	mover = pthread_self();
	for (int i = 0; i < 20000; i++)
		urcu_free_rcu(malloc(1));
	want(moves == 0);
	/* Who waits is. */
	while (!moves)
		synchronize_rcu();
	sem_post(&steps[1]);
	pthread_join(reader, NULL);
}
END_TEST

/* Readers may run on it. */
START_TEST(and_if_a_single_cpu_is_refused)
{
	have_reader();
	refused_cpu = usable_cpu(1);
	refuse(SYS_membarrier, -1, 0, EPERM, 0);
	synchronize_rcu();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tc;

	if (argc > 1 && strcmp(argv[1], "--refused") == 0)
		return refused_from_the_start();
	suite = suite_create("refused-" FLAVOR);
	tc = add_case(suite, "refused", 30);
	tcase_add_loop_test(tc, everything_works_if_refused_from_the_start, 0, 3);
	tcase_add_loop_test(tc, everything_works_if_only_the_command_is_refused, 0, 3);
	tcase_add_loop_test(tc, readers_stay_protected_if_refused_while_they_read, 0, 6);
#ifndef TEST_BP
	tcase_add_loop_test(tc, rcu_init_decides_once, 0, 3);
#endif
	if (granted()) {
		tcase_add_test_raise_signal(tc, program_ends_if_readers_cannot_be_protected,
					    SIGABRT);
		tcase_add_test(tc, who_frees_stays_on_his_cpu);
		tcase_add_test_raise_signal(tc, and_if_a_single_cpu_is_refused, SIGABRT);
	}
	return run_suite(suite);
}
