/*
 * Without libFuzzer a fuzz target runs the inputs that it is given.
 */
#ifndef TESTS_FUZZ_CORPUS_H
#define TESTS_FUZZ_CORPUS_H

#include "base/buf.h"
#include "base/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline int run_input(const char *path)
{
	struct buf b = BUF_INIT;
	int ret = read_file(path, &b);
	uint8_t *exact = xmalloc(b.len); /* so that a read behind the end is seen */

	if (!ret && b.len)
		memcpy(exact, b.data, b.len);
	if (!ret)
		LLVMFuzzerTestOneInput(exact, b.len);
	free(exact);
	buf_release(&b);
	return ret;
}

/* Run the `n` files at `paths`, and the files in what are directories, and say how many they were.
 * An exit status: 1 if one could not be read, or there were none. */
static inline int run_inputs(char *const *paths, int n)
{
	int inputs = 0;

	for (int i = 0; i < n; i++) {
		char *find = xasprintf("find '%s' -type f | sort", paths[i]);
		FILE *list = popen(find, "r");
		char path[4096];

		while (list && fgets(path, sizeof(path), list)) {
			path[strcspn(path, "\n")] = 0;
			inputs++;
			if (run_input(path))
				return 1;
		}
		if (list)
			pclose(list);
		free(find);
	}
	printf("%d inputs\n", inputs);
	return inputs ? 0 : 1;
}

#endif
