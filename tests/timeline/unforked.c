/*
 * Memory that a fork does not copy (MADV_DONTFORK, MADV_WIPEONFORK), in use: to step in, back and
 * forth. The program's own forks are without it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 8192

static unsigned char *map(int how, int advice)
{
	unsigned char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, how | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise(p, SIZE, advice))
		_exit(1);
	memset(p, 1, SIZE);
	return p;
}

int main(void)
{
	unsigned char *gone = map(MAP_PRIVATE, MADV_DONTFORK), vec[2];
	unsigned char *wiped = map(MAP_PRIVATE, MADV_WIPEONFORK);
	unsigned char *shared = map(MAP_SHARED, MADV_DONTFORK);
	unsigned int sum = 0;

	for (int i = 0; i < 60; i++) {
		int status;
		pid_t pid;

		gone[i] += sum;
		wiped[i + 1] += gone[i] * 2;
		shared[i + 2] += wiped[i + 1] * 3;
		sum += gone[i + 3] + wiped[i] + shared[i + 1];
		getppid();
		if (i % 20)
			continue;
		pid = fork();
		if (!pid)
			_exit(wiped[0] || wiped[i + 1] || !mincore(gone, SIZE, vec) ||
			      !mincore(shared, SIZE, vec));
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
	printf("%u\n", sum);
	return 0;
}
