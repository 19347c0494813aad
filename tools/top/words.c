/* SPDX-License-Identifier: MIT */
/* Numbers, times and names as people read them. */
#include <stdio.h>
#include <time.h>

#include "top.h"

double top_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

char *top_seconds(char *text, size_t size, double seconds)
{
	static const struct { double unit; const char *name; } units[] = {
		{ 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "us" }, { 1e-9, "ns" },
	};
	size_t i = 0;

	while (i < sizeof(units) / sizeof(units[0]) - 1 && seconds < units[i].unit)
		i++;
	seconds /= units[i].unit;
	snprintf(text, size, seconds < 10 && i < 5 ? "%.1f %s" : "%.0f %s", seconds, units[i].name);
	return text;
}

char *top_number(char *text, size_t size, double number)
{
	static const char *const units[] = { "", " k", " M", " G", " T", " P", " E" };
	size_t i = 0;

	while (number >= 99999.5 && i < sizeof(units) / sizeof(units[0]) - 1) {
		number /= 1000;
		i++;
	}
	snprintf(text, size, number < 10 && number != (double)(int)number ? "%.1f%s" : "%.0f%s", number, units[i]);
	return text;
}

void top_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 127)
			*text = '?';
}

double top_rate(unsigned long before, unsigned long now, double seconds)
{
	long grown = (long)(now - before);

	return grown > 0 && seconds > 0 ? (double)grown / seconds : 0;
}

/* What the sample has, or has more than the one before. */
static double counted(const struct sample *before, const struct sample *now, int i)
{
	long grown = (long)(now->latency[i] - (before ? before->latency[i] : 0));

	return grown > 0 ? (double)grown : 0;
}

double top_latency(const struct sample *before, const struct sample *now, double part)
{
	double sum = 0, seen = 0, limit = 1e-9;

	for (int i = 0; i < TOP_LATENCIES; i++)
		sum += counted(before, now, i);
	if (sum < 1)
		return -1;
	for (int i = 0; i < TOP_LATENCIES; i++, limit *= 2) {
		seen += counted(before, now, i);
		if (seen >= part * sum)
			return i ? limit : 0;
	}
	return limit;
}

char *top_doing(char *text, size_t size, const struct thread_seen *thread)
{
	const char *state = "?";

	switch (thread->state) {
	case 'R': state = "runs"; break;
	case 'S': state = "sleeps"; break;
	case 'D': state = "waits for a device"; break;
	case 'T': case 't': state = "is stopped"; break;
	case 'Z': case 'X': state = "has ended"; break;
	}
	if (thread->state == '?')
		text[0] = 0;
	else if (thread->channel[0] && thread->state != 'R')
		snprintf(text, size, "%s (%s)", state, thread->channel);
	else
		snprintf(text, size, "%s", state);
	return text;
}
