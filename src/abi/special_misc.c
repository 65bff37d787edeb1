/*
 * Handlers of calls that write according to a command or an option, and of the few whose outputs
 * have a shape of their own. Facts are from the kernel file named at each.
 */
#include "abi/special.h"

/* Commands, and what each stores at the address in one of the arguments. */
struct command {
	uint64_t command;
	uint16_t size[N_ARCHS];
};

#define COMMAND_SIZES(size)                  \
	{                                    \
		SIZE64_##size, SIZE32_##size \
	}

static uint64_t command_size(const struct syscall_out *o, const struct command *table, size_t n,
			     uint64_t command)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].command == command)
			return table[i].size[o->call->arch];
	return 0;
}

/* fs/fcntl.c; F_GETLK64 is i386's. Everything else takes a number or writes nothing. */
int special_fcntl(const struct syscall_out *o)
{
	static const struct command commands[] = {
		{5, COMMAND_SIZES(flock)},	 /* F_GETLK */
		{12, COMMAND_SIZES(flock64)},	 /* F_GETLK64 */
		{16, COMMAND_SIZES(f_owner_ex)}, /* F_GETOWN_EX */
		{17, {8, 8}},			 /* F_GETOWNER_UIDS: two ids */
		{36, COMMAND_SIZES(flock64)},	 /* F_OFD_GETLK */
		{1035, {8, 8}},			 /* F_GET_RW_HINT */
		{1037, {8, 8}},			 /* F_GET_FILE_RW_HINT */
		{1039, {8, 8}},			 /* F_GETDELEG */
	};

	out_arg(o, 2, command_size(o, commands, ARRAY_SIZE(commands), (uint32_t)o->call->arg[1]));
	return 0;
}

/* kernel/futex: the operations that change a futex word. */
int special_futex(const struct syscall_out *o)
{
	enum {
		WAKE_OP = 5,
		LOCK_PI = 6,
		UNLOCK_PI = 7,
		TRYLOCK_PI = 8,
		WAIT_REQUEUE_PI = 11,
		CMP_REQUEUE_PI = 12,
		LOCK_PI2 = 13,
	};

	switch (o->call->arg[1] & 0x7f) {
	case LOCK_PI:
	case LOCK_PI2:
	case TRYLOCK_PI:
	case UNLOCK_PI:
		out_arg(o, 0, 4);
		break;
	case WAKE_OP:
	case WAIT_REQUEUE_PI:
	case CMP_REQUEUE_PI:
		out_arg(o, 4, 4);
		break;
	}
	return 0;
}

/* kernel/sys.c. An option that is not in prctls.def may store anything anywhere. */
int special_prctl(const struct syscall_out *o)
{
	enum { SET_MM = 35, SET_MM_MAP_SIZE = 15, GET_AUXV = 0x41555856 };
	static const struct {
		uint32_t option;
		int8_t arg;
		uint8_t size[N_ARCHS];
	} options[] = {
#define PRCTL(name, option, arg, size64, size32) {option, arg, {size64, size32}},
#include "abi/prctls.def"
#undef PRCTL
	};
	uint32_t option = o->call->arg[0];

	if (option == GET_AUXV)
		out_arg(o, 1, out_result(o, 1, min_u64(o->call->arg[2], MAX_TRANSFER)));
	if (option == SET_MM && o->call->arg[1] == SET_MM_MAP_SIZE)
		out_arg(o, 2, 4);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (options[i].option != option)
			continue;
		if (options[i].arg >= 0)
			out_arg(o, options[i].arg, options[i].size[o->call->arch]);
		return 0;
	}
	if (is_error(o->call->ret))
		return 0;
	return out_unsupported(o, "prctl option 0x%x has no row: add it to src/abi/prctls.def",
			       option);
}

/* kernel/ptrace.c, arch/x86/kernel/ptrace.c: what is asked for is stored at `data`. */
int special_ptrace(const struct syscall_out *o)
{
	enum { GETREGSET = 0x4204 };
	static const struct command commands[] = {
		{1, COMMAND_SIZES(word)},	  /* PTRACE_PEEKTEXT */
		{2, COMMAND_SIZES(word)},	  /* PTRACE_PEEKDATA */
		{3, COMMAND_SIZES(word)},	  /* PTRACE_PEEKUSER */
		{12, {216, 68}},		  /* PTRACE_GETREGS */
		{14, {512, 108}},		  /* PTRACE_GETFPREGS */
		{18, {0, 512}},			  /* PTRACE_GETFPXREGS */
		{0x4201, COMMAND_SIZES(word)},	  /* PTRACE_GETEVENTMSG */
		{0x4202, COMMAND_SIZES(siginfo)}, /* PTRACE_GETSIGINFO */
		{0x420a, {8, 8}},		  /* PTRACE_GETSIGMASK */
	};
	const raddr_t data = o->call->arg[3];
	const uint32_t request = (uint32_t)o->call->arg[0];
	const unsigned int word = word_size(o->call->arch);
	uint64_t base, len;

	out_arg(o, 3, command_size(o, commands, ARRAY_SIZE(commands), request));
	if (request != GETREGSET || !peek_word(o->mem, o->call->arch, data, &base) ||
	    !peek_word(o->mem, o->call->arch, data + word, &len))
		return 0;
	out_arg(o, 3, 2 * word);
	out_emit(o, base, min_u64(len, PAGE_SIZE_BYTES * 4));
	return 0;
}

