/*
 * What unit tests share: checks that say where they failed, and the program's status.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(cond)                                                               \
	do {                                                                      \
		if (!(cond)) {                                                    \
			printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			failures++;                                               \
		}                                                                 \
	} while (0)

/* Two numbers that must be equal. */
#define CHECK_EQ(a, b)                                                                            \
	do {                                                                                      \
		unsigned long long a_ = (a), b_ = (b);                                            \
		if (a_ != b_) {                                                                   \
			printf("%s:%d: failed: %s is %llu, %s is %llu\n", __FILE__, __LINE__, #a, \
			       a_, #b, b_);                                                       \
			failures++;                                                               \
		}                                                                                 \
	} while (0)

#define CHECK_STR(got, want)                                                             \
	do {                                                                             \
		const char *got_ = (got), *want_ = (want);                               \
		if (strcmp(got_, want_) != 0) {                                          \
			printf("%s:%d: got  %s\n%*swant %s\n", __FILE__, __LINE__, got_, \
			       (int)sizeof(__FILE__) + 4, "", want_);                    \
			failures++;                                                      \
		}                                                                        \
	} while (0)

static inline int check_status(const char *what)
{
	printf("%s: %s\n", what, failures ? "FAILED" : "ok");
	return failures ? 1 : 0;
}

#endif
