/* For sessions: 300,000 system calls of one kind and three of another, none of which need a stop.
 */
#include <sys/syscall.h>
#include <unistd.h>

int rounds;

int main(void)
{
	for (rounds = 1; rounds <= 300000; rounds++) {
		syscall(SYS_getppid);
		if (rounds % 100000 == 50000)
			syscall(SYS_getpgid, 0);
	}
	return 0;
}
