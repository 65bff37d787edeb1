/*
 * Processes: made in all ways, ended in all ways, waited for in all ways.
 */
#include "random.h"

#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>

extern char **environ;

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

void again_init(struct again *g, struct actor *a, unsigned int steps)
{
	snprintf(g->seed, sizeof(g->seed), "%llu", (unsigned long long)a->random);
	snprintf(g->steps, sizeof(g->steps), "%u", steps);
	snprintf(g->depth, sizeof(g->depth), "%u", a->depth + 1);
	g->argv[0] = "random_actions";
	g->argv[1] = g->seed;
	g->argv[2] = g->steps;
	g->argv[3] = g->depth;
	g->argv[4] = NULL;
	below(a, 2);
}

_Noreturn void act_and_exit(struct actor *a, unsigned int steps)
{
	struct actor d = deeper(a);

	act(&d, steps);
	_exit((int)(d.hash & 63));
}

static pid_t fork_checked(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	return pid;
}

/* A child that would go on for ever ends with its parent. */
static void end_with_parent(pid_t parent)
{
	CHECK(!prctl(PR_SET_PDEATHSIG, SIGKILL));
	if (getppid() != parent)
		_exit(1);
}

void act_fork_act(struct actor *a)
{
	pid_t pid = fork_checked();

	if (!pid)
		act_and_exit(a, 1 + below(a, 6));
	saw(a, pid);
	saw(a, reap(pid));
}

static void *spin(void *arg)
{
	for (;;)
		racy = racy + 1;
	return NULL;
}

static void *exit_group_soon(void *arg)
{
	const struct timespec t = {0, 100000};

	nanosleep(&t, NULL);
	_exit(17);
}

/* Every way in which a process can end; what is only one thread's end if there are no others. */
_Noreturn static void end_somehow(struct actor *a, bool alone)
{
	pthread_t t;

	switch (below(a, alone ? 8 : 7)) {
	case 0:
		abort();
	case 1:
		kill(getpid(), SIGKILL);
		for (;;)
			racy++;
	case 2:
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)BAD_ADDRESS = 1;
		_exit(1);
	case 3:
		signal(SIGTERM, SIG_DFL);
		raise(SIGTERM);
		_exit(2);
	case 4:
		CHECK(!pthread_create(&t, NULL, exit_group_soon, NULL));
		spin(NULL);
		_exit(3);
	case 5:
		CHECK(!pthread_create(&t, NULL, exit_group_soon, NULL));
		pthread_exit(NULL);
	case 6:
		exit(45);
	default:
		syscall(SYS_exit, 44);
		_exit(4);
	}
}

void act_fork_end(struct actor *a)
{
	pid_t pid = fork_checked();

	if (!pid) {
		work(a, below(a, 200));
		end_somehow(a, true);
	}
	saw(a, reap(pid));
}

void act_fork_killed(struct actor *a)
{
	struct timespec t = brief(a);
	const bool computes = once_in(a, 2);
	const pid_t self = getpid();
	pid_t pid = fork_checked();

	if (!pid) {
		struct actor d = deeper(a);

		end_with_parent(self);
		signal(SIGTERM, SIG_DFL);
		for (;;)
			computes ? work(&d, 100) : act(&d, 1);
	}
	if (once_in(a, 2))
		nanosleep(&t, NULL);
	saw_result(a, kill(pid, once_in(a, 2) ? SIGKILL : SIGTERM));
	saw(a, reap(pid));
}

static int wait_id(struct actor *a, pid_t pid, int options)
{
	siginfo_t si = {0};

	while (waitid(P_PID, pid, &si, options) < 0)
		CHECK(errno == EINTR);
	saw(a, si.si_code);
	saw(a, si.si_status);
	return si.si_code;
}

/* It may be anywhere when it is stopped, and when it is continued. */
void act_fork_stopped(struct actor *a)
{
	const bool computes = once_in(a, 2);
	struct timespec t = brief(a);
	pid_t pid = fork_checked();

	if (!pid) {
		struct actor d = deeper(a);

		for (;;)
			computes ? work(&d, 100) : act(&d, 1);
	}
	for (unsigned int i = 1 + below(a, 3); i; i--) {
		kill(pid, SIGSTOP);
		if (once_in(a, 2))
			CHECK(wait_id(a, pid, WSTOPPED) == CLD_STOPPED);
		nanosleep(&t, NULL);
		kill(pid, harmless_signal(a));
		kill(pid, SIGCONT);
		if (once_in(a, 2))
			saw_result(a, waitpid(pid, NULL, WNOHANG | WCONTINUED | WUNTRACED));
	}
	kill(pid, SIGKILL);
	while (wait_id(a, pid, WEXITED) != CLD_KILLED)
		;
}

