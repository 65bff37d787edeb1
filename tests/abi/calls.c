/*
 * What follows from a call's arguments: whether it can wait, what multiplexed calls stand for, how
 * much may be written, what is refused, how it is printed. And that no arguments or memory, however
 * odd, make any row read or emit without bound.
 */
#include "abi/special.h"

#include "../check.h"

/* The tracee's memory: `memory` at MEMORY_ADDR. */
#define MEMORY_ADDR 0x10000

static char memory[4096];

static int read_memory(void *ctx, raddr_t addr, void *to, size_t n)
{
	if (addr < MEMORY_ADDR || addr - MEMORY_ADDR > sizeof(memory) ||
	    n > sizeof(memory) - (addr - MEMORY_ADDR))
		return -EFAULT;
	memcpy(to, memory + (addr - MEMORY_ADDR), n);
	return 0;
}

static const struct abi_mem mem = {read_memory, NULL};

#define AT(off)	  (MEMORY_ADDR + (off))
#define NOWHERE	  0x20000
#define CALL(...) ((struct abi_call){.arg = {__VA_ARGS__}})

static void put(size_t off, const void *p, size_t n)
{
	memset(memory, 0, sizeof(memory));
	memcpy(memory + off, p, n);
}

static bool waits(enum abi_arch arch, const char *name, struct abi_call call)
{
	const struct syscall_row *row = syscall_row_find(arch, name);

	call.arch = arch;
	call.nr = row->nr[arch];
	return syscall_may_block(row, &call, &mem);
}

#define WAITS64(name, ...) waits(ARCH_X86_64, name, CALL(__VA_ARGS__))
#define WAITS32(name, ...) waits(ARCH_I386, name, CALL(__VA_ARGS__))

static void test_waits(void)
{
	uint64_t zero[2] = {0, 0}, one[2] = {0, 1};
	uint16_t nowait[] = {0, 1, 0x800, 1, 1, 0x800};
	uint32_t args[] = {3, AT(100), 10, 0x40};

	CHECK(WAITS64("read", 0) && WAITS64("pause", 0) && WAITS64("connect", 3));
	CHECK(!WAITS64("close", 3) && !WAITS64("getpid", 0) && !WAITS64("fsync", 3));
	CHECK(WAITS64("poll", 0, 0, -1) && WAITS64("poll", 0, 0, 5) && !WAITS64("poll", 0, 0, 0));
	CHECK(WAITS64("recvfrom", 3, 0, 0, 0) && !WAITS64("recvfrom", 3, 0, 0, 0x40));
	CHECK(WAITS64("recvmsg", 3, 0, 0) && !WAITS64("recvmsg", 3, 0, 0x40));
	CHECK(WAITS64("wait4", -1, 0, 0) && !WAITS64("wait4", -1, 0, 1));
	CHECK(WAITS64("waitid", 0, 0, 0, 4) && !WAITS64("waitid", 0, 0, 0, 5));
	CHECK(WAITS64("futex", 0, 128) && !WAITS64("futex", 0, 129) && WAITS64("futex", 0, 9));
	CHECK(WAITS64("fcntl", 3, 7) && !WAITS64("fcntl", 3, 3) && !WAITS64("fcntl", 3, 6));
	CHECK(WAITS64("flock", 3, 2) && !WAITS64("flock", 3, 2 | 4) && !WAITS64("flock", 3, 8));
	CHECK(WAITS64("openat", -100, 0, 0) && !WAITS64("openat", -100, 0, 04000));
	CHECK(WAITS64("open", 0, 1) && !WAITS64("open", 0, 0200000));
	CHECK(WAITS64("msgrcv", 0, 0, 0, 0, 0) && !WAITS64("msgrcv", 0, 0, 0, 0, 04000));
	CHECK(!WAITS64("getrandom", 0, 8, 0) && WAITS64("getrandom", 0, 8, 2));
	CHECK(WAITS64("ioctl", 0, 0x5403) && !WAITS64("ioctl", 0, 0x5401));
	CHECK(!WAITS64("preadv2", 3, 0, 0, 0, 0, 8) && WAITS64("preadv2", 3, 0, 0, 0, 0, 0));

	put(0, zero, sizeof(zero));
	CHECK(!WAITS64("ppoll", 0, 0, AT(0)) && WAITS64("ppoll", 0, 0, 0));
	CHECK(!WAITS64("pselect6", 0, 0, 0, 0, AT(0)) && WAITS64("select", 0, 0, 0, 0, NOWHERE));
	CHECK(!WAITS64("epoll_pwait2", 3, 0, 1, AT(0)));
	CHECK(!WAITS64("openat2", 3, 0, AT(0)) == false); /* flags 0: a fifo waits */
	put(0, one, sizeof(one));
	CHECK(WAITS64("ppoll", 0, 0, AT(0)) && WAITS32("ppoll_time64", 0, 0, AT(0)));
	CHECK(!WAITS32("ppoll", 0, 0, AT(0))); /* its timespec is 8 bytes */

	put(0, nowait, sizeof(nowait));
	CHECK(!WAITS64("semop", 0, AT(0), 2) && WAITS64("semop", 0, AT(0), 3));

	put(0, args, sizeof(args));
	CHECK(!WAITS32("socketcall", 10, AT(0)) && !WAITS32("socketcall", 1, AT(0)));
	CHECK(WAITS32("socketcall", 5, AT(0)));
	CHECK(!WAITS32("ipc", 2, 0) && WAITS32("ipc", 11, 0, 0, 0));
}

