/* rdrand, rdseed, xgetbv in all their forms, and that they leave alone what is not theirs. modes:
 * all */
#include "check.h"

#define FLAGS (1 << 0 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 11)

/* The register before, and after with the flags. */
struct forms {
	uint64_t before, after, flags;
};

#define FORM(name, insn, reg)                                                     \
	static void name(struct forms *f)                                         \
	{                                                                         \
		asm volatile("mov %2, %%" reg "\n\tcmp %%esp, %%esp\n\t" insn     \
			     "\n\tlea -128(%%rsp), %%rsp\n\tpushfq\n\tpop %1\n\t" \
			     "lea 128(%%rsp), %%rsp\n\tmov %%" reg ", %0"         \
			     : "=m"(f->after), "=&r"(f->flags)                    \
			     : "r"(f->before)                                     \
			     : reg, "cc", "memory");                              \
	}

FORM(rand_ax, "rdrand %%ax", "rax")
FORM(rand_ecx, "rdrand %%ecx", "rcx")
FORM(rand_rdx, "rdrand %%rdx", "rdx")
FORM(rand_r9w, "rdrand %%r9w", "r9")
FORM(rand_r10d, "rdrand %%r10d", "r10")
FORM(rand_r15, "rdrand %%r15", "r15")
FORM(seed_si, "rdseed %%si", "rsi")
FORM(seed_edi, "rdseed %%edi", "rdi")
FORM(seed_r11, "rdseed %%r11", "r11")

static const struct {
	const char *name;
	void (*run)(struct forms *f);
	int size;
} forms[] = {
	{"rdrand ax", rand_ax, 2},   {"rdrand ecx", rand_ecx, 4},   {"rdrand rdx", rand_rdx, 8},
	{"rdrand r9w", rand_r9w, 2}, {"rdrand r10d", rand_r10d, 4}, {"rdrand r15", rand_r15, 8},
	{"rdseed si", seed_si, 2},   {"rdseed edi", seed_edi, 4},   {"rdseed r11", seed_r11, 8},
};

static void on_ill(int sig)
{
	static const char why[] = "this CPU has no rdrand or rdseed\n";

	if (write(1, why, sizeof(why) - 1) < 0)
		_exit(1);
	_exit(77);
}

int main(void)
{
	const char *mode = getenv("TEST_MODE");
	uint32_t low, high;

	/* Without the agent the CPU executes them, in replay as well. */
	if (recorded() && !(mode && !strcmp(mode, "default"))) {
		printf("not recorded\n");
		return 0;
	}
	on_signal(SIGILL, on_ill, 0);
	for (size_t i = 0; i < NELEM(forms); i++) {
		for (int k = 0; k < 20; k++) {
			struct forms f = {.before = 0xa5a5a5a5a5a5a5a5};

			forms[i].run(&f);
			/* All flags but the carry are cleared. */
			CHECK((f.flags & FLAGS) <= 1);
			if (forms[i].size == 2)
				CHECK(f.after >> 16 == f.before >> 16);
			if (forms[i].size == 4)
				CHECK(f.after >> 32 == 0);
			if (!(f.flags & 1))
				CHECK((f.after & 0xffff) == 0);
			printf("%s: %llx\n", forms[i].name, (unsigned long long)f.after);
		}
	}
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	CHECK(low & 1);
	printf("xcr0 %x %x\n", low, high);
	return 0;
}
