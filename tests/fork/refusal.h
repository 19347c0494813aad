/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_FORK_REFUSAL_H
#define QUIESCE_FORK_REFUSAL_H

/* Systems that refuse new processes or threads. Included after fork-harness.h. */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LOW_HALF 4
#else
#define LOW_HALF 0
#endif

#define CLONE_THREAD_FLAG	0x10000
#define REFUSE(error)		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)(error))

/*
 * From here on this process can make threads but no processes (threads: the reverse); the error is
 * what fork or pthread_create gets. clone3 cannot be looked into, so that it is refused as unknown
 * and the C library falls back to clone. False: the kernel has no seccomp.
 */
static UNUSED_OK bool refuse_clone(bool threads, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		REFUSE(ENOSYS),
#ifdef SYS_fork
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, threads ? 0xffffffff : SYS_fork, 0, 1),
		REFUSE(error),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[0]) + LOW_HALF),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD_FLAG, threads, !threads),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		REFUSE(error),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Processes and threads, which RLIMIT_NPROC counts alike. It binds nobody who is privileged. */
static UNUSED_OK void allow_processes(bool allow)
{
	struct rlimit limit;

	if (geteuid() == 0)
		MUST(setresuid(65534, 65534, 65534) == 0);
	MUST(getrlimit(RLIMIT_NPROC, &limit) == 0);
	limit.rlim_cur = allow ? limit.rlim_max : 0;
	MUST(setrlimit(RLIMIT_NPROC, &limit) == 0);
}

#endif
