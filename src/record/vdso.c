/*
 * The vDSO reads clocks from memory that the kernel changes: nondeterminism without a system call.
 * Its functions are overwritten in place, in each new address space, by the system calls that they
 * stand for. The agent makes these by a copy of the functions, which is next to its own code: the
 * memory with the clocks is moved to just before that, as the code addresses it relative to itself.
 */
#include "record/session.h"

#include "base/log.h"
#include "mem/maps.h"

#include <asm/unistd_64.h>
#include <elf.h>
#include <gelf.h>
#include <unistd.h>

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

/* What is done with each function of a vDSO. */
struct visitor {
	int (*fn)(const struct visitor *v, const char *name, const GElf_Sym *sym);
	struct mm *mm;
	raddr_t base;
	bool hooked;
	struct agent_vdso *found;
};

static int patch_symbol(const struct visitor *v, const char *name, const GElf_Sym *sym)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		uint8_t stub[STUB_SIZE];
		size_t n;

		if (strcmp(name, functions[i].name))
			continue;
		n = make_stub(functions[i].nr, v->hooked && sym->st_size >= STUB_SIZE, stub);
		/* The longest of them, behind whose call is room (agent_map()). */
		if (functions[i].nr == __NR_clock_gettime)
			v->mm->syscall_insn = v->base + sym->st_value + n - 3;
		return mm_write(v->mm, v->base + sym->st_value, stub, n);
	}
	return 0;
}

static int visit_symbols(const struct visitor *v, size_t size, Elf *elf, Elf_Scn *scn)
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
			ret = v->fn(v, name, &sym);
	}
	return ret;
}

static int visit(const struct visitor *v, char *image, size_t size)
{
	Elf *elf;
	Elf_Scn *scn = NULL;
	int ret;

	elf_version(EV_CURRENT);
	elf = elf_memory(image, size);
	ret = elf ? 0 : -ENOEXEC;
	while (!ret && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;

		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_DYNSYM)
			ret = visit_symbols(v, size, elf, scn);
	}
	elf_end(elf);
	return ret;
}

int vdso_patch(struct mm *mm, raddr_t base, size_t size, bool hooked)
{
	const struct visitor v = {patch_symbol, mm, base, hooked, NULL};
	char *image = xmalloc(size);
	int ret = mm_read(mm, base, image, size);

	if (!ret)
		ret = visit(&v, image, size);
	if (!ret && !mm->syscall_insn)
		ret = -ENOEXEC;
	free(image);
	mm->vdso = base;
	mm->vdso_size = size;
	return ret;
}

static int read_word(struct mm *mm, raddr_t *at, uint64_t *word)
{
	int ret = mm_read(mm, *at, word, sizeof(*word));

	*at += sizeof(*word);
	return ret;
}

int vdso_hide(struct mm *mm, raddr_t sp)
{
	uint64_t word = 1, ignore = AT_IGNORE;
	raddr_t at = sp + sizeof(word); /* behind argc: argv, the environment, pairs */
	int ret = 0;

	for (int lists = 2; !ret && lists; lists -= !word)
		ret = read_word(mm, &at, &word);
	do {
		ret = ret ? ret : read_word(mm, &at, &word);
		if (!ret && word == AT_SYSINFO_EHDR)
			ret = mm_write(mm, at - sizeof(word), &ignore, sizeof(ignore));
		at += sizeof(word);
	} while (!ret && word != AT_NULL);
	return ret;
}

/* --- the copy --- */

static bool named(const struct map_line *l, const char *prefix)
{
	return !strncmp(l->name, prefix, strlen(prefix));
}

/* The data, and the code that follows them: false if they are not like that. */
static bool find_parts(const struct maps *maps, struct agent_vvar *vvar, struct mm_range *code)
{
	raddr_t end = 0;

	*vvar = (struct agent_vvar){.n = 0};
	for (size_t i = 0; i < maps->count; i++) {
		const struct map_line *l = &maps->lines[i];

		if (named(l, "[vvar")) {
			if ((vvar->n && l->start != end) || vvar->n == AGENT_MAX_VVAR)
				return false;
			vvar->part[vvar->n++] = (struct mm_range){l->start, l->end};
			end = l->end;
		} else if (named(l, "[vdso]")) {
			*code = (struct mm_range){l->start, l->end};
			return vvar->n && l->start == end;
		}
	}
	return false;
}

static int note_function(const struct visitor *v, const char *name, const GElf_Sym *sym)
{
	const struct {
		const char *name;
		uint64_t *at;
	} wanted[] = {
		{"__vdso_clock_gettime", &v->found->clock_gettime},
		{"__vdso_gettimeofday", &v->found->gettimeofday},
		{"__vdso_time", &v->found->time},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!strcmp(name, wanted[i].name))
			*wanted[i].at = v->base + sym->st_value;
	}
	return 0;
}

void vdso_copy(struct recorder *rec)
{
	struct agent *a = &rec->agent;
	struct agent_vvar vvar;
	struct mm_range code;
	struct maps maps;
	uint64_t data, size;

	if (maps_read(getpid(), &maps))
		return;
	if (find_parts(&maps, &vvar, &code)) {
		data = code.start - vvar.part[0].start;
		size = code.end - code.start;
		if (data + size <= OURS_END - AGENT_VVAR) {
			const struct visitor v = {note_function, NULL, AGENT_VVAR + data, false,
						  &a->state->vdso};

			memcpy(a->vvar + data, (const void *)code.start, size);
			if (visit(&v, (char *)a->vvar + data, size))
				a->state->vdso = (struct agent_vdso){0};
			else
				rec->vvar_size = data;
		}
	}
	maps_release(&maps);
}

bool vdso_find_data(const struct recorder *rec, const struct maps *maps, struct agent_vvar *out)
{
	struct mm_range code;

	return rec->vvar_size && find_parts(maps, out, &code) &&
	       code.start - out->part[0].start == rec->vvar_size;
}
