/* SPDX-License-Identifier: MIT */
#pragma once

/* What the code under test calls in place of the C library: tests/checker/names has the list. */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct thread;

void ck_pthread_reset(void);
void ck_thread_over(struct thread *thread);
void ck_tls_end(void);
int ck_tls_owner(uintptr_t address, void **control, size_t *offset);

int sim_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int sim_program_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int sim_pthread_join(pthread_t thread, void **result);
int sim_pthread_tryjoin_np(pthread_t thread, void **result);
int sim_pthread_detach(pthread_t thread);
pthread_t sim_pthread_self(void);
int sim_pthread_getcpuclockid(pthread_t thread, clockid_t *clock);
int sim_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int sim_pthread_mutex_destroy(pthread_mutex_t *mutex);
int sim_pthread_mutex_lock(pthread_mutex_t *mutex);
int sim_pthread_mutex_trylock(pthread_mutex_t *mutex);
int sim_pthread_mutex_unlock(pthread_mutex_t *mutex);
int sim_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int sim_pthread_cond_broadcast(pthread_cond_t *condition);
int sim_pthread_cond_signal(pthread_cond_t *condition);
int sim_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int sim_pthread_key_delete(pthread_key_t key);
int sim_pthread_setspecific(pthread_key_t key, const void *value);
void *sim_pthread_getspecific(pthread_key_t key);
int sim_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int sim_pthread_setcancelstate(int state, int *old);
int sim_pthread_setaffinity_np(pthread_t thread, size_t size, const void *mask);
int sim_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int sim_atexit(void (*handler)(void));
void sim___pthread_register_cancel(void *buffer);
void sim___pthread_unregister_cancel(void *buffer);
__attribute__((noreturn)) void sim___pthread_unwind_next(void *buffer);
__attribute__((noreturn)) void sim_pthread_exit(void *result);

long sim_syscall(long number, long a, long b, long c, long d, long e, long f);
int sim_clock_gettime(clockid_t clock, struct timespec *time);
int sim_nanosleep(const struct timespec *time, struct timespec *left);
int sim_sched_yield(void);
int sim_sched_getcpu(void);
int sim_sched_setaffinity(pid_t pid, size_t size, const void *mask);
int sim_sched_getaffinity(pid_t pid, size_t size, void *mask);
long sim_sysconf(int name);
int sim_open(const char *path, int flags, ...);
ssize_t sim_write(int file, const void *text, size_t length);

void *sim_malloc(size_t size);
void *sim_program_malloc(size_t size);
void *sim_calloc(size_t count, size_t size);
void *sim_realloc(void *block, size_t size);
void *sim_aligned_alloc(size_t align, size_t size);
int sim_posix_memalign(void **block, size_t align, size_t size);
size_t sim_malloc_usable_size(void *block);
void sim_free(void *block);
void *sim_mmap(void *address, size_t length, int protection, int flags, int file, off_t offset);
int sim_munmap(void *address, size_t length);
int sim_madvise(void *address, size_t length, int advice);
int sim_mprotect(void *address, size_t length, int protection);
void *sim_memcpy(void *to, const void *from, size_t size);
void *sim_memmove(void *to, const void *from, size_t size);
void *sim_memset(void *to, int byte, size_t size);

pid_t sim_fork(void);
pid_t sim__Fork(void);
pid_t sim_waitpid(pid_t pid, int *status, int options);
int sim_sigaction(int signal, const struct sigaction *action, struct sigaction *old);
int sim_pthread_kill(pthread_t thread, int signal);
int sim_kill(pid_t pid, int signal);
__attribute__((noreturn)) void sim_exit(int status);
__attribute__((noreturn)) void sim__exit(int status);
__attribute__((noreturn)) void sim_abort(void);
__attribute__((noreturn))
void sim___assert_fail(const char *what, const char *file, unsigned int line, const char *function);
