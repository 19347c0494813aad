/* SPDX-License-Identifier: MIT */
/* Samples as text and as JSON. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "top.h"

enum { WORDS = 96 };

/* ---- Text ---- */

static const char *plural(unsigned long number)
{
	return number == 1 ? "" : "s";
}

/* So much of the grace periods, or none, waited. */
static const char *bound(char *text, const struct sample *sample, double part)
{
	char limit[WORDS / 2];
	double seconds = top_latency(NULL, sample, part);

	if (seconds == 0)
		return "at once";
	snprintf(text, WORDS, "below %s", top_seconds(limit, sizeof(limit), seconds));
	return text;
}

static void print_latency(const struct sample *sample)
{
	char half[WORDS], most[WORDS], all[WORDS];

	if (top_latency(NULL, sample, 1) < 0)
		printf("  latency        there was no grace period\n");
	else
		printf("  latency        half %s, 99 of 100 %s, all %s\n", bound(half, sample, 0.5),
		       bound(most, sample, 0.99), bound(all, sample, 1));
}

static void print_thread(const char *label, const struct thread_seen *thread, const char *more)
{
	char doing[WORDS];

	if (!thread->id) {
		printf("  %-14s a thread whose id is not known%s\n", label, more);
		return;
	}
	printf("  %-14s thread %d (%s)%s%s%s\n", label, (int)thread->id, thread->name, more,
	       thread->state == '?' ? "" : ", ", top_doing(doing, sizeof(doing), thread));
}

static void print_grace(const struct sample *sample)
{
	char age[WORDS];

	printf("  grace periods  %lu over, %lu caller%s merged", sample->grace_periods, sample->merged,
	       plural(sample->merged));
	if (!sample->under_way)
		printf("; none is under way\n");
	else if (sample->age < 0)
		printf("; one is under way\n");
	else
		printf("; one waits for readers since %s\n", top_seconds(age, sizeof(age), sample->age));
	print_latency(sample);
	if (sample->leader.id)
		print_thread("leader", &sample->leader, "");
}

static void print_readers(const struct flavor_seen *flavor, const struct sample *sample)
{
	char more[WORDS];

	printf("  readers        %lu registered, %lu %s\n", sample->registered, sample->inside,
	       flavor->block.announces ? "online" : "in a section");
	for (unsigned int i = 0; i < sample->awaited_shown; i++) {
		more[0] = 0;
		if (sample->awaited[i].depth > 1)
			snprintf(more, sizeof(more), ", %lu sections deep", sample->awaited[i].depth);
		print_thread("  held up by", &sample->awaited[i].thread, more);
	}
	if (sample->awaited_count > sample->awaited_shown)
		printf("  %-14s %lu more\n", "  and by", sample->awaited_count - sample->awaited_shown);
}

static void print_work(const struct sample *sample)
{
	printf("  callbacks      %lu wait (at most %lu), %lu have run in %lu batch%s\n", sample->backlog, sample->most,
	       sample->run, sample->batches, sample->batches == 1 ? "" : "es");
	printf("  workers        %lu, %lu with a thread, woken %lu time%s\n", sample->queues, sample->workers,
	       sample->wakeups, plural(sample->wakeups));
	if (sample->given)
		printf("  free_rcu       %lu pointers wait (about %lu bytes), %lu were freed\n",
		       (long)(sample->given - sample->freed) > 0 ? sample->given - sample->freed : 0, sample->bytes,
		       sample->freed);
	printf("  process        %lu fork%s%s, %lu report%s, %lu stall%s\n", sample->forks, plural(sample->forks),
	       sample->forking ? " (one is under way)" : "", sample->reports, plural(sample->reports),
	       sample->stalls, plural(sample->stalls));
}

void top_print_text(const struct view *view)
{
	printf("%s (process %d)\n", view->process->command, (int)view->process->pid);
	for (unsigned int i = 0; i < view->count; i++) {
		const struct sample *sample = &view->now[i];

		printf("%s  %s\n", view->flavors[i].name, view->flavors[i].file);
		print_grace(sample);
		print_readers(&view->flavors[i], sample);
		print_work(sample);
		if (sample->wrong[0])
			printf("  incomplete     %s\n", sample->wrong);
	}
	fflush(stdout);
}

