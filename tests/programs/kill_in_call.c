/* SIGKILL from a sibling in many kinds of blocking calls, also with threads. modes: all */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/file.h>

static int p[2], full[2];

static void *forever(void *arg)
{
	pause();
	return NULL;
}

static void block(int how)
{
	static char big[200000];
	struct pollfd f = {p[0], POLLIN, 0};
	pthread_t t;
	char c;

	switch (how) {
	case 0:
		pause();
		break;
	case 1:
		CHECK(read(p[0], &c, 1) == 1);
		break;
	case 2:
		poll(&f, 1, -1);
		break;
	case 3:
		sleep(1000);
		break;
	case 4:
		flock(open("lock", O_RDWR), LOCK_EX);
		break;
	case 5:
		CHECK(write(full[1], big, sizeof(big)) == 0);
		break;
	case 6:
		for (int i = 0; i < 4; i++)
			pthread_create(&t, NULL, forever, NULL);
		pthread_join(t, NULL);
		break;
	case 7:
		if (vfork() == 0)
			for (;;)
				pause();
		break;
	}
	_exit(1);
}

int main(void)
{
	int ready[2], fd = open("lock", O_RDWR | O_CREAT, 0600);
	pid_t pid, killer;

	CHECK(pipe(p) == 0 && pipe(full) == 0 && pipe(ready) == 0 && flock(fd, LOCK_EX) == 0);
	for (int how = 0; how < 8; how++) {
		pid = fork();
		if (pid == 0) {
			setpgid(0, 0);
			tell(ready[1]);
			block(how);
		}
		hear(ready[0]);
		killer = fork();
		if (killer == 0) {
			msleep(3);
			CHECK(kill(how == 7 ? -pid : pid, SIGKILL) == 0);
			exit(0);
		}
		CHECK(WTERMSIG(reap(pid)) == SIGKILL);
		reap_ok(killer);
		printf("%d: %d died\n", how, pid);
	}
	return 0;
}