void act_fork_stops_itself(struct actor *a)
{
	const pid_t self = getpid();
	pid_t pid = fork_checked();

	if (!pid) {
		end_with_parent(self);
		raise(SIGSTOP);
		work(a, 50);
		kill(getpid(), SIGSTOP);
		_exit(9);
	}
	for (int i = 0; i < 2; i++) {
		CHECK(wait_id(a, pid, WSTOPPED) == CLD_STOPPED);
		CHECK(!kill(pid, SIGCONT));
		/* It may have stopped again, which takes this word back. */
		if (once_in(a, 2))
			saw_result(a, waitid(P_PID, pid, NULL, WCONTINUED | WNOHANG));
	}
	CHECK(wait_id(a, pid, WEXITED | WNOWAIT) == CLD_EXITED);
	saw(a, reap(pid));
}

static void *act_for_ever(void *arg)
{
	struct actor a = *(struct actor *)arg;

	use_signal_stack();
	for (;;)
		act(&a, 1);
	return NULL;
}

static void begin_threads(struct actor *a, struct actor *of_threads, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		pthread_t t;

		of_threads[i] = deeper(a);
		of_threads[i].depth = MAX_DEPTH;
		CHECK(!pthread_create(&t, NULL, once_in(a, 3) ? spin : act_for_ever,
				      &of_threads[i]));
	}
}

void act_fork_threads_exit(struct actor *a)
{
	pid_t pid = fork_checked();

	if (!pid) {
		struct actor d[3];

		begin_threads(a, d, 1 + below(a, 3));
		work(a, below(a, 300));
		if (once_in(a, 2))
			act_and_exit(a, 2);
		end_somehow(a, false);
	}
	saw(a, reap(pid));
}

static void *exec_again(void *arg)
{
	struct actor *a = arg;
	struct again g;

	again_init(&g, a, 3);
	work(a, below(a, 200));
	execv("/proc/self/exe", g.argv);
	_exit(99);
}

void act_fork_threads_exec(struct actor *a)
{
	const pid_t self = getpid();
	pid_t pid = fork_checked();

	if (!pid) {
		struct actor d[2], e = *a;
		pthread_t t;

		end_with_parent(self);
		begin_threads(a, d, 2);
		CHECK(!pthread_create(&t, NULL, exec_again, &e));
		if (once_in(a, 2))
			pthread_exit(NULL);
		for (;;)
			work(a, 10);
	}
	saw(a, reap(pid));
}

void act_fork_pipe(struct actor *a)
{
	char buf[300];
	ssize_t n;
	int p[2];
	pid_t pid;

	CHECK(!pipe2(p, O_CLOEXEC));
	pid = fork_checked();
	if (!pid) {
		struct actor d = deeper(a);

		close(p[0]);
		for (unsigned int i = below(&d, 6); i; i--) {
			struct timespec t = brief(&d);

			memset(buf, (int)d.random, sizeof(buf));
			(void)!write(p[1], buf, 1 + below(&d, sizeof(buf)));
			if (once_in(&d, 2))
				nanosleep(&t, NULL);
		}
		_exit(1);
	}
	close(p[1]);
	while ((n = read(p[0], buf, 1 + below(a, sizeof(buf)))) != 0) {
		CHECK(n > 0 || errno == EINTR);
		if (n > 0)
			saw_bytes(a, buf, n);
	}
	close(p[0]);
	saw(a, reap(pid));
}

/* Counters that are lost, and a flag to spin on. */
void act_fork_shared(struct actor *a)
{
	volatile unsigned int *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	uint64_t n = 0;

	CHECK(m != MAP_FAILED);
	pid = fork_checked();
	for (unsigned int i = 0; i < 3000; i++)
		m[0] = m[0] + 1;
	if (!pid) {
		m[1] = 1;
		_exit(0);
	}
	while (!m[1])
		n++;
	saw(a, m[0]);
	saw(a, n);
	saw(a, reap(pid));
	munmap((void *)m, 4096);
}

