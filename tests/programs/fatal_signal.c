/* Dies by the signal of its argument, raised or caused. modes: all; exit: any */
#include "check.h"

#include <sys/resource.h>

static void cause(int sig)
{
	int zero = 0;

	switch (sig) {
	case SIGSEGV:
		*(volatile int *)BAD_ADDRESS = 1;
		break;
	case SIGILL:
		asm volatile("ud2");
		break;
	case SIGFPE:
		asm volatile("xor %%edx, %%edx\n div %0" ::"r"(zero) : "rax", "rdx");
		break;
	case SIGTRAP:
		asm volatile("int3");
		break;
	case SIGABRT:
		abort();
	case SIGPIPE: {
		int p[2];

		CHECK(pipe(p) == 0 && close(p[0]) == 0);
		CHECK(write(p[1], "x", 1) == 1);
		break;
	}
	case SIGALRM:
		alarm(1);
		pause();
	}
}

int main(int argc, char **argv)
{
	int sig = argc > 1 ? strtol(argv[1], NULL, 10) : SIGSEGV;

	printf("about to die by signal %d\n", sig);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	if (argc > 2)
		cause(sig);
	raise(sig);
	printf("survived\n");
	return 0;
}
