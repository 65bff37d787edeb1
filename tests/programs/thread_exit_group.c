/* exit_group from a thread ends others blocked in calls of many kinds. modes: all; exit: exit 9 */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int p[2];

static void *blocked(void *arg)
{
	struct pollfd f = {p[0], POLLIN, 0};
	struct epoll_event ev;
	sigset_t set;
	char c;

	switch ((long)arg % 7) {
	case 0:
		pause();
		break;
	case 1:
		CHECK(read(p[0], &c, 1) != 1);
		break;
	case 2:
		poll(&f, 1, -1);
		break;
	case 3:
		pthread_mutex_lock(&lock);
		pthread_cond_wait(&cond, &lock);
		break;
	case 4:
		epoll_wait(epoll_create1(0), &ev, 1, -1);
		break;
	case 5:
		sleep(1000);
		break;
	case 6:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		sigwaitinfo(&set, NULL);
		break;
	}
	fprintf(stderr, "never reached\n");
	return NULL;
}

static void *leave(void *arg)
{
	msleep(5);
	printf("leaving\n");
	exit(9);
}

int main(void)
{
	pthread_t t;

	CHECK(pipe(p) == 0);
	for (long i = 0; i < 21; i++)
		CHECK(pthread_create(&t, NULL, blocked, (void *)i) == 0);
	CHECK(pthread_create(&t, NULL, leave, NULL) == 0);
	pthread_join(t, NULL);
	return 1;
}
