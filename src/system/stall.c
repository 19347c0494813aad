/* SPDX-License-Identifier: MIT */
/* Stalls: when a wait has become one, and who the thread is that it waits for. quiesce/stall.h has the contract. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <quiesce/stall.h>

#include "system/system.h"

#define LIMIT_VARIABLE	"URCU_STALL_TIMEOUT"
#define LIMIT_DEFAULT	10000UL		/* ms */
#define LIMIT_MAX	86400000UL

/*
 * In ms, shifted by two; ASKED: the program has set it; KNOWN: it is known. Written and read atomically. Exported
 * for the reason that quiesce_report_handler is.
 */
enum { KNOWN = 1, ASKED = 2, SHIFT = 2 };
extern unsigned long quiesce_stall_limit;
unsigned long quiesce_stall_limit;

static unsigned long packed(unsigned long ms, bool asked)
{
	return (ms < LIMIT_MAX ? ms : LIMIT_MAX) << SHIFT | (asked ? ASKED : 0) | KNOWN;
}

void quiesce_set_stall_timeout(unsigned int timeout_ms)
{
	__atomic_store_n(&quiesce_stall_limit, packed(timeout_ms, true), __ATOMIC_RELAXED);
}

/* Seconds with up to three decimals, whatever the locale, in ms; false: it is none. */
static bool read_seconds(const char *text, unsigned long *ms)
{
	unsigned long unit = 1000;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*ms = strtoul(text, &end, 10);
	*ms = *ms < LIMIT_MAX / 1000 ? *ms * 1000 : LIMIT_MAX;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++)
			*ms += (unsigned long)(*end - '0') * (unit /= 10);
	return !*end;
}

