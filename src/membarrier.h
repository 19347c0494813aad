/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_MEMBARRIER_H
#define QUIESCE_MEMBARRIER_H

#include <stdbool.h>

/*
 * Ask the kernel for MEMBARRIER_CMD_PRIVATE_EXPEDITED (membarrier(2)). Returns whether it grants
 * it; a kernel or a seccomp filter that refuses (ENOSYS, EPERM, EINVAL) is no error. Cheap to
 * repeat.
 */
bool quiesce_membarrier_init(void);

/*
 * A full barrier on every running thread of this process, the caller included. Returns false when
 * the kernel refuses, though init was granted: the caller must then not rely on it.
 */
bool quiesce_membarrier(void);

/*
 * The same by other means, slow: the caller visits every CPU it may run on, and each switch to it
 * is a full barrier there. For the one grace period in which membarrier has been taken away from a
 * process whose readers still count on it (a sandbox entered late). Aborts with a message if the
 * kernel refuses this too, because readers would go unprotected.
 */
void quiesce_membarrier_lost(void);

#endif
