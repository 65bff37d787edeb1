/* A library is loaded and unloaded while threads compute in it. modes: all */
#include "check.h"
#include "code.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sys/time.h>

static char library[PATH_MAX + 32];
static volatile int hits;

typedef uint64_t compute(uint64_t x, unsigned long n);

static void handler(int sig)
{
	hits++;
}

static void *elsewhere(void *arg)
{
	return (void *)work((long)arg, 20 * MILLISECOND);
}

static void *again(void *arg)
{
	uint64_t x = (long)arg;

	for (int i = 0; i < 20; i++) {
		void *lib = dlopen(library, i % 2 ? RTLD_NOW : RTLD_LAZY);
		uint64_t y;
		compute *f;

		CHECK(lib);
		*(void **)&f = dlsym(lib, "library_compute");
		CHECK(f);
		y = f(x, MILLISECOND / 5);
		CHECK(y == work(x, MILLISECOND / 5));
		x = y;
		CHECK(dlclose(lib) == 0);
	}
	return (void *)x;
}

int main(int argc, char **argv)
{
	struct itimerval it = {{0, 1000}, {0, 1000}}, off = {0};
	pthread_t t[4];
	char exe[PATH_MAX] = "";

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	snprintf(library, sizeof(library), "%s/%s.so", dirname(exe),
		 argc > 1 ? argv[1] : "computing_library");
	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, i < 2 ? elsewhere : again, (void *)i) == 0);
	for (long i = 0; i < 4; i++) {
		void *result;

		CHECK(pthread_join(t[i], &result) == 0);
		CHECK(result == (void *)work(i, i < 2 ? 20 * MILLISECOND : 20 * (MILLISECOND / 5)));
		printf("%p\n", result);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d signals\n", hits);
	return 0;
}
