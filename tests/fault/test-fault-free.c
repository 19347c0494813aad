/* SPDX-License-Identifier: MIT */
/*
 * free_rcu where there is no memory, no worker's thread, and where exit comes in the middle of it. The executable's own malloc and so on
 * are found before the C library's; they fail, or stop, for the arrays and stashes of free_rcu alone.
 */
#include "../fork/fork-harness.h"

#include <dlfcn.h>
#include <malloc.h>

/* As the library has them. */
#define IN_ARRAY	256
#define ARRAY_SIZE	((IN_ARRAY + 2) * sizeof(void *))
#define IN_RESERVE	(34 * IN_ARRAY)
#define FEW		4
#define LEAD_MOST	(16 * IN_ARRAY)

extern void *__libc_malloc(size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static int poor;			/* there is no memory for arrays */
static int no_stash;			/* nor for stashes */
static void *last_stash;		/* or what else was aligned */
static int must_stay;			/* last_stash */
static void (*when_measured)(void), (*when_asked)(void);
static int frees;

void *malloc(size_t size)
{
	if (get(&poor) && size == ARRAY_SIZE) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	if (get(&no_stash))
		return ENOMEM;
	*memory = last_stash = __libc_memalign(alignment, size);
	return *memory ? 0 : ENOMEM;
}

void free(void *ptr)
{
	if (get(&must_stay) && ptr == last_stash)
		_exit(3);
	__atomic_add_fetch(&frees, 1, __ATOMIC_RELAXED);
	__libc_free(ptr);
}

pthread_t pthread_self(void)
{
	static pthread_t (*real)(void);
	void (*act)(void) = when_asked;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_self");
	when_asked = NULL;
	if (act)
		act();
	return real();
}

size_t malloc_usable_size(void *ptr)
{
	static size_t (*usable_size)(void *ptr);

	if (!usable_size)
		*(void **)&usable_size = dlsym(RTLD_NEXT, "malloc_usable_size");
	if (when_measured)
		when_measured();
	return usable_size(ptr);
}

/* ---- Without memory ---- */

#define OBJECTS 20000

static char objects[OBJECTS];		/* 1: given; 2: freed */
static int freed;

static void note(void *ptr)
{
	char *object = ptr;

	MUST(object >= objects && object < objects + OBJECTS && *object == 1);
	*object = 2;
	put(&freed, get(&freed) + 1);
}

static void give(int from, int count)
{
	for (int i = from; i < from + count; i++) {
		objects[i] = 1;
		urcu_free_rcu(&objects[i]);
	}
}

/* In a section nothing of it can be freed, and nobody can wait. Each time the room is there again. */
START_TEST(what_is_given_in_a_section_waits_in_the_reserve)
{
	int count = _i ? IN_RESERVE : IN_RESERVE - IN_ARRAY;

	MUST(urcu_free_rcu_with(note) == 0);
	rcu_register_thread();
	put(&no_stash, !_i);
	put(&poor, 1);
	for (int i = 0; i < 2; i++) {
		rcu_read_lock();
		give(i * count, count);
		MUST(get(&freed) == i * count);
		rcu_read_unlock();
		rcu_barrier();
		MUST(get(&freed) == (i + 1) * count);
	}
	put(&poor, 0);
	rcu_unregister_thread();
}
END_TEST

/* What is beyond stays allocated, which is said once; the others are freed, and outside of sections all are. */
START_TEST(what_is_beyond_the_reserve_is_reported)
{
	int most = IN_RESERVE + IN_ARRAY;
	char line[256];

	MUST(urcu_free_rcu_with(note) == 0);
	rcu_register_thread();
	put(&poor, 1);
	rcu_read_lock();
	give(0, most + 100);
	rcu_read_unlock();
	rcu_barrier();
	MUST(get(&freed) >= IN_RESERVE && get(&freed) <= most);
	most = get(&freed);
	give(OBJECTS / 2, OBJECTS / 2);
	rcu_barrier();
	MUST(get(&freed) == most + OBJECTS / 2);
	rcu_unregister_thread();
	rewind(reports);
	MUST(fgets(line, sizeof(line), reports) && strstr(line, "it stays allocated"));
	MUST(!fgets(line, sizeof(line), reports));
	MUST(ftruncate(fileno(reports), 0) == 0);
}
END_TEST

/* ---- While the worker is held up ---- */

static sem_t busy, idle;

static void stay_in_callback(struct rcu_head *head)
{
	(void)head;
	rcu_thread_offline();
	sem_post(&busy);
	await(&idle);
	rcu_thread_online();
}

static void hold_worker(void)
{
	static struct rcu_head head;

	sem_init(&busy, 0, 0);
	sem_init(&idle, 0, 0);
	call_rcu(&head, stay_in_callback);
	await(&busy);
}

START_TEST(who_keeps_up_frees_a_few_at_a_time)
{
	int given = 50000, before, first, most = 0;

	hold_worker();
	first = get(&frees);
	for (int i = 0; i < given; i++) {
		void *block = malloc(24);

		before = get(&frees);
		urcu_free_rcu(block);
		if (get(&frees) - before > most)
			most = get(&frees) - before;
	}
	MUST(most <= 2 * FEW);
	MUST(get(&frees) - first >= given - 2 * LEAD_MOST);
	sem_post(&idle);
	rcu_barrier();
	MUST(get(&frees) - first >= given);
}
END_TEST

/* ---- Without the worker's thread ---- */

static void stop_worker(void *arg)
{
	(void)arg;
	MUST(urcu_stop_default_worker() == 0);
}

/* It leaves after its grace period, and before what waits for that is freed. */
START_TEST(who_gives_has_a_worker_that_was_stopped_made_again)
{
	unsigned long before = gp_number();
	struct reader_thread reader;
	struct task task;

	MUST(urcu_free_rcu_with(note) == 0);
	hold(&reader);
	give(0, 1);
	await_grace_period_after(before);
	start_stuck_task(&task, stop_worker, NULL);
	release(&reader);
	join(task.thread);
	MUST(get(&freed) == 0);
	give(1, 1);
	await_value(&freed, 2);
}
END_TEST

/* ---- exit in the middle of it ---- */

static void leave_in_handler(int signal)
{
	(void)signal;
	exit(0);
}

static void interrupt(void)
{
	when_measured = NULL;
	MUST(raise(SIGUSR1) == 0);
}

static void give_at_the_end(void)
{
	STAGE("a function of atexit gives");
	for (int i = 0; i < 20; i++)
		urcu_free_rcu(malloc(1));
	put(&freed, 1);
}

static void must_have_given(void)
{
	MUST(get(&freed));
}

/* Threads share a stash, whose lock the interrupted thread has. */
static void exit_in_a_handler(void *late)
{
	STAGE("exit in a handler");
	put(&no_stash, 1);
	MUST(signal(SIGUSR1, leave_in_handler) != SIG_ERR);
	MUST(atexit(must_have_given) == 0);
	if (!late)
		MUST(atexit(give_at_the_end) == 0);
	urcu_free_rcu(malloc(1));
	if (late)
		MUST(atexit(give_at_the_end) == 0);
	when_measured = interrupt;
	for (int i = 0; i < 20; i++)
		urcu_free_rcu(malloc(1));
	MUST(!"exit");
}

START_TEST(destructors_may_give_after_an_exit_in_a_handler)
{
	run_plain_child(exit_in_a_handler, _i ? &poor : NULL);
}
END_TEST

static void wait_at_the_end(void)
{
	STAGE("a function of atexit waits");
	rcu_barrier();
	put(&freed, 1);
}

static void leave_as_asked(void)
{
	MUST(raise(SIGUSR1) == 0);
}

/* The handler interrupts it between taking the turn and saying whose it is, in a call in which few are due. */
static void exit_in_few(void *arg)
{
	(void)arg;
	STAGE("exit in a handler, between two steps");
	MUST(signal(SIGUSR1, leave_in_handler) != SIG_ERR);
	hold_worker();
	sem_post(&idle);
	MUST(atexit(must_have_given) == 0);
	MUST(atexit(wait_at_the_end) == 0);
	for (int i = 0; i < 100000; i++) {
		void *block = malloc(24);

		if (i > 2 * LEAD_MOST && i % 16 == FEW)
			when_asked = leave_as_asked;
		urcu_free_rcu(block);
		when_asked = NULL;
	}
	MUST(!"exit");
}

START_TEST(a_barrier_returns_after_an_exit_in_a_handler)
{
	run_plain_child(exit_in_few, NULL);
}
END_TEST

/* ---- An exit that is taken for dlclose ---- */

#define EARLY "--early"

static sem_t inside;

static void stay(void)
{
	when_measured = NULL;
	put(&must_stay, 1);
	sem_post(&inside);
	for (;;)
		pause();
}

static void *give_and_stay(void *arg)
{
	when_measured = stay;
	urcu_free_rcu(malloc(1));
	return arg;
}

static struct counted early;

/* What is registered with atexit now comes after the destructors of libraries. */
static void before_main(int argc, char **argv, char **environment)
{
	(void)environment;
	if (argc == 2 && !strcmp(argv[1], EARLY))
		call_rcu(&early.head, count);
}

__attribute__((section(".preinit_array"), used))
static void (*const first_of_all)(int, char **, char **) = before_main;

static int main_of_early(void)
{
	pthread_t thread;

	sem_init(&inside, 0, 0);
	rcu_barrier();
	if (pthread_create(&thread, NULL, give_and_stay, NULL) != 0)
		return 1;
	await(&inside);
	return 0;
}

static void execute_early(void *arg)
{
	(void)arg;
	STAGE("a worker from before main");
	execl("/proc/self/exe", "early", EARLY, (char *)NULL);
	MUST(!"exec");
}

START_TEST(exit_leaves_the_stashes_of_other_threads)
{
	run_plain_child(execute_early, NULL);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("fault-free-" FLAVOR);
	TCase *tcase = add_case(suite, "free");

	if (argc == 2 && !strcmp(argv[1], EARLY))
		return main_of_early();
	tcase_add_loop_test(tcase, what_is_given_in_a_section_waits_in_the_reserve, 0, 2);
	tcase_add_test(tcase, what_is_beyond_the_reserve_is_reported);
	tcase_add_test(tcase, who_keeps_up_frees_a_few_at_a_time);
	tcase_add_test(tcase, who_gives_has_a_worker_that_was_stopped_made_again);
	tcase_add_loop_test(tcase, destructors_may_give_after_an_exit_in_a_handler, 0, 2);
	tcase_add_test(tcase, a_barrier_returns_after_an_exit_in_a_handler);
	tcase_add_test(tcase, exit_leaves_the_stashes_of_other_threads);
	return run_suite(suite);
}
