/* exec and what survives it: pid, cwd, mask, ignored signals; scripts, fexecve. modes: all */
#include "check.h"

#include <sys/stat.h>
#include <sys/times.h>

extern char **environ;

static void second(void)
{
	struct sigaction sa;
	struct tms t;
	sigset_t set;

	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGUSR2, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGHUP));
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGHUP));
	CHECK_ERRNO(fcntl(50, F_GETFD), EBADF);
	CHECK(fcntl(51, F_GETFD) == 0);
	printf("times %ld %ld %ld\n", (long)times(&t), (long)t.tms_utime, (long)t.tms_stime);
	for (char **e = environ; *e; e++)
		printf("env %s\n", *e);
}

static void script(const char *self)
{
	FILE *f = fopen("script", "w");

	CHECK(f && fprintf(f, "#!%s third\nnothing\n", self) > 0 && fclose(f) == 0);
	CHECK(chmod("script", 0700) == 0);
	execl("./script", "ignored name", "more", NULL);
	CHECK(!"script");
}

static void handler(int sig)
{
}

int main(int argc, char **argv)
{
	char *env[] = {"ONE=1", "RUNNING_UNDER_RR=x", "LD_BIND_NOW=1", NULL},
	     *second_argv[] = {"", "second", argv[0], NULL};
	sigset_t set;

	printf("%d args, pid %d:", argc, getpid());
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	if (argc == 1) {
		on_signal(SIGUSR1, handler, 0);
		signal(SIGUSR2, SIG_IGN);
		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGHUP) == 0);
		CHECK(dup2(1, 51) == 51 && dup3(1, 50, O_CLOEXEC) == 50);
		fexecve(open(argv[0], O_RDONLY | O_CLOEXEC), second_argv, env);
		CHECK(!"fexecve");
	}
	if (!strcmp(argv[1], "second")) {
		second();
		script(argv[2]);
	}
	CHECK(!strcmp(argv[1], "third") && !strcmp(argv[2], "./script") &&
	      !strcmp(argv[3], "more"));
	return 0;
}
