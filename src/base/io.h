/*
 * Reading and writing files whole: what read(2) and write(2) do in parts. All return -errno.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/buf.h"

/* All of `n` bytes, or -errno. */
int write_full(int fd, const void *data, size_t n);
int pwrite_full(int fd, const void *data, size_t n, uint64_t off);

/* Up to `n` bytes, fewer only at the end of the file: the count, or -errno. */
ssize_t read_full(int fd, void *data, size_t n);
ssize_t pread_full(int fd, void *data, size_t n, uint64_t off);

/* Append the whole of a file that may not know its size (/proc); 0 or -errno. */
int read_file(const char *path, struct buf *out);
int read_fd(int fd, struct buf *out);

/* mkdir -p with `mode` for what is made; 0 or -errno. */
int make_dirs(const char *path, mode_t mode);

/*
 * The user's directory for something of ours: what the first variable that is set to something
 * says, with `below` behind it. 0 (appended to `out`), or -ENOENT if none is set.
 */
struct user_place {
	const char *variable, *below;
};
int user_dir(const struct user_place *places, size_t n, struct buf *out);

/* Remove a directory and all in it, never following links; 0 or the first -errno. */
int remove_tree(const char *path);

/*
 * Copy `src` to `dst` (open files, dst empty) by the cheapest way the file system has: sharing the
 * blocks (FICLONE, unless `no_clone`), else copying in the kernel, else by read and write. 0 or
 * -errno.
 */
int copy_file(int src, int dst, bool no_clone);

#endif
