/*
 * A process attaches to the threads of another one: to one that computes, one that waits in a call
 * and the one that waits for it; looks at registers and memory, changes a word, lets them go. By
 * PTRACE_ATTACH, and by PTRACE_SEIZE with PTRACE_INTERRUPT; waited for by wait4 and waitid.
 * modes: all
 */
#include "check.h"

#include <elf.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

static volatile uint64_t progress, seen;
static volatile int done;
static volatile pid_t tids[2];
static volatile uint64_t word = 0x1122334455667788;
static int wake[2];

static void *compute(void *arg)
{
	tids[0] = (pid_t)syscall(SYS_gettid);
	while (!done)
		progress++;
	return NULL;
}

static void *waiting(void *arg)
{
	char c;

	tids[1] = (pid_t)syscall(SYS_gettid);
	CHECK(read(wake[0], &c, 1) == 1);
	return NULL;
}

/* The stop is there, once, and nothing else is. */
static void wait_stopped(pid_t tid, int want, bool by_id)
{
	siginfo_t si = {0};
	int status;

	if (by_id) {
		CHECK(!waitid(P_PID, (id_t)tid, &si, WSTOPPED | WNOWAIT | __WALL));
		CHECK(si.si_pid == tid && si.si_code == CLD_TRAPPED && si.si_status == want);
		CHECK(!waitid(P_PID, (id_t)tid, &si, WSTOPPED | __WALL));
		CHECK(si.si_pid == tid && si.si_status == want);
	} else {
		CHECK(waitpid(tid, &status, __WALL) == tid);
		CHECK(WIFSTOPPED(status) && status >> 8 == want);
	}
	CHECK(waitpid(tid, &status, __WALL | WNOHANG) <= 0);
}

static uint64_t peek(pid_t tid, const volatile void *p)
{
	errno = 0;
	uint64_t v = (uint64_t)ptrace(PTRACE_PEEKDATA, tid, p, NULL);

	CHECK(!errno);
	return v;
}

static void look_at_registers(pid_t tid, bool in_call)
{
	struct user_regs_struct a, b;
	struct iovec v = {&b, sizeof(b)};

	CHECK(!ptrace(PTRACE_GETREGS, tid, NULL, &a));
	CHECK(!ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &v) && v.iov_len == sizeof(b));
	CHECK(!memcmp(&a, &b, sizeof(a)));
	CHECK((uint64_t)ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user, regs.rsp), NULL) ==
	      a.rsp);
	CHECK(in_call == (a.orig_rax < 1000));
	printf("%d: rip %llx rsp %llx\n", tid, a.rip, a.rsp);
	peek(tid, (void *)a.rsp);
	CHECK_ERRNO(ptrace(PTRACE_PEEKDATA, tid, 8, NULL), EIO);
}

/* It does not run while it is attached to. */
static void look_at_progress(pid_t tid)
{
	uint64_t before = peek(tid, &progress);

	for (int i = 0; i < 20; i++) {
		usleep(100);
		CHECK(peek(tid, &progress) == before);
	}
	printf("progress %lu\n", before);
}

static void look_at(pid_t tid, bool seize, bool in_call)
{
	siginfo_t si;

	if (seize) {
		CHECK(!ptrace(PTRACE_SEIZE, tid, NULL, NULL));
		CHECK_ERRNO(ptrace(PTRACE_PEEKDATA, tid, &word, NULL), ESRCH);
		CHECK(!ptrace(PTRACE_INTERRUPT, tid, NULL, NULL));
	} else {
		CHECK(!ptrace(PTRACE_ATTACH, tid, NULL, NULL));
	}
	wait_stopped(tid, seize ? SIGTRAP | 128 << 8 : SIGSTOP, seize);
	CHECK_ERRNO(ptrace(PTRACE_ATTACH, tid, NULL, NULL), EPERM);
	CHECK(!ptrace(PTRACE_GETSIGINFO, tid, NULL, &si));
	CHECK(si.si_signo == (seize ? SIGTRAP : SIGSTOP));
	look_at_registers(tid, in_call);
	if (!in_call)
		look_at_progress(tid);
	CHECK(!ptrace(PTRACE_DETACH, tid, NULL, NULL));
	CHECK_ERRNO(ptrace(PTRACE_PEEKDATA, tid, &word, NULL), ESRCH);
}

static void change_word(pid_t tid)
{
	CHECK(!ptrace(PTRACE_ATTACH, tid, NULL, NULL));
	wait_stopped(tid, SIGSTOP, false);
	CHECK(peek(tid, &word) == 0x1122334455667788);
	CHECK(!ptrace(PTRACE_POKEDATA, tid, &word, 4711));
	CHECK(peek(tid, &word) == 4711);
	/* It is let go by our end. */
}

static void look(pid_t parent)
{
	for (int i = 0; i < 2; i++) {
		look_at(tids[0], i, false);
		look_at(tids[1], i, true);
		look_at(parent, i, true);
	}
	CHECK_ERRNO(ptrace(PTRACE_ATTACH, getpid(), NULL, NULL), EPERM);
	CHECK_ERRNO(ptrace(PTRACE_GETREGS, parent, NULL, &word), ESRCH);
	change_word(tids[0]);
	exit(0);
}

int main(void)
{
	pthread_t t[2];
	pid_t parent = getpid(), child;

	CHECK(!pipe(wake));
	CHECK(!pthread_create(&t[0], NULL, compute, NULL));
	CHECK(!pthread_create(&t[1], NULL, waiting, NULL));
	while (!tids[0] || !tids[1])
		usleep(1000);
	usleep(10000);
	fflush(stdout);
	child = fork();
	if (!child) {
		usleep(20000);
		look(parent);
	}
	reap_ok(child);
	CHECK(word == 4711);
	seen = progress;
	while (progress == seen)
		;
	done = 1;
	CHECK(write(wake[1], "x", 1) == 1);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(t[i], NULL));
	printf("%lu\n", progress);
	return 0;
}
