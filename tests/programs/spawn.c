/* posix_spawn with file actions and attributes; system(); popen(). modes: all */
#include "check.h"

#include <spawn.h>

extern char **environ;

int main(void)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	char *echo[] = {"sh", "-c", "echo spawned $$; exit 6", NULL}, line[64] = "";
	sigset_t def;
	FILE *f;
	pid_t pid;
	int fd;

	posix_spawn_file_actions_init(&fa);
	CHECK(posix_spawn_file_actions_addopen(&fa, 1, "out", O_WRONLY | O_CREAT, 0600) == 0);
	CHECK(posix_spawn_file_actions_addclose(&fa, 0) == 0);
	posix_spawnattr_init(&attr);
	sigfillset(&def);
	CHECK(posix_spawnattr_setsigdefault(&attr, &def) == 0);
	CHECK(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0);
	CHECK(posix_spawnp(&pid, "sh", &fa, &attr, echo, environ) == 0);
	CHECK(WEXITSTATUS(reap(pid)) == 6);
	fd = open("out", O_RDONLY);
	CHECK(read(fd, line, sizeof(line) - 1) > 8);
	printf("%s", line);
	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, echo, environ) == ENOENT);
	CHECK(WEXITSTATUS(system("echo from system; exit 3")) == 3);
	f = popen("cat out; echo and popen", "r");
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stdout);
	CHECK(f && pclose(f) == 0);
	f = popen("tr a-z A-Z", "w");
	CHECK(f && fputs("to a pipe\n", f) >= 0 && pclose(f) == 0);
	return 0;
}
