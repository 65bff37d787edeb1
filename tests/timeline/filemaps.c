/*
 * A file mapped privately while it changes, by write(2) and then through a shared mapping: to step
 * in, back and forth. Pages that were not written to show the file as it is, the others do not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
#define SIZE (4 * PAGE)

static unsigned char *map(int fd, int how)
{
	unsigned char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, how, fd, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

int main(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	unsigned char *own, *shared = NULL;
	unsigned int sum = 0;

	if (fd < 0 || ftruncate(fd, SIZE))
		return 1;
	own = map(fd, MAP_PRIVATE);
	for (int i = 0; i < 60; i++) {
		unsigned char c = (unsigned char)(i + 1);

		own[PAGE + i] += (unsigned char)(own[i] + own[2 * PAGE + i] + 1);
		if (shared) {
			shared[i] = shared[PAGE + i] = c;
			shared[2 * PAGE + i]++;
		} else if (pwrite(fd, &c, 1, i) != 1 || pwrite(fd, &c, 1, PAGE + i) != 1) {
			return 1;
		}
		sum = sum * 3 + own[i] + own[PAGE + i] + own[2 * PAGE + i];
		if (i == 20)
			shared = map(fd, MAP_SHARED);
		if (i == 40 && mprotect(own, PAGE, PROT_READ))
			return 1;
	}
	printf("%u\n", sum);
	return 0;
}
