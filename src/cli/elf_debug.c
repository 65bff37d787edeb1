/*
 * ELF files as libelf reads them, which knows compressed sections and foreign architectures; the
 * instrumenter's own reader (image/elf.h) knows neither.
 */
#include "cli/elf_debug.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

static Elf *open_elf(int fd)
{
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		elf = NULL;
	}
	return elf;
}

/* --- build ids --- */

static bool find_build_id(Elf_Data *notes, struct buf *out)
{
	size_t at = 0, name, desc;
	GElf_Nhdr note;

	while (notes && (at = gelf_getnote(notes, at, &note, &name, &desc))) {
		const uint8_t *bytes = (const uint8_t *)notes->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(ELF_NOTE_GNU) ||
		    memcmp(bytes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)))
			continue;
		for (size_t i = 0; i < note.n_descsz; i++)
			buf_addf(out, "%02x", bytes[desc + i]);
		return true;
	}
	return false;
}

static bool build_id_of_segments(Elf *elf, struct buf *out)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_NOTE)
			continue;
		if (find_build_id(elf_getdata_rawchunk(elf, (int64_t)p.p_offset, p.p_filesz,
						       p.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR),
				  out))
			return true;
	}
	return false;
}

/* Of what was not linked, and of debug information that was split off, whose segments are empty. */
static bool build_id_of_sections(Elf *elf, struct buf *out)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr h;

	while ((scn = elf_nextscn(elf, scn))) {
		if (gelf_getshdr(scn, &h) && h.sh_type == SHT_NOTE &&
		    find_build_id(elf_getdata(scn, NULL), out))
			return true;
	}
	return false;
}

int elf_build_id(int fd, struct buf *out)
{
	Elf *elf = open_elf(fd);
	bool found;

	if (!elf)
		return -ENOEXEC;
	found = build_id_of_segments(elf, out) || build_id_of_sections(elf, out);
	elf_end(elf);
	return found ? 0 : -ENODATA;
}

/* --- DWARF --- */

/* The content of a section is libelf's, until elf_end(). */
static void take_section(Elf *elf, Elf_Scn *scn, size_t names, struct dwarf *d)
{
	Elf_Data *data;
	GElf_Shdr h;
	const char *name;

	if (!gelf_getshdr(scn, &h) || h.sh_type == SHT_NOBITS ||
	    !(name = elf_strptr(elf, names, h.sh_name)))
		return;
	for (int i = 0; i < N_DWARF_SECTIONS; i++) {
		if (strcmp(name, dwarf_section_names[i]))
			continue;
		if (h.sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0)
			return;
		data = elf_rawdata(scn, NULL);
		if (data && data->d_buf)
			d->sections[i] = (struct dwarf_bytes){data->d_buf, data->d_size};
	}
}

static int sources_of(int fd, dwarf_source_fn fn, void *ctx)
{
	Elf *elf = open_elf(fd);
	Elf_Scn *scn = NULL;
	struct dwarf d;
	size_t names, n = 0;

	if (!elf)
		return -ENOEXEC;
	for (int i = 0; i < N_DWARF_SECTIONS; i++)
		d.sections[i] = (struct dwarf_bytes){(const uint8_t *)"", 0};
	if (!elf_getshdrstrndx(elf, &names)) {
		while ((scn = elf_nextscn(elf, scn)))
			take_section(elf, scn, names, &d);
		n = dwarf_sources(&d, fn, ctx);
	}
	elf_end(elf);
	return n ? 0 : -ENODATA;
}

/* The file with the debug information that was split off the file `fd` ("Debugging Information in
 * Separate Files" of gdb's manual): a descriptor, or -errno. */
static int open_split_off(int fd)
{
	struct buf id = BUF_INIT, path = BUF_INIT;
	int ret = elf_build_id(fd, &id);

	if (!ret && id.len > 2) {
		buf_addf(&path, "/usr/lib/debug/.build-id/%.2s/%s.debug", id.data, id.data + 2);
		ret = open(buf_str(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (ret < 0)
			ret = -errno;
	} else {
		ret = -ENODATA;
	}
	buf_release(&id);
	buf_release(&path);
	return ret;
}

int elf_sources(int fd, dwarf_source_fn fn, void *ctx)
{
	int ret = sources_of(fd, fn, ctx), split;

	if (ret != -ENODATA)
		return ret;
	split = open_split_off(fd);
	if (split < 0)
		return ret;
	if (!sources_of(split, fn, ctx))
		ret = 0;
	close(split);
	return ret;
}
