/*
 * The table of system calls against the installed headers, and its own consistency: numbers and
 * names, arguments that bound others, calls newer than the headers.
 */
#include "abi/syscall.h"

#include "../check.h"

static const struct {
	enum abi_arch arch;
	const char *name;
	int nr;
} header_numbers[] = {
#define HEADER_NR(arch, name, nr) {arch, name, nr},
#include "numbers.inc"
#undef HEADER_NR
};

/* Linux 6.2 to 6.18, the same on both architectures (arch/x86/entry/syscalls). */
static const char *const newer[] = {
	"cachestat",	     "fchmodat2",	  "map_shadow_stack", "futex_wake",
	"futex_wait",	     "futex_requeue",	  "statmount",	      "listmount",
	"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal",
	"setxattrat",	     "getxattrat",	  "listxattrat",      "removexattrat",
	"open_tree_attr",    "file_getattr",	  "file_setattr",
};

static void test_numbers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(header_numbers); i++) {
		const struct syscall_row *row =
			syscall_row(header_numbers[i].arch, header_numbers[i].nr);

		if (row && strcmp(row->name, header_numbers[i].name) == 0)
			continue;
		printf("call %d of architecture %d: header %s, table %s\n", header_numbers[i].nr,
		       header_numbers[i].arch, header_numbers[i].name, row ? row->name : "(none)");
		failures++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(newer); i++) {
		const struct syscall_row *row = syscall_row(ARCH_X86_64, 451 + i);

		CHECK(row && strcmp(row->name, newer[i]) == 0 && row->nr[ARCH_I386] == row->nr[0]);
	}
	CHECK(syscall_row(ARCH_X86_64, -1) == NULL && syscall_row(ARCH_X86_64, 100000) == NULL);
	CHECK(syscall_row(ARCH_X86_64, 400) == NULL && syscall_row(ARCH_I386, 223) == NULL);
	printf("%zu numbers of headers\n", ARRAY_SIZE(header_numbers));
}

static bool needs_length(const struct arg_spec *spec)
{
	switch (spec->kind) {
	case ARG_OUT_BUF_RET:
	case ARG_OUT_BUF_ARG:
	case ARG_OUT_BUF_PTR:
	case ARG_OUT_IOVEC:
	case ARG_IN_BUF:
	case ARG_IN_IOVEC:
	case ARG_INOUT_BUF_ARG:
	case ARG_INOUT_BITS:
	case ARG_OUT_MSGBUF:
		return true;
	}
	return false;
}

static bool needs_size(const struct arg_spec *spec)
{
	return spec->kind == ARG_OUT || spec->kind == ARG_INOUT || spec->kind == ARG_INOUT_LEN ||
	       (needs_length(spec) && spec->kind != ARG_INOUT_BITS);
}

static void test_row(const struct syscall_row *row)
{
	bool special = false, ended = false;

	CHECK(row->nr[ARCH_X86_64] >= 0 || row->nr[ARCH_I386] >= 0);
	CHECK(!row->waits || row->flags & SYSF_MAY_BLOCK);
	CHECK(row->class < N_SYSCALL_CLASSES);
	for (int i = 0; i < 6; i++) {
		const struct arg_spec *spec = &row->arg[i];
		int len = spec->len_arg;

		special |= spec->kind == ARG_SPECIAL;
		CHECK(!ended || spec->kind == ARG_NONE);
		ended |= spec->kind == ARG_NONE;
		CHECK(!needs_length(spec) ||
		      (len >= 0 && len < 6 && len != i && row->arg[len].kind != ARG_NONE));
		for (int arch = 0; arch < N_ARCHS; arch++)
			CHECK(!needs_size(spec) || row->nr[arch] < 0 || spec->size[arch]);
	}
	CHECK(!special || row->special);
	if (failures)
		printf("in row %s\n", row->name);
}

static void test_rows(void)
{
	size_t n;
	const struct syscall_row *rows = syscall_rows(&n);

	for (size_t i = 0; i < n && !failures; i++)
		test_row(&rows[i]);
	CHECK(syscall_row_by_name("mmap") == syscall_row(ARCH_X86_64, 9));
	CHECK(syscall_row_find(ARCH_I386, "mmap") == syscall_row(ARCH_I386, 90));
	CHECK(syscall_row_by_name("socketcall") == syscall_row(ARCH_I386, 102));
	CHECK(syscall_row_by_name("no_such_call") == NULL);
	CHECK_STR(syscall_name(ARCH_X86_64, 7), "poll");
	CHECK_STR(syscall_name(ARCH_I386, 7), "waitpid");
	CHECK_STR(syscall_name(ARCH_I386, 999), "syscall_999");
	printf("%zu rows\n", n);
}

int main(void)
{
	test_numbers();
	test_rows();
	return check_status("table");
}
