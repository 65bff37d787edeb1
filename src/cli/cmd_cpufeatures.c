/*
 * rr cpufeatures: the options for recording elsewhere what is to be replayed on this CPU: each mask
 * has the bits that this CPU does not have (the complement of what CPUID says).
 */
#include "cli/cli.h"

#include <cpuid.h>

const struct option_row cpufeatures_option_rows[] = {OPTIONS_END};

struct cpuid_regs {
	unsigned eax, ebx, ecx, edx;
};

/* All zero for a leaf that the CPU does not have: Intel ones would answer as the highest that they
 * have. */
static struct cpuid_regs cpuid(unsigned leaf, unsigned subleaf)
{
	struct cpuid_regs r = {0};

	if (leaf <= __get_cpuid_max(0, NULL))
		__cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
	return r;
}

int cmd_cpufeatures(const struct command *cmd, char **argv)
{
	struct cpuid_regs basic = cpuid(1, 0), ext = cpuid(7, 0), xsave = cpuid(0xd, 1);
	struct option_rest rest;

	command_options(cmd, NULL, OPTIONS_PERMUTE, argv, &rest);
	no_arguments(cmd, &rest);
	printf("--disable-cpuid-features 0x%x,0x%x --disable-cpuid-features-ext 0x%x,0x%x,0x%x "
	       "--disable-cpuid-features-xsave 0x%x\n",
	       ~basic.ecx, ~basic.edx, ~ext.ebx, ~ext.ecx, ~ext.edx, ~xsave.eax);
	return 0;
}
