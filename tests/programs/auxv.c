/* The auxiliary vector, environment and stack as the kernel made them. modes: all */
#include "check.h"

#include <elf.h>
#include <sys/auxv.h>

extern char **environ;

int main(int argc, char **argv)
{
	Elf64_auxv_t *aux, file[64];
	char **e = environ;
	ssize_t n;
	int fd;

	while (*e)
		printf("%p %s\n", *e, *e), e++;
	aux = (void *)(e + 1);
	for (; aux->a_type != AT_NULL; aux++)
		printf("%2lu: %lx\n", (long)aux->a_type, (long)aux->a_un.a_val);
	printf("exec %s platform %s page %lu\n", (char *)getauxval(AT_EXECFN),
	       (char *)getauxval(AT_PLATFORM), getauxval(AT_PAGESZ));
	fd = open("/proc/self/auxv", O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, file, sizeof(file));
	CHECK(n > 0 && n % sizeof(file[0]) == 0);
	printf("argv at %p, auxv of %zd bytes\n", argv, n);
	CHECK(setenv("A_NEW_ONE", "1", 1) == 0 && unsetenv("HOME") == 0 && !getenv("HOME"));
	return 0;
}