static unsigned long limit(void)
{
	unsigned long seen = __atomic_load_n(&quiesce_stall_limit, __ATOMIC_RELAXED), ms = LIMIT_DEFAULT;
	const char *text;
	bool asked;

	if (seen)
		return seen;
	text = secure_getenv(LIMIT_VARIABLE);
	asked = text && read_seconds(text, &ms);
	/* A call that comes meanwhile has the last word. */
	if (__atomic_compare_exchange_n(&quiesce_stall_limit, &seen, packed(asked ? ms : LIMIT_DEFAULT, asked), false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return packed(asked ? ms : LIMIT_DEFAULT, asked);
	return seen;
}

uint64_t quiesce_stall_time(void)
{
	unsigned long ms = limit() >> SHIFT;

	return ms ? ms * QUIESCE_NS_PER_MS : QUIESCE_FOREVER;
}

/* Most waits are over by then. */
#define FIRST_LOOK	(10 * QUIESCE_NS_PER_MS)

struct watch quiesce_watch(void)
{
	uint64_t time = quiesce_stall_time();

	return (struct watch) { .due = time < FIRST_LOOK || time == QUIESCE_FOREVER ? time : FIRST_LOOK };
}

void quiesce_watch_anew(struct watch *watch, const void *target, unsigned long seen)
{
	uint64_t time = quiesce_stall_time();

	watch->target = target;
	watch->seen = seen;
	watch->since = watch->waited;
	watch->due = time == QUIESCE_FOREVER ? time : watch->waited + time;
}

bool quiesce_watch_is_due(struct watch *watch)
{
	uint64_t time = quiesce_stall_time();

	if (!watch->due)
		watch->due = time;
	if (watch->waited < watch->due || watch->due == QUIESCE_FOREVER)
		return false;
	watch->due = time == QUIESCE_FOREVER ? time : 2 * watch->waited - watch->since;
	return time != QUIESCE_FOREVER;
}

bool quiesce_is_first(struct told *told, unsigned long number, uint64_t ns)
{
	unsigned long until = __atomic_load_n(&told->until, __ATOMIC_RELAXED);
	unsigned long now = (unsigned long)(quiesce_now() / QUIESCE_NS_PER_MS);
	unsigned long next = now + (unsigned long)(ns / QUIESCE_NS_PER_MS);

	if ((until && __atomic_load_n(&told->number, __ATOMIC_RELAXED) == number && (long)(now - until) < 0) ||
	    !__atomic_compare_exchange_n(&told->until, &until, next + !next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&told->number, number, __ATOMIC_RELAXED);
	return true;
}

void quiesce_hold(struct holder *holder)
{
	__atomic_store_n(&holder->id, quiesce_thread_id(pthread_self()), __ATOMIC_RELAXED);
	__atomic_store_n(&holder->thread, quiesce_self(), __ATOMIC_RELAXED);
}

void quiesce_let_go(struct holder *holder)
{
	__atomic_store_n(&holder->thread, NULL, __ATOMIC_RELAXED);
}

bool quiesce_holder_is_due(struct holder *holder, unsigned long number, struct watch *watch)
{
	const void *thread = __atomic_load_n(&holder->thread, __ATOMIC_RELAXED);

	if (!quiesce_watch_is_due(watch))
		return false;
	if (thread && watch->target == thread && watch->seen == number)
		return quiesce_is_first(&holder->told, number, watch->waited - watch->since);
	quiesce_watch_anew(watch, thread, number);
	return false;
}

const char *quiesce_time_text(struct time_text *room, uint64_t ns)
{
	unsigned long long tenths = ns / (QUIESCE_NS_PER_S / 10);

	if (tenths >= 100 || tenths % 10 == 0)
		snprintf(room->text, sizeof(room->text), "%llu s", tenths / 10);
	else
		snprintf(room->text, sizeof(room->text), "%llu.%llu s", tenths / 10, tenths % 10);
	return room->text;
}

/* ---- Threads ---- */

/*
 * gettid, and a look through /proc, would be system calls. A thread's clock has its id in it, by the kernel's rule
 * for such clocks (clock_getcpuclockid(3)): what is above three bits, inverted.
 */
int quiesce_thread_id(pthread_t thread)
{
	clockid_t clock;
	int saved_errno = errno, id = 0;

	if (pthread_getcpuclockid(thread, &clock) == 0)
		id = ~(clock >> 3);
	errno = saved_errno;
	return id > 0 ? id : 0;
}

/* A thread may have any name: what a log or a terminal would act upon becomes a question mark. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 127)
			*text = '?';
}

/* What a file of the thread's directory has, up to a newline; empty: it cannot be read. */
static void read_file(int thread, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t length;
	int file;

	*text = '\0';
	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", thread, name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	length = read(file, text, size - 1);
	text[length < 0 ? 0 : length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	clean(text);
	close(file);
}

/* "NUMBER ARGUMENTS... SP PC", or "running", or a number of -1 for a sleep in none. */
static void append_call(char *text, size_t size, const char *call)
{
	const char *address = strrchr(call, ' ');
	struct place_text place;
	size_t length = strlen(text);
	long number = strtol(call, NULL, 10);

	if (!address || number < 0)
		return;
	snprintf(text + length, size - length, ", in %s%ld, which returns to %s",
		 number == __NR_futex ? "futex, system call " : "system call ", number,
		 quiesce_place_text(&place, (const void *)(uintptr_t)strtoull(address, NULL, 16)));
}

static void append_details(char *text, size_t size, int thread)
{
	char name[32], status[128], call[256];
	const char *state;
	size_t length = strlen(text);

	read_file(thread, "comm", name, sizeof(name));
	read_file(thread, "stat", status, sizeof(status));
	read_file(thread, "syscall", call, sizeof(call));
	state = strrchr(status, ')');
	if (!*name || !state || !state[1])
		return;
	snprintf(text + length, size - length, " \"%s\", %s", name, state[2] == 'R' ? "running" :
		 state[2] == 'T' || state[2] == 't' ? "stopped" : state[2] == 'D' ? "in an uninterruptible sleep" : "asleep");
	append_call(text, size, call);
}

const char *quiesce_thread_text(struct thread_text *room, pthread_t thread, int id)
{
	int saved_errno = errno;

	snprintf(room->text, sizeof(room->text), "thread %d (%#lx)", id, (unsigned long)thread);
	if (limit() & ASKED)
		append_details(room->text, sizeof(room->text), id);
	errno = saved_errno;
	return room->text;
}