/* ---- JSON ---- */

/* What is printed was cleaned: quotes and backslashes are left to see to. */
static void print_string(const char *name, const char *text)
{
	printf("\"%s\":\"", name);
	for (; *text; text++)
		printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	putchar('"');
}

static void print_json_thread(const struct thread_seen *thread)
{
	char state[2] = { thread->state, 0 };

	printf("\"thread\":%d,", (int)thread->id);
	print_string("name", thread->name);
	putchar(',');
	print_string("state", state);
	putchar(',');
	print_string("channel", thread->channel);
}

static void print_json_grace(const struct sample *sample)
{
	printf("\"grace_periods\":%lu,\"merged\":%lu,\"under_way\":%s,\"age_seconds\":", sample->grace_periods,
	       sample->merged, sample->under_way ? "true" : "false");
	if (sample->age < 0)
		printf("null");
	else
		printf("%.3f", sample->age);
	printf(",\"latency\":[");
	for (int i = 0; i < TOP_LATENCIES; i++)
		printf("%s%lu", i ? "," : "", sample->latency[i]);
	printf("],\"leader\":");
	if (sample->leader.id) {
		putchar('{');
		print_json_thread(&sample->leader);
		putchar('}');
	} else {
		printf("null");
	}
}

static void print_json_readers(const struct sample *sample)
{
	printf("\"readers\":{\"registered\":%lu,\"looked_at\":%lu,\"inside\":%lu,\"awaited\":%lu,\"held_up_by\":[",
	       sample->registered, sample->looked_at, sample->inside, sample->awaited_count);
	for (unsigned int i = 0; i < sample->awaited_shown; i++) {
		printf("%s{\"depth\":%lu,", i ? "," : "", sample->awaited[i].depth);
		print_json_thread(&sample->awaited[i].thread);
		putchar('}');
	}
	printf("]}");
}

static void print_json_work(const struct sample *sample)
{
	printf("\"callbacks\":{\"waiting\":%lu,\"most\":%lu,\"run\":%lu,\"batches\":%lu},", sample->backlog, sample->most,
	       sample->run, sample->batches);
	printf("\"workers\":{\"queues\":%lu,\"threads\":%lu,\"wakeups\":%lu},", sample->queues, sample->workers,
	       sample->wakeups);
	printf("\"free_rcu\":{\"given\":%lu,\"freed\":%lu,\"bytes\":%lu},", sample->given, sample->freed, sample->bytes);
	printf("\"forks\":%lu,\"forking\":%s,\"reports\":%lu,\"stalls\":%lu", sample->forks,
	       sample->forking ? "true" : "false", sample->reports, sample->stalls);
}

static void print_json_flavor(const struct view *view, unsigned int i)
{
	const struct sample *now = &view->now[i];

	putchar('{');
	print_string("flavor", view->flavors[i].name);
	putchar(',');
	print_string("file", view->flavors[i].file);
	putchar(',');
	print_json_grace(now);
	if (view->has_before)
		printf(",\"grace_periods_per_second\":%.1f,\"callbacks_per_second\":%.1f",
		       top_rate(view->before[i].grace_periods, now->grace_periods, now->when - view->before[i].when),
		       top_rate(view->before[i].run, now->run, now->when - view->before[i].when));
	putchar(',');
	print_json_readers(now);
	putchar(',');
	print_json_work(now);
	if (now->wrong[0]) {
		putchar(',');
		print_string("incomplete", now->wrong);
	}
	putchar('}');
}

/* One line, so that each look is one of a stream. */
void top_print_json(const struct view *view)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	printf("{\"pid\":%d,", (int)view->process->pid);
	print_string("command", view->process->command);
	printf(",\"time\":%lld.%03ld,\"flavors\":[", (long long)now.tv_sec, now.tv_nsec / 1000000);
	for (unsigned int i = 0; i < view->count; i++) {
		printf("%s", i ? "," : "");
		print_json_flavor(view, i);
	}
	printf("]}\n");
	fflush(stdout);
}
