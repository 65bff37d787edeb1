/*
 * The files that a trace keeps: `files/N`, N from 1, read-only.
 */
#ifndef TRACE_SAVE_H
#define TRACE_SAVE_H

#include "base/map.h"
#include "base/types.h"

#include <sys/stat.h>

#define STORE_NAME \
	".files" /* beside the traces: content that several of them share by hard links */

/* What a file's content is known by. */
struct file_key {
	uint64_t dev, ino, size;
	int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct saved_file {
	struct file_key key;
	uint32_t number;
};

struct file_saver {
	int files_fd; /* the directory files/ */
	int store_fd; /* the store; -1: none may be used */
	bool no_clone;
	uint32_t last;	   /* number of the latest file */
	struct map by_key; /* hash of the key -> index into saved */
	struct saved_file *saved;
	size_t n_saved, cap_saved;
};

int file_saver_open(struct file_saver *s, int dirfd, const char *dir, bool no_clone);
void file_saver_close(struct file_saver *s);

int file_saver_save(struct file_saver *s, int fd, bool fresh, uint32_t *number);
/* As trace_writer_clone_file() and trace_writer_may_clone(). */
int file_saver_clone(struct file_saver *s, int fd, struct stat *st, uint32_t *number);
bool file_saver_may_clone(const struct file_saver *s);
int file_saver_save_bytes(struct file_saver *s, const void *bytes, size_t len, uint32_t *number);

#endif
