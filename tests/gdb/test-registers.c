/*
 * gdb's registers: numbers and names against regs.def and against what gdb's stock descriptions
 * have; values against the CPU: registers are loaded, XSAVE stores the area, and what is read out
 * of it must be what was loaded (for ftag, what FNSTENV says).
 */
#include "check.h"
#include "gdb/registers.h"

#include <cpuid.h>
#include <immintrin.h>

#define ALL_COMPONENTS 0x2e7

static int number_of(const struct register_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (!strcmp(set->v[i].name, name))
			return (int)i;
	return -1;
}

static void test_numbers(void)
{
	static const struct {
		const char *name;
		int number;
		int size;
	} known[] = {
		{"rax", 0, 8},	     {"rbp", GDB_RBP, 8}, {"rsp", GDB_RSP, 8}, {"rip", GDB_RIP, 8},
		{"eflags", 17, 4},   {"gs", 23, 4},	  {"st0", 24, 10},     {"st7", 31, 10},
		{"fctrl", 32, 4},    {"fop", 39, 4},	  {"xmm0", 40, 16},    {"xmm15", 55, 16},
		{"mxcsr", 56, 4},    {"orig_rax", 57, 8}, {"gs_base", 59, 8},  {"ymm0h", 60, 16},
		{"ymm15h", 75, 16},  {"k0", 76, 8},	  {"zmm0h", 84, 32},   {"zmm31h", 115, 32},
		{"ymm16h", 116, 16}, {"xmm31", 147, 16},  {"pkru", 148, 4},
	};
	struct register_set set;
	size_t n, size = 0;
	const struct reg_desc *table = reg_table(&n);

	register_set_init(&set, ALL_COMPONENTS, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		int number = number_of(&set, known[i].name);

		CHECK(number == known[i].number && set.v[number].size == known[i].size);
	}
	for (size_t i = 0; i < n; i++)
		CHECK(number_of(&set, table[i].name) == table[i].gdb_num[ARCH_X86_64]);
	for (size_t i = 0; i < set.n; i++)
		size += set.v[i].size;
	CHECK(set.n == 149 && set.size == size);
	register_set_release(&set);

	register_set_init(&set, 7, NULL, 0);
	CHECK(set.n == 76 && !strstr(buf_str(&set.xml), "avx512") &&
	      strstr(buf_str(&set.xml), "org.gnu.gdb.i386.avx\""));
	register_set_release(&set);
	register_set_init(&set, 0, NULL, 0);
	CHECK(set.n == 60 && !strstr(buf_str(&set.xml), "avx"));
	register_set_release(&set);
}

/* The table of a recording decides where components are. */
static void test_recorded_offsets(void)
{
	const struct trace_cpuid cpuid[] = {
		{.leaf = 0xd, .subleaf = 2, .eax = 256, .ebx = 1000},
		{.leaf = 7, .subleaf = 2, .eax = 256, .ebx = 2000},
	};
	struct register_set set;

	register_set_init(&set, 7, cpuid, ARRAY_SIZE(cpuid));
	CHECK(set.v[number_of(&set, "ymm3h")].offset == 1000 + 3 * 16);
	CHECK(set.v[number_of(&set, "xmm3")].offset == 160 + 3 * 16);
	register_set_release(&set);
}

static void want(const struct register_set *set, const struct register_values *values,
		 const char *name, const void *value, size_t n)
{
	uint8_t got[REGISTER_SIZE_MAX];

	CHECK(number_of(set, name) >= 0);
	CHECK(register_read(set, number_of(set, name), values, got));
	if (memcmp(got, value, n)) {
		fprintf(stderr, "%s has another value\n", name);
		exit(1);
	}
}

static void want_number(const struct register_set *set, const struct register_values *values,
			const char *name, uint64_t number)
{
	want(set, values, name, &number, set->v[number_of(set, name)].size < 8 ? 4 : 8);
}

__attribute__((target("xsave"))) static uint64_t read_xcr0(void)
{
	return _xgetbv(0);
}

static uint8_t area[8192] __attribute__((aligned(64)));
static uint8_t pattern[64] __attribute__((aligned(64)));
static uint16_t x87_environment[14];