void act_fork_orphan(struct actor *a)
{
	int p[2];
	pid_t pid;
	char c;

	CHECK(!pipe2(p, O_CLOEXEC));
	pid = fork_checked();
	if (!pid) {
		if (fork_checked() == 0) {
			work(a, 100);
			act_and_exit(a, 2);
		}
		_exit(3);
	}
	close(p[1]);
	saw(a, reap(pid));
	/* Until the last of them is gone. */
	while (read(p[0], &c, 1) < 0)
		CHECK(errno == EINTR);
	close(p[0]);
}

/* In a process of its own: it waits for any child. */
void act_fork_waits(struct actor *a)
{
	pid_t pid = fork_checked();

	if (!pid) {
		struct actor d = deeper(a);
		unsigned int n = 1 + below(&d, 4), left = n;
		siginfo_t si;

		setpgid(0, 0);
		for (unsigned int i = 0; i < n; i++)
			if (fork_checked() == 0) {
				work(&d, below(&d, 100) * i);
				_exit((int)i);
			}
		while (left) {
			int status = 0;
			pid_t got;

			switch (below(&d, 4)) {
			case 0:
				got = waitpid(-1, &status, WNOHANG);
				break;
			case 1:
				got = waitpid(0, &status, 0);
				break;
			case 2:
				got = waitid(P_ALL, 0, &si, WEXITED) ? -1 : si.si_pid;
				break;
			default:
				got = wait4(-1, &status, __WALL, NULL);
			}
			CHECK(got >= 0 || errno == EINTR);
			left -= got > 0;
			saw(&d, status);
		}
		CHECK_ERRNO(wait(NULL), ECHILD);
		_exit((int)(d.hash & 63));
	}
	saw(a, reap(pid));
}

void act_vfork_exec(struct actor *a)
{
	struct again g;
	pid_t pid;

	again_init(&g, a, 2);
	pid = vfork();
	if (!pid) {
		execv("/proc/self/exe", g.argv);
		_exit(98);
	}
	CHECK(pid > 0);
	saw(a, reap(pid));
}

void act_vfork_exit(struct actor *a)
{
	const unsigned int rounds = below(a, 2000);
	pid_t pid = vfork();

	if (!pid) {
		for (unsigned int i = 0; i < rounds; i++)
			racy = racy + 1;
		_exit(31);
	}
	CHECK(pid > 0);
	saw(a, reap(pid));
}

void act_spawn(struct actor *a)
{
	posix_spawn_file_actions_t fa;
	struct again g;
	pid_t pid;

	again_init(&g, a, 2);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	CHECK(!posix_spawn(&pid, "/proc/self/exe", &fa, NULL, g.argv, environ));
	posix_spawn_file_actions_destroy(&fa);
	saw(a, reap(pid));
}

void act_clone_pidfd(struct actor *a)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = SIGCHLD};
	struct pollfd pf = {.events = POLLIN};
	siginfo_t si = {0};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	CHECK(pid >= 0);
	if (!pid) {
		for (unsigned int i = 0; i < 2000; i++)
			racy = racy + 1;
		_exit(12);
	}
	pf.fd = pidfd;
	saw_result(a, poll(&pf, 1, 1));
	if (once_in(a, 3))
		saw_result(a, syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
	while (waitid(P_PIDFD, pidfd, &si, WEXITED) < 0)
		CHECK(errno == EINTR);
	saw(a, si.si_status);
	close(pidfd);
}

static int share_memory(void *arg)
{
	volatile uint64_t *sum = arg;

	for (unsigned int i = 0; i < 500; i++)
		*sum = *sum * 3 + 1;
	return (int)(*sum & 15);
}

void act_clone_vm(struct actor *a)
{
	const size_t size = 128 * 1024;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int files = once_in(a, 2) ? CLONE_FILES : 0;
	volatile uint64_t sum = a->random;
	sigset_t all, old;
	int status;
	pid_t pid;

	/* It has its parent's thread-local variables: no handler runs there. */
	CHECK(stack != MAP_FAILED);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pid = clone(share_memory, stack + size, CLONE_VM | files | SIGCHLD, (void *)&sum);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	CHECK(pid > 0);
	saw(a, sum);
	while (waitpid(pid, &status, 0) < 0)
		CHECK(errno == EINTR);
	saw(a, status);
	saw(a, sum);
	munmap(stack, size);
}
