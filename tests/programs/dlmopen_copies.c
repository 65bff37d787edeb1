/* Several copies of one library compute, each with a state of its own. modes: all */
#include "check.h"
#include "code.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>

#define COPIES 4

typedef uint64_t compute(uint64_t x, unsigned long n);
typedef uint64_t get_state(void);

static struct copy {
	void *lib;
	compute *compute;
	get_state *state;
	pthread_t thread;
} copies[COPIES];

static void *run(void *arg)
{
	struct copy *c = arg;
	uint64_t x = c - copies;

	for (int i = 0; i < 10; i++)
		x = c->compute(x, MILLISECOND / 4);
	return (void *)x;
}

int main(void)
{
	char exe[PATH_MAX] = "", path[PATH_MAX + 32];

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	snprintf(path, sizeof(path), "%s/computing_library.so", dirname(exe));
	for (int i = 0; i < COPIES; i++) {
		struct copy *c = &copies[i];

		c->lib = dlmopen(i ? LM_ID_NEWLM : LM_ID_BASE, path, RTLD_NOW);
		CHECK(c->lib);
		*(void **)&c->compute = dlsym(c->lib, "library_compute");
		*(void **)&c->state = dlsym(c->lib, "library_state");
		CHECK(c->compute && c->state);
		for (int j = 0; j < i; j++)
			CHECK(copies[j].compute != c->compute);
		CHECK(pthread_create(&c->thread, NULL, run, c) == 0);
	}
	for (int i = 0; i < COPIES; i++) {
		uint64_t x = i, sum = 0;
		void *result;

		CHECK(pthread_join(copies[i].thread, &result) == 0);
		for (int j = 0; j < 10; j++)
			sum += x = work(x, MILLISECOND / 4);
		CHECK(result == (void *)x && copies[i].state() == sum);
		printf("%p %p\n", *(void **)&copies[i].compute, result);
	}
	for (int i = 0; i < COPIES; i++)
		CHECK(dlclose(copies[i].lib) == 0);
	return 0;
}
