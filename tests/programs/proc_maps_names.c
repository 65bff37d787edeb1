/* /proc/self/maps names the files that code is from; dladdr agrees. modes: all */
#include "check.h"
#include "code.h"

#include <dlfcn.h>
#include <limits.h>
#include <sys/stat.h>

/* The file that is mapped at `address`, from /proc/self/maps; its line is checked. */
static void name_of(uintptr_t address, char *path, unsigned long *at)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 200];
	int found = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end, offset, inode;
		unsigned major, minor;
		struct stat st;
		char prot[5];

		if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %4095s", &start, &end, prot, &offset,
			   &major, &minor, &inode, path) != 8 ||
		    address < start || address >= end)
			continue;
		found++;
		CHECK(!strcmp(prot, "r-xp"));
		CHECK(stat(path, &st) == 0 && st.st_ino == inode);
		*at = offset + address - start;
		break;
	}
	fclose(f);
	CHECK(found == 1);
}

int main(void)
{
	char path[PATH_MAX], exe[PATH_MAX] = "";
	unsigned long at;
	struct stat st;
	Dl_info info;

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	name_of((uintptr_t)main, path, &at);
	CHECK(!strcmp(path, exe));
	CHECK(stat(path, &st) == 0 && at < (unsigned long)st.st_size);
	CHECK(dladdr((void *)main, &info));
	printf("main: %s at %lx\n", path, at);

	CHECK(dladdr(dlsym(RTLD_DEFAULT, "qsort"), &info));
	name_of((uintptr_t)info.dli_saddr, path, &at);
	CHECK(strstr(path, "libc"));
	CHECK(stat(path, &st) == 0 && at < (unsigned long)st.st_size);
	CHECK(strstr(info.dli_fname, "libc"));
	printf("qsort: %s at %lx\n", path, at);
	return 0;
}