/* arch/x86/kernel/process.c and process_64.c: the queries store a 64-bit number. */
int special_arch_prctl(const struct syscall_out *o)
{
	static const struct command commands[] = {
		{0x1003, {8, 8}}, /* ARCH_GET_FS */
		{0x1004, {8, 8}}, /* ARCH_GET_GS */
		{0x1021, {8, 8}}, /* ARCH_GET_XCOMP_SUPP */
		{0x1022, {8, 8}}, /* ARCH_GET_XCOMP_PERM */
		{0x1024, {8, 8}}, /* ARCH_GET_XCOMP_GUEST_PERM */
		{0x4001, {8, 8}}, /* ARCH_GET_UNTAG_MASK */
		{0x4003, {8, 8}}, /* ARCH_GET_MAX_TAG_BITS */
		{0x5005, {8, 8}}, /* ARCH_SHSTK_STATUS */
	};

	out_arg(o, 1, command_size(o, commands, ARRAY_SIZE(commands), (uint32_t)o->call->arg[0]));
	return 0;
}

/* kernel/capability.c: an unknown version is answered by storing the preferred one in the header.
 */
int special_capget(const struct syscall_out *o)
{
	enum { VERSION_1 = 0x19980330 };
	uint32_t version;

	out_arg(o, 0, OUT_SIZE(o, cap_header));
	if (out_as_success(o) && peek_u32(o->mem, o->call->arg[0], &version))
		out_arg(o, 1, OUT_SIZE(o, cap_data) * (version == VERSION_1 ? 1 : 2));
	return 0;
}

/* mm/mincore.c: a byte a page; -ENOMEM may come after some have been stored. */
int special_mincore(const struct syscall_out *o)
{
	uint64_t pages = o->call->arg[1] / PAGE_SIZE_BYTES + !!(o->call->arg[1] % PAGE_SIZE_BYTES);

	if (out_as_success(o) || o->call->ret == -ENOMEM)
		out_arg(o, 2, min_u64(pages, MAX_TRANSFER));
	return 0;
}

/* fs/filesystems.c: option 2 stores a file system's name. */
int special_sysfs(const struct syscall_out *o)
{
	if ((uint32_t)o->call->arg[0] == 2)
		out_string(o, o->call->arg[2], 256);
	return 0;
}

/* fs/quota/quota.c and compat_quota. quotactl_fd has the command in argument 1. */
int special_quotactl(const struct syscall_out *o)
{
	static const struct command commands[] = {
		{0x800004, {4, 4}},			 /* Q_GETFMT */
		{0x800005, COMMAND_SIZES(dqinfo)},	 /* Q_GETINFO */
		{0x800007, COMMAND_SIZES(dqblk)},	 /* Q_GETQUOTA */
		{0x800009, COMMAND_SIZES(nextdqblk)},	 /* Q_GETNEXTQUOTA */
		{0x5803, COMMAND_SIZES(fs_disk_quota)},	 /* Q_XGETQUOTA */
		{0x5805, COMMAND_SIZES(fs_quota_stat)},	 /* Q_XGETQSTAT */
		{0x5808, COMMAND_SIZES(fs_quota_statv)}, /* Q_XGETQSTATV */
		{0x5809, COMMAND_SIZES(fs_disk_quota)},	 /* Q_XGETNEXTQUOTA */
	};
	uint32_t cmd = o->call->arg[o->row->arg[0].kind == ARG_FD ? 1 : 0];

	out_arg(o, 3, command_size(o, commands, ARRAY_SIZE(commands), cmd >> 8));
	return 0;
}

/* security/keys/keyctl.c: {operation, argument of the buffer, argument of its length or -1, size}.
 */
