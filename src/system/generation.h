/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* What has to be told of a fork, in the child, while that has one thread. Never unlisted. */
struct heir {
	void (*inherit)(void *arg);
	void *arg;
	struct heir *next;
};

/*
 * Which process this is: a number that stays the same as long as it lives, and is another one, and
 * larger, in the child of a fork. Two processes may have the same process id (each is the first of
 * its namespace), and to ask for it would be a system call; this is a look at two words.
 *
 * fork tells by a pthread_atfork handler. Children that it knows nothing of (clone, _Fork) are told
 * by a page that the kernel empties in them, once quiesce_process_watch was called; vfork's share
 * their parent's memory and are no processes here.
 */
int32_t quiesce_process(void);

/* By a constructor, once for each heir. */
void quiesce_process_add_heir(struct heir *heir);

/*
 * Have that page: one madvise in the life of a process. Without it, or where the kernel refuses it,
 * clone and _Fork go unnoticed.
 */
void quiesce_process_watch(void);
