/*
 * Signals: sent, blocked, waited for; timers; faults.
 */
#include "random.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <ucontext.h>

_Thread_local struct fault *volatile expected_fault;
_Atomic unsigned int n_handled;

static _Thread_local char signal_stack[160 * 1024];
static _Thread_local volatile int nested;
static int handlers_pipe[2];

static void see(uint64_t x)
{
	racy = (racy ^ x) * 0x100000001b3ULL;
}

/* Some do more than look. */
static void on_harmless(int sig, siginfo_t *si, void *context)
{
	const ucontext_t *uc = context;
	int saved = errno;
	struct timespec t;

	nested++;
	n_handled++;
	see(sig);
	see(si->si_code);
	see(uc->uc_mcontext.gregs[REG_RIP]);
	see(uc->uc_mcontext.gregs[REG_RSP]);
	see(uc->uc_mcontext.gregs[REG_EFL]);
	switch (racy >> 60) {
	case 0:
	case 1:
		clock_gettime(CLOCK_MONOTONIC, &t);
		see(t.tv_nsec);
		break;
	case 2:
		see(write(handlers_pipe[1], "s", 1));
		break;
	case 3:
		see(read(handlers_pipe[0], &saved, 0));
		break;
	case 4:
		if (nested < 3)
			raise(SIGUSR2);
		break;
	case 5:
		for (volatile int i = 0; i < 300; i++)
			see(i);
		break;
	}
	nested--;
	errno = saved;
}

/* Of its own thread's making, or sent by somebody. */
static void on_fault(int sig, siginfo_t *si, void *context)
{
	ucontext_t *uc = context;
	struct fault *f = expected_fault;

	see(sig ^ si->si_code);
	if (si->si_code <= 0)
		return;
	if (!f) {
		signal(sig, SIG_DFL);
		return;
	}
	expected_fault = NULL;
	see((uintptr_t)si->si_addr);
	if (f->answer == FAULT_JUMP)
		siglongjmp(f->jump, sig);
	else if (f->answer == FAULT_UNPROTECT)
		mprotect(f->page, 4096, PROT_READ | PROT_WRITE);
	else
		uc->uc_mcontext.gregs[REG_RIP] += f->skip;
}

static const int harmless[] = {SIGUSR1, SIGUSR2,  SIGALRM, SIGVTALRM, SIGPROF, SIGCHLD,
			       SIGIO,	SIGWINCH, SIGURG,  SIGPIPE,   SIGHUP};

static void harmless_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < NELEM(harmless); i++)
		sigaddset(set, harmless[i]);
	for (int i = 1; i < 4; i++)
		sigaddset(set, SIGRTMIN + i);
}

void install_handlers(unsigned int seed)
{
	struct sigaction sa = {.sa_sigaction = on_harmless};
	const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

	CHECK(!pipe2(handlers_pipe, O_NONBLOCK | O_CLOEXEC));
	for (size_t i = 0; i < NELEM(harmless); i++) {
		sa.sa_flags = SA_SIGINFO;
		if (seed >> i & 1)
			sa.sa_flags |= SA_RESTART;
		if (seed >> i & 2)
			sa.sa_flags |= SA_ONSTACK;
		CHECK(!sigaction(harmless[i], &sa, NULL));
	}
	for (int i = 1; i < 4; i++)
		CHECK(!sigaction(SIGRTMIN + i, &sa, NULL));
	signal(SIGWINCH, SIG_DFL);
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK * (seed & 1);
	for (size_t i = 0; i < NELEM(faults); i++)
		CHECK(!sigaction(faults[i], &sa, NULL));
}

void use_signal_stack(void)
{
	const stack_t ss = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};

	CHECK(!sigaltstack(&ss, NULL));
}

int harmless_signal(struct actor *a)
{
	return once_in(a, 4) ? SIGRTMIN + 1 + (int)below(a, 3)
			     : harmless[below(a, NELEM(harmless))];
}

void act_signal_self(struct actor *a)
{
	int sig = harmless_signal(a);

	if (once_in(a, 3))
		saw_result(a, raise(sig));
	else if (once_in(a, 2))
		saw_result(a, kill(getpid(), sig));
	else
		saw_result(a, kill(getppid(), 0));
	saw(a, n_handled);
}

void act_signal_peer(struct actor *a)
{
	if (n_peers)
		saw(a, pthread_kill(peers[below(a, N_PEERS)], harmless_signal(a)));
}

void act_signal_queue(struct actor *a)
{
	for (unsigned int i = below(a, 6); i; i--)
		saw_result(a, sigqueue(getpid(), SIGRTMIN + 1 + (int)below(a, 3),
				       (union sigval){.sival_int = (int)i}));
}

/* Several become due at once. */
void act_signal_blocked(struct actor *a)
{
	sigset_t set, old, pending;

	harmless_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	for (unsigned int i = below(a, 5); i; i--)
		raise(harmless_signal(a));
	work(a, below(a, 100));
	sigpending(&pending);
	saw_bytes(a, &pending, 8);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	saw(a, n_handled);
}

