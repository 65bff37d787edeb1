/* The kernel reads code: write(), /proc/self/mem. modes: all; needs: hidden-patches */
#include "check.h"
#include "code.h"

#include <sys/uio.h>

#define N 2000

/* Not larger than a pipe, and full of loops. */
__attribute__((noipa)) static unsigned long loops(const unsigned char *p, size_t n)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	for (size_t i = 0; i < n; i += 3)
		sum ^= p[i] * i;
	return sum;
}

static int find(struct dl_phdr_info *info, size_t size, void *arg)
{
	unsigned long *offset = arg;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && (uintptr_t)loops >= start &&
		    (uintptr_t)loops < start + ph->p_filesz)
			*offset = ph->p_offset + ((uintptr_t)loops - start);
	}
	return 0;
}

int main(void)
{
	unsigned char file[N], got[N];
	struct iovec to = {got, N}, from = {(void *)loops, N};
	unsigned long offset = 0;
	ssize_t n;
	int fd, p[2];

	dl_iterate_phdr(find, &offset);
	fd = open("/proc/self/exe", O_RDONLY);
	CHECK(fd >= 0 && offset);
	n = pread(fd, file, N, offset);
	CHECK(n > 200);
	n = 200;
	close(fd);

	CHECK(pipe(p) == 0);
	CHECK(write(p[1], (void *)loops, n) == n && read(p[0], got, N) == n);
	CHECK(!memcmp(got, file, n));
	fd = open("/proc/self/mem", O_RDONLY);
	CHECK(fd >= 0 && pread(fd, got, n, (uintptr_t)loops) == n);
	CHECK(!memcmp(got, file, n));
	to.iov_len = from.iov_len = n;
	CHECK(process_vm_readv(getpid(), &to, 1, &from, 1, 0) == n);
	CHECK(!memcmp(got, file, n));
	printf("%lx\n", loops(got, n));
	return 0;
}
