/* Calls of tasks that have no agent: behind a filter of their own, and in a program that may not
 * open what is the recorder's. modes: all; needs: root */
#include "check.h"

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/time.h>

#define NOBODY 65534
#define TURNS  50

extern char **environ;
static int ping[2], pong[2];
static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	alarms++;
}

/* Reads what only its sibling writes: the kernel must not store it before its time. */
static void *reader(void *arg)
{
	for (int i = 0; i < TURNS; i++) {
		hear(ping[0]);
		tell(pong[1]);
	}
	return NULL;
}

static void interrupted_loop(void)
{
	struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
	unsigned int calls = 0;

	on_signal(SIGALRM, on_alarm, 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	while (alarms < 5) {
		for (volatile int i = 0; i < 1000; i++)
			;
		calls += getppid() > 0;
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	printf("%d alarms in %u calls\n", (int)alarms, calls);
}

static void calls(const char *who)
{
	pthread_t t;
	void *lib = dlopen("libm.so.6", RTLD_NOW);
	double (*root)(double) = lib ? (double (*)(double))dlsym(lib, "cbrt") : NULL;

	CHECK(root && root(27) > 2.99);
	CHECK(pipe(ping) == 0 && pipe(pong) == 0);
	CHECK(pthread_create(&t, NULL, reader, NULL) == 0);
	for (int i = 0; i < TURNS; i++) {
		tell(ping[1]);
		hear(pong[0]);
	}
	CHECK(pthread_join(t, NULL) == 0);
	interrupted_loop();
	printf("%s: done\n", who);
}

static void filtered(void)
{
	struct sock_filter f[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {NELEM(f), f};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0);
	calls("filtered");
	exit(0);
}

static void unprivileged(int exe)
{
	char *argv[] = {(char *)"calls_unbuffered", (char *)"again", NULL};

	CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
	fexecve(exe, argv, environ);
	exit(1);
}

int main(int argc, char **argv)
{
	int exe = open("/proc/self/exe", O_RDONLY);
	pid_t pid;

	if (argc > 1) {
		CHECK(getuid() == NOBODY);
		calls("unprivileged");
		return 0;
	}
	pid = fork();
	if (!pid)
		filtered();
	reap_ok(pid);
	pid = fork();
	if (!pid)
		unprivileged(exe);
	reap_ok(pid);
	return 0;
}
