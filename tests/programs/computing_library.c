/* A library that computes, for programs that load it again and again. No program. */
#include <stdint.h>

static uint64_t state;
#ifdef WITHOUT_TLS
static uint64_t calls;
#else
static __thread uint64_t calls;
#endif

uint64_t library_compute(uint64_t x, unsigned long n);
uint64_t library_state(void);
uint64_t library_pure(uint64_t x, unsigned long n);

uint64_t library_compute(uint64_t x, unsigned long n)
{
	while (n--) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		x ^= x >> 29;
	}
	state += x;
	calls++;
	return x;
}

uint64_t library_state(void)
{
	return state;
}

/* Reads and writes no memory: it can be run wherever its bytes are. */
uint64_t library_pure(uint64_t x, unsigned long n)
{
	while (n--) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		x ^= x >> 29;
	}
	return x;
}
