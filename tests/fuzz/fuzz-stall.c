/* SPDX-License-Identifier: MIT */
/*
 * What a report of a stall says of a thread, by its files in /proc: the file that reads them is compiled in here, and
 * what it opens and reads comes from the input. A thread may have any name, and a file may be cut off anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"

static int fuzz_open(const char *path, int flags, ...);
static int fuzz_close(int file);
static ssize_t fuzz_read(int file, void *room, size_t size);

#define open	fuzz_open
#define close	fuzz_close
#define read	fuzz_read
#include "../../src/system/stall.c"
#undef open
#undef close
#undef read

enum { THREAD = 42, FILE_MAX = 300 };

static const char *const names[] = { "comm", "stat", "syscall" };
enum { FILES = sizeof(names) / sizeof(names[0]) };

/* Length: -1: it is not there; -2: it cannot be read. */
static struct { char bytes[FILE_MAX]; int length; } files[FILES];
static int opened;

static int fuzz_open(const char *path, int flags, ...)
{
	must(flags == (O_RDONLY | O_CLOEXEC));
	for (int i = 0; i < FILES; i++) {
		char name[64];

		snprintf(name, sizeof(name), "/proc/self/task/%d/%s", THREAD, names[i]);
		if (strcmp(path, name))
			continue;
		errno = ENOENT;
		opened += files[i].length != -1;
		return files[i].length == -1 ? -1 : i;
	}
	must(!"a file of the thread");
	return -1;
}

static int fuzz_close(int file)
{
	must(file >= 0 && file < FILES);
	opened--;
	return 0;
}

static ssize_t fuzz_read(int file, void *room, size_t size)
{
	size_t length = (size_t)files[file].length;

	errno = ESRCH;
	if (files[file].length < 0)
		return -1;
	length = length < size ? length : size;
	memcpy(room, files[file].bytes, length);
	return (ssize_t)length;
}

/* A byte says how long each is, the last two values that it is not there or cannot be read; then come their bytes. */
static void make_files(struct input *input)
{
	for (int i = 0; i < FILES; i++) {
		unsigned int length = take(input);

		files[i].length = length >= 254 ? (int)length - 256 : (int)length;
		for (int j = 0; j < files[i].length; j++)
			files[i].bytes[j] = (char)take(input);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char beginning[] = "thread 42 (0x1234)";
	struct input input = { data, data + size };
	struct thread_text *room = malloc(sizeof(*room));	/* of its own, for checkers of memory */
	const char *text;

	must(room);
	make_files(&input);
	quiesce_set_stall_timeout(1000);
	errno = 5;
	text = quiesce_thread_text(room, (pthread_t)0x1234, THREAD);
	must(errno == 5 && !opened);
	must(strlen(text) < sizeof(room->text) && !strncmp(text, beginning, sizeof(beginning) - 1));
	/* One line, and nothing in it that a terminal acts upon. */
	for (const char *at = text; *at; at++)
		must(*at >= ' ' && (unsigned char)*at < 127);
	/* Of a thread that has ended meanwhile no more is said. */
	must(files[0].length > 0 || !text[sizeof(beginning) - 1]);
	free(room);
	return 0;
}
