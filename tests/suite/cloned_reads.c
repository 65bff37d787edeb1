/*
 * Large reads of a file, for cloned-reads.sh. Each prints what it read, as a hash, and compares it
 * with what it must be where only this program writes.
 */
#include "../programs/check.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SIZE  (8 << 20)
#define PAGE  4096
#define BLOCK (64 << 10)

static const char *path;
static unsigned char *want; /* what the file holds */
static uint32_t seed = 1;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * n >> 32);
}

static void saw(const char *what, const unsigned char *data, size_t n)
{
	printf("%s: %zu bytes, %08x\n", what, n, hash(data, n));
}

/* A file is only cloned when it was at rest for more than two or three seconds. */
#define SETTLED_MS 3100

static void settle(void)
{
	msleep(SETTLED_MS);
}

static void check_pread(int fd, const char *what, size_t n, off_t offset)
{
	unsigned char *data = aligned_alloc(PAGE, (n + PAGE - 1) / PAGE * PAGE);
	struct stat st;
	size_t there;
	ssize_t got;

	CHECK(fstat(fd, &st) == 0);
	there = offset < st.st_size ? (size_t)(st.st_size - offset) : 0;
	got = pread(fd, data, n, offset);
	CHECK(got == (ssize_t)(n < there ? n : there));
	CHECK(!memcmp(data, want + offset, (size_t)got));
	saw(what, data, (size_t)got);
	free(data);
}

static void read_all(const char *what)
{
	unsigned char *data = malloc(BLOCK);
	int fd = open(path, O_RDONLY);
	size_t at = 0;
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = read(fd, data, BLOCK)) > 0) {
		CHECK(!memcmp(data, want + at, (size_t)n));
		saw(what, data, (size_t)n);
		at += (size_t)n;
	}
	CHECK(n == 0);
	close(fd);
	free(data);
}

static void check_vectors(int fd)
{
	unsigned char *data = malloc(5 * BLOCK);
	struct iovec v[5];

	for (int i = 0; i < 5; i++) /* backwards, with gaps */
		v[i] = (struct iovec){data + (4 - i) * BLOCK, BLOCK - 100 * i};
	memset(data, 0, 5 * BLOCK);
	CHECK(lseek(fd, 12345, SEEK_SET) == 12345);
	CHECK(readv(fd, v, 5) == 5 * BLOCK - 1000);
	CHECK(!memcmp(v[4].iov_base, want + 12345 + 4 * BLOCK - 600, v[4].iov_len));
	saw("readv", data, 5 * BLOCK);
	CHECK(preadv2(fd, v, 5, -1, 0) == 5 * BLOCK - 1000);
	CHECK(lseek(fd, 0, SEEK_CUR) == 12345 + 2 * (5 * BLOCK - 1000));
	saw("preadv2 at the position", data, 5 * BLOCK);
	CHECK(preadv(fd, v, 5, 77) == 5 * BLOCK - 1000);
	CHECK(!memcmp(v[0].iov_base, want + 77, v[0].iov_len));
	saw("preadv", data, 5 * BLOCK);
	/* The last vector is nowhere: a short read. */
	v[3].iov_base = BAD_ADDRESS;
	CHECK(preadv(fd, v, 5, 4096) == 3 * BLOCK - 300);
	saw("preadv to a bad address", data, 5 * BLOCK);
	free(data);
}

/* Two processes move one position. */
static void shared_position(int fd)
{
	unsigned char *data = malloc(BLOCK);
	pid_t pid;

	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	pid = fork();
	for (int i = 0; i < 20; i++) {
		CHECK(read(fd, data, BLOCK) == BLOCK);
		saw(pid ? "parent" : "child", data, BLOCK);
		sched_yield();
	}
	if (!pid)
		_exit(0);
	CHECK(reap(pid) == 0);
	CHECK(lseek(fd, 0, SEEK_CUR) == 40 * BLOCK);
	free(data);
}

static void forms(void)
{
	int fd = open(path, O_RDONLY), direct = open(path, O_RDONLY | O_DIRECT);

	CHECK(fd >= 0 && direct >= 0);
	read_all("read");
	check_pread(fd, "unaligned", 3 * BLOCK + 17, 4095);
	check_pread(fd, "one page less a byte", PAGE, 1);
	check_pread(fd, "the end", BLOCK, SIZE - 1000);
	check_pread(fd, "behind the end", BLOCK, SIZE + 5);
	check_pread(fd, "all", 2 * SIZE, 0);
	check_vectors(fd);
	check_pread(direct, "O_DIRECT", 4 * BLOCK, 2 * BLOCK);
	CHECK(pread(fd, BAD_ADDRESS, BLOCK, 0) == -1 && errno == EFAULT);
	CHECK(pread(fd, want, BLOCK, -1) == -1 && errno == EINVAL);
	shared_position(fd);
}

static void change(int fd, off_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		want[offset + (off_t)i] += 1 + (unsigned char)i;
	CHECK(pwrite(fd, want + offset, n, offset) == (ssize_t)n);
}

