/*
 * A program that maps the code of a library itself, while a timer sends it signals: what
 * code_mapped.c and code_moved.c share.
 */
#ifndef TESTS_MAPPED_CODE_H
#define TESTS_MAPPED_CODE_H

#include "check.h"
#include "code.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <sys/time.h>

#define N 100000

typedef uint64_t pure(uint64_t x, unsigned long n);

static volatile int hits;
static unsigned long offset; /* of library_pure() in its file */

static void handler(int sig)
{
	hits++;
}

static int find(struct dl_phdr_info *info, size_t size, void *f)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && (uintptr_t)f >= start &&
		    (uintptr_t)f < start + ph->p_filesz)
			offset = ph->p_offset + ((uintptr_t)f - start);
	}
	return 0;
}

/* Load the library: a descriptor of its file. *at is the offset of the two pages with the code. */
static int open_library(void **lib, unsigned long *at)
{
	char exe[PATH_MAX] = "", path[PATH_MAX + 32];
	void *f;
	int fd;

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	snprintf(path, sizeof(path), "%s/computing_library.so", dirname(exe));
	*lib = dlopen(path, RTLD_NOW);
	CHECK(*lib && (f = dlsym(*lib, "library_pure")));
	dl_iterate_phdr(find, f);
	CHECK(offset);
	*at = offset & ~4095UL;
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	return fd;
}

/* Call what is mapped at `code`, and unmap it if `size` is not 0. */
static void run(const char *how, void *code, size_t size)
{
	pure *f;

	CHECK(code != MAP_FAILED);
	*(void **)&f = code + offset % 4096;
	for (int i = 0; i < 5; i++)
		CHECK(f(i, N) == work(i, N));
	printf("%s at %p\n", how, code);
	if (size)
		CHECK(munmap(code, size) == 0);
}

static void start_signals(void)
{
	struct itimerval it = {{0, 1000}, {0, 1000}};

	on_signal(SIGALRM, handler, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void stop_signals(void)
{
	struct itimerval off = {0};

	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("%d signals\n", hits);
}

#endif
