/* SPDX-License-Identifier: MIT */
/* What urcu-check makes of URCU_CHECK_OPTIONS, which the input is. Its other files are not in this program. */
#include "fuzz.h"

#define dprintf(file, ...) ((void)(file), (void)snprintf(complaint, sizeof(complaint), __VA_ARGS__))
static char complaint[1024];
#include "../../src/check/report.c"

void check_place_init(void) { }
void check_memory_init(void) { }
void check_thread_init(void) { }
void check_real_init(void) { }
void check_lock(void) { }
void check_unlock(void) { }
void check_place_name(const struct place *place, char name[16]) { (void)place; *name = '\0'; }
void check_place_print(int file, const struct place *place) { (void)file; (void)place; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct options defaults = {
		.symbols = true, .exit_status = 66, .stall = 10000, .quarantine = 16L << 20, .frames = 8,
	};
	char text[4096];

	size = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	check_options = defaults;
	complaint[0] = '\0';
	setenv("URCU_CHECK_OPTIONS", text, 1);
	read_options();
	must(memchr(check_options.log, '\0', sizeof(check_options.log)));
	must(check_options.frames >= 1 && check_options.frames <= PLACE_FRAMES);
	/* A wait that is no time would be one for ever, or none; a fault must be seen by who started the program. */
	must(check_options.stall >= 0 && check_options.quarantine >= 0);
	must(check_options.exit_status >= 0 && check_options.exit_status <= 255);
	/* What was said: of a log, the last one; of nothing, nothing. */
	must(*complaint || text[strspn(text, ":, ")] || !memcmp(&check_options, &defaults, sizeof(defaults)));
	return 0;
}
