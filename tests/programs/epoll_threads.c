/* An event loop served by threads through epoll and eventfd; each item is seen once. modes: all */
#include "check.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define WORKERS 4
#define ITEMS	200

static int ep, work, done;

static void *worker(void *arg)
{
	struct epoll_event ev;
	long handled = 0;
	uint64_t v;

	for (;;) {
		CHECK(epoll_wait(ep, &ev, 1, -1) == 1);
		if (ev.data.fd == done)
			return (void *)handled;
		if (read(work, &v, sizeof(v)) == sizeof(v))
			handled += v;
		else
			CHECK(errno == EAGAIN);
	}
}

int main(void)
{
	struct epoll_event ev = {EPOLLIN, {0}};
	pthread_t t[WORKERS];
	long total = 0;
	void *ret;

	ep = epoll_create1(0);
	work = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	done = eventfd(0, 0);
	ev.data.fd = work;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, work, &ev) == 0);
	for (int i = 0; i < WORKERS; i++)
		CHECK(pthread_create(&t[i], NULL, worker, NULL) == 0);
	for (int i = 0; i < ITEMS; i++)
		CHECK(eventfd_write(work, 1) == 0);
	for (uint64_t v = 1; v;) {
		struct epoll_event none;

		msleep(1);
		v = epoll_wait(ep, &none, 1, 0);
	}
	ev.data.fd = done;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, done, &ev) == 0 && eventfd_write(done, 1) == 0);
	for (int i = 0; i < WORKERS; i++) {
		CHECK(pthread_join(t[i], &ret) == 0);
		printf("worker %d: %ld\n", i, (long)ret);
		total += (long)ret;
	}
	CHECK(total == ITEMS);
	return 0;
}
