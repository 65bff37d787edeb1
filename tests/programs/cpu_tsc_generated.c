/* A program that had no such instruction gets an rdtsc, in all the ways in which code can come: it
 * is read, comes again, and goes on from where clocks and the counter were read before. modes: all
 */
#include "check.h"

#include <pthread.h>
#include <sys/shm.h>
#include <x86intrin.h>

#define PAGE 4096

typedef uint64_t read_fn(void);

/* rdtsc; shl rdx, 32; or rax, rdx; ret */
static const uint8_t code[] = {0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3};
static uint64_t last;

static void show(const char *what, read_fn *f)
{
	struct timespec now;

	for (int i = 0; i < 3; i++) {
		uint64_t v = f();

		CHECK(v >= last);
		last = v;
		printf("%s: %llx\n", what, (unsigned long long)v);
	}
	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	printf("%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
}

static void *map(int prot, int flags, int fd)
{
	void *p = mmap(NULL, PAGE, prot, flags, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void anonymous(void)
{
	void *p = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memcpy(p, code, sizeof(code));
	show("anonymous", (read_fn *)p);
}

static void protected(void)
{
	void *p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memcpy(p, code, sizeof(code));
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	show("protected", (read_fn *)p);
}

/* The second page cannot be protected; the first one is executable nevertheless. */
static void half_protected(void)
{
	uint8_t *p =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && munmap(p + PAGE, PAGE) == 0);
	memcpy(p, code, sizeof(code));
	CHECK_ERRNO(mprotect(p, 2 * PAGE, PROT_READ | PROT_EXEC), ENOMEM);
	show("half protected", (read_fn *)p);
}

static void file(int flags)
{
	int fd = memfd_create("code", 0);

	CHECK(fd >= 0 && write(fd, code, sizeof(code)) == sizeof(code) && ftruncate(fd, PAGE) == 0);
	show("file", (read_fn *)map(PROT_READ | PROT_EXEC, flags, fd));
	close(fd);
}

static void private_file(void)
{
	file(MAP_PRIVATE);
}

static void shared_file(void)
{
	file(MAP_SHARED);
}

static void segment(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	void *p;

	CHECK(id >= 0);
	p = shmat(id, NULL, 0);
	CHECK(p != (void *)-1);
	memcpy(p, code, sizeof(code));
	p = shmat(id, NULL, SHM_EXEC | SHM_RDONLY);
	CHECK(p != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0);
	show("segment", (read_fn *)p);
}

/* Code of the program's own, with room for another. */
__asm__(".pushsection .text\n"
	".balign 64\n"
	"constant: mov $7, %eax\n"
	"ret\n"
	".balign 64, 0x90\n"
	".popsection\n");
uint64_t constant(void);

static void by_proc_mem(void)
{
	int fd = open("/proc/self/mem", O_RDWR);

	CHECK(constant() == 7);
	CHECK(fd >= 0 &&
	      pwrite(fd, code, sizeof(code), (off_t)(uintptr_t)constant) == sizeof(code));
	close(fd);
	show("/proc/self/mem", constant);
}

static void rewritten(void)
{
	void *page = (void *)((uintptr_t)constant & ~(uintptr_t)(PAGE - 1));

	CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	memcpy((void *)constant, code, sizeof(code));
	show("rewritten", constant);
}

/* A thread that makes no call between the moment at which there is code and that of running it. */
static read_fn *volatile given;
static volatile uint64_t taken;

static void *take(void *unused)
{
	while (!given)
		;
	taken = given();
	return NULL;
}

static void other_thread(void)
{
	pthread_t thread;
	void *p;

	CHECK(pthread_create(&thread, NULL, take, NULL) == 0);
	msleep(50);
	p = map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	memcpy(p, code, sizeof(code));
	given = (read_fn *)p;
	CHECK(pthread_join(thread, NULL) == 0);
	printf("other thread: %llx\n", (unsigned long long)taken);
	CHECK(taken >= last);
}

/* The program is trusted no more, but what its children execute. */
static void executes(void)
{
	pid_t pid;

	anonymous();
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		execl("/proc/self/exe", "cpu_tsc_generated", "again", NULL);
		exit(1);
	}
	reap_ok(pid);
	anonymous();
}

int main(int argc, char **argv)
{
	static void (*const ways[])(void) = {
		anonymous, protected, half_protected, private_file, shared_file,
		segment,   rewritten, by_proc_mem,    other_thread, executes,
	};
	struct timespec now;

	last = __rdtsc();
	printf("%s: %llx\n", argc > 1 ? argv[1] : "first", (unsigned long long)last);
	for (int i = 0; i < 1000; i++)
		CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	printf("%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
	if (argc > 1)
		return 0;
	for (size_t i = 0; i < NELEM(ways); i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			ways[i]();
			exit(0);
		}
		reap_ok(pid);
	}
	return 0;
}
