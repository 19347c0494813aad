/* SPDX-License-Identifier: MIT */
/* Where reports go: never into what the program did not mean for them. */
#include "harness.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <quiesce/report.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#ifndef QUIESCE_REPORT_HANDLER
#error "no handler"
#endif

/* A misuse that is reported and does nothing. */
static void misuse(void)
{
	rcu_unregister_thread();
}

static long size_of(int file)
{
	struct stat status;

	want(fstat(file, &status) == 0);
	return (long)status.st_size;
}

static char path[] = "/tmp/report-XXXXXX";

static void make_file(void)
{
	int file = mkstemp(path);

	want(file >= 0);
	close(file);
	unsetenv("URCU_REPORT");
}

/* ---- Descriptor 2 ---- */

/* As a shell does for 2>file. */
START_TEST(standard_error_gets_one_line)
{
	make_file();
	close(STDERR_FILENO);
	want(open(path, O_WRONLY | O_TRUNC) == STDERR_FILENO);
	misuse();
	want(strncmp(captured(open(path, O_RDONLY)), "liburcu: urcu_", 14) == 0);
	want(lines_of(captured(open(path, O_RDONLY))) == 1);
	unlink(path);
}
END_TEST

START_TEST(a_file_that_got_its_descriptor_gets_nothing)
{
	static const int flags[] = { O_RDWR | O_APPEND, O_RDWR, O_WRONLY | O_CLOEXEC, O_RDONLY };

	make_file();
	close(STDERR_FILENO);
	want(open(path, flags[_i]) == STDERR_FILENO);
	misuse();
	want(size_of(STDERR_FILENO) == 0);
	unlink(path);
}
END_TEST

/* A listening socket would fail with EPIPE as well; one with a peer must not hear of it. */
START_TEST(a_connection_gets_nothing)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), peer;
	char byte;

	unsetenv("URCU_REPORT");
	if (listener < 0 || listen(listener, 1) != 0)
		return;
	want(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	close(STDERR_FILENO);
	want(socket(AF_INET, SOCK_STREAM, 0) == STDERR_FILENO);
	want(connect(STDERR_FILENO, (struct sockaddr *)&address, size) == 0);
	peer = accept(listener, NULL, NULL);
	misuse();
	want(shutdown(STDERR_FILENO, SHUT_WR) == 0 && read(peer, &byte, 1) == 0);
}
END_TEST

START_TEST(a_closed_one_is_no_error)
{
	unsetenv("URCU_REPORT");
	errno = 4711;
	close(STDERR_FILENO);
	misuse();
	want(errno == 4711 || errno == EBADF);
}
END_TEST

static int pipes_broken;

static void count_broken(int number)
{
	(void)number;
	pipes_broken++;
}

/* With the handler, whoever gets the signal later would see it. */
START_TEST(a_broken_pipe_raises_nothing)
{
	int ends[2];
	sigset_t pending;

	unsetenv("URCU_REPORT");
	signal(SIGPIPE, _i ? count_broken : SIG_DFL);
	want(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	close(ends[0]);
	misuse();
	sigpending(&pending);
	want(!sigismember(&pending, SIGPIPE) && pipes_broken == 0);
}
END_TEST

START_TEST(a_broken_pipe_of_the_program_stays_pending)
{
	int ends[2];
	sigset_t pipe_signal;

	unsetenv("URCU_REPORT");
	want(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	close(ends[0]);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	raise(SIGPIPE);
	misuse();
	sigpending(&pipe_signal);
	want(sigismember(&pipe_signal, SIGPIPE));
}
END_TEST

/* ---- The environment ---- */

START_TEST(the_environment_chooses)
{
	int file, error = capture_stderr();
	char number[16];

	make_file();
	file = open(path, O_RDWR);
	setenv("URCU_REPORT", "none", 1);
	misuse();
	want(!*captured(error) && !*captured(file));
	snprintf(number, sizeof(number), "%d", file);
	setenv("URCU_REPORT", number, 1);
	misuse();
	want(!*captured(error) && lines_of(captured(file)) == 1);
	setenv("URCU_REPORT", path, 1);
	misuse();
	want(!*captured(error) && lines_of(captured(file)) == 2);
	setenv("URCU_REPORT", "stderr", 1);
	misuse();
	want(!*captured(error) && lines_of(captured(file)) == 2);
	unlink(path);
}
END_TEST

/* ---- The handler ---- */

static unsigned int handled;

static void handle(const char *message)
{
	want(strncmp(message, "urcu_", 5) == 0 && !strchr(message, '\n'));
	handled++;
}

START_TEST(a_handler_gets_all_until_it_is_taken_back)
{
	int error = capture_stderr();

	quiesce_set_report_handler(handle);
	misuse();
	misuse();
	want(handled == 2 && !*captured(error));
	quiesce_set_report_handler(NULL);
	misuse();
	want(handled == 2 && lines_of(captured(error)) == 1);
}
END_TEST

/* The program has one library from the start, and opens another. */
START_TEST(it_is_one_for_all_libraries)
{
	const char *directory = getenv("LIBRARIES");
	char name[4096];
	void (*unregister)(void);
	void *library, *found;

	snprintf(name, sizeof(name), "%s/liburcu-mb.so.8", directory ? directory : ".libs");
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	want(library && (found = dlsym(library, "urcu_mb_unregister_thread")));
	memcpy(&unregister, &found, sizeof(found));
	quiesce_set_report_handler(handle);
	unregister();
	want(handled == 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tc = add_case(suite, "report", 20);

	tcase_add_test(tc, standard_error_gets_one_line);
	tcase_add_loop_test(tc, a_file_that_got_its_descriptor_gets_nothing, 0, 4);
	tcase_add_test(tc, a_connection_gets_nothing);
	tcase_add_test(tc, a_closed_one_is_no_error);
	tcase_add_loop_test(tc, a_broken_pipe_raises_nothing, 0, 2);
	tcase_add_test(tc, a_broken_pipe_of_the_program_stays_pending);
	tcase_add_test(tc, the_environment_chooses);
	tcase_add_test(tc, a_handler_gets_all_until_it_is_taken_back);
	tcase_add_test(tc, it_is_one_for_all_libraries);
	return run_suite(suite);
}
