/*
 * Files: read, written, mapped, named, locked, watched.
 */
#include "random.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define NAME_MAX_ 40

/* In the current directory, of this thread only. */
static void file_name(struct actor *a, char *name, const char *kind)
{
	snprintf(name, NAME_MAX_, "%s-%d-%u", kind, gettid(), below(a, 1000));
}

static int open_file(struct actor *a, char *name, int flags)
{
	int fd;

	file_name(a, name, "file");
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
	CHECK(fd >= 0);
	return fd;
}

static void fill(struct actor *a, char *p, size_t n)
{
	memset(p, (int)(a->random >> 8) & 255, n);
	p[below(a, n)] = 1;
}

/* The whole transfer or an interrupted one. */
void act_file_rw(struct actor *a)
{
	char name[NAME_MAX_], buf[900];
	int fd = open_file(a, name, 0);

	unlink(name);
	for (unsigned int i = 1 + below(a, 5); i; i--) {
		fill(a, buf, sizeof(buf));
		saw_result(a, once_in(a, 2)
				      ? write(fd, buf, below(a, sizeof(buf)))
				      : pwrite(fd, buf, below(a, sizeof(buf)), below(a, 5000)));
		saw_result(a, lseek(fd, below(a, 3000), once_in(a, 4) ? SEEK_END : SEEK_SET));
		memset(buf, 0, sizeof(buf));
		saw_result(a, once_in(a, 2)
				      ? read(fd, buf, below(a, sizeof(buf)))
				      : pread(fd, buf, below(a, sizeof(buf)), below(a, 5000)));
		saw_bytes(a, buf, sizeof(buf));
		if (once_in(a, 3))
			saw_result(a, ftruncate(fd, below(a, 9000)));
	}
	close(fd);
}

void act_file_vectors(struct actor *a)
{
	char name[NAME_MAX_], b1[100], b2[700], b3[10];
	struct iovec v[] = {{b1, below(a, 100)}, {b2, below(a, 700)}, {b3, 10}};
	int fd = open_file(a, name, 0);

	fill(a, b1, sizeof(b1));
	fill(a, b2, sizeof(b2));
	fill(a, b3, sizeof(b3));
	saw_result(a, once_in(a, 2) ? writev(fd, v, 3) : pwritev(fd, v, 2, below(a, 100)));
	saw_result(a, preadv2(fd, v, 3, below(a, 100), once_in(a, 2) ? RWF_NOWAIT : 0));
	saw_result(a, readv(fd, v, 3));
	saw_bytes(a, b2, sizeof(b2));
	unlink(name);
	close(fd);
}

