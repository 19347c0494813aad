/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/check.h"

#define OWN_FRAMES 8
#define NAME_TURN 64

/* The first call loads the unwinder, which allocates. */
void check_place_init(void)
{
	void *frame;

	(void)backtrace(&frame, 1);
}

void check_place_short(struct place *place, void *pc)
{
	struct thread *self = check_own;

	place->tid = self ? self->tid : gettid();
	place->depth = 1;
	place->frames[0] = pc;
	/* Asked for now and then: a report of a thread that lives has the name of that moment. */
	if (self && self->places++ % NAME_TURN) {
		memcpy(place->name, self->name, sizeof(place->name));
		return;
	}
	if (prctl(PR_GET_NAME, place->name) != 0)
		place->name[0] = '\0';
	if (self)
		memcpy(self->name, place->name, sizeof(self->name));
}

void check_place(struct place *place, void *pc)
{
	void *frames[PLACE_FRAMES + OWN_FRAMES];
	int i, count, wanted = (int)check_options.frames;

	check_place_short(place, pc);
	count = backtrace(frames, wanted + OWN_FRAMES);
	for (i = 0; i < count && frames[i] != pc; i++)
		continue;
	for (place->depth = 0; i < count && place->depth < wanted; i++)
		place->frames[place->depth++] = frames[i];
	if (place->depth == 0)
		check_place_short(place, pc);
}

/* In the child: nothing of the C library's that has locks. */
static void become_addr2line(int output, char *file, char *number)
{
	static const char *const places[] = { "/usr/bin/addr2line", "/usr/local/bin/addr2line", "/bin/addr2line" };
	char *const arguments[] = { "addr2line", "-Cfpse", file, number, NULL };
	char *const environment[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t i;

	dup2(null, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		execve(places[i], arguments, environment);
	_exit(127);
}

/*
 * The line that addr2line has for an address of a file: "func at FILE:LINE", or "". It is a child of which the
 * program hears nothing: it sends no signal when it ends, and wait(2) does not see it.
 */
static void name_line(char *file, uintptr_t address, char *line, size_t size)
{
	char number[32];
	ssize_t got;
	size_t length = 0;
	int ends[2];
	pid_t pid;

	*line = '\0';
	if (!check_options.symbols || pipe2(ends, O_CLOEXEC) != 0)
		return;
	snprintf(number, sizeof(number), "%#lx", (unsigned long)address);
	pid = (pid_t)syscall(SYS_clone, 0UL, NULL, NULL, NULL, NULL);
	if (pid == 0)
		become_addr2line(ends[1], file, number);
	close(ends[1]);
	while (pid > 0 && length + 1 < size &&
	       ((got = read(ends[0], line + length, size - 1 - length)) > 0 || (got < 0 && errno == EINTR)))
		length += got > 0 ? (size_t)got : 0;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR)
		continue;
	/* Without a line the name is that of whatever comes before. */
	if (strncmp(line, "??", 2) == 0 || strstr(line, "??:"))
		*line = '\0';
}

/* The function that the address is in, of those that its object exports. */
static const char *name_of(void *at)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;

	if (!dladdr1(at, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
	    (char *)at >= (char *)info.dli_saddr + symbol->st_size)
		return "??";
	return info.dli_sname;
}

static void print_frame(int file, int number, void *pc)
{
	/* Into the call, not behind it. */
	char *at = (char *)pc - 1, line[512];
	struct link_map *map = NULL;
	Dl_info info;
	char *path;
	uintptr_t offset;

	if (!dladdr1(at, &info, (void **)&map, RTLD_DL_LINKMAP) || !map) {
		dprintf(file, "    #%d %p\n", number, pc);
		return;
	}
	path = map->l_name;
	if (!*map->l_name) {
		static char program[4096];
		ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

		program[length > 0 ? length : 0] = '\0';
		path = program;
	}
	offset = (uintptr_t)at - map->l_addr;
	name_line(path, offset, line, sizeof(line));
	if (*line)
		dprintf(file, "    #%d %p in %s (%s+%#lx)\n", number, pc, line, path, (unsigned long)offset);
	else
		dprintf(file, "    #%d %p in %s (%s+%#lx)\n", number, pc,
			name_of(at), path, (unsigned long)offset);
}

void check_place_name(const struct place *place, char name[16])
{
	char path[64];
	ssize_t length = 0;
	int file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)place->tid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		length = read(file, name, 16);
		close(file);
	}
	/* It ends in a newline. */
	if (length > 0)
		name[length - 1] = '\0';
	else
		memcpy(name, place->name, 16);
}

void check_place_print(int file, const struct place *place)
{
	int i;

	for (i = 0; i < place->depth; i++)
		print_frame(file, i, place->frames[i]);
}
