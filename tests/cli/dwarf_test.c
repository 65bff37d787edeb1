/*
 * The reader of DWARF on this very program's debug information: it finds this file; and then on
 * damaged copies of that, in which it must find its way out (the ASan build watches).
 */
#include "cli/elf_debug.h"

#include "base/io.h"
#include "base/log.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#define DAMAGED_COPIES 3000

static size_t n_found, n_this;

static void note(void *ctx, const char *path)
{
	size_t n = strlen(path), name = strlen("dwarf_test.c");

	n_found++;
	if (n > name && path[0] == '/' && !strcmp(path + n - name, "dwarf_test.c"))
		n_this++;
}

static uint32_t next_random(void)
{
	static uint32_t x = 1;

	x = x * 1664525 + 1013904223;
	return x >> 8;
}

/* The sections as the linker left them, from section headers that we believe. */
static void load_sections(const struct buf *file, struct dwarf *d)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)file->data;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(file->data + e->e_shoff);
	const char *names = file->data + sections[e->e_shstrndx].sh_offset;

	for (int i = 0; i < N_DWARF_SECTIONS; i++)
		d->sections[i] = (struct dwarf_bytes){(const uint8_t *)"", 0};
	for (unsigned int k = 0; k < e->e_shnum; k++) {
		for (int i = 0; i < N_DWARF_SECTIONS; i++) {
			if (!strcmp(names + sections[k].sh_name, dwarf_section_names[i]))
				d->sections[i] = (struct dwarf_bytes){(const uint8_t *)file->data +
									      sections[k].sh_offset,
								      sections[k].sh_size};
		}
	}
}

/* A copy of each section, exactly as long as it is, with some bytes that are others. */
static void try_damaged(const struct dwarf *d)
{
	struct dwarf copy;

	for (int i = 0; i < N_DWARF_SECTIONS; i++) {
		size_t n = d->sections[i].n;
		uint8_t *p = xmalloc(n ? n : 1);

		memcpy(p, d->sections[i].p, n);
		if (n && next_random() % 4 == 0)
			n = next_random() % n;
		for (uint32_t k = next_random() % 8; n && k; k--)
			p[next_random() % min_u64(n, next_random() % 2 ? 64 : n)] =
				(uint8_t)next_random();
		/* What is cut off is not there. */
		copy.sections[i] = (struct dwarf_bytes){xrealloc(p, n), n};
	}
	dwarf_sources(&copy, note, NULL);
	for (int i = 0; i < N_DWARF_SECTIONS; i++)
		free((void *)copy.sections[i].p);
}

int main(void)
{
	struct buf file = BUF_INIT;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct dwarf d;

	if (fd < 0 || elf_sources(fd, note, NULL) || read_fd(fd, &file))
		die("no debug information of its own");
	close(fd);
	printf("%zu names of files, %zu of this one\n", n_found, n_this);
	if (!n_this)
		return 1;
	load_sections(&file, &d);
	n_found = n_this = 0;
	if (!dwarf_sources(&d, note, NULL) || !n_this)
		return 1;
	for (int i = 0; i < DAMAGED_COPIES; i++)
		try_damaged(&d);
	buf_release(&file);
	return 0;
}
