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

extern void *__libc_malloc(size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static int poor;			/* there is no memory for arrays */
static int no_stash;			/* nor for stashes */
static void *last_stash;		/* or what else was aligned */
static int must_stay;			/* last_stash */
static void (*when_measured)(void);

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
	__libc_free(ptr);
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
	tcase_add_test(tcase, who_gives_has_a_worker_that_was_stopped_made_again);
	tcase_add_loop_test(tcase, destructors_may_give_after_an_exit_in_a_handler, 0, 2);
	tcase_add_test(tcase, exit_leaves_the_stashes_of_other_threads);
	return run_suite(suite);
}
