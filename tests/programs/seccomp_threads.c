/* A filter that kills at most calls: threads, clocks, signals and traps still work. modes: all */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <x86intrin.h>

#define OK(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int p[2], back[2];

static void handler(int sig)
{
}

static void *reader(void *arg)
{
	tell(back[1]); /* libc's own calls are over */
	hear(p[0]);
	tell(back[1]);
	return NULL;
}

static void install(bool tsync)
{
	struct sock_filter f[] = {
		/* A is 0 at the start, so this falls through. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		OK(SYS_read),
		OK(SYS_write),
		OK(SYS_futex),
		OK(SYS_exit),
		OK(SYS_exit_group),
		OK(SYS_rt_sigprocmask),
		OK(SYS_rt_sigreturn),
		OK(SYS_rt_sigaction),
		OK(SYS_sched_setaffinity),
		OK(SYS_madvise),
		OK(SYS_munmap),
		OK(SYS_epoll_wait),
		OK(SYS_epoll_pwait2),
		OK(SYS_newfstatat),
		OK(SYS_getpid),
		OK(SYS_kill),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)-1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = {NELEM(f), f};

	if (tsync)
		CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			      &prog) == 0);
	else
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
	CHECK(prog.len == NELEM(f) && prog.filter == f);
}

static void check_traps(void)
{
	sigset_t set;
	struct sigaction sa;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(__rdtsc() != 0);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGSEGV));
	CHECK(sigaction(SIGSEGV, NULL, &sa) == 0 && sa.sa_handler == handler);
}

static void check(int epfd)
{
	struct timespec now, timeout = {0, 1000000};
	struct epoll_event ev;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CHECK(sched_setaffinity(0, sizeof(cpus), &cpus) == 0);
	CHECK_ERRNO(syscall(-1), EXDEV);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_nsec < 1000000000);
	check_traps();
	CHECK(kill(getpid(), SIGWINCH) == 0);
	CHECK(epoll_wait(epfd, &ev, 1, 1) == 0);
	CHECK(syscall(SYS_epoll_pwait2, epfd, &ev, 1, &timeout, NULL, 8) == 0);
	tell(p[1]);
	tell(p[1]);
	hear(back[0]);
	hear(back[0]);
}

int main(int argc, char **argv)
{
	pthread_t t[2];
	int epfd = epoll_create1(0);
	pid_t pid;

	CHECK(pipe(p) == 0 && pipe(back) == 0 && epfd >= 0);
	on_signal(SIGSEGV, handler, 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	for (int round = 0; round < 2; round++) {
		pid = fork();
		if (pid == 0) {
			for (int i = 0; i < 2; i++)
				CHECK(pthread_create(&t[i], NULL, reader, NULL) == 0);
			hear(back[0]);
			hear(back[0]);
			install(round);
			check(epfd);
			for (int i = 0; i < 2; i++)
				CHECK(pthread_join(t[i], NULL) == 0);
			printf("round %d\n", round);
			_exit(0);
		}
		reap_ok(pid);
	}
	return 0;
}
