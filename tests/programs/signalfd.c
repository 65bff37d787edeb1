/* signalfd reads signals of self, a child's death, a queue with its values. modes: all */
#include "check.h"

#include <sys/signalfd.h>

int main(void)
{
	struct signalfd_siginfo si[4];
	union sigval v = {.sival_int = 4711};
	sigset_t set;
	pid_t pid;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGRTMIN + 1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(raise(SIGUSR1) == 0 && sigqueue(getpid(), SIGRTMIN + 1, v) == 0);
	CHECK(read(fd, si, sizeof(si)) == 2 * sizeof(si[0]));
	CHECK(si[0].ssi_signo == SIGUSR1 && si[0].ssi_pid == (uint32_t)getpid());
	CHECK(si[1].ssi_int == 4711 && si[1].ssi_code == SI_QUEUE);
	pid = fork();
	if (pid == 0) {
		msleep(2);
		exit(5);
	}
	CHECK(read(fd, si, sizeof(si)) == sizeof(si[0]));
	CHECK(si[0].ssi_signo == SIGCHLD && si[0].ssi_status == 5);
	CHECK(si[0].ssi_pid == (uint32_t)pid && si[0].ssi_code == CLD_EXITED);
	printf("child %u uid %u utime %lu\n", si[0].ssi_pid, si[0].ssi_uid,
	       (unsigned long)si[0].ssi_utime);
	CHECK(WEXITSTATUS(reap(pid)) == 5);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK_ERRNO(read(fd, si, sizeof(si)), EAGAIN);
	return 0;
}
