/* System V shared memory between processes: attach, write, see, detach, remove. modes: all */
#include "check.h"

#include <sys/shm.h>

int main(void)
{
	int id = shmget(IPC_PRIVATE, 3 * 4096, IPC_CREAT | 0600), go[2], done[2];
	struct shmid_ds ds;
	int *shared, *other;
	pid_t pid;

	CHECK(id >= 0 && pipe(go) == 0 && pipe(done) == 0);
	shared = shmat(id, NULL, 0);
	CHECK(shared != (void *)-1 && shared[100] == 0);
	pid = fork();
	if (pid == 0) {
		int *mine = shmat(id, NULL, 0);

		CHECK(mine != (void *)-1 && mine != shared);
		hear(go[0]);
		CHECK(mine[100] == 1234 && shared[100] == 1234);
		mine[2000] = getpid();
		tell(done[1]);
		hear(go[0]);
		CHECK(shared[5] == 55);
		CHECK(shmdt(mine) == 0);
		exit(0);
	}
	shared[100] = 1234;
	tell(go[1]);
	hear(done[0]);
	CHECK(shared[2000] == pid);
	other = shmat(id, NULL, SHM_RDONLY);
	CHECK(other != (void *)-1 && other[2000] == pid);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0 && ds.shm_segsz == 3 * 4096);
	printf("id %d attached %lu at %p, last by %d\n", id, (unsigned long)ds.shm_nattch, shared,
	       ds.shm_lpid);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	shared[5] = 55;
	tell(go[1]);
	reap_ok(pid);
	CHECK(shmdt(other) == 0 && shmdt(shared) == 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
	return 0;
}
