/* SPDX-License-Identifier: MIT */
/*
 * What the library makes of all that it reads of the environment: URCU_EXIT_TIMEOUT, URCU_STALL_TIMEOUT, URCU_REPORT,
 * URCU_DELAY_SEED and LD_PRELOAD. The first byte says of which, the rest is the text. The files that read them are
 * compiled in here, so that their own functions can be called, and what they open and write is looked at and not done.
 */
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"

#define QUIESCE_DELAYS	/* for the seed */

static int fuzz_open(const char *path, int flags, ...);
static int fuzz_close(int file);
static ssize_t fuzz_write(int file, const void *text, size_t length);

#define open	fuzz_open
#define close	fuzz_close
#define write	fuzz_write
#include "../../src/system/stall.c"
#undef LIMIT_VARIABLE
#undef LIMIT_DEFAULT
#undef LIMIT_MAX
#include "../../src/process/exit.c"
#include "../../src/system/report.c"
#include "../../src/system/watchers.c"
#include "../../src/system/delay.c"
#undef open
#undef close
#undef write

enum { TEXT_MAX = 4096, OPENED = 1000 };

static const char *text;
static int opened, written;

static int fuzz_open(const char *path, int flags, ...)
{
	must(*path == '/' && !strcmp(path, text));
	must(flags == (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY));
	opened++;
	return OPENED;
}

static int fuzz_close(int file)
{
	must(file == OPENED);
	opened--;
	return 0;
}

/* One line, whatever is in it. */
static ssize_t fuzz_write(int file, const void *line, size_t length)
{
	must(file >= 0 && (!opened || file == OPENED));
	must(length >= sizeof(PREFIX) && length <= 512 && ((const char *)line)[length - 1] == '\n');
	written++;
	return (ssize_t)length;
}

static bool is_number(const char *at)
{
	must(at);
	return *at && strspn(at, "0123456789") == strlen(at);
}

/* Milliseconds; what is none is as without. */
static void read_exit_timeout(void)
{
	uint64_t limit;

	setenv("URCU_EXIT_TIMEOUT", text, 1);
	limit = time_limit();
	must(limit <= 86400000 * QUIESCE_NS_PER_MS);
	if (!is_number(text))
		must(limit == 1000 * QUIESCE_NS_PER_MS);
	else if (strlen(text) < 8)
		must(limit == strtoul(text, NULL, 10) * QUIESCE_NS_PER_MS);
}

static void read_stall_timeout(void)
{
	uint64_t time;
	const char *point = strchr(text, '.');

	setenv("URCU_STALL_TIMEOUT", text, 1);
	quiesce_stall_limit = 0;
	time = quiesce_stall_time();
	must(time == quiesce_stall_time());
	must(time == QUIESCE_FOREVER || time <= LIMIT_MAX * QUIESCE_NS_PER_MS);
	must(!strpbrk(text, "-+eExX \t\n") || time == 10000 * QUIESCE_NS_PER_MS);
	if (is_number(text) && strlen(text) < 5 && strtoul(text, NULL, 10))
		must(time == strtoul(text, NULL, 10) * QUIESCE_NS_PER_S);
	must(!point || !strchr(point + 1, '.') || time == 10000 * QUIESCE_NS_PER_MS);
}

static void report_to(void)
{
	bool is_silent = !strcmp(text, "none");

	setenv("URCU_REPORT", text, 1);
	written = 0;
	errno = 5;
	quiesce_report("%s", text);
	must(errno == 5 && written <= !is_silent && !opened);
	must(*text != '/' || written == 1);
	must(!is_number(text) || strlen(text) > 9 || written == 1);
	must(*text != '-' || !is_number(text + 1) || strspn(text, "-0") == strlen(text) || !written);
	unsetenv("URCU_REPORT");
}

/* Of a library that is built to hold threads up: a thread's first number is never 0, where xorshift stays. */
static void read_seed(void)
{
	setenv("URCU_DELAY_SEED", text, 1);
	must(first_number() & 1);
}

static void look_for_valgrind(void)
{
	looked = false;
	setenv("LD_PRELOAD", text, 1);
	must(quiesce_is_watched() == (QUIESCE_IS_SEEN || __lsan_do_leak_check || strstr(text, "vgpreload")));
	unsetenv("LD_PRELOAD");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };
	void (*const variables[])(void) = {
		read_exit_timeout, read_stall_timeout, report_to, read_seed, look_for_valgrind,
	};
	unsigned int variable = take_below(&input, sizeof(variables) / sizeof(variables[0]));
	char copy[TEXT_MAX];
	size_t length = (size_t)(input.end - input.at);

	length = length < sizeof(copy) - 1 ? length : sizeof(copy) - 1;
	memcpy(copy, input.at, length);
	copy[length] = '\0';
	text = copy;
	variables[variable]();
	return 0;
}
