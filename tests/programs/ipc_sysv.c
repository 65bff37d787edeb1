/* System V semaphores and messages, blocking between processes. modes: all */
#include "check.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct message {
	long type;
	char text[32];
};

static void semaphores(void)
{
	struct sembuf down = {0, -1, 0}, up = {0, 1, 0}, try = {1, -1, IPC_NOWAIT};
	struct timespec ts = {0, 2000000};
	struct semid_ds ds;
	unsigned short all[2] = {9, 9};
	int id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
	pid_t pid;

	CHECK(id >= 0 && semctl(id, 0, SETVAL, 0) == 0 && semctl(id, 1, SETVAL, 0) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(semop(id, &down, 1) == 0 && semop(id, &down, 1) == 0);
		exit(0);
	}
	CHECK(semop(id, &up, 1) == 0);
	msleep(2);
	CHECK(semop(id, &up, 1) == 0);
	reap_ok(pid);
	CHECK_ERRNO(semop(id, &try, 1), EAGAIN);
	CHECK_ERRNO(semtimedop(id, &down, 1, &ts), EAGAIN);
	CHECK(semctl(id, 0, GETALL, all) == 0 && all[0] == 0 && all[1] == 0);
	CHECK(semctl(id, 0, GETPID) == getpid() || semctl(id, 0, GETPID) == pid);
	CHECK(semctl(id, 0, IPC_STAT, &ds) == 0 && ds.sem_nsems == 2);
	printf("sem %d otime %ld\n", id, (long)ds.sem_otime);
	CHECK(semctl(id, 0, IPC_RMID) == 0);
}

static void messages(void)
{
	struct message m = {5, "five"};
	struct msqid_ds ds;
	int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	pid_t pid;

	CHECK(id >= 0);
	pid = fork();
	if (pid == 0) {
		CHECK(msgrcv(id, &m, sizeof(m.text), 7, 0) == 6 && !strcmp(m.text, "seven"));
		m.type = 8;
		CHECK(msgsnd(id, &m, 6, 0) == 0);
		exit(0);
	}
	CHECK(msgsnd(id, &m, 5, 0) == 0);
	msleep(2);
	m = (struct message){7, "seven"};
	CHECK(msgsnd(id, &m, 6, 0) == 0);
	CHECK(msgrcv(id, &m, sizeof(m.text), 8, 0) == 6 && m.type == 8);
	reap_ok(pid);
	CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 1);
	CHECK_ERRNO(msgrcv(id, &m, 2, 5, 0), E2BIG);
	CHECK(msgrcv(id, &m, 2, 0, MSG_NOERROR) == 2 && m.text[1] == 'i');
	CHECK_ERRNO(msgrcv(id, &m, 2, 0, IPC_NOWAIT), ENOMSG);
	printf("queue %d last from %d\n", id, ds.msg_lspid);
	CHECK(msgctl(id, IPC_RMID, NULL) == 0);
}

int main(void)
{
	semaphores();
	messages();
	return 0;
}
