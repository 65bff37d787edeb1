// What the C++ test programs have at hand; see check.h.
#ifndef TESTS_CHECK_HH
#define TESTS_CHECK_HH

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#define CHECK(cond)                                                                          \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, \
				errno);                                                      \
			exit(1);                                                             \
		}                                                                            \
	} while (0)

#endif
