/* main() leaves by pthread_exit; another thread lives on and exits. modes: all; exit: exit 7 */
#include "check.h"

#include <pthread.h>

static pthread_t leader;

static void *survivor(void *arg)
{
	CHECK(pthread_join(leader, NULL) == 0);
	msleep(2);
	printf("still here: pid %d tid %ld\n", getpid(), (long)syscall(SYS_gettid));
	CHECK(kill(getpid(), 0) == 0);
	exit(7);
}

int main(void)
{
	pthread_t t;

	leader = pthread_self();
	CHECK(pthread_create(&t, NULL, survivor, NULL) == 0);
	pthread_exit(NULL);
}
