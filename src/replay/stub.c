/*
 * The stub program, made in memory: an ELF header, two segments, one instruction. It is executed
 * wherever the recorded tasks executed a program; then everything but its two pages is unmapped and
 * the recorded address space is built around them. Its own code never runs but for remote system
 * calls, and for mapping the agent.
 */
#include "base/io.h"
#include "base/log.h"
#include "replay/session.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* linux/memfd.h, Linux 6.3 */
#endif

struct stub_image {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[2];
	char pad[0x100 - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
	uint8_t code[3];
	uint8_t boot[6];
};

static void make_image(struct stub_image *im)
{
	*im = (struct stub_image){
		.ehdr = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT},
			 .e_type = ET_EXEC,
			 .e_machine = EM_X86_64,
			 .e_version = EV_CURRENT,
			 .e_entry = STUB_SYSCALL,
			 .e_phoff = sizeof(Elf64_Ehdr),
			 .e_ehsize = sizeof(Elf64_Ehdr),
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = 2},
		.phdr = {{.p_type = PT_LOAD,
			  .p_flags = PF_R | PF_X,
			  .p_vaddr = STUB_PAGE,
			  .p_filesz = sizeof(*im),
			  .p_memsz = PAGE_SIZE_BYTES,
			  .p_align = PAGE_SIZE_BYTES},
			 {.p_type = PT_LOAD,
			  .p_flags = PF_R | PF_W,
			  .p_vaddr = STUB_DATA,
			  .p_memsz = PAGE_SIZE_BYTES,
			  .p_align = PAGE_SIZE_BYTES}},
		.code = {0x0f, 0x05, 0xcc}, /* syscall; int3 */
		.boot = AGENT_BOOT_CODE,
	};
}

int stub_create(void)
{
	struct stub_image im;
	int fd = memfd_create("rr-stub", MFD_EXEC);
	int ret;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("rr-stub", 0);
	if (fd < 0)
		return -errno;
	make_image(&im);
	ret = write_full(fd, &im, sizeof(im));
	if (!ret)
		return fd;
	close(fd);
	return ret;
}
