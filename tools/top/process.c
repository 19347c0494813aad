/* SPDX-License-Identifier: MIT */
/* A process: its memory and its threads. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top.h"

/* Threads of a process that are looked through for one, in a container. */
#define THREADS_MAX 4096

enum status top_fail(struct process *process, enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(process->wrong, sizeof(process->wrong), format, arguments);
	va_end(arguments);
	top_clean(process->wrong);
	return status;
}

enum status top_refused(struct process *process, const char *what)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return top_fail(process, TOP_DENIED, "process %d: its %s may not be read: %s. It takes the rights of ptrace: "
				"those of its user, root or CAP_SYS_PTRACE, and see kernel.yama.ptrace_scope",
				(int)process->pid, what, strerror(errno));
	case ENOENT:
	case ESRCH:
		return top_fail(process, TOP_GONE, "process %d: there is none, or it has ended", (int)process->pid);
	default:
		return top_fail(process, TOP_FAILED, "process %d: its %s cannot be read: %s", (int)process->pid, what,
				strerror(errno));
	}
}

/* A small file of /proc as text without its last newline: a name may have some in it. False: it cannot be read. */
static bool read_file(int directory, const char *name, char *text, size_t size)
{
	int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t length = -1;

	text[0] = 0;
	if (file >= 0) {
		length = read(file, text, size - 1);
		close(file);
	}
	if (length < 0)
		return false;
	if (length && text[length - 1] == '\n')
		length--;
	text[length] = 0;
	return true;
}

enum status top_open(struct process *process, pid_t pid)
{
	char path[32];

	*process = (struct process) { .pid = pid, .directory = -1, .memory = -1, .budget = TOP_READS };
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	process->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->directory < 0)
		return top_refused(process, "directory in /proc");
	read_file(process->directory, "comm", process->command, sizeof(process->command));
	top_clean(process->command);
	process->memory = openat(process->directory, "mem", O_RDONLY | O_CLOEXEC);
	if (process->memory < 0)
		return top_refused(process, "memory");
	return TOP_SHOWN;
}

void top_close(struct process *process)
{
	if (process->memory >= 0)
		close(process->memory);
	if (process->directory >= 0)
		close(process->directory);
	process->memory = process->directory = -1;
}

/* One that has ended and was not waited for has no memory either. */
bool top_is_alive(const struct process *process)
{
	char stat[256], *state;

	if (!read_file(process->directory, "stat", stat, sizeof(stat)))
		return false;
	state = strrchr(stat, ')');
	return state && state[1] && !strchr("ZX", state[2]);
}

bool top_read(struct process *process, uintptr_t address, void *buffer, size_t size)
{
	if (!process->budget || !address || address > (uintptr_t)INTPTR_MAX)
		return false;
	process->budget--;
	return pread(process->memory, buffer, size, (off_t)address) == (ssize_t)size;
}

bool top_read_word(struct process *process, const void *address, unsigned long *word)
{
	*word = 0;
	return top_read(process, (uintptr_t)address, word, sizeof(*word));
}

/* ---- Threads ---- */

/* The last number of "NSpid:" is the thread's id in its own namespace, which its memory has. */
static bool is_named(int directory, const char *task, long own_id)
{
	char path[64], text[4096], *line, *number;
	int file;
	ssize_t length;

	snprintf(path, sizeof(path), "task/%.20s/status", task);
	file = openat(directory, path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	length = read(file, text, sizeof(text) - 1);
	close(file);
	text[length < 0 ? 0 : length] = 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return strtol(task, NULL, 10) == own_id;
	line[1 + strcspn(line + 1, "\n")] = 0;
	number = strrchr(line, '\t');
	return number && strtol(number, NULL, 10) == own_id;
}

/* What we call the thread that calls itself so; 0: there is none. */
static pid_t find_thread(const struct process *process, int own_id)
{
	int copy, looks = 0;
	char text[24];
	struct dirent *entry;
	pid_t found = 0;
	DIR *tasks;

	snprintf(text, sizeof(text), "%d", own_id);
	if (is_named(process->directory, text, own_id))
		return own_id;
	copy = openat(process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tasks = copy < 0 ? NULL : fdopendir(copy);
	if (!tasks)
		return 0;
	while (!found && looks++ < THREADS_MAX && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.' && is_named(process->directory, entry->d_name, own_id))
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(tasks);
	return found;
}

void top_thread(struct process *process, unsigned long self, struct thread_seen *seen)
{
	char path[64], text[256], *state;
	int own_id = 0;

	*seen = (struct thread_seen) { .state = '?' };
	if (!self || !process->tid_offset || !top_read(process, self + process->tid_offset, &own_id, sizeof(own_id)) ||
	    own_id <= 0)
		return;
	seen->id = find_thread(process, own_id);
	if (!seen->id)
		return;
	snprintf(path, sizeof(path), "task/%d/comm", (int)seen->id);
	read_file(process->directory, path, seen->name, sizeof(seen->name));
	top_clean(seen->name);
	snprintf(path, sizeof(path), "task/%d/stat", (int)seen->id);
	read_file(process->directory, path, text, sizeof(text));
	state = strrchr(text, ')');
	if (state && state[1] && state[2] > ' ')
		seen->state = state[2];
	snprintf(path, sizeof(path), "task/%d/wchan", (int)seen->id);
	if (read_file(process->directory, path, seen->channel, sizeof(seen->channel)) && !strcmp(seen->channel, "0"))
		seen->channel[0] = 0;
	top_clean(seen->channel);
}