int special_keyctl(const struct syscall_out *o)
{
	enum { CAPABILITIES = 31 };
	static const struct {
		uint8_t operation;
		int8_t buffer, length;
		uint16_t size; /* if there is no length */
	} operations[] = {
		{6, 2, 3, 0},  /* KEYCTL_DESCRIBE */
		{11, 2, 3, 0}, /* KEYCTL_READ */
		{17, 2, 3, 0}, /* KEYCTL_GET_SECURITY */
		{23, 2, 3, 0}, /* KEYCTL_DH_COMPUTE */
		{24, 4, -1, SIZE64_keyctl_pkey_query},
		{25, 4, -1, 0}, /* KEYCTL_PKEY_ENCRYPT, DECRYPT, SIGN: the result */
		{26, 4, -1, 0},
		{27, 4, -1, 0},
		{31, 1, 2, 0}, /* KEYCTL_CAPABILITIES */
	};
	const uint64_t *arg = o->call->arg;

	if ((uint32_t)arg[0] == CAPABILITIES) /* clears what it does not fill */
		out_arg(o, 1, min_u64(arg[2], MAX_TRANSFER));
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		uint64_t cap = MAX_TRANSFER;

		if (operations[i].operation != (uint32_t)arg[0])
			continue;
		if (operations[i].length >= 0)
			cap = min_u64(arg[operations[i].length], MAX_TRANSFER);
		out_arg(o, operations[i].buffer,
			operations[i].size ? operations[i].size : out_result(o, 1, cap));
	}
	return 0;
}

/* fs/fhandle.c: -EOVERFLOW stores the size that is needed, and the mount's id. */
int special_name_to_handle(const struct syscall_out *o)
{
	enum { AT_HANDLE_MNT_ID_UNIQUE = 1, MAX_HANDLE_SZ = 128 };
	uint32_t bytes;

	if (!out_as_success(o) && o->call->ret != -EOVERFLOW)
		return 0;
	if (peek_u32(o->mem, o->call->arg[2], &bytes))
		out_arg(o, 2, 8 + (out_as_success(o) ? min_u64(bytes, MAX_HANDLE_SZ) : 0));
	out_arg(o, 3, o->call->arg[4] & AT_HANDLE_MNT_ID_UNIQUE ? 8 : 4);
	return 0;
}

/* The first select of i386: five words in memory, of which it makes the arguments of today's. */
int special_old_select(const struct syscall_out *o)
{
	struct abi_call real = {.arch = ARCH_I386, .ret = o->call->ret};
	const struct syscall_row *row = syscall_row_find(ARCH_I386, "_newselect");

	real.nr = row->nr[ARCH_I386];
	for (int i = 0; i < 5; i++)
		if (!peek_word(o->mem, ARCH_I386, o->call->arg[0] + i * 4, &real.arg[i]))
			return 0;
	return syscall_outputs(row, &real, o->mem, o->emit, o->ctx, o->why);
}

/* fs/readdir.c, filldir(): an entry that reaches into a page which cannot be written is not in the
 * result, but its beginning is in memory. An entry has at most 19 bytes, a name of 255 and NUL. */
int special_getdents(const struct syscall_out *o)
{
	const uint64_t page = 4096, entry_max = 280;
	raddr_t end = o->call->arg[1] + (uint64_t)o->call->ret;
	uint64_t left = -end % page;

	if (o->call->ret > 0 && left < entry_max)
		out_emit(o, end, min_u64(left, o->call->arg[2] - (uint64_t)o->call->ret));
	return 0;
}

/* fs/readdir.c, struct compat_old_linux_dirent: inode, offset, 16-bit length at 8, name and NUL. */
int special_readdir(const struct syscall_out *o)
{
	uint16_t namelen;

	if (o->call->ret != 0 && peek(o->mem, o->call->arg[1] + 8, &namelen, sizeof(namelen)))
		out_arg(o, 1, 10 + namelen + 1);
	return 0;
}

/* kernel/seccomp.c: SECCOMP_GET_NOTIF_SIZES stores three 16-bit sizes. */
int special_seccomp(const struct syscall_out *o)
{
	if ((uint32_t)o->call->arg[0] == 3)
		out_arg(o, 2, 6);
	return 0;
}

/* struct xattr_args (linux/xattr.h): the address of the value, its size, flags. */
int special_getxattrat(const struct syscall_out *o)
{
	uint64_t value;
	uint32_t size;

	if (peek_u64(o->mem, o->call->arg[4], &value) &&
	    peek_u32(o->mem, o->call->arg[4] + 8, &size))
		out_emit(o, value, out_result(o, 1, size));
	return 0;
}

enum bpf_output {
	BPF_NOTHING,
	BPF_ATTR,	  /* fields of the attribute union itself */
	BPF_PROG_LOG,	  /* and a log: its size at 28, address at 32 */
	BPF_BTF_LOG,	  /* size at 20, address at 8 */
	BPF_TEST_RUN,	  /* data: size at 12, address at 24; context: size at 44, address at 56 */
	BPF_TASK_FD,	  /* size at 12, address at 16 */
	BPF_UNKNOWN_SIZE, /* depends on the kernel's object */
};

