/* SPDX-License-Identifier: MIT */
/* Every call that may fail fails once, in turn; then some in a row; then all from there on. */
#define TEST_LIMIT	300
#define CHILD_LIMIT	25
#include "fault.h"

/* Of each scenario's calls of a kind at most so many are tried, evenly. */
static unsigned long tried(void)
{
	const char *wanted = getenv("FAULT_TEST_TRIED");

	return wanted && atoi(wanted) > 0 ? (unsigned long)atoi(wanted) : 24;
}

static int plan_file, report_file;
static struct fault *plan;

static char *reported(void)
{
	static char text[1024];
	ssize_t length = pread(report_file, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

/* In the child: the program again, as a scenario. A short limit at exit where no worker can run. */
static void become_scenario(const char *scenario)
{
	char file[16];

	snprintf(file, sizeof(file), "%d", plan_file);
	setenv("URCU_EXIT_TIMEOUT", strstr(scenario, "stuck") ||
	       (plan->first && plan->kind == FAULT_THREAD) ? "50" : "20000", 1);
	dup2(report_file, STDERR_FILENO);
	setenv("URCU_REPORT", "2", 1);	/* whatever it is */
	execl("/proc/self/exe", "scenario", SCENARIO_OPTION, scenario, file, NULL);
	_exit(127);
}

static int run(const char *scenario)
{
	int status = -1;
	pid_t child;

	memset(plan->calls, 0, sizeof(plan->calls));
	memset(plan->marks, 0, sizeof(plan->marks));
	plan->failed = 0;
	plan->shared.failure[0] = '\0';
	plan->allocated = plan->mapped = 0;
	ck_assert_int_eq(ftruncate(report_file, 0), 0);
	lseek(report_file, 0, SEEK_SET);
	child = fork();
	if (child == 0)
		become_scenario(scenario);
	ck_assert_int_gt(child, 0);
	while (waitpid(child, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return status;
}

/* What is not given back at exit for want of the call that tells or does it. */
static bool may_keep_memory(void)
{
	return plan->kind == FAULT_UNMAP || plan->kind == FAULT_KEY || plan->kind == FAULT_HELP ||
	       plan->kind == FAULT_BARRIERS;
}

/*
 * What threads that come may still use: a stash and its array, of as many threads as live at once; and 32 empty arrays
 * of the one that has given much and lives.
 */
static long kept(const char *scenario)
{
	return strcmp(scenario, "free_pointers") == 0 ? 2 * 2 + 32 : 0;
}

/* Callbacks of which the exit could make no thread stay. */
static bool may_stay(void)
{
	return plan->failed && plan->kind == FAULT_THREAD;
}

static void check_marks(const char *scenario)
{
	int most = 0, least = 1;

	for (int i = 0; i < MARKS; i++) {
		most = plan->marks[i] > most ? plan->marks[i] : most;
		least = plan->marks[i] < least ? plan->marks[i] : least;
	}
	if (strcmp(scenario, "exit_with_callbacks"))
		return;
	ck_assert_msg(most <= 1 && (least == 1 || may_stay()), "kind %d, call %lu to %lu, error %d: "
		      "callbacks ran %d to %d times at exit: %s", plan->kind, plan->first,
		      plan->last, plan->error, least, most, reported());
}

static void check(const char *scenario)
{
	int status = run(scenario);

	ck_assert_msg(status == 0, "kind %d, call %lu to %lu, error %d: status %#x: %s %s", plan->kind,
		      plan->first, plan->last, plan->error, status, plan->shared.failure,
		      reported());
	if (!plan->failed)
		ck_assert_msg(!*reported(), "reported without cause: %s", reported());
	check_marks(scenario);
	if (may_stay() || (plan->failed && may_keep_memory()))
		return;
	ck_assert_msg(plan->allocated <= kept(scenario) && plan->mapped == 0, "kind %d, call %lu to %lu, error "
		      "%d: %ld allocations and %ld mapped bytes left", plan->kind, plan->first,
		      plan->last, plan->error, plan->allocated, plan->mapped);
}

/*
 * bp's registration waits for memory, as there is no way to say that there is none. Without wake-ups
 * nobody wakes.
 */
static bool may_fail_for_good(void)
{
	return plan->kind != FAULT_WAKE && (plan->kind != FAULT_MAP || strcmp(FLAVOR, "bp"));
}

static void check_kind(const char *scenario, enum fault_kind kind, unsigned long calls, int error)
{
	unsigned long step = calls / tried() + 1;

	plan->kind = kind;
	plan->error = error;
	for (unsigned long n = 1; n <= calls; n += step) {
		plan->first = n;
		for (plan->last = n; plan->last <= n + 4; plan->last += 4)
			check(scenario);
		plan->last = ~0UL;
		if (may_fail_for_good())
			check(scenario);
	}
}

static const struct {
	enum fault_kind kind;
	int error;
} faults[] = {
	{ FAULT_MEMORY, ENOMEM }, { FAULT_MAP, ENOMEM }, { FAULT_PROTECT, ENOMEM },
	{ FAULT_UNMAP, ENOMEM }, { FAULT_THREAD, EAGAIN }, { FAULT_KEY, ENOMEM },
	{ FAULT_ATFORK, ENOMEM },
	{ FAULT_WAIT, EINTR }, { FAULT_WAIT, EAGAIN }, { FAULT_WAIT, ENOSYS },
	{ FAULT_WAKE, EINTR }, { FAULT_WAKE, ENOMEM },
	{ FAULT_MEMBARRIER, ENOSYS }, { FAULT_MEMBARRIER, EPERM },
	{ FAULT_AFFINITY, EINVAL }, { FAULT_CPUS, EINVAL }, { FAULT_HELP, ENOSYS },
};

/* A large table takes long, and differs from a small one in its memory alone. */
static bool matters(enum fault_kind kind, const char *scenario)
{
	return strcmp(scenario, "table_in_large_pieces") || kind == FAULT_MEMORY || kind == FAULT_MAP ||
	       kind == FAULT_PROTECT || kind == FAULT_UNMAP;
}

static void show(const char *scenario)
{
	fprintf(stderr, FLAVOR " %s:", scenario);
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		fprintf(stderr, " %lu", plan->calls[kind]);
	fprintf(stderr, "\n");
}

START_TEST(each_call_may_fail)
{
	const char *scenario = fault_scenarios[_i];
	unsigned long calls[FAULT_KINDS];

	plan->first = plan->last = 0;
	check(scenario);
	memcpy(calls, plan->calls, sizeof(calls));
	if (getenv("FAULT_TEST_COUNTS"))
		show(scenario);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (matters(faults[i].kind, scenario))
			check_kind(scenario, faults[i].kind, calls[faults[i].kind], faults[i].error);
}
END_TEST

/* Its table is allocated: by the second call for memory, after the first worker's. */
START_TEST(a_large_machine_may_have_no_memory_for_its_table)
{
	plan->cpus = 80;
	plan->first = plan->last = 0;
	check("cpu_workers");
	check_kind("cpu_workers", FAULT_MEMORY, 2, ENOMEM);
}
END_TEST

static void refuse_futexes(void)
{
	plan->kind = FAULT_FUTEX;
	plan->error = ENOSYS;
	plan->first = 1;
	plan->last = ~0UL;
}

/*
 * Threads that cannot sleep spin, and come through; that is reported by who wakes in vain. Among readers
 * alone nobody in the library wakes another.
 */
START_TEST(without_futexes_all_goes_on)
{
	refuse_futexes();
	check(fault_scenarios[_i]);
	ck_assert(strcmp(fault_scenarios[_i], "readers") == 0 ||
		  strstr(reported(), "the kernel refuses futex"));
}
END_TEST

/* That it ends is for its alarm to see. */
START_TEST(without_futexes_the_exit_keeps_its_limit)
{
	refuse_futexes();
	ck_assert_int_eq(run("exit_with_a_stuck_callback"), 0);
}
END_TEST

/* The readers' rule is that of fences then: the older command takes milliseconds and is not used. */
START_TEST(an_older_membarrier_is_left_alone)
{
	plan->kind = FAULT_OLDER_MEMBARRIER;
	check(fault_scenarios[_i]);
	ck_assert(!*reported());
}
END_TEST

/* Taken away after init, which calls membarrier twice. */
#if defined(RCU_MB) || defined(TEST_QSBR)
START_TEST(without_barriers_for_others_readers_with_fences_go_on)
{
	plan->kind = FAULT_BARRIERS;
	plan->error = EPERM;
	plan->first = 3;
	plan->last = ~0UL;
	check(fault_scenarios[_i]);
}
END_TEST
#endif

#ifdef TEST_BP
START_TEST(bp_needs_no_key)
{
	plan->kind = FAULT_KEY;
	plan->error = ENOMEM;
	plan->first = plan->last = _i + 1;
	check("readers");
	ck_assert(!*reported());
}
END_TEST

START_TEST(bp_says_that_a_registration_waits_for_memory)
{
	plan->kind = FAULT_MAP;
	plan->error = ENOMEM;
	plan->first = 1;
	plan->last = 5;
	check("readers");
	ck_assert_uint_eq(plan->failed, 5);
	ck_assert(strstr(reported(), "no memory to register a reader; it waits for some"));
}
END_TEST
#endif

static void set_up_plan(void)
{
	plan_file = memfd_create("plan", 0);
	report_file = memfd_create("reports", 0);
	ck_assert(plan_file >= 0 && report_file >= 0);
	ck_assert_int_eq(ftruncate(plan_file, sizeof(*plan)), 0);
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, plan_file, 0);
	ck_assert(plan != MAP_FAILED);
}

static int run_tests(void)
{
	Suite *suite = suite_create("fault-" FLAVOR);
	TCase *tcase = tcase_create("faults");
	int scenarios = 0;

	while (fault_scenarios[scenarios])
		scenarios++;
	tcase_set_timeout(tcase, TEST_LIMIT);
	tcase_add_checked_fixture(tcase, set_up_plan, NULL);
	tcase_add_loop_test(tcase, each_call_may_fail, 0, scenarios);
	tcase_add_test(tcase, a_large_machine_may_have_no_memory_for_its_table);
	tcase_add_loop_test(tcase, without_futexes_all_goes_on, 0, scenarios);
	tcase_add_test(tcase, without_futexes_the_exit_keeps_its_limit);
	tcase_add_loop_test(tcase, an_older_membarrier_is_left_alone, 0, scenarios);
#if defined(RCU_MB) || defined(TEST_QSBR)
	tcase_add_loop_test(tcase, without_barriers_for_others_readers_with_fences_go_on, 0,
			    scenarios);
#endif
#ifdef TEST_BP
	tcase_add_loop_test(tcase, bp_needs_no_key, 0, 3);
	tcase_add_test(tcase, bp_says_that_a_registration_waits_for_memory);
#endif
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}

int main(int argc, char **argv)
{
	return argc > 2 && strcmp(argv[1], SCENARIO_OPTION) == 0 ? run_scenario(argv[2]) :
	       run_tests();
}