static void test_resolve(void)
{
	uint32_t args[] = {7, 8, 9, 10, 11, 12};
	const struct syscall_row *ipc = syscall_row_by_name("ipc");
	const struct syscall_row *socketcall = syscall_row_by_name("socketcall");
	struct abi_call real, call = CALL(12, AT(0));

	put(0, args, sizeof(args));
	call.arch = ARCH_I386;
	call.nr = 102;
	call.ret = 5;
	CHECK(syscall_resolve(socketcall, &call, &mem, &real) == syscall_row_by_name("recvfrom"));
	CHECK(real.nr == 371 && real.arg[0] == 7 && real.arg[5] == 12 && real.ret == 5);
	call.arg[1] = NOWHERE;
	CHECK(syscall_resolve(socketcall, &call, &mem, &real) == socketcall && real.nr == 102);
	call = (struct abi_call){ARCH_I386, 117, {12, 1, 2, 3, AT(4), 9}, 0};
	CHECK(syscall_resolve(ipc, &call, &mem, &real) == syscall_row_by_name("msgrcv"));
	CHECK(real.arg[0] == 1 && real.arg[1] == 8 && real.arg[2] == 2 && real.arg[3] == 9 &&
	      real.arg[4] == 3);
	call.arg[0] |= 1 << 16;
	syscall_resolve(ipc, &call, &mem, &real);
	CHECK(real.arg[1] == AT(4) && real.arg[3] == 9);
	call.arg[0] = 99;
	CHECK(syscall_resolve(ipc, &call, &mem, &real) == ipc);
	call = (struct abi_call){ARCH_X86_64, 117, {12, 1, 2, 3, AT(4), 9}, 0};
	CHECK(syscall_resolve(syscall_row(ARCH_X86_64, 117), &call, &mem, &real) ==
	      syscall_row_by_name("setresuid"));
}

static uint64_t capacity(enum abi_arch arch, const char *name, int i, struct abi_call call)
{
	call.arch = arch;
	return syscall_arg_capacity(syscall_row_find(arch, name), &call, i, &mem);
}

#define CAPACITY(arch, name, i, ...) capacity(ARCH_##arch, name, i, CALL(__VA_ARGS__))

