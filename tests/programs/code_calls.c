/* System calls with this and that around them: what they show of addresses, and when they are
 * interrupted. modes: all */
#include "check.h"
#include "code.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <ucontext.h>

/* Where rcx is after the call: behind the instruction, as the CPU has it. */
uint64_t rcx_after, go_on_at;

typedef long call_fn(long a, void *b, long c, long nr);
call_fn much_before, branch_before, only_behind, little_before, in_loop;
void trampoline(void);

#define PLACES(name) ".long 1b-" name ", 2b-" name
#define END	     "mov %rcx, rcx_after(%rip)\n ret"

ASM_FUNCTION(much_before,
	     "mov %ecx, %eax\n {disp32} lea 0(%rdi), %rdi\n 1: syscall\n 2: mov %rcx, %r10\n" END,
	     PLACES("much_before"));
ASM_FUNCTION(branch_before,
	     "mov %ecx, %eax\n test %eax, %eax\n js 3f\n test %edx, %edx\n 1: syscall\n 2: " END
	     "\n 3: mov $-1, %rax\n ret",
	     PLACES("branch_before"));
ASM_FUNCTION(only_behind,
	     "mov %ecx, %eax\n jmp 1f\n ud2\n 1: syscall\n 2: {disp32} lea 0(%rax), %rax\n" END,
	     PLACES("only_behind"));
ASM_FUNCTION(little_before,
	     "mov %ecx, %eax\n jmp 3f\n ud2\n 3: {disp8} lea 0(%rdi), %rdi\n 1: syscall\n 2: " END,
	     PLACES("little_before"));
/* The loop's only window may be the call's. */
ASM_FUNCTION(in_loop,
	     "mov $5, %r9d\n 3: mov %ecx, %r8d\n mov %r8d, %eax\n 1: syscall\n"
	     "2: mov %rcx, %r10\n mov %r8d, %ecx\n sub $1, %r9d\n jnz 3b\n mov %r10, %rcx\n" END,
	     PLACES("in_loop"));
ASM_FUNCTION(trampoline, "1: jmp *go_on_at(%rip)\n 2:", PLACES("trampoline"));

static const struct shape {
	const char *name;
	call_fn *call;
	const uint32_t *at;
} shapes[] = {
	{"much before", much_before, much_before_at},
	{"branch before", branch_before, branch_before_at},
	{"only behind", only_behind, only_behind_at},
	{"little before", little_before, little_before_at},
	{"in loop", in_loop, in_loop_at},
};

static const struct shape *shape;
static int pipe_fds[2];
static volatile int handled;
static bool by_jump, restarts;

static uint64_t begin_of(const struct shape *s)
{
	return (uintptr_t)s->call + s->at[0];
}

static uint64_t end_of(const struct shape *s)
{
	return (uintptr_t)s->call + s->at[1];
}

static void on_sys(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	CHECK(si->si_syscall == SYS_getuid);
	CHECK((uintptr_t)si->si_call_addr == end_of(shape));
	CHECK((uint64_t)uc->uc_mcontext.gregs[REG_RIP] == end_of(shape));
	CHECK((uint64_t)uc->uc_mcontext.gregs[REG_RCX] == end_of(shape));
	uc->uc_mcontext.gregs[REG_RAX] = 4242;
	handled++;
}

static void on_alarm(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t rip = (uint64_t)g[REG_RIP];

	CHECK(rip == (restarts ? begin_of(shape) : end_of(shape)));
	CHECK(g[REG_RAX] == (restarts ? SYS_read : -EINTR));
	CHECK((uint64_t)g[REG_RCX] == end_of(shape));
	handled++;
	for (int i = 0; restarts && i < 5; i++)
		tell(pipe_fds[1]);
	if (!by_jump)
		return;
	go_on_at = rip;
	g[REG_RIP] = (greg_t)(uintptr_t)trampoline;
}

static void alarm_soon(void)
{
	struct itimerval it = {{0, 0}, {0, 3000}};

	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void read_interrupted(int flags, bool jump)
{
	char c = 0;
	long n;

	restarts = flags & SA_RESTART;
	by_jump = jump;
	handled = 0;
	on_siginfo(SIGALRM, on_alarm, flags);
	alarm_soon();
	n = shape->call(pipe_fds[0], &c, 1, SYS_read);
	CHECK(handled == 1 && rcx_after == end_of(shape));
	CHECK(restarts ? n == 1 && c == '!' : n == -EINTR);
	for (int i = 0; restarts && shape->call != in_loop && i < 4; i++)
		hear(pipe_fds[0]);
}

static void calls(void)
{
	pid_t pid;

	for (int i = 0; i < 300; i++) {
		rcx_after = 0;
		CHECK(shape->call(0, NULL, 0, SYS_getpid) == getpid());
		CHECK(rcx_after == end_of(shape));
	}
	if (shape->call == in_loop)
		return; /* it would fork and wait for more */
	pid = (pid_t)shape->call(0, NULL, 0, SYS_fork);
	CHECK(rcx_after == end_of(shape));
	if (!pid)
		_exit(0);
	reap_ok(pid);
	read_interrupted(0, false);
}

static void trap_getuid(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {NELEM(f), f};

	on_siginfo(SIGSYS, on_sys, 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
}

int main(void)
{
	CHECK(pipe(pipe_fds) == 0);
	for (shape = shapes; shape < shapes + NELEM(shapes); shape++) {
		calls();
		read_interrupted(SA_RESTART, false);
		/* Where a call begins that fills a whole window, with what is before it. */
		if (shape->call == much_before || shape->call == only_behind)
			read_interrupted(SA_RESTART, true);
		printf("%s: %#llx\n", shape->name, (unsigned long long)rcx_after);
	}
	trap_getuid();
	for (shape = shapes; shape < shapes + NELEM(shapes); shape++) {
		handled = 0;
		CHECK(shape->call(0, NULL, 0, SYS_getuid) == 4242);
		CHECK(handled == (shape->call == in_loop ? 5 : 1));
		CHECK(rcx_after == end_of(shape));
	}
	printf("trapped\n");
	return 0;
}
