/* SPDX-License-Identifier: MIT */
/*
 * An in-memory key-value store that is read while it is written, and saves itself by forking.
 *
 * Readers look keys up and verify what they find; an updater replaces, deletes and adds records and
 * frees the old ones through call_rcu; a saver forks again and again, and each child writes the
 * store as it was at that moment. This file has the options, the run and the report.
 */
#include "snapshot.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "snapshot-watch.h"

#define DEFAULT_FILE "/var/lib/dpkg/status"
#define FAILURES_SHOWN 20

enum { EXIT_WRONG = 1, EXIT_USAGE = 2 };

/* Static, so that a child which was forked by another thread can reach all of it as well. */
static struct app app;
static atomic_ulong failures;
static bool progress;

double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

void fail(const char *format, ...)
{
	unsigned long before = atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
	char text[512];
	va_list args;

	if (before >= FAILURES_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "%ssnapshot: %s: %s%s\n", progress ? "\r\033[K" : "",
		watch_role(watch_level()), text,
		before == FAILURES_SHOWN - 1 ? " (more are not shown)" : "");
}

unsigned long fail_count(void)
{
	return atomic_load_explicit(&failures, memory_order_relaxed);
}

void fail_reset(void)
{
	atomic_store_explicit(&failures, 0, memory_order_relaxed);
}

void die(const char *what)
{
	fprintf(stderr, "snapshot: %s: %s\n", what, strerror(errno));
	_exit(EXIT_WRONG);
}

static void usage(FILE *to)
{
	fputs("usage: snapshot [-q] [-t SECONDS] [-r READERS] [-d DIRECTORY] [FILE]\n"
	      "Serve the records of FILE (" DEFAULT_FILE ") from memory while they change,\n"
	      "save them by forking, and check every snapshot.\n"
	      "  -t SECONDS    how long (5)\n"
	      "  -r READERS    threads that read (2)\n"
	      "  -d DIRECTORY  where the snapshots go (a temporary one, removed at the end)\n"
	      "  -w SECONDS    time until a child's child counts as hung; its parents have two\n"
	      "                and three times as long (10)\n"
	      "  -q            print errors only\n"
	      "  -h            print this\n", to);
#ifdef SNAPSHOT_BP
	fputs("  --bp-hooks=inside|outside\n"
	      "                call urcu_bp_before_fork() and its companions as well, inside or\n"
	      "                outside of the call_rcu ones\n", to);
#endif
}

static void usage_error(const char *what, const char *value)
{
	fprintf(stderr, "snapshot: %s: %s\n", what, value);
	usage(stderr);
	exit(EXIT_USAGE);
}

static unsigned long number(const char *what, const char *text, unsigned long min,
			    unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || value < min || value > max)
		usage_error(what, text);
	return value;
}

static enum bp_hooks bp_hooks(const char *text)
{
#ifdef SNAPSHOT_BP
	if (strcmp(text, "inside") == 0)
		return BP_HOOKS_INSIDE;
	if (strcmp(text, "outside") == 0)
		return BP_HOOKS_OUTSIDE;
#endif
	usage_error("no such bp hooks in this flavor (" SNAPSHOT_FLAVOR ")", text);
	return BP_HOOKS_NONE;
}

static void option_take(struct options *options, int option)
{
	switch (option) {
	case 't':
		options->seconds = number("bad number of seconds", optarg, 1, 1000000);
		break;
	case 'r':
		options->readers = number("bad number of readers", optarg, 0, 10000);
		break;
	case 'w':
		options->watchdog = number("bad time for the watchdog", optarg, 1, 100000);
		break;
	case 'c':
		options->corrupt = number("bad snapshot to spoil", optarg, 1, 1000000000);
		break;
	case 'b':
		options->bp_hooks = bp_hooks(optarg);
		break;
	case 'd':
		options->directory = optarg;
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'h':
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(EXIT_USAGE);
	}
}

static void options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "corrupt", required_argument, NULL, 'c' },
		{ "bp-hooks", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*options = (struct options) {
		.file = DEFAULT_FILE, .seconds = 5, .readers = 2, .watchdog = 10,
	};
	while ((option = getopt_long(argc, argv, "t:r:d:w:qh", names, NULL)) != -1)
		option_take(options, option);
	if (argc - optind > 1)
		usage_error("one file only, not also", argv[optind + 1]);
	if (optind < argc)
		options->file = argv[optind];
}

