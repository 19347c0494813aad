/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * Ask the kernel for MEMBARRIER_CMD_PRIVATE_EXPEDITED (membarrier(2)). Returns whether it grants
 * it; a kernel or a seccomp filter that refuses (ENOSYS, EPERM, EINVAL) is no error.
 */
bool quiesce_membarrier_init(void);

/*
 * A full barrier on every running thread of this process, the caller included. Returns false when
 * the kernel refuses, though init was granted: the caller must then not rely on it.
 */
bool quiesce_membarrier(void);

/*
 * The same by whatever means, for readers that were granted it and count on it. If the kernel has
 * taken membarrier away since (a sandbox entered late), the caller visits every CPU of its cpuset
 * instead, slowly: each switch to it is a full barrier there. There is no going back to fences in the
 * readers, because one of them may have been about to enter without for any length of time. Aborts
 * with a message if the kernel refuses this too, for a single CPU even: readers would go unprotected.
 */
void quiesce_order_all_threads(void);

/* The same for who can do without: false if the kernel refuses both. */
bool quiesce_try_order_all_threads(void);
