/*
 * What every test program has at hand. A program proves things with CHECK() and prints what it saw,
 * pids, times and addresses included: whatever it printed when recorded must come again in replay.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(cond)                                                                          \
	do {                                                                                 \
		if (!(cond)) {                                                               \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, \
				errno);                                                      \
			exit(1);                                                             \
		}                                                                            \
	} while (0)

/* The call fails, with exactly this errno. */
#define CHECK_ERRNO(call, expected)                         \
	do {                                                \
		errno = 0;                                  \
		CHECK((call) == -1 && errno == (expected)); \
	} while (0)

/* What natively cannot be tested here; the runner shows the reason. */
#define SKIP(reason)                    \
	do {                            \
		printf("%s\n", reason); \
		exit(77);               \
	} while (0)

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

/* Where no program has memory, hidden from the compiler's warnings. */
static void *volatile bad_address = (void *)8;
#define BAD_ADDRESS bad_address

/* Whole lines, so that nothing waits in a buffer when a program forks. */
__attribute__((constructor)) static void check_init(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static inline bool recorded(void)
{
	return getenv("RUNNING_UNDER_RR") != NULL;
}

/* Sleeps; never used to order tasks where a pipe could do it. */
static inline void msleep(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* Wait for a child; its status as from waitpid(). */
static inline int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		CHECK(errno == EINTR);
	return status;
}

static inline void reap_ok(pid_t pid)
{
	int status = reap(pid);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline void on_signal(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static inline void on_siginfo(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

/* One byte through a pipe: "I am here". */
static inline void tell(int fd)
{
	CHECK(write(fd, "!", 1) == 1);
}

static inline void hear(int fd)
{
	char c;
	ssize_t n;

	while ((n = read(fd, &c, 1)) < 0 && errno == EINTR)
		;
	CHECK(n == 1);
}

/* FNV-1a, to print what a buffer held. */
static inline uint32_t hash(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t h = 2166136261u;

	while (n--)
		h = (h ^ *s++) * 16777619u;
	return h;
}

#endif
