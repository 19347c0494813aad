/* SPDX-License-Identifier: MIT */
#ifndef QUIESCE_EXIT_WAYS_CASES_H
#define QUIESCE_EXIT_WAYS_CASES_H

#define CHAIN 10	/* callbacks that queue one another */

/* Prepare the case of that name and leave: by "return", "thread" (exit in another) or "quick". */
int run_exit_way(const char *name, const char *way);

#endif