void act_signal_suspend(struct actor *a)
{
	sigset_t set, old, without;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	pthread_kill(pthread_self(), SIGUSR1);
	without = old;
	sigdelset(&without, SIGUSR1);
	saw_result(a, sigsuspend(&without));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void act_signal_wait(struct actor *a)
{
	struct timespec t = brief(a);
	sigset_t set, old;
	siginfo_t si;

	harmless_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	if (once_in(a, 2))
		raise(harmless_signal(a));
	saw_result(a, sigtimedwait(&set, &si, &t));
	saw_result(a, sigtimedwait(&set, &si, &(struct timespec){0}));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void act_signal_fd(struct actor *a)
{
	struct signalfd_siginfo si[3];
	sigset_t set, old;
	int fd;

	harmless_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	for (unsigned int i = below(a, 3); i; i--)
		raise(harmless_signal(a));
	saw_result(a, read(fd, si, sizeof(si)));
	close(fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Waits during which other signals are let in than before. */
void act_signal_masks(struct actor *a)
{
	struct pollfd pf = {.fd = handlers_pipe[0], .events = POLLIN};
	struct timespec t = brief(a);
	sigset_t set, old;
	char buf[64];
	fd_set fds;

	harmless_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	if (once_in(a, 2))
		raise(harmless_signal(a));
	FD_ZERO(&fds);
	FD_SET(handlers_pipe[0], &fds);
	if (once_in(a, 2))
		saw_result(a, ppoll(&pf, 1, &t, &old));
	else
		saw_result(a, pselect(handlers_pipe[0] + 1, &fds, NULL, NULL, &t, &old));
	saw_result(a, read(handlers_pipe[0], buf, sizeof(buf)));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void act_signal_stacks(struct actor *a)
{
	stack_t now;

	CHECK(!sigaltstack(NULL, &now));
	saw(a, (uintptr_t)now.ss_sp ^ (unsigned int)now.ss_flags);
	if (!(now.ss_flags & SS_ONSTACK))
		use_signal_stack();
	pthread_kill(pthread_self(), SIGUSR2);
}

/* For those that nobody waits for. */
void act_signal_disposition(struct actor *a)
{
	struct sigaction sa = {.sa_sigaction = on_harmless, .sa_flags = SA_SIGINFO}, old;

	if (once_in(a, 2)) {
		sa.sa_flags = 0;
		sa.sa_handler = SIG_IGN;
	}
	CHECK(!sigaction(once_in(a, 2) ? SIGURG : SIGIO, &sa, &old));
	saw(a, (uintptr_t)old.sa_handler);
	raise(SIGURG);
	raise(SIGIO);
}

/* --- timers --- */

void act_timer_interval(struct actor *a)
{
	const int which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
	struct itimerval t = {{0, 0}, {0, 1 + below(a, 2000)}}, old;
	int w = which[below(a, 3)];

	if (once_in(a, 3))
		t.it_interval.tv_usec = 1000 + below(a, 4000);
	if (once_in(a, 3))
		memset(&t, 0, sizeof(t));
	CHECK(!setitimer(w, &t, &old));
	saw(a, old.it_value.tv_usec);
	work(a, below(a, 300));
	CHECK(!getitimer(w, &old));
	saw(a, old.it_value.tv_usec);
}

static bool make_timer(struct actor *a, timer_t *timer)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2};
	struct itimerspec t = {{0, 0}, {0, 1000 + below(a, 800000)}};

	ev._sigev_un._tid = gettid();
	ev.sigev_value.sival_int = 7;
	if (once_in(a, 2))
		t.it_interval.tv_nsec = 300000 + below(a, 900000);
	return !timer_create(once_in(a, 3) ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &ev,
			     timer) &&
	       !timer_settime(*timer, 0, &t, NULL);
}

void act_timer_thread(struct actor *a)
{
	struct itimerspec left;
	timer_t timer;

	if (!make_timer(a, &timer))
		return;
	work(a, below(a, 500));
	timer_gettime(timer, &left);
	saw(a, left.it_value.tv_nsec);
	saw_result(a, timer_getoverrun(timer));
	timer_delete(timer);
}

/* Code that waits for a handler, without a call. */
void act_timer_spin(struct actor *a)
{
	struct itimerspec t = {{0, 0}, {0, 1000 + below(a, 500000)}};
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 3};
	unsigned int before = n_handled;
	uint64_t n = 0;
	timer_t timer;

	ev._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer))
		return;
	timer_settime(timer, 0, &t, NULL);
	while (n_handled == before)
		n++;
	saw(a, n);
	timer_delete(timer);
}

/* --- faults --- */

void act_fault_jump(struct actor *a)
{
	struct fault f = {.answer = FAULT_JUMP};
	volatile unsigned int how = below(a, 4);
	int sig = sigsetjmp(f.jump, 1);
	volatile int zero = 0;

	if (sig) {
		saw(a, sig);
		return;
	}
	expected_fault = &f;
	if (how == 0)
		*(volatile int *)BAD_ADDRESS = 1;
	else if (how == 1)
		saw(a, 5 / zero);
	else if (how == 2)
		__asm__ volatile("ud2");
	else
		__asm__ volatile("int3");
	expected_fault = NULL;
}

void act_fault_unprotect(struct actor *a)
{
	volatile char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct fault f = {.answer = FAULT_UNPROTECT, .page = (void *)p};

	CHECK(p != MAP_FAILED);
	expected_fault = &f;
	for (unsigned int i = 0; i < 100; i++)
		p[i] += i;
	expected_fault = NULL;
	saw(a, p[7]);
	munmap((void *)p, 4096);
}

void act_fault_skip(struct actor *a)
{
	struct fault f = {.answer = FAULT_SKIP, .skip = 2};

	for (unsigned int i = 1 + below(a, 3); i; i--) {
		expected_fault = &f;
		__asm__ volatile("ud2" ::: "memory");
	}
	saw(a, racy);
}

/* Behind the end of a file. */
void act_fault_bus(struct actor *a)
{
	struct fault f = {.answer = FAULT_JUMP};
	int fd = memfd_create("bus", MFD_CLOEXEC);
	char *volatile p = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	int sig;

	CHECK(p != MAP_FAILED);
	CHECK(!ftruncate(fd, 100));
	close(fd);
	sig = sigsetjmp(f.jump, 1);
	if (!sig) {
		expected_fault = &f;
		saw(a, ((volatile char *)p)[4096]);
	}
	saw(a, sig);
	munmap(p, 8192);
}
