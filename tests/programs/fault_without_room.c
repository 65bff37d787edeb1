/* Handlers for whose frames there is no stack: SIGSEGV instead, which kills or has a handler of its
 * own. modes: all */
#include "check.h"

#define STACK_SIZE 65536

static void handler(int sig)
{
	static const char what[] = "the handler of the fault ran\n";

	if (write(1, what, sizeof(what) - 1) > 0)
		_exit(1);
}

static void instead(int sig, siginfo_t *si, void *context)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "signal %d instead, code %d\n", sig, si->si_code);

	_exit(write(1, text, n) == n && si->si_code == SI_KERNEL ? 0 : 1);
}

static void *memory(int prot)
{
	void *p = mmap(NULL, STACK_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void use_stack(int prot)
{
	stack_t s = {.ss_sp = memory(prot), .ss_size = STACK_SIZE};

	CHECK(sigaltstack(&s, NULL) == 0);
}

static void divide_by_zero(void)
{
	asm volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" : : : "eax", "ecx", "edx");
}

/* Between calls that need no stop, so that the place of the fault has to be found. */
static void store_to_nowhere(void)
{
	CHECK(getppid() > 0);
	*(volatile char *)BAD_ADDRESS = 1;
}

static void segv_kills(void)
{
	use_stack(PROT_NONE);
	on_signal(SIGSEGV, handler, SA_ONSTACK);
	store_to_nowhere();
}

static void fpe_kills(void)
{
	use_stack(PROT_NONE);
	on_signal(SIGFPE, handler, SA_ONSTACK);
	divide_by_zero();
}

static void sent_kills(void)
{
	use_stack(PROT_NONE);
	on_signal(SIGUSR1, handler, SA_ONSTACK);
	CHECK(kill(getpid(), SIGUSR1) == 0);
}

/* The stack pointer is nowhere; the handler of SIGSEGV alone has another stack. */
static void fpe_becomes_segv(void)
{
	char *nowhere = (char *)memory(PROT_NONE) + STACK_SIZE;

	use_stack(PROT_READ | PROT_WRITE);
	on_signal(SIGFPE, handler, 0);
	on_siginfo(SIGSEGV, instead, SA_ONSTACK);
	asm volatile("mov %0, %%rsp; xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx"
		     :
		     : "r"(nowhere)
		     : "eax", "ecx", "edx", "memory");
	__builtin_unreachable();
}

static int run(void (*fn)(void))
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		fn();
		_exit(2);
	}
	return reap(pid);
}

int main(void)
{
	int status;

	status = run(segv_kills);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = run(fpe_kills);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = run(sent_kills);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = run(fpe_becomes_segv);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	printf("done\n");
	return 0;
}
