/* siginfo of kill, tgkill, sigqueue, SIGCHLD, timers; the handler's ucontext. modes: all */
#include "check.h"

#include <ucontext.h>

static volatile siginfo_t last;
static volatile unsigned long rip, rsp;

static void handler(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;

	last = *si;
	rip = uc->uc_mcontext.gregs[REG_RIP];
	rsp = uc->uc_mcontext.gregs[REG_RSP];
}

/* What is waited for is blocked until then: pause() would not return if the signal came before it.
 */
static void wait_for(int sig, const sigset_t *open)
{
	last.si_signo = 0;
	while (last.si_signo != sig)
		CHECK_ERRNO(sigsuspend(open), EINTR);
}

static void show(const char *what)
{
	printf("%s: signo %d code %d pid %d rip %lx rsp %lx\n", what, last.si_signo, last.si_code,
	       last.si_pid, rip, rsp);
}

int main(void)
{
	union sigval v = {.sival_ptr = (void *)0x1122334455667788};
	struct itimerspec its = {.it_value = {0, 1000000}};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	sigset_t block, old;
	timer_t timer;
	int go[2];
	pid_t pid;

	CHECK(pipe(go) == 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGUSR2);
	sigaddset(&block, SIGCHLD);
	on_siginfo(SIGUSR1, handler, 0);
	on_siginfo(SIGUSR2, handler, 0);
	on_siginfo(SIGCHLD, handler, 0);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(last.si_code == SI_USER && last.si_pid == getpid() && last.si_uid == getuid());
	show("kill");
	CHECK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0 && last.si_code == SI_TKILL);
	show("tgkill");
	CHECK(sigqueue(getpid(), SIGUSR1, v) == 0);
	CHECK(last.si_code == SI_QUEUE && last.si_value.sival_ptr == v.sival_ptr);
	show("sigqueue");
	ev.sigev_value.sival_int = 77;
	CHECK(sigprocmask(SIG_BLOCK, &block, &old) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &timer) == 0);
	CHECK(timer_settime(timer, 0, &its, NULL) == 0);
	wait_for(SIGUSR2, &old);
	CHECK(last.si_code == SI_TIMER && last.si_value.sival_int == 77);
	CHECK(last.si_overrun == timer_getoverrun(timer));
	CHECK(timer_delete(timer) == 0);
	pid = fork();
	if (pid == 0) {
		msleep(2);
		kill(getppid(), SIGUSR1);
		hear(go[0]);
		_exit(33);
	}
	wait_for(SIGUSR1, &old);
	CHECK(last.si_pid == pid && last.si_code == SI_USER);
	tell(go[1]);
	wait_for(SIGCHLD, &old);
	CHECK(last.si_code == CLD_EXITED && last.si_status == 33 && last.si_pid == pid);
	show("child");
	reap(pid);
	return 0;
}
