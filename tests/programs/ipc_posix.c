/* POSIX shm_open with process-shared semaphores, named semaphores, message queues. modes: all */
#include "check.h"

#include <mqueue.h>
#include <semaphore.h>

struct shared {
	sem_t full, empty;
	int value;
};

static void produce_and_consume(struct shared *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 100; i++) {
			CHECK(sem_wait(&s->empty) == 0);
			s->value = i * i;
			CHECK(sem_post(&s->full) == 0);
		}
		exit(0);
	}
	for (int i = 0; i < 100; i++) {
		CHECK(sem_wait(&s->full) == 0);
		CHECK(s->value == i * i);
		CHECK(sem_post(&s->empty) == 0);
	}
	reap_ok(pid);
}

static void queue(const char *name)
{
	struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 64}, got;
	struct timespec past = {1, 0};
	char buf[64];
	unsigned int prio;
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	pid_t pid;

	if (q == (mqd_t)-1) {
		CHECK(errno == ENOSYS || errno == EACCES);
		return;
	}
	CHECK(mq_unlink(name) == 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 10; i++) {
			int n = snprintf(buf, sizeof(buf), "message %d", i);

			CHECK(mq_send(q, buf, n, i % 2) == 0);
		}
		exit(0);
	}
	for (int i = 0; i < 10; i++) {
		ssize_t n = mq_receive(q, buf, sizeof(buf), &prio);

		CHECK(n == 9);
		printf("%.9s priority %u\n", buf, prio);
	}
	reap_ok(pid);
	CHECK(mq_getattr(q, &got) == 0 && got.mq_curmsgs == 0 && got.mq_maxmsg == 3);
	CHECK_ERRNO(mq_timedreceive(q, buf, sizeof(buf), NULL, &past), ETIMEDOUT);
	CHECK(mq_close(q) == 0);
}

int main(void)
{
	char name[64];
	struct shared *s;
	struct timespec past = {1, 0};
	sem_t *named;
	int fd, v;

	snprintf(name, sizeof(name), "/rr-test-%d", getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && shm_unlink(name) == 0 && ftruncate(fd, 4096) == 0);
	s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED && close(fd) == 0);
	CHECK(sem_init(&s->full, 1, 0) == 0 && sem_init(&s->empty, 1, 1) == 0);
	produce_and_consume(s);
	CHECK_ERRNO(sem_timedwait(&s->full, &past), ETIMEDOUT);
	CHECK_ERRNO(sem_trywait(&s->full), EAGAIN);
	named = sem_open(name, O_CREAT | O_EXCL, 0600, 2);
	CHECK(named != SEM_FAILED && sem_unlink(name) == 0);
	CHECK(sem_wait(named) == 0 && sem_getvalue(named, &v) == 0 && v == 1);
	CHECK(sem_close(named) == 0);
	queue(name);
	return 0;
}
