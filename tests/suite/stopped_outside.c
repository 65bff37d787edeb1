/* Two threads that compute and one that counts in generated code; stopped_outside PIDFILE. What it
 * prints depends on how far each came: a replay that loses an instruction prints something else. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS 60000000

static volatile unsigned long counts[4];
static volatile int flag;

static void *compute(void *arg)
{
	volatile unsigned long *mine = arg;

	for (long i = 0; i < ROUNDS; i++) {
		++*mine;
		if (!(i % 4096))
			counts[3] += *mine;
	}
	return NULL;
}

typedef unsigned long loop(volatile int *);

static void *count(void *code)
{
	counts[2] = ((loop *)code)(&flag);
	return NULL;
}

int main(int argc, char **argv)
{
	/* xor eax, eax; 1: inc rax; cmp dword ptr [rdi], 0; je 1b; ret */
	static const unsigned char bytes[] = {0x31, 0xc0, 0x48, 0xff, 0xc0, 0x83,
					      0x3f, 0,	  0x74, 0xf8, 0xc3};
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *f = argc == 2 && code != MAP_FAILED ? fopen(argv[1], "w") : NULL;
	pthread_t t[3];

	if (!f || fprintf(f, "%d\n", getpid()) < 0 || fclose(f))
		return 1;
	memcpy(code, bytes, sizeof(bytes));
	for (long i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, i < 2 ? compute : count,
				   i < 2 ? (void *)&counts[i] : code))
			return 1;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	flag = 1;
	pthread_join(t[2], NULL);
	printf("%lu %lu %lu %lu\n", counts[0], counts[1], counts[2], counts[3]);
	return 0;
}
