/*
 * Registers and signals: the calling conventions, what a comparison ignores, names.
 */
#include "abi/regs.h"
#include "abi/signal.h"

#include "../check.h"

#include <errno.h>

static const struct regs regs64 = {
	.u = {.cs = 0x33,
	      .orig_rax = 0,
	      .rax = -(uint64_t)EBADF,
	      .rdi = 1,
	      .rsi = 2,
	      .rdx = 3,
	      .r10 = 4,
	      .r8 = 5,
	      .r9 = 6,
	      .rcx = 7,
	      .r11 = 8,
	      .eflags = 0x246,
	      .rip = 0x401000},
};
static const struct regs regs32 = {
	.u = {.cs = 0x23,
	      .orig_rax = 3,
	      .rax = 0xfffffff7,
	      .rbx = 1,
	      .rcx = 2,
	      .rdx = 3,
	      .rsi = 4,
	      .rdi = 5,
	      .rbp = 0xffffffff00000006,
	      .rip = 0x8048000},
};

static void test_calls(void)
{
	struct regs r = regs32;
	struct abi_call call;

	regs_to_call(&regs64, &call);
	CHECK(call.arch == ARCH_X86_64 && call.nr == 0 && call.ret == -EBADF);
	for (int i = 0; i < 6; i++)
		CHECK(call.arg[i] == (uint64_t)i + 1);
	regs_to_call(&r, &call);
	CHECK(call.arch == ARCH_I386 && call.nr == 3 && call.ret == -EBADF);
	for (int i = 0; i < 6; i++)
		CHECK(call.arg[i] == (uint64_t)i + 1);
	regs_set_arg(&r, 5, UINT64_MAX);
	CHECK(r.u.rbp == UINT32_MAX && regs_get_arg(&r, 5) == UINT32_MAX);
	r = regs64;
	regs_set_arg(&r, 3, UINT64_MAX);
	CHECK(r.u.r10 == UINT64_MAX && r.u.rcx == 7);
}

static bool differs(struct regs r, const struct regs *from, bool at_entry)
{
	return !regs_equal(from, &r, at_entry, NULL);
}

static void test_equal(void)
{
	struct buf diff = BUF_INIT;
	struct regs r = regs64;

	CHECK(!differs(r, &regs64, false));
	r.u.rcx = r.u.r11 = r.u.rax = 99;
	CHECK(!differs(r, &regs64, true) && differs(r, &regs64, false));
	r = regs64;
	r.u.orig_rax = 5;
	CHECK(differs(r, &regs64, true) && !differs(r, &regs64, false));
	r = regs64;
	r.u.eflags |= 0x10302; /* TF, RF, IF, the bit that is always one */
	CHECK(!differs(r, &regs64, false));
	r.u.eflags ^= 0x40; /* ZF */
	r.u.fs_base = 0x1000;
	CHECK(!regs_equal(&regs64, &r, false, &diff));
	CHECK_STR(buf_str(&diff), "  eflags  recorded 0x44  replayed 0x4\n"
				  "  fs_base  recorded 0x0  replayed 0x1000\n");
	buf_clear(&diff);

	r = regs32;
	r.u.r8 = r.u.r15 = r.u.gs_base = 1;
	r.u.rbp &= UINT32_MAX;
	CHECK(!differs(r, &regs32, false));
	r.u.rcx = 9;
	CHECK(!regs_equal(&regs32, &r, true, &diff));
	CHECK_STR(buf_str(&diff), "  ecx  recorded 0x2  replayed 0x9\n");
	buf_release(&diff);
}

/* Every register is listed once, and each has one number of gdb's. */
static void test_table(void)
{
	size_t n, bytes = 0;
	const struct reg_desc *table = reg_table(&n);

	for (size_t i = 0; i < n; i++) {
		bytes += table[i].size;
		for (size_t j = 0; j < i; j++)
			for (int arch = 0; arch < N_ARCHS; arch++)
				CHECK(table[i].offset != table[j].offset &&
				      (table[i].gdb_num[arch] < 0 ||
				       table[i].gdb_num[arch] != table[j].gdb_num[arch]));
	}
	CHECK(bytes == sizeof(struct regs));
}

static void test_signals(void)
{
	siginfo_t si = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};

	CHECK_STR(signal_name(SIGSEGV), "SIGSEGV");
	CHECK_STR(signal_name(32), "SIGRTMIN");
	CHECK_STR(signal_name(35), "SIGRTMIN+3");
	CHECK_STR(signal_name(99), "SIG?99");
	for (int i = 1; i <= 64; i++)
		CHECK(signal_from_name(signal_name(i)) == i);
	CHECK(signal_from_name("SEGV") == SIGSEGV && signal_from_name("11") == SIGSEGV);
	CHECK(signal_from_name("CLD") == SIGCHLD && signal_from_name("RTMAX") == 64);
	CHECK(signal_from_name("0") == -EINVAL && signal_from_name("65") == -EINVAL);
	CHECK(signal_from_name("SIG") == -EINVAL && signal_from_name("") == -EINVAL);
	CHECK(signal_from_name("SIGRTMIN+33") == -EINVAL && signal_from_name("1x") == -EINVAL);
	CHECK(signal_default_action(SIGCHLD) == SIG_DEFAULT_IGNORE);
	CHECK(signal_default_action(SIGTSTP) == SIG_DEFAULT_STOP);
	CHECK(signal_default_action(40) == SIG_DEFAULT_TERM);

	CHECK(signal_is_synchronous(&si));
	CHECK_STR(signal_code_name(&si), "SEGV_MAPERR");
	si.si_code = SI_TKILL;
	CHECK(!signal_is_synchronous(&si));
	CHECK_STR(signal_code_name(&si), "SI_TKILL");
	si = (siginfo_t){.si_signo = SIGCHLD, .si_code = CLD_EXITED};
	CHECK(!signal_is_synchronous(&si));
	CHECK_STR(signal_code_name(&si), "CLD_EXITED");
	si = (siginfo_t){.si_signo = SIGTRAP, .si_code = SI_KERNEL}; /* int3 */
	CHECK(signal_is_synchronous(&si));
	si = (siginfo_t){.si_signo = SIGBUS, .si_code = BUS_MCEERR_AO};
	CHECK(!signal_is_synchronous(&si));
	si = (siginfo_t){.si_signo = SIGUSR1, .si_code = 1234};
	CHECK_STR(signal_code_name(&si), "1234");
	CHECK_STR(abi_errno_name(EPERM), "EPERM");
	CHECK_STR(abi_errno_name(512), "ERESTARTSYS");
	CHECK_STR(abi_errno_name(600), "E?600");
}

int main(void)
{
	test_calls();
	test_equal();
	test_table();
	test_signals();
	return check_status("registers");
}
