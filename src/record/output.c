/*
 * Which of a task's descriptors lead to the recorder's own stdout and stderr: what is written there
 * is echoed by replay.
 */
#include "record/session.h"

#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void output_init(struct recorder *rec)
{
	struct stat st;

	if (!stat("/proc/self/mem", &st))
		rec->proc_dev = st.st_dev;
	rec->agent.state->recorder = (uint64_t)getpid();
	for (int fd = 1; fd <= 2; fd++) {
		if (fstat(fd, &st) < 0)
			continue; /* closed: mode 0 matches nothing */
		rec->stdio_dev[fd] = st.st_dev;
		rec->stdio_ino[fd] = st.st_ino;
		rec->stdio_mode[fd] = st.st_mode;
		rec->agent.state->stdio[fd - 1].dev = st.st_dev;
		rec->agent.state->stdio[fd - 1].ino = st.st_ino;
		rec->agent.state->stdio[fd - 1].mode = st.st_mode;
	}
}

/* Same file, and for devices such as /dev/null, which anybody may open, the same open file. */
static bool is_our(struct recorder *rec, struct rtask *t, int fd, int ours, const struct stat *st)
{
	if (!rec->stdio_mode[ours] || st->st_ino != rec->stdio_ino[ours] ||
	    st->st_dev != rec->stdio_dev[ours])
		return false;
	if (!S_ISCHR(st->st_mode) || isatty(ours))
		return true;
	return syscall(SYS_kcmp, getpid(), t->t.tid, KCMP_FILE, ours, fd) == 0;
}

int output_stream(struct recorder *rec, struct rtask *t, int fd)
{
	char path[64];
	struct stat st;
	int first = fd == 2 ? 2 : 1;

	t->target.regular = false;
	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", t->t.tid, fd);
	if (stat(path, &st) < 0)
		return 0;
	t->target.regular = S_ISREG(st.st_mode);
	t->target.dev = st.st_dev;
	t->target.ino = st.st_ino;
	/* Where both are one file, the number that the program used decides. */
	if (is_our(rec, t, fd, first, &st))
		return first;
	return is_our(rec, t, fd, 3 - first, &st) ? 3 - first : 0;
}
