/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/check.h"

#define OWN_FRAMES 8

extern char **environ;

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
	if (prctl(PR_GET_NAME, place->name) != 0)
		place->name[0] = '\0';
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

/* The line that addr2line has for an address of a file: "func at FILE:LINE", or "". */
static void name_line(const char *file, uintptr_t address, char *line, size_t size)
{
	char number[32];
	char *const arguments[] = { "addr2line", "-Cfpse", (char *)file, number, NULL };
	char *const environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
	posix_spawn_file_actions_t actions;
	ssize_t got;
	size_t length = 0;
	int ends[2];
	pid_t pid;

	*line = '\0';
	if (!check_options.symbols || pipe2(ends, O_CLOEXEC) != 0)
		return;
	snprintf(number, sizeof(number), "%#lx", (unsigned long)address);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, "addr2line", &actions, NULL, arguments, environment) != 0)
		pid = 0;
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	while (pid && length + 1 < size && (got = read(ends[0], line + length, size - 1 - length)) > 0)
		length += (size_t)got;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	close(ends[0]);
	if (pid)
		waitpid(pid, NULL, 0);
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
	const char *path;
	uintptr_t offset;

	if (!dladdr1(at, &info, (void **)&map, RTLD_DL_LINKMAP) || !map) {
		dprintf(file, "    #%d %p\n", number, pc);
		return;
	}
	path = *map->l_name ? map->l_name : "/proc/self/exe";
	if (!*map->l_name) {
		static char program[4096];
		ssize_t length = readlink(path, program, sizeof(program) - 1);

		if (length > 0) {
			program[length] = '\0';
			path = program;
		}
	}
	offset = (uintptr_t)at - map->l_addr;
	name_line(path, offset, line, sizeof(line));
	if (*line)
		dprintf(file, "    #%d %p in %s (%s+%#lx)\n", number, pc, line, path, (unsigned long)offset);
	else
		dprintf(file, "    #%d %p in %s (%s+%#lx)\n", number, pc,
			name_of(at), path, (unsigned long)offset);
}

void check_place_print(int file, const struct place *place)
{
	int i;

	for (i = 0; i < place->depth; i++)
		print_frame(file, i, place->frames[i]);
}