static void test_capacity(void)
{
	uint32_t len = 28;

	put(0, &len, sizeof(len));
	CHECK(CAPACITY(X86_64, "read", 1, 0, AT(0), 100) == 100);
	CHECK(CAPACITY(X86_64, "read", 1, 0, AT(0), UINT64_MAX) == MAX_TRANSFER);
	CHECK(CAPACITY(X86_64, "read", 1, 0, 0, 100) == 0);
	CHECK(CAPACITY(X86_64, "read", 0, 5, AT(0), 100) == 0);
	CHECK(CAPACITY(X86_64, "wait4", 3, 0, 0, 0, AT(0)) == 144);
	CHECK(CAPACITY(I386, "wait4", 3, 0, 0, 0, AT(0)) == 72);
	CHECK(CAPACITY(X86_64, "accept", 1, 3, AT(8), AT(0)) == 28);
	CHECK(CAPACITY(X86_64, "accept", 2, 3, AT(8), AT(0)) == 4);
	CHECK(CAPACITY(X86_64, "accept", 1, 3, AT(8), NOWHERE) == 0);
	CHECK(CAPACITY(X86_64, "select", 1, 65, AT(0)) == 16);
	CHECK(CAPACITY(I386, "_newselect", 1, 65, AT(0)) == 12);
	CHECK(CAPACITY(X86_64, "select", 1, (uint64_t)-1, AT(0)) == 0);
	CHECK(CAPACITY(X86_64, "poll", 0, AT(0), 3) == 24);
	CHECK(CAPACITY(X86_64, "epoll_wait", 1, 3, AT(0), 5) == 60);
	CHECK(CAPACITY(X86_64, "msgrcv", 1, 3, AT(0), 5) == 13);
	CHECK(CAPACITY(X86_64, "readv", 1, 3, AT(0), 5) == 0);
}

struct emitted {
	unsigned int pieces;
	uint64_t bytes;
};

static void count_emitted(void *ctx, raddr_t addr, uint64_t len)
{
	struct emitted *e = ctx;

	e->pieces++;
	e->bytes += len;
	CHECK(addr != 0 && len != 0);
}

static int outputs(const char *name, struct abi_call call, struct emitted *e, struct buf *why)
{
	const struct syscall_row *row = syscall_row_find(call.arch, name);

	*e = (struct emitted){0};
	call.nr = row->nr[call.arch];
	return syscall_outputs(row, &call, &mem, count_emitted, e, why);
}

static void test_outputs(void)
{
	struct buf why = BUF_INIT;
	struct emitted e;
	struct abi_call unknown = {.arg = {3, 0x5678, AT(0)}, .ret = 0};

	CHECK(outputs("ioctl", unknown, &e, &why) == -ENOTSUP);
	CHECK_STR(buf_str(&why), "ioctl 0x5678 has no row: add it to src/abi/ioctls.def");
	unknown.ret = -ENOTTY;
	CHECK(outputs("ioctl", unknown, &e, &why) == 0 && e.pieces == 0);
	unknown = (struct abi_call){.arg = {3, 0x80ff4512, AT(0)}, .ret = 0};
	CHECK(outputs("ioctl", unknown, &e, &why) == 0 && e.bytes == 255);
	unknown = (struct abi_call){.arg = {777777}, .ret = 0};
	CHECK(outputs("prctl", unknown, &e, &why) == -ENOTSUP);
	CHECK(outputs("read", (struct abi_call){.arg = {3, AT(0), 50}, .ret = 20}, &e, &why) == 0 &&
	      e.bytes == 20);
	CHECK(outputs("read", (struct abi_call){.arg = {3, AT(0), 50}, .ret = -4}, &e, &why) == 0 &&
	      e.bytes == 0);
	CHECK(outputs("read", (struct abi_call){.arg = {3, AT(0), 50}, .ret = -14}, &e, &why) ==
		      0 &&
	      e.bytes == 50);
	CHECK(outputs("nanosleep", (struct abi_call){.arg = {AT(0), AT(16)}, .ret = -516}, &e,
		      &why) == 0 &&
	      e.bytes == 16);
	buf_release(&why);
}

static void check_format(enum abi_arch arch, const char *name, struct abi_call call, bool with_ret,
			 const char *want)
{
	struct buf out = BUF_INIT;

	call.arch = arch;
	call.nr = syscall_row_find(arch, name)->nr[arch];
	syscall_format(&call, &mem, with_ret, &out);
	CHECK_STR(buf_str(&out), want);
	buf_release(&out);
}