/* By several descriptors and threads. */
void act_file_append(struct actor *a)
{
	char buf[30];
	int fd = open("appended", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int again = dup(fd);
	struct stat st;

	CHECK(fd >= 0 && again >= 0);
	fill(a, buf, sizeof(buf));
	saw_result(a, write(fd, buf, 1 + below(a, 30)));
	saw_result(a, lseek(again, 0, SEEK_CUR));
	CHECK(!fstat(fd, &st));
	saw(a, st.st_size);
	saw_result(a, pread(again, buf, 30, below(a, 100)));
	saw_bytes(a, buf, 30);
	if (once_in(a, 20))
		saw_result(a, ftruncate(fd, 0));
	close(fd);
	close(again);
}

/* What the mapping shows of writes, and the file of stores. */
void act_file_mapped(struct actor *a)
{
	char name[NAME_MAX_], buf[200];
	int fd = once_in(a, 2) ? memfd_create("mapped", MFD_CLOEXEC) : open_file(a, name, 0);
	size_t size = 12288;
	char *p;

	CHECK(fd >= 0 && !ftruncate(fd, 12288));
	p = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	fill(a, buf, sizeof(buf));
	saw_result(a, pwrite(fd, buf, sizeof(buf), below(a, 12000)));
	saw_bytes(a, p, 12288);
	p[below(a, 12288)] = 9;
	saw_result(a, pread(fd, buf, sizeof(buf), below(a, 12000)));
	saw_bytes(a, buf, sizeof(buf));
	saw_result(a, read(fd, p + 5000, 100));
	if (once_in(a, 2))
		saw_result(a, msync(p, 12288, MS_SYNC));
	if (once_in(a, 2)) {
		p = mremap(p, 12288, 20480, MREMAP_MAYMOVE);
		CHECK(p != MAP_FAILED && !ftruncate(fd, 20480));
		size = 20480;
		p[20000] = 1;
	}
	saw_bytes(a, p, 12288);
	munmap(p, size);
	close(fd);
}

/* A private mapping of a file that changes. */
void act_file_private(struct actor *a)
{
	char name[NAME_MAX_], buf[4096];
	int fd = open_file(a, name, 0);
	char *p;

	memset(buf, (int)a->random & 255, sizeof(buf));
	CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	if (once_in(a, 2))
		p[5] = 5;
	buf[7] = 7;
	saw_result(a, pwrite(fd, buf, 100, 0));
	saw_bytes(a, p, 4096);
	unlink(name);
	close(fd);
	munmap(p, 4096);
}

void act_file_names(struct actor *a)
{
	char name[NAME_MAX_], other[NAME_MAX_], target[NAME_MAX_] = "";
	int fd = open_file(a, name, O_TRUNC);
	struct stat st;

	file_name(a, other, "other");
	CHECK(!fstat(fd, &st));
	saw(a, st.st_ino);
	saw(a, st.st_mtim.tv_nsec);
	saw_result(a, rename(name, other));
	saw_result(a, access(name, F_OK));
	saw_result(a, symlink(other, name));
	saw_result(a, readlink(name, target, sizeof(target)));
	saw_result(a, stat(name, &st));
	saw_result(a, link(other, "a-link-to-nowhere/x"));
	saw_result(a, unlink(name));
	saw_result(a, unlink(other));
	saw_result(a, fcntl(fd, F_GETFL));
	saw_result(a, fcntl(fd, F_GETFD));
	close(fd);
}

void act_file_directory(struct actor *a)
{
	char name[NAME_MAX_];
	struct dirent *e;
	DIR *d;

	file_name(a, name, "dir");
	saw_result(a, mkdir(name, 0700));
	d = opendir(".");
	CHECK(d);
	while ((e = readdir(d)))
		saw_bytes(a, e->d_name, strlen(e->d_name));
	closedir(d);
	saw_result(a, rmdir(name));
}

void act_file_locks(struct actor *a)
{
	int fd = open("locked", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock fl = {.l_type = once_in(a, 2) ? F_RDLCK : F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = below(a, 4),
			   .l_len = 1};

	CHECK(fd >= 0);
	saw_result(a, fcntl(fd, F_OFD_SETLK, &fl));
	saw_result(a, fcntl(fd, F_SETLK, &fl));
	fl.l_type = F_WRLCK;
	saw_result(a, fcntl(fd, F_GETLK, &fl));
	saw(a, fl.l_type);
	saw(a, fl.l_pid);
	saw_result(a, flock(fd, LOCK_EX | LOCK_NB));
	close(fd);
}

void act_file_inotify(struct actor *a)
{
	char name[NAME_MAX_], buf[1000];
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	int fd = open_file(a, name, 0);

	if (in >= 0) {
		saw_result(a, inotify_add_watch(in, name, IN_ALL_EVENTS));
		saw_result(a, write(fd, buf, 3));
		unlink(name);
		saw_result(a, read(in, buf, sizeof(buf)));
		close(in);
	}
	unlink(name);
	close(fd);
}

void act_file_transfer(struct actor *a)
{
	char name[NAME_MAX_], buf[3000];
	int from = open_file(a, name, 0), to = memfd_create("to", MFD_CLOEXEC), p[2];
	loff_t at = 0;

	unlink(name);
	CHECK(to >= 0 && !pipe2(p, O_CLOEXEC));
	fill(a, buf, sizeof(buf));
	saw_result(a, write(from, buf, sizeof(buf)));
	saw_result(a, sendfile(to, from, &(off_t){below(a, 100)}, below(a, 2000)));
	saw_result(a, copy_file_range(from, &at, to, NULL, below(a, 3000), 0));
	saw_result(a, splice(from, &at, p[1], NULL, below(a, 2000), SPLICE_F_NONBLOCK));
	saw_result(a, splice(p[0], NULL, to, NULL, 3000, SPLICE_F_NONBLOCK));
	saw(a, at);
	saw_result(a, pread(to, buf, sizeof(buf), 0));
	saw_bytes(a, buf, sizeof(buf));
	close(from);
	close(to);
	close(p[0]);
	close(p[1]);
}

void act_file_proc(struct actor *a)
{
	static const char *const files[] = {"/proc/self/stat",	 "/proc/self/status",
					    "/proc/self/maps",	 "/proc/thread-self/stat",
					    "/proc/self/statm",	 "/proc/uptime",
					    "/proc/self/cmdline"};
	char buf[2000];
	int fd = open(files[below(a, NELEM(files))], O_RDONLY | O_CLOEXEC);
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = read(fd, buf, 1 + below(a, sizeof(buf)))) > 0)
		saw_bytes(a, buf, n);
	close(fd);
	saw_result(a, readlink("/proc/self/cwd", buf, sizeof(buf)));
}

void act_file_bad_pointers(struct actor *a)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char name[NAME_MAX_], buf[6000] = "";
	int fd = open_file(a, name, 0);
	struct iovec v[2] = {{p + 4000, 96}, {p + 4096, 50}};

	unlink(name);
	CHECK(p != MAP_FAILED && !mprotect(p + 4096, 4096, PROT_NONE));
	saw_result(a, write(fd, buf, sizeof(buf)));
	saw_result(a, pread(fd, p + 4000, 200, 0));
	saw_result(a, read(fd, BAD_ADDRESS, 10));
	saw_result(a, preadv(fd, v, 2, 0));
	saw_result(a, pwrite(fd, p + 4090, 100, 0));
	saw_result(a, open(BAD_ADDRESS, O_RDONLY));
	saw_result(a, fstat(fd, BAD_ADDRESS));
	saw_bytes(a, p, 4096);
	munmap(p, 8192);
	close(fd);
}
