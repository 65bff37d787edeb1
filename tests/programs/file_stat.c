/* The stat family, times and permissions: inodes, sizes and times print the same. modes: all */
#include "check.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

static void print_stat(const char *what, const struct stat *st)
{
	printf("%s: ino %lu mode %o links %lu size %ld mtime %ld.%09ld\n", what,
	       (unsigned long)st->st_ino, st->st_mode, (unsigned long)st->st_nlink,
	       (long)st->st_size, (long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

int main(void)
{
	struct timespec times[2] = {{1000, 5}, {2000, 7}};
	struct stat st, st2;
	struct statx sx;
	struct statfs fs;
	struct statvfs vfs;
	int fd = open("file", O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0 && write(fd, "12345", 5) == 5);
	CHECK(stat("file", &st) == 0 && fstat(fd, &st2) == 0);
	print_stat("stat", &st);
	CHECK(st.st_ino == st2.st_ino && st.st_size == 5);
	CHECK(symlink("file", "link") == 0 && lstat("link", &st) == 0);
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 4);
	print_stat("lstat", &st);
	CHECK(fstatat(AT_FDCWD, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
	CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && st.st_ino == st2.st_ino);
	CHECK(statx(AT_FDCWD, "file", 0, STATX_ALL, &sx) == 0);
	printf("statx: mask %x size %llu btime %lld\n", sx.stx_mask, sx.stx_size,
	       (long long)sx.stx_btime.tv_sec);
	CHECK(statfs(".", &fs) == 0 && fstatfs(fd, &fs) == 0 && statvfs(".", &vfs) == 0);
	printf("statfs: type %lx free %lu of %lu\n", (long)fs.f_type, (long)fs.f_bfree,
	       (long)fs.f_blocks);
	CHECK(chmod("file", 0640) == 0 && fchmod(fd, 0644) == 0);
	CHECK(fchmodat(AT_FDCWD, "file", 0604, 0) == 0);
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0604);
	CHECK(chown("file", getuid(), getgid()) == 0 && lchown("link", -1, -1) == 0);
	CHECK(utimensat(AT_FDCWD, "file", times, 0) == 0 && fstat(fd, &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000);
	CHECK(futimens(fd, NULL) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec > 2000);
	print_stat("now", &st);
	CHECK(access("file", R_OK | W_OK) == 0 && faccessat(AT_FDCWD, "file", F_OK, 0) == 0);
	CHECK_ERRNO(access("missing", F_OK), ENOENT);
	CHECK(stat("/dev/null", &st) == 0 && major(st.st_rdev) == 1);
	return 0;
}