static void test_format(void)
{
	put(0, "/etc\n\"x\"", 9);
	check_format(
		ARCH_X86_64, "openat",
		(struct abi_call){.arg = {-100, AT(0), 02000101, 0644}, .ret = 3}, true,
		"openat(AT_FDCWD, \"/etc\\n\\\"x\\\"\", O_WRONLY|O_CREAT|O_CLOEXEC, 0644) = 3");
	check_format(ARCH_X86_64, "read", (struct abi_call){.arg = {0, AT(0), 4096}, .ret = 4},
		     true, "read(0, \"/etc\", 4096) = 4");
	check_format(ARCH_X86_64, "read", (struct abi_call){.arg = {0, AT(0), 4096}}, false,
		     "read(0, 0x10000, 4096)");
	check_format(ARCH_X86_64, "read", (struct abi_call){.arg = {0, NOWHERE, 4096}, .ret = -14},
		     true, "read(0, 0x20000, 4096) = -1 EFAULT");
	check_format(ARCH_I386, "pread64",
		     (struct abi_call){.arg = {3, NOWHERE, 5, 1, 2}, .ret = -512}, true,
		     "pread64(3, 0x20000, 5, 8589934593) = -1 ERESTARTSYS");
	check_format(ARCH_I386, "mmap2",
		     (struct abi_call){.arg = {0, 4096, 3, 0x22, UINT32_MAX, 0},
				       .ret = (int32_t)0xf7000000},
		     true,
		     "mmap2(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = "
		     "0xf7000000");
	check_format(ARCH_X86_64, "kill", (struct abi_call){.arg = {5, 9}}, true,
		     "kill(5, SIGKILL) = 0");
	check_format(ARCH_X86_64, "futex", (struct abi_call){.arg = {AT(0), 129, 1}}, false,
		     "futex(0x10000, FUTEX_WAKE|FUTEX_PRIVATE_FLAG, 0x1, NULL, NULL, 0)");
	check_format(ARCH_X86_64, "clone", (struct abi_call){.arg = {0x1200011}}, false,
		     "clone(SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID, NULL, NULL, NULL, "
		     "NULL)");
	check_format(ARCH_X86_64, "lseek", (struct abi_call){.arg = {3, -5, 9}, .ret = -22}, true,
		     "lseek(3, -5, 0x9) = -1 EINVAL");
	check_format(ARCH_X86_64, "ioctl", (struct abi_call){.arg = {0, 0x5401, AT(0)}}, true,
		     "ioctl(0, TCGETS, 0x10000) = 0");
	check_format(ARCH_X86_64, "getpid", (struct abi_call){.ret = 77}, true, "getpid() = 77");
}

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* Numbers that matter more often than others do. */
static uint64_t odd_number(void)
{
	uint64_t r = next_random();

	switch (r % 8) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - r % 64;
	case 2:
		return r >> 32;
	case 3:
		return r % 64;
	default:
		return AT((r >> 8) % sizeof(memory));
	}
}

static void ignore_emitted(void *ctx, raddr_t addr, uint64_t len)
{
	CHECK(len <= 2 * (uint64_t)MAX_TRANSFER);
}

static void test_anything(void)
{
	struct buf text = BUF_INIT;
	size_t n;
	const struct syscall_row *rows = syscall_rows(&n);

	for (int round = 0; round < 200 * (int)n; round++) {
		const struct syscall_row *row = &rows[round % n];
		struct abi_call call = {.arch = row->nr[ARCH_X86_64] < 0 ? ARCH_I386 : round & 1};

		if (row->nr[call.arch] < 0)
			call.arch ^= 1;
		call.nr = row->nr[call.arch];
		for (int i = 0; i < 6; i++)
			call.arg[i] =
				call.arch == ARCH_I386 ? (uint32_t)odd_number() : odd_number();
		call.ret = round % 3 ? (int64_t)odd_number() : 0;
		for (size_t i = 0; i < sizeof(memory); i += 8) {
			uint64_t v = odd_number();

			memcpy(memory + i, &v, sizeof(v));
			i += round % 7 * 8;
		}
		syscall_outputs(row, &call, &mem, ignore_emitted, NULL, NULL);
		syscall_may_block(row, &call, &mem);
		for (int i = 0; i < 6; i++)
			CHECK(syscall_arg_capacity(row, &call, i, &mem) <= MAX_TRANSFER + 8);
		buf_clear(&text);
		syscall_format(&call, &mem, round & 1, &text);
	}
	buf_release(&text);
}

int main(void)
{
	test_waits();
	test_resolve();
	test_capacity();
	test_outputs();
	test_format();
	test_anything();
	return check_status("calls");
}
