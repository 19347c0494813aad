/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: a process that stands still too long says where, and ends with CHILD_HUNG.
 *
 * The parent is at level 0, its child at 1, the child's child at 2. Where each of them is stands in
 * memory they share, so that a parent knows of its child even when that could not say anything.
 */
#ifndef SNAPSHOT_WATCH_H
#define SNAPSHOT_WATCH_H

enum stage {
	STAGE_NONE,
	STAGE_RUN,
	STAGE_BEFORE_FORK,
	STAGE_FORK,
	STAGE_AFTER_FORK_PARENT,
	STAGE_AFTER_FORK_CHILD,
	STAGE_WAIT_CHILD,
	STAGE_WRITE,
	STAGE_CHECK,
	STAGE_CALL_RCU,
	STAGE_BARRIER,
	STAGE_THREAD,
	STAGE_LOCK,
	STAGE_JOIN_READERS,
	STAGE_JOIN_UPDATER,
	STAGE_EXIT,
};

/* 0, or -1 and errno. Each level is given less time than the one above, so that it speaks first. */
int watch_init(unsigned int seconds);
/* First thing in a child: go down a level and start its own clock. */
void watch_child(void);
/* Say where this process is, and give it time again. */
void watch_stage(enum stage stage);
/* As watch_stage(), but the time runs on. */
void watch_step(enum stage stage);
/* Give it time again where it is. */
void watch_again(void);
void watch_stop(void);

int watch_level(void);
const char *watch_role(int level);
const char *watch_where(int level);

#endif