static char *concatenate(const char *left, const char *right)
{
	char *text = malloc(strlen(left) + strlen(right) + 1);

	if (!text)
		die("malloc");
	return strcat(strcpy(text, left), right);
}

static int directory_make(struct app *app)
{
	const char *top = getenv("TMPDIR");

	if (app->options.directory) {
		app->directory = concatenate(app->options.directory, "");
	} else {
		app->directory = concatenate(top && *top ? top : "/tmp", "/snapshot-XXXXXX");
		if (!mkdtemp(app->directory)) {
			fprintf(stderr, "snapshot: mkdtemp %s: %s\n", app->directory,
				strerror(errno));
			return -1;
		}
	}
	app->path = concatenate(app->directory, "/snapshot.db");
	app->temporary_path = concatenate(app->directory, "/snapshot.db.tmp");
	return 0;
}

static void directory_remove(struct app *app)
{
	unlink(app->temporary_path);
	if (app->options.directory)
		return;
	unlink(app->path);
	if (rmdir(app->directory) != 0)
		fail("rmdir %s: %s", app->directory, strerror(errno));
}

static void app_load(struct app *app)
{
	size_t count = app->corpus.count;

	store_init(&app->store);
	app->versions = calloc(count, sizeof(*app->versions));
	if (!app->versions)
		die("calloc");
	store_lock(&app->store);
	for (size_t pair = 0; pair < pair_count(&app->corpus); pair++)
		pair_write(app, pair);
	store_unlock(&app->store);
}

static void thread_start(pthread_t *thread, void *(*body)(void *), void *arg)
{
	errno = pthread_create(thread, NULL, body, arg);
	if (errno)
		die("pthread_create");
}

static void thread_join(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	if (errno)
		die("pthread_join");
}

static void readers_start(struct app *app)
{
	size_t count = app->options.readers;

	if (!count)
		return;
	app->readers = aligned_alloc(_Alignof(struct reader), count * sizeof(*app->readers));
	if (!app->readers)
		die("aligned_alloc");
	memset(app->readers, 0, count * sizeof(*app->readers));
	for (size_t i = 0; i < count; i++) {
		struct reader *reader = &app->readers[i];

		reader->app = app;
		reader->seed = 88172645463325252u + i;
		reader->last_version = calloc(app->corpus.count, sizeof(uint64_t));
		if (!reader->last_version)
			die("calloc");
		thread_start(&reader->thread, reader_main, reader);
	}
}

static unsigned long lookups(const struct app *app)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < app->options.readers; i++)
		sum += atomic_load_explicit(&app->readers[i].lookups, memory_order_relaxed);
	return sum;
}

static void progress_show(const struct app *app, double seconds)
{
	if (!progress)
		return;
	fprintf(stderr, "\r\033[K%3.0f s  lookups %lu  updates %lu  snapshots %lu  pause %lu us",
		seconds, lookups(app), app->updates, app->snapshots, app->last_pause);
}

/* Wait until the time is over, a signal asks to leave, or the saver gave up. */
static void run_wait(struct app *app, const sigset_t *signals)
{
	double start = now_us(), end = start + app->options.seconds * 1e6, now = start;

	while (now < end && !atomic_load_explicit(&app->stop, memory_order_relaxed)) {
		double second = 1e6 - ((uint64_t)(now - start) % 1000000);
		double left = end - now < second ? end - now : second;
		struct timespec time = {
			.tv_sec = (time_t)(left / 1e6),
			.tv_nsec = (long)((uint64_t)left % 1000000) * 1000 + 1000,
		};

		if (sigtimedwait(signals, NULL, &time) > 0)
			break;
		now = now_us();
		progress_show(app, (now - start) / 1e6);
	}
}

static void run(struct app *app, const sigset_t *signals)
{
	readers_start(app);
	thread_start(&app->updater, updater_main, app);
	thread_start(&app->saver, saver_main, app);
	run_wait(app, signals);
	atomic_store_explicit(&app->stop, true, memory_order_relaxed);
	watch_again();			/* where the parent is, the saver says until it ends */
	thread_join(app->saver);
	watch_stage(STAGE_JOIN_UPDATER);
	thread_join(app->updater);
	watch_stage(STAGE_JOIN_READERS);
	for (size_t i = 0; i < app->options.readers; i++)
		thread_join(app->readers[i].thread);
	if (progress)
		fputs("\r\033[K", stderr);
}

