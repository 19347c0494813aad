/* SPDX-License-Identifier: MIT */
/*
 * What call_rcu does to the thread that calls it, and to others: no system call while its worker is
 * awake, or polls; no yield; and nobody's CPUs or priority are changed, in any flood.
 */
#include "../unit/harness.h"

#include <sys/resource.h>

/* ---- System calls of one thread ---- */

static unsigned int trapped;		/* atomic */
static volatile int first_trapped;

static void count_trap(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (raise_by(trapped, 1) == 1)
		first_trapped = info->si_syscall;
}

static void count_traps(void)
{
	struct sigaction action = { .sa_sigaction = count_trap, .sa_flags = SA_SIGINFO };

	want(sigaction(SIGSYS, &action, NULL) == 0);
}

#define LOAD_NUMBER	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define ALLOW(number)								\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),			\
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define TRAP(number)								\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1),			\
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)

static void install(struct sock_filter *code, size_t size, unsigned int flags)
{
	struct sock_fprog program = { .len = (unsigned short)size, .filter = code };

	count_traps();
	want(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	want(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
}

/* From here on the calling thread makes no call but those that end it; others count, and fail. */
static void count_my_calls(void)
{
	struct sock_filter code[] = {
		LOAD_NUMBER, ALLOW(SYS_rt_sigreturn), ALLOW(SYS_rt_sigprocmask), ALLOW(SYS_exit),
		ALLOW(SYS_exit_group), ALLOW(SYS_write), ALLOW(SYS_madvise), ALLOW(SYS_munmap),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};

	install(code, sizeof(code) / sizeof(code[0]), 0);
}

/* Those that change a thread's CPUs or priority, by any thread of this process. */
static void count_changes(void)
{
	struct sock_filter code[] = {
		LOAD_NUMBER, TRAP(SYS_sched_setaffinity), TRAP(SYS_sched_setscheduler),
		TRAP(SYS_sched_setparam), TRAP(SYS_sched_setattr), TRAP(SYS_setpriority),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(code[0]), SECCOMP_FILTER_FLAG_TSYNC);
}

static unsigned int counted;

/* What comes after is none of the test's. */
static void end_of_count(void)
{
	put(counted, get(trapped));
}

static void must_have_trapped_nothing(void)
{
	ck_assert_msg(get(counted) == 0, "%u system calls, the first is number %d", get(counted),
		      first_trapped);
}

/* ---- Which worker ---- */

enum { DEFAULT, MADE, OF_CPUS, RT, RT_OF_CPUS, KINDS };

static struct call_rcu_data *worker;

static void choose_worker(int kind)
{
	unsigned long flags = kind == RT || kind == RT_OF_CPUS ? URCU_CALL_RCU_RT : 0;

	if (kind == DEFAULT)
		return;
	want(worker = create_call_rcu_data(flags, -1));
	if (kind == MADE || kind == RT)
		return;
	for (int cpu = 0; cpu < (int)sysconf(_SC_NPROCESSORS_CONF); cpu++)
		want(set_cpu_call_rcu_data(cpu, worker) == 0);
	worker = NULL;
}

/* ---- A producer whose worker is busy ---- */

#define MANY (SLOW_BUILD ? 20000 : 200000)

static struct rcu_head many[MANY];
static unsigned int ran;
static bool inside, leave;

static void run(struct rcu_head *head)
{
	(void)head;
	raise_by(ran, 1);
}

/* A callback that keeps its worker awake. */
static void stay_awake(struct rcu_head *head)
{
	(void)head;
	put(inside, true);
	while (!get(leave))
		caa_cpu_relax();
}

/* In qsbr offline: its worker waits for no announcement of ours. */
static void *queue_many_and_count(void *arg)
{
	rcu_register_thread();
	set_thread_call_rcu_data(worker);
	/* The thread's first call may have to find its way. */
	call_rcu(&many[0], run);
	count_my_calls();
	for (unsigned int i = 1; i < MANY; i++)
		call_rcu(&many[i], run);
	end_of_count();
	put(leave, true);
	rcu_unregister_thread();
	return arg;
}

START_TEST(call_rcu_makes_no_system_call_while_its_worker_is_awake)
{
	static struct rcu_head head;
	static struct team team;

	choose_worker(_i);
	set_thread_call_rcu_data(worker);
	call_rcu(&head, stay_awake);
	await_that(get(inside));
	team_add(&team, 1, queue_many_and_count, NULL);
	team_join(&team);
	must_have_trapped_nothing();
	rcu_barrier();
	want(get(ran) == MANY);
}
END_TEST

/* ---- A worker that polls ---- */

/* Each finds it asleep in its pause, after some time with nothing to do. */
static void *queue_now_and_then(void *arg)
{
	rcu_register_thread();
	set_thread_call_rcu_data(worker);
	call_rcu(&many[0], run);
	count_my_calls();
	for (unsigned int i = 1; i < 50; i++) {
		while (get(ran) != i)
			caa_cpu_relax();
		/* It has run all there is, and rests: longer now and then. */
		for (uint64_t until = now_us() + 100 * (i % 20); now_us() < until;)
			caa_cpu_relax();
		call_rcu(&many[i], run);
	}
	end_of_count();
	rcu_unregister_thread();
	return arg;
}

START_TEST(call_rcu_makes_no_system_call_for_a_worker_that_polls)
{
	static struct team team;

	choose_worker(_i);
	team_add(&team, 1, queue_now_and_then, NULL);
	team_join(&team);
	must_have_trapped_nothing();
	rcu_barrier();
	want(get(ran) == 50);
}
END_TEST

/* ---- Flooders, and what becomes of everybody's CPUs ---- */

static bool over;
static unsigned long queued;

static void run_and_free(struct rcu_head *head)
{
	free(head);
	raise_by(ran, 1);
}

/* One that is known to have run. */
static void use_worker(void)
{
	raise_by(queued, 1);
	set_thread_call_rcu_data(worker);
	call_rcu(&many[0], run);
	rcu_barrier();
}

static void *flood(void *arg)
{
	rcu_register_thread();
	set_thread_call_rcu_data(worker);
	while (!get(over)) {
		struct rcu_head *head;

		if (get(queued) - get(ran) > 200000) {
			sched_yield();
			continue;
		}
		head = malloc(sizeof(*head));
		want(head);
		raise_by(queued, 1);
		call_rcu(head, run_and_free);
	}
	set_thread_call_rcu_data(NULL);
	rcu_unregister_thread();
	return arg;
}

static void *flood_bound(void *arg)
{
	pin_to(usable_cpu(1));
	return flood(arg);
}

/* Of each thread of this process but the bound one: whether it may still run where it might. */
static void must_all_be_free(const cpu_set_t *all, pid_t bound)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;

	want(tasks);
	while ((task = readdir(tasks))) {
		pid_t tid = (pid_t)atoi(task->d_name);
		cpu_set_t cpus;

		if (tid <= 0 || tid == bound || sched_getaffinity(tid, sizeof(cpus), &cpus) != 0)
			continue;
		ck_assert_msg(CPU_EQUAL(&cpus, all), "thread %d is bound", (int)tid);
	}
	closedir(tasks);
}

static pid_t flooder;

static void *flood_bound_and_tell(void *arg)
{
	put(flooder, (pid_t)syscall(SYS_gettid));
	return flood_bound(arg);
}

START_TEST(no_threads_cpus_change_in_a_flood)
{
	cpu_set_t all;
	static struct team team;

	want(sched_getaffinity(0, sizeof(all), &all) == 0);
	/* A thread that the standard worker is started by gives it its own CPUs, as threads do. */
	choose_worker(_i);
	use_worker();
	team_add(&team, 1, flood_bound_and_tell, NULL);
	await_that(get(flooder) && get(ran) > 1000);
	for (uint64_t until = now_us() + 500000; now_us() < until;) {
		must_all_be_free(&all, get(flooder));
		sched_yield();
	}
	put(over, true);
	team_join(&team);
	/* One that has been joined may still be seen for a moment. */
	must_all_be_free(&all, get(flooder));
	rcu_barrier();
	must_all_be_free(&all, get(flooder));
}
END_TEST

/* The program's own choice for a worker's thread, made while it works. */
START_TEST(a_workers_thread_stays_where_the_program_binds_it)
{
	static struct team team;
	struct call_rcu_data *mine;
	pthread_t thread;
	cpu_set_t set, now;

	choose_worker(_i);
	use_worker();
	rcu_register_thread();
	rcu_read_lock();
	mine = get_call_rcu_data();
	thread = get_call_rcu_thread(mine);
	rcu_read_unlock();
	team_add(&team, 2, _i % 2 ? flood : flood_bound, NULL);
	for (unsigned int round = 0; round < 10; round++) {
		CPU_ZERO(&set);
		CPU_SET((size_t)usable_cpu(round), &set);
		want(pthread_setaffinity_np(thread, sizeof(set), &set) == 0);
		for (uint64_t until = now_us() + 30000; now_us() < until; sched_yield()) {
			want(pthread_getaffinity_np(thread, sizeof(now), &now) == 0);
			want(CPU_EQUAL(&now, &set));
		}
	}
	put(over, true);
	team_join(&team);
	rcu_barrier();
	want(pthread_getaffinity_np(thread, sizeof(now), &now) == 0);
	want(CPU_EQUAL(&now, &set));
	rcu_unregister_thread();
}
END_TEST

/* Whatever the calls would have changed: they are not made. */
START_TEST(no_call_that_changes_cpus_or_priorities_is_made)
{
	static struct team team;

	choose_worker(_i);
	count_changes();
	team_add(&team, 2, flood, NULL);
	await_that(get(ran) > 1000);
	for (uint64_t until = now_us() + 300000; now_us() < until;) {
		rcu_barrier();
		synchronize_rcu();
		call_rcu_before_fork();
		call_rcu_after_fork_parent();
		call_rcu_data_free(create_call_rcu_data(0, -1));
	}
	put(over, true);
	team_join(&team);
	rcu_barrier();
	end_of_count();
	must_have_trapped_nothing();
}
END_TEST

/* ---- A producer of a real-time policy ---- */

static sem_t go;
static bool holding, got_in, may_be_real_time;

static bool become_real_time(void)
{
	struct sched_param param = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

	pin_to(usable_cpu(0));
	return pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0;
}

/* Of the same CPU and priority: it runs only if the holder sleeps or yields, and would spin then. */
static void *want_what_is_held(void *arg)
{
	if (!become_real_time())
		return arg;
	await(&go);
	put(got_in, get(holding));
	return arg;
}

static void *hold_and_flood(void *arg)
{
	rcu_register_thread();
	set_thread_call_rcu_data(worker);
	call_rcu(&many[0], run);
	may_be_real_time = become_real_time();
	put(holding, true);
	sem_post(&go);
	for (unsigned int i = 1; may_be_real_time && i < MANY; i++)
		call_rcu(&many[i], run);
	put(holding, false);
	rcu_unregister_thread();
	return arg;
}

START_TEST(call_rcu_neither_sleeps_nor_yields_under_a_spinlock)
{
	static struct team team;

	sem_init(&go, 0, 0);
	choose_worker(_i);
	team_add(&team, 1, want_what_is_held, NULL);
	team_add(&team, 1, hold_and_flood, NULL);
	team_join(&team);
	rcu_barrier();
	if (!may_be_real_time)
		return;		/* not permitted here */
	want(!get(got_in));
	want(get(ran) == MANY);
}
END_TEST

/* ---- A producer with a deadline ---- */

#define DEADLINE_POLICY	6	/* SCHED_DEADLINE */
#define MS		1000000ull

static struct {
	int refused;			/* errno; 0: the producer has a deadline */
	long slept;			/* voluntary switches, which the kernel counts */
} producer;

/* The C library has no call for it. For so many ms of each 100; its threads are as any other. */
static int become_deadline(void)
{
	const struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attr = {
		.size = sizeof(attr), .policy = DEADLINE_POLICY, .flags = 1,
		.runtime = 40 * MS, .deadline = 100 * MS, .period = 100 * MS,
	};

	return syscall(SYS_sched_setattr, 0, &attr, 0) == 0 ? 0 : errno;
}

static long times_slept(void)
{
	struct rusage usage;

	want(getrusage(RUSAGE_THREAD, &usage) == 0);
	return usage.ru_nvcsw;
}

/* A yield is no sleep to the kernel, which counts it with what took the CPU away. */
static void count_my_yields(void)
{
	struct sock_filter code[] = {
		LOAD_NUMBER, TRAP(SYS_sched_yield), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(code[0]), 0);
}

static void *flood_with_deadline(void *arg)
{
	rcu_register_thread();
	set_thread_call_rcu_data(worker);
	call_rcu(&many[0], run);
	memset(&many[1], 0, sizeof(many) - sizeof(many[0]));	/* no page is missing later */
	count_my_yields();
	producer.refused = become_deadline();
	producer.slept = times_slept();
	for (unsigned int i = 1; !producer.refused && i < MANY; i++)
		call_rcu(&many[i], run);
	producer.slept = times_slept() - producer.slept;
	end_of_count();
	rcu_unregister_thread();
	return arg;
}

START_TEST(call_rcu_neither_sleeps_nor_yields_before_a_deadline)
{
	static struct team team;

	choose_worker(_i);
	use_worker();
	team_add(&team, 1, flood_with_deadline, NULL);
	team_join(&team);
	if (producer.refused) {
		printf("# SKIP deadline, kind %d: sched_setattr: %s\n", _i, strerror(producer.refused));
		fflush(stdout);
		return;
	}
	rcu_barrier();
	ck_assert_int_eq(producer.slept, 0);
	must_have_trapped_nothing();
	want(get(ran) == MANY + 1);	/* use_worker's, too */
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("caller/" FLAVOR);
	TCase *tcase = add_case(suite, "calls", 30);

#if !SLOW_BUILD		/* whose own calls count */
	tcase_add_loop_test(tcase, call_rcu_makes_no_system_call_while_its_worker_is_awake, 0, KINDS);
	tcase_add_loop_test(tcase, call_rcu_makes_no_system_call_for_a_worker_that_polls, RT, KINDS);
#endif
	tcase_add_loop_test(tcase, call_rcu_neither_sleeps_nor_yields_under_a_spinlock, 0, KINDS);
	tcase_add_loop_test(tcase, call_rcu_neither_sleeps_nor_yields_before_a_deadline, 0, KINDS);
	tcase = add_case(suite, "cpus", 30);
	tcase_add_loop_test(tcase, no_threads_cpus_change_in_a_flood, 0, KINDS);
	tcase_add_loop_test(tcase, a_workers_thread_stays_where_the_program_binds_it, 0, KINDS);
	tcase_add_loop_test(tcase, no_call_that_changes_cpus_or_priorities_is_made, 0, KINDS);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
