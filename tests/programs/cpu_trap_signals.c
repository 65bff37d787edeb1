/* rdtsc and cpuid leave the handler and mask of SIGSEGV alone, blocked or ignored. modes: all */
#include "check.h"

#include <cpuid.h>
#include <pthread.h>
#include <ucontext.h>
#include <x86intrin.h>

static volatile int hits;

static void handler(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	/* Inside, SIGSEGV is blocked. */
	__rdtsc();
	__rdtsc();
	hits++;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void trap(void)
{
	unsigned int a, b, c, d;

	__rdtsc();
	__cpuid(0, a, b, c, d);
}

static bool is_blocked(void)
{
	sigset_t now;

	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0);
	return sigismember(&now, SIGSEGV);
}

static void *handler_now(void)
{
	struct sigaction sa;

	CHECK(sigaction(SIGSEGV, NULL, &sa) == 0);
	return sa.sa_handler;
}

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	CHECK(pthread_sigmask(how, &set, NULL) == 0);
}

/* Two bytes long. */
static void fault(void)
{
	__asm__ volatile("movb %b0, (%1)" : : "a"(0), "c"(8L) : "memory");
}

static void check_blocked(void *expected)
{
	CHECK(handler_now() == expected && !is_blocked());
	trap();
	CHECK(handler_now() == expected && !is_blocked());
	block(SIG_BLOCK);
	trap();
	CHECK(handler_now() == expected && is_blocked());
	trap();
	CHECK(handler_now() == expected && is_blocked());
	block(SIG_UNBLOCK);
	trap();
	CHECK(handler_now() == expected && !is_blocked());
}

static void *thread(void *arg)
{
	CHECK(is_blocked());
	trap();
	CHECK(is_blocked() && handler_now() == (void *)handler);
	return NULL;
}

static void check_inherited(void)
{
	pthread_t t;
	pid_t pid;

	block(SIG_BLOCK);
	CHECK(pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0);
	pid = fork();
	if (!pid) {
		thread(NULL);
		CHECK(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
		trap();
		CHECK(is_blocked() && handler_now() == (void *)SIG_IGN);
		_exit(0);
	}
	reap_ok(pid);
	trap();
	CHECK(handler_now() == (void *)handler);
	block(SIG_UNBLOCK);
}

static void check_exec(const char *self)
{
	pid_t pid;

	CHECK(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
	pid = fork();
	if (!pid) {
		execl(self, self, "ignored", NULL);
		_exit(1);
	}
	reap_ok(pid);
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	if (argc > 1) {
		check_blocked(SIG_IGN);
		return 0;
	}
	check_blocked(SIG_DFL);
	check_exec(argv[0]);
	check_blocked(SIG_IGN);
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	check_blocked(handler);
	check_inherited();
	fault();
	fault();
	CHECK(hits == 2 && handler_now() == (void *)handler && !is_blocked());
	trap();
	sa.sa_flags |= SA_RESETHAND;
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	trap();
	fault();
	CHECK(hits == 3);
	check_blocked(SIG_DFL);
	printf("%d hits\n", hits);
	return 0;
}
