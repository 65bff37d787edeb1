/* Two processes map one file shared; each sees the other's stores. modes: all */
#include "check.h"

#define SIZE 20000

int main(void)
{
	int go[2], done[2], fd = open("file", O_RDWR | O_CREAT, 0600);
	unsigned char *p, buf[SIZE];
	pid_t pid;

	CHECK(pipe(go) == 0 && pipe(done) == 0 && ftruncate(fd, SIZE) == 0);
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, SIZE);
	pid = fork();
	if (pid == 0) {
		int again = open("file", O_RDWR);
		unsigned char *q;

		munmap(p, SIZE);
		q = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
		CHECK(q != MAP_FAILED && q[SIZE - 1] == 1);
		for (int round = 2; round < 6; round++) {
			hear(go[0]);
			CHECK(q[5000] == round);
			q[10000] = round * 10;
			tell(done[1]);
		}
		exit(0);
	}
	for (int round = 2; round < 6; round++) {
		p[5000] = round;
		tell(go[1]);
		hear(done[0]);
		CHECK(p[10000] == round * 10);
	}
	reap_ok(pid);
	CHECK(pread(fd, buf, SIZE, 0) == SIZE && buf[5000] == 5 && buf[10000] == 50);
	CHECK(msync(p, SIZE, MS_SYNC) == 0);
	printf("%08x\n", hash(p, SIZE));
	return 0;
}
