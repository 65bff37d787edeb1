/* Directories: getdents, rename and unlink trees, links, chdir, umask, getcwd. modes: all */
#include "check.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

static void list(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	long first;
	int n = 0;

	CHECK(dir);
	first = telldir(dir);
	while ((d = readdir(dir)))
		n++;
	CHECK(n == 302);
	seekdir(dir, first);
	while ((d = readdir(dir)) && n-- > 295)
		printf("%s %lu %ld\n", d->d_name, (unsigned long)d->d_ino, (long)d->d_off);
	rewinddir(dir);
	CHECK(readdir(dir));
	closedir(dir);
}

static int removed;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	removed++;
	return flag == FTW_DP ? rmdir(path) : unlink(path);
}

int main(void)
{
	char name[64], cwd[4096];
	struct stat st;
	int fd, i;

	CHECK(mkdir("tree", 0755) == 0 && mkdir("tree/sub", 0700) == 0);
	CHECK_ERRNO(mkdir("tree", 0755), EEXIST);
	CHECK_ERRNO(rmdir("tree"), ENOTEMPTY);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "tree/sub/file-%d", i);
		fd = creat(name, 0644);
		CHECK(fd >= 0 && close(fd) == 0);
	}
	list("tree/sub");
	CHECK(rename("tree/sub/file-1", "tree/moved") == 0);
	CHECK(link("tree/moved", "tree/hard") == 0 && stat("tree/hard", &st) == 0);
	CHECK(st.st_nlink == 2);
	CHECK(symlink("../tree/hard", "tree/soft") == 0);
	CHECK(readlink("tree/soft", name, sizeof(name)) == 12 && !memcmp(name, "../tree", 7));
	CHECK(renameat2(AT_FDCWD, "tree/soft", AT_FDCWD, "tree/hard", RENAME_EXCHANGE) == 0);
	CHECK(readlink("tree/hard", name, sizeof(name)) == 12);
	fd = open("tree", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && fchdir(fd) == 0 && getcwd(cwd, sizeof(cwd)));
	printf("%s\n", cwd);
	CHECK(unlinkat(fd, "moved", 0) == 0 && mkdirat(fd, "made", 0777) == 0);
	printf("umask %o\n", umask(027));
	CHECK(umask(027) == 027);
	CHECK(mknodat(fd, "fifo", S_IFIFO | 0666, 0) == 0 && lstat("fifo", &st) == 0);
	CHECK((st.st_mode & 0777) == 0640);
	CHECK(chdir("..") == 0);
	CHECK_ERRNO(chdir("nowhere"), ENOENT);
	CHECK(nftw("tree", remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
	printf("removed %d\n", removed);
	CHECK_ERRNO(stat("tree", &st), ENOENT);
	return 0;
}