/* The program's own changes, by calls and through memory, are seen at once. */
static void changes(void)
{
	int fd = open(path, O_RDWR);
	unsigned char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(fd >= 0 && map != MAP_FAILED);
	read_all("before");
	change(fd, 5 * PAGE + 5, 10);
	read_all("written");
	settle();
	read_all("settled");
	map[100 * PAGE] = ++want[100 * PAGE];
	read_all("stored");
	settle();
	read_all("stored, settled");
	for (int i = 0; i < 20; i++) {
		map[100 * PAGE] = ++want[100 * PAGE];
		map[101 * PAGE + i] = ++want[101 * PAGE + i];
		check_pread(fd, "stored again", BLOCK, 96 * PAGE);
		if (i == 10)
			settle();
	}
	settle();
	check_pread(fd, "all", SIZE, 0);
	/* Into the file's own memory. */
	CHECK(pread(fd, map + 16 * BLOCK, BLOCK, 3) == BLOCK);
	memcpy(want + 16 * BLOCK, want + 3, BLOCK);
	check_pread(fd, "read into itself", 4 * BLOCK, 15 * BLOCK);
	settle();
	check_pread(fd, "read into itself, settled", 4 * BLOCK, 15 * BLOCK);
	CHECK(ftruncate(fd, SIZE / 2) == 0 && ftruncate(fd, SIZE) == 0);
	memset(want + SIZE / 2, 0, SIZE / 2);
	check_pread(fd, "cut and extended", SIZE, 0);
}

/* Somebody outside writes. */
static void watch(long ms)
{
	unsigned char *data = malloc(2 * SIZE);
	struct timespec from, now;
	int fd = open(path, O_RDONLY), n = 0;
	uint32_t sum = 0;

	CHECK(fd >= 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		size_t len = PAGE + random_below(2 * BLOCK), at = random_below(SIZE - PAGE);
		ssize_t got = pread(fd, data, len, (off_t)at);

		CHECK(got >= 0);
		sum = sum * 31 + hash(data, (size_t)got);
		if (++n % 100 == 0)
			printf("%d reads, %08x\n", n, sum);
		msleep(1);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < ms);
	printf("%d reads, %08x\n", n, sum);
}

/* --- writes in the middle of reads --- */

#define N_RACES	  40
#define RACE_SIZE (1 << 20)

static void race_name(char *name, size_t size, const char *kind, int i)
{
	snprintf(name, size, "%s.%s.%d", path, kind, i);
}

/* Read each file until it is seen that its end has changed. */
static void race(void)
{
	unsigned char *data = malloc(RACE_SIZE), last;
	char name[256];
	int fd, n;

	for (int i = 0; i < N_RACES; i++) {
		race_name(name, sizeof(name), "race", i);
		fd = open(name, O_RDONLY);
		CHECK(fd >= 0 && pread(fd, data, RACE_SIZE, 0) == RACE_SIZE);
		last = data[RACE_SIZE - 1];
		race_name(name, sizeof(name), "ready", i);
		CHECK(close(creat(name, 0600)) == 0);
		for (n = 1; data[RACE_SIZE - 1] == last; n++)
			CHECK(pread(fd, data, RACE_SIZE, 0) == RACE_SIZE);
		printf("%d: %d reads, %08x\n", i, n, hash(data, RACE_SIZE));
		close(fd);
	}
}

static void race_outside(void)
{
	char name[256];
	int fd;

	memset(want, 1, RACE_SIZE);
	for (int i = 0; i < N_RACES; i++) {
		race_name(name, sizeof(name), "race", i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		CHECK(fd >= 0 && write(fd, want, RACE_SIZE) == RACE_SIZE && !close(fd));
	}
	sync();
	race_name(name, sizeof(name), "made", 0);
	CHECK(close(creat(name, 0600)) == 0);
	for (int i = 0; i < N_RACES; i++) {
		race_name(name, sizeof(name), "ready", i);
		while (access(name, F_OK))
			usleep(200);
		usleep(random_below(2000));
		race_name(name, sizeof(name), "race", i);
		fd = open(name, O_WRONLY);
		CHECK(fd >= 0 && pwrite(fd, "changed", 7, RACE_SIZE - 7) == 7);
		close(fd);
	}
}

/* From outside: bursts of writes of all kinds, and time to settle between them. */
static void writes(void)
{
	int fd = open(path, O_RDWR);
	uint64_t *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(fd >= 0 && map != MAP_FAILED);
	for (;;) {
		for (int i = 0; i < 200; i++) {
			uint64_t v = random_below(UINT32_MAX), at = random_below(SIZE - PAGE);

			if (i % 3)
				CHECK(pwrite(fd, &v, sizeof(v), (off_t)at) == sizeof(v));
			else
				map[at / 8] = v;
			msleep(1);
		}
		msleep(SETTLED_MS + 2000);
	}
}

/* From outside: stores to pages that are dirty already, which set no time. */
static void stores(void)
{
	int fd = open(path, O_RDWR);
	volatile uint64_t *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(fd >= 0 && map != MAP_FAILED);
	for (uint64_t i = 0;; i++) {
		for (size_t page = 0; page < SIZE / PAGE; page += 16)
			map[page * PAGE / 8] = i;
		msleep(1);
	}
}

static void load_file(void)
{
	int fd = open(path, O_RDONLY);

	want = calloc(2, SIZE);
	CHECK(fd >= 0);
	for (off_t at = 0; at < SIZE; at += 2048) /* too little to be of a clone */
		CHECK(pread(fd, want + at, 2048, at) == 2048);
	close(fd);
}

int main(int argc, char **argv)
{
	CHECK(argc >= 3);
	path = argv[2];
	if (!strcmp(argv[1], "writes"))
		writes();
	if (!strcmp(argv[1], "stores"))
		stores();
	if (!strcmp(argv[1], "watch")) {
		watch(strtol(argv[3], NULL, 10));
		return 0;
	}
	if (!strcmp(argv[1], "race")) {
		race();
		return 0;
	}
	load_file();
	if (!strcmp(argv[1], "race-outside"))
		race_outside();
	if (!strcmp(argv[1], "forms"))
		forms();
	if (!strcmp(argv[1], "changes"))
		changes();
	return 0;
}