/* The end of the parent: everything is freed, and the accounts must be even. */
static void app_check(struct app *app)
{
	watch_stage(STAGE_BARRIER);
	store_destroy(&app->store);
	rcu_barrier();
	if (store_callbacks_queued() != store_callbacks_run())
		fail("%lu callbacks were queued, %lu have run", store_callbacks_queued(),
		     store_callbacks_run());
	if (store_objects())
		fail("%lu objects are left", store_objects());
	if (!app->snapshots)
		fail("no snapshot was taken");
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Of no samples: 0. */
static double quantile(struct samples *samples, double q)
{
	if (!samples->count)
		return 0;
	qsort(samples->us, samples->count, sizeof(*samples->us), compare);
	return samples->us[(size_t)((samples->count - 1) * q)];
}

static double peak_mib(int who)
{
	struct rusage usage;

	return getrusage(who, &usage) == 0 ? usage.ru_maxrss / 1024.0 : 0;
}

static void row(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void row(const char *name, const char *format, ...)
{
	va_list args;

	printf("%-28s", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void report(struct app *app)
{
	double pause = quantile(&app->pauses, 0.5), bare = quantile(&app->bare_forks, 0.5);

	row("lookups", "%14lu", lookups(app));
	row("updates", "%14lu", app->updates);
	row("updater waits for callbacks", "%14lu", app->updater_waits);
	row("snapshots", "%14lu", app->snapshots);
	row("failed forks", "%14lu", app->failed_forks);
	row("fork pause, median", "%14.0f us", pause);
	row("fork pause, maximum", "%14.0f us", quantile(&app->pauses, 1));
	row("bare fork, median", "%14.0f us", bare);
	row("fork pause / bare fork", "%14.2f", bare > 0 ? pause / bare : 0);
	row("callbacks queued", "%14lu", store_callbacks_queued());
	row("callbacks run", "%14lu", store_callbacks_run());
	row("peak memory", "%14.1f MiB", peak_mib(RUSAGE_SELF));
	row("peak memory of a child", "%14.1f MiB", peak_mib(RUSAGE_CHILDREN));
	row("failures", "%14lu", fail_count());
}

static void app_free(struct app *app)
{
	for (size_t i = 0; app->readers && i < app->options.readers; i++)
		free(app->readers[i].last_version);
	free(app->readers);
	free(app->versions);
	free(app->pauses.us);
	free(app->bare_forks.us);
	free(app->path);
	free(app->temporary_path);
	free(app->directory);
	corpus_free(&app->corpus);
}

/* These wait until they are asked for; a file that gets too large is an error of write(). */
static void signals_prepare(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
	errno = pthread_sigmask(SIG_BLOCK, signals, NULL);
	if (errno)
		die("pthread_sigmask");
	signal(SIGXFSZ, SIG_IGN);
}

static void app_run(struct app *app)
{
	sigset_t signals;

	signals_prepare(&signals);
	if (watch_init(app->options.watchdog) != 0)
		die("watch_init");
	rcu_register_thread();
	app_load(app);
	if (!app->options.quiet) {
		printf("%s: %zu records of %s (%zu ignored), %lu readers, %lu s\n",
		       SNAPSHOT_FLAVOR, app->corpus.count, app->options.file,
		       app->corpus.ignored, app->options.readers, app->options.seconds);
		fflush(stdout);		/* or each child would print it again as it leaves */
	}
	rcu_thread_offline();
	run(app, &signals);
	rcu_thread_online();
	app_check(app);
	rcu_unregister_thread();
	watch_stop();
}

int main(int argc, char **argv)
{
	options_parse(&app.options, argc, argv);
	if (corpus_load(&app.corpus, app.options.file) != 0) {
		fprintf(stderr, "snapshot: %s: %s\n", app.options.file,
			errno == ENODATA ? "no stanza with a Package: field" : strerror(errno));
		return EXIT_WRONG;
	}
	if (directory_make(&app) != 0) {
		app_free(&app);
		return EXIT_WRONG;
	}
	progress = !app.options.quiet && isatty(STDERR_FILENO);
	app_run(&app);
	directory_remove(&app);
	if (!app.options.quiet)
		report(&app);
	app_free(&app);
	return fail_count() ? EXIT_WRONG : 0;
}