/* Load a few registers, store the area, and what FNSTENV says. */
__attribute__((target("xsave"))) static void load_and_store(uint64_t xcr0)
{
	const double numbers[] = {1.5, 0.0};
	uint32_t low = (uint32_t)xcr0, high = (uint32_t)(xcr0 >> 32);

	if ((xcr0 & 0xe0) == 0xe0)
		__asm__ volatile("vmovdqu64 %0, %%zmm5; vmovdqu64 %0, %%zmm21; kmovw %1, %%k3"
				 :
				 : "m"(pattern), "r"(0x5a5a)
				 :);
	else if (xcr0 & 4)
		__asm__ volatile("vmovdqu %0, %%ymm5" : : "m"(pattern) :);
	else
		__asm__ volatile("movdqu %0, %%xmm5" : : "m"(pattern) :);
	/* Below the stack's top an empty one, above a number, a zero and an infinity. */
	__asm__ volatile("fninit; fldl %1; fldl %2; fld1; fldz; fdivrp; fldpi; fstp %%st(0)\n"
			 "mov %4, %%eax; mov %5, %%edx; xsave %0; fnstenv %3"
			 : "=m"(area)
			 : "m"(numbers[0]), "m"(numbers[1]), "m"(x87_environment), "r"(low),
			   "r"(high)
			 : "eax", "edx", "memory");
	__asm__ volatile("fninit");
}

static void test_cpu(void)
{
	struct register_values values = {.xsave = BUF_INIT};
	const uint8_t one_and_a_half[10] = {0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f};
	uint64_t xcr0 = read_xcr0();
	struct register_set set;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i + 1);
	load_and_store(xcr0);
	buf_add(&values.xsave, area, sizeof(area));
	register_set_init(&set, xcr0, NULL, 0);
	want(&set, &values, "xmm5", pattern, 16);
	want(&set, &values, "st2", one_and_a_half, 10);
	want_number(&set, &values, "fctrl", 0x37f);
	want_number(&set, &values, "fstat", x87_environment[2]);
	want_number(&set, &values, "ftag", x87_environment[4]);
	want_number(&set, &values, "mxcsr", _mm_getcsr());
	if (xcr0 & 4)
		want(&set, &values, "ymm5h", pattern + 16, 16);
	if ((xcr0 & 0xe0) == 0xe0) {
		want(&set, &values, "zmm5h", pattern + 32, 32);
		want(&set, &values, "xmm21", pattern, 16);
		want(&set, &values, "ymm21h", pattern + 16, 16);
		want(&set, &values, "zmm21h", pattern + 32, 32);
		want_number(&set, &values, "k3", 0x5a5a);
	} else {
		printf("no AVX-512 here: its registers were not tried\n");
	}
	register_set_release(&set);
	buf_release(&values.xsave);
}

/* Components that are not in use, and bringing them into it. */
static void test_initial(void)
{
	struct register_values values = {.xsave = BUF_INIT};
	uint8_t value[REGISTER_SIZE_MAX] = {0x34, 0x12};
	struct register_set set;

	register_set_init(&set, 3, NULL, 0);
	memset(buf_extend(&values.xsave, 576), 0xee, 576);
	memset(values.xsave.data + 512, 0, 64);
	want_number(&set, &values, "fctrl", 0x37f);
	want_number(&set, &values, "ftag", 0xffff);
	want_number(&set, &values, "mxcsr", 0x1f80);
	want_number(&set, &values, "fop", 0);
	CHECK(register_write(&set, number_of(&set, "fstat"), &values, value));
	CHECK(values.xsave.data[512] == 1);
	want_number(&set, &values, "fstat", 0x1234);
	want_number(&set, &values, "fctrl", 0x37f);
	want_number(&set, &values, "ftag", 0xffff);
	want_number(&set, &values, "mxcsr", 0x1f80);
	CHECK(register_write(&set, number_of(&set, "xmm1"), &values, value));
	CHECK(values.xsave.data[512] == 3);
	want(&set, &values, "xmm1", value, 16);
	want_number(&set, &values, "xmm2", 0);
	want_number(&set, &values, "mxcsr", 0x1f80);
	memset(value, 0, sizeof(value));
	CHECK(register_write(&set, number_of(&set, "ftag"), &values, value));
	CHECK((uint8_t)values.xsave.data[4] == 0xff);

	CHECK(!register_read(&set, set.n, &values, value));
	CHECK(!register_write(&set, set.n, &values, value));
	value[0] = 0x77;
	CHECK(register_write(&set, GDB_RIP, &values, value) && values.regs.u.rip == 0x77);
	want_number(&set, &values, "rip", 0x77);
	values.xsave.len = 0;
	CHECK(!register_read(&set, number_of(&set, "xmm1"), &values, value));
	CHECK(!register_write(&set, number_of(&set, "xmm1"), &values, value));
	register_set_release(&set);
	buf_release(&values.xsave);
}

int main(void)
{
	test_numbers();
	test_recorded_offsets();
	test_cpu();
	test_initial();
	return 0;
}
