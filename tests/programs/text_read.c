/* Code in memory is what the files hold. modes: all; needs: hidden-patches */
#include "check.h"
#include "code.h"

#include <sys/stat.h>

/* Loops, so that there is something to patch. */
__attribute__((noipa)) static unsigned long loops(const unsigned char *p, size_t n)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	for (size_t i = 0; i < n; i += 3)
		sum ^= p[i] * i;
	return sum;
}

/* Compare what /proc/self/maps says is mapped of a file's code with the file. */
static unsigned long compare(const char *line, unsigned long *bytes)
{
	unsigned long start, end, offset, differ = 0;
	char path[4096];
	unsigned char *content;
	struct stat st;
	int fd;

	if (sscanf(line, "%lx-%lx r-xp %lx %*s %*u %4095s", &start, &end, &offset, path) != 4 ||
	    path[0] != '/')
		return 0;
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	content = malloc(end - start);
	CHECK(content);
	CHECK(pread(fd, content, end - start, offset) > 0);
	close(fd);
	for (unsigned long i = 0; i < end - start && offset + i < (unsigned long)st.st_size; i++) {
		differ += ((volatile unsigned char *)start)[i] != content[i];
		++*bytes;
	}
	printf("%s: %lu of %lu bytes differ\n", path, differ, end - start);
	free(content);
	return differ;
}

int main(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long differ = 0, bytes = 0;
	char line[5000], maps[100][5000];
	int n = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f) && n < 100)
		snprintf(maps[n++], sizeof(*maps), "%s", line);
	fclose(f);
	for (int i = 0; i < n; i++)
		differ += compare(maps[i], &bytes);
	CHECK(bytes > 100000);
	CHECK(differ == 0);
	printf("%lx\n", loops((void *)loops, 64));
	return 0;
}