/* linux/bpf.h, enum bpf_cmd. */
static const uint8_t bpf_outputs[] = {
	[0] = BPF_NOTHING,	 /* MAP_CREATE */
	[1] = BPF_UNKNOWN_SIZE,	 /* MAP_LOOKUP_ELEM */
	[2] = BPF_NOTHING,	 /* MAP_UPDATE_ELEM */
	[3] = BPF_NOTHING,	 /* MAP_DELETE_ELEM */
	[4] = BPF_UNKNOWN_SIZE,	 /* MAP_GET_NEXT_KEY */
	[5] = BPF_PROG_LOG,	 /* PROG_LOAD */
	[6] = BPF_NOTHING,	 /* OBJ_PIN */
	[7] = BPF_NOTHING,	 /* OBJ_GET */
	[8] = BPF_NOTHING,	 /* PROG_ATTACH */
	[9] = BPF_NOTHING,	 /* PROG_DETACH */
	[10] = BPF_TEST_RUN,	 /* PROG_TEST_RUN */
	[11] = BPF_ATTR,	 /* PROG_GET_NEXT_ID */
	[12] = BPF_ATTR,	 /* MAP_GET_NEXT_ID */
	[13] = BPF_NOTHING,	 /* PROG_GET_FD_BY_ID */
	[14] = BPF_NOTHING,	 /* MAP_GET_FD_BY_ID */
	[15] = BPF_UNKNOWN_SIZE, /* OBJ_GET_INFO_BY_FD: its info has pointers */
	[16] = BPF_UNKNOWN_SIZE, /* PROG_QUERY */
	[17] = BPF_NOTHING,	 /* RAW_TRACEPOINT_OPEN */
	[18] = BPF_BTF_LOG,	 /* BTF_LOAD */
	[19] = BPF_NOTHING,	 /* BTF_GET_FD_BY_ID */
	[20] = BPF_TASK_FD,	 /* TASK_FD_QUERY */
	[21] = BPF_UNKNOWN_SIZE, /* MAP_LOOKUP_AND_DELETE_ELEM */
	[22] = BPF_NOTHING,	 /* MAP_FREEZE */
	[23] = BPF_ATTR,	 /* BTF_GET_NEXT_ID */
	[24] = BPF_UNKNOWN_SIZE, /* MAP_LOOKUP_BATCH */
	[25] = BPF_UNKNOWN_SIZE, /* MAP_LOOKUP_AND_DELETE_BATCH */
	[26] = BPF_ATTR,	 /* MAP_UPDATE_BATCH */
	[27] = BPF_ATTR,	 /* MAP_DELETE_BATCH */
	[28] = BPF_NOTHING,	 /* LINK_CREATE */
	[29] = BPF_NOTHING,	 /* LINK_UPDATE */
	[30] = BPF_NOTHING,	 /* LINK_GET_FD_BY_ID */
	[31] = BPF_ATTR,	 /* LINK_GET_NEXT_ID */
	[32] = BPF_NOTHING,	 /* ENABLE_STATS */
	[33] = BPF_NOTHING,	 /* ITER_CREATE */
	[34] = BPF_NOTHING,	 /* LINK_DETACH */
	[35] = BPF_NOTHING,	 /* PROG_BIND_MAP */
	[36] = BPF_NOTHING,	 /* TOKEN_CREATE */
};

static void out_bpf_buffer(const struct syscall_out *o, unsigned int size_at, unsigned int addr_at)
{
	uint32_t size;
	uint64_t addr;

	if (peek_u32(o->mem, o->call->arg[1] + size_at, &size) &&
	    peek_u64(o->mem, o->call->arg[1] + addr_at, &addr))
		out_emit(o, addr, min_u64(size, MAX_TRANSFER));
}

/* kernel/bpf/syscall.c. Logs are written when the verifier refuses, too. */
int special_bpf(const struct syscall_out *o)
{
	uint32_t cmd = o->call->arg[0];
	enum bpf_output kind = cmd < ARRAY_SIZE(bpf_outputs) ? bpf_outputs[cmd] : BPF_UNKNOWN_SIZE;

	if (kind == BPF_UNKNOWN_SIZE && !is_error(o->call->ret))
		return out_unsupported(o, "bpf command %u cannot be recorded", cmd);
	if (kind != BPF_NOTHING)
		out_arg(o, 1, min_u64((uint32_t)o->call->arg[2], PAGE_SIZE_BYTES));
	switch (kind) {
	case BPF_PROG_LOG:
		out_bpf_buffer(o, 28, 32);
		break;
	case BPF_BTF_LOG:
		out_bpf_buffer(o, 20, 8);
		break;
	case BPF_TEST_RUN:
		out_bpf_buffer(o, 12, 24);
		out_bpf_buffer(o, 44, 56);
		break;
	case BPF_TASK_FD:
		out_bpf_buffer(o, 12, 16);
		break;
	default:
		break;
	}
	return 0;
}
