/* SPDX-License-Identifier: MIT */
/*
 * A program that knows no RCU opens a plug-in that does, uses it from threads that were never
 * registered, closes it, and finds itself as it was before: plug-in-host PLUG-IN CASE ROUNDS.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../limits.h"
#include "../want.h"

#define THREADS	3
#define WARM_UP	20

static const char *path;
static void *handle;
static int (*visit)(void), (*glance)(void);

static void *find(const char *name)
{
	void *found = dlsym(handle, name);

	want(found);
	return found;
}

static void open_plug_in(void)
{
	void *found;

	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		fprintf(stderr, "%s\n", dlerror());
	want(handle);
	found = find("visit");
	memcpy(&visit, &found, sizeof(found));
	found = find("glance");
	memcpy(&glance, &found, sizeof(found));
}

/* ---- What is there ---- */

struct state {
	int threads, mappings, keys;
	long pages;
};

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int entries = 0;

	want(dir);
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries - 2;
}

/* Of RCU nothing may be mapped. */
static int count_mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	char line[4352];
	int lines = 0;

	want(file);
	while (fgets(line, sizeof(line), file)) {
		want(!strstr(line, "liburcu") && !strstr(line, path));
		lines++;
	}
	fclose(file);
	return lines;
}

static int count_free_keys(void)
{
	pthread_key_t keys[4096];
	int count = 0;

	while (count < 4096 && pthread_key_create(&keys[count], NULL) == 0)
		count++;
	for (int i = 0; i < count; i++)
		pthread_key_delete(keys[i]);
	return count;
}

static long count_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages;

	want(file && fscanf(file, "%ld", &pages) == 1);
	fclose(file);
	return pages;
}

/* A thread that was joined may be listed a moment longer. */
static struct state look(int threads)
{
	struct state state = { .threads = threads };

	while (count_threads() != threads)
		sched_yield();
	state.mappings = count_mappings();
	state.keys = count_free_keys();
	state.pages = count_pages();
	return state;
}

/* Far less than a page or a mapping each round; what the C library keeps varies. */
static void compare(struct state first, struct state last, int rounds)
{
	fprintf(stderr, "mappings %d, then %d; pages %ld, then %ld; free keys %d, then %d\n",
		first.mappings, last.mappings, first.pages, last.pages, first.keys, last.keys);
	want(last.keys == first.keys);
	want(last.mappings - first.mappings < rounds / 10);
	want(last.pages - first.pages < rounds / 10);
}

/* ---- Threads: a pool that stays, and others that end after each use ---- */

static pthread_barrier_t before, after;
static bool over;

static void *use_once(void *arg)
{
	want(visit() > 0);
	return arg;
}

static void *use_always(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&before);
		if (over)
			return arg;
		want(visit() > 0);
		pthread_barrier_wait(&after);
	}
}

static void *glance_and_stay(void *arg)
{
	want(glance() == 1);
	pthread_barrier_wait(&after);
	pthread_barrier_wait(&before);
	return arg;
}

static void start(pthread_t *threads, void *(*work)(void *))
{
	for (int i = 0; i < THREADS; i++)
		want(pthread_create(&threads[i], NULL, work, NULL) == 0);
}

static void join(pthread_t *threads)
{
	for (int i = 0; i < THREADS; i++)
		want(pthread_join(threads[i], NULL) == 0);
}

/* ---- The cases ---- */

/* The main thread and the pool use one load after the other; some threads end before it goes. */
static void use_in_turn(void)
{
	pthread_t threads[THREADS];

	open_plug_in();
	pthread_barrier_wait(&before);
	start(threads, use_once);
	want(visit() > 0);
	join(threads);
	pthread_barrier_wait(&after);
	want(dlclose(handle) == 0);
}

static void in_turn(int rounds)
{
	pthread_t pool[THREADS];
	struct state first, last;

	start(pool, use_always);
	for (int i = 0; i < WARM_UP; i++)
		use_in_turn();
	first = look(1 + THREADS);
	for (int i = 0; i < rounds; i++)
		use_in_turn();
	last = look(1 + THREADS);
	over = true;
	pthread_barrier_wait(&before);
	join(pool);
	compare(first, last, rounds);
}

/* Threads that used it end after it is gone, while it is there again, or gone again. */
static void outlive(int round)
{
	pthread_t threads[THREADS];

	open_plug_in();
	start(threads, glance_and_stay);
	pthread_barrier_wait(&after);
	want(visit() > 0);
	want(dlclose(handle) == 0);
	if (round % 3 > 0) {
		open_plug_in();
		want(visit() > 0);
	}
	if (round % 3 > 1)
		want(dlclose(handle) == 0);
	pthread_barrier_wait(&before);
	join(threads);
	if (round % 3 == 1)
		want(dlclose(handle) == 0);
}

static void outlived(int rounds)
{
	struct state first;

	for (int i = 0; i < WARM_UP; i++)
		outlive(i);
	first = look(1);
	for (int i = 0; i < rounds; i++)
		outlive(i);
	compare(first, look(1), rounds);
}

int main(int argc, char **argv)
{
	want(argc == 4);
	alarm(120 * patience());
	path = argv[1];
	setenv("URCU_EXIT_TIMEOUT", "60000", 1);
	/* One arena: how many malloc makes for threads is chance, and each takes mappings. */
	mallopt(M_ARENA_MAX, 1);
	pthread_barrier_init(&before, NULL, THREADS + 1);
	pthread_barrier_init(&after, NULL, THREADS + 1);
	if (strcmp(argv[2], "in-turn") == 0)
		in_turn(atoi(argv[3]));
	else
		outlived(atoi(argv[3]));
	return 0;
}
