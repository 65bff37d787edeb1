/* A process waits for another one's flock, fcntl and open-file-description locks. modes: all */
#include "check.h"

#include <sys/file.h>

static void set_lock(int fd, int cmd, int type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_len = 10};

	CHECK(fcntl(fd, cmd, &l) == 0);
}

static void child(int ready, int go)
{
	int fd = open("file", O_RDWR);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

	CHECK(fd >= 0);
	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == getppid());
	CHECK_ERRNO(fcntl(fd, F_SETLK, &(struct flock){.l_type = F_RDLCK, .l_len = 1}), EAGAIN);
	tell(ready);
	CHECK(flock(fd, LOCK_EX) == 0);
	set_lock(fd, F_SETLKW, F_WRLCK);
	printf("child has both locks\n");
	hear(go);
	CHECK_ERRNO(fcntl(fd, F_OFD_SETLK,
			  &(struct flock){.l_type = F_WRLCK, .l_start = 20, .l_len = 5}),
		    EAGAIN);
	exit(0);
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600), other = open("file", O_RDWR);
	int ready[2], go[2];
	pid_t pid;

	CHECK(fd >= 0 && pipe(ready) == 0 && pipe(go) == 0);
	CHECK(flock(fd, LOCK_EX) == 0);
	set_lock(fd, F_SETLK, F_WRLCK);
	pid = fork();
	if (pid == 0) {
		close(fd);
		child(ready[1], go[0]);
	}
	hear(ready[0]);
	printf("parent lets go\n");
	CHECK(flock(fd, LOCK_UN) == 0);
	msleep(5);
	set_lock(fd, F_SETLKW, F_UNLCK);
	CHECK(fcntl(other, F_OFD_SETLK, &(struct flock){.l_type = F_WRLCK, .l_start = 20}) == 0);
	tell(go[1]);
	reap_ok(pid);
	return 0;
}
