/*
 * The vDSO reads clocks from memory that the kernel changes: nondeterminism without a system call.
 * Its functions are overwritten in place, in each new address space, by the system calls that they
 * stand for.
 */
#include "record/session.h"

#include "base/log.h"

#include <asm/unistd_64.h>
#include <gelf.h>

/*
 * mov $nr, %eax; lea (of the ret), %r11; lea (of the syscall), %rcx; jmp *TICK_ENTER_CALL; syscall;
 * ret: as the hooks of images enter the agent. Without it: mov; syscall; ret.
 */
#define STUB_SIZE 29

struct vdso_function {
	const char *name;
	int nr; /* -1: always fails with ENOSYS, upon which libc makes the system call */
};

static const struct vdso_function functions[] = {
	{"__vdso_clock_gettime", __NR_clock_gettime},
	{"__vdso_gettimeofday", __NR_gettimeofday},
	{"__vdso_time", __NR_time},
	{"__vdso_getcpu", __NR_getcpu},
	{"__vdso_clock_getres", __NR_clock_getres},
	{"__vdso_getrandom", -1},
};

static size_t make_stub(int nr, bool hooked, uint8_t stub[STUB_SIZE])
{
	static const uint8_t enosys[] = {0x48, 0xc7, 0xc0, 0xda, 0xff, 0xff, 0xff, 0xc3};
	const uint8_t number[] = {0xb8, nr & 0xff, nr >> 8, 0, 0};
	static const uint8_t hook[] = {0x4c,
				       0x8d,
				       0x1d,
				       16,
				       0,
				       0,
				       0,
				       0x48,
				       0x8d,
				       0x0d,
				       7,
				       0,
				       0,
				       0,
				       0xff,
				       0x24,
				       0x25,
				       TICK_ENTER_CALL & 0xff,
				       TICK_ENTER_CALL >> 8 & 0xff,
				       TICK_ENTER_CALL >> 16,
				       0};
	static const uint8_t call[] = {0x0f, 0x05, 0xc3};
	size_t n = sizeof(number);

	if (nr < 0) {
		memcpy(stub, enosys, sizeof(enosys));
		return sizeof(enosys);
	}
	memcpy(stub, number, n);
	if (hooked) {
		memcpy(stub + n, hook, sizeof(hook));
		n += sizeof(hook);
	}
	memcpy(stub + n, call, sizeof(call));
	return n + sizeof(call);
}

static int patch_symbol(struct mm *mm, raddr_t base, const char *name, const GElf_Sym *sym,
			bool hooked)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		uint8_t stub[STUB_SIZE];
		size_t n;

		if (strcmp(name, functions[i].name))
			continue;
		n = make_stub(functions[i].nr, hooked && sym->st_size >= STUB_SIZE, stub);
		/* The longest of them, behind whose call is room (agent_map()). */
		if (functions[i].nr == __NR_clock_gettime)
			mm->syscall_insn = base + sym->st_value + n - 3;
		return mm_write(mm, base + sym->st_value, stub, n);
	}
	return 0;
}

static int patch_symbols(struct mm *mm, raddr_t base, size_t size, bool hooked, Elf *elf,
			 Elf_Scn *scn)
{
	GElf_Shdr shdr;
	Elf_Data *data = elf_getdata(scn, NULL);
	int ret = 0;

	if (!data || !gelf_getshdr(scn, &shdr))
		return -ENOEXEC;
	for (int i = 0; !ret && i < (int)(data->d_size / sizeof(Elf64_Sym)); i++) {
		GElf_Sym sym;
		const char *name;

		if (!gelf_getsym(data, i, &sym) || sym.st_value + STUB_SIZE > size)
			continue;
		name = elf_strptr(elf, shdr.sh_link, sym.st_name);
		if (name && GELF_ST_TYPE(sym.st_info) == STT_FUNC)
			ret = patch_symbol(mm, base, name, &sym, hooked);
	}
	return ret;
}

int vdso_patch(struct mm *mm, raddr_t base, size_t size, bool hooked)
{
	char *image = xmalloc(size);
	Elf *elf = NULL;
	Elf_Scn *scn = NULL;
	int ret = mm_read(mm, base, image, size);

	if (ret)
		goto out;
	elf_version(EV_CURRENT);
	elf = elf_memory(image, size);
	ret = elf ? 0 : -ENOEXEC;
	while (!ret && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;

		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_DYNSYM)
			ret = patch_symbols(mm, base, size, hooked, elf, scn);
	}
	if (!ret && !mm->syscall_insn)
		ret = -ENOEXEC;
out:
	elf_end(elf);
	free(image);
	mm->vdso = base;
	mm->vdso_size = size;
	return ret;
}
