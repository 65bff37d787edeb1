/*
 * Memory, and ways through code.
 */
#include "random.h"

#include <ucontext.h>

#define PAGE 4096

void act_memory_map(struct actor *a)
{
	size_t size = (1 + below(a, 40)) * PAGE, larger = size + below(a, 30) * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	p[below(a, size)] = (char)a->random;
	p[0] = 3;
	if (once_in(a, 2)) {
		p = mremap(p, size, larger, MREMAP_MAYMOVE);
		CHECK(p != MAP_FAILED);
		size = larger;
	}
	saw(a, (uintptr_t)p);
	saw_bytes(a, p, size);
	CHECK(!mprotect(p, PAGE, PROT_READ));
	if (size > PAGE && once_in(a, 2)) {
		size -= PAGE;
		CHECK(!munmap(p + size, PAGE));
	}
	saw_result(a, munmap(p, size));
}

void act_memory_advise(struct actor *a)
{
	const int advice[] = {MADV_DONTNEED, MADV_WILLNEED, MADV_DONTFORK,
			      MADV_FREE,     MADV_HUGEPAGE, MADV_POPULATE_WRITE};
	size_t size = 8 * PAGE;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       (once_in(a, 2) ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
	unsigned char resident[8];

	CHECK(p != MAP_FAILED);
	memset(p, 1 + below(a, 250), size);
	saw_result(a, madvise(p + below(a, 4) * PAGE, (1 + below(a, 4)) * PAGE,
			      advice[below(a, NELEM(advice))]));
	saw_result(a, msync(p, size, MS_ASYNC));
	saw_result(a, mincore(p, size, resident));
	p[PAGE] = 2;
	saw_bytes(a, p + PAGE, 1);
	if (p[0])
		saw(a, p[0]);
	munmap(p, size);
}

void act_memory_heap(struct actor *a)
{
	char *p[8];

	for (size_t i = 0; i < NELEM(p); i++) {
		size_t n = once_in(a, 6) ? 100000 + below(a, 300000) : 1 + below(a, 3000);

		p[i] = malloc(n);
		CHECK(p[i]);
		p[i][n - 1] = (char)i;
		saw(a, (uintptr_t)p[i]);
	}
	for (size_t i = 0; i < NELEM(p); i++)
		free(p[(i * 3) % NELEM(p)]);
	saw(a, (uintptr_t)sbrk(0));
}

/* A loop: mov ecx, n; xor eax, eax; again: add eax, ecx; dec ecx; jnz again; ret. */
void act_memory_jit(struct actor *a)
{
	unsigned char code[] = {0xb9, 0,    0,	  0,	0,    0x31, 0xc0,
				0x01, 0xc8, 0xff, 0xc9, 0x75, 0xfa, 0xc3};
	const bool written_first = once_in(a, 2);
	int prot = PROT_READ | PROT_WRITE | (written_first ? 0 : PROT_EXEC);
	unsigned char *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t n = 1 + below(a, 200000);

	CHECK(p != MAP_FAILED);
	memcpy(code + 1, &n, 4);
	memcpy(p + 64, code, sizeof(code));
	if (written_first)
		CHECK(!mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	saw(a, ((unsigned int (*)(void))(p + 64))());
	munmap(p, PAGE);
}

__attribute__((noinline)) static uint64_t descend(unsigned int n)
{
	volatile char frame[64];

	frame[n & 63] = (char)n;
	return n ? descend(n - 1) * 3 + (unsigned char)frame[n & 63] : 1;
}

void act_memory_recursion(struct actor *a)
{
	saw(a, descend(below(a, 1500)));
}

/* --- two contexts that take turns --- */

struct turns {
	ucontext_t here, there;
	uint64_t sum;
	unsigned int rounds;
};

static void take_turns(unsigned int low, unsigned int high)
{
	struct turns *t = (struct turns *)(uintptr_t)(low | (uint64_t)high << 32);

	while (t->rounds) {
		t->sum = t->sum * 7 + t->rounds;
		swapcontext(&t->there, &t->here);
	}
}

void act_memory_contexts(struct actor *a)
{
	struct turns *t = malloc(sizeof(*t));
	char *stack = malloc(65536);

	CHECK(t && stack);
	t->sum = 1;
	t->rounds = 1 + below(a, 20);
	CHECK(!getcontext(&t->there));
	t->there.uc_stack.ss_sp = stack;
	t->there.uc_stack.ss_size = 65536;
	t->there.uc_link = &t->here;
	makecontext(&t->there, (void (*)(void))take_turns, 2, (unsigned int)(uintptr_t)t,
		    (unsigned int)((uintptr_t)t >> 32));
	for (; t->rounds; t->rounds--)
		swapcontext(&t->here, &t->there);
	swapcontext(&t->here, &t->there);
	saw(a, t->sum);
	free(stack);
	free(t);
}

__attribute__((noinline)) static void jump_out(jmp_buf to, unsigned int n)
{
	if (n)
		jump_out(to, n - 1);
	if (racy || !n)
		longjmp(to, 5);
}

void act_memory_jumps(struct actor *a)
{
	volatile unsigned int left = 1 + below(a, 8);
	jmp_buf here;
	int got = setjmp(here);

	saw(a, got);
	if (left) {
		left--;
		jump_out(here, below(a, 20));
	}
}

void act_memory_strings(struct actor *a)
{
	static _Thread_local char from[6000], to[6000];
	size_t n = below(a, sizeof(from));
	void *d = to, *s = from;
	size_t left = n;

	memset(from, (int)a->random & 255, n);
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(left) : : "memory");
	saw(a, memcmp(from, to, n));
	saw_bytes(a, to, n < 50 ? n : 50);
}

void act_memory_floats(struct actor *a)
{
	volatile double x = below(a, 1000), sum = 0;

	for (unsigned int i = 1; i < 200; i++)
		sum += x / i - sum * 0.01;
	saw(a, (uint64_t)sum);
}

void act_compute(struct actor *a)
{
	work(a, below(a, 3000));
}
