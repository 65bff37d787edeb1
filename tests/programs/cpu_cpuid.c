/* CPUID prints the same; recorded programs see no RDRAND, RDSEED, RTM. modes: all */
#include "check.h"

#include <cpuid.h>
#include <pthread.h>

static uint32_t all(void)
{
	uint32_t h = 0, r[4], max;

	__cpuid(0, max, r[1], r[2], r[3]);
	for (uint32_t leaf = 0; leaf <= max && leaf < 0x20; leaf++) {
		if (leaf == 1 || leaf == 0xb || leaf == 0x1f || leaf == 0xd)
			continue; /* these name the CPU they ran on, or what is enabled */
		__cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
		h = h * 31 + hash(r, sizeof(r));
	}
	return h;
}

/* Where CPUID cannot be trapped, nothing can be hidden. */
static bool cpuid_faults(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "cpuid_fault") != NULL;
	if (f)
		fclose(f);
	return found;
}

/* Leaves of nobody's, of the hypervisor's, and subleaves of a great number: among calls that need
 * no stop. */
static void strange(void)
{
	static const uint32_t leaves[] = {0x8000000, 0x40000000, 0x7fffffff, 0x8fffffff, 7};
	uint32_t a, b, c, d;

	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		CHECK(getppid() > 0);
		__cpuid_count(leaves[i], 77, a, b, c, d);
		printf("leaf %x: %x %x %x %x\n", leaves[i], a, b, c, d);
	}
	CHECK(getppid() > 0);
}

static void *in_thread(void *arg)
{
	*(uint32_t *)arg = all();
	return NULL;
}

int main(void)
{
	uint32_t a, b, c, d, here = all(), there;
	bool hides = recorded() && cpuid_faults();
	pthread_t t;

	__cpuid(0, a, b, c, d);
	printf("max leaf %x: %.4s%.4s%.4s\n", a, (char *)&b, (char *)&d, (char *)&c);
	__cpuid(1, a, b, c, d);
	printf("leaf 1: %x %x %x\n", a, c, d);
	if (hides)
		CHECK(!(c & bit_RDRND));
	__cpuid_count(7, 0, a, b, c, d);
	printf("leaf 7: %x %x %x\n", b, c, d);
	if (hides)
		CHECK(!(b & bit_RDSEED) && !(b & bit_RTM));
	strange();
	CHECK(pthread_create(&t, NULL, in_thread, &there) == 0 && pthread_join(t, NULL) == 0);
	CHECK(here == there);
	if (fork() == 0)
		exit(all() != here);
	CHECK(wait((int *)&a) > 0 && a == 0);
	return 0;
}
