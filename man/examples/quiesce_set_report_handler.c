/* SPDX-License-Identifier: MIT */
#include <urcu.h>
#include <quiesce/report.h>
#include <stdio.h>
#include <stdlib.h>

static char last[200];

/* With all signals blocked, in the thread concerned. It calls nothing of the library's. */
static void to_log(const char *message)
{
	snprintf(last, sizeof(last), "%s", message);
}

int main(void)
{
	quiesce_set_report_handler(to_log);
	rcu_register_thread();
	rcu_register_thread();			/* misuse: once too often */
	rcu_unregister_thread();
	quiesce_set_report_handler(NULL);
	printf("heard: %s\n", last);
	return last[0] ? EXIT_SUCCESS : EXIT_FAILURE;
}
