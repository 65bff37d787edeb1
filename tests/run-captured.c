/*
 * Run a command in a session of its own, its output in files, its status written down in words, so
 * that "exit 139" and "signal 11" can't be taken for each other. A command that outlives its time
 * is shown (ps) and killed with its whole session.
 *
 * usage: run-captured TIMEOUT STATUS-FILE OUT ERR COMMAND...
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t child;
static volatile sig_atomic_t timed_out;

static void open_as(const char *path, int flags, int fd)
{
	int f = open(path, flags, 0666);

	if (f < 0) {
		perror(path);
		_exit(126);
	}
	dup2(f, fd);
	if (f != fd)
		close(f);
}

static void on_alarm(int sig)
{
	timed_out = 1;
}

static void show_and_kill(void)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd),
		 "ps -s %d -L -o pid,tid,ppid,stat,wchan:24,args >&2;"
		 "for p in $(ps -s %d -o pid=); do kill -9 $p; done",
		 child, child);
	if (system(cmd) < 0)
		perror("system");
	kill(-child, SIGKILL);
}

static int write_status(const char *path, int status)
{
	FILE *f = fopen(path, "w");

	if (!f) {
		perror(path);
		return 1;
	}
	if (timed_out)
		fprintf(f, "timeout\n");
	else if (WIFSIGNALED(status))
		fprintf(f, "signal %d\n", WTERMSIG(status));
	else
		fprintf(f, "exit %d\n", WEXITSTATUS(status));
	return fclose(f) != 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	int status;

	if (argc < 6) {
		fprintf(stderr, "usage: run-captured TIMEOUT STATUS OUT ERR COMMAND...\n");
		return 2;
	}
	child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0) {
		setsid();
		open_as("/dev/null", O_RDONLY, 0);
		open_as(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 1);
		open_as(argv[4], O_WRONLY | O_CREAT | O_TRUNC, 2);
		execvp(argv[5], argv + 5);
		perror(argv[5]);
		_exit(127);
	}
	sigaction(SIGALRM, &sa, NULL);
	alarm(strtoul(argv[1], NULL, 10));
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return 1;
		if (timed_out)
			show_and_kill();
	}
	return write_status(argv[2], status);
}
