/*
 * /proc/PID/maps, parsed. The kernel is the model of what is mapped where; we ask it.
 */
#ifndef MEM_MAPS_H
#define MEM_MAPS_H

#include "base/buf.h"

struct map_line {
	raddr_t start, end;
	int prot; /* PROT_* */
	bool shared;
	uint64_t offset;
	uint64_t dev; /* makedev() */
	uint64_t ino; /* 0: not a file */
	char *name;   /* "" if anonymous */
	int on_fork;  /* advice that keeps a fork from copying it: MADV_DONTFORK, MADV_WIPEONFORK;
		       * 0: none, or maps_read() was not asked */
};

struct maps {
	struct map_line *lines;
	size_t count;
};

/* Parse text in the form of proc(5), of `maps` or `smaps`; -EINVAL if a line is not of it. */
int maps_parse(const char *text, struct maps *out);
/* Those of task `tid`: 0 or -errno. */
int maps_read(pid_t tid, struct maps *out);
/* With `on_fork`, which takes longer. */
int maps_read_advice(pid_t tid, struct maps *out);
void maps_release(struct maps *m);
/* Add a line, with a copy of its name; maps_sort() puts it where the kernel would. */
void maps_add(struct maps *m, const struct map_line *line);
void maps_sort(struct maps *m);
/* The line that holds `addr`, or NULL. */
const struct map_line *maps_find(const struct maps *m, raddr_t addr);

#endif
