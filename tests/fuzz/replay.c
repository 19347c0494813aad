/* SPDX-License-Identifier: MIT */
/* A harness without a fuzzer: each argument is a file that is an input; without any, standard input is one. */
#include "fuzz.h"

#define INPUT_MAX (1 << 20)

static void replay(FILE *file)
{
	static char bytes[INPUT_MAX];
	size_t size = fread(bytes, 1, sizeof(bytes), file);
	/* Of its own size, for checkers of memory. */
	uint8_t *data = malloc(size ? size : 1);

	must(data);
	memcpy(data, bytes, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(int argc, char **argv)
{
	if (argc == 1)
		replay(stdin);
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");

		if (!file) {
			perror(argv[i]);
			return 2;
		}
		fprintf(stderr, "%s\n", argv[i]);
		replay(file);
		fclose(file);
	}
	return 0;
}
